"""The account's door: who is let in, and what the others are told, in AWS's own codes and wire forms."""

from __future__ import annotations

import base64
import hashlib
import hmac
import shutil
import subprocess
import time
from datetime import UTC, datetime, timedelta
from unittest import mock
from urllib.error import HTTPError
from urllib.parse import quote, urlsplit
from urllib.request import Request, urlopen
from xml.etree import ElementTree

import boto3
import pytest
from botocore.auth import S3SigV4Auth, S3SigV4QueryAuth, SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.client import Config
from botocore.credentials import Credentials
from botocore.exceptions import ClientError
from hypothesis import given, settings
from hypothesis import strategies as st

from local_aws.core.errors import AwsError
from local_aws.wire.signature import Key, claim
from support.wire import call, credentials, send, signed

# A harmless call of each family of protocols.
CALLS = {
    "s3": lambda client: client.list_buckets(),
    "sagemaker": lambda client: client.list_models(),
    "logs": lambda client: client.describe_log_groups(),
    "ecr": lambda client: client.describe_repositories(),
    "sagemaker-runtime": lambda client: client.invoke_endpoint(EndpointName="none", Body=b"1"),
    "sts": lambda client: client.get_caller_identity(),
    "iam": lambda client: client.list_roles(),
}
ONCE = Config(retries={"total_max_attempts": 1})
LONG_AGO = datetime.now(UTC) - timedelta(hours=3)
LATER = datetime.now(UTC) + timedelta(hours=3)


def refusal(account, service: str, at: datetime | None = None, **changes: str | None) -> ClientError:
    """What boto3 raises for a call with some of the account's keys changed, or by another clock."""
    keys = credentials(account, **changes)
    client = boto3.Session(keys.access_key, keys.secret_key, keys.token).client(service, config=ONCE)
    clock = mock.patch("botocore.auth.get_current_datetime", return_value=at or datetime.now(UTC))
    with pytest.raises(ClientError) as raised, clock:
        CALLS[service](client)
    return raised.value


def code(error: ClientError) -> tuple[str, int]:
    return error.response["Error"]["Code"], error.response["ResponseMetadata"]["HTTPStatusCode"]


def codes(s3: str, query: str, json: str) -> list[tuple[str, str, int]]:
    """(service, code, status) of one fault in all families; the JSON protocol knows 400 and 500 only."""
    return [
        ("s3", s3, 400 if s3 == "InvalidToken" else 403),
        ("sts", query, 403),
        ("iam", query, 403),
        ("sagemaker", json, 400),
        ("logs", json, 400),
        ("ecr", json, 400),
        ("sagemaker-runtime", json, 403),
    ]


@pytest.mark.parametrize("service", CALLS)
def test_the_accounts_own_keys_are_let_in(account, service):
    try:
        CALLS[service](boto3.client(service))
    except ClientError as error:
        # The endpoint does not exist: the request came as far as SageMaker.
        assert code(error)[0] == "ValidationError"


UNKNOWN = codes("InvalidAccessKeyId", "InvalidClientTokenId", "UnrecognizedClientException")


@pytest.mark.parametrize(("service", "expected", "status"), UNKNOWN)
def test_a_key_that_the_account_never_gave_out(account, service, expected, status):
    assert code(refusal(account, service, access_key="ASIAUNKNOWNUNKNOWN00")) == (expected, status)


@pytest.mark.parametrize(
    ("service", "expected", "status"),
    codes("SignatureDoesNotMatch", "SignatureDoesNotMatch", "InvalidSignatureException"),
)
def test_a_wrong_secret(account, service, expected, status):
    error = refusal(account, service, secret_key="wrong")
    assert code(error) == (expected, status)
    assert "The request signature we calculated does not match the signature you provided" in str(error)


@pytest.mark.parametrize(
    ("service", "expected", "status"), codes("InvalidToken", "InvalidClientTokenId", "UnrecognizedClientException")
)
def test_a_wrong_session_token(account, service, expected, status):
    assert code(refusal(account, service, token="wrong")) == (expected, status)


@pytest.mark.parametrize(("service", "expected", "status"), UNKNOWN)
def test_temporary_keys_without_their_session_token(account, service, expected, status):
    assert code(refusal(account, service, token=None)) == (expected, status)


