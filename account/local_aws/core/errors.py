"""``AwsError``, the one exception that the embedded account answers a request with."""

from __future__ import annotations


class AwsError(Exception):
    """An error in AWS's own terms: a code, a sentence and an HTTP status.

    ``code`` is the name that AWS's API reference gives (``ValidationException``,
    ``NoSuchKey`` …), ``message`` the sentence that boto3 prints after it, and
    ``fields`` whatever else the error's shape carries (``OriginalStatusCode`` of a
    ``ModelError``, ``BucketName`` of a ``NoSuchBucket``).  How it is written on the
    wire is the service's protocol's business, see ``protocols.py``.
    """

    def __init__(self, code: str, message: str, status: int = 400, **fields: object) -> None:
        super().__init__(f"{code}: {message}")
        self.code = code
        self.message = message
        self.status = status
        self.fields = fields
