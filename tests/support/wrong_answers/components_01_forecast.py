"""Typical wrong answers to the exercises of components/01_forecast."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd

from support.learners_jobs import named, stop
from support.wrong_answers import Wrong
from support.wrong_answers.insurance_02_prepare import ENDLESS
from utils import load
from utils.course import Course

LESSON = "components/01_forecast"
IMAGES = Path(__file__).parents[3] / "notebooks" / "components" / "images"
FOLDER = "/opt/ml/processing"

# ---- features that tell the future


def features(holiday: int = 0, storm: int = 1, calls: int = 1, lag: int = 7, mean: int = 1) -> Callable[[Course], Any]:
    """A function whose columns look so many days back."""

    def quick(days: pd.DataFrame) -> pd.DataFrame:
        return pd.DataFrame({
            "holiday": days["holiday"].shift(holiday),
            "storm": days["storm"].shift(storm),
            "calls": days["calls"].shift(calls),
            "lag_7": days["claims"].shift(lag),
            "mean_7": days["claims"].shift(mean).rolling(7).mean(),
        })  # fmt: skip

    return lambda course: quick


def other(made: Callable[[pd.DataFrame], Any]) -> Callable[[Course], Any]:
    return lambda course: lambda days: made(features()(course)(days))


# ---- jobs


def sent(
    image: str = "claims-features",
    code: bool = False,
    source: str | None = "raw",
    file: str = "claims.csv",
    text: str = "",
    destination: str = f"{FOLDER}/input",
    arguments: list[str] | None = ["--relative"],  # noqa: B006, which nothing changes
    output: str | None = "test",
    folder: str = f"{FOLDER}/output/test",
    target: str = "mine/test",
    limit: int | None = 600,
    tags: bool = True,
    wait: bool = True,
    script: str | None = None,
) -> Callable[[Course], Any]:
    """Sends a job that differs from what the exercise asks; the processor.

    A source or an output of None is left out; ``script`` is what the image's script holds, if not the lesson's.
    """

    def send(course: Course) -> Any:
        from tempfile import TemporaryDirectory

        from sagemaker.exceptions import UnexpectedStatusException
        from sagemaker.processing import ProcessingInput, ProcessingOutput, Processor, ScriptProcessor

        stop(course, "ProcessingJob")
        own = IMAGES / "claims-features"
        with TemporaryDirectory() as temporary:
            copy = Path(temporary, image)
            copy.mkdir()
            for path in [own / "Dockerfile", own / "make_features.py"]:
                copy.joinpath(path.name).write_text(path.read_text("utf-8"), "utf-8")
            if script:
                copy.joinpath("make_features.py").write_text(script)
            address = course.image(str(copy))
        if source:
            body = text or load("claims").to_csv(index=False)
            key = f"{course.prefix}/wrong/{source}/{file}"
            course.session.upload_string_as_file_body(body, course.bucket, key)
        base = f"{course.output_path}/wrong"
        given: dict[str, Any] = {"image_uri": address, "role": course.role, "instance_count": 1}
        given |= {"instance_type": "ml.m5.large", "sagemaker_session": course.session, "base_job_name": "course-mine"}
        given |= {"max_runtime_in_seconds": limit, "tags": course.tags if tags else None}
        place = ProcessingOutput(source=folder, destination=f"{base}/{target}", output_name=output) if output else None
        run: dict[str, Any] = {
            "inputs": [ProcessingInput(source=f"{base}/{source}", destination=destination)] if source else None,
            "outputs": [place] if place else None,
            "arguments": arguments,
            "logs": False,
            "wait": wait,
        }
        with contextlib.suppress(UnexpectedStatusException):
            if code:
                processor: Any = ScriptProcessor(command=["python3"], **given)
                processor.run(code=str(own / "make_features.py"), **run)
            else:
                processor = Processor(**given)
                processor.run(**run)
        return processor

    return send


WRONG: dict[tuple[str, str], Wrong] = {
    (LESSON, "no_future"): [
        (lambda course: features()(course)(load("claims")), "without brackets"),
        (lambda course: lambda days: days["weather"], "stops with KeyError: 'weather'"),
        (other(lambda rows: rows.drop(columns="storm")), "a table with the columns holiday, storm"),
        (other(lambda rows: rows.head(100)), "a row for each day"),
        (other(lambda rows: rows.assign(calls="many")), "have to hold numbers"),
        (features(calls=0), "calls still holds the day's own"),
        (features(storm=0), "storm still tells"),
        (features(mean=0), "one of the seven"),
        (features(lag=0), "with it changes: lag_7."),
        (features(holiday=1), "The calendar is known"),
        (features(calls=7, storm=2), "are not in: storm, calls."),
    ],
    (LESSON, "image_job"): [
        (named("course-none"), "no processing job of yours whose name begins with 'course-none'"),
        (lambda course: 3, "The processor itself was expected"),
        (sent(image="other"), "in the image course-other and not"),
        (sent(code=True), "brings an entry point of its own, python3 "),
        (sent(source=None), "was sent no input, so"),
        (sent(source="other", file="salary.csv"), "has no claims.csv in it, but salary.csv."),
        (sent(destination=f"{FOLDER}/table"), f"was copied into {FOLDER}/table and not into"),
        (sent(arguments=None), "The script was given no arguments"),
        (sent(arguments=["--relative", "yes"]), "The arguments were --relative yes, and"),
        (sent(output=None), "told of no output"),
        (sent(output="rows"), "The outputs have these names: rows."),
        (sent(folder=f"{FOLDER}/output"), f"was told to copy the folder {FOLDER}/output, and"),
        (sent(target="mine"), "whose end is not /mine/test"),
        (sent(limit=None), "SageMaker's own, 86,400 seconds"),
        (sent(limit=10), "look like minutes"),
        (sent(limit=900), "may take 900 seconds, not 600"),
        (sent(tags=False), "none of the course's tags"),
        (sent(script=ENDLESS, wait=False), "still at work"),
        (sent(source="broken", text="date,claims\n2025-01-01,1\n2025-01-03,2\n"), "comes after a gap"),
    ],
}
