"""The three lines of the template: a table, the name of the target, the names of the features."""

import os
import re
from collections.abc import Hashable, Iterable
from difflib import get_close_matches

import pandas as pd

from utils.own_table.reading import read, separator_of
from utils.tables import TableError

SHOWN = 12  # names of columns in a sentence


def table_of(table: object) -> pd.DataFrame:
    """The line ``table``: a DataFrame, or the name of a file. Raises TableError if it is neither."""
    if isinstance(table, str | os.PathLike):
        table = read(table)
    if isinstance(table, pd.DataFrame):
        if table.empty:
            raise TableError(f"table has {len(table)} rows and {table.shape[1]} columns; it needs at least 10 rows.")
        return table
    kind = type(table).__name__
    if isinstance(table, dict) and table and all(isinstance(each, pd.DataFrame) for each in table.values()):
        write = f"take one of its sheets, as in table = table[{next(iter(table))!r}]"
    elif isinstance(table, list) and table and isinstance(table[0], pd.DataFrame):
        write = "take one of its tables, as in table = table[0]"
    elif hasattr(table, "to_pandas"):
        write = "write table = table.to_pandas()"
    elif hasattr(table, "to_frame"):
        write = "write table = table.to_frame(), with a second column to guess from"
    elif hasattr(table, "read") or hasattr(table, "get_chunk"):
        write = "write table = pd.read_csv(…) without chunksize and iterator"
    else:
        write = "write table = pd.read_csv(…) with your file, or table = pd.DataFrame(…)"
    raise TableError(f"table is a {kind}, not a DataFrame of pandas; {write}.")


def target_of(target: object, table: pd.DataFrame) -> int:
    """The position of the column that the line ``target`` names. Raises TableError if it names none."""
    names = list(table.columns)
    if isinstance(target, pd.Series):
        write = f"write target = {target.name!r}" if target.name in names else "write the name of a column in quotes"
        raise TableError(f"target is a column itself, and its name is wanted; {write}.")
    if isinstance(target, pd.DataFrame | list | set | pd.Index) or hasattr(target, "dtype") and target.shape:
        inside = [each for each in list(target) if any(_same(name, each) for name in names)]
        write = f"write target = {inside[0]!r}" if len(inside) == 1 else "write the name of one column alone, in quotes"
        raise TableError(f"target is a {type(target).__name__}, and one name is wanted; {write}.")
    return _position("target", target, table)


def features_of(features: object, table: pd.DataFrame, target: int) -> list[int]:
    """The positions of the columns that the line ``features`` names, each once. Raises TableError."""
    names = list(table.columns)
    if isinstance(features, pd.DataFrame):
        raise TableError(f"features is a table itself; write the names of its columns: features = {_few(features)}.")
    if isinstance(features, pd.Series) and features.name in names:
        raise TableError(f"features is a column itself; write its name in a list: features = [{features.name!r}].")
    if isinstance(features, str) or (isinstance(features, Hashable) and features in names):
        parts = [part.strip() for part in str(features).split(",")]
        inside = parts if features not in names and all(part in names for part in parts) else [features]
        raise TableError(f"features is {features!r}, and a list of names is wanted; write features = {inside!r}.")
    if not isinstance(features, Iterable):
        raise TableError(f"features is {features!r}, and a list of names is wanted, such as {_few(table, target)}.")
    asked = list(features)
    if any(isinstance(each, pd.Series | pd.DataFrame) for each in asked):
        raise TableError(f"features is a list of columns, and their names are wanted, such as {_few(table, target)}.")
    if len(asked) == 1 and isinstance(asked[0], list):
        raise TableError(f"features is a list in a list, and a list of names is wanted; write features = {asked[0]!r}.")
    positions = list(dict.fromkeys(_position("features", each, table) for each in asked))
    positions = sorted(positions) if isinstance(features, set | frozenset) else positions
    if target in positions:
        raise TableError(
            f"{names[target]!r} is the target, so it cannot be a feature: the model would only copy it; "
            "take it out of features."
        )
    if not positions:
        raise TableError(
            f"features is empty; write the columns to guess from, such as features = {_few(table, target)}."
        )
    return positions


