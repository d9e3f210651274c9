"""What the insurance series' lesson on training leaves in the account: the next lesson builds on it."""

import nbformat
import pytest

from tools.lessons.play import ROOT, play
from tools.lessons.report import scores_in
from utils import load, start

PATH = ROOT / "notebooks" / "insurance" / "05_losses.ipynb"
HYPERPARAMETERS = {"predictor_type": "regressor", "loss": "squared_loss", "mini_batch_size": 100, "epochs": 100}


@pytest.fixture(scope="module")
def played(account):
    notebook = nbformat.read(PATH, as_version=4)
    play(notebook, PATH.parent, lambda text: None)
    return notebook


@pytest.fixture(scope="module")
def course(account):
    return start("insurance")


def tags(client, arn: str) -> dict[str, str]:
    return {tag["Key"]: tag["Value"] for tag in client.list_tags(ResourceArn=arn)["Tags"]}


def test_the_plain_job_is_found_and_no_other(played, course, sagemaker):
    job = sagemaker.describe_training_job(TrainingJobName=course.find_training_job(load("insurance"), HYPERPARAMETERS))
    assert job["HyperParameters"] == {name: str(value) for name, value in HYPERPARAMETERS.items()}
    assert "TuningJobArn" not in job
    channels = {each["ChannelName"]: each for each in job["InputDataConfig"]}
    assert set(channels) == {"train", "validation"}
    for name, each in channels.items():
        assert each["ContentType"] == "text/csv"
        assert each["DataSource"]["S3DataSource"]["S3Uri"] == f"{course.output_path}/prepared/{name}/{name}.csv"


def test_every_job_carries_the_courses_tags_and_the_tuned_ones_no_mark_of_the_plain_one(played, sagemaker):
    tuning = sagemaker.list_hyper_parameter_tuning_jobs(SortBy="CreationTime", SortOrder="Descending")
    newest = tuning["HyperParameterTuningJobSummaries"][0]
    wanted = tags(sagemaker, newest["HyperParameterTuningJobArn"])
    assert set(wanted) == {"course", "course-user", "course-run"}
    jobs = sagemaker.list_training_jobs_for_hyper_parameter_tuning_job(
        HyperParameterTuningJobName=newest["HyperParameterTuningJobName"]
    )["TrainingJobSummaries"]
    assert len(jobs) == 6 and all(tags(sagemaker, job["TrainingJobArn"]) == wanted for job in jobs)
    run = {"Name": "Tags.course-run", "Operator": "Equals", "Value": wanted["course-run"]}
    found = sagemaker.search(Resource="TrainingJob", SearchExpression={"Filters": [run]}, MaxResults=50)["Results"]
    assert len(found) == 11


def test_the_absolute_loss_pays_for_its_small_errors_with_large_ones(played):
    found = {score["model"]: score for score in scores_in(played)}
    plain, absolute = found["SageMaker LinearLearner"], found["LinearLearner, absolute loss"]
    assert absolute["mae"] < 0.75 * plain["mae"] and absolute["mape"] < 0.5 * plain["mape"]
    assert plain["rmse"] == pytest.approx(3854, rel=0.06)  # least squares on the same columns


def test_rows_of_another_table_are_not_taken_for_this_ones(played, course, s3):
    """The rows that lie in S3 are compared, and exchanged if the table is another."""
    bucket, _, prefix = course.output_path.removeprefix("s3://").partition("/")
    key = f"{prefix}/prepared/train/train.csv"
    right = s3.get_object(Bucket=bucket, Key=key)["Body"].read()
    s3.put_object(Bucket=bucket, Key=key, Body=right.replace(b"\n", b"0\n", 1))
    notebook = nbformat.read(PATH, as_version=4)
    last = next(number for number, cell in enumerate(notebook.cells) if cell.id == "prepare-now")
    del notebook.cells[last + 1 :]
    play(notebook, PATH.parent, lambda text: None)
    assert notebook.cells[last].outputs[0].text == "prepared now\n"
    assert s3.get_object(Bucket=bucket, Key=key)["Body"].read() == right
    play(notebook, PATH.parent, lambda text: None)
    assert notebook.cells[last].outputs == []
