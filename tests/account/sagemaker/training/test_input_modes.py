"""How a training job gets its data: FastFile and Pipe mode give what File mode gives, as files or through FIFOs."""

import gzip
import json
import os
import struct

import boto3
import numpy as np
import pytest
from sagemaker.estimator import Estimator
from sagemaker.inputs import TrainingInput
from sagemaker.session import Session

from local_aws.algorithms.recordio import read_records, write_features
from local_aws.services.sagemaker.training.pipe_mode import Pipe
from support.training import (
    ENDLESS,
    IMAGE,
    QUICK,
    csv,
    definition,
    ended,
    linear_functions,
    name,
    refusal,
    table,
    wait_until,
)
from support.training import channel as plain_channel

X, Y = table(40)


@pytest.fixture(scope="module")
def places(s3, bucket):
    """The same forty rows under a prefix of their own each: as two files of CSV, of gzipped CSV, and of records."""
    halves = [(X[:17], Y[:17]), (X[17:], Y[17:])]
    framed = [write_features(X[n : n + 1], Y[n : n + 1]) for n in range(40)]
    bodies = {
        "csv": [csv(*half) for half in halves],
        "gzip": [gzip.compress(csv(*half)) for half in halves],
        "records": [write_features(*half) for half in halves],
        # Objects that are a record's payload each, without RecordIO's frame around it.
        "payloads": [each[8 : 8 + struct.unpack_from("<I", each, 4)[0]] for each in framed],
        "broken": [gzip.compress(csv(X, Y))[:-40]],
    }
    for kind, parts in bodies.items():
        for number, body in enumerate(parts):
            s3.put_object(Bucket=bucket, Key=f"modes/{kind}/part-{number:02}", Body=body)
    manifest = [{"prefix": f"s3://{bucket}/modes/records/"}, "part-00", "part-01"]
    s3.put_object(Bucket=bucket, Key="modes/manifest", Body=json.dumps(manifest))
    return f"s3://{bucket}/modes/"


def submit(sagemaker, account, bucket, *channels, **members):
    """The description of a job, once it has ended."""
    job = name("modes")
    sagemaker.create_training_job(**definition(account, job, *channels, bucket=bucket, **members))
    return ended(sagemaker, job)


def log_of(job):
    pages = (
        boto3.client("logs")
        .get_paginator("filter_log_events")
        .paginate(logGroupName="/aws/sagemaker/TrainingJobs", logStreamNamePrefix=f"{job}/")
    )
    return [event["message"] for page in pages for event in page["events"]]


@pytest.fixture(scope="module")
def expected(sagemaker, account, s3, bucket, places):
    """Weights and bias of a job in File mode."""
    body = submit(sagemaker, account, bucket, plain_channel(f"{places}csv/"))
    return linear_functions(s3, body["ModelArtifacts"]["S3ModelArtifacts"])[:2]


@pytest.mark.parametrize(
    ("mode", "kind", "members"),
    [
        ("FastFile", "csv", {}),
        ("Pipe", "csv", {}),
        ("Pipe", "gzip", {"CompressionType": "Gzip"}),
        ("Pipe", "records", {"ContentType": "application/x-recordio-protobuf"}),
        ("Pipe", "payloads", {"ContentType": "application/x-recordio-protobuf", "RecordWrapperType": "RecordIO"}),
    ],
)
def test_a_mode_changes_how_the_data_come_and_not_what_is_learned(
    sagemaker, account, s3, bucket, places, expected, mode, kind, members
):
    channel = plain_channel(f"{places}{kind}/") | members | {"InputMode": mode}
    body = submit(sagemaker, account, bucket, channel)
    assert body["TrainingJobStatus"] == "Completed", body.get("FailureReason")
    assert body["InputDataConfig"][0]["InputMode"] == mode
    weights, bias = linear_functions(s3, body["ModelArtifacts"]["S3ModelArtifacts"])[:2]
    assert np.array_equal(weights, expected[0]) and np.array_equal(bias, expected[1])
    said = "The channel 'train' is in pipe input mode under /opt/ml/input/data/train."
    assert any(said in line for line in log_of(body["TrainingJobName"])) is (mode == "Pipe")


def test_the_sdk_asks_for_pipes_of_every_channel_and_of_one(account, bucket, places, expected, s3):
    session = Session()
    estimator = Estimator(
        IMAGE, account.account.role_arn, 1, "ml.m5.large", hyperparameters=QUICK, input_mode="Pipe",
        output_path=f"s3://{bucket}/models", sagemaker_session=session,
    )  # fmt: skip
    inputs = {
        "train": TrainingInput(f"{places}manifest", s3_data_type="ManifestFile"),
        "validation": TrainingInput(f"{places}csv/", content_type="text/csv", input_mode="File"),
    }
    estimator.fit(inputs, wait=False, job_name=name("modes"))
    body = ended(session.sagemaker_client, estimator.latest_training_job.name)
    assert body["TrainingJobStatus"] == "Completed", body.get("FailureReason")
    assert body["AlgorithmSpecification"]["TrainingInputMode"] == "Pipe"
    assert [channel.get("InputMode") for channel in body["InputDataConfig"]] == [None, "File"]
    weights = linear_functions(s3, body["ModelArtifacts"]["S3ModelArtifacts"])[0]
    assert np.array_equal(weights, expected[0])


