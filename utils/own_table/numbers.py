"""Columns of numbers, and columns that are nearly that: what stands in the way, and what to write."""

import re
from collections import Counter
from decimal import Decimal
from numbers import Number

import numpy as np
import pandas as pd

from utils.own_table.sentences import FORMATS, say

PLAIN, THOUSANDS, CURRENCY, MULTIPLES = (FORMATS[each] for each in ("plain", "thousands", "currency", "multiples"))
BODY = f"{PLAIN}|{THOUSANDS}|{FORMATS['marked']}"
DECORATED = re.compile(
    rf"(?P<open>\()?\s*(?P<minus>[+−–-])?\s*(?P<before>{CURRENCY})?\s*(?P<sign>[+−–-])?(?P<number>{BODY})\s*(?P<tail>"
    rf"(?P<multiple>{'|'.join(MULTIPLES)})\.?\s*(?P<coin>{CURRENCY})?|{CURRENCY}|{FORMATS['unit']})?\s*\)?"
)


def is_text(values: pd.Series) -> bool:
    """Whether a column holds texts, or objects of several kinds, and has not been declared a category."""
    return pd.api.types.is_string_dtype(values.dtype)


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


def dotted(column: pd.Series) -> float | None:
    """One of the numbers with three decimals that seem to be thousands, as 1.026 beside 350; None if they do not."""
    present = column.dropna().abs()
    others = present[present % 1 != 0]
    three = others[(others.round(3) == others) & (others.round(2) != others)]
    alike = len(three) > 0.8 * len(others) and others.min() >= 1 and present.max() < 1000
    return three.iloc[0] if alike and len(others) < 0.95 * len(present) else None


def stamps(column: pd.Series) -> str | None:
    """What makes dates of numbers, 20200131 or milliseconds since 1970, in to_datetime; None if one is no date."""
    present = column.dropna().head(1000)
    whole = len(present) > 9 and (present % 1 == 0).all() and present.max() < 2**62
    for since, until, cast, name, value in FORMATS["stamps"] if whole else ():
        given = present.astype("Int64").astype("string") if cast else present
        dates = pd.to_datetime(given, errors="coerce", **{name: value})
        # Amounts are round, in hundreds of thousands; of moments only whole hours are.
        if not cast and (present % 1e5 == 0).all() and not (dates == dates.dt.floor("h")).all():
            continue
        if dates.between(since, until).all() and (not cast or (dates.dt.strftime(value) == given).all()):
            return f"{cast}, {name}={value!r}"
    return None


def seen(values: pd.Series) -> tuple[int, int, int]:
    """Of a column of texts: how many values are numbers, how many more are nearly, how many there are."""
    texts, strays = _texts_and_strays(values)
    units = [unit for _, unit in _units(_nearly(strays))]
    return len(texts) - len(strays), len(units) if len(set(units)) <= 4 else units.count(""), len(texts)


