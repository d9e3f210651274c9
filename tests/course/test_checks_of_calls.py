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
from utils import check, load, split, start

course = start("salary/03_send_a_job")
X_train, X_test, y_train, y_test = split(table := load("salary"), "Salary")
exec(check.solutions("salary/03_send_a_job")["csv_job"])
check.csv_job("course-none")
course = start("salary/05_deploy_predict_delete")
check.five_years(5)
given = {"predictor_type": "regressor", "loss": "squared_loss", "mini_batch_size": 7}
mine.set_hyperparameters(**given)
mine.tags = course.tags_for(table, given)
mine.fit(inputs, logs=False)
check.five_years(5)
check.with_block([1, 2, 3])
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


def calls(place: Place, document: dict) -> set[str]:
    """The actions that were asked for; none may be one that the policy does not allow."""
    asked = [tuple(json.loads(line)) for line in (place.folder / RECORD).read_text("utf-8").splitlines()]
    assert [each for each in asked if Policy(document).decide(*each) != "allowed"] == []
    return {each[0] for each in asked}


def said(place: Place, program: str, folder: Path) -> list[str]:
    """What the checks of a program say that runs in the learner's name."""
    kept = {"COURSE_AWS": "aws", "COURSE_PROGRESS": str(folder / "progress.jsonl")}
    done = place.command("run", "--", sys.executable, "-W", "ignore", "-c", program, **kept)
    assert done.returncode == 0, done.stderr
    lines = [
        line for line in done.stdout.splitlines() if line.startswith(("Right.", "Not yet.", "This", "The account"))
    ]
    return [line for line in lines if not line.startswith("This lesson costs")]


def test_checks_of_pipelines_ask_for_nothing_that_a_learner_may_not(learner, tmp_path) -> None:
    place, document = learner
    beginnings = [
        "Not yet. The account has no pipeline course-a-recipe: send the recipe by upsert.",
        "Not yet. The recipe in the account still has its one condition: a change counts when ",
        "Not yet. The run has failed: Prepare: ClientError: Failed to invoke sagemaker:CreateProcessingJob. ",
        "Not yet. The model carries no tags, so no clean-up will ever find it.",
    ]
    lines = said(place, OF_PIPELINES, tmp_path)
    assert [line[: len(begun)] for line, begun in zip(lines, beginnings, strict=True)] == beginnings
    asked = calls(place, document)
    assert {"sagemaker:DescribePipeline", "sagemaker:ListPipelineExecutionSteps", "sagemaker:ListTags"} <= asked


def test_checks_ask_for_nothing_that_a_learner_may_not(learner, tmp_path) -> None:
    place, document = learner
    assert said(place, PROGRAM, tmp_path) == [
        "Right. The account was sent what you were asked for, and the job has left a model.",
        "Not yet. The account has no training job of yours whose name begins with 'course-none': call fit first.",
        "Not yet. The account has no model of this lesson: run the cells above, which train it.",
        "Not yet. The endpoint says more than that.",
        "Not yet. These are not the endpoint's answers for 2, 4 and 6 years.",
    ]
    assert {"sagemaker:ListTrainingJobs", "sagemaker:DescribeTrainingJob", "s3:GetObject"} <= calls(place, document)
