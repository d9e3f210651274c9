"""What the course has running in an account, found by its tags; what it costs there, and its end."""

import time

from botocore import xform_name
from botocore.exceptions import ClientError

from local_aws.prices import HOSTING

COURSE = "regression-on-sagemaker"
POLL = 2  # seconds
# Kinds of resources as the API spells them. An endpoint, which costs money, is deleted before what it is made of.
JOBS = {"TrainingJob": "training job", "ProcessingJob": "processing job", "TransformJob": "transform job",
        "HyperParameterTuningJob": "tuning job"}  # fmt: skip
KINDS = {"Endpoint": "endpoint", "EndpointConfig": "endpoint configuration", "Model": "model",
         "Pipeline": "pipeline", "ModelPackageGroup": "model package group"}  # fmt: skip
EXECUTION = "PipelineExecution"  # it has no name but its ARN, and its pipeline's tags
NOUNS = {**JOBS, **KINDS, EXECUTION: "pipeline execution"}


def tagged(client, kind: str, tags: list[dict], **filters: str) -> list[str]:
    """The names of the resources of a kind (``Endpoint`` …) that carry all of ``tags``."""
    return [
        each[f"{kind}Name"]
        for page in client.get_paginator(f"list_{xform_name(kind)}s").paginate(**filters)
        for each in next(found for found in page.values() if isinstance(found, list))
        if each.get("EndpointStatus") != "Deleting" and _has(client, each[f"{kind}Arn"], tags)
    ]


def running(client, tags: list[dict]) -> list[str]:
    """What runs, and so costs, of what carries ``tags``: a line for each endpoint, pipeline execution and job."""
    found = [("Endpoint", name) for name in tagged(client, "Endpoint", tags)] + _jobs(client, tags)
    return [f"{NOUNS[kind]} {name}" for kind, name in found]


def clean_up(course) -> None:
    """Delete every endpoint, model, pipeline and group of packages of this user's lessons, and stop what runs.

    They are found by their tags.  What is stored (data and artifacts in S3, the records of ended jobs) stays.
    """
    client, tags = course.session.sagemaker_client, user_tags(course)
    for kind, name in _jobs(client, tags):
        try:
            member = "Arn" if kind == EXECUTION else "Name"
            getattr(client, f"stop_{xform_name(kind)}")(**{f"{kind}{member}": name})
            print(f"stopped the {NOUNS[kind]} {name}")
        except ClientError as error:
            if "is in status" not in str(error):  # it has ended, or is stopping already
                raise
    for kind, noun in KINDS.items():
        for name in tagged(client, kind, tags):
            cost = _cost_so_far(client, name) if kind == "Endpoint" else ""
            _delete(client, kind, name)
            print(f"deleted the {noun} {name}{cost}")
    print("\n".join(running(client, tags)) or "nothing is running")


def user_tags(course) -> list[dict]:
    """The tags that all runs of this user share."""
    return [tag for tag in course.tags if tag["Key"] != "course-run"]


def delete_endpoint(client, name: str) -> None:
    """Delete an endpoint, its configuration and its model, all of one name, as far as they were made."""
    for kind in ("Endpoint", "EndpointConfig", "Model"):
        _delete(client, kind, name)


def _cost_so_far(client, endpoint: str) -> str:
    """A clause about the dollars that an endpoint has cost since it was made; empty if its prices are not known.

    ``client`` is boto3's of SageMaker.  A serverless variant costs nothing by the hour.
    """
    try:
        body = client.describe_endpoint(EndpointName=endpoint)
        config = client.describe_endpoint_config(EndpointConfigName=body["EndpointConfigName"])
    except ClientError:  # one of them has gone meanwhile
        return ""
    hours = max(time.time() - body["CreationTime"].timestamp(), 0) / 3600
    machines = [each for each in config["ProductionVariants"] if "InstanceType" in each]
    if not machines or any(each["InstanceType"] not in HOSTING for each in machines):
        return ""
    hourly = sum(HOSTING[each["InstanceType"]] * each["InitialInstanceCount"] for each in machines)
    return f", which in {hours:.1f} hours costs ${hours * hourly:.2f} on AWS"


def _delete(client, kind: str, name: str) -> None:
    if kind == "ModelPackageGroup":
        for each in client.list_model_packages(ModelPackageGroupName=name, MaxResults=100)["ModelPackageSummaryList"]:
            client.delete_model_package(ModelPackageName=each["ModelPackageArn"])
    while True:
        try:
            getattr(client, f"delete_{xform_name(kind)}")(**{f"{kind}Name": name})
            return
        except ClientError as error:
            if "Could not find" in str(error):
                return
            if "in-progress" not in str(error) and "ConflictException" not in str(error):
                raise
        time.sleep(POLL)  # an endpoint that is being made, or a pipeline that is being stopped


def _jobs(client, tags: list[dict]) -> list[tuple[str, str]]:
    """Kind and name of what is at work; what starts others comes first."""
    ask, busy = client.get_paginator("list_pipeline_executions").paginate, ("Executing", "InProgress", "Stopping")
    pages = [page for name in tagged(client, "Pipeline", tags) for page in ask(PipelineName=name)]
    ran = [each for page in pages for each in page["PipelineExecutionSummaries"] if each[f"{EXECUTION}Status"] in busy]
    jobs = [(kind, name) for kind in JOBS for s in busy[1:] for name in tagged(client, kind, tags, StatusEquals=s)]
    return [(EXECUTION, each[f"{EXECUTION}Arn"]) for each in ran] + jobs


def _has(client, arn: str, tags: list[dict]) -> bool:
    try:
        pages = list(client.get_paginator("list_tags").paginate(ResourceArn=arn))
    except ClientError as error:
        if error.response["Error"]["Code"] in ("ValidationException", "ResourceNotFound"):
            return False  # deleted since it was listed
        raise
    return all(tag in [each for page in pages for each in page["Tags"]] for tag in tags)
