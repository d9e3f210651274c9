"""The style of all figures: colours, ticks in one form, names in letters that a font has; and how they reach the page.

A figure is sharp on every screen and has no background, so that it lies on a light page or a dark one.
"""

import io
import re
from base64 import b64encode
from functools import cache

import matplotlib.pyplot as plt
import numpy as np
from IPython.display import display
from matplotlib import font_manager
from matplotlib.figure import Figure
from matplotlib.ft2font import FT2Font
from matplotlib.text import Text
from matplotlib.ticker import Formatter, MaxNLocator, ScalarFormatter
from PIL import Image

# Told apart by the colour-blind, and seen on white as on black; GREY is for text and what is no data.
BLUE, ORANGE, GREEN, GREY = "#1a7fbf", "#d17d00", "#2e9e6b", "#7b7b7b"
DOTS, COLOURS = 2, 128  # for each dot of the page; what a figure needs
SUPERSCRIPT = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")


class Ticks(Formatter):
    """Every tick of an axis with the same decimals, as few as tell them apart: 0.0 0.5 1.0, or 800,000 1,000,000.

    Where numbers are very large or small a power of ten, common to all, stands at the axis' end.
    """

    power, decimals = 0, 0

    def set_locs(self, locs) -> None:
        """Choose power and decimals for the axis' ticks; Matplotlib calls it before it asks for their texts."""
        largest = np.abs(locs).max(initial=0)
        self.power = 0 if largest == 0 or 1e-3 < largest < 1e7 else int(np.floor(np.log10(largest)))
        scaled = np.unique(locs) / 10.0**self.power
        step = np.diff(scaled).min(initial=np.inf)
        close = [d for d in range(16) if np.allclose(scaled, scaled.round(d), rtol=0, atol=step / 100)]
        self.decimals = close[0] if close and np.isfinite(step) else 0

    def __call__(self, x, pos=None) -> str:
        """The text of the tick at ``x``."""
        value = round(x / 10.0**self.power, self.decimals) + 0.0  # no −0
        return self.fix_minus(f"{value:,.{self.decimals}f}")

    def get_offset(self) -> str:
        """The power of ten at the axis' end; "" if there is none."""
        return f"×10{str(self.power).translate(SUPERSCRIPT)}" if self.power else ""


def finish(figure: Figure) -> str:
    """Give the first axes of a figure their style and ticks, and every text a font that has its letters.

    Letters that no font of this machine has are left out of the text, and a sentence says so.  Returns what the axes
    say, as a text for those who do not see them.
    """
    axes, said = figure.axes[0], []
    axes.spines[["top", "right"]].set_visible(False)
    axes.spines[:].set_color(GREY)
    axes.tick_params(color=GREY)
    if legend := axes.get_legend():
        legend.get_frame().set_alpha(0)
        said.append(f"Drawn: {', '.join(text.get_text() for text in legend.get_texts())}.")
    for axis, name in ((axes.yaxis, "Vertical"), (axes.xaxis, "Horizontal")):
        locator = axis.get_major_locator()
        ticks = list(locator())
        reach = ""
        if ticks and isinstance(axis.get_major_formatter(), ScalarFormatter):
            axis.set_major_formatter(form := Ticks())
            reach = f", {' to '.join(form.format_ticks([*axis.get_data_interval()]))}{form.get_offset()}"
        if title := " ".join(axis.get_label_text().split()):
            said.insert(0, f"{name} axis: {title}{reach}.")
        wide = axis is axes.xaxis and len("".join(axis.get_major_formatter().format_ticks(ticks))) > 75
        if wide and isinstance(locator, MaxNLocator):
            locator.set_params(nbins=3)  # or long numbers would run into each other
    lost = []
    for text in figure.findobj(Text):
        text.set(parse_math=False, color=GREY)  # two dollar signs in a name are no formula
        if letters := frozenset(letter for letter in text.get_text() if ord(letter) > 127):
            families, missing = _fonts(letters)
            text.set_fontfamily([*plt.rcParams["font.family"], *families])
            if missing:
                lost.append(text.get_text())
                text.set_text(re.sub(f"[{re.escape(''.join(sorted(missing)))}]+", "…", text.get_text()))
    if lost:
        names = ", ".join(map(repr, dict.fromkeys(lost)))
        print(
            f"No font on this machine has all letters of {names}, so the figure leaves them out; install one, such as "
            "Noto Sans CJK, and restart the kernel."
        )
    return " ".join(said)


def publish(figure: Figure, alt: str) -> None:
    """Display a figure as PNG with its alternative text; few colours keep a notebook small."""
    drawn, small = io.BytesIO(), io.BytesIO()
    figure.tight_layout()
    figure.savefig(drawn, dpi=DOTS * figure.dpi, transparent=True, bbox_inches="tight")
    picture = Image.open(drawn)
    picture.quantize(COLOURS).save(small, "PNG", optimize=True)
    seen = {"alt": alt, "width": picture.width // DOTS, "height": picture.height // DOTS}
    data = {"image/png": b64encode(small.getvalue()).decode(), "text/plain": repr(figure)}
    display(data, raw=True, metadata={"image/png": seen})


@cache
def _fonts(letters: frozenset[str]) -> tuple[list[str], set[str]]:
    """The fonts that together have these letters beside the figure's own, and the letters that none has."""
    missing = set(letters) - _letters_of(font_manager.findfont(font_manager.FontProperties()))
    families, manager = [], font_manager.fontManager
    if missing:  # Matplotlib's list is made once; a font may have been installed since
        for path in set(font_manager.findSystemFonts()) - {font.fname for font in manager.ttflist}:
            manager.addfont(path)
    for font in manager.ttflist if missing else ():
        plain = font.style == "normal" and font.weight in (400, "normal") and "Last Resort" not in font.name
        if plain and (has := missing & _letters_of(font.fname)):
            families.append(font.name)
            missing -= has
    return families, missing


@cache
def _letters_of(path: str) -> set[str]:
    return {chr(code) for code in FT2Font(path).get_charmap()}
