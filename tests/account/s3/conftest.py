"""An S3 for each file of tests, and a bucket for each test."""

from __future__ import annotations

import hashlib

import pytest

from support.s3_over_http import Account


@pytest.fixture(scope="module")
def account(tmp_path_factory):
    account = Account(tmp_path_factory.mktemp("s3"))
    yield account
    account.stop()


@pytest.fixture
def s3(account):
    return account.client


@pytest.fixture
def bucket(account, request):
    """An empty bucket of the test's own."""
    name = "b-" + hashlib.sha256(request.node.nodeid.encode()).hexdigest()[:20]
    account.client.create_bucket(Bucket=name)
    return name
