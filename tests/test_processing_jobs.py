"""Processing jobs: the user's script runs, unchanged, on AWS's paths; what goes wrong is told as AWS tells it."""

from __future__ import annotations

import io
import json
import re
import sys
from pathlib import Path

import boto3
import pandas as pd
import pytest
from jobs import checked, name, refusal, wait_until
from places import Place, living, until

IMAGE = "683313688378.dkr.ecr.us-east-1.amazonaws.com/sagemaker-scikit-learn:1.2-1-cpu-py3"
LOG_GROUP = "/aws/sagemaker/ProcessingJobs"
ROLE = "arn:aws:iam::000000000000:role/service-role/AmazonSageMaker-ExecutionRole-Course"
ENDED = ("Completed", "Failed", "Stopped")
TABLE = b"age,charges\n19,1.5\n33,2.5\n64,9.5\n"
ENDLESS = "import os, time\nprint('process', os.getpid())\nwhile True: time.sleep(0.1)\n"
NOT_HERE = "is not implemented in the embedded AWS account"


# A job by boto3: its script, the table as input, the folder /opt/ml/processing/out as output


def definition(s3, bucket: str, job: str, script: str, **members) -> dict:
    """The members of a CreateProcessingJob of a script, which is uploaded."""
    s3.put_object(Bucket=bucket, Key=f"{job}/code/script.py", Body=script.encode())
    s3.put_object(Bucket=bucket, Key=f"{job}/table.csv", Body=TABLE)
    entry = ["python3", "/opt/ml/processing/input/code/script.py"]
    return {
        "ProcessingJobName": job,
        "RoleArn": ROLE,
        "AppSpecification": {"ImageUri": IMAGE, "ContainerEntrypoint": entry},
        "ProcessingInputs": [
            source("code", f"s3://{bucket}/{job}/code/script.py", "/opt/ml/processing/input/code"),
            source("table", f"s3://{bucket}/{job}/table.csv", "/opt/ml/processing/input/table"),
        ],
        "ProcessingOutputConfig": {"Outputs": [target("out", f"s3://{bucket}/{job}/out", "/opt/ml/processing/out")]},
        "ProcessingResources": {
            "ClusterConfig": {"InstanceType": "ml.m5.large", "InstanceCount": 1, "VolumeSizeInGB": 5}
        },
    } | members


def source(input_name: str, uri: str, path: str, **members) -> dict:
    return {"InputName": input_name, "S3Input": {"S3Uri": uri, "LocalPath": path, "S3DataType": "S3Prefix"} | members}


def target(output_name: str, uri: str, path: str, **members) -> dict:
    described = {"S3Uri": uri, "LocalPath": path, "S3UploadMode": "EndOfJob"}
    return {"OutputName": output_name, "S3Output": described | members}


def ended(client, job: str) -> dict:
    """A processing job's description, once it has ended."""
    return wait_until(
        lambda: client.describe_processing_job(ProcessingJobName=job),
        lambda body: body["ProcessingJobStatus"] in ENDED,
        job,
    )


def log(job: str, client=None) -> list[str]:
    """The lines that a job has logged."""
    client = client or boto3.client("logs")
    pages = client.get_paginator("filter_log_events").paginate(logGroupName=LOG_GROUP, logStreamNamePrefix=f"{job}/")
    return [event["message"] for page in pages for event in page["events"]]


def files(s3, bucket: str, prefix: str) -> dict[str, bytes]:
    """What lies below a prefix, by the rest of the key."""
    found = s3.list_objects_v2(Bucket=bucket, Prefix=prefix).get("Contents", [])
    return {
        each["Key"].removeprefix(prefix): s3.get_object(Bucket=bucket, Key=each["Key"])["Body"].read()
        for each in found
    }


@pytest.fixture
def process(sagemaker, s3, bucket):
    """Run a script to its end: (its description, its log, its output's files)."""

    def run(script: str, **members):
        job = name("job")
        sagemaker.create_processing_job(**definition(s3, bucket, job, script, **members))
        body = ended(sagemaker, job)
        lines = log(job) if boto3.client("logs").describe_log_groups()["logGroups"] else []
        return body, lines, files(s3, bucket, f"{job}/out/")

    return run


# Through the SDK, as the lessons do


@pytest.fixture(scope="module")
def session(account):
    from utils.local_aws.session import open_session

    return open_session()[0]