def test_an_object_that_cannot_be_streamed_fails_the_job_by_its_name(sagemaker, account, bucket, places):
    channel = plain_channel(f"{places}broken/") | {"InputMode": "Pipe", "CompressionType": "Gzip"}
    body = submit(sagemaker, account, bucket, channel)
    assert body["TrainingJobStatus"] == "Failed"
    assert body["FailureReason"].startswith(
        f"ClientError: Data download failed: {places}broken/part-00 in the channel 'train': "
    )


def test_a_program_that_opens_no_fifo_ends_as_it_would(sagemaker, account, bucket, places):
    channel = plain_channel(f"{places}csv/") | {"InputMode": "Pipe"}
    body = submit(sagemaker, account, bucket, channel, hyperparameters={"predictor_type": "none"})
    assert body["TrainingJobStatus"] == "Failed"
    assert "'none' is not one of" in body["FailureReason"]


def test_a_job_with_a_fifo_that_nobody_opens_again_can_be_stopped(sagemaker, account, bucket, places):
    job = name("modes")
    channel = plain_channel(f"{places}csv/") | {"InputMode": "Pipe"}
    sagemaker.create_training_job(**definition(account, job, channel, bucket=bucket, hyperparameters=ENDLESS))
    wait_until(lambda: any("progress_metric" in line for line in log_of(job)), bool, job)
    sagemaker.stop_training_job(TrainingJobName=job)
    assert ended(sagemaker, job)["TrainingJobStatus"] == "Stopped"


@pytest.mark.parametrize(
    ("members", "words"),
    [
        ({"RecordWrapperType": "RecordIO"}, ["RecordWrapperType", "'train' has File"]),
        ({"InputMode": "Pipe", "ShuffleConfig": {"Seed": 1}}, ["ShuffleConfig"]),
    ],
)
def test_what_a_mode_has_not_is_refused(sagemaker, account, bucket, places, members, words):
    channel = plain_channel(f"{places}csv/") | members
    sentence = refusal(sagemaker.create_training_job, **definition(account, name("modes"), channel, bucket=bucket))[1]
    assert all(word in sentence for word in words)


def pipe(tmp_path, *bodies, gzipped=False, wrapped=False):
    """A running pipe of files, and where its FIFOs lie."""
    for number, body in enumerate(bodies):
        (tmp_path / f"file-{number}").write_bytes(body)
    (tmp_path / "data").mkdir()
    files = [(tmp_path / f"file-{number}", f"file {number}") for number in range(len(bodies))]
    made = Pipe(tmp_path / "data", "train", files, gzipped, wrapped)
    made.start()
    return made


def test_a_pipe_has_a_fifo_for_every_pass(tmp_path):
    body = os.urandom(300_000)  # more than a FIFO holds
    made = pipe(tmp_path, body, b"", b"end")
    for number in (0, 1):
        assert (tmp_path / "data" / f"train_{number}").read_bytes() == body + b"end"
    with (tmp_path / "data" / "train_2").open("rb") as stream:  # a reader that has seen enough
        assert stream.read(10) == body[:10]
    assert (tmp_path / "data" / "train_3").read_bytes() == body + b"end"
    made.close()
    assert not made.is_alive() and made.error is None


def test_a_pipe_ends_when_it_is_closed_whether_read_half_or_never(tmp_path):
    pipe(tmp_path, b"x" * 300_000).close()
    (tmp_path / "again").mkdir()
    made = pipe(tmp_path / "again", b"x" * 300_000)
    with (tmp_path / "again" / "data" / "train_0").open("rb") as stream:
        stream.read(10)
        made.close()
    assert not made.is_alive()


def test_wrapped_objects_are_records(tmp_path):
    frames = [write_features(X[n : n + 1], Y[n : n + 1]) for n in range(3)]
    payloads = [gzip.compress(each[8 : 8 + struct.unpack_from("<I", each, 4)[0]]) for each in frames]
    made = pipe(tmp_path, *payloads, gzipped=True, wrapped=True)
    features, labels = read_records((tmp_path / "data" / "train_0").read_bytes())
    made.close()
    assert np.array_equal(features, X[:3]) and np.array_equal(labels, Y[:3])
