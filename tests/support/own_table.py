"""Tables of a reader's own, and what the template says of them."""

import re

import pandas as pd
import pytest

from utils.own_table import check
from utils.tables import TableError

ROWS = 60


AMOUNTS = [float(number * 37 % 101) * 1000 + 39343 for number in range(ROWS)]


def table(**columns) -> pd.DataFrame:
    """A table with a feature of numbers, one of words, an amount, and the columns given."""
    base = {"size": [number * 1.5 + 3 for number in range(ROWS)], "town": ["a", "b", "c"] * 20, "price": AMOUNTS}
    return pd.DataFrame(base | columns)


def refusal(*lines: object) -> str:
    with pytest.raises(TableError) as caught:
        check(*lines)
    assert "\n" not in str(caught.value) and str(caught.value)[-1] in ".?"
    return str(caught.value)


def mend(said: str, own: pd.DataFrame) -> pd.DataFrame:
    """The table, after what a sentence says was written."""
    if arguments := re.search(r"write (.+?) in pd\.read_csv", said):
        import io

        return eval(f"pd.read_csv(text, {arguments[1]})", {"pd": pd, "text": io.StringIO(own.to_csv(index=False))})
    scope = {"pd": pd, "table": own.copy()}
    statement = re.search(r"write (.+)\.$", said)
    assert statement, said
    exec(statement[1], scope)
    return scope["table"]
