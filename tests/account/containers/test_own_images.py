"""Images of one's own: folders with a Dockerfile, which processing jobs run in as they would in what Docker builds."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from botocore.exceptions import ClientError

import local_aws
from support.account import Place
from support.processing import ended, files, log, source, target
from support.training import channel, definition, members, name
from support.training import ended as training_ended

SHOW = """
import json, os, pathlib, sys
seen = {
    "argv": sys.argv,
    "cwd": os.getcwd(),
    "environment": {key: os.environ.get(key) for key in ("A", "B", "PLACE", "JOB")},
    "beside": pathlib.Path(__file__).with_name("words.txt").read_text(),
    "absolute": open("/app/words.txt").read() if os.path.exists("/app") else None,
}
pathlib.Path("/opt/ml/processing/out").mkdir(parents=True, exist_ok=True)
with open("/opt/ml/processing/out/seen.json", "w") as file:
    json.dump(seen, file)
print("ran in", os.getcwd())
"""
DOCKERFILE = r"""
# syntax=docker/dockerfile:1
FROM python:3.12-slim AS only
LABEL who="me"
# The packages that are here already
RUN pip install --no-cache-dir numpy \
    # in the middle
    "pandas>=1" && python3 -m pip install -q -r requirements.txt
ENV A=1 B="two words" \
    PLACE=/app/$A
ENV OLD an older form
WORKDIR /app
COPY show.py words.txt ./
USER nobody
EXPOSE 8080
HEALTHCHECK CMD true
ENTRYPOINT ["python3", "/app/show.py"]
CMD ["--by", "default"]
""".replace("RUN pip", "COPY requirements.txt .\nRUN pip")


@pytest.fixture(scope="module")
def images(tmp_path_factory) -> Path:
    return tmp_path_factory.mktemp("images")


@pytest.fixture(scope="module")
def place(tmp_path_factory, images):
    place = Place(tmp_path_factory.mktemp("account") / "state")
    place.start(LOCAL_AWS_IMAGES=str(images))
    place.client("s3").create_bucket(Bucket="own-images")
    yield place
    place.close()


@pytest.fixture
def image(images, request):
    """Makes the image of a Dockerfile and files, in the account's registry; its repository."""

    def make(dockerfile: str | None, **contents: str) -> str:
        repository = "of-" + "".join(c if c.isalnum() else "-" for c in request.node.name.lower()).strip("-")
        while "--" in repository:
            repository = repository.replace("--", "-")
        folder = images / "own" / repository
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        contents = {"show.py": SHOW, "words.txt": "of the image", "requirements.txt": "scipy  # any\n\n"} | contents
        for path, text in contents.items():
            (folder / path).parent.mkdir(parents=True, exist_ok=True)
            (folder / path).write_text(text)
        if dockerfile is not None:
            (folder / "Dockerfile").write_text(dockerfile)
        return f"own/{repository}"

    return make


def address(place: Place, repository: str, tag: str = ":1") -> str:
    connection = place.connection()
    return f"{connection.account.account_id}.dkr.ecr.us-east-1.amazonaws.com/{repository}{tag}"


def run(place: Place, repository: str, tag: str = ":1", inputs=(), environment=None, **app) -> tuple[str, dict]:
    """A processing job of an image of one's own: its name, and its description once it has ended."""
    sagemaker, job = place.client("sagemaker"), name("own-image")
    sagemaker.create_processing_job(
        ProcessingJobName=job,
        RoleArn=place.connection().account.role_arn,
        AppSpecification={"ImageUri": address(place, repository, tag), **app},
        Environment=environment or {},
        ProcessingInputs=list(inputs),
        ProcessingOutputConfig={"Outputs": [target("out", f"s3://own-images/{job}/out", "/opt/ml/processing/out")]},
        ProcessingResources={"ClusterConfig": {"InstanceType": "ml.m5.large", "InstanceCount": 1, "VolumeSizeInGB": 5}},
    )
    return job, ended(sagemaker, job)


def seen(place: Place, job: str) -> dict:
    return json.loads(files(place.client("s3"), "own-images", f"{job}/out/")["seen.json"])


def refusal(place: Place, repository: str) -> str:
    with pytest.raises(ClientError) as caught:
        run(place, repository)
    assert caught.value.response["Error"]["Code"] == "ValidationException"
    return caught.value.response["Error"]["Message"]


