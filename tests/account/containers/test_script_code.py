"""Script mode: every way to name the user's code, in training and in serving.

The outcomes are those of ``files.download_and_extract``, ``environment.Environment`` and ``_entry_point_type`` of AWS's
open ``sagemaker_training`` 5.1.4, and of ``_files`` and ``_env`` of ``sagemaker_containers`` 2.8.6, which serve in the
images of scikit-learn and XGBoost.
"""

from __future__ import annotations

import contextlib
import json

import pytest
from botocore.exceptions import ClientError

from support.scripts import image, log, logged, packed
from support.training import channel, definition, ended, name, wait_until

SCRIPT = "import os, sys, side; print('ran', os.getcwd(), sys.argv[1:], side.WORD)"
FILES = {"t.py": SCRIPT, "side.py": "WORD = 'beside'"}
RAN = "ran /opt/ml/code [] beside"


@pytest.fixture(scope="module")
def sources(account, s3, bucket) -> str:
    """The address of a folder in S3 with the code in every form."""
    for key, body in {
        "code/sourcedir.tar.gz": packed(FILES),
        "code/a key +é/source dir.tar.gz": packed(FILES),
        "plain/t.py": SCRIPT.encode(),
        "plain/side.py": FILES["side.py"].encode(),
        "none/readme": b"no code",
    }.items():
        s3.put_object(Bucket=bucket, Key=f"named/{key}", Body=body)
    return f"s3://{bucket}/named"


@pytest.fixture(scope="module")
def begin(account, sagemaker, bucket):
    """Start a training job with hyperparameters as they are, and an environment; its name."""

    def start(hyperparameters: dict, *channels: dict, repository="sagemaker-scikit-learn", **variables: str) -> str:
        job = name("named")
        spec = {"TrainingImage": image(repository), "TrainingInputMode": "File"}
        body = definition(
            account, job, *channels, bucket=bucket, AlgorithmSpecification=spec, HyperParameters=hyperparameters,
            Environment=variables,
        )  # fmt: skip
        if not channels:
            del body["InputDataConfig"]
        sagemaker.create_training_job(**body)
        return job

    return start


# Training


@pytest.mark.parametrize("repository", ["sagemaker-scikit-learn", "sagemaker-xgboost", "pytorch-training"])
def test_the_code_of_a_training_job_in_plain_text_and_in_json(begin, sagemaker, sources, repository):
    """As boto3, the CLI, Step Functions and Terraform write hyperparameters, and as the SDK does; or mixed."""
    archive = f"{sources}/code/sourcedir.tar.gz"
    plain = {"sagemaker_program": "t.py", "sagemaker_submit_directory": archive, "sagemaker_region": "us-east-1",
             "sagemaker_container_log_level": "20", "sagemaker_job_name": "mine"}  # fmt: skip
    as_json = {key: json.dumps(value) for key, value in plain.items()} | {"sagemaker_container_log_level": "20"}
    odd = f"{sources}/code/a key +é/source dir.tar.gz"
    jobs = [
        begin(plain, repository=repository),
        begin(as_json, repository=repository),
        begin(plain | {"sagemaker_program": '"t.py"'}, repository=repository),
        begin({"sagemaker_program": "t.py", "sagemaker_submit_directory": odd}, repository=repository),
        begin({"sagemaker_submit_directory": archive}, repository=repository, SAGEMAKER_PROGRAM="t.py"),
        begin(plain | {"sagemaker_program": "nope.py"}, repository=repository, SAGEMAKER_PROGRAM="t.py"),
    ]
    for number, job in enumerate(jobs):
        assert ended(sagemaker, job)["TrainingJobStatus"] == "Completed", (number, log(job))
        assert RAN in log(job), (number, log(job))


