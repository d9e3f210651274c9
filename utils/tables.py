"""The course's tables: read, checked, and split the same way in every lesson."""

import csv
import os
import re
import tomllib
from collections import Counter
from datetime import date
from itertools import product
from pathlib import Path
from textwrap import shorten
from typing import NamedTuple

import pandas as pd

from utils.preflight import CourseError

ROOT = Path(__file__).resolve().parents[1]
FEWEST_OF_A_WORD, FEWEST_OF_A_PAIR = 30, 10  # with fewer a split may leave none to train or to score


class Column(NamedTuple):
    """What a column may hold: words; days; or numbers of a unit, the range that is believed, whole ones or not."""

    unit: str = ""
    low: float = 0
    high: float = 0
    whole: bool = False
    words: tuple[str, ...] = ()
    date: bool = False  # a day, such as 2025-12-31


RULES = tomllib.loads(Path(__file__).with_suffix(".toml").read_text("utf-8"))
TABLES: dict[str, dict[str, Column]] = {
    name: {column: Column(**rule) for column, rule in rules["columns"].items()} for name, rules in RULES.items()
}


class TableError(CourseError):
    """A table the course cannot use. Its message is one sentence: where, what is there, what was expected."""


def load(name: str) -> pd.DataFrame:
    """Read the table `name` ("salary", "insurance" or "claims"), check every value, return its columns in fixed order.

    The file is `name`.csv in the folder COURSE_DATA, or, if that is not set, in the course's own data/.
    Numbers come as float64 (whole ones as int64), words and days as strings; other columns are left out.
    Raises TableError for a file, column or value that does not fit.
    """
    if name not in TABLES:
        raise TableError(f"There is no table {name!r} in this course; there are {', '.join(TABLES)}.")
    path, fewest = _folder() / f"{name}.csv", RULES[name]["fewest_rows"]
    header, rows = _read(path)
    table: dict[str, list] = {}
    for column, rule in TABLES[name].items():
        if header.count(column) != 1:
            found = "is missing" if column not in header else "appears more than once"
            raise TableError(f"{path}: the column {column} {found}; the first line has {', '.join(header)}.")
        at, where = header.index(column), f"{path}, column {column}"
        table[column] = [_value(row[at].strip(), rule, f"{where}, line {line}") for line, row in rows]
    if len(rows) < fewest:
        raise TableError(f"{path} has {len(rows)} rows under its first line; {fewest} are needed.")
    for column, rule in TABLES[name].items():
        counts, where = Counter(table[column]), f"{path}, column {column}"
        if len(counts) == 1 and not rule.words:
            raise TableError(f"{where}: every row has {table[column][0]}, and the lessons compare different ones.")
        for word in rule.words:
            if counts[word] < FEWEST_OF_A_WORD:
                needed = f"{FEWEST_OF_A_WORD} are needed of each of {', '.join(rule.words)}"
                raise TableError(f"{where}: {counts[word]} rows have {word!r}; {needed}.")
    if name == "insurance":  # its lessons are about this pair
        pairs = Counter(zip(table["smoker"], (bmi >= 30 for bmi in table["bmi"]), strict=True))
        for smoker, heavy in product(("no", "yes"), (False, True)):
            if pairs[smoker, heavy] < FEWEST_OF_A_PAIR:
                pair = f"smoker {smoker!r} and a bmi {'of 30 or more' if heavy else 'below 30'}"
                raise TableError(f"{path}: {pairs[smoker, heavy]} rows have {pair}; {FEWEST_OF_A_PAIR} are needed.")
    loaded = pd.DataFrame(table)
    loaded.attrs["units"] = {column: rule.unit for column, rule in TABLES[name].items() if rule.unit}
    return loaded


def split(table: pd.DataFrame, target: str) -> tuple[pd.DataFrame, pd.DataFrame, pd.Series, pd.Series]:
    """Return X_train, X_test, y_train, y_test: the split that lesson 02 makes by hand.

    A fifth of the rows, rounded up, is the test set; the seed 42 makes it the same fifth each time.
    """
    from sklearn.model_selection import train_test_split

    features, wanted = table.drop(columns=target), table[target]
    return tuple(train_test_split(features, wanted, test_size=0.2, random_state=42))


def label(values: pd.Series) -> str:
    """Return a column's name for an axis, with the unit that `load` gave it: "Salary (dollars a year)"."""
    name = shorten(str(values.name), 40, placeholder=" …")
    unit = values.attrs.get("units", {}).get(values.name)
    return f"{name} ({unit})" if unit else name


def _folder() -> Path:
    """Where the tables are. A relative COURSE_DATA counts from the current folder, else from the checkout."""
    asked = os.environ.get("COURSE_DATA", "")
    if not asked:
        return ROOT / "data"
    named = Path(asked).expanduser()
    for folder in (named, ROOT / named):
        if folder.is_dir():
            return folder.absolute()
    raise TableError(f"COURSE_DATA is {asked}, and {named.absolute()} is not a folder.")


def _read(path: Path) -> tuple[list[str], list[tuple[int, list[str]]]]:
    """Return the header and the rows that are not blank, each with its line number in the file."""
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            reader = csv.reader(file)
            rows = [(reader.line_num, row) for row in reader if any(field.strip() for field in row)]
    except FileNotFoundError:
        raise TableError(f"{path} does not exist; put the table there, or set COURSE_DATA.") from None
    except UnicodeDecodeError:
        raise TableError(f"{path} is not a CSV file in UTF-8.") from None
    except (OSError, csv.Error) as error:
        raise TableError(f"{path} cannot be read: {getattr(error, 'strerror', None) or error}.") from None
    if not rows:
        raise TableError(f"{path} is empty; its first line must name the columns.")
    header = [field.strip() for field in rows[0][1]]
    if len(header) == 1 and (mark := re.search("[;\t|]", header[0])):
        raise TableError(f"{path} separates its columns by {mark[0]!r}; save it with commas, and dots in its decimals.")
    for line, row in rows[1:]:
        if len(row) != len(header):
            count = f"{len(row)} values where the first line names {len(header)} columns"
            raise TableError(f"{path}, line {line}: {count}.")
    return header, rows[1:]


def _value(text: str, rule: Column, where: str) -> float | int | str:
    """The checked value of one field."""
    found = repr(text) if text else "nothing"
    if rule.words:
        if text not in rule.words:
            raise TableError(f"{where}: {found} where one of {', '.join(rule.words)} was expected.")
        return text
    if rule.date:
        try:
            return date.fromisoformat(text).isoformat()
        except ValueError:
            raise TableError(f"{where}: {found} where a day such as 2025-12-31 was expected.") from None
    kind = "a whole number" if rule.whole else "a number"
    try:
        value = float(text)
    except ValueError:
        raise TableError(f"{where}: {found} where {kind} ({rule.unit}) was expected.") from None
    if not rule.low <= value <= rule.high or (rule.whole and value != int(value)):
        believed = f"from {rule.low:,} to {rule.high:,} ({rule.unit})"
        raise TableError(f"{where}: {found} where {kind} {believed} was expected.")
    return int(value) if rule.whole else value