def test_a_job_runs_what_the_dockerfile_starts(place, image) -> None:
    job, body = run(place, image(DOCKERFILE), environment={"B": "of the job", "JOB": "/app/words.txt"})
    assert body["ProcessingJobStatus"] == "Completed", body
    found = seen(place, job)
    assert found["argv"] == ["/app/show.py", "--by", "default"] or found["argv"][1:] == ["--by", "default"]
    assert found["environment"]["A"] == "1" and found["environment"]["B"] == "of the job"
    assert found["environment"]["PLACE"].endswith("/app/")  # $A is set on the same line
    assert found["beside"] == found["absolute"] == "of the image"
    assert found["cwd"] == "/app"
    assert log(job, place.client("logs")) == ["ran in /app"]
    assert "ContainerEntrypoint" not in body["AppSpecification"]


def test_arguments_take_the_place_of_cmd_and_an_entry_point_that_of_both(place, image) -> None:
    repository = image(DOCKERFILE)
    job, _ = run(place, repository, ContainerArguments=["--lags", "7"])
    assert seen(place, job)["argv"][1:] == ["--lags", "7"]
    job, body = run(place, repository, ContainerEntrypoint=["python3", "-c", "print('another')"])
    assert body["ProcessingJobStatus"] == "Completed" and log(job, place.client("logs")) == ["another"]


def test_a_script_of_the_jobs_runs_in_the_image(place, image) -> None:
    """As ScriptProcessor sends it: the code is an input, and the image has its packages and files."""
    place.client("s3").put_object(Bucket="own-images", Key="code/code.py", Body=SHOW.encode())
    place.client("s3").put_object(Bucket="own-images", Key="code/words.txt", Body=b"of the job")
    code = source("code", "s3://own-images/code/", "/opt/ml/processing/input/code")
    entry = ["python3", "/opt/ml/processing/input/code/code.py"]
    job, body = run(place, image(DOCKERFILE), inputs=[code], ContainerEntrypoint=entry)
    assert body["ProcessingJobStatus"] == "Completed", log(job, place.client("logs"))
    assert (seen(place, job)["beside"], seen(place, job)["absolute"]) == ("of the job", "of the image")


AWSS_EXAMPLE = """
FROM public.ecr.aws/docker/library/python:3.7-slim-buster

RUN pip3 install pandas scikit-learn
ENV PYTHONUNBUFFERED=TRUE
ADD processing_script.py /

ENTRYPOINT ["python3", "/processing_script.py"]
"""


def test_the_example_of_awss_guide(place, image) -> None:
    script = "import pandas, os; print(pandas.DataFrame({'x': [1]}).shape, os.path.exists('/processing_script.py'))"
    job, body = run(place, image(AWSS_EXAMPLE, **{"processing_script.py": script}))
    assert body["ProcessingJobStatus"] == "Completed"
    assert log(job, place.client("logs")) == ["(1, 1) True"]


SCIKIT_LEARN = "683313688378.dkr.ecr.us-east-1.amazonaws.com/sagemaker-scikit-learn:1.2-1-cpu-py3"
# The Dockerfile below FROM python:3, and what its container prints.
FORMS = {
    "the shell form": (
        "COPY . /srv/x\nENTRYPOINT echo $GREETING from $(basename /srv/x/words.txt)",
        "hi from words.txt",
    ),
    "CMD alone": ('CMD ["python3", "-c", "print(7)"]', "7"),
    "a shell's script": ('COPY --chmod=755 start.sh /usr/local/bin/\nCMD ["start.sh"]', "/start/x of the image"),
    "a program": ('COPY --chmod=0755 prog /app/\nWORKDIR /app\nENTRYPOINT ["./prog"]', "prog True"),
    "PATH": ('ENV PATH="/opt/program:${PATH}"\nCOPY --chmod=755 prog /opt/program/prog\nCMD ["prog"]', "prog True"),
    "an owner": ("COPY --chown=me:us words.txt /x/words.txt\nCMD cat /x/words.txt", "of the image"),
    "single quotes": ("ENV A='$HOME' B=\"${NONE:-a b}\" C=x\\ y\nCMD echo $A $B $C", "$HOME a b x y"),
    "a folder's contents": ("WORKDIR /work\nCOPY src .\nCMD cat deep/a.txt", "deep"),
    "an image of AWS": ('\n# FROM\nENTRYPOINT ["/usr/local/bin/python3", "-c", "import sklearn; print(1)"]', "1"),
    "an escape of its own": ("CMD echo `\n  joined", "joined"),
}


