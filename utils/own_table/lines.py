"""The three lines of the template: a table, the name of the target, the names of the features."""

import os
from collections.abc import Hashable, Iterable
from typing import Any

import pandas as pd

from utils.own_table.names import few, suggestion, text_of
from utils.own_table.reading import read
from utils.own_table.sentences import refusal, say


def table_of(table: Any) -> pd.DataFrame:
    """The line ``table``: a DataFrame, or the name of a file. Raises TableError if it is neither."""
    if isinstance(table, str | os.PathLike):
        table = read(table)
    if isinstance(table, pd.DataFrame):
        if table.empty:
            raise refusal("table_is_empty", rows=len(table), columns=table.shape[1])
        own = set(table.index.names) == {None} and not table.index.equals(pd.RangeIndex(len(table)))
        if own and table.iloc[:, -1].isna().all():
            raise refusal("table_is_shifted", first=table.index[0], name=table.columns[-1])
        return table
    if isinstance(table, dict) and table and all(isinstance(each, pd.DataFrame) for each in table.values()):
        write = say("write_sheet", name=next(iter(table)))
    elif isinstance(table, list) and table and isinstance(table[0], pd.DataFrame):
        write = say("write_first_table")
    else:
        methods = {"to_pandas": "to_pandas", "to_frame": "to_frame", "read": "whole_file", "get_chunk": "whole_file"}
        write = say(f"write_{next((how for name, how in methods.items() if hasattr(table, name)), 'table')}")
    raise refusal("table_is_other", kind=type(table).__name__, write=write)


def target_of(target: Any, table: pd.DataFrame) -> int:
    """The position of the column that the line ``target`` names. Raises TableError if it names none."""
    names = list(table.columns)
    if isinstance(target, pd.Series):
        write = say("write_target" if target.name in names else "write_name", name=target.name)
        raise refusal("target_is_column", write=write)
    if isinstance(target, pd.DataFrame | list | set | pd.Index) or (hasattr(target, "dtype") and target.shape):
        inside = [each for each in list(target) if any(_same(name, each) for name in names)]
        write = say("write_target", name=inside[0]) if len(inside) == 1 else say("write_one_name")
        raise refusal("target_is_several", kind=type(target).__name__, write=write)
    return _position("target", target, table)


def features_of(features: object, table: pd.DataFrame, target: int) -> list[int]:
    """The positions of the columns that the line ``features`` names, each once. Raises TableError."""
    names = list(table.columns)
    if isinstance(features, pd.DataFrame):
        raise refusal("features_is_table", few=few(features))
    if isinstance(features, pd.Series) and features.name in names:
        raise refusal("features_is_column", name=features.name)
    if isinstance(features, str) or (isinstance(features, Hashable) and features in names):
        parts = [part.strip() for part in str(features).split(",")]
        inside = parts if features not in names and all(part in names for part in parts) else [features]
        raise refusal("features_is_name", features=features, inside=inside)
    if not isinstance(features, Iterable):
        raise refusal("features_is_other", features=features, few=few(table, target))
    asked = list(features)
    if any(isinstance(each, pd.Series | pd.DataFrame) for each in asked):
        raise refusal("features_is_columns", few=few(table, target))
    if len(asked) == 1 and isinstance(asked[0], list):
        raise refusal("features_is_nested", inside=asked[0])
    positions = list(dict.fromkeys(_position("features", each, table) for each in asked))
    positions = sorted(positions) if isinstance(features, set | frozenset) else positions
    if target in positions:
        raise refusal("features_has_target", name=names[target])
    if not positions:
        raise refusal("features_is_empty", few=few(table, target))
    return positions


def texts_of(table: pd.DataFrame, positions: list[int]) -> list[str]:
    """A text for each of these columns' names, which may be numbers or several (with two header rows).

    Raises TableError if two of the texts are equal.
    """
    texts = [text_of(table.columns[position]) for position in positions]
    if twice := [text for text in texts if texts.count(text) > 1]:
        raise refusal("texts_are_equal", name=twice[0])
    return texts


def _position(line: str, name: Any, table: pd.DataFrame) -> int:
    same = [at for at, each in enumerate(table.columns) if _same(each, name)]
    if len(same) == 1:
        return same[0]
    if same:
        raise refusal("names_are_equal", line=line, count=len(same), name=name)
    meant = name[0] if isinstance(name, list | tuple) and len(name) == 1 else name
    name = name.item() if getattr(name, "ndim", 1) == 0 else name
    raise refusal("no_column", line=line, name=name, suggestion=suggestion(meant, table))


def _same(name: object, asked: object) -> bool:
    """Whether both are one name: True and 1 are two, and a name that is missing is one."""
    try:
        return name is asked or (isinstance(name, bool) == isinstance(asked, bool) and bool(name == asked))
    except (TypeError, ValueError):
        return False
