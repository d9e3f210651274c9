"""Columns of numbers, and columns that are nearly that: what stands in the way, and what to write."""

import re
from ast import literal_eval
from collections import Counter
from decimal import Decimal
from numbers import Number

import numpy as np
import pandas as pd

from utils.own_table.sentences import FORMATS, say

PLAIN, CURRENCY, MULTIPLES = FORMATS["plain"], FORMATS["currency"], FORMATS["multiples"]
WRITTEN: dict[str, str] = FORMATS["written"] | {
    f"thousands={mark!r}": rf"[1-9]\d{{0,2}}(?:{mark}\d{{3}})+(?:\.\d+)?" for mark in FORMATS["spaces"]
}
BODY = "|".join([PLAIN, *WRITTEN.values()])
DECORATED = re.compile(
    rf"(?P<open>\()?\s*(?P<minus>[+−–-])?\s*(?P<before>{CURRENCY})?\s*(?P<sign>[+−–-])?"
    rf"(?P<number>{BODY})\s*(?P<after>%|{CURRENCY}|[^\W\d_][^\d\s]*(?:\s[^\W\d_]+)?)?\s*\)?"
)
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
    kinds = set(map(type, values.dropna())) if values.dtype == object else set()
    allowed = [issubclass(each, Number | Decimal) and not issubclass(each, bool | np.bool_ | complex) for each in kinds]
    return bool(kinds) and all(allowed)


def seen(values: pd.Series) -> tuple[int, int, int]:
    """Of a column of texts: how many values are numbers, how many more are nearly, how many there are."""
    texts, strays = _texts_and_strays(values)
    counts = strays.value_counts()
    units: Counter[str | None] = Counter()
    for text, match in _nearly(counts.index).items():
        units[match["after"]] += int(counts[text])
    few_units = len([unit for unit in units if unit and unit not in MULTIPLES]) <= 3
    return len(texts) - len(strays), units.total() if few_units else units[None], len(texts)


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
    texts, strays = _texts_and_strays(values)
    plain, stray, row = len(texts) - len(strays), strays.iloc[0], strays.index[0]
    told = say("nearly", line=line, plain=plain, count=len(texts), key=key, stray=stray, row=row,
               index=values.index.name or "row")  # fmt: skip
    if len(strays) == 1 and len(texts) > 2 and texts.index[0] == row == 0:
        return f"{told}; {say('nearly_header')}"
    column = f"table[{key!r}]"
    coerce = say("nearly_coerce", column=column)
    found = _nearly(strays.unique())
    nearly, placeholders = list(found.values()), [text for text in strays.unique() if text not in found]
    few = len(placeholders) <= PLACEHOLDERS
    if not nearly:
        return "; ".join([told, *([say("nearly_na_values", placeholders=placeholders)] if few else []), coerce])
    written = _written([match["number"] for match in nearly])
    # read_csv takes no mark beyond ASCII for its thousands
    if not (written or "").encode().decode("unicode_escape").isascii() or any(
        match["before"] or match["after"] or match["open"] or "−" in match[0] or "–" in match[0] for match in nearly
    ):
        return f"{told}; {say('nearly_replace', column=column, steps=_steps(nearly, written))}"
    options = [written] if written else []
    if placeholders and few:
        options.append(f"na_values={placeholders!r}")
    return "; ".join([told, say("nearly_read", options=", ".join(options)), *([coerce] if plain else [])])


def _texts_and_strays(values: pd.Series) -> tuple[pd.Series, pd.Series]:
    """The texts of a column, and those of them that float() does not know."""
    texts = texts_in(values).dropna()
    return texts, texts[pd.to_numeric(texts, errors="coerce").isna()]


def _nearly(texts: pd.Series) -> dict[str, re.Match]:
    """Those of these texts that are nearly numbers, with their parts."""
    return {text: match for text in texts if (match := DECORATED.fullmatch(text))}


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
    both = any("." in body and "," in body[body.index(".") :] for body in odd)
    return "thousands='.', decimal=','" if both else "decimal=','"


def _steps(matches: list[re.Match], written: str | None) -> dict[str, str]:
    """What to replace in the texts, by regular expression, before they are numbers."""
    steps = {}
    if any(match["open"] for match in matches):
        steps[r"^\((.*)\)$"] = r"-\1"
    if any(mark in match[0] for match in matches for mark in "−–"):
        steps["[−–]"] = "-"
    if thousands := re.search(r"thousands=(.+?)(?:, |$)", written or ""):
        steps[re.escape(literal_eval(thousands[1]))] = ""
    if "decimal" in (written or ""):
        steps[","] = "."
    steps |= {re.escape(match["before"]): "" for match in matches if match["before"]}
    steps |= {rf"\s*{re.escape(unit)}$": MULTIPLES.get(unit, "") for match in matches if (unit := match["after"])}
    return steps | ({r"\s": ""} if any(" " in match[0] for match in matches) else {})