@pytest.fixture(scope="module")
def table(tmp_path_factory) -> str:
    path = tmp_path_factory.mktemp("table") / "table.csv"
    path.write_bytes(TABLE)
    return str(path)


PREPARE = """
import argparse
import os
import pandas as pd

parser = argparse.ArgumentParser()
parser.add_argument("--rows", type=int)
parser.add_argument("--test", default="/opt/ml/processing/test")
options = parser.parse_args()
table = pd.read_csv("/opt/ml/processing/input/table.csv")
table[: options.rows].to_csv("/opt/ml/processing/train/train.csv", index=False)
table[options.rows :].to_csv(os.path.join(options.test, "test.csv"), index=False)
print("divided", len(table), "rows;", os.environ.get("MOOD"), "in", os.environ.get("PLACE"))
"""


def divided(s3, job) -> tuple[pd.DataFrame, pd.DataFrame]:
    """The tables that PREPARE has put into S3."""
    tables = []
    for output in job.describe()["ProcessingOutputConfig"]["Outputs"]:
        bucket, _, prefix = output["S3Output"]["S3Uri"].removeprefix("s3://").partition("/")
        (body,) = files(s3, bucket, prefix + "/").values()
        tables.append(pd.read_csv(io.BytesIO(body)))
    return tuple(tables)


def folders():
    from sagemaker.processing import ProcessingOutput

    return [
        ProcessingOutput(source=f"/opt/ml/processing/{each}", output_name=each) for each in ("train", "test")
    ]


def test_a_script_with_the_scikit_learn_processor(session, s3, table, tmp_path, capsys):
    from sagemaker.processing import ProcessingInput, ProcessingJob
    from sagemaker.sklearn.processing import SKLearnProcessor

    (tmp_path / "prepare.py").write_text(PREPARE)
    processor = SKLearnProcessor(
        framework_version="1.2-1", role=ROLE, instance_type="ml.m5.large", instance_count=1,
        sagemaker_session=session, env={"MOOD": "content", "PLACE": "/opt/ml/processing/test"},
        max_runtime_in_seconds=600, tags=[{"Key": "owner", "Value": "tests"}],
    )  # fmt: skip
    processor.run(
        code=str(tmp_path / "prepare.py"),
        inputs=[ProcessingInput(source=table, destination="/opt/ml/processing/input")],
        outputs=folders(),
        arguments=["--rows", "2", "--test", "/opt/ml/processing/test"],
    )
    assert "divided 3 rows; content in /opt/ml/processing/test\n" in capsys.readouterr().out
    train, test = divided(s3, processor.latest_job)
    assert list(train.age) == [19, 33] and list(test.charges) == [9.5]
    body = processor.latest_job.describe()
    assert body["ProcessingJobStatus"] == "Completed" and body["AppSpecification"]["ImageUri"] == IMAGE
    assert body["StoppingCondition"] == {"MaxRuntimeInSeconds": 600}
    found = ProcessingJob.from_processing_arn(session, body["ProcessingJobArn"])
    assert [each.source for each in found.outputs] == ["/opt/ml/processing/train", "/opt/ml/processing/test"]
    assert session.sagemaker_client.list_tags(ResourceArn=body["ProcessingJobArn"])["Tags"] == [
        {"Key": "owner", "Value": "tests"}
    ]


def test_a_script_with_a_command_of_ones_own_and_no_log(session, s3, table, tmp_path, capsys):
    from sagemaker.processing import ProcessingInput, ScriptProcessor

    (tmp_path / "prepare.py").write_text(PREPARE)
    processor = ScriptProcessor(
        role=ROLE, image_uri=IMAGE, command=["python3", "-u", "-X", "utf8"], instance_type="ml.m5.large",
        instance_count=1, sagemaker_session=session,
    )  # fmt: skip
    processor.run(
        code=str(tmp_path / "prepare.py"),
        inputs=[ProcessingInput(source=str(Path(table).parent), destination="/opt/ml/processing/input")],
        outputs=folders(),
        arguments=["--rows", "1"],
        logs=False,
    )
    assert "divided" not in capsys.readouterr().out
    train, test = divided(s3, processor.latest_job)
    assert list(train.age) == [19] and list(test.age) == [33, 64]


