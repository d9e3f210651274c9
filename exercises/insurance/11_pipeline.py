"""Exercises of "Write one recipe for every model"."""

import json
from typing import Any

from exercises.kinds import Found, Number, Question
from exercises.pipelines import Recipe, recipe, version
from local_aws.prices import JOBS
from utils.check import Unreadable
from utils.course import JOB_MINUTES, Course

LIMIT = 3500  # dollars: of the second condition
MAE, RMSE = (f"regression_metrics.{metric}.value" for metric in ("mae", "rmse"))
NIGHTS, MACHINES, STEPS = 30, 3, 5


def bill(nights: float, jobs: float, minutes: float = JOB_MINUTES) -> float:
    """Dollars for so many jobs a night."""
    return nights * jobs * minutes / 60 * JOBS["ml.m5.large"]


def expression(answer: Any, course: Course) -> Any:
    """What would stand in the recipe for a value: an address, or where to get it from."""
    if not isinstance(answer, str) and not hasattr(answer, "expr"):
        if hasattr(answer, "properties"):
            raise Unreadable("That is a whole step: the address is one of its properties.")
        raise Unreadable("An address was expected: a text, or what a step promises to write.")
    return answer if isinstance(answer, str) else answer.expr


def place(said: Any) -> str:
    return said.get("Get", json.dumps(said)) if isinstance(said, dict) else said


def conditions(found: Recipe) -> dict[str, dict[str, Any]]:
    """The conditions of a recipe, by the place in the report that each reads."""
    return {_reads(each): each for each in (found.condition or {}).get("Conditions", [])}


def _reads(condition: dict[str, Any]) -> str:
    values = [condition.get("LeftValue"), condition.get("RightValue")]
    paths = [each["Std:JsonGet"]["Path"] for each in values if isinstance(each, dict) and "Std:JsonGet" in each]
    return paths[0] if paths else json.dumps(values)


def second(found: Recipe) -> dict[str, Any]:
    return conditions(found)[RMSE]


