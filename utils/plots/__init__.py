"""The course's figures: axes with units, a caption, and colours that everybody tells apart, on white and on black.

Every function takes ``alt``: what the figure shows, for those who cannot see it, beside what its axes say of it.
"""

from collections.abc import Iterator
from contextlib import contextmanager

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from utils.plots.axes import BLUE, GREEN, GREY, ORANGE, finish, publish
from utils.tables import label


@contextmanager
def _figure(x: str, y: str, caption: str, alt: str, height: float = 3.2) -> Iterator[Axes]:
    """Axes to draw on, named x and y; after the block they get a legend, if names were drawn, and are shown once."""
    figure, axes = plt.subplots(figsize=(6.4, height))
    yield axes
    axes.set(xlabel=x, ylabel=y)
    if axes.get_legend() is None and axes.get_legend_handles_labels()[1]:
        axes.legend()
    axes.set_title(caption, fontsize=10, loc="left", wrap=True)
    publish(figure, f"{finish(figure)} {alt}".strip())
    plt.close(figure)


def spread(values: pd.Series, caption: str, alt: str = "") -> None:
    """Draw every value of one column as a dot; the middle half is shaded, the median is a line."""
    import seaborn as sns  # a second, which most figures can do without

    with _figure(label(values), "", caption, alt, height=1.9) as axes:
        axes.axvspan(*values.quantile([0.25, 0.75]), color=GREY, alpha=0.25)
        axes.axvline(values.median(), color=ORANGE)
        sns.swarmplot(x=values, ax=axes, color=BLUE, size=5)
        axes.set_yticks([])


def histogram(values: pd.Series, groups: pd.Series | None, caption: str, alt: str = "", of: str = "rows") -> None:
    """Draw how many rows lie in each range of values; the two kinds of rows in `groups` lie on top of each other.

    `of` says what the rows are.
    """
    with _figure(label(values), of, caption, alt) as axes:
        if groups is None:
            axes.hist(values, bins=30, color=BLUE)
        else:
            import seaborn as sns

            sns.histplot(x=values, bins=30, multiple="stack", alpha=1, linewidth=0, ax=axes, **_coloured(groups))
        axes.locator_params(axis="y", integer=True)


def shares(groups: dict[str, pd.Series], edges: list[float], caption: str, alt: str = "") -> None:
    """Draw which share of each of two groups of rows, {name: values}, lies between the same edges."""
    with _figure(label(next(iter(groups.values()))), "share of the group (%)", caption, alt) as axes:
        for (name, values), colour, line in zip(groups.items(), (BLUE, ORANGE), ("-", "--"), strict=False):
            part = 100 * np.histogram(values, edges)[0] / len(values)
            axes.stairs(part, edges, label=name, color=colour, linestyle=line, linewidth=2)


def scatter(x: pd.Series, y: pd.Series, caption: str, lines=None, gaps=False, groups=None, alt: str = "") -> None:
    """Draw y over x with up to two lines {name: (slope, intercept)}; `gaps` draws each row to the first.

    `groups`, a column of two words, gives each kind of row a colour of its own.
    """
    with _figure(label(x), label(y), caption, alt, height=4) as axes:
        if groups is None:
            axes.scatter(x, y, color=BLUE, zorder=3)
        else:
            import seaborn as sns

            sns.scatterplot(x=x, y=y, marker="s", s=12, linewidth=0, ax=axes, **_coloured(groups))
        ends = np.array([x.min(), x.max()])
        for number, (name, (slope, intercept)) in enumerate((lines or {}).items()):
            colour, dashes = ((ORANGE, ()), (GREEN, (4, 2)))[number]
            axes.plot(ends, intercept + slope * ends, color=colour, dashes=dashes, label=name)
            if gaps and number == 0:
                axes.vlines(x, y, intercept + slope * x, color=GREY, linewidth=1)
        if lines and groups is not None:
            axes.legend(title=groups.name)  # in place of seaborn's, which does not have the lines


