"""The checks that ask the account do so with nothing but what the learner's policy allows: so they work on AWS too."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from local_aws.core.account import ACCOUNT_ID
from local_aws.door.authorization import RECORD
from local_aws.services.iam.policy import Policy
from support import course_stack
from support.account import Place

PROGRAM = """
from sagemaker import image_uris
from sagemaker.estimator import Estimator
from sagemaker.inputs import TrainingInput
from sagemaker.s3 import S3Uploader
from sagemaker.transformer import Transformer
from utils import check, load, split, start

course = start("salary/03_send_a_job")
X_train, X_test, y_train, y_test = split(table := load("salary"), "Salary")
exec(check.solutions("salary/03_send_a_job")["csv_job"])
check.csv_job("course-none")
course = start("salary/05_deploy_predict_delete")
check.five_years(5)
given = {"predictor_type": "regressor", "loss": "squared_loss", "mini_batch_size": 7}
mine.tags, mine.base_job_name = course.tags_for(table, given), "course-mended"  # found by tags, and by name
mine.fit(inputs, logs=False)
check.five_years(5)
check.with_block([1, 2, 3])
course = start("salary/04_open_the_model")
check.absolute_slope(1)
course = start("salary/06_what_is_an_estimator")
check.drawn_job(mine)
course = start("insurance/07_deploy_predict_delete")
client = course.session.sagemaker_client
container = {"Image": mine.training_image_uri(), "ModelDataUrl": mine.model_data}
client.create_model(ModelName="course-served", PrimaryContainer=container, ExecutionRoleArn=course.role)
place = {"output_path": course.output_path, "sagemaker_session": course.session}
scorer = Transformer("course-served", 1, "ml.m5.large", **place)
rows = f"{course.output_path.replace('insurance', 'salary')}/mine/test.csv"
scorer.transform(rows, job_name="course-scored", wait=False)
check.batch_joined(scorer)
variant = {"VariantName": "a", "ModelName": "course-served"}
variant["ServerlessConfig"] = {"MemorySizeInMB": 1024, "MaxConcurrency": 10}
client.create_endpoint_config(EndpointConfigName="course-served", ProductionVariants=[variant])
check.on_call("course-served")
course = start("insurance/08_xgboost")
check.trees_kept(47)
"""

SEARCH = """
import sys
import nbformat
from utils.check import ROOT, solutions

sys.path.insert(0, str(ROOT / "notebooks" / "insurance"))
for cell in nbformat.read(ROOT / "notebooks" / "insurance" / "06_search.ipynb", as_version=4).cells:
    if cell.id in ("start", "upload", "estimator-cell", "tuner-cell"):
        exec(cell.source)
from sagemaker.utils import name_from_base
exec(solutions("insurance/06_search")["own_tuner"])
"""
PROCESSING = """
import os
from contextlib import suppress

from sagemaker.exceptions import UnexpectedStatusException
from sagemaker.processing import ProcessingInput, ProcessingOutput
from sagemaker.s3 import S3Uploader
from sagemaker.sklearn.processing import SKLearnProcessor
from utils import check, load, start
from utils.check import ROOT

os.chdir(ROOT / "notebooks" / "insurance")
course = start("insurance/02_prepare")
raw, base = f"{course.output_path}/raw", "/opt/ml/processing"
for text in (load("insurance").to_csv(index=False), "age,bmi\\n1,2\\n"):
    S3Uploader.upload_string_as_file_body(text, f"{raw}/insurance.csv", sagemaker_session=course.session)
    with suppress(UnexpectedStatusException):
        exec(check.solutions("insurance/02_prepare")["processing_job"])
check.processing_job("course-mine")
check.processing_job("course-none")
"""

OF_PIPELINES = """
import sys

sys.path.insert(0, "notebooks/insurance")
import recipe
from botocore.exceptions import WaiterError
from utils import check, start

course = start("insurance/11_pipeline")
client = course.session.sagemaker_client
client.create_model_package_group(ModelPackageGroupName="course-a-recipe", Tags=course.tags)
pipeline = recipe.build(course, "course-a-recipe")
check.second_condition(pipeline)
pipeline.upsert(role_arn=course.role, tags=course.tags)
check.second_condition(pipeline)
course = start("insurance/12_watch")
nowhere = f"{course.output_path}/nowhere"
run = pipeline.start(parameters={"Raw": nowhere, "Bills": nowhere})
try:
    run.wait(delay=1, max_attempts=60)
except WaiterError:
    check.honest_judges(run)