def test_a_folder_of_sources_with_the_framework_processor(session, s3, table, tmp_path, capsys):
    """Its entry point is a shell script of the SDK's, which unpacks the folder."""
    from sagemaker.processing import FrameworkProcessor, ProcessingInput
    from sagemaker.sklearn.estimator import SKLearn

    (tmp_path / "own.py").write_text("WORD = 'imported from'\n")
    (tmp_path / "prepare.py").write_text(f"{PREPARE}\nimport own\nprint(own.WORD, own.__file__)\n")
    processor = FrameworkProcessor(
        SKLearn, "1.2-1", role=ROLE, instance_type="ml.m5.large", instance_count=1, sagemaker_session=session
    )
    processor.run(
        code="prepare.py",
        source_dir=str(tmp_path),
        inputs=[ProcessingInput(source=table, destination="/opt/ml/processing/input")],
        outputs=folders(),
        arguments=["--rows", "2"],
    )
    assert "imported from /opt/ml/processing/input/code/own.py\n" in capsys.readouterr().out
    assert [len(each) for each in divided(s3, processor.latest_job)] == [2, 1]


def test_a_script_that_raises_through_the_sdk(session, tmp_path, capsys):
    from sagemaker.exceptions import UnexpectedStatusException
    from sagemaker.sklearn.processing import SKLearnProcessor

    (tmp_path / "fails.py").write_text("import csv\nprint('begins')\nopen('/opt/ml/processing/input/none.csv')\n")
    processor = SKLearnProcessor(
        framework_version="1.2-1", role=ROLE, instance_type="ml.m5.large", instance_count=1, sagemaker_session=session
    )
    for logs in (True, False):
        with pytest.raises(UnexpectedStatusException) as raised:
            processor.run(code=str(tmp_path / "fails.py"), logs=logs)
        assert "Failed. Reason: AlgorithmError: , exit code: 1." in str(raised.value)
        shown = capsys.readouterr().out
        assert ('File "/opt/ml/processing/input/code/fails.py", line 3' in shown) == logs
        assert ("No such file or directory: '/opt/ml/processing/input/none.csv'" in shown) == logs


# The paths of AWS's containers

