"""Batch transform."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterator

import pytest

from parity.asking import NUMBER, ONES, ROWS, image, rows, served_by, served_script, trained, training, xgboost

BATCH = b"1,2\n3,4\n"


@pytest.fixture(scope="module")
def model(there) -> Iterator[str]:
    """A regressor of two features; gone afterwards."""
    uri = trained(there, training(there, "batch", rows(there)))["ModelArtifacts"]["S3ModelArtifacts"]
    with model_of(there, "batch", served_by(there, uri)) as name:
        yield name


def batch(there, model: str, beginning: str, body: bytes, **members: object) -> dict:
    name = there.name(beginning)
    uri = there.put(f"{name}/in/rows.csv", body)
    source = {"S3DataSource": {"S3DataType": "S3Prefix", "S3Uri": uri}}
    return {
        "TransformJobName": name,
        "ModelName": model,
        "TransformInput": {"DataSource": source, "ContentType": "text/csv", "SplitType": "Line"},
        "TransformOutput": {"S3OutputPath": uri.rpartition("/in/")[0] + "/out", "AssembleWith": "Line"},
        "TransformResources": {"InstanceType": "ml.m5.large", "InstanceCount": 1},
    } | members


def run(there, job: dict) -> dict:
    """How the job ended, and the shapes of the lines it wrote: their numbers come from 40 rows, and are not asked."""
    there.sagemaker.create_transform_job(**job)
    name = {"TransformJobName": job["TransformJobName"]}
    found = there.ended(there.sagemaker.describe_transform_job, "TransformJobStatus", **name)
    bucket, _, prefix = job["TransformOutput"]["S3OutputPath"].removeprefix("s3://").partition("/")
    written = there.s3.list_objects_v2(Bucket=bucket, Prefix=prefix).get("Contents", [])
    texts = [there.s3.get_object(Bucket=bucket, Key=each["Key"])["Body"].read().decode() for each in written]
    log = there.lines("/aws/sagemaker/TransformJobs", job["TransformJobName"])
    return {
        "status": found["TransformJobStatus"],
        "reason": found.get("FailureReason"),
        "objects": [each["Key"].removeprefix(prefix) for each in written],
        "lines": [NUMBER.sub(kind, line) for text in texts for line in text.split("\n")],
        "digits": max((digits(each[0]) for text in texts for each in NUMBER.finditer(text)), default=0),
        "data-log": [line.partition("rows.csv: ")[2] for line in log if "rows.csv: " in line],
        "shown": {member: found.get(member) for member in ("TransformInput", "TransformOutput", "DataProcessing")},
    }


def kind(number: re.Match) -> str:
    """What stands for a number: whether it is a whole one."""
    return "0" if number[0].isdigit() else "0.0"


def digits(number: str) -> int:
    """How many digits of a number count."""
    return len(re.sub(r"e.*|\D", "", number).lstrip("0"))


def ended(run: dict) -> dict:
    """How a run ended, without the shapes of its numbers."""
    return {member: run[member] for member in ("status", "reason", "objects", "data-log")}


@contextlib.contextmanager
def model_of(there, beginning: str, *containers: dict) -> Iterator[str]:
    """A model; gone afterwards."""
    name = there.name(beginning)
    there.sagemaker.create_model(ModelName=name, ExecutionRoleArn=there.role, Containers=list(containers))
    try:
        yield name
    finally:
        there.sagemaker.delete_model(ModelName=name)


def test_a_batch_that_asks_for_no_format(there, model, answers):
    answers(run(there, batch(there, model, "plain", BATCH)))


def test_a_classifiers_answers(there, answers):
    """In the format that it has unless asked otherwise, in CSV, and in JSON lines."""
    job = training(there, "classifier", there.put("classes/train.csv", ONES))
    job["HyperParameters"] = job["HyperParameters"] | {"predictor_type": "binary_classifier"}
    container = served_by(there, trained(there, job)["ModelArtifacts"]["S3ModelArtifacts"])
    with model_of(there, "classifier", container) as name:
        seen = {}
        for accept in ("", "*/*", "text/csv", "application/jsonlines"):
            job = batch(there, name, "classified", BATCH)
            job["TransformOutput"] |= {"Accept": accept} if accept else {}
            found = run(there, job)
            seen[accept or "none"] = {member: found[member] for member in ("status", "reason", "lines")}
    answers(seen)


def test_answers_joined_with_their_records(there, model, answers):
    """XGBoost's, with and without a word on how they are put together; and Linear Learner's, which are no CSV."""
    joined = {"DataProcessing": {"InputFilter": "$[0:2]", "JoinSource": "Input", "OutputFilter": "$"}}
    uri = xgboost(there, "joined", ROWS)["ModelArtifacts"]["S3ModelArtifacts"]
    seen = {}
    with model_of(there, "joined", {"Image": image(there, "xgboost", "3.0-5"), "ModelDataUrl": uri}) as name:
        for assembled in ("Line", None):
            job = batch(there, name, "joined", b"1,2,9\n3,4,9\n", **joined)
            job["TransformOutput"]["Accept"] = "text/csv"
            if assembled is None:
                del job["TransformOutput"]["AssembleWith"]
            seen[f"AssembleWith {assembled}"] = run(there, job)
    job = batch(there, model, "joined", b"1,2,9\n3,4,9\n", **joined)
    job["TransformOutput"]["Accept"] = "text/csv"
    found = run(there, job)
    said = [line.partition(" near: ")[0] for line in found["data-log"]]
    answers(seen | {"Linear Learner": {"status": found["status"], "reason": found["reason"], "data-log": said}})


def test_a_record_that_lacks_what_is_filtered(there, model, answers):
    job = batch(there, model, "lacks", BATCH, DataProcessing={"InputFilter": "$[5]"})
    answers(ended(run(there, job)))


# Gives back what it gets, but for what it is told to leave out, or to say twice.
ECHOES = """
def model_fn(folder):
    return None