@pytest.mark.parametrize("form", FORMS)
def test_forms_of_dockerfiles(place, image, form) -> None:
    lines, printed = FORMS[form]
    base = SCIKIT_LEARN if form == "an image of AWS" else "python:3"
    first = "# escape=`\n" if form == "an escape of its own" else ""
    dockerfile = f"{first}FROM {base}\n{lines}\n"
    contents = {
        "start.sh": "#!/bin/sh\necho /start/x of the image\n",
        "prog": "#!/usr/local/bin/python3\nimport numpy, os\nprint('prog', os.path.exists(__file__))\n",
        "src/deep/a.txt": "deep\n",
    }
    job, body = run(place, image(dockerfile, **contents), environment={"GREETING": "hi"})
    assert body["ProcessingJobStatus"] == "Completed", (body.get("FailureReason"), log(job, place.client("logs")))
    assert log(job, place.client("logs")) == [printed]


REFUSED = {
    "RUN apt-get update && apt-get install -y gcc": "only RUN pip install",
    "RUN pip install no-such-package-here": "no-such-package-here is not installed",
    f"RUN pip install numpy=={np.__version__}.99": f"numpy is {np.__version__}, not ==",
    "RUN pip install git+https://example.com/x": "is no requirement of the form",
    "RUN pip install --target /x numpy": "pip's option --target is not understood",
    "RUN pip install -r nowhere.txt": "no COPY before it lays down nowhere.txt",
    "RUN pip install 'numpy": "no closing quotation",
    "RUN <<EOF\npip install numpy\nEOF": "here-documents",
    "ARG VERSION=3": "not understood here",
    "FROM python:3": "a second stage",
    'SHELL ["bash"]': "not understood here",
    "VOLUME /data": "not understood here",
    "COPY nothing.py /app/": "nothing.py is not in the folder",
    "COPY ../secret /app/": "lies outside of the folder",
    "COPY show.py words.txt /app": "must be a folder, and end with a /",
    "COPY --from=build /x /y": "--from is not understood",
    "COPY show.py": "a source and a destination are needed",
    "ADD https://example.com/x /x": "nothing is fetched from a network",
    "ADD files.tar.gz /x/": "archives, which ADD unpacks",
    "ENV A": "A is not of the form NAME=value",
    "WORKDIRS /x": "not understood here",
    "pip install numpy": "this instruction is not understood",
    "{}": "this is no instruction",
}


@pytest.mark.parametrize("line", REFUSED)
def test_what_is_not_understood_is_refused_with_its_line(place, image, line) -> None:
    repository = image(f"FROM python:3\n\n{line}\n", **{"files.tar.gz": "x"})
    message = refusal(place, repository)
    assert f"{repository}: Dockerfile, line 3: " in message and REFUSED[line] in message, message


FIRST = {
    "FROM ubuntu:24.04": "line 1: FROM ubuntu:24.04: nothing is known here of what is in it; images to build on: ",
    "FROM python:2.7": "line 1: FROM python:2.7: that Python is too old",
    "FROM scratch": "nothing is known",
    "COPY x /": "FROM has to be the first",
    "": "it has no instruction",
}


@pytest.mark.parametrize("line", FIRST)
def test_what_it_begins_with(place, image, line) -> None:
    assert FIRST[line] in refusal(place, image(line))


def test_a_file_is_no_folder(place, image) -> None:
    told = "Dockerfile, line 3: WORKDIR /x/y: /x is a file and no folder."
    assert refusal(place, image("FROM python:3\nCOPY show.py /x\nWORKDIR /x/y\n")).endswith(told)


def test_a_folder_without_a_dockerfile(place, image) -> None:
    assert refusal(place, image(None)).endswith("the folder has no Dockerfile.")


def test_an_image_that_is_not_there_fails_the_job_in_awss_words(place) -> None:
    _, body = run(place, "no/such-image", ":7")
    uri = address(place, "no/such-image", ":7")
    words = f"ClientError: API error (404): manifest for {uri} not found: manifest unknown: Requested image not found"
    assert (body["ProcessingJobStatus"], body["FailureReason"]) == ("Failed", words)


@pytest.mark.parametrize("repository", ["../own", "own/../../x", "Own", "own//x"])
def test_a_name_is_no_way_out_of_the_folder(place, repository) -> None:
    _, body = run(place, repository)
    assert "Requested image not found" in body["FailureReason"]


START = {
    'ENTRYPOINT ["/app/show.py"]': "exec: '/app/show.py': permission denied.",
    'ENTRYPOINT ["/app/nothing"]': "exec: '/app/nothing': not found.",
    'ENTRYPOINT ["nothing"]': "exec: 'nothing': not found.",
    "ENTRYPOINT []": "No command specified.",
}