EVERYWHERE = r'''
import argparse, glob, io, json, os, pathlib, shutil, subprocess, sys, tarfile, tempfile
import joblib, numpy as np, pandas as pd
from os.path import isfile
from pathlib import Path

parser = argparse.ArgumentParser()
parser.add_argument("--folder")
options = parser.parse_args()
OUT = "/opt/ml/processing/out"
seen = {}

table = pd.read_csv("/opt/ml/processing/input/table/table.csv")
table.to_csv(f"{OUT}/table.csv.gz", index=False)
table.to_pickle(Path(OUT) / "table.pickle")
table.to_json(OUT + "/table.json")
joblib.dump({"rows": len(table)}, "/opt/ml/processing/out/model.joblib", compress=3)
seen["joblib"] = joblib.load(OUT + "/model.joblib")
np.save(f"{OUT}/x.npy", table.to_numpy())
np.savez_compressed(f"{OUT}/x.npz", x=np.arange(3))
seen["numpy"] = [float(np.load(f"{OUT}/x.npy", mmap_mode="r").sum()), int(np.load(f"{OUT}/x.npz")["x"].sum())]
np.savetxt(f"{OUT}/x.txt", np.arange(4)); seen["loadtxt"] = np.loadtxt(f"{OUT}/x.txt").sum()
np.arange(5).tofile(f"{OUT}/x.bin"); seen["fromfile"] = int(np.fromfile(f"{OUT}/x.bin", int).sum())
with open(os.path.join(options.folder, "open.txt"), "w") as file:
    file.write("written")
seen["io"] = io.open(b"/opt/ml/processing/out/open.txt").read()
deep = Path("/opt/ml/processing/out/a/b")
deep.mkdir(parents=True)
(deep / "c.txt").write_text("deep")
seen["pathlib"] = [(deep / "c.txt").read_text(), deep.exists(), str(deep.resolve()), str(Path(OUT, "a/../a").resolve())]
seen["glob"] = sorted(glob.glob(OUT + "/**/*.txt", recursive=True)) + sorted(map(str, Path(OUT).rglob("*.np?")))
seen["iterdir"] = sorted(str(each.relative_to(OUT)) for each in deep.iterdir())
seen["walk"] = [[top, folders, names] for top, folders, names in os.walk(OUT + "/a")]
seen["walk up"] = [top for top, _, _ in os.walk(OUT + "/a", topdown=False)]
seen["scandir"] = [[each.path, each.is_file(), each.stat().st_size] for each in os.scandir(deep)]
shutil.copytree(OUT + "/a", OUT + "/copy")
shutil.move(OUT + "/copy/b/c.txt", OUT + "/moved.txt")
shutil.rmtree("/opt/ml/processing/out/copy")
seen["gone"] = [os.path.exists(OUT + "/copy"), isfile(OUT + "/moved.txt"), os.path.getsize(OUT + "/moved.txt")]
os.replace(OUT + "/moved.txt", OUT + "/renamed.txt")
shutil.make_archive("/opt/ml/processing/archive", "gztar", OUT + "/a")
seen["tar"] = sorted(tarfile.open("/opt/ml/processing/archive.tar.gz").getnames())
with tempfile.NamedTemporaryFile(dir=OUT) as file:
    seen["temporary"] = os.path.dirname(file.name)
os.chdir("/opt/ml/processing/out")
Path("relative.txt").write_text("here")
seen["cwd"] = [os.getcwd(), str(Path.cwd()), os.path.abspath("x"), os.path.exists(OUT + "/relative.txt")]
os.symlink("/opt/ml/processing/input/table", "/opt/ml/processing/out/link")
seen["link"] = [os.readlink(OUT + "/link"), os.listdir(OUT + "/link"), os.path.realpath(OUT + "/link")]
seen["own file"] = Path(__file__).name
Path("/opt/ml/processing/other.py").write_text("""
import os, sys
print(sys.argv[1] == "s3://bucket/opt/ml/x", os.path.isdir(sys.argv[2]), open("/opt/ml/processing/out/open.txt").read())
""")
for environment in (None, {}, {"PYTHONPATH": "/opt/ml/processing"}):
    command = [sys.executable, "/opt/ml/processing/other.py", "s3://bucket/opt/ml/x", "/opt/ml/processing/out"]
    done = subprocess.run(command, capture_output=True, text=True, env=environment, cwd="/opt/ml/processing")
    seen.setdefault("programs", []).append(done.stdout.strip() or done.stderr)
seen["shell"] = subprocess.check_output("cat /opt/ml/processing/out/open.txt", shell=True, text=True)
version = ["python", "-c", "import pandas; print(pandas.__version__)"]
seen["python"] = subprocess.check_output(version, text=True).strip()
os.system("cp /opt/ml/processing/out/open.txt /opt/ml/processing/out/system.txt")
seen["workers"] = joblib.Parallel(2)(joblib.delayed(os.listdir)("/opt/ml/processing/input/table") for _ in range(2))
sys.path.insert(0, "/opt/ml/processing/modules")
os.makedirs("/opt/ml/processing/modules")
Path("/opt/ml/processing/modules/mine.py").write_text("NUMBER = 7")
import mine
seen["module"] = mine.NUMBER
try:
    open("/opt/ml/processing/none")
except FileNotFoundError as error:
    print(error)
json.dump(seen, open("/opt/ml/processing/out/seen.json", "w"))
'''


def test_every_way_to_a_path(process):
    out = "/opt/ml/processing/out"
    body, lines, found = process(
        EVERYWHERE,
        AppSpecification={
            "ImageUri": IMAGE,
            "ContainerEntrypoint": ["python3", "/opt/ml/processing/input/code/script.py"],
            "ContainerArguments": ["--folder=/opt/ml/processing/out"],
        },
    )
    assert body["ProcessingJobStatus"] == "Completed", lines
    assert json.loads(found["seen.json"]) == {
        "joblib": {"rows": 3},
        "numpy": [129.5, 3],
        "loadtxt": 6.0,
        "fromfile": 10,
        "io": "written",
        "pathlib": ["deep", True, f"{out}/a/b", f"{out}/a"],
        "glob": [f"{out}/a/b/c.txt", f"{out}/open.txt", f"{out}/x.txt", f"{out}/x.npy", f"{out}/x.npz"],
        "iterdir": ["a/b/c.txt"],
        "walk": [[f"{out}/a", ["b"], []], [f"{out}/a/b", [], ["c.txt"]]],
        "walk up": [f"{out}/a/b", f"{out}/a"],
        "scandir": [[f"{out}/a/b/c.txt", True, 4]],
        "gone": [False, True, 4],
        "tar": [".", "./b", "./b/c.txt"],
        "temporary": out,
        "cwd": [out, out, f"{out}/x", True],
        "link": ["/opt/ml/processing/input/table", ["table.csv"], "/opt/ml/processing/input/table"],
        "own file": "script.py",
        "programs": ["True True written"] * 3,
        "shell": "written",
        "python": pd.__version__,
        "workers": [["table.csv"]] * 2,
        "module": 7,
    }
    # The link is not uploaded, all else is.
    names = "a/b/c.txt model.joblib open.txt relative.txt renamed.txt seen.json system.txt table.csv.gz table.json "
    names += "table.pickle x.bin x.npy x.npz x.txt"
    assert sorted(found) == names.split()
    pd.testing.assert_frame_equal(
        pd.read_csv(io.BytesIO(found["table.csv.gz"]), compression="gzip"), pd.read_csv(io.BytesIO(TABLE))
    )
    assert lines[-1] == "[Errno 2] No such file or directory: '/opt/ml/processing/none'"
    assert not Path("/opt/ml/processing").exists()