@pytest.mark.parametrize(
    ("service", "expected", "status"),
    codes("RequestTimeTooSkewed", "SignatureDoesNotMatch", "InvalidSignatureException"),
)
@pytest.mark.parametrize("at", [LONG_AGO, LATER], ids=["long ago", "later"])
def test_a_clock_that_is_wrong_by_more_than_fifteen_minutes(account, service, expected, status, at):
    error = refusal(account, service, at)
    assert code(error) == (expected, status)
    if service == "s3":
        assert "The difference between the request time and the current time is too large." in str(error)
    else:
        words = "Signature expired: {} is now earlier" if at is LONG_AGO else "Signature not yet current: {} is still"
        assert words.format(at.strftime("%Y%m%dT%H%M%SZ")) in str(error)


def test_a_clock_that_is_wrong_by_ten_minutes_will_do(account):
    for minutes in (-10, 10):
        at = datetime.now(UTC) + timedelta(minutes=minutes)
        assert call(account, "sagemaker", "ListModels", {}, at=at).status == 200


def test_an_unsigned_request(account):
    answer = send(account, "GET", "/", {})
    assert (answer.status, answer.xml["Code"]) == (403, "AccessDenied")
    answer = send(account, "POST", "/", {"X-Amz-Target": "SageMaker.ListModels"}, b"{}")
    assert (answer.status, answer.json["__type"]) == (400, "MissingAuthenticationTokenException")
    answer = send(account, "POST", "/endpoints/none/invocations", {}, b"1")
    assert (answer.status, answer.headers["x-amzn-errortype"]) == (403, "MissingAuthenticationTokenException")
    form = {"Content-Type": "application/x-www-form-urlencoded"}
    answer = send(account, "POST", "/", form, b"Action=GetCallerIdentity&Version=2011-06-15")
    assert (answer.status, answer.xml["Code"]) == (403, "MissingAuthenticationToken")


def test_the_wire_form_of_a_refusal_is_its_protocols(account):
    wrong = credentials(account, secret_key="wrong")
    answer = send(account, "GET", "/", signed(account, "s3", "GET", keys=wrong))
    assert answer.headers["content-type"] == "application/xml"
    assert answer.xml.keys() >= {"Code", "Message", "Resource", "RequestId"}
    assert ElementTree.fromstring(answer.body).tag == "Error"
    answer = call(account, "sagemaker", "ListModels", {}, keys=wrong)
    assert answer.headers["content-type"] == "application/x-amz-json-1.1"
    assert answer.json.keys() == {"__type", "message"} and answer.headers["x-amzn-requestid"]
    path = "/endpoints/none/invocations"
    answer = send(account, "POST", path, signed(account, "sagemaker", path=path, body=b"1", keys=wrong), b"1")
    assert answer.headers["content-type"] == "application/json"
    assert answer.headers["x-amzn-errortype"] == "InvalidSignatureException" and answer.json["message"]
    form, body = {"Content-Type": "application/x-www-form-urlencoded"}, b"Action=GetCallerIdentity"
    answer = send(account, "POST", "/", signed(account, "sts", headers=form, body=body, keys=wrong), body)
    assert answer.headers["content-type"].startswith("text/xml")
    assert ElementTree.fromstring(answer.body).tag == "ErrorResponse" and answer.xml["Type"] == "Sender"


def test_a_tampered_body(account, bucket):
    headers = signed(account, "sagemaker", headers={"X-Amz-Target": "SageMaker.ListModels"}, body=b"{}")
    answer = send(account, "POST", "/", headers, b'{"MaxResults":1}')
    assert answer.json["__type"] == "InvalidSignatureException"
    path = "/endpoints/none/invocations"
    answer = send(account, "POST", path, signed(account, "sagemaker", path=path, body=b"1"), b"2")
    assert answer.headers["x-amzn-errortype"] == "InvalidSignatureException"
    form = {"Content-Type": "application/x-www-form-urlencoded"}
    headers = signed(account, "sts", headers=form, body=b"Action=GetCallerIdentity")
    answer = send(account, "POST", "/", headers, b"Action=GetSessionToken")
    assert answer.xml["Code"] == "SignatureDoesNotMatch"
    path = f"/{bucket}/tampered"
    answer = send(account, "PUT", path, signed(account, "s3", "PUT", path, body=b"said"), b"sent")
    assert answer.xml["Code"] == "XAmzContentSHA256Mismatch"
    assert send(account, "GET", path, signed(account, "s3", "GET", path)).status == 404


