"""The names of a table's columns: which is meant by one that the table does not have."""

import re
from difflib import get_close_matches

import pandas as pd

from utils.own_table.sentences import say

SHOWN = 12  # names of columns in a sentence


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
        return say("read_separated", mark=mark, write=r"\s+" if mark == " " else mark, comma=comma)
    if "\0" in first:
        return say("read_utf16")
    if isinstance(name, str) and all(isinstance(each, int) for each in names) and name in list(table.iloc[0]):
        return say("read_header")
    if name in list(table.index.names) and name is not None:
        return say("read_index")
    if all(isinstance(each, str) and re.fullmatch(r"\s*[+-]?[\d.]+(e[+-]?\d+)?\s*", each) for each in names):
        return say("read_no_header", few=few(table), last=len(names) - 1, columns=len(names))
    plain = {_plain(each): each for each in reversed(names)}
    if near := get_close_matches(_plain(name), plain, 1, 0.6):
        found = plain[near[0]]
        kind = "" if type(found) is type(name) else f" ({type(found).__name__}, not {type(name).__name__})"
        return say("nearest", found=found, kind=kind, few=few(table))
    return say("names", few=few(table))


def separator_of(line: str) -> str | None:
    """What stands most often between the fields of a line, if it is not the comma that pandas expects."""
    best = max((";", "\t", "|"), key=line.count)
    return best if best in line else None


def few(table: pd.DataFrame, without: int | None = None) -> str:
    """The first names of a table, as a list to write; not that of the column at ``without``."""
    names = [name for at, name in enumerate(table.columns) if at != without]
    return repr(names) if len(names) <= SHOWN else f"{repr(names[:SHOWN])[:-1]}, …]"


def text_of(name: object) -> str:
    """A column's name, or its several names with two header rows, as one text."""
    return " ".join(map(str, name)) if isinstance(name, tuple) else str(name)


def _plain(name: object) -> str:
    return re.sub(r"[\s_.\ufeff-]+", " ", text_of(name)).strip().casefold()
