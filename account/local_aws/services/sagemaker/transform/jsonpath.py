"""JSONPath, as far as InputFilter and OutputFilter of DataProcessing support it.

``$``, ``.name``, ``*``, ``['a','b']``, ``[1,3]``, ``[a:b]``, ``[0,5:]``, negative indexes.  Source: the
developer guide, "Associate Prediction Results with Input Records", supported JSONPath operators, and the API
reference of DataProcessing.  AWS looks at a path's characters when a job is made, and at two forms that it knows
and does not support when the job applies it; its sentences are in public reports
(github.com/boto/boto3/issues/3136, github.com/aws/sagemaker-python-sdk/issues/1112).
"""

from __future__ import annotations

import re

_STEP = re.compile(r"\.(?P<name>[^.\[\]'\"*\s]+)|(?:\.\*)|\.?\[(?P<inner>[^\[\]]*)\]")
_NAME = r"\s*'[^']*'\s*"
_NUMBER = r"\s*(?:-?\d+|(?:-?\d+)?\s*:\s*(?:-?\d+)?)\s*"
_NAMES, _NUMBERS = re.compile(f"{_NAME}(?:,{_NAME})*"), re.compile(f"{_NUMBER}(?:,{_NUMBER})*")

OPERATORS = "$[]*. ,:-'"

Selector = str | int | slice


def unexpected(text: str) -> str | None:
    """The first character of ``text`` that no path may have: neither letter nor digit nor one of ``OPERATORS``."""
    return next((character for character in text if not character.isalnum() and character not in OPERATORS), None)


class JsonPath:
    """A path, ready to be applied; ValueError says what is wrong with its text."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.steps: list[list[Selector] | None] = []  # None is the wildcard
        self.unsupported = ""  # why it cannot be applied, though it can be read
        if not text.startswith("$"):
            raise ValueError(f"The JSONPath '{text}' does not begin with $.")
        position = 1
        while position < len(text):
            step = _STEP.match(text, position)
            if not step:
                raise ValueError(f"The JSONPath '{text}' cannot be read from '{text[position:]}' on.")
            position = step.end()
            if step["name"] is not None:
                self.steps.append([step["name"]])
            elif step["inner"] is None or step["inner"].strip() == "*":
                self.steps.append(None)
            else:
                self.steps.append(self._selectors(step["inner"]))

    @property
    def whole(self) -> bool:
        """Whether it is ``$``: nothing is filtered."""
        return not self.steps

    def apply(self, value: object) -> object:
        """What it selects of a JSON value; ValueError if a name or an index is not there.

        One name or index gives that value, several names an object, several indexes or a slice an array.
        A slice is without its end, as Python's.
        """
        if self.unsupported:
            raise ValueError(f"Invalid JsonPath: {self.text}: {self.unsupported}")
        return self._apply(value, self.steps)

    def _selectors(self, inner: str) -> list[Selector]:
        if _NAMES.fullmatch(inner):
            names = [name.strip()[1:-1] for name in re.findall(_NAME, inner)]
            if len(names) > 1 and any("." in name for name in names):
                self.unsupported = f"nesting of children within brackets is not supported. Format [{inner}]"
            return names
        if not _NUMBERS.fullmatch(inner):
            raise ValueError(f"The JSONPath '{self.text}' has '[{inner}]', which is neither names nor indexes.")
        if inner.count(":") > 1:
            self.unsupported = (
                f"only single range filters of format (eg: [1:5]) are supported. Format [{inner}] is not supported"
            )
        return [
            slice(*(int(end) if end.strip() else None for end in part.split(":"))) if ":" in part else int(part)
            for part in inner.split(",")
        ]

    def _apply(self, value: object, steps: list[list[Selector] | None]) -> object:
        if not steps:
            return value
        selectors, rest = steps[0], steps[1:]
        if selectors is None:
            if not isinstance(value, (dict, list)):
                raise ValueError(f"The JSONPath '{self.text}' selects from what is neither object nor array.")
            return [self._apply(item, rest) for item in (value.values() if isinstance(value, dict) else value)]
        if isinstance(selectors[0], str):
            if not isinstance(value, dict) or not all(name in value for name in selectors):
                raise ValueError(f"The JSONPath '{self.text}' names what the record has not.")
            members = {name: self._apply(value[name], rest) for name in selectors}
            return members if len(selectors) > 1 else members[selectors[0]]
        if not isinstance(value, list):
            raise ValueError(f"The JSONPath '{self.text}' takes an index of what is no array.")
        items: list[object] = []
        for selector in selectors:
            part = []
            if isinstance(selector, slice):
                part = value[selector]
            elif isinstance(selector, int) and -len(value) <= selector < len(value):
                part = [value[selector]]
            if not part:
                raise ValueError(f"The JSONPath '{self.text}' has an index that is out of range.")
            items += [self._apply(item, rest) for item in part]
        return items[0] if len(selectors) == 1 and isinstance(selectors[0], int) else items
