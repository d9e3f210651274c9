"""An S3 for each file of tests, and a bucket for each test."""

from __future__ import annotations

import hashlib

import pytest

from support.s3_over_http import S3Server


@pytest.fixture(scope="module")
def s3_server(tmp_path_factory):
    s3_server = S3Server(tmp_path_factory.mktemp("s3"))
    yield s3_server
    s3_server.stop()


@pytest.fixture
def s3(s3_server):
    return s3_server.client


@pytest.fixture
def bucket(s3_server, request):
    """An empty bucket of the test's own."""
    name = "b-" + hashlib.sha256(request.node.nodeid.encode()).hexdigest()[:20]
    s3_server.client.create_bucket(Bucket=name)
    return name