CHECKS = {
    "nightly": Number(
        solution=lambda course: bill(NIGHTS, MACHINES),
        tolerance=0.006,
        right="Prepare, Train and Evaluate are jobs; the condition and the entry in the registry need no machine.",
        mistakes=[
            (lambda course: bill(NIGHTS, STEPS), "Which of the five steps start a machine?"),
            (lambda course: bill(NIGHTS, STEPS - 1), "A condition is decided by SageMaker itself, on no machine."),
            (lambda course: bill(NIGHTS, 1), "That is one job a night."),
            (lambda course: bill(1, MACHINES), "That is one night."),
            (lambda course: bill(NIGHTS, MACHINES, 60), "The price is for an hour, and a job is billed for minutes."),
            (lambda course: 100 * bill(NIGHTS, MACHINES), "Those are cents; the answer is in dollars."),
        ],
        far=("The month costs more than that.", "The month costs less than that."),
        hints=(
            "Look at the list of steps again: which of them ran a program of somebody's?",
            "Minutes of a night, nights of a month, and a price for sixty minutes.",
            "Ten nights with one job of 6 minutes would be one hour of the machine.",
        ),
    ),
    "waits_for_train": Found(
        look=expression,
        faults=[
            (
                lambda said, course: isinstance(said, str),
                "A fixed address is known before the run begins, so nothing makes the step wait for Train.",
            ),
            (
                lambda said, course: place(said) if "Parameters." in place(said) else None,
                "{} is given to the run when it starts: the step would still not wait for Train.",
            ),
            (
                lambda said, course: place(said) if "Steps.Prepare." in place(said) else None,
                "That value is {}: it waits for Prepare, as the step does already.",
            ),
            (
                lambda said, course: (
                    place(said) if place(said) != "Steps.Train.ModelArtifacts.S3ModelArtifacts" else None
                ),
                "{} is a promise, but not the address of the artifact that Train writes.",
            ),
        ],
        right="The address is Train's promise, so Evaluate waits, and judges the model of its own run.",
        hints=(
            "Compare the times: which two steps began in the same second?",
            "A step waits for those whose promises it was handed. Which of the three values is no promise of any step?",
            "The cell that makes the step Train ends with a line that keeps the right promise.",
        ),
    ),
    "second_condition": Found(
        look=recipe,
        faults=[
            (lambda found, course: not conditions(found), "The recipe in the account has no condition any more."),
            (
                lambda found, course: [*conditions(found)] == [MAE],
                "The recipe in the account still has its one condition: a change counts when upsert has sent it.",
            ),
            (
                lambda found, course: MAE not in conditions(found),
                "The condition on the MAE has gone; both have to hold.",
            ),
            (
                lambda found, course: (
                    " and ".join({*conditions(found)} - {MAE}) if RMSE not in conditions(found) else None
                ),
                "The second condition reads {}, where the report has no RMSE.",
            ),
            (
                lambda found, course: (
                    "LessThan" not in second(found)["Type"] or "Std:JsonGet" not in str(second(found)["LeftValue"])
                ),
                "Turned this way round, the condition keeps the models that miss people by far.",
            ),
            (
                lambda found, course: limit if (limit := second(found)["RightValue"]) != LIMIT else None,
                "The limit of the second condition is {}.",
            ),
            (
                lambda found, course: not (found.condition or {})["IfSteps"],
                "The step Keep has to stand among the if_steps, or no model is ever kept.",
            ),
            (
                lambda found, course: found.newest is None or found.newest.began < found.sent,
                "The recipe is right, but no run has been started since it was sent.",
            ),
            (lambda found, course: found.newest and found.newest.at_work, "The run is {}: wait for its end."),
            (
                lambda found, course: found.newest and found.newest.failure,
                "The recipe is right, but the run failed: {}.",
            ),
        ],
        right="The account has the recipe with both conditions, and has run it.",
        hints=(
            "A JsonGet like error reads the report at another path; evaluate.py says what stands there.",
            "ConditionStep takes a list of conditions, and all have to hold; the pipeline takes a list of steps.",
            "Make the condition step and the Pipeline again, with the same name; then upsert, start, wait.",
        ),
    ),
    "approved": Found(
        look=version,
        faults=[
            (
                lambda found, course: found["ModelApprovalStatus"] == "PendingManualApproval",
                "The registry still waits for somebody's word on this version.",
            ),
            (
                lambda found, course: found["ModelApprovalStatus"] == "Rejected",
                "The registry has this version as rejected.",
            ),
            (
                lambda found, course: not found.get("ApprovalDescription", "").strip(),
                "The version is approved, and nobody will know why: give an ApprovalDescription.",
            ),
        ],
        right="The registry has your word on this version, and your reason.",
        hints=(
            "The client has an operation for it, update_model_package, which takes the version's ARN.",
            "The states are PendingManualApproval, Rejected, and one more.",
            "ModelApprovalStatus is the state; ApprovalDescription takes a sentence, such as one with the errors.",
        ),
    ),
}

QUIZ = {
    "question 1": Question(
        "c",
        {
            "a": "No run has begun when the recipe is written, so there is no address yet.",
            "b": "It is no text: it names a step and a member of what that step will answer.",
            "c": "When Train has ended, SageMaker puts the address in its place.",
        },
    ),
    "question 2": Question(
        "a",
        {
            "a": "A condition that does not hold is an answer and no failure.",
            "b": "It would fail if a job failed; all three jobs have done their work.",
            "c": "Nothing in the recipe repeats a step, and nobody has asked for another run.",
        },
    ),
    "question 3": Question(
        "b",
        {
            "a": "The address of the table is a parameter, and the recipe is the same.",
            "b": "The code travels with the recipe: upsert uploads it, and later runs take it.",
            "c": "A limit is a parameter too; it is given to start.",
        },
    ),
}