def test_a_tampered_query_path_method_or_header(account, bucket):
    path = f"/{bucket}?list-type=2&max-keys=1"
    headers = signed(account, "s3", "GET", path)
    assert send(account, "GET", path, headers).status == 200
    for method, other in (("GET", f"{path}0"), ("GET", f"{path}&prefix=a"), ("GET", f"/{bucket}"), ("PUT", path)):
        assert send(account, method, other, headers).xml["Code"] == "SignatureDoesNotMatch"
    target = {"X-Amz-Target": "SageMaker.ListModels"}
    headers = signed(account, "sagemaker", headers=target, body=b"{}") | {"X-Amz-Target": "SageMaker.ListEndpoints"}
    assert send(account, "POST", "/", headers, b"{}").json["__type"] == "InvalidSignatureException"


def test_a_header_that_decides_must_be_signed(account, bucket):
    """S3 asks every x-amz-* header to be among the signed headers, all services ask it of Host."""
    path = f"/{bucket}/smuggled"
    headers = signed(account, "s3", "PUT", path) | {"x-amz-copy-source": f"/{bucket}/secret"}
    answer = send(account, "PUT", path, headers)
    assert (answer.status, answer.xml["Code"]) == (403, "AccessDenied")
    assert answer.xml["Message"] == "There were headers present in the request which were not signed"
    headers = signed(account, "sagemaker", headers={"X-Amz-Target": "SageMaker.ListModels"}, body=b"{}")
    headers["Authorization"] = headers["Authorization"].replace("host;", "")
    answer = send(account, "POST", "/", headers, b"{}")
    assert (answer.status, answer.json["__type"]) == (400, "IncompleteSignatureException")


@pytest.mark.parametrize(
    "authorization",
    ["", "Credential=a/b/c/d/e", "Credential=a, SignedHeaders=host, Signature=0", "=,=,,", "Signature=" + "a" * 60_000],
)
def test_a_signature_that_cannot_be_read(account, authorization):
    headers = {"Authorization": f"AWS4-HMAC-SHA256 {authorization}", "X-Amz-Target": "SageMaker.ListModels"}
    answer = send(account, "POST", "/", headers, b"{}")
    assert answer.status == 400 and answer.json["__type"] == "IncompleteSignatureException"


def test_s3_needs_the_digest_of_the_body_in_a_header(account, bucket):
    """As AWS's answers in public reports have it (curl/curl#8810, aws/aws-cli#2138)."""
    request = AWSRequest("GET", f"{account.url}/{bucket}")  # SigV4Auth, which is not S3's own, does not send it
    SigV4Auth(credentials(account), "s3", "us-east-1").add_auth(request)
    with pytest.raises(HTTPError) as caught:
        urlopen(Request(request.url, headers=dict(request.headers)))
    assert caught.value.code == 400
    answer = ElementTree.fromstring(caught.value.read())
    assert (answer.findtext("Code"), answer.findtext("Message")) == (
        "InvalidRequest",
        "Missing required header for this request: x-amz-content-sha256",
    )


@pytest.mark.parametrize("date", ["", "yesterday", "20261301T000000Z", "20260101"])
def test_a_date_that_cannot_be_read(account, date):
    headers = signed(account, "sagemaker", headers={"X-Amz-Target": "SageMaker.ListModels"}, body=b"{}")
    answer = send(account, "POST", "/", headers | {"X-Amz-Date": date}, b"{}")
    assert answer.status == 400 and answer.json["__type"] == "IncompleteSignatureException"


@pytest.mark.parametrize("host", ["", "example.com", "127.0.0.1", "127.0.0.1:1", "evil.example:{port}"])
def test_another_hosts_name(account, host):
    """A web page that rebinds its name to loopback says its own name."""
    host = host.format(port=urlsplit(account.url).port)
    for headers, body in ((signed(account, "s3", "GET"), b""), ({"X-Amz-Target": "SageMaker.ListModels"}, b"{}")):
        assert send(account, "GET" if not body else "POST", "/", headers, body, host).status in (400, 403)
    answer = send(account, "GET", "/", signed(account, "s3", "GET"), host=host)
    assert (answer.status, b"Bucket" in answer.body) == (403, False)


def test_localhost_is_its_name_too(account):
    port = urlsplit(account.url).port
    names = boto3.client("s3", endpoint_url=f"http://localhost:{port}").list_buckets()
    assert names["ResponseMetadata"]["HTTPStatusCode"] == 200


# Presigned URLs

VERSIONS = {"version 2": None, "version 4": Config(signature_version="s3v4")}


def fetch(url: str, method: str = "GET", body: bytes | None = None) -> tuple[int, bytes]:
    try:
        with urlopen(Request(url, body, method=method, headers={"Content-Type": ""} if body else {})) as answer:
            return answer.status, answer.read()
    except HTTPError as error:
        return error.code, error.read()