@pytest.mark.parametrize("entry", START)
def test_what_cannot_be_started_fails_the_job_in_dockers_words(place, image, entry) -> None:
    _, body = run(place, image(f"FROM python:3\nCOPY show.py /app/\n{entry}\n"))
    assert body["FailureReason"] == f"ClientError: CannotStartContainerError: {START[entry]}"


def test_without_a_folder_of_images_the_variable_is_named(tmp_path) -> None:
    place = Place(tmp_path / "state")
    place.start()
    try:
        assert "LOCAL_AWS_IMAGES names no folder" in refusal(place, "own/x")
        place.command("stop")
        done = place.command("start", LOCAL_AWS_IMAGES=str(tmp_path / "nowhere"))
        assert done.returncode != 0 and "LOCAL_AWS_IMAGES: names" in done.stderr and "not a folder" in done.stderr
    finally:
        place.close()


# ---- added to a running account


def test_an_added_image_runs_as_its_folder_was_and_is_replaced(place, tmp_path) -> None:
    folder = tmp_path / "features"
    folder.mkdir()
    ecr = place.client("ecr")
    for words in ("the first", "the second"):
        (folder / "Dockerfile").write_text(
            'FROM python:3\nCOPY words.txt /app/\nENTRYPOINT ["cat", "/app/words.txt"]\n'
        )
        (folder / "words.txt").write_text(words)
        uri = local_aws.add_image(folder, "own/added", place.folder)
        assert uri == address(place, "own/added", ":latest")
        (folder / "words.txt").write_text("changed after it was added")
        job, body = run(place, "own/added")
        assert body["ProcessingJobStatus"] == "Completed", body
        assert log(job, place.client("logs")) == [words]
    assert ecr.describe_images(repositoryName="own/added")["imageDetails"][0]["imagePushedAt"]
    assert [each.name for each in (place.folder / "images").iterdir()] == ["own"]


def test_an_added_image_needs_no_variable(tmp_path) -> None:
    place = Place(tmp_path / "state")
    (tmp_path / "image").mkdir()
    (tmp_path / "image" / "Dockerfile").write_text('FROM python:3\nENTRYPOINT ["echo", "here"]\n')
    place.start()
    try:
        local_aws.add_image(tmp_path / "image", "here", place.folder)
        _, body = run(place, "here")
        assert body["ProcessingJobStatus"] == "Completed", body
        assert "Requested image not found" in run(place, "there")[1]["FailureReason"]
    finally:
        place.close()


@pytest.mark.parametrize(("repository", "told"), [("Own", "no name of a repository"), ("own", "has no Dockerfile")])
def test_what_is_no_image_is_not_added(tmp_path, repository, told) -> None:
    with pytest.raises(ValueError, match=told):
        local_aws.add_image(tmp_path, repository, tmp_path / "state")
    assert not (tmp_path / "state").exists()


# ---- training

TRAIN = """#!/usr/bin/env python
import json, pathlib, sys
print("called with", sys.argv[1:])
parameters = json.load(open("/opt/ml/input/config/hyperparameters.json"))
rows = pathlib.Path("/opt/ml/input/data/train/rows.csv").read_text().split()
print(f"mean={sum(map(float, rows)) / len(rows)};")
pathlib.Path("/opt/ml/model/model.json").write_text(json.dumps({"of": parameters["of"], "rows": len(rows)}))
if parameters["of"] == "nothing":
    pathlib.Path("/opt/ml/output/failure").write_text("there is nothing to learn")
    sys.exit(3)
"""
# The form of AWS's own example, "Building your own algorithm container".
TRAINS = """
FROM python:3.8-slim
RUN pip install numpy
ENV PYTHONUNBUFFERED=TRUE
ENV PATH="/opt/program:${PATH}"
COPY --chmod=755 program /opt/program
WORKDIR /opt/program
"""


@pytest.fixture(scope="module")
def data(place) -> dict:
    """The channel ``train``."""
    place.client("s3").put_object(Bucket="own-images", Key="data/rows.csv", Body=b"1\n2\n6\n")
    return channel("s3://own-images/data/")


def train(place: Place, data: dict, repository: str, of: str = "all", **spec) -> dict:
    """A training job of an image of one's own, once it has ended."""
    sagemaker, job = place.client("sagemaker"), name("own-image")
    params = definition(place.connection(), job, data, bucket="own-images", hyperparameters={"of": of})
    params["AlgorithmSpecification"] |= {
        "TrainingImage": address(place, repository),
        "MetricDefinitions": [{"Name": "mean", "Regex": "mean=(.*?);"}],
        **spec,
    }
    sagemaker.create_training_job(**params)
    return training_ended(sagemaker, job)


