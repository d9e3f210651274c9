"""What the package offers to programs: ``local_aws.connect`` and ``local_aws.account``."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

import boto3
import pytest

import local_aws
from local_aws.core import process_lock
from local_aws.core.account import ROLE_NAME
from support.account import until

CHILD = "import boto3; print(boto3.client('sts').get_caller_identity()['Arn'])"


@pytest.fixture
def aws(monkeypatch) -> Path:
    """An environment that leads to AWS."""
    for name in [name for name in os.environ if name.startswith(("AWS_", "LOCAL_AWS_"))]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_PROFILE", "mine")
    monkeypatch.setenv("AWS_ENDPOINT_URL_S3", "https://s3.example.org")


def test_a_block_is_led_to_an_account_and_only_the_block(aws) -> None:
    before = dict(os.environ)
    session = boto3.DEFAULT_SESSION
    with local_aws.account() as connection:
        place = connection.folder.parent
        boto3.client("s3").create_bucket(Bucket="data")
        assert boto3.client("s3").list_buckets()["Buckets"][0]["Name"] == "data"
        child = subprocess.run([sys.executable, "-c", CHILD], capture_output=True, text=True, check=True)
        assert child.stdout.strip() == connection.account.identity_arn
        assert connection.role_arn.endswith(f":role/service-role/{ROLE_NAME}")
        from sagemaker import Session, get_execution_role  # the SDK goes around AWS_ENDPOINT_URL for STS

        assert Session().account_id() == connection.account.account_id
        assert get_execution_role() == connection.role_arn
    assert dict(os.environ) == before
    assert boto3.DEFAULT_SESSION is session
    assert not place.exists() and not process_lock.is_held(connection.folder / "server.lock")


def test_the_sdks_are_as_they_were_afterwards(aws) -> None:
    import botocore.session
    import sagemaker.session
    from sagemaker.telemetry import telemetry_logging

    owners = [
        (botocore.session.Session, "create_client"),
        (sagemaker.session, "NOTEBOOK_METADATA_FILE"),
        (telemetry_logging, "_requests_helper"),
    ]
    before, finders = [getattr(*each) for each in owners], list(sys.meta_path)
    with local_aws.account():
        within = [getattr(*each) for each in owners]
    assert [getattr(*each) for each in owners] == before and sys.meta_path == finders
    if not any(type(each).__name__ == "_Finder" for each in finders):  # else it is led from outside
        assert all(one is not other for one, other in zip(before, within, strict=True))


def test_an_exception_ends_it_as_well(aws) -> None:
    before = dict(os.environ)
    with pytest.raises(ZeroDivisionError), local_aws.account() as connection:
        1 / 0  # noqa: B018 - that it raises is what it is for
    assert dict(os.environ) == before
    assert not connection.folder.exists()


def test_a_process_that_is_killed_leaves_no_process_behind(aws) -> None:
    program = "import local_aws, time\nwith local_aws.account() as aws: print(aws.folder, flush=True); time.sleep(60)"
    process = subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True)
    folder = Path(process.stdout.readline().strip())
    assert process_lock.is_held(folder / "server.lock")
    process.kill()
    process.communicate()
    until(lambda: not process_lock.is_held(folder / "server.lock"))
    shutil.rmtree(folder.parent)


def test_a_folder_is_kept_and_its_process_ends(aws, tmp_path) -> None:
    for _ in range(2):
        with local_aws.account(tmp_path / "mine") as connection:
            s3 = boto3.client("s3")
            names = [each["Name"] for each in s3.list_buckets()["Buckets"]]
            s3.create_bucket(Bucket=f"data-{len(names)}")
        assert not process_lock.is_held(connection.folder / "server.lock")
    assert names == ["data-0"]


def test_who_used_the_account_before_keeps_it(aws, tmp_path) -> None:
    connection = local_aws.connect(tmp_path / "mine")
    with local_aws.account(str(tmp_path / "mine")) as within:
        assert within.url == connection.url
    assert process_lock.is_held(connection.folder / "server.lock")
    with local_aws.account(tmp_path / "other") as other, local_aws.account(tmp_path / "mine"):
        assert boto3.client("sts").get_caller_identity()["UserId"] != other.account.access_key_id
    local_aws.client.stop(connection.folder)
    local_aws.client.release(connection.folder)


def test_the_package_is_light_to_import() -> None:
    program = (
        "import sys, local_aws; dir(local_aws); print(sorted(n for n in sys.modules if n.partition('.')[0] in {}))"
    )
    heavy = ("boto3", "botocore", "numpy", "starlette")
    done = subprocess.run([sys.executable, "-c", program.format(heavy)], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"
    with pytest.raises(AttributeError, match="module 'local_aws' has no attribute 'nothing'"):
        local_aws.nothing  # noqa: B018 - that it raises is what it is for


def test_there_is_one_version() -> None:
    assert version("embedded-aws-account") == local_aws.__version__
    done = subprocess.run([sys.executable, "-m", "local_aws", "--version"], capture_output=True, text=True, check=True)
    assert done.stdout == f"embedded-aws-account {local_aws.__version__}\n"
