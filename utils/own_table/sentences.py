"""What is said of a reader's table, ``sentences.toml``; and how files and numbers are written, ``formats.toml``."""

import tomllib
from pathlib import Path
from typing import Any

from utils.tables import TableError

SENTENCES: dict[str, str] = tomllib.loads(Path(__file__).with_suffix(".toml").read_text("utf-8"))
FORMATS: dict[str, Any] = tomllib.loads(Path(__file__).with_name("formats.toml").read_text("utf-8"))


def say(sentence: str, /, **values: object) -> str:
    """The sentence of this name, or a part of one, with these values in it."""
    return SENTENCES[sentence].format(**values)


def refusal(sentence: str, /, **values: object) -> TableError:
    """The error to raise, with the sentence of this name."""
    return TableError(say(sentence, **values))