def test_what_a_job_finds_in_its_container(process, sagemaker):
    body, lines, found = process(
        "import json, os, shutil\n"
        "for each in ('processingjobconfig', 'resourceconfig'):\n"
        "    shutil.copy(f'/opt/ml/config/{each}.json', '/opt/ml/processing/out')\n"
        "json.dump(dict(os.environ), open('/opt/ml/processing/out/environment.json', 'w'))\n"
        "print('empty' if os.read(0, 1) == b'' else 'input')\n"
        "import boto3\n"
        "try: boto3.client('s3', region_name=os.environ['AWS_REGION']).list_buckets()\n"
        "except Exception as error: print(type(error).__name__)\n",
        Environment={"COLOUR": "blue", "SOME_PATH": "/opt/ml/processing/out", "AWS_REGION": "nowhere"},
    )
    assert body["ProcessingJobStatus"] == "Completed" and lines == ["empty", "NoCredentialsError"]
    config, resources, environment = (
        json.loads(found[f"{each}.json"]) for each in ("processingjobconfig", "resourceconfig", "environment")
    )
    for member in ("ProcessingJobName", "AppSpecification", "ProcessingInputs", "ProcessingOutputConfig", "RoleArn"):
        assert config[member] == body[member]
    assert (resources["current_host"], resources["hosts"]) == ("algo-1", ["algo-1"])
    assert environment["COLOUR"] == "blue" and environment["AWS_REGION"] == "us-east-1"
    assert environment["SOME_PATH"].endswith("/opt/ml/processing/out")
    secret = [each for each in environment if re.match("AWS_.*(KEY|TOKEN|ENDPOINT)|LOCAL_AWS_STATE", each)]
    assert secret == []


def test_an_input_belongs_to_the_job(process, s3, bucket):
    """What a job writes on is its own copy, as on AWS; what S3 holds stays."""
    body, lines, _ = process(
        "with open('/opt/ml/processing/input/table/table.csv', 'r+') as file: file.write('more')\n"
        "print(open('/opt/ml/processing/input/table/table.csv').read()[:4])"
    )
    assert lines == ["more"]
    assert s3.get_object(Bucket=bucket, Key=f"{body['ProcessingJobName']}/table.csv")["Body"].read() == TABLE


def test_the_image_of_xgboost_evaluates_its_models(process):
    entry = ["python3", "/opt/ml/processing/input/code/script.py"]
    app = {"ImageUri": IMAGE.replace("scikit-learn:1.2-1", "xgboost:1.7-1"), "ContainerEntrypoint": entry}
    body, lines, _ = process("import xgboost\nprint(xgboost.DMatrix([[1, 2]]).num_col())", AppSpecification=app)
    assert (body["ProcessingJobStatus"], lines) == ("Completed", ["2"])


LIST = "import os\nfor at, _, names in sorted(os.walk('/opt/ml/processing/input/data')): print(at, sorted(names))"