def test_the_code_of_a_training_job_in_a_channel(begin, sagemaker, sources):
    """An archive (which the SDK sends so to a job in network isolation), a folder, one file."""
    place = "/opt/ml/input/data/code"
    packed_, plain = channel(f"{sources}/code/sourcedir.tar.gz", "code"), channel(f"{sources}/plain/", "code")
    alone = {"sagemaker_program": "side.py"}
    jobs = [
        begin({"sagemaker_program": "t.py", "sagemaker_submit_directory": f"{place}/sourcedir.tar.gz"}, packed_),
        begin({"sagemaker_program": "t.py", "sagemaker_submit_directory": f'"{place}/sourcedir.tar.gz"'}, packed_),
        begin({"sagemaker_program": "t.py", "sagemaker_submit_directory": place}, plain),
        begin(alone | {"sagemaker_submit_directory": f"{place}/side.py"}, plain),
    ]
    for job in jobs:
        assert ended(sagemaker, job)["TrainingJobStatus"] == "Completed", log(job)
    assert all(RAN in log(job) for job in jobs[:3])


@pytest.mark.parametrize(
    ("uri", "said"),
    [
        ("s3://BUCKET/not/there.tar.gz", "(404) when calling the HeadObject operation: Not Found, exit code: 1"),
        ("s3://no-such-bucket-at-all/x.tar.gz", "(404) when calling the HeadObject operation: Not Found, exit code: 1"),
        ("s3://[no", "ValueError: Invalid IPv6 URL, exit code: 1"),
        ("file:///opt/ml/code", "[Errno 2] No such file or directory: 'file:///opt/ml/code', exit code: 2"),
        ("https://BUCKET.s3.amazonaws.com/named/code/sourcedir.tar.gz", "[Errno 2] No such file or directory: 'https:"),
        ("/opt/ml/input/data/nowhere", "[Errno 2] No such file or directory: '/opt/ml/input/data/nowhere'"),
        ("/etc", "[Errno 2] No such file or directory: '/etc', exit code: 2"),
        ("", "[Errno 2] No such file or directory: '', exit code: 2"),
        ("s3://BUCKET/named/none/readme", "ReadError: not a gzip file, exit code: 1"),
    ],
)  # fmt: skip
def test_code_that_is_not_where_it_is_said_to_be(begin, sagemaker, sources, bucket, uri, said):
    job = begin({"sagemaker_program": "t.py", "sagemaker_submit_directory": uri.replace("BUCKET", bucket)})
    reason = ended(sagemaker, job)["FailureReason"]
    assert reason.startswith("AlgorithmError: Framework Error: ") and said in reason
    assert not any("Traceback" in line for line in log(job))


def test_a_variable_names_no_place_of_the_code(begin, sagemaker, sources):
    """The training toolkit reads SAGEMAKER_PROGRAM, and of SAGEMAKER_SUBMIT_DIRECTORY nothing."""
    archive = f"{sources}/code/sourcedir.tar.gz"
    job = begin({}, SAGEMAKER_PROGRAM="t.py", SAGEMAKER_SUBMIT_DIRECTORY=archive)
    assert ended(sagemaker, job)["FailureReason"].startswith("AlgorithmError: ExecuteUserScriptError:\nExitCode 2\n")


@pytest.mark.parametrize(
    ("hyperparameters", "said"),
    [
        ({"sagemaker_container_log_level": "INFO"}, "TypeError: "),
        ({"sagemaker_job_name": "17"}, "TypeError: SAGEMAKER_JOB_NAME: str expected, not int"),
        ({"sagemaker_region": "[1]"}, "TypeError: SAGEMAKER_REGION: str expected, not list"),
    ],
)
def test_what_the_toolkit_reads_as_json_and_cannot_use(begin, sagemaker, sources, hyperparameters, said):
    code = {"sagemaker_program": "t.py", "sagemaker_submit_directory": f"{sources}/code/sourcedir.tar.gz"}
    reason = ended(sagemaker, begin(code | hyperparameters))["FailureReason"]
    assert reason.startswith(f"AlgorithmError: Framework Error: \n{said}")


