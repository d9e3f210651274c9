"""What counts when outputs of two runs of a lesson are compared."""

import base64
import io
import json
import re

from matplotlib.image import imread


def masked(text: str, patterns: dict[str, str]) -> str:
    """A text without what changes from run to run; ``patterns`` are nbval's, by regular expression."""
    for pattern, replacement in patterns.items():
        text = re.sub(pattern, replacement, text)
    return text


def comparable(value, patterns: dict[str, str], log: bool = False):
    """What counts in outputs: texts as masked, pictures by their pixels, other floats to six digits.

    Masks are for text: nothing is looked for in the letters and digits that a picture is written in.

    In a `log` neither the order of the lines counts nor how often one comes: that is up to the polls.
    """
    if isinstance(value, list):
        return [comparable(part, patterns, log) for part in value]
    if isinstance(value, str):
        value = masked(value, patterns)
        return sorted(set(value.splitlines())) if log else value
    if not isinstance(value, dict):
        return value
    parts = {
        key: _pixels(part) if key == "image/png" and isinstance(part, str) else comparable(part, patterns, log)
        for key, part in value.items()
        if key != "execution_count"
    }
    if "metadata" in value:
        parts["metadata"] = json.loads(json.dumps(value["metadata"]), parse_float=lambda x: f"{float(x):.6g}")
    return parts


def _pixels(picture: str) -> tuple:
    """The shape and the values of a PNG in base64."""
    pixels = imread(io.BytesIO(base64.b64decode(picture)))
    return pixels.shape, pixels.tobytes()
