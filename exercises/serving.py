"""What the account knows of a learner's batch transform jobs and endpoints, for checks of how a model is served."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from botocore.exceptions import ClientError

from exercises.account import USER, tags_of
from utils.check import Unreadable
from utils.course import Course

BEGINNING = "course-"  # of the names that the learner's policy allows


@dataclass(frozen=True)
class Batch:
    """A batch transform job as the account describes it, ``sent``; and the keys of its tags."""

    sent: dict[str, Any]
    tags: set[str]

    @property
    def source(self) -> str:
        """The address in S3 of what was to be scored."""
        return self.sent["TransformInput"]["DataSource"]["S3DataSource"]["S3Uri"]

    @property
    def processing(self) -> dict[str, str]:
        """The filters and the source of a join, without spaces, by their names in the API."""
        given = {"InputFilter": "$", "OutputFilter": "$", "JoinSource": "None"} | self.sent.get("DataProcessing", {})
        return {member: text.replace(" ", "") or "$" for member, text in given.items()}


@dataclass(frozen=True)
class Served:
    """The only variant of an endpoint's configuration, and the keys of the tags of what was named."""

    variant: dict[str, Any]
    tags: set[str]

    @property
    def serverless(self) -> dict[str, int]:
        return self.variant.get("ServerlessConfig", {})


def batch_of(answer: Any, course: Course) -> Batch:
    """The job that a transformer, of either SDK, has started last.  Raises Unreadable if it has started none."""
    if isinstance(answer, type) or not hasattr(answer, "latest_transform_job"):
        raise Unreadable("The transformer itself was expected, the object whose transform you called.")
    job = answer.latest_transform_job
    if job is None:
        raise Unreadable("This transformer has started no job yet: call its transform first.")
    name = getattr(job, "transform_job_name", None) or job.job_name
    client = course.session.sagemaker_client
    sent = client.describe_transform_job(TransformJobName=name)
    return Batch(sent, set(tags_of(client, sent["TransformJobArn"])))


def served_by(answer: Any, course: Course) -> Served:
    """How a predictor, an endpoint of version 3's or the configuration of a name serves.

    Raises Unreadable if the account has no such endpoint or configuration.
    """
    client = course.session.sagemaker_client
    name = answer if isinstance(answer, str) else getattr(answer, "endpoint_config_name", None)
    try:
        if not isinstance(name, str):
            name = getattr(answer, "endpoint_name", None)
            if not isinstance(name, str) or isinstance(answer, type):
                raise Unreadable("What deploy returns was expected, the object that knows its endpoint_name.")
            endpoint = client.describe_endpoint(EndpointName=name)
            tags = set(tags_of(client, endpoint["EndpointArn"]))
            config = client.describe_endpoint_config(EndpointConfigName=endpoint["EndpointConfigName"])
        elif not name.startswith(BEGINNING):
            raise Unreadable(f"The name of your configuration was expected, and names begin with {BEGINNING!r} here.")
        else:
            config = client.describe_endpoint_config(EndpointConfigName=name)
            tags = set(tags_of(client, config["EndpointConfigArn"]))
    except ClientError as error:
        if "Could not find" in str(error):
            raise Unreadable(f"The account has nothing of the name {name}: check it before you delete it.") from None
        raise
    return Served(config["ProductionVariants"][0], tags)


# ---- faults that the lessons of both SDKs look for

BatchFault = tuple[Callable[[Batch, Course], Any], str]
ServedFault = tuple[Callable[[Served, Course], Any], str]
FILE = "people.jsonl"
LINES = "application/jsonlines"


def batch_faults() -> Iterator[BatchFault]:
    """Faults of a job that joins the answers to the lines of a file; one line holds person, bill and asked."""
    yield (
        lambda job, course: None if job.source.endswith(FILE) else job.source.rpartition("/")[2],
        f"The job was sent the file {{}} and not {FILE}.",
    )
    yield (
        lambda job, course: (
            given if (given := job.sent["TransformInput"].get("ContentType", "nothing")) != LINES else None
        ),
        "Each line of the file is a JSON document, and content_type says {}.",
    )
    yield (
        lambda job, course: job.sent["TransformInput"].get("SplitType", "None") != "Line",
        "Nothing says where a record ends: split_type='Line' makes one of each line.",
    )
    yield (
        lambda job, course: job.sent["TransformOutput"].get("Accept", "nothing") != LINES,
        "The answers have to be JSON, one on each line, to be joined to such lines: accept asks for a form.",
    )
    yield (
        lambda job, course: job.processing["InputFilter"] == "$",
        "The input filter $ sends the whole line to the model, the bill too.",
    )
    yield (
        lambda job, course: job.processing["InputFilter"] in ("$.asked.features", "$['asked'].features"),
        "The bare list of features was sent: Linear Learner wants the object that has them under features.",
    )
    yield (
        lambda job, course: (
            job.processing["InputFilter"] if job.processing["InputFilter"] not in ("$.asked", "$['asked']") else None
        ),
        "The input filter {} does not choose what stands under asked.",
    )
    yield (
        lambda job, course: job.processing["JoinSource"] != "Input",
        "Nothing was joined: without join_source the output holds the answers alone.",
    )
    yield (
        lambda job, course: job.processing["OutputFilter"] == "$",
        "The output filter $ keeps the whole joined line, so the bill stands in the output.",
    )
    yield (
        lambda job, course: (
            job.processing["OutputFilter"]
            if job.processing["OutputFilter"] not in ("$['person','SageMakerOutput']", "$['SageMakerOutput','person']")
            else None
        ),
        "The output filter {} does not keep the person's number and the answer, and only these.",
    )
    yield (
        lambda job, course: USER not in job.tags,
        "The job carries none of the course's tags: tags is an argument of Transformer.",
    )
    yield (
        lambda job, course: name if not (name := job.sent["TransformJobName"]).startswith(BEGINNING) else None,
        f"On AWS the learner's policy allows names that begin with {BEGINNING}, and this job is called {{}}.",
    )
    yield (
        lambda job, course: job.sent["TransformJobStatus"] in ("InProgress", "Stopping"),
        "The job is still at work, so wait for its end and check it again.",
    )
    yield (
        lambda job, course: (
            job.sent.get("FailureReason", job.sent["TransformJobStatus"])
            if job.sent["TransformJobStatus"] != "Completed"
            else None
        ),
        "What was sent looks right, but the job has no output: {}.",
    )


def serverless_faults(memory: int, concurrency: int) -> Iterator[ServedFault]:
    """Faults of a serverless variant that is to have so many MB and answer so many requests at once."""
    yield (
        lambda served, course: served.variant.get("InstanceType"),
        "A machine of the type {} stands behind this one, and is paid for by the hour.",
    )
    yield (
        lambda served, course: (
            served.serverless["MemorySizeInMB"] if served.serverless["MemorySizeInMB"] != memory else None
        ),
        "It has {} MB, and not what the colleague asked for.",
    )
    yield (
        lambda served, course: (
            served.serverless["MaxConcurrency"] if served.serverless["MaxConcurrency"] != concurrency else None
        ),
        "It answers at most {} requests at once, which was no fault of the colleague's call.",
    )
    yield (
        lambda served, course: served.serverless.get("ProvisionedConcurrency"),
        "It keeps {} of its containers ready, which is paid for by the hour and was not asked for.",
    )
    yield (
        lambda served, course: USER not in served.tags,
        "The second fault is still there: how is *Clean up* to know that this is yours?",
    )
