"""Small helpers for inference code."""

import re

CONTENT_TYPE_REGEX = re.compile("^[Cc]ontent-?[Tt]ype")


def read_file(path: str, mode: str = "r") -> str | bytes:
    """What a file holds: bytes if ``mode`` has a ``b``."""
    with open(path, mode) as file:
        content: str | bytes = file.read()
    return content


def write_file(path: str, data: str | bytes, mode: str = "w") -> None:
    """Write a file: bytes if ``mode`` has a ``b``."""
    with open(path, mode) as file:
        file.write(data)


def retrieve_content_type_header(request_property: dict[str, str]) -> str | None:
    """The content type among a request's headers, however it is spelt."""
    return next((value for name, value in request_property.items() if CONTENT_TYPE_REGEX.match(name)), None)


def parse_accept(accept: str) -> list[str]:
    """The content types of an ``Accept``."""
    return accept.replace(" ", "").split(",")


def remove_crlf(illegal_string: str) -> str:
    """A text in one line."""
    return illegal_string.replace("\r", " ").replace("\n", " ")
