"""A Dockerfile's text taken apart: instructions with their lines, words, variables.

Reference: the Dockerfile reference of Docker.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

_VARIABLE = re.compile(r"\\\$|\$(?:(\w+)|\{(\w+)(?::([-+])([^}]*))?\})")
_WORD = re.compile(r"""(?:\\.|'[^']*'|"(?:\\.|[^"\\])*"|[^\s'"\\])+""")
_HEREDOC = re.compile(r"<<-?\s*[\"']?[A-Za-z_]")
_DIRECTIVE = re.compile(r"#\s*(\w+)\s*=\s*(\S+)\s*$")


class CannotBuild(Exception):
    """Why a folder is no image that can run here; the message names the Dockerfile's line."""


@dataclass(frozen=True)
class Instruction:
    """One instruction: the line that it begins on, its name in capitals, and the rest."""

    line: int
    name: str
    value: str

    def refused(self, why: str) -> CannotBuild:
        """The error that this instruction cannot be done here."""
        return CannotBuild(f"Dockerfile, line {self.line}: {self.name} {_short(self.value)}: {why}")

    def flags(self) -> tuple[dict[str, str], str]:
        """The flags (``--chown=me``) that the value begins with, by name, and what follows them."""
        flags, rest = {}, self.value
        while match := re.match(r"--([\w-]+)(?:=(\S*))?\s+", rest):
            flags[match[1]] = match[2] or ""
            rest = rest[match.end() :]
        return flags, rest

    def words(self, text: str, variables: Mapping[str, str]) -> list[str]:
        """The words of ``text``, without their quotes and with the values of variables."""
        words = _WORD.findall(text)
        if _WORD.sub("", text).strip():
            raise self.refused("a quotation is not closed.")
        return [_word(word, variables) for word in words]

    def command(self) -> list[str]:
        """A command in either form: a JSON list of texts as it is, anything else for ``/bin/sh -c``."""
        if self.value.startswith("["):
            try:
                words = json.loads(self.value)
            except ValueError:
                words = None
            if isinstance(words, list) and all(isinstance(word, str) for word in words):
                return words
        return ["/bin/sh", "-c", self.value]


def read_instructions(text: str) -> Iterator[Instruction]:
    """The instructions of a Dockerfile, without comments and with their lines joined.

    Raises CannotBuild for a here-document, and for a line that is no instruction.
    """
    escape, begun, parts, top = "\\", 0, [], True
    for number, line in enumerate(text.splitlines(), 1):
        if top and (directive := _DIRECTIVE.match(line)):
            escape = directive[2] if directive[1].lower() == "escape" else escape
            continue
        top = False
        if line.lstrip().startswith("#") or not line.strip():
            continue
        begun = begun or number
        joined = line.rstrip().endswith(escape)
        parts.append(line.rstrip()[: -len(escape)] if joined else line.strip())
        if not joined:
            yield _instruction(begun, "".join(parts))
            begun, parts = 0, []
    if parts:
        yield _instruction(begun, "".join(parts))


def expanded(text: str, variables: Mapping[str, str]) -> str:
    """``text`` with the values of ``$NAME``, ``${NAME}``, ``${NAME:-default}`` and ``${NAME:+other}``."""

    def value(match: re.Match[str]) -> str:
        if match[0] == r"\$":
            return "$"
        known = variables.get(match[1] or match[2], "")
        if match[3] == "-":
            return known or match[4]
        return (match[4] if known else "") if match[3] == "+" else known

    return _VARIABLE.sub(value, text)


def _instruction(line: int, text: str) -> Instruction:
    name, _, value = text.strip().partition(" ")
    instruction = Instruction(line, name.upper(), value.strip())
    if not re.fullmatch(r"[A-Z]+", instruction.name):
        raise CannotBuild(f"Dockerfile, line {line}: {_short(text)}: this is no instruction.")
    if instruction.name in ("RUN", "COPY", "ADD") and _HEREDOC.search(value):
        raise instruction.refused("here-documents are not understood here.")
    return instruction


def _word(word: str, variables: Mapping[str, str]) -> str:
    """A word without its quotes; what stands in single quotes is taken as it is."""
    plain = ""
    for part in re.findall(r"'[^']*'|\"(?:\\.|[^\"\\])*\"|(?:\\.|[^'\"\\])+|.", word):
        if part.startswith("'") and len(part) > 1:
            plain += part[1:-1]
        elif part.startswith('"') and len(part) > 1:
            plain += re.sub(r'\\(["\\])', r"\1", expanded(part[1:-1], variables))
        else:
            plain += re.sub(r"\\([^$])", r"\1", expanded(part, variables))
    return plain


def _short(text: str) -> str:
    text = " ".join(text.split())
    return text if len(text) <= 80 else f"{text[:79]}…"
