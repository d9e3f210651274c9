"""The course's figures: axes with units, a caption, and colours that everybody tells apart, on white and on black.

Every function takes ``alt``: what the figure shows, for those who cannot see it, beside what its axes say of it.
"""

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from utils.plots.axes import BLUE, GREEN, GREY, ORANGE, finish
from utils.plots.page import publish
from utils.tables import label


def spread(values: pd.Series, caption: str, alt: str = "") -> None:
    """Draw every value of one column as a dot; the middle half is shaded, the median is a line."""
    import seaborn as sns  # a second, which most figures can do without

    figure, axes = plt.subplots(figsize=(6.4, 1.9))
    axes.axvspan(*values.quantile([0.25, 0.75]), color=GREY, alpha=0.25)
    axes.axvline(values.median(), color=ORANGE)
    sns.swarmplot(x=values, ax=axes, color=BLUE, size=5)
    axes.set(xlabel=label(values), yticks=[])
    _show(figure, caption, alt)


def histogram(values: pd.Series, groups: pd.Series | None, caption: str, alt: str = "") -> None:
    """Draw how many rows lie in each range of values; the two kinds of rows in `groups` lie on top of each other."""
    figure, axes = plt.subplots(figsize=(6.4, 3.2))
    if groups is None:
        axes.hist(values, bins=30, color=BLUE)
    else:
        import seaborn as sns

        sns.histplot(x=values, bins=30, multiple="stack", alpha=1, linewidth=0, ax=axes, **_coloured(groups))
    if isinstance(locator := axes.yaxis.get_major_locator(), MaxNLocator):
        locator.set_params(integer=True)
    axes.set(xlabel=label(values), ylabel="rows")
    _show(figure, caption, alt)


def scatter(x: pd.Series, y: pd.Series, caption: str, lines=None, gaps=False, groups=None, alt: str = "") -> None:
    """Draw y over x with up to two lines {name: (slope, intercept)}; `gaps` draws each row to the first.

    `groups`, a column of two words, gives each kind of row a colour of its own.
    """
    figure, axes = plt.subplots(figsize=(6.4, 4))
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
    axes.set(xlabel=label(x), ylabel=label(y))
    if lines:
        axes.legend(title=None if groups is None else groups.name)
    _show(figure, caption, alt)


def residuals(x: pd.Series, residual: pd.Series, caption: str, alt: str = "") -> None:
    """Draw what a model leaves unexplained (true minus predicted, in y's unit) over x."""
    figure, axes = plt.subplots(figsize=(6.4, 3.2))
    axes.axhline(0, color=GREY, linewidth=1)
    axes.scatter(x, residual, color=BLUE, zorder=3)
    axes.set(xlabel=label(x), ylabel=f"true − predicted\n{label(residual)}")
    _show(figure, caption, alt)


def errors(x: pd.Series, y: pd.Series, guesses: dict[str, np.ndarray], caption: str, alt: str = "") -> None:
    """Draw for each row, in the order of x, how far up to two models are off: {name: predictions}, a bar for each."""
    figure, axes = plt.subplots(figsize=(6.4, 3.6))
    order, places = np.argsort(x.to_numpy(), kind="stable"), np.arange(len(x))
    axes.axhline(0, color=GREY, linewidth=1)
    for number, (name, guess) in enumerate(guesses.items()):
        off = (y.to_numpy() - np.asarray(guess))[order]
        axes.bar(places + 0.4 * number, off, width=0.38, color=(BLUE, ORANGE)[number], label=name)
    axes.set_xticks(places + 0.2 * (len(guesses) - 1), [f"{value:g}" for value in x.iloc[order]])
    axes.set(xlabel=label(x), ylabel=f"true − predicted\n{label(y)}")
    axes.margins(y=0.2)  # for the legend, above the bars
    axes.legend(ncols=2, loc="upper left")
    _show(figure, caption, alt)


