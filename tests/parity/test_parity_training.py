"""Training jobs."""

from __future__ import annotations

import json

from parity.asking import (
    REGRESSOR,
    ROWS,
    channel,
    finished,
    image,
    on_two_hosts,
    outcome,
    rows,
    script,
    sharded,
    trained,
    training,
    tried,
)

LISTS = """
import json, os, sys
for name in sorted(os.listdir('/opt/ml/input/data')):
    folder = '/opt/ml/input/data/' + name
    if os.path.isdir(folder):
        found = sorted(os.path.relpath(os.path.join(d, f), folder) for d, _, names in os.walk(folder) for f in names)
        print('SEEN ' + json.dumps([name, found]), flush=True)
names = ('MASTER_ADDR', 'SM_CURRENT_HOST', 'SM_HOSTS', 'SM_NUM_GPUS')
print('SEEN ' + json.dumps(['environment', {name: os.environ.get(name) for name in names}]), flush=True)
print('score=x; score=1.5;', flush=True)
print('score=nothing;', flush=True)
"""


def seen(lines: list[str]) -> dict:
    """What a script printed for the question."""
    return dict(json.loads(line.partition("SEEN ")[2]) for line in lines if line.startswith("SEEN "))


def described(there, job: str, *members: str) -> dict:
    found = there.sagemaker.describe_training_job(TrainingJobName=job)
    return {member: found.get(member) for member in members}


def test_files_of_a_channel(there, answers):
    """One job sees a prefix with its slash, without, a part of a name, and a channel in FastFile mode."""
    for key in ("layout/data/x.csv", "layout/data/deep/y.csv", "layout/data-too/z.csv"):
        uri = there.put(key, b"1,2\n")
    base = uri.partition("layout/")[0] + "layout/"
    job = script(there, "layout", LISTS, base)
    job["AlgorithmSpecification"]["MetricDefinitions"] = [{"Name": "score", "Regex": "score=(.*?);"}]
    job["InputDataConfig"] = [
        channel(f"{base}data/", "slash"),
        channel(f"{base}data", "none"),
        channel(f"{base}da", "part"),
        channel(f"{base}data/", "fast", InputMode="FastFile"),
    ]
    found = trained(there, job)
    lines = there.lines("/aws/sagemaker/TrainingJobs", job["TrainingJobName"])
    metrics = {each["MetricName"]: each["Value"] for each in found.get("FinalMetricDataList", [])}
    answers({"status": found["TrainingJobStatus"], "seen": seen(lines), "metrics": metrics})


def test_addresses_of_s3(there, answers):
    """An input by its addresses of the web."""
    bucket, _, key = rows(there).removeprefix("s3://").partition("/")
    seen = {}
    for form in (
        f"https://s3-{there.region}.amazonaws.com/{bucket}/{key}",
        f"https://s3.{there.region}.amazonaws.com/{bucket}/{key}",
        f"https://s3.amazonaws.com/{bucket}/{key}",
        f"https://{bucket}.s3.{there.region}.amazonaws.com/{key}",
        f"https://{bucket}.s3.amazonaws.com/{key}",
    ):
        job = training(there, "address", form)
        seen[form] = tried(there, job)
        if "status" in seen[form]:
            shown = described(there, job["TrainingJobName"], "InputDataConfig")["InputDataConfig"]
            seen[form]["shown"] = shown[0]["DataSource"]["S3DataSource"]["S3Uri"]
    answers(seen)


def test_inputs_that_are_not_there(there, answers):
    create, uri = there.sagemaker.create_training_job, rows(there)
    answers({
        "prefix": there.said(create, **training(there, "no-prefix", f"{uri}nothing/")),
        "bucket": there.said(create, **training(there, "no-bucket", f"s3://{there.bucket}-is-not-there/x/")),
    })  # fmt: skip


def test_an_output_bucket_that_is_not_there(there, answers):
    place = {"S3OutputPath": f"s3://{there.bucket}-is-not-there/out"}
    answers(tried(there, training(there, "no-output", rows(there), OutputDataConfig=place)))


def of_manifest(there, *names: str) -> dict:
    """The channel ``train`` of objects that a manifest names, all in one folder."""
    folder = there.put("listed/a.csv", ROWS).rpartition("/")[0] + "/"
    found = channel(there.put("manifest", json.dumps([{"prefix": folder}, *names]).encode()))
    found["DataSource"]["S3DataSource"]["S3DataType"] = "ManifestFile"
    return found


def test_what_cannot_be_downloaded(there, answers):
    """A manifest of an object that is not there; an object whose name is that of a folder of another one."""
    for key in ("clash/a/b.csv", "clash/a"):
        uri = there.put(key, ROWS)
    answers({
        "not there": tried(
            there, training(there, "manifest", "", InputDataConfig=[of_manifest(there, "a.csv", "z.csv")])
        ),
        "file and folder": tried(there, training(there, "clash", uri.rpartition("/")[0] + "/")),
    })  # fmt: skip


def test_spot_without_a_wait(there, answers):
    create, uri = there.sagemaker.create_training_job, rows(there)
    short = {"MaxRuntimeInSeconds": 300, "MaxWaitTimeInSeconds": 200}
    answers({
        "none": there.said(create, **training(there, "spot", uri, EnableManagedSpotTraining=True)),
        "too short": there.said(
            create, **training(there, "spot", uri, EnableManagedSpotTraining=True, StoppingCondition=short)
        ),
    })  # fmt: skip