def transform_fn(model, body, content_type, accept):
    text = body.decode() if isinstance(body, bytes) else body
    kept = [line for line in text.splitlines() if "leave out" not in line]
    kept += [line for line in kept if "say twice" in line]
    return "\\n".join(kept), "application/jsonlines"
"""


def test_what_filters_make_of_records(there, answers):
    """Names that are there and that are not; answers of fewer and of more records than were sent."""
    whole = b'{"a": 1, "b": [2, 3]}\n{"b": [5, 6], "a": 4}\n'
    joined = {"JoinSource": "Input"}
    seen = {}
    with model_of(there, "echo", served_script(there, "echo", ECHOES)) as name:
        for case, body, processing in (
            ("a name that is not there", whole, {"InputFilter": "$.c"}),
            ("one name", whole, {"OutputFilter": "$.a"}),
            ("two names", whole, {"OutputFilter": "$['a','b']"}),
            ("one index", whole, {"OutputFilter": "$.b[1]"}),
            ("two indices", whole, {"OutputFilter": "$.b[0,1]"}),
            ("a slice to the last but one", whole, {"OutputFilter": "$.b[0:1]"}),
            ("fewer answers", b'{"a": 1}\n{"a": "leave out"}\n', joined),
            ("more answers", b'{"a": 1}\n{"a": "say twice"}\n', joined),
        ):
            job = batch(there, name, "filtered", body, DataProcessing=processing, BatchStrategy="MultiRecord")
            job["TransformInput"]["ContentType"] = job["TransformOutput"]["Accept"] = "application/jsonlines"
            found = run(there, job)
            seen[case] = ended(found) | {"lines": found["lines"]}
    answers(seen)


def test_a_record_that_the_model_refuses(there, model, answers):
    answers(ended(run(there, batch(there, model, "refused", b"1,2\na,b\n"))))


def test_a_model_that_cannot_be_loaded(there, answers):
    """Its artifact is no archive; its script fails."""
    containers = {
        "no archive": served_by(there, there.put("none/model.tar.gz", b"no archive")),
        "a script that fails": served_script(there, "fails", "raise ValueError('not today')\n"),
    }
    seen = {}
    for case, container in containers.items():
        with model_of(there, "none", container) as name:
            seen[case] = ended(run(there, batch(there, name, "none", BATCH)))
    answers(seen)


def test_records_that_do_not_say_what_they_are(there, answers):
    """To XGBoost of two releases, of which the first one takes them for CSV."""
    seen = {}
    for version in ("1", "1.2-2"):
        uri = xgboost(there, "untold", ROWS, version)["ModelArtifacts"]["S3ModelArtifacts"]
        container = {"Image": image(there, "xgboost", version), "ModelDataUrl": uri}
        with model_of(there, "untold", container) as name:
            job = batch(there, name, "untold", BATCH)
            del job["TransformInput"]["ContentType"]
            found = run(there, job)
            seen[version] = {member: found[member] for member in ("status", "reason", "lines")}
    answers(seen)


# Fails once at what it will then do, and always at what it will not; one process, which remembers.
HESITATES = """
import time
from sagemaker_containers.beta.framework import worker

