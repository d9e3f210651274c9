"""The account that the questions go to, embedded or real, and what becomes of its answers."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

from parity import recordings
from parity.spending import CAP, Purse
from support.account import Place
from utils.sweep import COURSE

# "" holds the embedded account's answers against what is recorded of it; "record" records them; "aws" asks AWS.
MODE = os.environ.get("PARITY", "")
PATIENCE = 3600 if MODE == "aws" else 60  # seconds


@dataclass
class There:
    """An account that is asked: clients of it, and what a job there needs."""

    session: boto3.Session
    role: str
    bucket: str
    purse: Purse
    run: str = field(default_factory=lambda: f"{time.time_ns() // 10**6:x}")
    names: dict[str, str] = field(default_factory=dict)  # what stands in for them in a recording

    def __post_init__(self) -> None:
        self.purse.watch(self.session)
        self.sagemaker, self.s3 = self.session.client("sagemaker"), self.session.client("s3")
        # The refusal of one request too many is an answer, too.
        once = Config(retries={"total_max_attempts": 1})
        self.runtime, self.logs = self.session.client("sagemaker-runtime", config=once), self.session.client("logs")
        self.region = self.session.region_name
        self.names |= {self.role: "<role>", self.bucket: "<bucket>", self.region: "<region>"}

    def name(self, beginning: str) -> str:
        """A name that nothing has in the account."""
        found = f"course-parity-{beginning}-{self.run}-{len(self.names)}"
        self.names[found] = f"<{beginning}>"
        return found

    def put(self, key: str, body: bytes) -> str:
        """The URI of a new object of this run."""
        key = f"course/parity/{self.run}/{key}"
        self.names[self.run] = "<run>"
        self.s3.put_object(Bucket=self.bucket, Key=key, Body=body)
        return f"s3://{self.bucket}/{key}"

    def said(self, call: Callable, **members: object) -> dict:
        """What a call is answered: code and sentence of its refusal, else that it was accepted."""
        try:
            call(**members)
        except ClientError as error:
            return {"code": error.response["Error"]["Code"], "sentence": error.response["Error"]["Message"]}
        return {"accepted": True}

    def ended(self, ask: Callable, status: str, patience: float = 0.0, **members: str) -> dict:
        """What Describe says once a job has ended; ``patience`` is for one that takes many seconds here, too."""
        end = time.monotonic() + max(PATIENCE, patience)
        while (found := ask(**members))[status] not in ("Completed", "Failed", "Stopped", "InService", "Succeeded"):
            assert time.monotonic() < end, f"{members}: still {found[status]}"
            time.sleep(10 if MODE == "aws" else 0.05)
        return found

    def soon(self, ask: Callable) -> object:
        """An answer that AWS may take some time to give."""
        end = time.monotonic() + PATIENCE
        while not (found := ask()):
            assert time.monotonic() < end, "waited in vain"
            time.sleep(10 if MODE == "aws" else 0.05)
        return found

    def streams(self, group: str, beginning: str = "") -> list[str]:
        """The names of a group's log streams; none before its first line."""
        more = {"logStreamNamePrefix": beginning} if beginning else {}
        try:
            found = self.logs.describe_log_streams(logGroupName=group, **more)["logStreams"]
        except self.logs.exceptions.ResourceNotFoundException:
            return []
        return [each["logStreamName"] for each in found]

    def lines(self, group: str, stream: str) -> list[str]:
        """A job's log, once its last line has come."""
        pages = [
            self.logs.get_log_events(logGroupName=group, logStreamName=name, startFromHead=True)
            for name in self.streams(group, stream)
        ]
        return [event["message"] for page in pages for event in page["events"]]


@pytest.fixture(scope="session")
def there(request) -> Iterator[There]:
    """The account: a ``There``."""
    tags = {"course": COURSE, "course-user": os.environ.get("COURSE_USER", "parity"), "course-run": "parity"}
    purse = Purse(
        [{"Key": key, "Value": value} for key, value in tags.items()], float(os.environ.get("PARITY_CAP", CAP))
    )
    if MODE == "aws":
        from utils.preflight.stack import open_session

        session, role = open_session()
        found = There(session.boto_session, role, session.default_bucket(), purse)
    else:
        connection = request.getfixturevalue("account")
        found = There(boto3.Session(), connection.account.role_arn, request.getfixturevalue("bucket"), purse)
    yield found
    if MODE == "record":
        recordings.write("embedded", "bill", "bill", purse.bill())


@pytest.fixture
def restricted(there, tmp_path) -> Iterator[Callable[[str], object]]:
    """Makes boto3's clients for somebody who may read the objects of the bucket, and nothing else."""
    arn = f"arn:aws:s3:::{there.bucket}/*"
    policy = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "s3:GetObject", "Resource": arn}]}
    if MODE == "aws":
        try:
            made = there.session.client("sts").get_federation_token(Name="course-parity", Policy=json.dumps(policy))
        except ClientError as error:  # keys of a role, not of a user
            pytest.skip(f"{error}")
        keys = [made["Credentials"][name] for name in ("AccessKeyId", "SecretAccessKey", "SessionToken")]
        yield boto3.Session(*keys, region_name=there.region).client
        return
    place = Place(tmp_path / "state")
    (tmp_path / "policy.json").write_text(json.dumps(policy))
    place.start()
    place.client("s3").create_bucket(Bucket=there.bucket)
    place.command("stop")
    place.start(LOCAL_AWS_POLICY=str(tmp_path / "policy.json"))
    yield place.client
    place.close()


@pytest.fixture
def answers(request, there) -> Callable[[object], None]:
    """Takes what the account answered: held against the embedded account's recording, or recorded."""
    subject = request.path.stem.removeprefix("test_parity_")
    question = request.node.name.removeprefix("test_")

    def take(value: object) -> None:
        value = recordings.plain(value, there.names)
        if MODE:
            recordings.write("aws" if MODE == "aws" else "embedded", subject, question, value)
        else:
            recorded = recordings.read("embedded", subject).get(question)
            assert value == recorded, "another answer than is recorded: 'python tests/parity record' takes it over"

    return take
