"""The embedded account's S3 behind a server of its own, and what is asked of it through boto3 and raw HTTP."""

from __future__ import annotations

import base64
import http.client
import socket
import threading
import zlib
from pathlib import Path

import boto3
import pytest
import uvicorn
from botocore.config import Config
from botocore.exceptions import ClientError
from starlette.requests import Request

from local_aws.core.errors import AwsError
from local_aws.door.expect_continue import close_refused
from local_aws.services.s3.objects import ObjectStore
from local_aws.services.s3.protocol import error_response
from local_aws.services.s3.service import S3Service

MIB = 1 << 20


class S3Server:
    """An S3 behind uvicorn on a port of its own, and a boto3 client for it."""

    def __init__(self, folder: Path, region: str = "us-east-1") -> None:
        self.folder = folder
        self.store = ObjectStore(folder)
        s3 = S3Service(self.store, region, "123456789012")

        async def app(scope, receive, send):
            request = Request(scope, receive)
            try:
                response = await s3.handle(request)
            except AwsError as error:
                response = error_response(error, request.url.path, "REQUEST1", request.method == "HEAD")
            response.headers["x-amz-request-id"] = "REQUEST1"
            await response(scope, receive, send)

        listener = socket.create_server(("127.0.0.1", 0))
        self.port = listener.getsockname()[1]
        self.server = uvicorn.Server(uvicorn.Config(close_refused(app), log_level="error", lifespan="off"))
        self.thread = threading.Thread(target=self.server.run, args=([listener],), daemon=True)
        self.thread.start()
        self.client = boto3.client(
            "s3",
            region_name=region,
            endpoint_url=f"http://127.0.0.1:{self.port}",
            aws_access_key_id="test",
            aws_secret_access_key="test",
            config=Config(retries={"total_max_attempts": 1}, s3={"addressing_style": "path"}, proxies={}),
        )

    def raw(self, method, target, body=None, headers=None):
        """A request as written, without boto3: (status, headers, body)."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=20)
        try:
            connection.request(method, target, body, headers or {})
            response = connection.getresponse()
            return response.status, response.headers, response.read()
        finally:
            connection.close()

    def files(self) -> list[Path]:
        return [path for path in (self.folder / "data").glob("*/*") if path.is_file()]

    def stop(self) -> None:
        self.server.should_exit = True
        self.server.force_exit = True
        self.thread.join()
        self.client.close()
        self.store.close()


def refusal(call, *args, **kwargs):
    """The error of a call that must fail."""
    with pytest.raises(ClientError) as caught:
        call(*args, **kwargs)
    return caught.value


def code(call, *args, **kwargs) -> tuple[str, int]:
    error = refusal(call, *args, **kwargs)
    return error.response["Error"]["Code"], error.response["ResponseMetadata"]["HTTPStatusCode"]


def keys(answer) -> list[str]:
    return [row["Key"] for row in answer.get("Contents", [])]


def read(s3, bucket, key, **how) -> bytes:
    return s3.get_object(Bucket=bucket, Key=key, **how)["Body"].read()


def crc(body: bytes) -> bytes:
    return base64.b64encode(zlib.crc32(body).to_bytes(4, "big"))


def listed(*parts):
    return {"Parts": [{"PartNumber": number, "ETag": etag} for number, etag in parts]}
