"""Typical wrong answers to the exercises of the salary series."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pandas as pd
from sklearn.linear_model import LinearRegression
from sklearn.model_selection import train_test_split

from exercises.account import line_of_newest_model
from support.learners_jobs import ENDLESS, named, send, trainer
from support.wrong_answers import Wrong
from utils import split
from utils.course import Course


def gap(course: Course) -> pd.Series:
    return course.table["Salary"] - (30_000 + 9_000 * course.table["YearsExperience"])


def rows(choose: Callable[[pd.Series], pd.Series]) -> Callable[[Course], pd.DataFrame]:
    return lambda course: course.table[choose(gap(course))]


WRONG: dict[tuple[str, str], Wrong] = {
    ("salary/01_explore", "line_by_hand"): [
        (lambda _: (50_000, 9_000), "too high at both ends, and wrong by $22,305"),
        (lambda _: (10_000, 9_000), "too low at both ends"),
        (lambda _: [40_000, 6_000], "too flat"),
        (lambda _: (10_000, "$12,500"), "too steep"),
        (lambda _: (9_200, 27_000), "The intercept comes first"),
        (lambda _: 27_000, "Two numbers were expected"),
        (lambda _: (27_000, "nine"), "this is the text 'nine'"),
    ],
    ("salary/01_explore", "far_from_the_line"): [
        (rows(lambda e: e > 7_000), "those who earn far less are missing"),
        (rows(lambda e: e < -7_000), "those who earn far more are missing"),
        (rows(lambda e: e.abs() < 7_000), "turn the comparison round"),
        (rows(lambda e: e.abs() >= 0), "This is the whole table"),
        (rows(lambda e: e.abs() > 5_000), "of these rows are not further than 7,000 dollars"),
        (rows(lambda e: e.abs() > 9_000), "Some people are missing"),
        (lambda course: gap(course).abs() > 7_000, "That is a mask"),
        (lambda course: gap(course), "a DataFrame, and this is a Series"),
    ],
}


def parts(**options: Any) -> Callable[[Course], list]:
    """The two columns, split otherwise than the exercise asks."""
    options = {"test_size": 10, "random_state": 7} | options
    return lambda course: train_test_split(course.table[["YearsExperience"]], course.table["Salary"], **options)


def whole(course: Course) -> list:
    return train_test_split(course.table, course.table["Salary"], test_size=10, random_state=7)


WRONG[("salary/02_split_and_baseline", "own_split")] = [
    (lambda course: train_test_split(course.table, test_size=10, random_state=7), "hand over both X and y"),
    (lambda course: parts()(course)[:3], "Four parts were expected"),
    (whole, "The features hold the salary"),
    (lambda course: [part for pair in (parts()(course)[:2],) * 2 for part in pair], "The target has to be"),
    (parts(train_size=10, test_size=None), "Ten rows are for training here"),
    (parts(test_size=0.1), "The test set has 4 rows and not 10"),
    (parts(shuffle=False, random_state=None), "The rows were not shuffled"),
    (parts(random_state=42), "belong to the seed 42"),
    (parts(random_state=8), "not those of the seed 7"),
]


# ---- jobs, in version 2 of the SDK

SENT = {"predictor_type": "regressor", "loss": "absolute_loss", "mini_batch_size": 4}


def csv(course: Course, test: bool, columns: tuple[str, ...] = ("Salary", "YearsExperience"), **options: Any) -> str:
    """The rows of a channel, as a learner may write them."""
    X_train, X_test, y_train, y_test = split(course.table, "Salary")
    rows = X_test.assign(Salary=y_test) if test else X_train.assign(Salary=y_train)
    return rows[list(columns)].to_csv(**{"header": False, "index": False} | options)


def sent(
    hyperparameters: dict | None = None,
    channels: tuple[str, ...] = ("train", "test"),
    content_type: str | None = "text/csv",
    text: Callable[[str], str] = str,
    columns: tuple[str, ...] = ("Salary", "YearsExperience"),
    wait: bool = True,
    max_run: int | None = 600,
    tags: bool = True,
    **options: Any,
) -> Callable[[Course], Any]:
    """Sends a job that differs from what the exercise asks; the estimator.  A hyperparameter of None is left out."""

    def start(course: Course) -> Any:
        from sagemaker.inputs import TrainingInput
        from sagemaker.s3 import S3Uploader

        inputs = {}
        for channel in channels:
            rows = text(csv(course, channel == "test", columns, **options))
            uri = f"{course.output_path}/wrong/{channel}.csv"
            S3Uploader.upload_string_as_file_body(rows, uri, sagemaker_session=course.session)
            inputs[channel] = TrainingInput(uri, content_type=content_type)
        return send(course, trainer(course, SENT | (hyperparameters or {}), max_run, tags), inputs, wait)

    return start


JOBS: Wrong = [
    (named("course-none"), "no training job of yours whose name begins with 'course-none'"),
    (lambda course: 3, "The estimator itself was expected"),
    (sent(channels=("test",)), "these channels: test."),
    (sent(content_type=None), "does not say that its files are CSV"),
    (sent(header=True), "holds names: Salary,YearsExperience."),
    (sent(index=True), "has 3 values where 2 are expected"),
    (sent(columns=("YearsExperience", "Salary")), "is no salary: the label belongs into the first column"),
    (sent({"predictor_type": None}), "predictor_type is missing"),
    (sent({"predictor_type": "binary_classifier"}), "told to be a binary_classifier"),
    (sent({"mini_batch_size": None}), "mini_batch_size is missing"),
    (sent({"mini_batch_size": 7}), "took batches of 7 rows"),
    (sent({"loss": None}), "loss is missing"),
    (sent({"loss": "squared_loss"}), "made the squared_loss small"),
    (sent(channels=("train",)), "no channel named test"),
    (sent(max_run=10), "look like minutes"),
    (sent(max_run=900), "may take 900 seconds, not 600"),
    (sent(tags=False), "none of the course's tags"),
    (sent(ENDLESS, wait=False), "still at work"),
    (sent(text=lambda rows: rows + "n/a,3\n"), "has no model: ClientError"),
]
WRONG[("salary/03_send_a_job", "csv_job")] = [*JOBS, (sent(max_run=None), "the SDK's own limit, 86,400 seconds")]
WRONG[("salary/03_send_a_job_sdk_v3", "trainer_job")] = [
    *(each for each in JOBS if "predictor_type" not in each[1] and "told to be" not in each[1]),
    (sent(max_run=3_600), "the SDK's own limit, 3,600 seconds"),
]


# ---- endpoints


def line(course: Course) -> list[float]:
    slope, intercept = line_of_newest_model(
        course, {"predictor_type": "regressor", "loss": "squared_loss", "mini_batch_size": 7}
    )
    return [intercept + slope * years for years in (2, 4, 6)]


def of_the_baseline(course: Course) -> list[float]:
    X_train, _, y_train, _ = split(course.table, "Salary")
    people = pd.DataFrame({"YearsExperience": [2, 4, 6]})
    return list(LinearRegression().fit(X_train, y_train).predict(people))


def while_it_serves(course: Course) -> list[float]:
    """The right answers, and an endpoint that is not deleted; the test's end deletes it."""
    client, names = (
        course.session.sagemaker_client,
        {"EndpointConfigName": "course-left", "EndpointName": "course-left"},
    )
    job = client.describe_training_job(TrainingJobName=next(iter(models(course))))
    container = {
        "Image": job["AlgorithmSpecification"]["TrainingImage"],
        "ModelDataUrl": job["ModelArtifacts"]["S3ModelArtifacts"],
    }
    client.create_model(ModelName="course-left", PrimaryContainer=container, ExecutionRoleArn=course.role)
    variant = {
        "VariantName": "a",
        "ModelName": "course-left",
        "InstanceType": "ml.t2.medium",
        "InitialInstanceCount": 1,
    }
    client.create_endpoint_config(EndpointConfigName="course-left", ProductionVariants=[variant])
    client.create_endpoint(**names, Tags=course.tags)
    client.get_waiter("endpoint_in_service").wait(EndpointName="course-left", WaiterConfig={"Delay": 1})
    return line(course)


