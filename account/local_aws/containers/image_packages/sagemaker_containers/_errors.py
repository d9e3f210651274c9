"""Exceptions for what a user has written."""

from local_aws_formats import not_supported


class ClientError(Exception):
    """An error of the user's."""


class UnsupportedFormatError(Exception):
    """A content type that cannot be read or written."""

    def __init__(self, content_type: str, **others: object) -> None:
        self.message = not_supported(content_type)
        super().__init__(self.message, **others)
