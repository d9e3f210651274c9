"""What the machine that a lesson runs on may have otherwise: a user without a name, figures that go elsewhere."""

import getpass
import logging
import os
import sys

from IPython import get_ipython

INLINE = "module://matplotlib_inline.backend_inline"
# What Matplotlib says once on a machine: that it looks for fonts, and where it keeps what it found.
FIRST_USE = ("Matplotlib is building the font cache", "Matplotlib created a", "mkdir -p failed", "generated new")


def user_name() -> str:
    """The name of who runs this process; ``uid-1234`` for a user who has none, as in many a container."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # OSError from Python 3.13 on
        return f"uid-{os.getuid()}"


def draw_in_page() -> None:
    """Let figures be shown below the cell that draws them, and nothing but figures.

    A kernel that inherits MPLBACKEND would show the words ``<Figure size …>`` in the place of each figure.  A
    backend that the reader names in a cell stays.
    """
    for name in ("matplotlib", "matplotlib.font_manager"):
        logging.getLogger(name).addFilter(_is_about_lessons)
    shell = get_ipython()
    if not hasattr(shell, "kernel") or os.environ.get("MPLBACKEND") in (None, INLINE):
        return
    os.environ["MPLBACKEND"] = INLINE
    if "matplotlib" in sys.modules:  # it has read the variable already
        shell.enable_matplotlib("inline")


def _is_about_lessons(record: logging.LogRecord) -> bool:
    return not record.getMessage().startswith(FIRST_USE)
