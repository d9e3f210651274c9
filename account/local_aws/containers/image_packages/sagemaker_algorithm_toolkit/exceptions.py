"""Exceptions by who is to blame: the user, the algorithm or the platform."""


class BaseToolkitError(Exception):
    """An error with a message, a cause, or both."""

    def __init__(self, message: str | None = None, caused_by: BaseException | None = None) -> None:
        text: str = message or "unknown error occurred"
        if caused_by and not message:
            text = getattr(caused_by, "message", str(caused_by))
        if caused_by:
            text += f" (caused by {type(caused_by).__name__})"
        super().__init__(text)
        self.message, self.caused_by = text, caused_by


class AlgorithmError(BaseToolkitError):
    """A fault of the algorithm."""


class UserError(BaseToolkitError):
    """A fault of the user's."""


class PlatformError(BaseToolkitError):
    """A fault of the place it runs in."""
