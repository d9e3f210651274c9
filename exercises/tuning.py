"""What the account knows of a learner's tuning job, and what such a job is sent wrongly."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from exercises.account import Job, tags_of
from exercises.job_faults import Fault
from utils.check import Unreadable
from utils.course import Course

TuningFault = tuple[Callable[["Tuning", Course], Any], str]
PAIR = "A pair was expected: the tuner, after it was started, and the name of its best training job."


@dataclass(frozen=True)
class Tuning:
    """A tuning job as the account describes it, and the name that the learner gives its best training job.

    ``job`` is the description of its training jobs, with the state of the whole.
    """

    sent: dict[str, Any]
    job: Job
    best: str

    @property
    def objective(self) -> str:
        return self.sent["HyperParameterTuningJobConfig"]["HyperParameterTuningJobObjective"]["MetricName"]

    @property
    def limits(self) -> dict[str, int]:
        return self.sent["HyperParameterTuningJobConfig"]["ResourceLimits"]

    @property
    def ranges(self) -> dict[str, dict[str, Any]]:
        """Each range by the name of its hyperparameter."""
        kinds = self.sent["HyperParameterTuningJobConfig"].get("ParameterRanges", {}).values()
        return {each["Name"]: each for kind in kinds for each in kind}


def tuning_of(answer: Any, course: Course) -> Tuning:
    """The tuning job of a tuner, given with the name of the best training job.  Raises Unreadable if there is none."""
    if not isinstance(answer, list | tuple) or len(answer) != 2 or not isinstance(answer[1], str):
        raise Unreadable(PAIR)
    tuner, best = answer
    if not hasattr(tuner, "latest_tuning_job"):
        raise Unreadable(PAIR)
    if tuner.latest_tuning_job is None:
        raise Unreadable("This tuner has started nothing yet; if starting it raised an error, AWS says there why.")
    started = tuner.latest_tuning_job  # each version of the SDK has a class of its own for it
    name = getattr(started, "name", None) or started.hyper_parameter_tuning_job_name
    client = course.session.sagemaker_client
    sent = client.describe_hyper_parameter_tuning_job(HyperParameterTuningJobName=name)
    tags = tags_of(client, sent["HyperParameterTuningJobArn"])
    definition = dict(sent["TrainingJobDefinition"])
    status, counters = sent["HyperParameterTuningJobStatus"], sent["TrainingJobStatusCounters"]
    if status == "Completed" and not counters["Completed"]:
        status = "none of its training jobs completed"
    definition |= {"HyperParameters": definition["StaticHyperParameters"], "TrainingJobStatus": status}
    return Tuning(sent, Job(definition, tags, course.session.boto_session.client("s3")), best)


def of_its_jobs(faults: Iterable[Fault]) -> Iterator[TuningFault]:
    """Faults of a training job, looked for in what a tuning job sends all of its own."""

    def of(fault: Callable[[Job, Course], Any]) -> Callable[[Tuning, Course], Any]:
        return lambda tuning, course: fault(tuning.job, course)

    for fault, sentence in faults:
        yield of(fault), sentence


def objective_faults(wanted: str) -> Iterator[TuningFault]:
    """Faults of the objective metric, which is one of the channel ``validation``."""
    yield (
        lambda tuning, course: tuning.objective if tuning.objective.startswith("train:") else None,
        "The objective {} is measured on the rows that the jobs learn from, and they all know those.",
    )
    yield (
        lambda tuning, course: tuning.objective if tuning.objective != wanted else None,
        "The search makes {} small, which is another number than the one asked for.",
    )


def range_faults(name: str, low: float, high: float) -> Iterator[TuningFault]:
    """Faults of the only range, a continuous one on a logarithmic scale."""
    yield (
        lambda tuning, course: ", ".join(tuning.ranges) if set(tuning.ranges) != {name} else None,
        f"The search varies {{}}; it was to vary {name} alone.",
    )
    yield (
        lambda tuning, course: tuning.ranges[name].get("ScalingType") != "Logarithmic",
        f"The range of {name} is not on a logarithmic scale, so nearly all values would be drawn from its upper end.",
    )
    yield (
        lambda tuning, course: (
            f"{ends[0]:g} to {ends[1]:g}"
            if (ends := [float(tuning.ranges[name][end]) for end in ("MinValue", "MaxValue")]) != [low, high]
            else None
        ),
        f"The range of {name} goes from {{}}, and that is not the one asked for.",
    )


def limit_faults(jobs: int) -> Iterator[TuningFault]:
    """Faults of how many training jobs there are, in all and at once."""
    yield (
        lambda tuning, course: n if (n := tuning.limits["MaxNumberOfTrainingJobs"]) != jobs else None,
        f"The search starts {{}} jobs at most, not {jobs}: max_jobs is the limit for the bill.",
    )
    yield (
        lambda tuning, course: n if (n := tuning.limits["MaxParallelTrainingJobs"]) != 1 else None,
        "The search runs {} jobs at once, and one at a time was asked for.",
    )


BEST: TuningFault = (
    lambda tuning, course: tuning.best != tuning.sent["BestTrainingJob"]["TrainingJobName"],
    "The tuning job is right, and this is not the name of its best training job: the tuner tells it.",
)


def unsent(answer: Any, course: Course) -> Any:
    """A tuner of either SDK, which need not have been started."""
    if not hasattr(answer, "objective_metric_name") or isinstance(answer, type):
        raise Unreadable("A HyperparameterTuner was expected, with its parameters.")
    return answer


def search_faults(name: str, low: float, high: float, jobs: int) -> Iterator[tuple[Callable[[Any, Course], Any], str]]:
    """Faults of a tuner that was not started, is to make ``validation:rmse`` small, and to vary one rate."""

    def rate(tuner: Any) -> Any:
        return tuner._hyperparameter_ranges.get(name)

    yield (
        lambda tuner, course: tuner.objective_metric_name if tuner.objective_metric_name == "validation:mae" else None,
        "Linear Learner reports no metric {}, so the account refuses the search. And the RMSE was asked for.",
    )
    yield (
        lambda tuner, course: metric if (metric := tuner.objective_metric_name) != "validation:rmse" else None,
        "The objective is {}, and not the RMSE on the validation rows.",
    )
    yield (
        lambda tuner, course: tuner.objective_type != "Minimize",
        "This search looks for the largest error.",
    )
    yield (lambda tuner, course: rate(tuner) is None, f"{name} has no range.")
    yield (
        lambda tuner, course: rate(tuner).scaling_type != "Logarithmic",
        "On another scale than the logarithmic one, two of three values would be drawn from the upper third.",
    )
    yield (
        lambda tuner, course: float(rate(tuner).min_value) == 0,
        "A logarithmic range cannot begin at 0: from there every step is infinitely far.",
    )
    yield (
        lambda tuner, course: (
            f"{ends[0]:g} to {ends[1]:g}"
            if (ends := [float(rate(tuner).min_value), float(rate(tuner).max_value)]) != [low, high]
            else None
        ),
        "The range goes from {}.",
    )
    yield (
        lambda tuner, course: tuner.max_jobs if tuner.max_jobs != jobs else None,
        f"max_jobs is {{}}, and {jobs} jobs were allowed.",
    )