def residuals(x: pd.Series, residual: pd.Series, caption: str, alt: str = "") -> None:
    """Draw what a model leaves unexplained (true minus predicted, in y's unit) over x."""
    with _figure(label(x), f"true − predicted\n{label(residual)}", caption, alt) as axes:
        axes.axhline(0, color=GREY, linewidth=1)
        axes.scatter(x, residual, color=BLUE, zorder=3)


def curves(table: pd.DataFrame, y: str, caption: str, mark: float | None = None, alt: str = "") -> None:
    """Draw each column of a table as a line over its index; a grey line stands where `mark` is on the index.

    `y` names the vertical axis, with its unit.
    """
    with _figure(table.index.name, y, caption, alt, height=3.6) as axes:
        if mark is not None:
            axes.axvline(mark, color=GREY, linewidth=1)
        for number, (name, values) in enumerate(table.items()):
            colour, dashes = (BLUE, ORANGE, GREEN)[number % 3], ((), (4, 2), (1, 1))[number // 3 % 3]
            axes.plot(table.index, values, color=colour, dashes=dashes, label=name)


def against_truth(y: pd.Series, guesses: dict[str, np.ndarray], caption: str, alt: str = "") -> None:
    """Draw what up to two models say, {name: predictions}, over the true y; on the line they are equal."""
    with _figure(f"true {label(y)}", f"predicted {label(y)}", caption, alt, height=4) as axes:
        ends = [y.min(), y.max()]
        axes.plot(ends, ends, color=GREY, linewidth=1, label="predicted = true")
        for (name, guess), (colour, marker) in zip(guesses.items(), ((BLUE, "o"), (ORANGE, "X")), strict=False):
            axes.scatter(y, guess, color=colour, marker=marker, label=name, alpha=0.7)


def intervals(ranges: dict[str, tuple[float, float, float]], to: float, what: str, caption: str, alt: str = "") -> None:
    """Draw {name: (low, value, high)} as dots with their intervals, from above; the line `to` is what is aimed at."""
    with _figure(what, "", caption, alt, height=0.9 + 0.35 * len(ranges)) as axes:
        axes.axvline(to, color=GREY, linewidth=1)
        for name, (low, value, high) in reversed(ranges.items()):
            axes.plot([low, high], [name, name], color=BLUE, linewidth=3, alpha=0.5, solid_capstyle="butt")
            axes.plot([value], [name], "o", color=BLUE)
        axes.margins(y=0.5 / len(ranges))


def dots(table: pd.DataFrame, what: str, caption: str, alt: str = "") -> None:
    """Draw each row of a table as a line of dots, from above, one for each of up to four columns."""
    with _figure(what, "", caption, alt, height=1.2 + 0.3 * len(table)) as axes:
        axes.axvline(0, color=GREY, linewidth=1)
        names = list(map(str, table.index))[::-1]
        for name, colour, marker in zip(table, (BLUE, ORANGE, GREEN, GREY), "oX^s", strict=False):
            axes.scatter(table[name].iloc[::-1], names, color=colour, marker=marker, label=name, alpha=0.85, zorder=3)
        axes.grid(axis="y", color=GREY, linewidth=0.5, alpha=0.5)


def trials(x: pd.Series, y: pd.Series, caption: str, alt: str = "") -> None:
    """Draw what each setting x that was tried came to, y, with x on a logarithmic scale; the lowest stands out."""
    with _figure(label(x), label(y), caption, alt) as axes:
        axes.scatter(x, y, color=BLUE, label="tried", zorder=3)
        axes.scatter(x[y.idxmin()], y.min(), color=ORANGE, marker="X", s=90, label="the best", zorder=4)
        axes.set_xscale("log")
        powers = 10.0 ** np.arange(np.floor(np.log10(x.min())), np.ceil(np.log10(x.max())) + 1)
        axes.set_xticks(powers, [f"{power:g}" for power in powers])
        axes.minorticks_off()


def _coloured(groups: pd.Series) -> dict:
    return {"hue": groups, "palette": dict(zip(sorted(groups.unique()), (BLUE, ORANGE), strict=False))}
