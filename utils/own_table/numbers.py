"""Columns of numbers, and columns that are nearly that: what stands in the way, and what to write."""

import re
from ast import literal_eval
from collections import Counter
from decimal import Decimal
from numbers import Number

import numpy as np
import pandas as pd

SPACES = " \u00a0\u2009\u202f'’"
CURRENCY = r"(?:US\$|R\$|[$€£¥₩₹₽₺₫฿₪₴]|\b(?:USD|EUR|GBP|KRW|JPY|CNY|CHF|INR|BRL|SEK|PLN)\b|\bRs\.?|\bkr\b|zł|원|円|元)"
# The ways to write a number that float() does not know, and the arguments of read_csv that do.
WRITTEN = {
    "thousands=','": r"[1-9]\d{0,2}(?:,\d{2,3})*,\d{3}(?:\.\d+)?",
    "thousands='.', decimal=','": r"[1-9]\d{0,2}(?:\.\d{3})+,\d+|[1-9]\d{0,2}(?:\.\d{3}){2,}",
    "decimal=','": r"\d*,\d+",
    **{f"thousands={mark!r}": rf"[1-9]\d{{0,2}}(?:{mark}\d{{3}})+(?:\.\d+)?" for mark in SPACES},
}
PLAIN = r"\d+\.?\d*(?:[eE][+-]?\d+)?|\.\d+"
BODY = "|".join([PLAIN, *WRITTEN.values()])
DECORATED = re.compile(
    rf"(?P<open>\()?\s*(?P<minus>[+−–-])?\s*(?P<before>{CURRENCY})?\s*(?P<sign>[+−–-])?"
    rf"(?P<number>{BODY})\s*(?P<after>%|{CURRENCY}|[^\W\d_][^\d\s]*(?:\s[^\W\d_]+)?)?\s*\)?"
)
MULTIPLES = {
    "k": "e3",
    "K": "e3",
    "m": "e6",
    "M": "e6",
    "mn": "e6",
    "bn": "e9",
    "B": "e9",
    "b": "e9",
    "만": "e4",
    "억": "e8",
}
PLACEHOLDERS = 5  # different texts at most that na_values is offered for


def is_text(values: pd.Series) -> bool:
    """Whether a column holds texts, or objects of several kinds, and has not been declared a category."""
    kind = values.dtype
    return not isinstance(kind, pd.CategoricalDtype) and (
        pd.api.types.is_object_dtype(kind) or pd.api.types.is_string_dtype(kind)
    )


def texts_in(values: pd.Series) -> pd.Series:
    """The texts of a column without spaces around them; a gap and an empty text are missing."""
    texts = values.astype(object).where(values.notna(), None).map(str, na_action="ignore").str.strip()
    return texts.where(texts != "", None)


def floats(values: pd.Series) -> pd.Series:
    """The column as float64, NaN where there is no number."""
    kind = values.dtype
    if isinstance(kind, pd.CategoricalDtype) or is_text(values):
        return pd.to_numeric(texts_in(values), errors="coerce").astype("float64")
    return pd.Series(values.to_numpy(dtype="float64", na_value=np.nan), index=values.index, name=values.name)


def are_numbers(values: pd.Series) -> bool:
    """Whether a column of objects holds Python's numbers, such as ``Decimal``, and gaps."""
    present = values.dropna()
    return (
        values.dtype == object
        and len(present) > 0
        and all(
            isinstance(each, Number | Decimal) and not isinstance(each, bool | np.bool_ | complex) for each in present
        )
    )


def seen(values: pd.Series) -> tuple[int, int, int]:
    """Of a column of texts: how many values are numbers, how many more are nearly, how many there are."""
    texts = texts_in(values).dropna()
    plain = pd.to_numeric(texts, errors="coerce").notna()
    counts = texts[~plain].value_counts()
    nearly = {text: match for text in counts.index if (match := DECORATED.fullmatch(text))}
    units = Counter({match["after"]: 0 for match in nearly.values()})
    for text, match in nearly.items():
        units[match["after"]] += int(counts[text])
    few_units = len([unit for unit in units if unit and unit not in MULTIPLES]) <= 3
    close = sum(units.values()) if few_units else units[None]
    return int(plain.sum()), int(close), len(texts)


