"""The account as a process: how it starts, is found, dies and comes back, and what its commands say."""

from __future__ import annotations

import json
import os
import shlex
import shutil
import signal
import socket
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import boto3
import pytest
from botocore.exceptions import ClientError

from local_aws import client
from local_aws.core import process_lock
from support import PYTHON_PATH, ROOT
from support.account import Place, children, living, until

LINEAR_LEARNER = "382416733822.dkr.ecr.us-east-1.amazonaws.com/linear-learner:1"
TABLE = b"".join(b"%d,%d,%d\n" % (3 * a + b, a, b) for a in range(40) for b in range(25))


@pytest.fixture
def place(tmp_path):
    """An account that no other test uses; not started."""
    place = Place(tmp_path / "state")
    yield place
    place.close()


@pytest.fixture(scope="module")
def shared(tmp_path_factory):
    """A running account for tests that leave it as it was."""
    place = Place(tmp_path_factory.mktemp("shared") / "state")
    place.start()
    yield place
    place.close()


def train(place: Place, name: str, **hyperparameters: str) -> None:
    """Start a training job of the linear learner on TABLE."""
    place.client("s3").put_object(Bucket="data", Key="train.csv", Body=TABLE)
    source = {"S3DataType": "S3Prefix", "S3Uri": "s3://data/train.csv"}
    place.client("sagemaker").create_training_job(
        TrainingJobName=name,
        RoleArn="arn:aws:iam::000000000000:role/service-role/AmazonSageMaker-ExecutionRole-Local",
        AlgorithmSpecification={"TrainingImage": LINEAR_LEARNER, "TrainingInputMode": "File"},
        InputDataConfig=[{"ChannelName": "train", "ContentType": "text/csv", "DataSource": {"S3DataSource": source}}],
        OutputDataConfig={"S3OutputPath": "s3://data/output"},
        ResourceConfig={"InstanceType": "ml.m5.large", "InstanceCount": 1, "VolumeSizeInGB": 1},
        StoppingCondition={"MaxRuntimeInSeconds": 3600},
        HyperParameters={"predictor_type": "regressor", "mini_batch_size": "100", **hyperparameters},
    )


def ended(place: Place, name: str) -> dict:
    """The description of a training job that has ended."""
    sagemaker = place.client("sagemaker")

    def describe() -> dict | None:
        body = sagemaker.describe_training_job(TrainingJobName=name)
        return body if body["TrainingJobStatus"] in ("Completed", "Failed", "Stopped") else None

    return until(describe)


# The commands


def test_a_whole_life(place):
    assert place.command("status").returncode == 3
    assert not place.folder.exists()
    started = place.command("start")
    first = place.running()
    assert started.returncode == 0 and first.url in started.stdout and str(first.pid) in started.stdout
    assert place.command("start").stdout == started.stdout
    told = place.command("status")
    assert told.returncode == 0 and first.url in told.stdout and "Training jobs in progress: none" in told.stdout
    place.client("s3").create_bucket(Bucket="kept")
    assert "its data stays" in place.command("stop").stdout
    assert place.command("status").returncode == 3
    until(lambda: not place.servers())
    assert place.command("stop").stdout == "It does not run.\n"
    again = place.start()
    assert (again.url, again.account) == (first.url, first.account) and again.pid != first.pid
    assert [each["Name"] for each in place.client("s3").list_buckets()["Buckets"]] == ["kept"]
    assert place.command("reset").returncode == 0
    assert list(place.folder.iterdir()) == []
    assert place.command("reset").returncode == 0
    assert place.start().account != first.account
    assert place.client("s3").list_buckets()["Buckets"] == []


def test_reset_deletes_only_an_account(place):
    place.folder.mkdir()
    thesis = place.folder / "thesis.txt"
    thesis.write_text("years of work")
    for command in ("reset", "start"):
        done = place.command(command)
        assert done.returncode == 2 and str(place.folder) in done.stderr
    assert [*place.folder.iterdir()] == [thesis] and thesis.read_text() == "years of work"


