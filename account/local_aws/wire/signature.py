"""Request signatures: AWS Signature Version 4, and S3's older query signature.

Signature Version 4 as in the IAM User Guide, "Create a signed AWS API request": in the
``Authorization`` header or in the query (a presigned URL).  Signature Version 2 of S3's query
("REST authentication, query string alternative"), which boto3 still presigns with by default.

Checked in two steps, since S3 signs a digest that the sender names and every other service the
body itself: ``claim`` reads what a request says of its signer, ``Claim.check`` proves it.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
import time
from calendar import timegm
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from urllib.parse import quote, unquote

from local_aws.core.errors import AwsError

MAX_SKEW = 15 * 60  # seconds, AWS's own
ALGORITHM = "AWS4-HMAC-SHA256"
UNSIGNED = "UNSIGNED-PAYLOAD"
# S3's signature version 2 counts these query parameters as part of the resource.
SUBRESOURCES = frozenset(
    "accelerate acl cors defaultObjectAcl location logging partNumber policy requestPayment torrent "
    "versioning versionId versions website uploads uploadId response-content-type response-content-language "
    "response-expires response-cache-control response-content-disposition response-content-encoding delete "
    "lifecycle tagging restore storageClass notification replication analytics metrics inventory select "
    "select-type object-lock".split()
)
Pairs = list[tuple[str, str]]  # the parameters of a query as they were sent, still percent-encoded


@dataclass(frozen=True)
class Key:
    """A pair of keys that the account has given out, and whom they speak for."""

    access_key_id: str
    secret_access_key: str
    session_token: str | None
    arn: str
    expired: bool = False


@dataclass(frozen=True)
class Claim:
    """What a request says of its signer.  ``payload`` is the digest that it names, if any."""

    access_key_id: str
    service: str
    region: str
    signed_at: float
    expires: float | None
    token: str | None
    payload: str | None
    _sign: Callable[[Key, str], str]
    _signature: str

    def check(self, key: Key | None, payload: str, now: float | None = None) -> Key:
        """Prove the claim.

        ``payload`` is the hexadecimal SHA-256 of the body, or what S3 puts in its place.  Returns the
        key; raises AwsError with the codes and texts of the service's own family.
        """
        now = time.time() if now is None else now
        s3, xml = self.service == "s3", self.service in ("s3", "iam", "sts")
        if key is None or (s3 and key.session_token and not self.token):
            if s3:
                raise AwsError(
                    "InvalidAccessKeyId",
                    "The AWS Access Key Id you provided does not exist in our records.",
                    403,
                    AWSAccessKeyId=self.access_key_id,
                )
            raise AwsError(
                "InvalidClientTokenId" if xml else "UnrecognizedClientException",
                "The security token included in the request is invalid.",
                403,
            )
        if (key.session_token or "") != (self.token or ""):
            if s3:
                raise AwsError("InvalidToken", "The provided token is malformed or otherwise invalid.", 400)
            raise AwsError(
                "InvalidClientTokenId" if xml else "UnrecognizedClientException",
                "The security token included in the request is invalid.",
                403,
            )
        if key.expired:
            raise _expired(s3, xml)
        if not hmac.compare_digest(self._sign(key, payload).encode(), self._signature.encode()):
            raise AwsError(
                "SignatureDoesNotMatch" if xml else "InvalidSignatureException",
                "The request signature we calculated does not match the signature you provided. "
                "Check your AWS Secret Access Key and signing method.",
                403,
            )
        self._check_time(now, s3, xml)
        return key

    def _check_time(self, now: float, s3: bool, xml: bool) -> None:
        if self.expires is not None:
            if now > self.expires:
                raise AwsError("AccessDenied", "Request has expired", 403, Expires=_iso(self.expires))
            if self.signed_at <= now + MAX_SKEW:
                return
        elif abs(now - self.signed_at) <= MAX_SKEW:
            return
        if s3:
            raise AwsError(
                "RequestTimeTooSkewed",
                "The difference between the request time and the current time is too large.",
                403,
                RequestTime=_amz_date(self.signed_at),
                ServerTime=_iso(now),
                MaxAllowedSkewMilliseconds=MAX_SKEW * 1000,
            )
        signed, server = _amz_date(self.signed_at), _amz_date(now)
        if self.signed_at < now:
            text = f"Signature expired: {signed} is now earlier than {_amz_date(now - MAX_SKEW)} "
            text += f"({server} - 15 min.)"
        else:
            text = f"Signature not yet current: {signed} is still later than {_amz_date(now + MAX_SKEW)} "
            text += f"({server} + 15 min.)"
        raise AwsError("SignatureDoesNotMatch" if xml else "InvalidSignatureException", text, 403)


def _expired(s3: bool, xml: bool) -> AwsError:
    if s3:
        return AwsError("ExpiredToken", "The provided token has expired.", 400)
    text = "The security token included in the request is expired"
    return AwsError("ExpiredToken" if xml else "ExpiredTokenException", text, 403)


def claim(method: str, path: str, query: str, headers: dict[str, str]) -> Claim | None:
    """Read a request's signature; None if it has none.

    ``path`` and ``query`` are as sent (still percent-encoded), ``headers`` has lower-case names.
    Raises AwsError if there is a signature that cannot be read.
    """
    pairs = [(name, value) for name, _, value in (part.partition("=") for part in query.split("&") if part)]
    parameters = {unquote(name): unquote(value) for name, value in pairs}
    authorization = headers.get("authorization", "")
    if authorization.startswith(ALGORITHM):
        return _header_claim(method, path, pairs, headers, authorization)
    if "X-Amz-Signature" in parameters:
        return _query_claim(method, path, pairs, headers, parameters)
    if "AWSAccessKeyId" in parameters and "Signature" in parameters:
        return _version_2_claim(method, path, headers, parameters)
    return None


def _header_claim(method: str, path: str, pairs: Pairs, headers: dict[str, str], authorization: str) -> Claim:
    fields = dict(
        part.strip().partition("=")[::2] for part in authorization[len(ALGORITHM) :].split(",") if part.strip()
    )
    try:
        scope, signed, signature = fields["Credential"], fields["SignedHeaders"], fields["Signature"]
    except KeyError as error:
        raise AwsError(
            "IncompleteSignatureException",
            f"Authorization header requires '{error.args[0]}' parameter. Authorization={ALGORITHM}",
            403,
        ) from None
    return _version_4_claim(
        method, path, pairs, headers, scope, signed, signature,
        date=headers.get("x-amz-date", ""),
        lifetime=None,
        token=headers.get("x-amz-security-token"),
        payload=headers.get("x-amz-content-sha256"),
    )  # fmt: skip


def _query_claim(method: str, path: str, pairs: Pairs, headers: dict[str, str], parameters: dict[str, str]) -> Claim:
    try:
        scope, signed, date = (parameters[f"X-Amz-{name}"] for name in ("Credential", "SignedHeaders", "Date"))
        lifetime = int(parameters["X-Amz-Expires"])
    except (KeyError, ValueError):
        raise AwsError(
            "AuthorizationQueryParametersError",
            "Query-string authentication version 4 requires the X-Amz-Algorithm, X-Amz-Credential, "
            "X-Amz-Signature, X-Amz-Date, X-Amz-SignedHeaders, and X-Amz-Expires parameters.",
        ) from None
    if not 0 < lifetime <= 604800:
        raise AwsError(
            "AuthorizationQueryParametersError",
            "X-Amz-Expires must be less than a week (in seconds) that is 604800",
        )
    pairs = [pair for pair in pairs if pair[0] != "X-Amz-Signature"]
    return _version_4_claim(
        method, path, pairs, headers, scope, signed, parameters["X-Amz-Signature"],
        date=date,
        lifetime=lifetime,
        token=parameters.get("X-Amz-Security-Token"),
        payload=headers.get("x-amz-content-sha256", UNSIGNED),
    )  # fmt: skip


def _version_4_claim(
    method: str, path: str, pairs: Pairs, headers: dict[str, str], scope: str, signed: str, signature: str,
    *, date: str, lifetime: int | None, token: str | None, payload: str | None,
) -> Claim:  # fmt: skip
    try:
        access_key, day, region, service, _ = scope.split("/")
        signed_at = _seconds(date)
    except ValueError:
        raise AwsError(
            "IncompleteSignatureException",
            "The signature's credential must be KEY/DATE/REGION/SERVICE/aws4_request, and the request must "
            f"carry a date such as 20260131T120000Z; got {scope!r} and {date!r}.",
            403,
        ) from None
    names = signed.split(";")
    if service == "s3" and any(name.startswith("x-amz-") and name not in names for name in headers):
        raise AwsError("AccessDenied", "There were headers present in the request which were not signed", 403)
    if "host" not in names:
        raise AwsError("IncompleteSignatureException", "'Host' must be a 'SignedHeader' in the signature.", 403)
    canonical_path = path if service == "s3" else quote(path or "/", safe="/~")
    canonical_query = "&".join(f"{name}={value}" for name, value in sorted((_encode(n), _encode(v)) for n, v in pairs))
    canonical_headers = "".join([f"{name}:{_one_space(headers.get(name, '').strip())}\n" for name in names])
    head = f"{method}\n{canonical_path}\n{canonical_query}\n{canonical_headers}\n{signed}\n"

    def sign(key: Key, body: str) -> str:
        digest = hashlib.sha256((head + body).encode()).hexdigest()
        string = f"{ALGORITHM}\n{date}\n{day}/{region}/{service}/aws4_request\n{digest}"
        signer = _signing_key(key.secret_access_key, day, region, service)
        return hmac.new(signer, string.encode(), hashlib.sha256).hexdigest()

    expires = None if lifetime is None else signed_at + lifetime
    return Claim(access_key, service, region, signed_at, expires, token, payload, sign, signature)


def _version_2_claim(method: str, path: str, headers: dict[str, str], parameters: dict[str, str]) -> Claim:
    if not re.fullmatch("[0-9]{1,11}", parameters.get("Expires", "")):
        raise AwsError(
            "AccessDenied",
            "Query-string authentication requires the Signature, Expires and AWSAccessKeyId parameters",
            403,
        )
    amazon = {name: value for name, value in headers.items() if name.startswith("x-amz-")}
    amazon |= {name.lower(): value for name, value in parameters.items() if name.lower().startswith("x-amz-")}
    resource = path
    listed = sorted((name, value) for name, value in parameters.items() if name in SUBRESOURCES)
    if listed:
        resource += "?" + "&".join(f"{name}={value}" if value else name for name, value in listed)
    lines = [method, headers.get("content-md5", ""), headers.get("content-type", ""), parameters["Expires"]]
    lines += [f"{name}:{value.strip()}" for name, value in sorted(amazon.items())]
    string = "\n".join([*lines, resource])

    def sign(key: Key, _: str) -> str:
        digest = hmac.new(key.secret_access_key.encode(), string.encode(), hashlib.sha1).digest()
        return base64.b64encode(digest).decode()

    token = amazon.get("x-amz-security-token")
    expires = float(parameters["Expires"])
    return Claim(parameters["AWSAccessKeyId"], "s3", "", 0.0, expires, token, UNSIGNED, sign, parameters["Signature"])


@lru_cache(maxsize=64)
def _signing_key(secret: str, *scope: str) -> bytes:
    key = b"AWS4" + secret.encode()
    for part in (*scope, "aws4_request"):
        key = hmac.new(key, part.encode(), hashlib.sha256).digest()
    return key


@lru_cache(maxsize=64)
def _seconds(date: str) -> int:
    """A signature's date in seconds since the epoch; a client signs many requests with the same one."""
    return timegm(time.strptime(date, "%Y%m%dT%H%M%SZ"))


def _one_space(text: str) -> str:
    return re.sub(" +", " ", text) if "  " in text else text


def _encode(text: str) -> str:
    return quote(unquote(text), safe="-_.~")


def _amz_date(seconds: float) -> str:
    return time.strftime("%Y%m%dT%H%M%SZ", time.gmtime(seconds))


def _iso(seconds: float) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(seconds))
