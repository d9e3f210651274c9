"""The check of a reader's own table: what can be a regression comes out, what cannot is refused in one sentence."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

import utils.own_table.lines as lines
import utils.own_table.numbers as numbers
from utils.tables import TableError

FLOAT32 = float(np.finfo("float32").max)  # training data and predictions are float32
FEWEST_ROWS = 10
SQUARES = 1e18  # what is squared in float32 ends here
MANY = 50  # different words, of which the template tells the 19 most frequent apart


@dataclass(frozen=True)
class Checked:
    """A table that has passed.

    ``rows`` has the features and the target, under names that are texts: numbers as float64 with NaN for a gap, words
    as texts.  ``about`` describes its columns before any row was left out; ``without_target`` rows were, and so were
    the features of ``left_out``.  ``notes`` are sentences to read before going on.
    """

    rows: pd.DataFrame
    target: str
    numbers: list[str]
    words: list[str]
    left_out: list[str]
    without_target: int
    about: pd.DataFrame
    notes: list[str]


def check(table: object, target: object, features: object) -> Checked:
    """The rows that the three lines ask for, ready for the eight steps.

    Raises TableError: which of the lines, what was found, and what to write in its place.
    """
    table = lines.table_of(table)
    wanted = lines.target_of(target, table)
    asked = lines.features_of(features, table, wanted)
    *names, name = lines.texts_of(table, [*asked, wanted])
    answer = _answer(table.columns[wanted], table.iloc[:, wanted])
    columns, notes = {}, []
    if answer.nunique() == 2:
        notes.append(f"{name!r} has two different values: if they stand for yes and no, that is a classification.")
    for text, position in zip(names, asked, strict=True):
        columns[text] = _feature(table.columns[position], table.iloc[:, position], notes)
    rows = pd.DataFrame(columns | {name: answer}).reset_index(drop=True)
    amounts = [text for text in rows if rows[text].dtype == "float64"]
    about = pd.DataFrame(
        {
            "kind": ["number" if text in amounts else "word" for text in rows],
            "missing": rows.isna().sum(),
            "different": rows.nunique(),
            "least": rows[amounts].min().map(_short),
            "median": rows[amounts].median().map(_short),
            "most": rows[amounts].max().map(_short),
        },
        index=list(rows),
    ).fillna("")
    without = int(rows[name].isna().sum())
    rows = rows.dropna(subset=[name]).reset_index(drop=True)
    useless = [text for text in names if rows[text].nunique() < 2]
    used = [text for text in names if text not in useless]
    if not used:
        raise TableError(f"features: none of {names} has two different values, so there is nothing to learn from.")
    words = [text for text in used if text not in amounts]
    rows[words] = rows[words].fillna("missing")
    amounts = [text for text in used if text in amounts]
    return Checked(rows[[*used, name]], name, amounts, words, useless, without, about, notes)


def _short(value: float) -> str:
    """A number to five digits, 60,413 or 0.0012."""
    power = int(np.floor(np.log10(abs(value)))) if value and np.isfinite(value) else 0
    if not -6 < power < 15:
        return f"{value:.4e}"
    text = f"{value:,.{max(0, 4 - power)}f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def _answer(key: object, values: pd.Series) -> pd.Series:
    """The target as float64. Raises TableError if no regression can guess it."""
    line, kind, present = f"target = {key!r}", values.dtype, values.dropna()
    if present.empty:
        raise TableError(f"{line}: all {len(values):,} values are missing; choose another column.")
    example = f"such as {present.iloc[0]!s:.40}"
    if time := _time(values):
        column = _as_time(key, values, time)
        write = {
            "dates": f"make an amount of them, as in table[{key!r}] = ({column} - {column}.min()).dt.days",
            "durations": f"make a number of them, as in table[{key!r}] = {column}.dt.total_seconds()",
        }.get(time, "choose a column of numbers")
        raise TableError(f"{line} holds {time}, {example}, and a regression guesses an amount; {write}.")
    if pd.api.types.is_bool_dtype(kind) or set(map(type, present)) <= {bool, np.bool_}:
        raise TableError(
            f"{line} holds True and False: that is a classification, not an amount; choose another column."
        )
    if pd.api.types.is_complex_dtype(kind):
        raise TableError(
            f"{line} holds complex numbers, {example}; choose one part, as in table[{key!r}].to_numpy().real."
        )
    try:
        answer = numbers.floats(values)
    except (TypeError, ValueError, OverflowError):
        raise TableError(f"{line} holds {kind}, {example}, and no numbers; choose another column.") from None
    if numbers.is_text(values) or isinstance(kind, pd.CategoricalDtype):
        plain, close, count = numbers.seen(values)
        if plain + close == 0:
            raise TableError(
                f"{line} holds words, {example!s}, and none of {count:,} is a number; a regression guesses an amount, "
                "so choose a column of numbers."
            )
        if plain < count:
            raise TableError(numbers.sentence(line, key, values))
    _refuse_what_is_no_amount(line, key, answer)
    return answer


def _refuse_what_is_no_amount(line: str, key: object, answer: pd.Series) -> None:
    infinite = int(np.isinf(answer).sum())
    if infinite:
        write = f"table[{key!r}] = table[{key!r}].replace([float('inf'), -float('inf')], float('nan'))"
        raise TableError(
            f"{line}: {infinite:,} of {len(answer):,} values are infinite; write {write} to leave their rows out."
        )
    present = answer.dropna()
    if len(present) < FEWEST_ROWS:
        raise TableError(f"{line}: {len(present)} rows have a number there; at least {FEWEST_ROWS} are needed.")
    least, most = present.min(), present.max()
    if least == most:
        raise TableError(f"{line}: all {len(present):,} values are {least:,g}, so there is nothing to guess.")
    largest = max(-least, most)
    if largest > SQUARES or present.std() < 1 / SQUARES:
        raise TableError(
            f"{line} goes from {least:.3g} to {most:.3g}, and its squares are beyond SageMaker's numbers "
            f"(float32, 1e-38 to 3.4e38); write table[{key!r}] = table[{key!r}] / 1e{int(np.floor(np.log10(largest)))}."
        )
    small = present.astype("float32")
    if small.nunique() < min(present.nunique(), 1000) / 2:
        raise TableError(
            f"{line} goes from {least:,.17g} to {most:,.17g}, which float32 (7 digits), as SageMaker has "
            f"it, cannot tell apart; write table[{key!r}] = table[{key!r}] - table[{key!r}].mean(), or a larger unit."
        )
    if (np.abs(np.diff(present)) == 1).all() and abs(most - least) == len(present) - 1:
        raise TableError(
            f"{line} counts the rows, from {present.iloc[0]:g} to {present.iloc[-1]:g}: that is no amount to guess."
        )


def _feature(key: object, values: pd.Series, notes: list[str]) -> pd.Series:
    """A feature as float64, or as texts with None for a gap; what the reader should know of it goes to ``notes``."""
    kind = values.dtype
    if pd.api.types.is_complex_dtype(kind):
        write = f"table[{key!r}] = table[{key!r}].to_numpy().real"
        raise TableError(f"features: {key!r} holds complex numbers; choose one part, as in {write}.")
    if time := _time(values):
        if time in ("dates", "durations"):
            part = "dt.month" if time == "dates" else "dt.total_seconds()"
            column = _as_time(key, values, time)
            notes.append(f"{key!r} holds {time}, which are words here; {column}.{part} makes numbers of them.")
        return values.astype(object).where(values.notna(), None).map(str, na_action="ignore")
    if numbers.is_text(values):
        if numbers.is_nearly_numbers(values):
            said = numbers.sentence("features", key, values)
            raise TableError(
                f"{said.rstrip('.')}; table[{key!r}] = table[{key!r}].astype('category') keeps it as words."
            )
        if not numbers.are_numbers(values):
            plain, _, count = numbers.seen(values)
            blank = int(values.notna().sum()) - count
            if plain == count > 0 and blank:
                notes.append(f"{key!r} has {blank:,} texts of spaces alone, which count as missing.")
                return numbers.floats(values)
            if plain == count > 0:
                notes.append(
                    f"{key!r} holds numbers as texts, which are words here; pd.to_numeric makes numbers of them."
                )
            return _words(key, values, notes)
    elif isinstance(kind, pd.CategoricalDtype) or not (
        pd.api.types.is_numeric_dtype(kind) or pd.api.types.is_bool_dtype(kind)
    ):
        return _words(key, values, notes)
    column = numbers.floats(values)
    infinite = np.isinf(column)
    if infinite.any():
        notes.append(f"{key!r} has {infinite.sum():,} infinite values, which count as missing.")
    column = column.mask(infinite)
    if column.abs().max() > FLOAT32:
        raise TableError(
            f"features: {key!r} goes to {column.abs().max():.3g}, and SageMaker's numbers (float32) end at 3.4e38; "
            "divide it, or leave it out."
        )
    steps = column.diff().dropna()
    if len(column) >= FEWEST_ROWS and (steps == 1).all() and len(steps) == len(column) - 1:
        notes.append(
            f"{key!r} counts the rows: leave it out of features, unless the order of the rows means something."
        )
    return column


def _words(key: object, values: pd.Series, notes: list[str]) -> pd.Series:
    words = numbers.texts_in(values)
    different = words.nunique()
    if different > MANY:
        notes.append(
            f"{key!r} has {different:,} different words: the 19 most frequent are told apart, the others are one."
        )
    return words


def _as_time(key: object, values: pd.Series, time: str) -> str:
    """An expression for the column as pandas' own dates or durations."""
    if numbers.is_text(values):
        return f"pd.to_{'datetime' if time == 'dates' else 'timedelta'}(table[{key!r}])"
    return f"table[{key!r}].dt.to_timestamp()" if isinstance(values.dtype, pd.PeriodDtype) else f"table[{key!r}]"


def _time(values: pd.Series) -> str | None:
    """``dates``, ``durations`` or ``intervals``, if a column holds them; dates also as texts, 2026-11-30."""
    kind = values.dtype
    if isinstance(kind, pd.PeriodDtype) or pd.api.types.is_datetime64_any_dtype(kind):
        return "dates"
    if getattr(kind, "kind", None) == "m":
        return "durations"
    if isinstance(kind, pd.IntervalDtype):
        return "intervals"
    first = values.dropna().head(100)
    if not numbers.is_text(values) or first.empty:
        return None
    texts = numbers.texts_in(first).dropna()
    if (
        len(texts)
        and texts.str.fullmatch(r"\d{4}[-/.]\d{1,2}[-/.]\d{1,2}([T ].*)?|\d{1,2}[-/.]\d{1,2}[-/.]\d{2,4}").all()
    ):
        return "dates"
    if len(texts) and texts.str.fullmatch(r"\d+ days?.*|-?\d{1,3}:\d{2}:\d{2}(\.\d+)?").all():
        return "durations"
    return None