def test_env_speaks_to_a_shell(shared):
    lines = shared.command("env", AWS_ENDPOINT_URL_S3="http://127.0.0.1:9", AWS_PROFILE="mine").stdout
    assert "unset AWS_ENDPOINT_URL_S3\n" in lines and "unset AWS_PROFILE\n" in lines
    script = f"{lines}\n{shlex.quote(sys.executable)} -c '{WHO}'"
    done = subprocess.run(["sh", "-c", script], env=shared.environment, capture_output=True, text=True, check=True)
    assert done.stdout == shared.running().account.identity_arn + "\n"


WHO = 'import boto3; print(boto3.client("sts").get_caller_identity()["Arn"])'


@pytest.mark.parametrize(
    ("argv", "code"),
    [
        (["--", "true"], 0),
        (["true"], 0),
        (["--", "sh", "-c", "exit 7"], 7),
        (["--", "sh", "-c", "kill -TERM $$"], -signal.SIGTERM),
        (["--", "sh", "-c", "kill -KILL $$"], -signal.SIGKILL),
        # Python ignores SIGPIPE, and what it starts would; a command must not.
        (["--", sys.executable, "-c", "import os, signal; os.kill(os.getpid(), signal.SIGPIPE)"], 0),
        (["--", "sh", "-c", "kill -PIPE $$; exit 1"], -signal.SIGPIPE),
        (["--", "no-such-command-anywhere"], 127),
        (["--", "./no/such/file"], 127),
        (["--", "/"], 126),
        ([], 2),
        (["--"], 2),
        (["--", ""], 2),
    ],
    ids=str,
)
def test_run_ends_as_its_command_does(shared, argv, code):
    done = shared.command("run", *argv)
    assert done.returncode == code
    assert bool(done.stderr) == (code in (2, 126, 127))


def test_run_passes_input_arguments_and_signals(shared):
    process = shared.popen("run", "--", "cat", "-")
    assert process.communicate("a\nb", timeout=60)[0] == "a\nb"
    done = shared.command("run", "--", sys.executable, "-c", "import sys; print(sys.argv[1:])", "--", "-h", "a b", "")
    assert done.stdout == "['--', '-h', 'a b', '']\n"
    script = "import signal, sys; signal.signal(signal.SIGTERM, lambda *_: sys.exit(5)); print('ready', flush=True); "
    process = shared.popen("run", "--", sys.executable, "-c", script + "signal.pause()")
    assert process.stdout.readline() == "ready\n"
    process.terminate()
    process.communicate(timeout=60)
    assert process.returncode == 5


def test_logs_and_doctor(shared):
    s3 = shared.client("s3")
    s3.create_bucket(Bucket="data")
    train(shared, "talkative")
    assert ended(shared, "talkative")["TrainingJobStatus"] == "Completed"
    done = shared.command("logs", "talkative")
    assert done.returncode == 0 and "#quality_metric" in done.stdout
    done = shared.command("logs", "nobody")
    assert done.returncode == 1 and "nobody" in done.stderr
    assert shared.command("logs").returncode == 0
    process = shared.popen("logs", "talkative")
    process.stdout.close()  # as `| head` does
    assert "Traceback" not in process.stderr.read() and "Error" not in process.stderr.read()
    process.wait(60)
    done = shared.command("doctor", AWS_PROFILE="mine", HTTP_PROXY="http://127.0.0.1:9")
    assert done.returncode == 0 and "BAD" not in done.stdout
    assert "AWS_PROFILE, HTTP_PROXY" in done.stdout and "a signed request, an object to S3 and back" in done.stdout
    assert [each["Name"] for each in s3.list_buckets()["Buckets"]] == ["data"]


# The reader's environment


