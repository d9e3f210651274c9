"""The check of a reader's own table: what can be a regression comes out, what cannot is refused in one sentence."""

import re
from dataclasses import dataclass
from functools import partial

import numpy as np
import pandas as pd

import utils.own_table.numbers as numbers
from utils.own_table.lines import features_of, table_of, target_of, texts_of
from utils.own_table.sentences import FORMATS, refusal, say

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
    given = table_of(table)
    wanted = target_of(target, given)
    asked = features_of(features, given, wanted)
    *names, name = texts_of(given, [*asked, wanted])
    keys = list(given.columns)  # Python's own numbers where they are numbers
    answer = _answer(keys[wanted], given.iloc[:, wanted])
    notes = [say("note_two_values", key=name)] if answer.nunique() == 2 else []
    columns = {text: _feature(keys[at], given.iloc[:, at], notes) for text, at in zip(names, asked, strict=True)}
    rows = pd.DataFrame(columns | {name: answer}).reset_index(drop=True)
    amounts = [text for text in rows if rows[text].dtype == "float64"]
    notes += [say("note_dotted", key=text, example=seen) for text in amounts if (seen := numbers.dotted(rows[text]))]
    about = _about(rows, amounts)
    without = int(rows[name].isna().sum())
    rows = rows.dropna(subset=[name]).reset_index(drop=True)
    useless = [text for text in names if rows[text].nunique() < 2]
    used = [text for text in names if text not in useless]
    if not used:
        raise refusal("features_are_constant", names=names)
    words = [text for text in used if text not in amounts]
    rows[words] = rows[words].fillna("missing")
    amounts = [text for text in used if text in amounts]
    return Checked(rows[[*used, name]], name, amounts, words, useless, without, about, notes)


def _about(rows: pd.DataFrame, amounts: list[str]) -> pd.DataFrame:
    """What each column holds; ``amounts`` are those of numbers."""
    kinds = ["number" if text in amounts else "word" for text in rows]
    about = pd.DataFrame({"kind": kinds, "missing": rows.isna().sum(), "different": rows.nunique()}, index=list(rows))
    figures = rows[amounts].agg(["min", "median", "max"]).T.map(_short).set_axis(["least", "median", "most"], axis=1)
    return about.join(figures).fillna("")


def _short(value: float) -> str:
    """A number to five digits, 60,413 or 0.0012."""
    if value and not 1e-5 <= abs(value) < 1e15:
        return f"{value:.4e}"
    text = f"{value:,.{max(0, 4 - int(np.floor(np.log10(abs(value or 1)))))}f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def _answer(key: object, values: pd.Series) -> pd.Series:
    """The target as float64. Raises TableError if no regression can guess it."""
    present = values.dropna()
    refuse = partial(refusal, line=f"target = {key!r}", key=key)
    if present.empty:
        raise refuse("target_missing", count=len(values))
    example = f"such as {present.iloc[0]!s:.40}"
    if kind := _kind(values):
        raise refuse(f"target_{kind}", example=example, column=_as_time(key, values, kind))
    if pd.api.types.infer_dtype(present.astype(object)) == "boolean":
        raise refuse("target_flags")
    try:
        answer = numbers.floats(values)
    except (TypeError, ValueError, OverflowError):
        raise refuse("target_other", kind=values.dtype, example=example) from None
    if numbers.is_text(values) or isinstance(values.dtype, pd.CategoricalDtype):
        plain, close, count = numbers.seen(values)
        if plain + close == 0:
            raise refuse("target_words", example=example, count=count)
        if plain < count:
            raise refusal("nearly_numbers", said=numbers.sentence(f"target = {key!r}", key, values))
    _refuse_what_is_no_amount(refuse, answer)
    return answer