def test_no_instance(there, answers):
    machine = {"InstanceType": "ml.m5.large", "InstanceCount": 0, "VolumeSizeInGB": 5}
    job = training(there, "none", rows(there), ResourceConfig=machine)
    answers(there.said(there.sagemaker.create_training_job, **job))


def test_a_job_that_completes(there, answers):
    """What Describe shows when the job has just been made, and what stopping it after its end is answered."""
    job = training(there, "whole", rows(there))
    there.sagemaker.create_training_job(**job)
    name = job["TrainingJobName"]
    begins = described(there, name, "ModelArtifacts", "SecondaryStatus")
    end = finished(there, job)
    stop = there.sagemaker.stop_training_job
    answers({
        "artifacts at once": begins["ModelArtifacts"] is not None,
        "steps": [each["Status"] for each in end["SecondaryStatusTransitions"]],
        "stopped when it has ended": there.said(stop, TrainingJobName=name),
        "stopped when it never was": there.said(stop, TrainingJobName="course-parity-nothing"),
    })  # fmt: skip


def endless() -> dict:
    return REGRESSOR | {"epochs": "1000000", "early_stopping_patience": "1000000"}


def test_a_job_beyond_its_time(there, answers):
    limit = {"MaxRuntimeInSeconds": 5}
    found = trained(there, training(there, "late", rows(there), HyperParameters=endless(), StoppingCondition=limit))
    answers({
        "status": found["TrainingJobStatus"],
        "steps": [(each["Status"], each.get("StatusMessage")) for each in found["SecondaryStatusTransitions"]],
    })  # fmt: skip


def test_a_job_that_is_stopped(there, answers):
    job = training(there, "stopped", rows(there), HyperParameters=endless())
    there.sagemaker.create_training_job(**job)
    name = job["TrainingJobName"]
    there.sagemaker.stop_training_job(TrainingJobName=name)
    end = finished(there, job)
    last = end["SecondaryStatusTransitions"][-1]
    answers({"status": end["TrainingJobStatus"], "last": (last["Status"], last.get("StatusMessage"))})


def test_an_entry_point_that_is_not_there(there, answers):
    job = script(there, "no-entry", LISTS, rows(there), HyperParameters={})
    algorithm = {"ContainerEntrypoint": ["/opt/nothing"], "TrainingImage": image(there, "sklearn", "1.2-1")}
    job["AlgorithmSpecification"] = {"TrainingInputMode": "File", **algorithm}
    answers(outcome(trained(there, job)))


def test_metric_definitions(there, answers):
    create, uri = there.sagemaker.create_training_job, rows(there)

    def defined(regex: str) -> dict:
        job = script(there, "metric", LISTS, uri, StoppingCondition={"MaxRuntimeInSeconds": 60})
        job["AlgorithmSpecification"]["MetricDefinitions"] = [{"Name": "score", "Regex": regex}]
        return there.said(create, **job)

    answers({"not one": defined("score=("), "without a group": defined("score=.*")})


def test_a_script_that_fails(there, answers):
    """What the job's reason says of the command that was run."""
    answers(outcome(trained(there, script(there, "fails", "import sys\nsys.exit(3)\n", rows(there)))))


def test_a_pipe_of_what_is_not_compressed(there, answers):
    """A channel is said to be compressed, and one of its objects is not."""
    job = training(there, "not-packed", rows(there))
    job["AlgorithmSpecification"]["TrainingInputMode"] = "Pipe"
    job["InputDataConfig"][0]["CompressionType"] = "Gzip"
    answers(outcome(trained(there, job)))


# Reads each channel twice, and says what lies beside the FIFOs meanwhile.
READS = """
import json, os, time
data = '/opt/ml/input/data'

def show(*pair):
    print('SEEN ' + json.dumps(pair), flush=True)

def fifos():
    return sorted(name for name in os.listdir(data) if '_' in name)

show('at first', fifos())
for channel in ('train', 'listed'):
    for number in (0, 1):
        with open(f'{data}/{channel}_{number}', 'rb') as stream:
            first = stream.read(1)
            beside = [name for name in fifos() if name != f'{channel}_{number}']
            show(f'{channel} {number}', [(first + stream.read()).decode(), beside])
        end = time.monotonic() + 5
        while f'{channel}_{number}' in fifos() and time.monotonic() < end:
            time.sleep(0.01)
show('at last', fifos())
"""


def test_a_pipe_from_inside(there, answers):
    """The order of the objects, also of one that is new when the job has just been made; the FIFOs of each pass."""
    for name in ("b", "a"):
        uri = there.put(f"listed/{name}.csv", name.encode())
    listed = of_manifest(there, "b.csv", "a.csv") | {"ChannelName": "listed"}
    there.put("listed/a.csv", b"a")
    job = script(there, "reads", READS, uri, InputDataConfig=[channel(uri.rpartition("/")[0] + "/"), listed])
    job["AlgorithmSpecification"]["TrainingInputMode"] = "Pipe"
    there.sagemaker.create_training_job(**job)
    there.put("listed/c.csv", b"c")
    found = finished(there, job)
    answers(outcome(found) | {"seen": seen(there.lines("/aws/sagemaker/TrainingJobs", job["TrainingJobName"]))})


def test_a_host_without_an_object(there, answers):
    """One object for two hosts."""
    uri = rows(there)
    answers(outcome(on_two_hosts(there, training(there, "hosts", uri, InputDataConfig=[sharded(uri)]))))