def test_what_the_toolkit_sets_for_itself_a_script_finds(begin, sagemaker, s3, bucket):
    names = "CURRENT_HOST SAGEMAKER_JOB_NAME SAGEMAKER_REGION SAGEMAKER_TRAINING_MODULE"
    script = f"import os; print([os.environ.get(each) for each in '{names}'.split()])"
    s3.put_object(Bucket=bucket, Key="sets/s.tar.gz", Body=packed({"t.py": script}))
    code = {"sagemaker_program": "t.py", "sagemaker_submit_directory": f"s3://{bucket}/sets/s.tar.gz"}
    jobs = [begin(code), begin(code | {"sagemaker_job_name": "mine", "sagemaker_region": "eu-west-1"})]
    module = "sagemaker_sklearn_container.training:main"
    for job, told in zip(jobs, [("", "us-east-1"), ("mine", "eu-west-1")], strict=True):
        assert ended(sagemaker, job)["TrainingJobStatus"] == "Completed", log(job)
        assert str(["algo-1", *told, module]) in log(job)


@pytest.mark.parametrize(
    ("repository", "program", "files", "command"),
    [
        ("sagemaker-xgboost", "t", {"t.py": ""}, "/bin/python -m t"),
        ("sagemaker-xgboost", "deep.t", {"deep/t.py": ""}, "/bin/python -m deep.t"),
        ("sagemaker-scikit-learn", "t", {"t.py": "", "setup.py": ""}, "/bin/python -m t"),
        ("sagemaker-scikit-learn", "deep/t.py", {"deep/t.py": ""}, "/bin/python deep/t.py"),
        ("sagemaker-scikit-learn", "t.sh", {"t.sh": "#!/bin/sh\n", "setup.py": ""}, "/bin/sh -c ./t.sh"),
        ("sagemaker-scikit-learn", "t", {"t": "#!/usr/bin/env python\n"}, "/bin/sh -c ./t"),
    ],
)
def test_what_an_entry_point_is(begin, sagemaker, s3, bucket, repository, program, files, command):
    key = f"{name('kinds')}.tar.gz"
    s3.put_object(Bucket=bucket, Key=key, Body=packed(files))
    job = begin(
        {"sagemaker_program": program, "sagemaker_submit_directory": f"s3://{bucket}/{key}"}, repository=repository
    )
    assert ended(sagemaker, job)["TrainingJobStatus"] == "Completed", log(job)
    assert command in [line.strip() for line in log(job)]


# Serving

SERVES = "import side\ndef model_fn(d): return side.WORD\ndef transform_fn(model, *rest): return model, 'text/plain'"
CODE = {"inference.py": SERVES, "side.py": "WORD = 'beside'"}


@pytest.fixture
def served(account, sagemaker, runtime, s3, bucket):
    """What a model of these files answers, for each (files, environment); None and the log of one that fails."""
    made: list[str] = []

    def serve(repository: str, cases: list[tuple[dict, dict]]) -> list[tuple[str | None, list[str]]]:
        begun = []
        for files, environment in cases:
            here = name("named")
            s3.put_object(Bucket=bucket, Key=f"{here}/model.tar.gz", Body=packed(files))
            sagemaker.create_model(
                ModelName=here,
                ExecutionRoleArn=account.account.role_arn,
                PrimaryContainer={
                    "Image": image(repository),
                    "ModelDataUrl": f"s3://{bucket}/{here}/model.tar.gz",
                    "Environment": environment,
                },
            )
            variant = {"VariantName": "v", "ModelName": here, "InstanceType": "ml.m5.large", "InitialInstanceCount": 1}
            sagemaker.create_endpoint_config(EndpointConfigName=here, ProductionVariants=[variant])
            sagemaker.create_endpoint(EndpointName=here, EndpointConfigName=here)
            made.append(here)
            begun.append(here)
        return [answer(here) for here in begun]

    def answer(here: str) -> tuple[str | None, list[str]]:
        status = wait_until(
            lambda: sagemaker.describe_endpoint(EndpointName=here)["EndpointStatus"], lambda it: it != "Creating", here
        )
        lines = logged(f"/aws/sagemaker/Endpoints/{here}")
        if status != "InService":
            return None, lines
        return runtime.invoke_endpoint(EndpointName=here, Body=b"")["Body"].read().decode(), lines

    yield serve
    for here in made:
        with contextlib.suppress(ClientError):
            sagemaker.delete_endpoint(EndpointName=here)
        sagemaker.delete_endpoint_config(EndpointConfigName=here)
        sagemaker.delete_model(ModelName=here)


