"""A bug of the account's own is told as an internal error, and its traceback is in the log of the account's process."""

from __future__ import annotations

import pytest
from botocore.exceptions import ClientError

from support.account_with_bugs import Account
from support.pipelines import finished as execution_ended
from support.pipelines import whole
from support.processing import definition as processing_definition
from support.processing import ended as processing_ended
from support.training import IMAGE, channel, csv, definition, ended, table, wait_until
from support.transform import finished as transform_ended
from support.transform import transform_definition

BUCKET = "a-bucket"
DATA = csv(*table())
INTERNAL = "InternalServerError: We encountered an internal error. Please try again. "
OF_ENDPOINT = "Request to service failed. "
SILENT = "print('done')"


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    place = Account(tmp_path_factory.mktemp("bugs") / "account")
    place.begin()
    s3 = place.client("s3")
    s3.create_bucket(Bucket=BUCKET)
    for key in ("data.csv", "bug-in-link.csv", "bug-in-object.json", "records.csv"):
        s3.put_object(Bucket=BUCKET, Key=key, Body=DATA)
    s3.put_object(Bucket=BUCKET, Key="rows.csv", Body=b"50,50\n60,40\n")
    yield place
    place.close()


@pytest.fixture
def client(place):
    return place.client("sagemaker")


@pytest.fixture(scope="module")
def artifact(place):
    """The address of a model's artifact; the same lies under a key of its own, which cannot be linked."""
    client, s3 = place.client("sagemaker"), place.client("s3")
    client.create_training_job(**training(place, "good", "data.csv"))
    uri = ended(client, "good")["ModelArtifacts"]["S3ModelArtifacts"]
    source = {"Bucket": BUCKET, "Key": uri.removeprefix(f"s3://{BUCKET}/")}
    s3.copy_object(Bucket=BUCKET, Key="bug-in-link/model.tar.gz", CopySource=source)
    return uri


def training(place, job: str, key: str, **members) -> dict:
    return definition(place.running(), job, channel(f"s3://{BUCKET}/{key}"), bucket=BUCKET, **members)


def model(place, client, name: str, url: str) -> str:
    container = {"Image": IMAGE, "ModelDataUrl": url}
    role = place.running().account.role_arn
    client.create_model(ModelName=name, ExecutionRoleArn=role, PrimaryContainer=container)
    return name


def config(client, name: str, model: str, variant: str = "v") -> str:
    machine = {"InstanceType": "ml.m5.large", "InitialInstanceCount": 1}
    variants = [{"VariantName": variant, "ModelName": model, **machine}]
    client.create_endpoint_config(EndpointConfigName=name, ProductionVariants=variants)
    return name


def settled(client, endpoint: str) -> dict:
    return wait_until(
        lambda: client.describe_endpoint(EndpointName=endpoint),
        lambda body: body["EndpointStatus"] not in ("Creating", "Updating"),
        endpoint,
    )


@pytest.mark.parametrize(
    ("bug", "key", "job", "members"),
    [
        ("bug-in-link", "bug-in-link.csv", "link", {}),
        ("bug-in-put", "data.csv", "bug-in-put", {}),
        ("bug-in-role", "data.csv", "bug-in-role", {}),
    ],
)
def test_a_training_job(place, client, bug, key, job, members):
    before = place.tracebacks(bug)
    client.create_training_job(**training(place, job, key, **members))
    body = ended(client, job)
    assert body["TrainingJobStatus"] == "Failed" and body["FailureReason"].startswith(INTERNAL), body["FailureReason"]
    assert body["SecondaryStatus"] == "Failed" and body["TrainingEndTime"] >= body["TrainingStartTime"]
    assert place.tracebacks(bug) == before + 1


def test_a_pipe_of_a_training_job(place, client):
    params = training(place, "pipe", "records.csv")
    params["InputDataConfig"][0] |= {
        "InputMode": "Pipe", "RecordWrapperType": "RecordIO", "ContentType": "application/x-recordio-protobuf",
    }  # fmt: skip
    client.create_training_job(**params)
    body = ended(client, "pipe")
    assert body["TrainingJobStatus"] == "Failed" and body["FailureReason"].startswith(INTERNAL), body["FailureReason"]
    assert place.tracebacks("bug-in-pipe") == 1


@pytest.mark.parametrize("bug", ["bug-in-link", "bug-in-message", "bug-in-put", "bug-in-role"])
def test_a_processing_job(place, client, bug):
    script = f"open('/opt/ml/output/message', 'w').write('{bug}')\nopen('/opt/ml/processing/out/file', 'w')"
    before = place.tracebacks(bug)
    client.create_processing_job(**processing_definition(place.client("s3"), BUCKET, f"process-{bug}", script))
    body = processing_ended(client, f"process-{bug}")
    assert body["ProcessingJobStatus"] == "Failed" and body["FailureReason"].startswith(INTERNAL), body
    assert place.tracebacks(bug) == before + 1


@pytest.mark.parametrize("bug", ["bug-in-link", "bug-in-begin", "bug-in-put"])
def test_a_transform_job(place, client, artifact, bug):
    where = f"s3://{BUCKET}/bug-in-link/model.tar.gz" if bug == "bug-in-link" else artifact
    name = model(place, client, f"batch-{bug}", where)
    before = place.tracebacks(bug)
    params = transform_definition(name, f"s3://{BUCKET}/rows.csv", BUCKET) | {"TransformJobName": f"transform-{bug}"}
    params["TransformOutput"]["S3OutputPath"] = f"s3://{BUCKET}/{bug}/out"
    client.create_transform_job(**params)
    body = transform_ended(client, params["TransformJobName"])
    assert body["TransformJobStatus"] == "Failed" and body["FailureReason"].startswith(INTERNAL), body
    assert place.tracebacks(bug) == before + 1