def model_fn(folder):
    return set()

def transform_fn(seen, body, content_type, accept):
    text = body.decode() if isinstance(body, bytes) else body
    print("asked to %s at %f" % (text.split()[0], time.time()), flush=True)
    if text.startswith("never") or (text.startswith("later") and text not in seen):
        seen.add(text)
        raise ValueError("not now")
    if text.startswith("refuse"):
        return worker.Response("never", status=404)
    if text.startswith("rest"):
        time.sleep(5)
    return "done", "text/plain"
"""


def test_what_a_batch_asks_again(there, answers):
    """How often a model is asked that fails once, that always fails, that refuses, and that takes too long."""
    seen = {}
    with model_of(there, "again", served_script(there, "again", HESITATES)) as name:
        for word, client in (
            ("later", None), ("never", None), ("refuse", None), ("never", {"InvocationsMaxRetries": 1}),
            ("rest", {"InvocationsMaxRetries": 0, "InvocationsTimeoutInSeconds": 1}),
        ):  # fmt: skip
            members = {"ModelClientConfig": client} if client else {}
            job = batch(there, name, f"again-{word}", word.encode(), **members)
            found = run(there, job)
            lines = there.lines("/aws/sagemaker/TransformJobs", job["TransformJobName"])
            times = sorted(float(line.split()[-1]) for line in lines if line.startswith(f"asked to {word} at "))
            seen[f"{word} {client or ''}".strip()] = {
                member: found[member] for member in ("status", "reason", "data-log")
            } | {
                "asked": len(times),
                "within three seconds": times[-1] - times[0] < 3,
            }  # fmt: skip
    answers(seen)


# Says how it is to be asked; and what it is asked, to the next container.
PASSES = """
import json

def model_fn(folder):
    return None

def execution_parameters_fn():
    return json.dumps({"MaxConcurrentTransforms": NUMBER, "MaxPayloadInMB": NUMBER, "BatchStrategy": "SINGLE_RECORD"})

def transform_fn(model, body, content_type, accept):
    return body, "text/csv"
"""


def test_a_pipeline_that_says_how_a_batch_is_sent(there, answers):
    """Two containers that say otherwise."""
    containers = [served_script(there, f"sent-{number}", PASSES.replace("NUMBER", number)) for number in ("2", "3")]
    with model_of(there, "sent", *containers) as name:
        job = batch(there, name, "sent", BATCH)
        found = run(there, job)
        lines = there.lines("/aws/sagemaker/TransformJobs", job["TransformJobName"])
        asked = [line.partition("[sagemaker logs]: ")[2] for line in lines if "MaxPayloadInMB=" in line]
        answers({"asked": asked} | {member: found[member] for member in ("status", "reason", "lines")})


def test_batches_that_are_refused(there, model, answers):
    create = there.sagemaker.create_transform_job
    nothing = batch(there, model, "nothing", BATCH)
    nothing["TransformInput"]["DataSource"]["S3DataSource"]["S3Uri"] += "-nothing/"
    filtered = {}
    for kind in ("text/csv", "application/json"):
        for path in ("$['a_b']", '$["a"]', "$.\u00e9", "$..a", "$[", "a"):
            job = nothing | {
                "TransformInput": nothing["TransformInput"] | {"ContentType": kind},
                "DataProcessing": {"InputFilter": path},
            }
            filtered[f"{kind} and the filter {path}"] = there.said(create, **job)
    answers(filtered | {
        "no input": there.said(create, **nothing),
        "no model": there.said(create, **batch(there, "course-parity-nothing", "no-model", BATCH)),
        "described": there.said(there.sagemaker.describe_transform_job, TransformJobName="course-parity-nothing"),
    })  # fmt: skip
