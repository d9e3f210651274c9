"""What several tests ask of SageMaker: small tables, training jobs of them, and models from these."""

from __future__ import annotations

import io
import itertools
import json
import struct
import tarfile
import time
import zipfile

import numpy as np
import pytest
from botocore import xform_name
from botocore.exceptions import ClientError

IMAGE = "382416733822.dkr.ecr.us-east-1.amazonaws.com/linear-learner:1"
QUICK = {"predictor_type": "regressor", "num_models": "1", "epochs": "1", "mini_batch_size": "4"}
ENDLESS = {"predictor_type": "regressor", "epochs": "1000000", "early_stopping_patience": "1000000"}
ENDLESS |= {"mini_batch_size": "4"}
TIME_LIMIT = 60  # seconds; nothing here takes as long unless it hangs
JSON_TYPES: dict[str, tuple[type, ...]] = {"string": (str,), "boolean": (bool,), "integer": (int,), "long": (int,)}
JSON_TYPES |= dict.fromkeys(("float", "double", "timestamp"), (int, float))
_numbers = itertools.count(1)


def name(beginning: str) -> str:
    """A name that no other test uses."""
    return f"{beginning}-{next(_numbers)}-{time.time_ns() // 1000}"


def table(rows: int = 40, features: int = 2, seed: int = 7):
    """Features (rows, features) and labels (rows,), float32, of a line with noise."""
    random = np.random.default_rng(seed)
    x = random.normal(50, 10, (rows, features)).astype("float32")
    y = x @ np.arange(1, features + 1, dtype="float32") + 7 + random.normal(0, 1, rows)
    return x, y.astype("float32")


def csv(x, y) -> bytes:
    """The label first, no header: what Linear Learner reads."""
    text = io.StringIO()
    np.savetxt(text, np.column_stack([y, x]), "%.9g", delimiter=",")
    return text.getvalue().encode()


def channel(uri: str, channel_name: str = "train", kind: str = "S3Prefix", content_type: str | None = "text/csv"):
    source = {"S3DataType": kind, "S3Uri": uri, "S3DataDistributionType": "FullyReplicated"}
    found = {"ChannelName": channel_name, "DataSource": {"S3DataSource": source}}
    return found | ({"ContentType": content_type} if content_type else {})


def definition(account, job: str, *channels: dict, bucket: str, hyperparameters=QUICK, **members) -> dict:
    """The members of a CreateTrainingJob."""
    return {
        "TrainingJobName": job,
        "AlgorithmSpecification": {"TrainingImage": IMAGE, "TrainingInputMode": "File"},
        "RoleArn": account.account.role_arn,
        "InputDataConfig": list(channels),
        "OutputDataConfig": {"S3OutputPath": f"s3://{bucket}/models"},
        "ResourceConfig": {"InstanceType": "ml.m5.large", "InstanceCount": 1, "VolumeSizeInGB": 5},
        "StoppingCondition": {"MaxRuntimeInSeconds": 3600},
        "HyperParameters": hyperparameters,
    } | members


def wait_until(ask, wanted, what: str):
    """Ask until the answer is one that is wanted."""
    until = time.monotonic() + TIME_LIMIT
    while not wanted(answer := ask()):
        assert time.monotonic() < until, f"{what}: still {answer} after {TIME_LIMIT} s"
        time.sleep(0.02)
    return answer


def ended(client, job: str) -> dict:
    """A training job's description, once it has ended."""
    return wait_until(
        lambda: client.describe_training_job(TrainingJobName=job),
        lambda body: body["TrainingJobStatus"] in ("Completed", "Failed", "Stopped"),
        job,
    )


def members(s3, uri: str) -> dict[str, bytes]:
    """The files of a ``model.tar.gz`` in S3."""
    bucket, _, key = uri.removeprefix("s3://").partition("/")
    body = s3.get_object(Bucket=bucket, Key=key)["Body"].read()
    with tarfile.open(fileobj=io.BytesIO(body), mode="r:gz") as archive:
        files = {member.name: archive.extractfile(member) for member in archive.getmembers()}
        return {name: file.read() for name, file in files.items() if file}


def coefficients(s3, uri: str):
    """Weights (d,) and bias of a regressor's artifact."""
    weights, bias, _ = linear_functions(s3, uri)
    return weights[:, 0], bias[0]


def linear_functions(s3, uri: str):
    """Weights (d, k), bias (k,) and additional parameters of an artifact, by the layout of MXNet's files."""
    with zipfile.ZipFile(io.BytesIO(members(s3, uri)["model_algo-1"])) as archive:
        body = archive.read("mx-mod-0000.params")
        additional = json.loads(archive.read("additional-params.json"))
    position, arrays = 24, []
    for _ in range(2):
        shape = struct.unpack_from("<qq", body, position + 12)
        position += 40
        arrays.append(np.frombuffer(body, "<f4", shape[0] * shape[1], position).reshape(shape))
        position += 4 * shape[0] * shape[1]
    return arrays[0], arrays[1][0], additional


def refusal(call, *args, **kwargs) -> tuple[str, str]:
    """Code and sentence of the error of a call that must fail."""
    with pytest.raises(ClientError) as caught:
        call(*args, **kwargs)
    error = caught.value.response["Error"]
    return error["Code"], error["Message"]


def checked(client, operation: str, **params) -> dict:
    """A call whose answer, as it came over the wire, is held against botocore's model of the service."""
    bodies: list[bytes] = []

    def keep(response_dict, **_):
        bodies.append(response_dict["body"])

    event = f"before-parse.{client.meta.service_model.service_id.hyphenize()}.{operation}"
    client.meta.events.register(event, keep)
    try:
        answer = getattr(client, xform_name(operation))(**params)
    finally:
        client.meta.events.unregister(event, keep)
    shape = client.meta.service_model.operation_model(operation).output_shape
    check_shape(json.loads(bodies[-1]), shape, operation)
    return answer


def check_shape(value, shape, where: str) -> None:
    """Types, members, required ones and enumerations of a JSON value; a null is none of them."""
    kind = shape.type_name
    if kind == "structure":
        assert set(value) <= set(shape.members), f"{where} has {set(value) - set(shape.members)}"
        assert set(shape.required_members) <= set(value), f"{where} lacks {set(shape.required_members) - set(value)}"
        for member, item in value.items():
            check_shape(item, shape.members[member], f"{where}.{member}")
    elif kind == "list":
        for index, item in enumerate(value):
            check_shape(item, shape.member, f"{where}[{index}]")
    elif kind == "map":
        for key, item in value.items():
            check_shape(item, shape.value, f"{where}[{key}]")
    else:
        assert type(value) in JSON_TYPES[kind], f"{where} is {value!r}, not of type {kind}"
        if getattr(shape, "enum", None):
            assert value in shape.enum, f"{where} is {value}"
