"""S3 URIs."""

from __future__ import annotations

import re

from .errors import AwsError


def split_uri(uri: str) -> tuple[str, str]:
    """Bucket and key of ``s3://BUCKET/KEY``; the key may be empty.  Raises AwsError if it is no such URI."""
    found = re.fullmatch(r"s3://([^/]+)/?(.*)", uri, re.DOTALL)
    if not found:
        raise AwsError("ValidationException", f"The S3 URI '{uri}' is not of the form s3://BUCKET/KEY.")
    return found.group(1), found.group(2)