def models(course: Course) -> list[str]:
    found = course.find_training_job(
        course.table, {"predictor_type": "regressor", "loss": "squared_loss", "mini_batch_size": 7}
    )
    return [found] if found else []


def record(value: float) -> Any:
    return type("Record", (), {"label": {"score": value}})()


WITH_BLOCK: Wrong = [
    (of_the_baseline, "These are the baseline's predictions"),
    (lambda course: line(course)[::-1], "turned round"),
    (lambda course: [1, "$2", 3.0], "not the endpoint's answers"),
    (lambda course: {"predictions": [{"score": each} for each in line(course)]}, "under 'predictions'"),
    (lambda course: [{"score": each} for each in line(course)], "under 'score'"),
    (lambda course: [record(each) for each in line(course)], "protobuf records"),
    (lambda course: line(course)[:2], "three salaries was expected"),
    (while_it_serves, "this still runs and costs: endpoint course-left."),
]
WRONG[("salary/05_deploy_predict_delete", "with_block")] = WITH_BLOCK
WRONG[("salary/05_deploy_predict_delete_sdk_v3", "with_stack")] = WITH_BLOCK


# ---- what the lessons that deploy find in the account


def train_a_line(course: Course) -> None:
    """The model that the lesson trains before it deploys it."""
    from sagemaker.amazon.linear_learner import LinearLearner

    given = {"predictor_type": "regressor", "loss": "squared_loss", "mini_batch_size": 7}
    X_train, _, y_train, _ = split(course.table, "Salary")
    learner = LinearLearner(
        role=course.role, sagemaker_session=course.session, instance_count=1, instance_type="ml.m5.large", max_run=900,
        predictor_type="regressor", loss="squared_loss", base_job_name="course-salary",
        output_path=course.output_path, tags=course.tags_for(course.table, given),
    )  # fmt: skip
    records = learner.record_set(X_train.to_numpy("float32"), labels=y_train.to_numpy("float32"))
    learner.fit(records, mini_batch_size=7, logs=False)


PREPARED = {
    "salary/05_deploy_predict_delete": train_a_line,
    "salary/05_deploy_predict_delete_sdk_v3": train_a_line,
}