def is_nearly_numbers(values: pd.Series) -> bool:
    """Whether most texts of a column are numbers or nearly that, but not all are numbers.

    Few different texts with a unit, such as 36 months and 60 months, are left to be words.
    """
    plain, close, count = seen(values)
    if count == 0 or plain == count or plain + close <= count / 2:
        return False
    texts = texts_in(values).dropna()
    units = texts.map(lambda text: bool((match := DECORATED.fullmatch(text)) and match["tail"]))
    return not (units.mean() > 0.5 and texts.nunique() <= min(20, len(texts) // 2))


def sentence(line: str, key: object, values: pd.Series) -> str:
    """What is said of a column that is nearly numbers: how many are, a value that is none, and what to write."""
    texts, strays = _texts_and_strays(values)
    plain, stray, row = len(texts) - len(strays), strays.iloc[0], strays.index[0]
    told = say("nearly", line=line, plain=plain, count=len(texts), key=key, stray=stray, row=row,
               index=values.index.name or "row")  # fmt: skip
    column = f"table[{key!r}]"
    coerce = say("nearly_coerce", column=column)
    if len(strays) == 1 and len(texts) > 2 and texts.index[0] == row == 0:
        return f"{told}; {say('nearly_header' if isinstance(key, int) else 'nearly_second_header')}; {coerce}"
    nearly = _nearly(strays)
    placeholders = list(dict.fromkeys(strays[~strays.isin([match[0] for match in nearly])]))
    few = len(placeholders) <= 5  # for na_values
    if not nearly:
        return "; ".join([told, *([say("nearly_na_values", placeholders=placeholders)] if few else []), coerce])
    powers, named = zip(*_units(nearly), strict=True)
    units, counts = set(named) - {""}, Counter([*named, *[""] * plain])
    money = bool(units) and all(re.fullmatch(CURRENCY, unit) for unit in units)
    if len(units) > 1 or (units and any(powers) and not money) or ("%" in units and counts[""]):
        said = [f"{repr(unit) if unit else 'none'} {count:,} times" for unit, count in counts.most_common() if count]
        return f"{told}; {say('nearly_units', units=', '.join(said))}"
    same = say("nearly_same", unit=min(units)) if units and counts[""] else ""
    marks = _marks([*(match["number"] for match in nearly), *texts.drop(strays.index)], money and not any(powers))
    # read_csv takes no mark beyond ASCII for its thousands
    if any(match["before"] or match["tail"] or match["open"] or not match[0].isascii() for match in nearly):
        others = say("nearly_others", count=len(strays) - len(nearly), other=placeholders[0]) if placeholders else ""
        return f"{told}; {others}{same}{say('nearly_replace', column=column, steps=_steps(nearly, powers, marks))}"
    options = [f"{name}={mark!r}" for name, mark in marks.items()]
    if placeholders and few:
        options.append(f"na_values={placeholders!r}")
    return "; ".join([told, say("nearly_read", options=", ".join(options)), *([coerce] if plain else [])])


def _texts_and_strays(values: pd.Series) -> tuple[pd.Series, pd.Series]:
    """The texts of a column, and those of them that float() does not know."""
    texts = texts_in(values).dropna()
    return texts, texts[pd.to_numeric(texts, errors="coerce").isna()]


def _nearly(texts: pd.Series) -> list[re.Match]:
    """Those of these texts that are nearly numbers, in their parts; 5+ is a gap, unless three and more end so."""
    matches = [match for text in texts if (match := DECORATED.fullmatch(text))]
    bounds = {match[0] for match in matches if match["tail"] == "+"}
    return [match for match in matches if match[0] not in bounds or len(bounds) > 2]


def _units(matches: list[re.Match]) -> list[tuple[str, str]]:
    """Of each the power of ten that its multiple is, and its currency or unit; hour, Hours and hours. are one.

    What may be metres or bytes, m and b, is a multiple only of money, or beside another one.
    """
    multiples = {match["multiple"] for match in matches} - {None}
    known = not (multiples <= {"m"} or multiples <= {"b", "B"}) or any(m["before"] or m["coin"] for m in matches)
    units = []
    for match in matches:
        power = MULTIPLES[match["multiple"]] if known and match["multiple"] else ""
        unit = re.sub(r"(?<=\w\w)s?\.?$", "", match["before"] or match["coin" if power else "tail"] or "")
        units.append((power, unit.casefold() if len(unit) > 3 else unit))
    return units


def _marks(bodies: list[str], money: bool) -> dict[str, str]:
    """The arguments of read_csv that read these numbers, of which some may be plain."""
    odd = [body for body in bodies if not re.fullmatch(PLAIN, body)]
    if odd and all(re.fullmatch(THOUSANDS, body) for body in odd):
        return {"thousands": ","}
    # Three digits after each dot are thousands in 39.343 €, not in 39.343 kg; so is what stands before a decimal comma.
    dotted = {body for body in bodies if (odd or money) and "." in body and re.fullmatch(PLAIN, body)}
    dots = "." * (len(dotted) > (not odd) and all(re.fullmatch(r"[1-9]\d{0,2}\.\d{3}", body) for body in dotted))
    mark = max((mark for body in odd for mark in re.sub(r"\d|,.*|\.\d+$", "", body)), default=dots)
    return ({"thousands": mark} if mark else {}) | ({"decimal": ","} if any("," in body for body in odd) else {})


def _steps(matches: list[re.Match], powers: tuple[str, ...], marks: dict[str, str]) -> dict[str, str]:
    """What to replace in the texts, by regular expression, before they are numbers."""
    steps = {}
    if any(match["open"] for match in matches):
        steps[r"^\((.*)\)$"] = r"-\1"
    if any(mark in match[0] for match in matches for mark in "−–"):
        steps["[−–]"] = "-"
    steps |= {re.escape(mark): "." if name == "decimal" else "" for name, mark in marks.items()}
    steps |= {digit: str(int(digit)) for match in matches for digit in re.findall(r"[^\D0-9]", match[0])}
    steps |= {re.escape(match["before"]): "" for match in matches if match["before"]}
    tails = {match["tail"]: power for match, power in zip(matches, powers, strict=True) if match["tail"]}
    for tail in sorted(tails, key=len, reverse=True):  # 만원 before 원
        steps[rf"\s*{re.escape(tail)}\)?$"] = tails[tail]
    return steps | ({r"\s": ""} if any(re.search(r"\s", match[0]) for match in matches) else {})
