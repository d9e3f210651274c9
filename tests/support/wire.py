"""Requests signed by botocore and sent by http.client: what any client but boto3 puts on the wire."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime
from http.client import HTTPConnection
from unittest import mock
from urllib.parse import urlsplit
from xml.etree import ElementTree

from botocore.auth import S3SigV4Auth, SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from botocore.session import get_session

# botocore's name of a service that is signed for by another one.
MODELS = {"monitoring": "cloudwatch", "servicequotas": "service-quotas"}


@dataclass
class Answer:
    """An HTTP answer; ``headers`` has lower-case names."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> dict:
        return json.loads(self.body)

    @property
    def xml(self) -> dict[str, str]:
        """The texts of an XML document's leaves, by their tags without namespace."""
        return {node.tag.rpartition("}")[2]: node.text or "" for node in ElementTree.fromstring(self.body).iter()}


def credentials(account, **changes: str | None) -> Credentials:
    """The account's keys, with some of ``access_key``, ``secret_key``, ``token`` changed."""
    own = {
        "access_key": account.account.access_key_id,
        "secret_key": account.account.secret_access_key,
        "token": account.account.session_token,
    }
    return Credentials(**(own | changes))


def signed(
    account, service: str, method: str = "POST", path: str = "/", headers: dict[str, str] | None = None,
    body: bytes = b"", keys: Credentials | None = None, at: datetime | None = None,
) -> dict[str, str]:  # fmt: skip
    """The headers of a request with botocore's signature; ``at`` is the signer's clock."""
    request = AWSRequest(method, account.url + path, dict(headers or {}), body)
    signer = S3SigV4Auth if service == "s3" else SigV4Auth
    with mock.patch("botocore.auth.get_current_datetime", return_value=at) if at else mock.MagicMock():
        signer(keys or credentials(account), service, "us-east-1").add_auth(request)
    return dict(request.headers.items())


def send(
    account, method: str, path: str, headers: dict[str, str], body: bytes = b"", host: str | None = None
) -> Answer:
    """Send a request as it stands; ``host`` replaces the Host header that the address gives."""
    connection = HTTPConnection(urlsplit(account.url).netloc, timeout=30)
    try:
        connection.putrequest(method, path, skip_host=True, skip_accept_encoding=True)
        for name, value in {
            "Host": urlsplit(account.url).netloc if host is None else host,
            "Content-Length": str(len(body)),
            **headers,
        }.items():
            connection.putheader(name, value)
        connection.endheaders(body)
        answer = connection.getresponse()
        found = {name.lower(): value for name, value in answer.getheaders()}
        return Answer(answer.status, found, answer.read())
    finally:
        connection.close()


def call(account, service: str, operation: str, params: object, **signing) -> Answer:
    """A signed call of a JSON service's operation; ``params`` may be the body's bytes themselves."""
    prefix = get_session().get_service_model(MODELS.get(service, service)).metadata["targetPrefix"]
    body = params if isinstance(params, bytes) else json.dumps(params).encode()
    headers = {
        "X-Amz-Target": f"{prefix}.{operation}",
        "Content-Type": "application/x-amz-json-1.1",
    }
    return send(account, "POST", "/", signed(account, service, headers=headers, body=body, **signing), body)