def is_nearly_numbers(values: pd.Series) -> bool:
    """Whether most texts of a column are numbers or nearly that, but not all are numbers.

    Few different texts with a unit, such as 36 months and 60 months, are left to be words.
    """
    plain, close, count = seen(values)
    if count == 0 or plain == count or plain + close <= count / 2:
        return False
    texts = texts_in(values).dropna()
    units = texts.map(lambda text: bool((match := DECORATED.fullmatch(text)) and match["after"]))
    return not (units.mean() > 0.5 and texts.nunique() <= min(20, len(texts) // 2))


def sentence(line: str, key: object, values: pd.Series) -> str:
    """What is said of a column that is nearly numbers: how many are, a value that is none, and what to write."""
    texts = texts_in(values).dropna()
    plain = pd.to_numeric(texts, errors="coerce").notna()
    strays = texts[~plain]
    stray = f"{strays.iloc[0]!r} (in {values.index.name or 'row'} {strays.index[0]})"
    told = f"{line}: {plain.sum():,} of {len(texts):,} values of {key!r} are numbers, and {stray} is none"
    if len(strays) == 1 and len(texts) > 2 and texts.index[0] == strays.index[0] and strays.index[0] == 0:
        return f"{told}; if that is the column's name, write header=0 in pd.read_csv, or leave header=None out."
    column = f"table[{key!r}]"
    coerce = f"{column} = pd.to_numeric({column}, errors='coerce') counts as missing whatever is no number"
    missing = [coerce] if plain.any() else []
    nearly = [match for text in strays.unique() if (match := DECORATED.fullmatch(text))]
    placeholders = [text for text in strays.unique() if not DECORATED.fullmatch(text)]
    if not nearly:
        few = len(placeholders) <= PLACEHOLDERS
        write = [f"write na_values={placeholders!r} in pd.read_csv to count it as missing"] if few else []
        return f"{'; '.join([told, *write, coerce])}."
    written = _written([match["number"] for match in nearly])
    # read_csv takes no mark beyond ASCII for its thousands
    if not (written or "").encode().decode("unicode_escape").isascii() or any(
        match["before"] or match["after"] or match["open"] or "−" in match[0] or "–" in match[0] for match in nearly
    ):
        steps = _steps(nearly, written)
        cleaned = f"{column}.astype(str).replace({steps!r}, regex=True)"
        return f"{told}; write {column} = pd.to_numeric({cleaned}, errors='coerce')."
    options = [written] if written else []
    if placeholders and len(placeholders) <= PLACEHOLDERS:
        options.append(f"na_values={placeholders!r}")
    return "; ".join([told, f"write {', '.join(options)} in pd.read_csv", *missing]) + "."


def _written(bodies: list[str]) -> str | None:
    """The arguments of read_csv that read these numbers, of which some may be plain."""
    odd = [body for body in bodies if not re.fullmatch(PLAIN, body)]
    fits = [how for how, pattern in WRITTEN.items() if all(re.fullmatch(pattern, body) for body in odd)]
    if not odd:  # with a sign or a unit; three digits after each dot are thousands, as in 39.343 €
        dotted = [body for body in bodies if "." in body]
        thousands = dotted and all(re.fullmatch(r"[1-9]\d{0,2}\.\d{3}", body) for body in dotted)
        return "thousands='.'" if thousands and len(set(dotted)) > 1 else None
    if fits:
        return fits[0]
    # Of several forms: a decimal comma beside "39,343" is one throughout.
    return (
        "thousands='.', decimal=','"
        if any("." in body and "," in body[body.index(".") :] for body in odd)
        else "decimal=','"
    )


def _steps(matches: list[re.Match], written: str | None) -> dict[str, str]:
    """What to replace in the texts, by regular expression, before they are numbers."""
    steps = {}
    if any(match["open"] for match in matches):
        steps[r"^\((.*)\)$"] = r"-\1"
    if any(mark in match[0] for match in matches for mark in "−–"):
        steps["[−–]"] = "-"
    if written:
        if thousands := re.search(r"thousands=(.+?)(?:, |$)", written):
            steps[re.escape(literal_eval(thousands[1]))] = ""
        if "decimal" in written:
            steps[","] = "."
    for sign in dict.fromkeys(match["before"] for match in matches if match["before"]):
        steps[re.escape(sign)] = ""
    for unit in dict.fromkeys(match["after"] for match in matches if match["after"]):
        steps[rf"\s*{re.escape(unit)}$"] = MULTIPLES.get(unit, "")
    return steps | ({r"\s": ""} if any(" " in match[0] for match in matches) else {})