HOSTILE = {
    "AWS_ACCESS_KEY_ID": "AKIAIOSFODNN7EXAMPLE",
    "AWS_SECRET_ACCESS_KEY": "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
    "AWS_SESSION_TOKEN": "a-token-of-a-real-account",
    "AWS_PROFILE": "work",
    "AWS_DEFAULT_PROFILE": "work",
    "AWS_REGION": "eu-central-1",
    "AWS_DEFAULT_REGION": "eu-central-1",
    "AWS_ENDPOINT_URL": "http://127.0.0.1:9",
    "AWS_ENDPOINT_URL_S3": "http://127.0.0.1:9",
    "AWS_ENDPOINT_URL_STS": "http://127.0.0.1:9",
    "AWS_ENDPOINT_URL_SAGEMAKER_RUNTIME": "http://127.0.0.1:9",
    "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS": "true",
    "AWS_USE_FIPS_ENDPOINT": "true",
    "AWS_USE_DUALSTACK_ENDPOINT": "true",
    "AWS_STS_REGIONAL_ENDPOINTS": "legacy",
    "AWS_CA_BUNDLE": "/nonexistent/bundle.pem",
    "AWS_ROLE_ARN": "arn:aws:iam::123456789012:role/real",
    "AWS_WEB_IDENTITY_TOKEN_FILE": "/nonexistent/token",
    "AWS_CONTAINER_CREDENTIALS_FULL_URI": "http://127.0.0.1:9/credentials",
    "HTTP_PROXY": "http://127.0.0.1:9",
    "HTTPS_PROXY": "http://127.0.0.1:9",
    "ALL_PROXY": "http://127.0.0.1:9",
    "http_proxy": "http://127.0.0.1:9",
    "https_proxy": "http://127.0.0.1:9",
}
CONFIG = """
[default]
region = ap-south-1
endpoint_url = http://127.0.0.1:9
s3 =
  addressing_style = virtual
[profile work]
region = ap-south-1
sso_start_url = https://example.com/start
services = mine
[services mine]
s3 =
  endpoint_url = http://127.0.0.1:9
"""
REPORT = """
import json, os, boto3, sagemaker
from sagemaker import session as sdk
session = sagemaker.Session()
bucket = session.default_bucket()
boto3.client("s3").put_object(Bucket=bucket, Key="a", Body=b"b")
print(json.dumps({
    "region": session.boto_region_name, "role": sagemaker.get_execution_role(), "bucket": bucket,
    "arn": boto3.client("sts").get_caller_identity()["Arn"],
    "object": boto3.client("s3").get_object(Bucket=bucket, Key="a")["Body"].read().decode(),
    "models": boto3.client("sagemaker").list_models()["Models"],
    "metadata file": os.path.exists(sdk.NOTEBOOK_METADATA_FILE), "metadata name": sdk.NOTEBOOK_METADATA_FILE,
}))
"""


def test_run_overrides_what_leads_elsewhere(shared, tmp_path):
    (tmp_path / ".aws").mkdir()
    (tmp_path / ".aws" / "config").write_text(CONFIG)
    (tmp_path / ".aws" / "credentials").write_text(
        "[default]\naws_access_key_id = AKIAREAL\naws_secret_access_key = x\n"
    )
    done = shared.command("run", "--", sys.executable, "-c", REPORT, HOME=str(tmp_path), **HOSTILE)
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout.splitlines()[-1])
    account = shared.running().account
    assert found["region"] == "us-east-1" and found["object"] == "b" and found["models"] == []
    assert found["role"] == account.role_arn and found["arn"] == account.identity_arn
    assert found["bucket"] == "sagemaker-us-east-1-000000000000"
    # Where a Studio image keeps the name of a real role, the SDK must not look.
    assert not found["metadata file"] and found["metadata name"] != "/opt/ml/metadata/resource-metadata.json"


def test_the_environments_own_sitecustomize_still_runs(shared, tmp_path):
    (tmp_path / "sitecustomize.py").write_text("import sys\nsys.its_own = 'ran'\n")
    (tmp_path / "a_module_of_mine.py").write_text("name = 'found'\n")
    script = "import sys, a_module_of_mine; print(sys.its_own, a_module_of_mine.name)"
    path = os.pathsep.join([PYTHON_PATH, str(tmp_path)])
    nested = [sys.executable, "-m", "local_aws", "run", "--"]
    for beginning in ([], nested):
        done = shared.command("run", "--", *beginning, sys.executable, "-c", script, PYTHONPATH=path)
        assert done.stdout == "ran found\n", done.stderr