@pytest.fixture(params=VERSIONS)
def presigner(account, request):
    """A client of S3 whose presigned URLs are signed in one of S3's two versions."""
    client = boto3.client("s3", config=VERSIONS[request.param])
    url = client.generate_presigned_url("get_object", Params={"Bucket": "a", "Key": "b"})
    assert ("AWSAccessKeyId=" in url) == (request.param == "version 2")
    return client


@pytest.mark.parametrize("key", ["plain", "a folder/a key+é?&=%.csv"])
def test_a_presigned_put_and_get(presigner, bucket, key):
    place = {"Bucket": bucket, "Key": key}
    url = presigner.generate_presigned_url("put_object", Params=place)
    assert fetch(url, "PUT", key.encode())[0] == 200
    assert fetch(presigner.generate_presigned_url("get_object", Params=place)) == (200, key.encode())
    wanted = place | {"ResponseContentType": "text/x-mine", "ResponseContentDisposition": 'attachment; filename="a b"'}
    with urlopen(presigner.generate_presigned_url("get_object", Params=wanted)) as answer:
        assert answer.headers["Content-Type"] == "text/x-mine"
        assert answer.headers["Content-Disposition"] == 'attachment; filename="a b"'


def test_a_presigned_url_is_for_one_method_key_and_query(presigner, bucket):
    url = presigner.generate_presigned_url("get_object", Params={"Bucket": bucket, "Key": "one"})
    for changed, method in (
        (url, "PUT"),
        (url, "DELETE"),
        (url.replace("/one?", "/two?"), "GET"),
        (url + "&response-content-type=text/html", "GET"),
        (url.replace("Signature=", "Signature=0"), "GET"),
        (url.replace("Expires=", "Expires=1"), "GET"),
    ):
        status, body = fetch(changed, method, b"x" if method == "PUT" else None)
        assert status in (400, 403), changed
        assert any(name in body for name in (b"SignatureDoesNotMatch", b"AuthorizationQueryParametersError"))


def test_an_expired_presigned_url(presigner, bucket):
    place = {"Bucket": bucket, "Key": "expired"}
    past = time.time() - 7200
    with (
        mock.patch("botocore.auth.get_current_datetime", return_value=datetime.fromtimestamp(past, UTC)),
        mock.patch("botocore.auth.time.time", return_value=past),
    ):
        url = presigner.generate_presigned_url("get_object", Params=place, ExpiresIn=3600)
        put = presigner.generate_presigned_url("put_object", Params=place, ExpiresIn=3600)
    for status, body in (fetch(url), fetch(put, "PUT", b"late")):
        assert status == 403 and b"<Code>AccessDenied</Code><Message>Request has expired</Message>" in body
    assert fetch(presigner.generate_presigned_url("get_object", Params=place))[0] == 404


@pytest.mark.parametrize("changes", [{"secret_key": "wrong"}, {"access_key": "ASIANOBODY"}, {"token": "wrong"}])
def test_a_presigned_url_of_somebody_else(account, bucket, changes):
    keys = credentials(account, **changes)
    expected = {"secret_key": "SignatureDoesNotMatch", "access_key": "InvalidAccessKeyId", "token": "InvalidToken"}
    for config in VERSIONS.values():
        client = boto3.Session(keys.access_key, keys.secret_key, keys.token).client("s3", config=config)
        url = client.generate_presigned_url("get_object", Params={"Bucket": bucket, "Key": "one"})
        assert f"<Code>{expected[next(iter(changes))]}</Code>".encode() in fetch(url)[1]


@pytest.mark.parametrize("query", ["X-Amz-Expires=0", "X-Amz-Expires=604801", "X-Amz-Expires=never", "X-Amz-Expires="])
def test_a_lifetime_that_aws_does_not_know(account, bucket, query):
    url = VERSION_4_URL.format(url=account.url, bucket=bucket) + query
    status, body = fetch(url)
    assert status == 400 and b"<Code>AuthorizationQueryParametersError</Code>" in body


VERSION_4_URL = (
    "{url}/{bucket}/one?X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=a/20260101/us-east-1/s3/aws4_request"
    "&X-Amz-Date=20260101T000000Z&X-Amz-SignedHeaders=host&X-Amz-Signature=0&"
)