def curves(table: pd.DataFrame, y: str, caption: str, mark: float | None = None, alt: str = "") -> None:
    """Draw each column of a table as a line over its index; a grey line stands where `mark` is on the index.

    `y` names the vertical axis, with its unit.
    """
    figure, axes = plt.subplots(figsize=(6.4, 3.6))
    if mark is not None:
        axes.axvline(mark, color=GREY, linewidth=1)
    for number, (name, values) in enumerate(table.items()):
        colour, dashes = (BLUE, ORANGE, GREEN)[number % 3], ((), (4, 2), (1, 1))[number // 3 % 3]
        axes.plot(table.index, values, color=colour, dashes=dashes, label=name)
    axes.set(xlabel=table.index.name, ylabel=y)
    axes.legend()
    _show(figure, caption, alt)


def predictions(x: pd.Series, y: pd.Series, guesses: dict[str, np.ndarray], caption: str, alt: str = "") -> None:
    """Draw the true y over x beside what up to two models say: {name: predictions}."""
    figure, axes = plt.subplots(figsize=(6.4, 4))
    axes.scatter(x, y, color=BLUE, label="true", zorder=3)
    for (name, guess), (colour, marker) in zip(guesses.items(), ((ORANGE, "X"), (GREEN, "^")), strict=False):
        axes.scatter(x, guess, color=colour, marker=marker, label=name, alpha=0.85, zorder=2)
    axes.set(xlabel=label(x), ylabel=label(y))
    axes.legend()
    _show(figure, caption, alt)


def against_truth(y: pd.Series, guesses: dict[str, np.ndarray], caption: str, alt: str = "") -> None:
    """Draw what up to two models say, {name: predictions}, over the true y; on the line they are equal."""
    figure, axes = plt.subplots(figsize=(6.4, 4))
    ends = [y.min(), y.max()]
    axes.plot(ends, ends, color=GREY, linewidth=1, label="predicted = true")
    for (name, guess), (colour, marker) in zip(guesses.items(), ((BLUE, "o"), (ORANGE, "X")), strict=False):
        axes.scatter(y, guess, color=colour, marker=marker, label=name, alpha=0.7)
    axes.set(xlabel=f"true {label(y)}", ylabel=f"predicted {label(y)}")
    axes.legend()
    _show(figure, caption, alt)


def intervals(ranges: dict[str, tuple[float, float, float]], to: float, what: str, caption: str, alt: str = "") -> None:
    """Draw {name: (low, value, high)} as dots with their intervals, from above; the line `to` is what is aimed at."""
    figure, axes = plt.subplots(figsize=(6.4, 0.9 + 0.35 * len(ranges)))
    axes.axvline(to, color=GREY, linewidth=1)
    for name, (low, value, high) in reversed(ranges.items()):
        axes.plot([low, high], [name, name], color=BLUE, linewidth=3, alpha=0.5, solid_capstyle="butt")
        axes.plot([value], [name], "o", color=BLUE)
    axes.set(xlabel=what)
    axes.margins(y=0.5 / len(ranges))
    _show(figure, caption, alt)


def dots(table: pd.DataFrame, what: str, caption: str, alt: str = "") -> None:
    """Draw each row of a table as a line of dots, from above, one for each of up to three columns."""
    figure, axes = plt.subplots(figsize=(6.4, 1.2 + 0.3 * len(table)))
    axes.axvline(0, color=GREY, linewidth=1)
    names = list(map(str, table.index))[::-1]
    for name, colour, marker in zip(table, (BLUE, ORANGE, GREEN), "oX^", strict=False):
        axes.scatter(table[name].iloc[::-1], names, color=colour, marker=marker, label=name, alpha=0.85, zorder=3)
    axes.grid(axis="y", color=GREY, linewidth=0.5, alpha=0.5)
    axes.set(xlabel=what)
    axes.legend()
    _show(figure, caption, alt)


def trials(x: pd.Series, y: pd.Series, caption: str, alt: str = "") -> None:
    """Draw what each setting x that was tried came to, y, with x on a logarithmic scale; the lowest stands out."""
    figure, axes = plt.subplots(figsize=(6.4, 3.2))
    axes.scatter(x, y, color=BLUE, label="tried", zorder=3)
    axes.scatter(x[y.idxmin()], y.min(), color=ORANGE, marker="X", s=90, label="the best", zorder=4)
    axes.set_xscale("log")
    powers = 10.0 ** np.arange(np.floor(np.log10(x.min())), np.ceil(np.log10(x.max())) + 1)
    axes.set_xticks(powers, [f"{power:g}" for power in powers])
    axes.minorticks_off()
    axes.set(xlabel=label(x), ylabel=label(y))
    axes.legend()
    _show(figure, caption, alt)


def _coloured(groups: pd.Series) -> dict:
    return {"hue": groups, "palette": dict(zip(sorted(groups.unique()), (BLUE, ORANGE), strict=False))}


def _show(figure: Figure, caption: str, alt: str) -> None:
    """Show the figure once, its caption above it, in the style of all figures."""
    figure.axes[0].set_title(caption, fontsize=10, loc="left", wrap=True)
    publish(figure, f"{finish(figure)} {alt}".strip())
    plt.close(figure)