def test_the_shim_does_nothing_where_no_account_of_this_machine_is_named(shared):
    script = "import botocore.session as b; print(b.Session.create_client.__name__)"
    path = os.pathsep.join([str(ROOT / "account" / "local_aws" / "client" / "shim"), PYTHON_PATH])
    for url, name in (("https://example.com", "create_client"), (shared.running().url, "patched")):
        environment = shared.environment | {"PYTHONPATH": path, "AWS_ENDPOINT_URL": url}
        done = subprocess.run([sys.executable, "-c", script], env=environment, capture_output=True, text=True)
        assert done.stdout == name + "\n", done.stderr


# Starting and dying


def test_many_starts_at_once_end_as_one_process(place):
    for _ in range(2):
        starts = [place.popen("start") for _ in range(5)]
        outputs = {process.communicate(timeout=120)[0] for process in starts}
        assert [process.returncode for process in starts] == [0] * 5 and len(outputs) == 1
        until(lambda: place.servers() == [place.running().pid])
        place.kill()


def test_a_stop_in_the_middle_of_a_start(place):
    process = place.popen("start")
    until(lambda: process_lock.is_held(place.folder / "server.lock"))
    assert client.stop(place.folder)
    process.communicate(timeout=120)
    assert process.returncode == 0  # it started another one, or was told of the first
    place.close()
    assert place.command("status").returncode == 3


def test_kill_9_between_two_commands(place):
    first = place.start()
    s3 = place.client("s3")
    s3.create_bucket(Bucket="kept")
    s3.put_object(Bucket="kept", Key="a", Body=b"bytes", Metadata={"x_y": "1"})
    place.kill()
    again = place.start()
    assert again.url == first.url and again.account == first.account
    found = place.client("s3").get_object(Bucket="kept", Key="a")
    assert (found["Body"].read(), found["Metadata"]) == (b"bytes", {"x_y": "1"})


@pytest.fixture(scope="module")
def serving(tmp_path_factory):
    """An account with an endpoint, and what the endpoint answers."""
    place = Place(tmp_path_factory.mktemp("serving") / "state")
    place.start()
    place.client("s3").create_bucket(Bucket="data")
    train(place, "the-model")
    artifact = ended(place, "the-model")["ModelArtifacts"]["S3ModelArtifacts"]
    sagemaker = place.client("sagemaker")
    sagemaker.create_model(
        ModelName="m",
        ExecutionRoleArn="arn:aws:iam::000000000000:role/service-role/AmazonSageMaker-ExecutionRole-Local",
        PrimaryContainer={"Image": LINEAR_LEARNER, "ModelDataUrl": artifact},
    )
    variant = {"VariantName": "v", "ModelName": "m", "InstanceType": "ml.m5.large", "InitialInstanceCount": 1}
    sagemaker.create_endpoint_config(EndpointConfigName="c", ProductionVariants=[variant])
    sagemaker.create_endpoint(EndpointName="e", EndpointConfigName="c")
    until(lambda: sagemaker.describe_endpoint(EndpointName="e")["EndpointStatus"] == "InService")
    yield place, ask(place)
    place.close()


def ask(place: Place) -> bytes:
    runtime = place.client("sagemaker-runtime")
    return runtime.invoke_endpoint(EndpointName="e", ContentType="text/csv", Body=b"10,20\n")["Body"].read()


@pytest.mark.parametrize("how", ["kill -9", "stop"])
def test_the_process_ends_while_a_job_runs(serving, how):
    place, prediction = serving
    name = "endless-" + how.split()[0]
    train(place, name, epochs="100000000", early_stopping_patience="100000000", num_models="1")
    sagemaker = place.client("sagemaker")
    until(lambda: sagemaker.describe_training_job(TrainingJobName=name)["SecondaryStatus"] == "Training")
    server = place.running()
    programs = until(lambda: children(server.pid))
    assert place.command("status").stdout.count(name) == 1
    if how == "stop":
        assert place.command("stop").returncode == 0
    else:
        place.kill()
    until(lambda: not living([server.pid, *programs]))
    assert place.start().url == server.url
    job = place.client("sagemaker").describe_training_job(TrainingJobName=name)
    assert (job["TrainingJobStatus"], job["SecondaryStatus"]) == ("Failed", "Failed")
    assert job["FailureReason"].startswith("InternalServerError: We encountered an internal error")
    assert job["TrainingEndTime"] >= job["TrainingStartTime"]
    with pytest.raises(ClientError, match="status Failed"):
        place.client("sagemaker").stop_training_job(TrainingJobName=name)
    assert not list((place.folder / "jobs").glob("*"))
    until(lambda: place.client("sagemaker").describe_endpoint(EndpointName="e")["EndpointStatus"] == "InService")
    assert ask(place) == prediction
    train(place, name + "-after")
    assert ended(place, name + "-after")["TrainingJobStatus"] == "Completed"