def test_a_tuning_job(place, client):
    ranges = {"ContinuousParameterRanges": [{"Name": "learning_rate", "MinValue": "0.01", "MaxValue": "0.1"}]}
    training_job = training(place, "unused", "data.csv", hyperparameters=None)
    del training_job["TrainingJobName"], training_job["HyperParameters"]
    training_job["InputDataConfig"].append(channel(f"s3://{BUCKET}/data.csv", "validation"))
    training_job["StaticHyperParameters"] = {"predictor_type": "regressor", "epochs": "1", "mini_batch_size": "4"}
    client.create_hyper_parameter_tuning_job(
        HyperParameterTuningJobName="bug-in-launch",
        HyperParameterTuningJobConfig={
            "Strategy": "Random",
            "HyperParameterTuningJobObjective": {"Type": "Minimize", "MetricName": "validation:mse"},
            "ResourceLimits": {"MaxNumberOfTrainingJobs": 1, "MaxParallelTrainingJobs": 1},
            "ParameterRanges": ranges,
        },
        TrainingJobDefinition=training_job,
    )
    body = wait_until(
        lambda: client.describe_hyper_parameter_tuning_job(HyperParameterTuningJobName="bug-in-launch"),
        lambda body: body["HyperParameterTuningJobStatus"] in ("Completed", "Failed", "Stopped"),
        "bug-in-launch",
    )
    assert body["HyperParameterTuningJobStatus"] == "Failed" and body["FailureReason"].startswith(INTERNAL), body
    assert place.tracebacks("bug-in-launch") == 1


def test_an_execution_of_a_pipeline(place, client):
    get = {"Std:JsonGet": {"S3Uri": f"s3://{BUCKET}/bug-in-object.json", "Path": "A"}}
    steps = whole({"Name": "step", "Type": "Fail", "Arguments": {"ErrorMessage": get}})
    role = place.running().account.role_arn
    client.create_pipeline(PipelineName="pipeline", RoleArn=role, PipelineDefinition=steps, ClientRequestToken="0" * 32)
    arn = client.start_pipeline_execution(PipelineName="pipeline")["PipelineExecutionArn"]
    body, told = execution_ended(client, arn)
    assert body["PipelineExecutionStatus"] == "Failed" and body["FailureReason"].startswith(INTERNAL), body
    assert told["step"]["StepStatus"] == "Failed" and told["step"]["FailureReason"].startswith(INTERNAL), told
    assert place.tracebacks("bug-in-object") == 1


def test_the_reading_of_a_pipelines_definition(place, client):
    steps = whole({"Name": "bug-in-definition", "Type": "Fail", "Arguments": {"ErrorMessage": "no"}})
    role = place.running().account.role_arn
    with pytest.raises(ClientError) as caught:
        client.create_pipeline(PipelineName="bad", RoleArn=role, PipelineDefinition=steps, ClientRequestToken="0" * 32)
    assert caught.value.response["Error"]["Code"] == "InternalFailure"
    assert caught.value.response["ResponseMetadata"]["HTTPStatusCode"] == 500
    assert place.tracebacks("bug-in-definition") == 1


@pytest.mark.parametrize("bug", ["bug-in-link", "bug-in-begin"])
def test_an_endpoint(place, client, artifact, bug):
    where = f"s3://{BUCKET}/bug-in-link/model.tar.gz" if bug == "bug-in-link" else artifact
    broken = config(client, f"endpoint-{bug}", model(place, client, f"endpoint-{bug}", where), bug)
    before = place.tracebacks(bug)
    client.create_endpoint(EndpointName=f"new-{bug}", EndpointConfigName=broken)
    body = settled(client, f"new-{bug}")
    assert body["EndpointStatus"] == "Failed" and body["FailureReason"].startswith(OF_ENDPOINT), body
    assert place.tracebacks(bug) == before + 1
    # An endpoint that serves goes on as it was.
    works = config(client, f"works-{bug}", model(place, client, f"works-{bug}", artifact))
    old = f"old-{bug[-5:]}"
    client.create_endpoint(EndpointName=old, EndpointConfigName=works)
    assert settled(client, old)["EndpointStatus"] == "InService"
    client.update_endpoint(EndpointName=old, EndpointConfigName=broken)
    body = settled(client, old)
    assert body["EndpointStatus"] == "InService" and body["EndpointConfigName"] == works
    assert body["FailureReason"].startswith(OF_ENDPOINT), body
    assert place.tracebacks(bug) == before + 2


def test_what_is_the_users_is_told_to_the_user(place, client):
    """A key that can be no file's name, and a file's name that can be no key."""
    s3 = place.client("s3")
    s3.put_object(Bucket=BUCKET, Key="nul/a\0b.csv", Body=DATA)
    client.create_training_job(**training(place, "nul", "nul/"))
    reason = ended(client, "nul")["FailureReason"]
    assert reason.startswith(f"ClientError: Data download failed: s3://{BUCKET}/nul/"), reason
    leaves = "import os\nos.close(os.open(b'/opt/ml/processing/out/\\xff', os.O_CREAT | os.O_WRONLY))"
    client.create_processing_job(**processing_definition(s3, BUCKET, "bytes", leaves))
    reason = processing_ended(client, "bytes")["FailureReason"]
    assert reason.startswith(f"ClientError: Failed to upload output to s3://{BUCKET}/bytes/out. "), reason


def test_nothing_goes_unseen(place):
    """The last test of this file: the account's process has logged no other bug."""
    text = place.log()
    parts = text.split("Traceback (most recent call last):")[1:]
    assert all("bug-in-" in part for part in parts), text[-3000:]
