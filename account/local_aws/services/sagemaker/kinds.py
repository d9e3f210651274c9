"""The kinds of SageMaker's resources (TrainingJob, Model, Endpoint …), each defined once for all its readers."""

from __future__ import annotations

from dataclasses import dataclass, replace


@dataclass(frozen=True)
class Refusal:
    """A code of an error, and its sentence, in which ``{noun}``, ``{name}`` and ``{arn}`` are those of a resource."""

    code: str
    sentence: str


@dataclass(frozen=True)
class Kind:
    """A kind of resource: its name in the API, in ARNs, and in sentences, and all else that is particular to it.

    ``missing`` is the answer where there is no resource of a name, ``taken`` where there is one already.  Names of a
    kind that is ``part_of`` another one begin with the name of what they are part of.  Search finds what is
    ``searched``.  A job logs in ``log_group``, in streams whose names begin with its own; what has a group of its own,
    with ``{name}`` in it, has that group's streams for itself.  ``start_time`` and ``end_time`` are the members of a
    job's description that tell when it began to work, and when it ended; a job that has not begun to work has no end
    time, unless its kind names no start time.  ``tells_name`` is whether its description has its name in it.
    """

    name: str
    arn: str
    noun: str
    missing: Refusal = Refusal("ValidationException", 'Could not find {noun} "{arn}".')
    taken: Refusal = Refusal("ValidationException", 'Cannot create already existing {noun} "{arn}".')
    part_of: Kind | None = None
    searched: bool = False
    log_group: str = ""
    start_time: str | None = None
    end_time: str | None = None
    tells_name: bool = True

    @property
    def is_job(self) -> bool:
        """Whether it works by itself to an end of its own, and can be stopped before."""
        return self.end_time is not None

    def log(self, name: str) -> tuple[str, str]:
        """The log group of the resource of this name, and what the names of its streams begin with."""
        group = self.log_group.format(name=name)
        return group, "" if group != self.log_group else f"{name}/"


NOT_FOUND = Refusal("ValidationException", "Could not find requested job with name: {name}")
JOB_EXISTS = Refusal(
    "ResourceInUse",
    "Job name must be unique within an AWS account and region, and a job with this name already exists ({arn})",
)

TRAINING_JOB = Kind(
    "TrainingJob",
    "training-job",
    "training job",
    missing=Refusal("ValidationException", "Requested resource not found."),
    taken=Refusal(
        "ResourceInUse",
        "Training job names must be unique within an AWS account and region, and a training job with this name "
        "already exists ({arn})",
    ),
    searched=True,
    log_group="/aws/sagemaker/TrainingJobs",
    start_time="TrainingStartTime",
    end_time="TrainingEndTime",
)
PROCESSING_JOB = Kind(
    "ProcessingJob",
    "processing-job",
    "processing job",
    missing=NOT_FOUND,
    taken=JOB_EXISTS,
    log_group="/aws/sagemaker/ProcessingJobs",
    start_time="ProcessingStartTime",
    end_time="ProcessingEndTime",
)
TRANSFORM_JOB = Kind(
    "TransformJob",
    "transform-job",
    "transform job",
    missing=replace(NOT_FOUND, code="ResourceNotFound"),
    taken=JOB_EXISTS,
    log_group="/aws/sagemaker/TransformJobs",
    end_time="TransformEndTime",
)
TUNING_JOB = Kind(
    "HyperParameterTuningJob",
    "hyper-parameter-tuning-job",
    "hyperparameter tuning job",
    missing=Refusal("ResourceNotFound", "Amazon SageMaker can't find a tuning job called {name}. Type another name."),
    taken=Refusal(
        "ResourceInUse",
        "A hyperparameter tuning job with the name, {name}, already exists. Choose a different name.",
    ),
    searched=True,
    end_time="HyperParameterTuningEndTime",
)
MODEL = Kind("Model", "model", "model", searched=True)
ENDPOINT_CONFIG = Kind("EndpointConfig", "endpoint-config", "endpoint configuration")
ENDPOINT = Kind("Endpoint", "endpoint", "endpoint", searched=True, log_group="/aws/sagemaker/Endpoints/{name}")
MODEL_PACKAGE_GROUP = Kind(
    "ModelPackageGroup",
    "model-package-group",
    "model package group",
    missing=Refusal("ValidationException", "ModelPackageGroup {arn} does not exist."),
    taken=Refusal("ValidationException", "Model Package Group already exists: {arn}"),
    searched=True,
)
MODEL_PACKAGE = Kind(
    "ModelPackage",
    "model-package",
    "model package",
    missing=Refusal("ValidationException", "ModelPackage {arn} does not exist."),
    taken=Refusal("ValidationException", "Model Package already exists: {arn}"),
    part_of=MODEL_PACKAGE_GROUP,
    searched=True,
)
PIPELINE = Kind(
    "Pipeline",
    "pipeline",
    "pipeline",
    missing=Refusal("ResourceNotFound", "Pipeline '{arn}' does not exist."),
    taken=Refusal(
        "ValidationException",
        "Pipeline names must be unique within an AWS account and region. Pipeline with name ({name}) already exists.",
    ),
    searched=True,
)
# Named PIPELINE/execution/ID, as its ARN ends.
PIPELINE_EXECUTION = Kind(
    "PipelineExecution",
    "pipeline",
    "pipeline execution",
    missing=Refusal("ResourceNotFound", "Pipeline execution '{arn}' does not exist."),
    part_of=PIPELINE,
    searched=True,
    tells_name=False,
)
# All of them, by their names in the API.
KINDS = {kind.name: kind for kind in list(globals().values()) if isinstance(kind, Kind)}
