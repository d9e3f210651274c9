"""Typical wrong answers to the exercises of insurance/02_prepare."""

from __future__ import annotations

import contextlib
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
from sklearn.model_selection import train_test_split

from support.learners_jobs import named, stop
from support.wrong_answers import Wrong
from utils.course import Course

# ---- a function with a leak


def encoded(table: pd.DataFrame) -> pd.DataFrame:
    return pd.get_dummies(table.drop(columns="charges"), drop_first=True, dtype=float)


def cut(X: pd.DataFrame, y: pd.Series, seed: int = 42) -> list:
    return train_test_split(X, y, test_size=0.2, random_state=seed)


def standard(part: pd.DataFrame, by: pd.DataFrame) -> pd.DataFrame:
    return (part - by.mean()) / by.std()


def leaking(table: pd.DataFrame) -> list:
    X = encoded(table)
    return cut(standard(X, X), table["charges"])


def other_seed(table: pd.DataFrame) -> list:
    A, B, *y = cut(encoded(table), table["charges"], seed=7)
    return [standard(A, A), standard(B, A), *y]


def target_too(table: pd.DataFrame) -> list:
    A, B, a, b = cut(encoded(table), table["charges"])
    return [standard(A, A), standard(B, A), (a - a.mean()) / a.std(), (b - a.mean()) / a.std()]


def each_by_itself(table: pd.DataFrame) -> list:
    A, B, *y = cut(encoded(table), table["charges"])
    return [standard(A, A), standard(B, B), *y]


def by_the_test_set(table: pd.DataFrame) -> list:
    A, B, *y = cut(encoded(table), table["charges"])
    return [standard(A, B), standard(B, B), *y]


def not_scaled(table: pd.DataFrame) -> list:
    return cut(encoded(table), table["charges"])


def numbers_alone(table: pd.DataFrame) -> list:
    A, B, *y = cut(encoded(table), table["charges"])
    numbers = ["age", "bmi", "children"]
    return [A.assign(**standard(A[numbers], A)[numbers]), B.assign(**standard(B[numbers], A)[numbers]), *y]


def not_divided(table: pd.DataFrame) -> list:
    A, B, *y = cut(encoded(table), table["charges"])
    return [A - A.mean(), B - A.mean(), *y]


def words_left(table: pd.DataFrame) -> list:
    return cut(table.drop(columns="charges"), table["charges"])


def turned_round(table: pd.DataFrame) -> list:
    A, B, a, b = cut(encoded(table), table["charges"])
    return [B, A, a, b]


def function(made: Callable) -> Callable[[Course], Callable]:
    return lambda course: made


LEAKS: Wrong = [
    (lambda course: leaking(course.table), "without brackets, and this is a list"),
    (function(lambda table: table["bill"]), "stops with KeyError: 'bill'"),
    (function(encoded), "has to return four parts"),
    (function(lambda table: [table] * 4), "The last two parts have to be charges"),
    (function(words_left), "words become columns of 0 and 1"),
    (function(turned_round), "do not have the same rows"),
    (function(leaking), "The leak is still there"),
    (function(other_seed), "not that of the seed 42"),
    (function(target_too), "stays in dollars"),
    (function(each_by_itself), "each part is scaled by itself"),
    (function(by_the_test_set), "The mean comes from the test set"),
    (function(not_scaled), "The columns are not scaled"),
    (function(numbers_alone), "not every column has the mean 0"),
    (function(not_divided), "the standard deviations are not"),
]


# ---- processing jobs

FOLDER = "/opt/ml/processing"
SCRIPT = Path(__file__).parents[3] / "notebooks" / "insurance" / "prepare.py"
TABLE = ["--input-dir", f"{FOLDER}/table"]
ENDLESS = "import time\n\ntime.sleep(600)\n"


def sent(
    source: str | None = "raw",
    file: str = "insurance.csv",
    text: Callable[[pd.DataFrame], str] = lambda table: table.to_csv(index=False),
    destination: str = f"{FOLDER}/table",
    name: str = "prepare.py",
    script: str | None = None,
    arguments: list[str] | None = TABLE,
    output: str | None = "train",
    folder: str = f"{FOLDER}/output/train",
    target: str = "mine/train",
    limit: int | None = 600,
    tags: bool = True,
    wait: bool = True,
) -> Callable[[Course], Any]:
    """Sends a processing job that differs from what the exercise asks; the processor.

    A source or an output of None is left out; ``script`` is what the file holds, if it is not the lesson's.
    """

    def send(course: Course) -> Any:
        from sagemaker.exceptions import UnexpectedStatusException
        from sagemaker.processing import ProcessingInput, ProcessingOutput
        from sagemaker.s3 import S3Uploader
        from sagemaker.sklearn.processing import SKLearnProcessor

        stop(course, "ProcessingJob")
        base = f"{course.output_path}/wrong"
        if source:
            S3Uploader.upload_string_as_file_body(
                text(course.table), f"{base}/{source}/{file}", sagemaker_session=course.session
            )
        place = ProcessingOutput(source=folder, destination=f"{base}/{target}", output_name=output) if output else None
        processor = SKLearnProcessor(
            framework_version="1.4-2", role=course.role, sagemaker_session=course.session, instance_count=1,
            instance_type="ml.m5.large", max_runtime_in_seconds=limit, base_job_name="course-mine",
            tags=course.tags if tags else None,
        )  # fmt: skip
        with tempfile.TemporaryDirectory() as scripts, contextlib.suppress(UnexpectedStatusException):
            code = Path(scripts, name)
            code.write_text(script or SCRIPT.read_text("utf-8"))
            processor.run(
                code=str(code), arguments=arguments, logs=False, wait=wait, outputs=[place] if place else None,
                inputs=[ProcessingInput(source=f"{base}/{source}", destination=destination)] if source else None,
            )  # fmt: skip
        return processor

    return send


JOBS: Wrong = [
    (named("course-none"), "no processing job of yours whose name begins with 'course-none'"),
    (lambda course: 3, "The processor itself was expected"),
    (sent(source=None), "no input but the script"),
    (sent(source="other", file="salary.csv"), "has no insurance.csv in it, but salary.csv."),
    (sent(destination=f"{FOLDER}/input"), f"was copied into {FOLDER}/input and not into"),
    (sent(name="other.py", script="print(1)\n"), "The machine ran other.py and not prepare.py"),
    (sent(arguments=None), "The script was given no arguments"),
    (sent(arguments=[" ".join(TABLE)]), "One of the arguments holds two words"),
    (sent(arguments=["--output-dir", f"{FOLDER}/table"]), f"The arguments were --output-dir {FOLDER}/table:"),
    (sent(output=None), "told of no output"),
    (sent(output="rows"), "The outputs have these names: rows."),
    (sent(folder=f"{FOLDER}/output"), f"was told to copy the folder {FOLDER}/output, and"),
    (sent(target="mine"), "whose end is not /mine/train"),
    (sent(limit=None), "SageMaker's own, 86,400 seconds"),
    (sent(limit=10), "look like minutes"),
    (sent(limit=900), "may take 900 seconds, not 600"),
    (sent(tags=False), "none of the course's tags"),
    (sent(script=ENDLESS, wait=False), "still at work"),
    (sent(source="broken", text=lambda table: "age,bmi\n1,2\n"), "there is no column children among age, bmi"),
]

WRONG: dict[tuple[str, str], Wrong] = {
    ("insurance/02_prepare", "leak"): LEAKS,
    ("insurance/02_prepare", "processing_job"): JOBS,
}
