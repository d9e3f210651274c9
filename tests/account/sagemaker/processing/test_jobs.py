"""What is told of a processing job, and what goes wrong with one, as AWS tells it."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import boto3
import pytest

from support.account import Place, living, until
from support.processing import ENDED, ENDLESS, IMAGE, LOG_GROUP, definition, ended, files, log, target
from support.training import checked, name, refusal, wait_until


@pytest.fixture(scope="module")
def job(sagemaker, s3, bucket) -> dict:
    """A job that has completed: its description, with what was asked."""
    asked = definition(
        s3, bucket, name("Whole-Life"), "import sys\nprint('one')\nprint('two', file=sys.stderr)\n"
        "open('/opt/ml/output/message', 'w').write('é' * 600)",
        Tags=[{"Key": "owner", "Value": "tests"}], Environment={"A": "b"},
        NetworkConfig={"EnableNetworkIsolation": False},
    )  # fmt: skip
    created = sagemaker.create_processing_job(**asked)
    first = checked(sagemaker, "DescribeProcessingJob", ProcessingJobName=asked["ProcessingJobName"])
    assert first["ProcessingJobStatus"] == "InProgress" and "ProcessingEndTime" not in first
    sagemaker.get_waiter("processing_job_completed_or_stopped").wait(
        ProcessingJobName=asked["ProcessingJobName"], WaiterConfig={"Delay": 1, "MaxAttempts": 60}
    )
    body = checked(sagemaker, "DescribeProcessingJob", ProcessingJobName=asked["ProcessingJobName"])
    assert body["ProcessingJobArn"] == created["ProcessingJobArn"] == first["ProcessingJobArn"]
    return body | {"Asked": asked}


def test_what_was_asked_for_is_described(job):
    asked = dict(job["Asked"])
    assert asked.pop("Tags") and "Tags" not in job
    assert {member: job[member] for member in asked} == asked
    assert job["ProcessingJobStatus"] == "Completed" and "FailureReason" not in job
    assert job["StoppingCondition"] == {"MaxRuntimeInSeconds": 86400}
    assert job["CreationTime"] <= job["ProcessingStartTime"] <= job["ProcessingEndTime"] == job["LastModifiedTime"]
    assert job["ExitMessage"] == "é" * 512  # its first kilobyte
    assert job["ProcessingJobArn"].endswith(f":processing-job/{job['ProcessingJobName'].lower()}")


def test_the_log_stream(job):
    (stream,) = boto3.client("logs").describe_log_streams(
        logGroupName=LOG_GROUP, logStreamNamePrefix=job["ProcessingJobName"] + "/"
    )["logStreams"]
    begun = int(stream["logStreamName"].removeprefix(f"{job['ProcessingJobName']}/algo-1-"))
    assert int(job["ProcessingStartTime"].timestamp()) <= begun <= job["ProcessingEndTime"].timestamp()
    assert log(job["ProcessingJobName"]) == ["one", "two"]


def test_a_name_is_taken_in_any_case(job, sagemaker):
    for taken in (job["ProcessingJobName"], job["ProcessingJobName"].upper()):
        code, message = refusal(sagemaker.create_processing_job, **job["Asked"] | {"ProcessingJobName": taken})
        assert code == "ResourceInUse" and f"already exists ({job['ProcessingJobArn']})" in message


def test_tags(job, sagemaker):
    arn = job["ProcessingJobArn"]
    checked(sagemaker, "AddTags", ResourceArn=arn, Tags=[{"Key": "more", "Value": "1"}])
    sagemaker.delete_tags(ResourceArn=arn, TagKeys=["owner"])
    assert checked(sagemaker, "ListTags", ResourceArn=arn)["Tags"] == [{"Key": "more", "Value": "1"}]


def test_lists(job, sagemaker, s3, bucket):
    stem = name("listed")
    jobs = {}
    for number, arguments in enumerate((["true"], ["false"], ["true"])):
        app = {"ImageUri": IMAGE, "ContainerEntrypoint": arguments}
        params = definition(s3, bucket, f"{stem}-{number}", "", AppSpecification=app)
        sagemaker.create_processing_job(**params)
        jobs[f"{stem}-{number}"] = ended(sagemaker, f"{stem}-{number}")
    first = checked(sagemaker, "ListProcessingJobs", NameContains=stem.upper(), MaxResults=2)
    rest = checked(sagemaker, "ListProcessingJobs", NameContains=stem, MaxResults=2, NextToken=first["NextToken"])
    found = first["ProcessingJobSummaries"] + rest["ProcessingJobSummaries"]
    assert [each["ProcessingJobName"] for each in found] == list(jobs) and "NextToken" not in rest
    for each in found:
        body = jobs[each["ProcessingJobName"]]
        assert each == {member: body[member] for member in each} and "ProcessingEndTime" in each
    (failed,) = sagemaker.list_processing_jobs(NameContains=stem, StatusEquals="Failed")["ProcessingJobSummaries"]
    assert failed["FailureReason"] == "AlgorithmError: , exit code: 1"
    order = sagemaker.list_processing_jobs(NameContains=stem, SortBy="Name", SortOrder="Descending")
    assert [each["ProcessingJobName"] for each in order["ProcessingJobSummaries"]] == sorted(jobs, reverse=True)


def test_unknown_jobs(sagemaker):
    for call in (sagemaker.describe_processing_job, sagemaker.stop_processing_job):
        assert refusal(call, ProcessingJobName="no-such-job") == (
            "ValidationException",
            "Could not find requested job with name: no-such-job",
        )


# What goes wrong


def test_a_script_that_raises(process):
    body, lines, found = process(
        "open('/opt/ml/processing/out/half', 'w').write('half')\n"
        "open('/opt/ml/output/message', 'w').write('no such column in /opt/ml/processing/input')\n"
        "import os; os.chmod('/opt/ml/processing/out/half', 0)\n"
        "open('/opt/ml/processing/none')"
    )
    assert (body["ProcessingJobStatus"], body["FailureReason"]) == ("Failed", "AlgorithmError: , exit code: 1")
    assert body["ExitMessage"] == "no such column in /opt/ml/processing/input"
    assert [line for line in lines if line.strip(" ~^")] == [
        "Traceback (most recent call last):",
        '  File "/opt/ml/processing/input/code/script.py", line 4, in <module>',
        "    open('/opt/ml/processing/none')",
        "FileNotFoundError: [Errno 2] No such file or directory: '/opt/ml/processing/none'",
    ]
    assert found == {} and body["ProcessingEndTime"]


@pytest.mark.parametrize(
    ("script", "code"),
    [("import os; os.kill(os.getpid(), 9)", 137), ("raise SystemExit(7)", 7), ("import os; os.abort()", 134)],
)
def test_exit_codes(process, script, code):
    body, _, _ = process(script)
    assert body["FailureReason"] == f"AlgorithmError: , exit code: {code}"


def test_a_message_that_is_no_text(process):
    body, _, found = process(
        r"open('/opt/ml/output/message', 'wb').write(b'\xff'); open('/opt/ml/processing/out/a', 'w').close()"
    )
    assert body["ProcessingJobStatus"] == "Failed" and found == {} and "ExitMessage" not in body
    assert body["FailureReason"] == "ClientError: The file /opt/ml/output/message is not UTF-8 encoded."


@pytest.mark.parametrize(
    ("entry", "reason", "word"),
    [
        (["python3", "/opt/ml/processing/input/code/none.py"], "AlgorithmError: , exit code: 2", "can't open file"),
        (["no-such-program", "x"], "CannotStartContainerError: exec: 'no-such-program': not found.", None),
        (["/opt/ml/processing/input/code/script.py"], "CannotStartContainerError", None),  # not executable
        (["/bin/bash", "/opt/ml/processing/input/none.sh"], "AlgorithmError: , exit code: 127", "No such file"),
    ],
)
def test_an_entry_point_that_does_not_exist(sagemaker, s3, bucket, entry, reason, word):
    app = {"ImageUri": IMAGE, "ContainerEntrypoint": entry}
    params = definition(s3, bucket, name("nowhere"), "print(1)", AppSpecification=app)
    sagemaker.create_processing_job(**params)
    body = ended(sagemaker, params["ProcessingJobName"])
    assert body["ProcessingJobStatus"] == "Failed" and reason in body["FailureReason"]
    assert str(Path.home()) not in body["FailureReason"]
    if word:
        assert word in log(params["ProcessingJobName"])[-1]


@pytest.mark.skipif(sys.platform == "darwin", reason="its file systems have no such names")
def test_a_file_whose_name_is_no_text(process):
    body, _, _ = process(r"import os; open(os.fsencode('/opt/ml/processing/out/') + b'\xff', 'w').close()")
    assert body["ProcessingJobStatus"] == "Failed"
    assert body["FailureReason"].startswith("ClientError: Failed to upload output to s3://")


@pytest.mark.parametrize("script", ["pass", "import shutil; shutil.rmtree('/opt/ml/processing/out')"])
def test_an_output_folder_that_is_empty_or_gone(process, script):
    """AWS makes the folder before the script begins; where nothing lies nothing is uploaded."""
    body, lines, found = process(f"import os\nprint(os.path.isdir('/opt/ml/processing/out'))\n{script}")
    assert body["ProcessingJobStatus"] == "Completed" and lines == ["True"] and found == {}


def test_a_bucket_for_the_output_that_does_not_exist(process):
    outputs = [target("out", "s3://no-such-bucket-at-all/x", "/opt/ml/processing/out")]
    body, _, _ = process(
        "open('/opt/ml/processing/out/a', 'w').write('a')", ProcessingOutputConfig={"Outputs": outputs}
    )
    assert body["ProcessingJobStatus"] == "Failed"
    assert re.match("ClientError: .*s3://no-such-bucket-at-all/x.*NoSuchBucket", body["FailureReason"])


def pid_of(job: str) -> int:
    lines = wait_until(lambda: log_so_far(job), bool, f"the log of {job}")
    return int(lines[0].removeprefix("process "))


def log_so_far(job: str) -> list[str]:
    try:
        return log(job)
    except boto3.client("logs").exceptions.ResourceNotFoundException:
        return []


def test_a_script_that_never_ends(sagemaker, s3, bucket):
    params = definition(s3, bucket, name("endless"), ENDLESS, StoppingCondition={"MaxRuntimeInSeconds": 2})
    sagemaker.create_processing_job(**params)
    body = ended(sagemaker, params["ProcessingJobName"])
    assert body["ProcessingJobStatus"] == "Stopped" and "FailureReason" not in body
    assert living([pid_of(params["ProcessingJobName"])]) == []


def test_a_job_is_stopped(sagemaker, s3, bucket):
    """With all that its script has started; nothing is uploaded."""
    script = (
        "import subprocess\n"
        "open('/opt/ml/processing/out/a', 'w').close()\n"
        f"print('process', subprocess.Popen(['sleep', '99']).pid)\n{ENDLESS}"
    )
    params = definition(s3, bucket, name("stopped"), script)
    job = params["ProcessingJobName"]
    sagemaker.create_processing_job(**params)
    lines = wait_until(lambda: log_so_far(job), lambda lines: len(lines) == 2, job)
    started = [int(line.removeprefix("process ")) for line in lines]
    assert sorted(living(started)) == sorted(started)
    sagemaker.stop_processing_job(ProcessingJobName=job)
    assert sagemaker.describe_processing_job(ProcessingJobName=job)["ProcessingJobStatus"] in ("Stopping", "Stopped")
    body = ended(sagemaker, job)
    assert body["ProcessingJobStatus"] == "Stopped" and "FailureReason" not in body
    until(lambda: living(started) == [])
    assert files(s3, bucket, f"{job}/out/") == {}
    assert refusal(sagemaker.stop_processing_job, ProcessingJobName=job) == (
        "ValidationException",
        "The request was rejected because the processing job is in status Stopped.",
    )


def test_a_flood_of_logs(account, sagemaker, s3, bucket):
    """Thirty megabytes are kept whole; the account answers meanwhile, and does not hold them in its memory."""
    job = name("flood")
    script = "line = 'x' * 990\nfor number in range(30_000): print(f'{number:06d}', line)\nprint('y' * 3_000_000)\n"
    before = memory(account.pid)
    sagemaker.create_processing_job(**definition(s3, bucket, job, script))
    asked = 0
    while sagemaker.describe_processing_job(ProcessingJobName=job)["ProcessingJobStatus"] not in ENDED:
        asked += 1
    body = ended(sagemaker, job)
    assert body["ProcessingJobStatus"] == "Completed" and asked > 1
    lines = log(job)
    assert lines[:30_000] == [f"{number:06d} {'x' * 990}" for number in range(30_000)]
    assert "".join(lines[30_000:]) == "y" * 3_000_000 and len(lines) > 30_001  # no event is longer than AWS's
    assert memory(account.pid) - before < 30_000_000


def memory(pid: int) -> int:
    """The most memory that a process has had, in bytes; 0 where the system does not tell."""
    try:
        status = Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return 0
    return int(re.search(r"VmHWM:\s+(\d+)", status)[1]) * 1024


# The account's process


def test_a_folder_with_blanks_and_a_death_of_the_account(tmp_path):
    """A shell script runs below any folder; a job dies with the account, and is told of as failed."""
    place = Place(tmp_path / "an account's folder")
    try:
        place.start()
        s3, sagemaker = place.client("s3"), place.client("sagemaker")
        s3.create_bucket(Bucket="data")
        entry = ["/bin/bash", "/opt/ml/processing/input/code/script.py", "/opt/ml/processing/input/table"]
        script = 'cd /opt/ml/processing/input/code/\nls $1/* > /opt/ml/processing/out/ls\npython3 -c "import pandas"\n'
        app = {"ImageUri": IMAGE, "ContainerEntrypoint": entry}
        params = definition(s3, "data", "shell", script, AppSpecification=app)
        sagemaker.create_processing_job(**params)
        body = ended(sagemaker, "shell")
        assert body["ProcessingJobStatus"] == "Completed", body
        assert files(s3, "data", "shell/out/")["ls"].endswith(b"/opt/ml/processing/input/table/table.csv\n")

        sagemaker.create_processing_job(**definition(s3, "data", "orphan", ENDLESS))
        assert "Processing jobs in progress: orphan" in place.command("status").stdout
        printed = until(lambda: place.command("logs", "orphan").stdout)
        place.kill()
        until(lambda: living([int(printed.split()[1])]) == [])
        place.start()
        body = place.client("sagemaker").describe_processing_job(ProcessingJobName="orphan")
        assert body["ProcessingJobStatus"] == "Failed" and body["FailureReason"].startswith("InternalServerError: ")
    finally:
        place.close()