@pytest.mark.parametrize("expires", ["", "soon", "nan", "inf", "-1e300", "9" * 400])
def test_a_version_2_expiry_that_is_no_time(account, bucket, expires):
    own = account.account
    text = f"GET\n\n\n{expires}\nx-amz-security-token:{own.session_token}\n/{bucket}/one"
    digest = hmac.new(own.secret_access_key.encode(), text.encode(), hashlib.sha1).digest()
    given = {
        "AWSAccessKeyId": own.access_key_id,
        "Expires": expires,
        "x-amz-security-token": own.session_token,
        "Signature": base64.b64encode(digest).decode(),
    }
    url = f"{account.url}/{bucket}/one?" + "&".join(f"{name}={quote(value, safe='')}" for name, value in given.items())
    status, body = fetch(url)
    assert status == 403 and b"<Code>AccessDenied</Code>" in body


def test_a_presigned_call_of_sts(account):
    """The proof of identity that one service hands to another: GetCallerIdentity as a URL."""
    url = boto3.client("sts").generate_presigned_url("get_caller_identity", HttpMethod="GET")
    status, body = fetch(url)
    assert status == 200 and account.account.identity_arn.encode() in body
    status, body = fetch(url + "0")
    assert status == 403 and b"<ErrorResponse" in body and b"SignatureDoesNotMatch" in body


@pytest.mark.skipif(not shutil.which("curl"), reason="needs curl")
def test_curl(account):
    own = account.account

    def curl(*arguments: str) -> str:
        command = ["curl", "-sS", "--aws-sigv4", "aws:amz:us-east-1:sagemaker", "--user"]
        command += [f"{own.access_key_id}:{own.secret_access_key}", *arguments, account.url]
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout

    headers = ["-H", f"x-amz-security-token: {own.session_token}", "-H", "X-Amz-Target: SageMaker.ListModels"]
    headers += ["-H", "Content-Type: application/x-amz-json-1.1", "-d", "{}"]
    answer = curl(*headers)
    assert answer.startswith('{"Models"')
    assert "UnrecognizedClientException" in curl(*headers[2:])


# The rules against botocore's own

TEXT = st.text(st.characters(codec="utf-8", exclude_categories=["Cs", "Cc"]), max_size=12)
VALUE = st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=20)
NAMES = st.from_regex(r"[a-z][a-z0-9-]{0,10}", fullmatch=True).map("x-amz-meta-{}".format)


@settings(max_examples=150, deadline=None)
@given(
    method=st.sampled_from(["GET", "PUT", "POST", "DELETE", "HEAD"]),
    segments=st.lists(TEXT.filter(lambda text: text not in (".", "..")), max_size=4),
    query=st.lists(st.tuples(TEXT.filter(bool), TEXT), max_size=4),
    headers=st.dictionaries(NAMES, VALUE, max_size=3),
    body=st.binary(max_size=40),
    secret=st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=1, max_size=40),
    token=st.none() | st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=1, max_size=40),
    form=st.sampled_from(["s3", "s3 query", "sagemaker", "sts"]),
)
def test_what_botocore_signs_is_accepted(method, segments, query, headers, body, secret, token, form):
    service = form.partition(" ")[0]
    path = "/" + "/".join(quote(segment, safe="-_.~") for segment in segments)
    if service != "s3":
        path = "/" + "/".join(part for part in path.split("/") if part)
    line = "&".join(f"{quote(name, safe='-_.~')}={quote(value, safe='-_.~')}" for name, value in query)
    body = b"" if form == "s3 query" else body  # botocore would take a body for more of the query
    request = AWSRequest(method, f"http://127.0.0.1:80{path}" + (f"?{line}" if line else ""), headers, body)
    signer = {"s3": S3SigV4Auth, "s3 query": S3SigV4QueryAuth}.get(form, SigV4Auth)
    signer(Credentials("AKID", secret, token), service, "us-east-1").add_auth(request)
    sent = request.prepare()
    parts = urlsplit(sent.url)
    received = {"host": "127.0.0.1"} | {name.lower(): value for name, value in sent.headers.items()}
    found = claim(method, parts.path, parts.query, received)
    key = Key("AKID", secret, token, "arn")
    digest = hashlib.sha256(body).hexdigest()
    payload = found.payload if service == "s3" else digest
    assert payload == ("UNSIGNED-PAYLOAD" if form == "s3 query" else digest)
    assert (found.access_key_id, found.service, found.region) == ("AKID", service, "us-east-1")
    assert found.check(key, payload) is key
    with pytest.raises(AwsError):
        found.check(Key("AKID", secret + "x", token, "arn"), payload)
    with pytest.raises(AwsError):
        claim(method, parts.path + "x", parts.query, received).check(key, payload)