course = start("99_clean_up")
client.create_model(
    ModelName="course-a-model", PrimaryContainer={"Image": recipe.image_uris.retrieve("linear-learner", "us-east-1")},
    ExecutionRoleArn=course.role,
)
check.tagged("course-a-model")
"""


@pytest.fixture(scope="module")
def learner(tmp_path_factory) -> Iterator[tuple[Place, dict]]:
    """An account under the policy of the course's stack, and the policy."""
    with course_stack.stack() as (session, found):
        document = json.dumps(course_stack.learner_policy(session, found))
    for name, local in {
        found["ExecutionRoleArn"]: course_stack.LOCAL_ROLE,
        found["BucketName"]: course_stack.LOCAL_BUCKET,
        "123456789012": ACCOUNT_ID,
    }.items():
        document = document.replace(name, local)
    folder = tmp_path_factory.mktemp("learner")
    place = Place(folder / "state")
    place.start()
    place.client("s3").create_bucket(Bucket=course_stack.LOCAL_BUCKET)
    place.command("stop")
    (folder / "policy.json").write_text(document)
    place.start(LOCAL_AWS_POLICY=str(folder / "policy.json"))
    yield place, json.loads(document)
    place.close()


def told(place: Place, program: str, kept: Path) -> list[str]:
    """The sentences of the checks that a program asks."""
    given = {"COURSE_AWS": "aws", "COURSE_PROGRESS": str(kept / "progress.jsonl")}
    done = place.command("run", "--", sys.executable, "-W", "ignore", "-c", program, **given)
    assert done.returncode == 0, done.stderr
    lines = [line.lstrip(".!*") for line in done.stdout.splitlines()]  # a job's progress ends without a new line
    said = [line for line in lines if line.startswith(("Right.", "Not yet.", "This", "The account"))]
    return [line for line in said if not line.startswith("This lesson costs")]


def asked(place: Place, document: dict) -> set[str]:
    """The operations that the account was asked for, all of which the policy allows."""
    found = [tuple(json.loads(line)) for line in (place.folder / RECORD).read_text("utf-8").splitlines()]
    assert [each for each in found if Policy(document).decide(*each) != "allowed"] == []
    return {each[0] for each in found}


def test_nor_do_those_of_pipelines(learner, tmp_path) -> None:
    place, document = learner
    beginnings = [
        "Not yet. The account has no pipeline course-a-recipe: send the recipe by upsert.",
        "Not yet. The recipe in the account still has its one condition: a change counts when ",
        "Not yet. The run has failed: Prepare: ClientError: Failed to invoke sagemaker:CreateProcessingJob. ",
        "Not yet. The model carries no tags, so no clean-up will ever find it.",
    ]
    lines = told(place, OF_PIPELINES, tmp_path)
    assert [line[: len(begun)] for line, begun in zip(lines, beginnings, strict=True)] == beginnings
    operations = {"sagemaker:DescribePipeline", "sagemaker:ListPipelineExecutionSteps", "sagemaker:ListTags"}
    assert operations <= asked(place, document)


def test_checks_ask_for_nothing_that_a_learner_may_not(learner, tmp_path) -> None:
    place, document = learner
    assert told(place, PROGRAM, tmp_path) == [
        "Right. The account was sent what you were asked for, and the job has left a model.",
        "Not yet. The account has no training job of yours whose name begins with 'course-none': call fit first.",
        "Not yet. The account has no model of this lesson: run the cells above, which train it.",
        "Not yet. The endpoint says more than that.",
        "Not yet. These are not the endpoint's answers for 2, 4 and 6 years.",
        "Not yet. The slope of your job's line is larger than that.",
        "Not yet. The first line of the channel train is not of the table with the seed 3 and 35 people.",
        "Not yet. The job was sent the file test.csv and not people.jsonl.",
        "Not yet. It has 1024 MB, and not what the colleague asked for.",
        "Not yet. The account has no training job of yours whose name begins with 'course-insurance-xgboost': "
        "call fit first.",
    ]
    assert {"sagemaker:ListTrainingJobs", "sagemaker:DescribeTrainingJob", "s3:GetObject"} <= asked(place, document)


def test_nor_do_those_of_a_search(learner, tmp_path) -> None:
    place, document = learner
    assert "Right. The account ran your search, and its best job is the one you name." in told(place, SEARCH, tmp_path)
    assert "sagemaker:DescribeHyperParameterTuningJob" in asked(place, document)


def test_nor_do_those_of_processing_jobs(learner, tmp_path) -> None:
    place, document = learner
    assert told(place, PROCESSING, tmp_path) == [
        "Right. The account was sent what you were asked for, and the training rows are in S3.",
        "Not yet. What was sent looks right, but the job did not complete. The last line of its log is: "
        "/opt/ml/processing/table/insurance.csv cannot be prepared: there is no column children among age, bmi.",
        "Not yet. The account has no processing job of yours whose name begins with 'course-none': call run first.",
    ]
    assert {"sagemaker:ListProcessingJobs", "sagemaker:DescribeProcessingJob", "logs:FilterLogEvents"} <= asked(
        place, document
    )