def below(folder: str) -> dict:
    return {f"{folder}/{path}": text for path, text in CODE.items()}


@pytest.mark.parametrize("repository", ["sagemaker-scikit-learn", "sagemaker-xgboost"])
def test_the_code_of_a_model(served, s3, bucket, repository):
    """In S3, in the artifact's folder ``code``, at its root, in an archive or a file within it."""
    s3.put_object(Bucket=bucket, Key="serves/source dir.tar.gz", Body=packed(CODE))
    archive = {"pack/sourcedir.tar.gz": packed(CODE)}
    alone = {"one.py": "def model_fn(d): return 'alone'\ndef transform_fn(model, *rest): return model, 'text/plain'"}
    program = {"SAGEMAKER_PROGRAM": "inference.py"}
    directory = "SAGEMAKER_SUBMIT_DIRECTORY"
    answers = served(
        repository,
        [
            ({"m": ""}, program | {directory: f"s3://{bucket}/serves/source dir.tar.gz"}),
            (below("code"), program | {directory: "/opt/ml/model/code"}),
            (below("code"), {"SAGEMAKER_PROGRAM": "inference", directory: "/opt/ml/model/code/"}),
            (CODE, program | {directory: "/opt/ml/model"}),
            (archive, program | {directory: "/opt/ml/model/pack/sourcedir.tar.gz"}),
            (alone, {"SAGEMAKER_PROGRAM": "one.py", directory: "/opt/ml/model/one.py"}),
        ],
    )
    assert [answer for answer, _ in answers] == ["beside"] * 5 + ["alone"], answers


def test_the_code_of_a_pytorch_model_is_in_its_artifact(served):
    """In its folder ``code`` or at its root, whatever SAGEMAKER_SUBMIT_DIRECTORY says; ``inference.py`` if unsaid."""
    other = {"code/other.py": SERVES, "code/side.py": "WORD = 'other'"}
    answers = served(
        "pytorch-inference",
        [
            (below("code"), {}),
            (CODE, {"SAGEMAKER_PROGRAM": "inference.py"}),
            (below("code"), {"SAGEMAKER_SUBMIT_DIRECTORY": "s3://no-such-bucket/x.tar.gz"}),
            (below("code") | other, {"SAGEMAKER_PROGRAM": "other.py", "SAGEMAKER_SUBMIT_DIRECTORY": '"file:///x"'}),
        ],
    )
    assert [answer for answer, _ in answers] == ["beside", "beside", "beside", "other"], answers


def test_a_model_whose_code_is_not_where_it_is_said_to_be(served, bucket):
    """Variables are no JSON to the image, and ``file://`` is the SDK's local mode's."""
    cases = {
        f"s3://{bucket}/no/such.tar.gz": "(404) when calling the HeadObject operation: Not Found",
        '"/opt/ml/model/code"': "No such file or directory: '\"/opt/ml/model/code\"'",
        f'"s3://{bucket}/x.tar.gz"': "No such file or directory: '\"s3://",
        "file:///opt/ml/model/code": "No such file or directory: 'file:///opt/ml/model/code'",
        "/opt/ml/model/nowhere": "No such file or directory: '/opt/ml/model/nowhere'",
    }
    environments = [{"SAGEMAKER_PROGRAM": "inference.py", "SAGEMAKER_SUBMIT_DIRECTORY": each} for each in cases]
    environments += [{"SAGEMAKER_PROGRAM": '"inference.py"', "SAGEMAKER_SUBMIT_DIRECTORY": "/opt/ml/model/code"}]
    answers = served("sagemaker-scikit-learn", [(below("code"), each) for each in environments])
    for (answer, lines), said in zip(answers, [*cases.values(), "No module named '\"inference"], strict=True):
        assert answer is None
        assert any(said in line for line in lines), lines