def _refuse_what_is_no_amount(refuse: partial, answer: pd.Series) -> None:
    if infinite := int(np.isinf(answer).sum()):
        raise refuse("target_infinite", infinite=infinite, count=len(answer))
    present = answer.dropna()
    if len(present) < FEWEST_ROWS:
        raise refuse("target_few", count=len(present), needed=FEWEST_ROWS)
    least, most = present.min(), present.max()
    if least == most:
        raise refuse("target_constant", count=len(present), least=least)
    largest = max(-least, most)
    if how := numbers.stamps(present):
        raise refuse("target_stamps", how=how, example=present.iloc[0], power=int(np.log10(largest)))
    if largest > SQUARES or present.std() < 1 / SQUARES:
        raise refuse("target_beyond", least=least, most=most, power=int(np.floor(np.log10(largest))))
    if present.astype("float32").nunique() < min(present.nunique(), 1000) / 2:
        raise refuse("target_close", least=least, most=most)
    if (np.abs(np.diff(present)) == 1).all() and abs(most - least) == len(present) - 1:
        raise refuse("target_counts", first=present.iloc[0], last=present.iloc[-1])


def _feature(key: object, values: pd.Series, notes: list[str]) -> pd.Series:
    """A feature as float64, or as texts with None for a gap; what the reader should know of it goes to ``notes``."""
    kind = _kind(values)
    if kind == "complex":
        raise refusal("feature_complex", key=key)
    if kind in ("dates", "durations"):
        notes.append(say(f"note_{kind}", key=key, column=_as_time(key, values, kind)))
    if kind:
        return numbers.texts_in(values)
    if numbers.is_text(values):
        if numbers.is_nearly_numbers(values):
            raise refusal("feature_nearly", said=numbers.sentence("features", key, values), key=key)
        if not numbers.are_numbers(values):
            plain, _, count = numbers.seen(values)
            blank = int(values.notna().sum()) - count
            if plain == count > 0 and blank:
                notes.append(say("note_blank", key=key, count=blank))
                return numbers.floats(values)
            if plain == count > 0:
                notes.append(say("note_texts", key=key))
            elif (texts := numbers.texts_in(values).dropna()).str.match(r"[^\w\s]*\d").sum() > len(texts) / 2:
                notes.append(say("note_digits", key=key, example=texts.iloc[0]))
            return _words(key, values, notes)
    elif not (pd.api.types.is_numeric_dtype(values.dtype) or values.dtype.kind == "b"):  # True and False, pyarrow's too
        return _words(key, values, notes)
    column = numbers.floats(values)
    if (infinite := np.isinf(column)).any():
        notes.append(say("note_infinite", key=key, count=infinite.sum()))
    column = column.mask(infinite)
    if column.abs().max() > FLOAT32:
        raise refusal("feature_beyond", key=key, most=column.abs().max())
    if how := numbers.stamps(column):
        notes.append(say("note_stamps", key=key, how=how))
    steps = column.diff().dropna()
    if len(column) >= FEWEST_ROWS and (steps == 1).all() and len(steps) == len(column) - 1:
        notes.append(say("note_counts", key=key))
    return column


def _words(key: object, values: pd.Series, notes: list[str]) -> pd.Series:
    words = numbers.texts_in(values)
    if (different := words.nunique()) > MANY:
        notes.append(say("note_many", key=key, count=different))
    return words


def _as_time(key: object, values: pd.Series, kind: str) -> str:
    """An expression for the column as pandas' own dates or durations."""
    if numbers.is_text(values):
        mixed = ", format='mixed'" * bool(re.search("[A-Za-z]{3}", str(values.dropna().iloc[0])))
        return f"pd.to_datetime(table[{key!r}]{mixed})" if kind == "dates" else f"pd.to_timedelta(table[{key!r}])"
    return f"table[{key!r}].dt.to_timestamp()" if isinstance(values.dtype, pd.PeriodDtype) else f"table[{key!r}]"


def _kind(values: pd.Series) -> str | None:
    """``dates``, ``durations``, ``intervals`` or ``complex``, if that is what a column holds; dates also as texts."""
    if kind := FORMATS["kinds"].get(pd.api.types.infer_dtype(values)):
        return kind
    if not numbers.is_text(values) or (texts := numbers.texts_in(values.dropna().head(100)).dropna()).empty:
        return None
    return next((kind for kind, how in FORMATS["times"].items() if texts.str.fullmatch(how).all()), None)