@pytest.mark.parametrize("prefix", ["folders/data", "folders/data/"])
def test_a_prefix_is_a_folder(process, s3, bucket, prefix):
    for key in ("one.csv", "deep/two.csv", "deep/er/three.csv"):
        s3.put_object(Bucket=bucket, Key=f"folders/data/{key}", Body=TABLE)
    s3.put_object(Bucket=bucket, Key="folders/data/deep/", Body=b"")  # as the console makes a folder
    code = definition(s3, bucket, name("prefix"), LIST)["ProcessingInputs"][0]
    data = source("data", f"s3://{bucket}/{prefix}", "/opt/ml/processing/input/data/")
    _, lines, _ = process(LIST, ProcessingInputs=[code, data])
    here = "/opt/ml/processing/input/data"
    assert lines == [f"{here} ['one.csv']", f"{here}/deep ['two.csv']", f"{here}/deep/er ['three.csv']"]


def test_a_manifest(process, s3, bucket):
    for key in ("one.csv", "deep/two.csv", "three.csv"):
        s3.put_object(Bucket=bucket, Key=f"manifest/data/{key}", Body=TABLE)
    manifest = [{"prefix": f"s3://{bucket}/manifest/data/"}, "one.csv", "deep/two.csv"]
    s3.put_object(Bucket=bucket, Key="manifest/list", Body=json.dumps(manifest).encode())
    members = definition(s3, bucket, name("manifest"), LIST)
    place = "/opt/ml/processing/input/data"
    data = source("data", f"s3://{bucket}/manifest/list", place, S3DataType="ManifestFile")
    _, lines, _ = process(LIST, ProcessingInputs=[members["ProcessingInputs"][0], data])
    assert lines == [f"{place} ['one.csv']", f"{place}/deep ['two.csv']"]


def test_outputs_in_each_other_and_at_a_bucket_s_root(process, s3, bucket):
    s3.create_bucket(Bucket="a-bucket-of-outputs")
    script = (
        "import os\n"
        "for each in ('a', 'in/b'): open(f'/opt/ml/processing/out/{each}', 'w').write(each)\n"
        "os.chmod('/opt/ml/processing/out/a', 0)"
    )
    outputs = [
        target("all", f"s3://{bucket}/nested/", "/opt/ml/processing/out/"),
        target("inner", "s3://a-bucket-of-outputs", "/opt/ml/processing/out/in"),
    ]
    body, lines, _ = process(script, ProcessingOutputConfig={"Outputs": outputs})
    assert body["ProcessingJobStatus"] == "Completed", lines
    assert files(s3, bucket, "nested/") == {"a": b"a", "in/b": b"in/b"}
    assert files(s3, "a-bucket-of-outputs", "") == {"b": b"in/b"}


def test_a_job_with_neither_input_nor_output(process):
    body, lines, _ = process(
        "", ProcessingInputs=[], ProcessingOutputConfig={"Outputs": []},
        AppSpecification={"ImageUri": IMAGE, "ContainerEntrypoint": ["echo", "a b", "/opt/ml/processing/x"]},
    )  # fmt: skip
    assert body["ProcessingJobStatus"] == "Completed" and lines == ["a b /opt/ml/processing/x"]


# What is told of a job


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


# What is refused


@pytest.mark.parametrize(
    ("path", "member", "sentence"),
    [
        ("/opt/ml/test", "LocalPath", "must be below /opt/ml/processing/"),
        ("/opt/ml/processing", "LocalPath", "must be below /opt/ml/processing/"),
        ("/opt/ml/processing/../model", "LocalPath", "must be below /opt/ml/processing/"),
        ("processing/input", "LocalPath", "must be below /opt/ml/processing/"),
        ("", "LocalPath", "must be below /opt/ml/processing/"),
        ("/opt/ml/processing/input/code/", "LocalPath", "is used more than once"),
        ("/opt/ml/processing/" + "x" * 250, "localPath", "less than or equal to 256"),
    ],
)
def test_bad_local_paths(sagemaker, s3, bucket, path, member, sentence):
    params = definition(s3, bucket, name("bad-path"), "")
    data = source("more", f"s3://{bucket}/{params['ProcessingJobName']}/table.csv", path)
    code, message = refusal(
        sagemaker.create_processing_job, **params | {"ProcessingInputs": [params["ProcessingInputs"][0], data]}
    )
    assert code == "ValidationException" and sentence in message and member in message
    outputs = {"Outputs": [target("bad", f"s3://{bucket}/x", path)]}
    code, message = refusal(sagemaker.create_processing_job, **params | {"ProcessingOutputConfig": outputs})
    assert code == "ValidationException" and sentence in message


