"""S3 URIs, in the form of S3's own addresses too, which SageMaker takes as well."""

from __future__ import annotations

import re

from local_aws.core.errors import AwsError

FORMS = (
    r"s3://([^/]+)/?(.*)",
    r"https://s3(?:[.-][a-z0-9-]+)?\.amazonaws\.com/([^/]+)/?(.*)",
    r"https://([^/]+)\.s3(?:[.-][a-z0-9-]+)?\.amazonaws\.com/?(.*)",
)


def split_uri(uri: str) -> tuple[str, str]:
    """Bucket and key of ``s3://BUCKET/KEY`` or ``https://s3-REGION.amazonaws.com/BUCKET/KEY``; the key may be empty.

    The host may also be ``s3.REGION`` and ``s3`` alone, and name the bucket: ``BUCKET.s3.REGION``.  Raises AwsError if
    it is no such URI.
    """
    match = next((match for form in FORMS if (match := re.fullmatch(form, uri, re.DOTALL))), None)
    if not match:
        raise AwsError("ValidationException", f"The S3 URI '{uri}' is not of the form s3://BUCKET/KEY.")
    return match.group(1), match.group(2)
