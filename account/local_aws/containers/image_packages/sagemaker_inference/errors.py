"""Exceptions of inference code."""

from local_aws_formats import not_supported


class UnsupportedFormatError(Exception):
    """A content type that cannot be read or written."""

    def __init__(self, content_type: str, **others: object) -> None:
        self._message = not_supported(content_type)
        super().__init__(self._message, **others)


class BaseInferenceToolkitError(Exception):
    """An error that says which answer it is to have: status, message (the body's beginning) and phrase."""

    def __init__(self, status_code: int, message: str, phrase: str) -> None:
        self.status_code, self.message, self.phrase = status_code, message, phrase
        super().__init__(status_code, message, phrase)


class GenericInferenceToolkitError(BaseInferenceToolkitError):
    """The same, with what is said where nothing else is."""

    def __init__(self, status_code: int, message: str | None = None, phrase: str | None = None) -> None:
        message = message or "Invalid Request"
        super().__init__(status_code, message, phrase or message)