@pytest.mark.parametrize("uri", ["s3://{}/nothing/here/", "s3://no-such-bucket-at-all/x", "s3://{}/nothing.csv"])
def test_an_input_that_is_not_there(sagemaker, s3, bucket, uri):
    uri = uri.format(bucket)
    params = definition(s3, bucket, name("no-input"), "")
    params["ProcessingInputs"].append(source("gone", uri, "/opt/ml/processing/input/gone"))
    code, message = refusal(sagemaker.create_processing_job, **params)
    assert code == "ValidationException" and message.startswith(f'No S3 objects found under S3 URL "{uri}"')
    assert refusal(sagemaker.describe_processing_job, ProcessingJobName=params["ProcessingJobName"])


def changed(params: dict, path: str, value) -> dict:
    """``params`` with another value at a path such as ``A.0.B``."""
    params = json.loads(json.dumps(params))
    *way, last = [int(each) if each.isdigit() else each for each in path.split(".")]
    place = params
    for each in way:
        place = place.setdefault(each, {}) if isinstance(place, dict) else place[each]
    place[last] = value
    return params


@pytest.mark.parametrize(
    ("path", "value", "word"),
    [
        ("AppSpecification.ImageUri", "1.dkr.ecr.us-east-1.amazonaws.com/sagemaker-spark-processing:3", "spark"),
        ("AppSpecification.ImageUri", "382416733822.dkr.ecr.us-east-1.amazonaws.com/linear-learner:1", "linear"),
        ("AppSpecification", {"ImageUri": IMAGE}, "ContainerEntrypoint"),
        ("ProcessingResources.ClusterConfig.InstanceCount", 2, "more than one instance"),
        ("ProcessingInputs.1.AppManaged", True, "AppManaged (input 'table')"),
        ("ProcessingInputs.1.S3Input.S3InputMode", "Pipe", "S3InputMode Pipe (input 'table')"),
        ("ProcessingInputs.1.S3Input.S3CompressionType", "Gzip", "S3CompressionType Gzip"),
        ("ProcessingInputs.1.DatasetDefinition", {"LocalPath": "/opt/ml/processing/x"}, "Athena or Redshift"),
        ("ProcessingOutputConfig.Outputs.0.S3Output.S3UploadMode", "Continuous", "S3UploadMode Continuous"),
        ("ProcessingOutputConfig.Outputs.0.FeatureStoreOutput", {"FeatureGroupName": "x"}, "FeatureStoreOutput"),
        ("NetworkConfig.EnableNetworkIsolation", True, "NetworkConfig.EnableNetworkIsolation"),
        ("NetworkConfig.VpcConfig", {"SecurityGroupIds": ["sg"], "Subnets": ["s"]}, "NetworkConfig.VpcConfig"),
        ("ExperimentConfig.ExperimentName", "mine", "ExperimentConfig"),
    ],
)
def test_what_the_account_cannot_do(sagemaker, s3, bucket, path, value, word):
    params = changed(definition(s3, bucket, name("refused"), ""), path, value)
    code, message = refusal(sagemaker.create_processing_job, **params)
    assert code == "ValidationException" and word in message and NOT_HERE in message


@pytest.mark.parametrize(
    ("path", "value", "sentence"),
    [
        ("ProcessingInputs.1.InputName", "code", "Duplicate InputName 'code'."),
        ("ProcessingInputs.1", {"InputName": "bare"}, "The input 'bare' has neither S3Input nor DatasetDefinition."),
        ("ProcessingOutputConfig.Outputs.0", {"OutputName": "bare"}, "The output 'bare' has no S3Output."),
        ("ProcessingInputs.1.S3Input.S3Uri", "https://bucket/key", "not of the form s3://BUCKET/KEY"),
        ("ProcessingOutputConfig.Outputs.0.S3Output.S3Uri", "https://b/k", "not of the form s3://BUCKET/KEY"),
        ("AppSpecification.ContainerArguments", ["a", ""], "empty string in ContainerArguments at index 1"),
        ("RoleArn", "arn:aws:iam::111111111111:role/Other", "Cross-account pass role is not allowed."),
        ("ProcessingJobName", "no_underscores", "failed to satisfy constraint"),
    ],
)
def test_what_aws_refuses_too(sagemaker, s3, bucket, path, value, sentence):
    params = changed(definition(s3, bucket, name("invalid"), ""), path, value)
    code, message = refusal(sagemaker.create_processing_job, **params)
    assert code == "ValidationException" and sentence in message


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
