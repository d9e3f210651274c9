"""The names of a table's columns: which is meant by one that the table does not have."""

import re
from difflib import get_close_matches

import pandas as pd

SHOWN = 12  # names of columns in a sentence


def suggestion(name: object, table: pd.DataFrame) -> str:
    """What to write in place of a name that the table does not have: the nearest one, or how to read the file."""
    names = list(table.columns)
    first = str(names[0])
    fields = {mark: [part.strip(" \"'") for part in first.split(mark)] for mark in (";", "\t", "|", ",", " ")}
    mark = next((mark for mark, parts in fields.items() if len(parts) > 1 and str(name) in parts), None)
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
            f"its names are numbers ({few(table)}), so the file has no header: write pd.read_csv(…, header=None), "
            f"and then the columns are 0 to {last}, as in target = 0 and features = range(1, {last + 1})"
        )
    plain = {_plain(each): each for each in reversed(names)}
    near = get_close_matches(_plain(name), plain, 1, 0.6)
    if near:
        found = plain[near[0]]
        kind = "" if type(found) is type(name) else f" ({type(found).__name__}, not {type(name).__name__})"
        return f"the nearest is {found!r}{kind}, of {few(table)}"
    return f"it has {few(table)}"


def separator_of(line: str) -> str | None:
    """What stands most often between the fields of a line, if it is not the comma that pandas expects."""
    counts = {mark: line.count(mark) for mark in (";", "\t", "|")}
    best = max(counts, key=counts.get)
    return best if counts[best] else None


def _plain(name: object) -> str:
    text = " ".join(map(str, name)) if isinstance(name, tuple) else str(name)
    return re.sub(r"[\s_.\ufeff-]+", " ", text).strip().casefold()


def few(table: pd.DataFrame, without: int | None = None) -> str:
    """The first names of a table, as a list to write; not that of the column at ``without``."""
    names = [name for at, name in enumerate(table.columns) if at != without]
    return repr(names) if len(names) <= SHOWN else f"{repr(names[:SHOWN])[:-1]}, …]"
