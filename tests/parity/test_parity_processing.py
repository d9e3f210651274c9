"""Processing jobs."""

from __future__ import annotations

import json

from parity.asking import given, processing, rows, taken

LISTS = """
import json, os
shown = {name: os.environ.get(name) for name in ('HOME', 'AWS_REGION', 'AWS_DEFAULT_REGION')}
print('SEEN ' + json.dumps(['begins in', os.getcwd()]), flush=True)
print('SEEN ' + json.dumps(['environment', {name: value and 'set' for name, value in shown.items()}]), flush=True)
os.makedirs('/opt/ml/processing/output/out', exist_ok=True)
with open('/opt/ml/processing/output/out/left.txt', 'w') as file:
    file.write('whole')
"""
CALLS = """
import boto3
print('SEEN ' + json.dumps(['calls as', boto3.client('sts').get_caller_identity()['Arn'].rpartition('/')[2]]))
"""
WAITS = LISTS + "import time\ntime.sleep(100000)\n"
LOGS = "/aws/sagemaker/ProcessingJobs"
OUT = "/opt/ml/processing/output/out"


def run(there, job: dict) -> dict:
    there.sagemaker.create_processing_job(**job)
    name = job["ProcessingJobName"]
    return there.ended(there.sagemaker.describe_processing_job, "ProcessingJobStatus", ProcessingJobName=name)


def outcome(found: dict) -> dict:
    return {
        "status": found["ProcessingJobStatus"],
        "reason": found.get("FailureReason"),
        "exit message": found.get("ExitMessage"),
    }


def outputs(there, place: str) -> dict:
    """A place of this question's own for outputs, and how many objects are in it."""
    uri = there.put(f"{place}/mark", b"")
    return {"ProcessingOutputConfig": {"Outputs": [given(there, "out", OUT) | {"S3Output": {
        "S3Uri": uri.rpartition("/")[0] + "/out", "LocalPath": OUT, "S3UploadMode": "EndOfJob"}}]}}  # fmt: skip


def uploaded(there, job: dict) -> list[str]:
    uri = job["ProcessingOutputConfig"]["Outputs"][0]["S3Output"]["S3Uri"]
    bucket, _, key = uri.removeprefix("s3://").partition("/")
    found = there.s3.list_objects_v2(Bucket=bucket, Prefix=key).get("Contents", [])
    return [each["Key"].rpartition("/")[2] for each in found]


def test_where_a_program_begins(there, answers):
    job = processing(there, "begins", LISTS + CALLS, **outputs(there, "begins"))
    found = run(there, job)
    lines = there.lines(LOGS, job["ProcessingJobName"])
    seen = dict(json.loads(line.partition("SEEN ")[2]) for line in lines if line.startswith("SEEN "))
    stop = there.said(there.sagemaker.stop_processing_job, ProcessingJobName=job["ProcessingJobName"])
    answers(outcome(found) | {"seen": seen, "uploaded": uploaded(there, job), "stopped when it has ended": stop})


def test_a_processing_job_beyond_its_time(there, answers):
    limit = {"StoppingCondition": {"MaxRuntimeInSeconds": 5}}
    job = processing(there, "late", WAITS, **outputs(there, "late"), **limit)
    answers(outcome(run(there, job)) | {"uploaded": uploaded(there, job)})


def test_outputs_of_what_does_not_complete(there, answers):
    """Of a program that fails, and of one that is stopped once it has written."""
    fails = processing(there, "fails", LISTS + "os._exit(3)\n", **outputs(there, "fails"))
    stops = processing(there, "stops", WAITS, **outputs(there, "stops"))
    there.sagemaker.create_processing_job(**stops)
    name = stops["ProcessingJobName"]
    there.soon(lambda: there.lines(LOGS, name))
    there.sagemaker.stop_processing_job(ProcessingJobName=name)
    stopped = there.ended(there.sagemaker.describe_processing_job, "ProcessingJobStatus", ProcessingJobName=name)
    answers({
        "fails": outcome(run(there, fails)) | {"uploaded": uploaded(there, fails)},
        "is stopped": outcome(stopped) | {"uploaded": uploaded(there, stops)},
    })  # fmt: skip


def test_a_message_that_is_no_text(there, answers):
    code = "import os\nopen('/opt/ml/output/message', 'wb').write(bytes([255, 254, 65]))\nos._exit(1)\n"
    answers(outcome(run(there, processing(there, "message", code))))


def test_a_program_that_is_not_there(there, answers):
    job = processing(there, "no-program", LISTS)
    job["AppSpecification"]["ContainerEntrypoint"] = ["/opt/nothing"]
    answers(outcome(run(there, job)))


def test_processing_inputs_and_outputs(there, answers):
    create, uri = there.sagemaker.create_processing_job, rows(there)
    inside = "/opt/ml/processing/input/rows"

    def asked(*inputs: dict) -> dict:
        return there.said(create, **processing(there, "inputs", LISTS, *inputs))

    missing = given(there, "out", OUT)
    missing["S3Output"]["S3Uri"] = f"s3://{there.bucket}-is-not-there/out"
    late = processing(there, "no-bucket", LISTS, ProcessingOutputConfig={"Outputs": [missing]})
    bucket = there.said(create, **late)
    if "accepted" in bucket:
        name = late["ProcessingJobName"]
        bucket = outcome(
            there.ended(there.sagemaker.describe_processing_job, "ProcessingJobStatus", ProcessingJobName=name)
        )
    answers({
        "bucket that is not there": asked(taken(f"s3://{there.bucket}-is-not-there/x/", "rows", inside)),
        "prefix that is not there": asked(taken(f"{uri}nothing/", "rows", inside)),
        "path elsewhere": asked(taken(uri, "rows", "/opt/rows")),
        "path twice": asked(taken(uri, "rows", inside), taken(uri, "more", inside)),
        "name twice": asked(taken(uri, "rows", inside), taken(uri, "rows", inside + "-too")),
        "output bucket that is not there": bucket,
    })  # fmt: skip
