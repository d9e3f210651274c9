"""The course's figures: axes with units, a caption that says what to see, colour-blind-safe colours."""

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from IPython.display import display
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from utils.plots.axes import finish
from utils.tables import label

BLUE, ORANGE, GREEN, GREY = "#0173b2", "#de8f05", "#029e73", "#949494"  # of seaborn's palette "colorblind"


def spread(values: pd.Series, caption: str) -> None:
    """Draw every value of one column as a dot; the middle half is shaded, the median is a line."""
    import seaborn as sns  # a second, which most figures can do without

    figure, axes = plt.subplots(figsize=(6.4, 1.9))
    axes.axvspan(*values.quantile([0.25, 0.75]), color=GREY, alpha=0.25)
    axes.axvline(values.median(), color=ORANGE)
    sns.swarmplot(x=values, ax=axes, color=BLUE, size=5)
    axes.set(xlabel=label(values), yticks=[])
    _show(figure, caption)


def histogram(values: pd.Series, groups: pd.Series | None, caption: str) -> None:
    """Draw how many rows lie in each range of values; the two kinds of rows in `groups` lie on top of each other."""
    figure, axes = plt.subplots(figsize=(6.4, 3.2))
    if groups is None:
        axes.hist(values, bins=30, color=BLUE)
    else:
        import seaborn as sns

        sns.histplot(x=values, bins=30, multiple="stack", alpha=1, ax=axes, **_coloured(groups))
    if isinstance(locator := axes.yaxis.get_major_locator(), MaxNLocator):
        locator.set_params(integer=True)
    axes.set(xlabel=label(values), ylabel="rows")
    _show(figure, caption)


def scatter(x: pd.Series, y: pd.Series, caption: str, lines=None, gaps: bool = False, groups=None) -> None:
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
    _show(figure, caption)


def residuals(x: pd.Series, residual: pd.Series, caption: str) -> None:
    """Draw what a model leaves unexplained (true minus predicted, in y's unit) over x."""
    figure, axes = plt.subplots(figsize=(6.4, 3.2))
    axes.axhline(0, color=GREY, linewidth=1)
    axes.scatter(x, residual, color=BLUE, zorder=3)
    axes.set(xlabel=label(x), ylabel=f"true − predicted\n{label(residual)}")
    _show(figure, caption)


def predictions(x: pd.Series, y: pd.Series, guesses: dict[str, np.ndarray], caption: str) -> None:
    """Draw the true y over x beside what up to two models say: {name: predictions}."""
    figure, axes = plt.subplots(figsize=(6.4, 4))
    axes.scatter(x, y, color=BLUE, label="true", zorder=3)
    for (name, guess), (colour, marker) in zip(guesses.items(), ((ORANGE, "X"), (GREEN, "^")), strict=False):
        axes.scatter(x, guess, color=colour, marker=marker, label=name, alpha=0.85, zorder=2)
    axes.set(xlabel=label(x), ylabel=label(y))
    axes.legend()
    _show(figure, caption)


def against_truth(y: pd.Series, guesses: dict[str, np.ndarray], caption: str) -> None:
    """Draw what up to two models say, {name: predictions}, over the true y; on the line they are equal."""
    figure, axes = plt.subplots(figsize=(6.4, 4))
    ends = [y.min(), y.max()]
    axes.plot(ends, ends, color=GREY, linewidth=1, label="predicted = true")
    for (name, guess), (colour, marker) in zip(guesses.items(), ((BLUE, "o"), (ORANGE, "X")), strict=False):
        axes.scatter(y, guess, color=colour, marker=marker, label=name, alpha=0.7)
    axes.set(xlabel=f"true {label(y)}", ylabel=f"predicted {label(y)}")
    axes.legend()
    _show(figure, caption)


def coefficients(table: pd.DataFrame, unit: str, caption: str) -> None:
    """Draw a row of dots for each coefficient of up to four models, which are the columns of the table."""
    figure, axes = plt.subplots(figsize=(6.4, 3.6))
    rows = range(len(table))
    axes.axvline(0, color=GREY, linewidth=1)
    axes.hlines(rows, table.min(axis=1), table.max(axis=1), color=GREY, linewidth=1)
    for (name, values), colour, marker in zip(table.items(), (BLUE, ORANGE, GREEN, GREY), "oX^s", strict=False):
        axes.scatter(values, rows, color=colour, marker=marker, label=name, zorder=3)
    axes.set(xlabel=unit, yticks=rows, yticklabels=table.index)
    axes.invert_yaxis()
    axes.legend()
    _show(figure, caption)


def _coloured(groups: pd.Series) -> dict:
    return {"hue": groups, "palette": dict(zip(sorted(groups.unique()), (BLUE, ORANGE), strict=False))}


def _show(figure: Figure, caption: str) -> None:
    """Show the figure once, its caption above it and as its alternative text."""
    axes = figure.axes[0]
    axes.set_title(caption, fontsize=10, loc="left", wrap=True)
    finish(figure)
    figure.tight_layout()
    display(figure, metadata={"image/png": {"alt": caption}})
    plt.close(figure)