def texts_of(table: pd.DataFrame, positions: list[int]) -> list[str]:
    """A text for each of these columns' names, which may be numbers or several (with two header rows).

    Raises TableError if two of the texts are equal.
    """
    names = [table.columns[position] for position in positions]
    texts = [" ".join(map(str, name)) if isinstance(name, tuple) else str(name) for name in names]
    for at, text in enumerate(texts):
        if text in texts[:at]:
            raise TableError(f"two columns are named {text!r}; rename one: table.columns = [… a list of names …].")
    return texts


def suggestion(name: object, table: pd.DataFrame) -> str:
    """What to write in place of a name that the table does not have: the nearest one, or how to read the file."""
    names = list(table.columns)
    first = str(names[0])
    fields = {mark: [part.strip(" \"'") for part in first.split(mark)] for mark in (";", "\t", "|", ",", " ")}
    mark = next((mark for mark, parts in fields.items() if str(name) in parts and sum(map(bool, parts)) > 1), None)
    mark = mark or (separator_of(first) if len(names) == 1 else None)
    if mark:
        values = table.reset_index().astype(str).head(100).stack()
        split = not isinstance(table.index, pd.RangeIndex)  # by the decimal commas, into more fields than names
        comma = ', decimal=","' if mark != "," and (split or values.str.contains(r"\d,\d").any()) else ""
        write = r"\s+" if mark == " " else mark
        return f"its columns are separated by {mark!r}; write pd.read_csv(…, sep={write!r}{comma})"
    if "\0" in first:
        return 'its file is in UTF-16; write pd.read_csv(…, encoding="utf-16")'
    if isinstance(name, str) and all(isinstance(each, int) for each in names) and name in list(table.iloc[0]):
        return "its first row holds the names; leave header=None out, or write header=0"
    if name in list(table.index.names) and name is not None:
        return "it is the table's index; write table = table.reset_index()"
    if all(isinstance(each, str) and re.fullmatch(r"\s*[+-]?[\d.]+(e[+-]?\d+)?\s*", each) for each in names):
        last = len(names) - 1
        return (
            f"its names are numbers ({_few(table)}), so the file has no header: write pd.read_csv(…, header=None), "
            f"and then the columns are 0 to {last}, as in target = 0 and features = range(1, {last + 1})"
        )
    plain = {_plain(each): each for each in reversed(names)}
    near = get_close_matches(_plain(name), plain, 1, 0.6)
    if near:
        found = plain[near[0]]
        kind = "" if type(found) is type(name) else f" ({type(found).__name__}, not {type(name).__name__})"
        return f"the nearest is {found!r}{kind}, of {_few(table)}"
    return f"it has {_few(table)}"


def _position(line: str, name: object, table: pd.DataFrame) -> int:
    names = list(table.columns)
    same = [at for at, each in enumerate(names) if _same(each, name)]
    if len(same) == 1:
        return same[0]
    if same:
        raise TableError(
            f"{line}: {len(same)} columns are named {name!r}; give each a name of its own: "
            "table.columns = [… a list of names …]."
        )
    told = f"{line}: the table has no column {name!r}"
    if isinstance(name, list | tuple) and len(name) == 1:
        name = name[0]
    raise TableError(f"{told}; {suggestion(name, table)}.")


def _same(name: object, asked: object) -> bool:
    """Whether both are one name: True and 1 are two, and a name that is missing is one."""
    try:
        return name is asked or (isinstance(name, bool) == isinstance(asked, bool) and bool(name == asked))
    except (TypeError, ValueError):
        return False


def _plain(name: object) -> str:
    text = " ".join(map(str, name)) if isinstance(name, tuple) else str(name)
    return re.sub(r"[\s_.\ufeff-]+", " ", text).strip().casefold()


def _few(table: pd.DataFrame, without: int | None = None) -> str:
    names = [name for at, name in enumerate(table.columns) if at != without]
    return repr(names) if len(names) <= SHOWN else f"{repr(names[:SHOWN])[:-1]}, …]"