def test_it_trains(place, image, data) -> None:
    body = train(place, data, image(TRAINS, **{"program/train": TRAIN}))
    assert body["TrainingJobStatus"] == "Completed", body
    assert body["FinalMetricDataList"][0]["Value"] == 3
    found = members(place.client("s3"), body["ModelArtifacts"]["S3ModelArtifacts"])
    assert json.loads(found["model.json"]) == {"of": "all", "rows": 3}


def test_an_entry_point_is_called_with_train_or_the_jobs_arguments(place, image, data) -> None:
    repository = image('FROM python:3\nCOPY train /app/\nENTRYPOINT ["python3", "/app/train"]\n', train=TRAIN)
    for arguments, called in (({}, ["train"]), ({"ContainerArguments": ["--x", "1"]}, ["--x", "1"])):
        body = train(place, data, repository, **arguments)
        assert body["TrainingJobStatus"] == "Completed", body
        events = place.client("logs").filter_log_events(
            logGroupName="/aws/sagemaker/TrainingJobs", logStreamNamePrefix=f"{body['TrainingJobName']}/"
        )["events"]
        assert events[0]["message"] == f"called with {called}"


def test_its_failure_is_the_jobs(place, image, data) -> None:
    body = train(place, data, image(TRAINS, **{"program/train": TRAIN}), of="nothing")
    assert body["FailureReason"] == "AlgorithmError: there is nothing to learn, exit code: 3"


def test_an_image_without_train_fails_as_docker_does(place, image, data) -> None:
    body = train(place, data, image("FROM python:3\n"))
    assert body["FailureReason"] == "AlgorithmError: CannotStartContainerError: exec: 'train': not found."


def test_an_image_that_is_not_there_fails_a_training_job_in_awss_words(place, data) -> None:
    body = train(place, data, "no/such-image")
    words = "Cannot pull algorithm container. Either the image does not exist or its permissions are incorrect."
    assert body["FailureReason"] == f"ClientError: {words}"


def test_a_dockerfile_that_is_not_understood_is_refused_for_training_too(place, image, data) -> None:
    with pytest.raises(ClientError, match="Dockerfile, line 2: RUN make: only RUN pip install"):
        train(place, data, image("FROM python:3\nRUN make\n"))


# ---- ECR


def test_ecr_shows_it_by_name_tag_and_digest(place, image) -> None:
    ecr, repository = place.client("ecr"), image(DOCKERFILE)
    (shown,) = ecr.describe_repositories(repositoryNames=[repository])["repositories"]
    assert shown["repositoryUri"] == address(place, repository, "")
    assert repository in [each["repositoryName"] for each in ecr.describe_repositories()["repositories"]]
    (detail,) = ecr.describe_images(repositoryName=repository, imageIds=[{"imageTag": "1"}])["imageDetails"]
    assert detail["imageTags"] == ["1"] and detail["imageDigest"].startswith("sha256:")
    assert ecr.describe_images(repositoryName=repository)["imageDetails"][0]["imageTags"] == ["latest"]
    listed = ecr.list_images(repositoryName=repository)["imageIds"]
    assert listed == [{"imageDigest": detail["imageDigest"], "imageTag": "latest"}]
    image(DOCKERFILE, **{"words.txt": "others"})
    changed = ecr.describe_images(repositoryName=repository)["imageDetails"][0]["imageDigest"]
    assert changed != detail["imageDigest"]
    with pytest.raises(ClientError, match="ImageNotFoundException"):
        ecr.describe_images(repositoryName=repository, imageIds=[{"imageDigest": detail["imageDigest"]}])


def test_repositories_that_are_made_stand_beside_it(place, image) -> None:
    ecr, repository = place.client("ecr"), image(DOCKERFILE)
    ecr.create_repository(repositoryName="made")
    names = [each["repositoryName"] for each in ecr.describe_repositories()["repositories"]]
    assert {"made", repository} <= {*names} and len(names) == len({*names})
    named = ecr.describe_repositories(repositoryNames=["made", repository])["repositories"]
    assert [each["repositoryName"] for each in named] == ["made", repository]
    assert ecr.describe_images(repositoryName="made")["imageDetails"] == []
    for missing in (["nowhere"], [repository, "nowhere"]):
        with pytest.raises(ClientError, match="RepositoryNotFoundException"):
            ecr.describe_repositories(repositoryNames=missing)
