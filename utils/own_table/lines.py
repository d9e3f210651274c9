"""The three lines of the template: a table, the name of the target, the names of the features."""

import os
from collections.abc import Hashable, Iterable

import pandas as pd

from utils.own_table.names import few, suggestion
from utils.own_table.reading import read
from utils.tables import TableError


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
        raise TableError(f"features is a table itself; write the names of its columns: features = {few(features)}.")
    if isinstance(features, pd.Series) and features.name in names:
        raise TableError(f"features is a column itself; write its name in a list: features = [{features.name!r}].")
    if isinstance(features, str) or (isinstance(features, Hashable) and features in names):
        parts = [part.strip() for part in str(features).split(",")]
        inside = parts if features not in names and all(part in names for part in parts) else [features]
        raise TableError(f"features is {features!r}, and a list of names is wanted; write features = {inside!r}.")
    if not isinstance(features, Iterable):
        raise TableError(f"features is {features!r}, and a list of names is wanted, such as {few(table, target)}.")
    asked = list(features)
    if any(isinstance(each, pd.Series | pd.DataFrame) for each in asked):
        raise TableError(f"features is a list of columns, and their names are wanted, such as {few(table, target)}.")
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
            f"features is empty; write the columns to guess from, such as features = {few(table, target)}."
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
