"""An account's folder that an earlier version has written is read as it was meant."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing

import pytest
from botocore.exceptions import ClientError

from local_aws.core.account import ROLE_NAME
from support.account import Place
from support.pipelines import fails, whole
from support.pipelines import finished as execution_ended
from support.training import IMAGE, channel, checked, csv, definition, ended, table, wait_until

BUCKET = "a-bucket"
TOKEN = "0" * 32
# As the table was while a resource's body held what no caller sees, too.
SCHEMA = """
create table resources (
    kind text not null, name text not null, arn text not null unique,
    body text not null, tags text not null, primary key (kind, name));
"""


@pytest.fixture
def place(tmp_path):
    place = Place(tmp_path / "account")
    place.start()
    yield place
    place.close()


def write_as_before(path) -> None:
    """Write an account's resources as a version did that had one column for both."""
    with closing(sqlite3.connect(path)) as database, database:
        rows = database.execute("select kind, name, arn, body, tags, internal from resources order by rowid").fetchall()
        database.execute("drop table resources")
        database.execute(SCHEMA)
        for kind, name, arn, body, tags, internal in rows:
            named = {"PipelineExecutionName": name} if kind == "PipelineExecution" else {}
            whole = json.dumps(named | json.loads(body) | json.loads(internal))
            database.execute("insert into resources values (?, ?, ?, ?, ?)", (kind, name, arn, whole, tags))


def serve(place, client) -> None:
    s3 = place.client("s3")
    s3.create_bucket(Bucket=BUCKET)
    s3.put_object(Bucket=BUCKET, Key="data.csv", Body=csv(*table()))
    client.create_training_job(
        **definition(place.running(), "trains", channel(f"s3://{BUCKET}/data.csv"), bucket=BUCKET)
    )
    artifact = ended(client, "trains")["ModelArtifacts"]["S3ModelArtifacts"]
    container = {"Image": IMAGE, "ModelDataUrl": artifact}
    role = place.running().account.role_arn
    client.create_model(ModelName="model", ExecutionRoleArn=role, PrimaryContainer=container)
    variant = {"VariantName": "v", "ModelName": "model", "InstanceType": "ml.m5.large", "InitialInstanceCount": 1}
    client.create_endpoint_config(EndpointConfigName="config", ProductionVariants=[variant])
    client.create_endpoint(EndpointName="serves", EndpointConfigName="config")
    in_service(client)


def in_service(client) -> None:
    wait_until(
        lambda: client.describe_endpoint(EndpointName="serves")["EndpointStatus"], "InService".__eq__, "the endpoint"
    )


def told(client, execution: str) -> list[dict]:
    """What callers are told of all that an earlier version kept in another way."""
    asked = {
        "DescribePipelineExecution": {"PipelineExecutionArn": execution},
        "ListPipelineExecutionSteps": {"PipelineExecutionArn": execution},
        "ListPipelineParametersForExecution": {"PipelineExecutionArn": execution},
        "DescribePipelineDefinitionForExecution": {"PipelineExecutionArn": execution},
        "ListPipelineExecutions": {"PipelineName": "Line"},
        "Search": {"Resource": "PipelineExecution"},
        "DescribeModelPackageGroup": {"ModelPackageGroupName": "group"},
        "ListModelPackages": {"ModelPackageGroupName": "group"},
        "DescribeEndpoint": {"EndpointName": "serves"},
    }
    answers = [checked(client, operation, **params) for operation, params in asked.items()]
    return [{member: value for member, value in each.items() if member != "ResponseMetadata"} for each in answers]


def test_what_callers_do_not_see_was_once_kept_with_what_they_see(place):
    client, role = place.client("sagemaker"), place.running().account.role_arn
    serve(place, client)
    package = {
        "ModelPackageGroupName": "group",
        "InferenceSpecification": {
            "Containers": [{"Image": IMAGE}], "SupportedContentTypes": ["text/csv"],
            "SupportedResponseMIMETypes": ["text/csv"],
        },
    }  # fmt: skip
    client.create_model_package_group(ModelPackageGroupName="group")
    for _ in range(2):
        last = client.create_model_package(**package)["ModelPackageArn"]
    client.delete_model_package(ModelPackageName=last)
    parameter = {"Name": "Why", "Type": "String", "DefaultValue": "no"}
    text = whole(fails("ends", {"Get": "Parameters.Why"}), parameters=[parameter])
    client.create_pipeline(PipelineName="Line", RoleArn=role, PipelineDefinition=text, ClientRequestToken=TOKEN)
    start = {"PipelineName": "Line", "ClientRequestToken": TOKEN}
    execution = client.start_pipeline_execution(**start)["PipelineExecutionArn"]
    execution_ended(client, execution)
    before = told(client, execution)

    place.close()
    write_as_before(place.folder / "sagemaker.sqlite")
    place.start()
    client = place.client("sagemaker")
    in_service(client)
    assert told(client, execution) == before
    # What is internal of each is there, too, and counts.
    answer = place.client("sagemaker-runtime").invoke_endpoint(
        EndpointName="serves", Body=b"50,50", ContentType="text/csv"
    )
    assert json.loads(answer["Body"].read())["predictions"]
    assert client.start_pipeline_execution(**start)["PipelineExecutionArn"] == execution
    assert client.create_model_package(**package)["ModelPackageArn"].endswith("/3")
    client.update_endpoint(EndpointName="serves", EndpointConfigName="config")
    in_service(client)
    again = client.start_pipeline_execution(PipelineName="Line")["PipelineExecutionArn"]
    assert again != execution and execution_ended(client, again)[1]["ends"]["FailureReason"] == "no"
    client.delete_endpoint(EndpointName="serves")


def test_the_role_of_an_account_whose_identity_does_not_name_it(place):
    """Its jobs, models and policies have the ARN that it had: it keeps that role, whatever new accounts call theirs."""
    identity = json.loads((place.folder / "account.json").read_text())
    assert identity.pop("role_name") == ROLE_NAME
    place.close()
    (place.folder / "account.json").write_text(json.dumps(identity))
    place.start()
    role = f"arn:aws:iam::{identity['account_id']}:role/service-role/AmazonSageMaker-ExecutionRole-Course"
    assert place.running().role_arn == role != f"{role.rpartition('/')[0]}/{ROLE_NAME}"
    assert place.client("iam").get_role(RoleName=role.rpartition("/")[2])["Role"]["Arn"] == role
    client = place.client("sagemaker")
    model = {"PrimaryContainer": {"Image": IMAGE}, "ExecutionRoleArn": role}
    client.create_model(ModelName="of-its-role", **model)
    with pytest.raises(ClientError, match=r"is invalid\. Please ensure that the role exists"):
        client.create_model(ModelName="of-another", **model | {"ExecutionRoleArn": role.replace("-Course", "-Local")})
