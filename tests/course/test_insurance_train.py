"""What the insurance series' lessons on training leave in the account: the lessons after them build on it."""

from pathlib import Path

import nbformat
import pytest
from nbformat import NotebookNode

from support.training import coefficients
from tools.lessons.play import ROOT, play
from tools.lessons.report import scores_in
from utils import load, start

LOSSES, SEARCH = (ROOT / "notebooks" / "insurance" / f"{name}.ipynb" for name in ("05_losses", "06_search"))
HYPERPARAMETERS = {"predictor_type": "regressor", "loss": "squared_loss", "mini_batch_size": 100, "epochs": 100}


def run(path: Path) -> NotebookNode:
    notebook = nbformat.read(path, as_version=4)
    play(notebook, path.parent, lambda text: None)
    return notebook


@pytest.fixture(scope="module")
def losses(account):
    return run(LOSSES)


@pytest.fixture(scope="module")
def search(account):
    return run(SEARCH)


@pytest.fixture(scope="module")
def course(account):
    return start("insurance")


def tags(client, arn: str) -> dict[str, str]:
    return {tag["Key"]: tag["Value"] for tag in client.list_tags(ResourceArn=arn)["Tags"]}


@pytest.mark.parametrize("lesson", ["losses", "search"])
def test_the_plain_job_is_found_and_no_other(lesson, request, course, sagemaker):
    request.getfixturevalue(lesson)
    job = sagemaker.describe_training_job(TrainingJobName=course.find_training_job(load("insurance"), HYPERPARAMETERS))
    assert job["HyperParameters"] == {name: str(value) for name, value in HYPERPARAMETERS.items()}
    assert "TuningJobArn" not in job
    channels = {each["ChannelName"]: each for each in job["InputDataConfig"]}
    assert set(channels) == {"train", "validation"}
    for name, each in channels.items():
        assert each["ContentType"] == "text/csv"
        assert each["DataSource"]["S3DataSource"]["S3Uri"] == f"{course.output_path}/prepared/{name}/{name}.csv"


def test_the_tuned_jobs_carry_the_courses_tags_and_no_mark_of_the_plain_one(search, sagemaker):
    tuning = sagemaker.list_hyper_parameter_tuning_jobs(SortBy="CreationTime", SortOrder="Descending")
    newest = tuning["HyperParameterTuningJobSummaries"][0]
    wanted = tags(sagemaker, newest["HyperParameterTuningJobArn"])
    assert set(wanted) == {"course", "course-user", "course-run"}
    jobs = sagemaker.list_training_jobs_for_hyper_parameter_tuning_job(
        HyperParameterTuningJobName=newest["HyperParameterTuningJobName"]
    )["TrainingJobSummaries"]
    assert len(jobs) == 6 and all(tags(sagemaker, job["TrainingJobArn"]) == wanted for job in jobs)
    assert len(of_run(sagemaker, wanted["course-run"])) == 7


def of_run(sagemaker, value: str) -> list[dict]:
    """The training jobs of one kernel."""
    run = {"Name": "Tags.course-run", "Operator": "Equals", "Value": value}
    return sagemaker.search(Resource="TrainingJob", SearchExpression={"Filters": [run]}, MaxResults=50)["Results"]


def test_every_job_carries_the_courses_tags(losses, course, sagemaker):
    name = course.find_training_job(load("insurance"), HYPERPARAMETERS | {"loss": "absolute_loss"})
    job = sagemaker.describe_training_job(TrainingJobName=name)
    assert len(of_run(sagemaker, tags(sagemaker, job["TrainingJobArn"])["course-run"])) == 5


def test_coefficients_are_read_as_mxnet_writes_them(losses, course, sagemaker, s3):
    name = course.find_training_job(load("insurance"), HYPERPARAMETERS)
    uri = sagemaker.describe_training_job(TrainingJobName=name)["ModelArtifacts"]["S3ModelArtifacts"]
    weights, intercept = course.open_model(uri)
    expected, bias = coefficients(s3, uri)
    assert weights.tolist() == expected.tolist() and len(weights) == 9 and intercept == bias


def test_the_absolute_loss_pays_for_its_small_errors_with_large_ones(losses):
    found = {score["model"]: score for score in scores_in(losses)}
    plain, absolute = found["SageMaker LinearLearner"], found["LinearLearner, absolute loss"]
    assert absolute["mae"] < 0.75 * plain["mae"] and absolute["mape"] < 0.5 * plain["mape"]
    assert plain["rmse"] == pytest.approx(3854, rel=0.06)  # least squares on the same columns


def test_the_warning_of_the_tuner_does_not_show_as_if_something_failed(search):
    [cell] = [cell for cell in search.cells if cell.id == "tuner-fit"]
    assert [output for output in cell.outputs if output.get("name") == "stderr"] == []
