"""``kill -9`` of the account's process at any moment: what was acknowledged is there, and nothing hangs.

Clients put, change and delete objects, train, deploy, ask and make roles, each for itself; at a moment that a seed
chooses the process is killed.  What a call had answered by then must hold when the account runs again; a call without
an answer may have happened or not, but whole.
"""

from __future__ import annotations

import hashlib
import json
import random
import threading
import time
from collections import Counter

import pytest
from botocore.exceptions import BotoCoreError, ClientError

from support.account import Place
from support.training import IMAGE, channel, csv, definition, ended, table, wait_until

BUCKET = "faults"
LATEST = 2.5  # seconds after the clients' start until which the process is killed
PART = 5 << 20  # bytes, the least that a part may have


class Ledger:
    """What was acknowledged, by what it is of; a call that is under way is in neither state for sure."""

    def __init__(self) -> None:
        self.objects: dict[str, set[str | None]] = {}  # key: the SHA-256 that it may have, None if it may be gone
        self.jobs: list[str] = []
        self.endpoints: list[str] = []
        self.roles: dict[str, str] = {}
        self.tags: dict[str, str] = {}
        self.calls: Counter[str] = Counter()
        self.faults: list[str] = []


class Load:
    """The clients, each a thread that ends when the account does."""

    def __init__(self, place: Place, ledger: Ledger, chance: random.Random, moment: int) -> None:
        self.connection, self.ledger, self.moment = place.running(), ledger, moment
        names = ("s3", "sagemaker", "sagemaker-runtime", "iam")
        self.s3, self.sagemaker, self.runtime, self.iam = (place.client(name) for name in names)
        self.over = threading.Event()
        kinds = (self.objects, self.parts, self.jobs, self.endpoints, self.roles)
        self.threads = [
            threading.Thread(target=self._run, args=(kind, random.Random(chance.random()))) for kind in kinds
        ]
        for thread in self.threads:
            thread.start()

    def end(self) -> None:
        for thread in self.threads:
            thread.join(60)
            assert not thread.is_alive(), "a client hangs"

    def _run(self, kind, chance: random.Random) -> None:
        try:
            for number in range(1_000_000):
                if self.over.is_set():
                    return
                kind(f"{self.moment}-{number}", chance)
        except BotoCoreError:
            pass  # the connection broke
        except Exception as error:
            if self.over.is_set() and isinstance(error, KeyError):
                return  # boto3 takes an answer that was cut short for one without members
            self.ledger.faults.append(f"{kind.__name__}: {error!r}")

    def objects(self, name: str, chance: random.Random) -> None:
        key = chance.choice((f"one/{name}", f"again/{self.moment}"))
        body = chance.randbytes(chance.choice((0, 10, 100_000, 3_000_000)))
        digest = hashlib.sha256(body).hexdigest()
        may = self.ledger.objects.setdefault(key, {None})
        if chance.random() < 0.2:
            may.add(None)
            self.s3.delete_object(Bucket=BUCKET, Key=key)
            self._holds(key, None)
        else:
            may.add(digest)
            self.s3.put_object(Bucket=BUCKET, Key=key, Body=body)
            self._holds(key, digest)
        self.ledger.calls["objects"] += 1

    def _holds(self, key: str, digest: str | None) -> None:
        self.ledger.objects[key] = {digest}

    def parts(self, name: str, chance: random.Random) -> None:
        s3, key = self.s3, f"parts/{name}"
        bodies = [chance.randbytes(PART), chance.randbytes(1000)]
        digest = hashlib.sha256(b"".join(bodies)).hexdigest()
        self.ledger.objects[key] = {None, digest}
        upload = {"Bucket": BUCKET, "Key": key}
        upload["UploadId"] = s3.create_multipart_upload(**upload)["UploadId"]
        tags = [
            {"PartNumber": number, "ETag": s3.upload_part(**upload, PartNumber=number, Body=body)["ETag"]}
            for number, body in enumerate(bodies, 1)
        ]
        s3.complete_multipart_upload(**upload, MultipartUpload={"Parts": tags})
        self._holds(key, digest)
        self.ledger.calls["uploads in parts"] += 1

    def jobs(self, name: str, chance: random.Random) -> None:
        sagemaker, job = self.sagemaker, f"job-{name}"
        asked = definition(self.connection, job, channel(f"s3://{BUCKET}/rows.csv"), bucket=BUCKET)
        arn = sagemaker.create_training_job(**asked)["TrainingJobArn"]
        self.ledger.jobs.append(job)
        sagemaker.add_tags(ResourceArn=arn, Tags=[{"Key": "name", "Value": name}])
        self.ledger.tags[arn] = name
        self.ledger.calls["jobs"] += 1
        if chance.random() < 0.3:
            try:
                sagemaker.stop_training_job(TrainingJobName=job)
            except ClientError as error:
                if "Completed" not in str(error):  # it has ended
                    raise
        time.sleep(0.3)

    def endpoints(self, name: str, chance: random.Random) -> None:
        sagemaker, endpoint = self.sagemaker, f"endpoint-{name}"
        sagemaker.create_endpoint(EndpointName=endpoint, EndpointConfigName="config")
        self.ledger.endpoints.append(endpoint)
        wait_until(
            lambda: sagemaker.describe_endpoint(EndpointName=endpoint)["EndpointStatus"],
            lambda status: status != "Creating",
            endpoint,
        )
        for _ in range(chance.randrange(20)):
            self.runtime.invoke_endpoint(EndpointName=endpoint, ContentType="text/csv", Body=b"50,50")["Body"].read()
            self.ledger.calls["invocations"] += 1
        if chance.random() < 0.5:
            self.ledger.endpoints.remove(endpoint)  # neither there nor gone for sure, until the call returns
            sagemaker.delete_endpoint(EndpointName=endpoint)
        self.ledger.calls["endpoints"] += 1

    def roles(self, name: str, chance: random.Random) -> None:
        iam, role = self.iam, f"role-{name}"
        trust = json.dumps({"Version": "2012-10-17", "Statement": []})
        self.ledger.roles[role] = iam.create_role(RoleName=role, AssumeRolePolicyDocument=trust)["Role"]["RoleId"]
        self.ledger.calls["roles"] += 1
        if chance.random() < 0.5:
            del self.ledger.roles[role]
            iam.delete_role(RoleName=role)
        time.sleep(0.1)