def test_reset_takes_jobs_and_endpoints_with_it(serving):
    """Runs last of those that use the account."""
    place, _ = serving
    train(place, "to-be-reset", epochs="100000000", early_stopping_patience="100000000", num_models="1")
    server = place.running()
    programs = until(lambda: children(server.pid))
    assert place.command("reset").returncode == 0
    until(lambda: not living([server.pid, *programs]))
    assert list(place.folder.iterdir()) == []


def test_an_idle_account_ends_but_not_while_it_is_used(place):
    process = place.popen("run", "--", sys.executable, "-c", "print('ready', flush=True); input()",
                          LOCAL_AWS_IDLE_SECONDS="0.2")  # fmt: skip
    assert process.stdout.readline() == "ready\n"
    pid = place.running().pid
    looks = 0
    # The process looks every 0.05 s whether it is needed: it has long done so by then.
    while looks < 40:
        assert living([pid])
        looks += 1
    process.communicate("\n", timeout=60)
    assert process.returncode == 0
    until(lambda: place.running() is None and not living([pid]))
    assert "idle" in (place.folder / "server.log").read_text()


# What a lesson's kernel sees

LESSON = """
import os, signal, socket, sys, time
from local_aws import client
from local_aws.core import process_lock
from local_aws.core.settings import state_folder
from local_aws.core.account import open_account
from local_aws.client.session import open_session

session, role = open_session()
s3 = session.boto_session.client("s3")
s3.create_bucket(Bucket="a-lesson")
s3.put_object(Bucket="a-lesson", Key="k", Body=b"v")
def kill():
    at = client.find(state_folder(), open_account(state_folder()))
    os.kill(at.pid, signal.SIGKILL)
    while process_lock.is_held(state_folder() / "server.lock"):
        time.sleep(0.01)
    return at
first = kill()
print(s3.get_object(Bucket="a-lesson", Key="k")["Body"].read(), session.sagemaker_client.list_models()["Models"])
print(client.find(state_folder(), open_account(state_folder())).pid != first.pid)
kill()
taker = socket.create_server(("127.0.0.1", int(first.url.rpartition(":")[2])))
try:
    session.sagemaker_client.list_models()
except Exception as error:
    print(type(error).__name__, error)
"""


def test_a_lessons_session_starts_a_dead_account_again(place):
    done = subprocess.run(
        [sys.executable, "-c", LESSON], env=place.environment, cwd=ROOT, capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()[-3:]  # the SDK has its say before
    assert lines[:2] == ["b'v' []", "True"]
    assert lines[2].startswith("StateError") and "at another address" in lines[2]


# Ports, folders, files


def test_a_named_port_that_is_taken(place):
    with closing(socket.create_server(("127.0.0.1", 0))) as taken:
        port = str(taken.getsockname()[1])
        done = place.command("start", LOCAL_AWS_PORT=port)
        assert done.returncode == 2 and port in done.stderr and "LOCAL_AWS_PORT" in done.stderr
    assert place.start(LOCAL_AWS_PORT=port).url == f"http://127.0.0.1:{port}"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("LOCAL_AWS_PORT", "http"),
        ("LOCAL_AWS_PORT", "65536"),
        ("LOCAL_AWS_PORT", "²"),
        ("LOCAL_AWS_IDLE_SECONDS", "soon"),
    ],
)
def test_settings_that_are_no_numbers(place, name, value):
    done = place.command("start", **{name: value})
    assert done.returncode == 2 and name in done.stderr and value in done.stderr