def check(place: Place, ledger: Ledger) -> None:
    """All that was acknowledged, in the account that was started again."""
    s3, sagemaker = place.client("s3"), place.client("sagemaker")
    runtime, iam = place.client("sagemaker-runtime"), place.client("iam")
    assert ledger.faults == []
    listed = {row["Key"] for page in s3.get_paginator("list_objects_v2").paginate(Bucket=BUCKET)
              for row in page.get("Contents", [])}  # fmt: skip
    for key, may in ledger.objects.items():
        try:
            held = hashlib.sha256(s3.get_object(Bucket=BUCKET, Key=key)["Body"].read()).hexdigest()
        except s3.exceptions.NoSuchKey:
            held = None
        assert held in may, f"{key} is another object"
        assert (key in listed) == (held is not None)
    for job in ledger.jobs:
        found = ended(sagemaker, job)
        assert found["TrainingJobStatus"] in ("Completed", "Failed", "Stopped")
        if found["TrainingJobStatus"] == "Completed":
            model = found["ModelArtifacts"]["S3ModelArtifacts"].partition(f"{BUCKET}/")[2]
            s3.head_object(Bucket=BUCKET, Key=model)
        elif found["TrainingJobStatus"] == "Failed":
            assert "InternalServerError" in found["FailureReason"]
    for arn, name in ledger.tags.items():
        assert {"Key": "name", "Value": name} in sagemaker.list_tags(ResourceArn=arn)["Tags"]
    for endpoint in ledger.endpoints:
        found = wait_until(
            lambda endpoint=endpoint: sagemaker.describe_endpoint(EndpointName=endpoint),
            lambda found: found["EndpointStatus"] != "Creating",
            endpoint,
        )
        if found["EndpointStatus"] == "Failed":
            assert "ended while this endpoint was created" in found["FailureReason"]
        else:
            answer = runtime.invoke_endpoint(EndpointName=endpoint, ContentType="text/csv", Body=b"50,50")
            assert "score" in json.loads(answer["Body"].read())["predictions"][0]
        sagemaker.delete_endpoint(EndpointName=endpoint)
    roles = {role["RoleName"]: role["RoleId"] for page in iam.get_paginator("list_roles").paginate()
             for role in page["Roles"]}  # fmt: skip
    assert ledger.roles.items() <= roles.items()


def ready(place: Place) -> None:
    """A table, a model of it, and a configuration to deploy it by."""
    role = place.start().account.role_arn
    s3, sagemaker = place.client("s3"), place.client("sagemaker")
    s3.create_bucket(Bucket=BUCKET)
    s3.put_object(Bucket=BUCKET, Key="rows.csv", Body=csv(*table()))
    sagemaker.create_training_job(
        **definition(place.running(), "first", channel(f"s3://{BUCKET}/rows.csv"), bucket=BUCKET)
    )
    container = {"Image": IMAGE, "ModelDataUrl": ended(sagemaker, "first")["ModelArtifacts"]["S3ModelArtifacts"]}
    sagemaker.create_model(ModelName="model", PrimaryContainer=container, ExecutionRoleArn=role)
    variant = {"VariantName": "all", "ModelName": "model", "InitialInstanceCount": 1, "InstanceType": "ml.m5.large"}
    sagemaker.create_endpoint_config(EndpointConfigName="config", ProductionVariants=[variant])


@pytest.mark.parametrize("moments", [4, pytest.param(200, marks=pytest.mark.soak)])
def test_what_was_acknowledged_holds(tmp_path, moments):
    place, chance, calls = Place(tmp_path / "state"), random.Random(moments), Counter()
    try:
        ready(place)
        for moment in range(moments):
            ledger = Ledger()
            load = Load(place, ledger, chance, moment)
            time.sleep(chance.uniform(0, LATEST))
            load.over.set()
            place.kill()
            load.end()
            place.start()
            check(place, ledger)
            calls += ledger.calls
        print(f"\nkilled at {moments} moments; acknowledged before: {dict(calls)}")
        assert calls.keys() >= {"objects", "uploads in parts", "jobs", "endpoints", "invocations", "roles"}
    finally:
        place.close()