def test_the_ports_of_the_last_time_may_be_taken(place):
    first = place.start()
    place.client("s3").create_bucket(Bucket="kept")
    place.command("stop")
    with closing(socket.create_server(("127.0.0.1", int(first.url.rpartition(":")[2])))):
        assert place.start().url != first.url
        assert [each["Name"] for each in place.client("s3").list_buckets()["Buckets"]] == ["kept"]


COMMANDS = [["start"], ["status"], ["stop"], ["reset"], ["env"], ["run", "--", "true"], ["logs", "x"], ["page"]]
COMMANDS += [["doctor"]]


@pytest.mark.parametrize("argv", COMMANDS, ids=lambda argv: argv[0])
def test_a_folder_that_cannot_be_one(tmp_path, argv):
    file = tmp_path / "a file"
    file.write_text("not a folder")
    for folder in (file, file / "below", Path("/dev/null/below")):
        done = Place(folder).command(*argv)
        said = done.stdout + done.stderr
        assert done.returncode in (1, 2, 3) or argv[0] in ("stop", "reset")
        assert str(folder) in said or argv[0] in ("stop",)
    assert file.read_text() == "not a folder"


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_folder_that_may_not_be_written(place):
    place.folder.mkdir(mode=0o500)
    done = place.command("start")
    assert done.returncode == 2 and str(place.folder) in done.stderr


def test_an_identity_that_cannot_be_read(place):
    place.folder.mkdir()
    identity = place.folder / "account.json"
    for content in (b"", b"[]", b'{"a": 1}', b"\xff\xfe\x00"):
        identity.write_bytes(content)
        for command in ("start", "status"):
            done = place.command(command)
            assert done.returncode == 2 and str(identity) in done.stderr and "reset" in done.stderr
            assert len(done.stderr.splitlines()) == 1
        assert identity.read_bytes() == content
    assert place.command("reset").returncode == 0 and place.start()


def test_a_database_that_cannot_be_read(place):
    place.start()
    place.command("stop")
    database = place.folder / "keys.sqlite"
    for path in place.folder.glob("keys.sqlite*"):
        path.write_bytes(b"no database " * 400)
    done = place.command("start")
    assert done.returncode == 2 and str(database) in done.stderr


def test_a_record_of_the_last_process_that_cannot_be_read(place):
    for content in ("[]", '{"port": "x", "pid": "y"}', '{"port": 99999, "pid": 1}', "{"):
        place.start()
        place.kill()
        (place.folder / "server.json").write_text(content)
    assert place.start()


def test_a_record_of_the_last_process_while_the_next_one_begins(place):
    place.start()
    place.kill()
    record = place.folder / "server.json"
    record.write_text(json.dumps(json.loads(record.read_text()) | {"pid": os.getpid()}))  # a number that is used again
    beginning = process_lock.hold(place.folder / "server.lock")
    try:
        assert place.running() is None
    finally:
        os.close(beginning)
    assert place.start()


def test_a_checkout_in_a_folder_with_a_space_and_other_letters(tmp_path):
    checkout = tmp_path / "한 글 folder"
    ignored = shutil.ignore_patterns("__pycache__")
    shutil.copytree(ROOT / "account", checkout / "account", ignore=ignored)
    shutil.copy(ROOT / "pyproject.toml", checkout)
    place = Place(checkout / ".local_aws", checkout)
    del place.environment["LOCAL_AWS_STATE"]
    try:
        assert str(place.folder) in place.command("start").stdout
        place.client("s3").create_bucket(Bucket="data")
        train(place, "a-job")
        assert ended(place, "a-job")["TrainingJobStatus"] == "Completed"
        done = place.command("run", "--", sys.executable, "-c", WHO)
        assert done.stdout.strip() == place.running().account.identity_arn
    finally:
        place.close()


def test_two_accounts_do_not_know_each_other(shared, place):
    place.start()
    other = shared.running().account
    client = boto3.Session(other.access_key_id, other.secret_access_key, other.session_token).client(
        "s3", endpoint_url=place.running().url, region_name="us-east-1"
    )
    with pytest.raises(ClientError, match="InvalidAccessKeyId"):
        client.list_buckets()
