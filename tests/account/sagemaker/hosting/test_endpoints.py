"""Models, endpoint configurations and endpoints, by boto3: their lives, their answers, and what goes wrong."""

from __future__ import annotations

import io
import json
import tarfile

import boto3
import numpy as np
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError, WaiterError
from sagemaker.amazon.common import read_records, write_numpy_to_dense_tensor

from support.hosting import CSV, RECORDIO, Hosts, X, Y, as_csv, variant
from support.training import (
    IMAGE,
    channel,
    checked,
    coefficients,
    csv,
    definition,
    ended,
    name,
    refusal,
    wait_until,
)


@pytest.fixture(scope="module")
def artifact(account, sagemaker, s3, bucket) -> str:
    """The address of a trained model of three features."""
    s3.put_object(Bucket=bucket, Key="hosted/train.csv", Body=csv(X, Y))
    job = name("hosted")
    place = channel(f"s3://{bucket}/hosted/train.csv")
    sagemaker.create_training_job(**definition(account, job, place, bucket=bucket))
    body = ended(sagemaker, job)
    assert body["TrainingJobStatus"] == "Completed", body
    return body["ModelArtifacts"]["S3ModelArtifacts"]


@pytest.fixture(scope="module")
def hosts(account, sagemaker):
    hosts = Hosts(account, sagemaker)
    yield hosts
    hosts.delete_all()


@pytest.fixture(scope="module")
def endpoint(hosts, artifact, sagemaker) -> str:
    """An endpoint in service."""
    config = hosts.config(hosts.model(artifact))
    endpoint = hosts.create(config)
    sagemaker.get_waiter("endpoint_in_service").wait(
        EndpointName=endpoint, WaiterConfig={"Delay": 1, "MaxAttempts": 60}
    )
    return endpoint


JSON, LINES = "application/json", "application/jsonlines"


@pytest.fixture(scope="module")
def once(account):
    """A client of the runtime that does not try again."""
    return boto3.client("sagemaker-runtime", config=Config(retries={"total_max_attempts": 1}))


@pytest.fixture(scope="module")
def expected(s3, artifact):
    """The scores of X by the weights in the artifact."""
    weights, bias = coefficients(s3, artifact)
    return (X.astype(np.float64) @ weights.astype(np.float64) + np.float64(bias)).astype(np.float32)


# Requests and answers


def as_json(x) -> bytes:
    return json.dumps({"instances": [{"features": row} for row in x.tolist()]}).encode()


def as_lines(x) -> bytes:
    return "\n".join(json.dumps({"features": row}) for row in x.tolist()).encode()


def as_records(x) -> bytes:
    file = io.BytesIO()
    write_numpy_to_dense_tensor(file, x)
    return file.getvalue()


REQUESTS = {CSV: as_csv, JSON: as_json, LINES: as_lines, RECORDIO: as_records}
ANSWERS = {
    JSON: lambda body: [each["score"] for each in json.loads(body)["predictions"]],
    LINES: lambda body: [json.loads(line)["score"] for line in body.splitlines()],
    RECORDIO: lambda body: [
        record.label["score"].float32_tensor.values[0] for record in read_records(io.BytesIO(body))
    ],
}


@pytest.mark.parametrize("accept", ANSWERS)
@pytest.mark.parametrize("content_type", REQUESTS)
def test_scores(runtime, endpoint, expected, content_type, accept):
    for rows in (X, X[:1]):
        answer = runtime.invoke_endpoint(
            EndpointName=endpoint, Body=REQUESTS[content_type](rows), ContentType=content_type, Accept=accept
        )
        assert answer["ContentType"] == accept
        assert answer["InvokedProductionVariant"] == "variant-0"
        found = ANSWERS[accept](answer["Body"].read())
        np.testing.assert_allclose(found, expected[: len(rows)], rtol=2e-7)


@pytest.mark.parametrize("accept", [None, "*/*", "image/png, */*;q=0.1", CSV, "TEXT/CSV", "image/png"])
def test_json_is_what_comes_unless_asked(runtime, endpoint, accept):
    more = {"Accept": accept} if accept else {}
    answer = runtime.invoke_endpoint(EndpointName=endpoint, Body=as_csv(X[:2]), ContentType=CSV, **more)
    assert answer["ContentType"] == JSON and len(json.loads(answer["Body"].read())["predictions"]) == 2


def test_a_body_of_many_rows(runtime, endpoint, expected):
    """Beyond what is scored between two other requests."""
    answer = runtime.invoke_endpoint(
        EndpointName=endpoint, Body=as_csv(np.tile(X, (100, 1))), ContentType=CSV, Accept=LINES
    )
    np.testing.assert_allclose(ANSWERS[LINES](answer["Body"].read()), np.tile(expected, 100), rtol=2e-7)


def test_endpoint_names_are_the_same_in_any_case(runtime, endpoint):
    answer = runtime.invoke_endpoint(EndpointName=endpoint.upper(), Body=as_csv(X[:1]), ContentType=CSV)
    assert answer["InvokedProductionVariant"] == "variant-0"


def model_error(call, **params) -> dict:
    with pytest.raises(ClientError) as caught:
        call(**params)
    response = caught.value.response
    assert response["Error"]["Code"] == "ModelError" and response["ResponseMetadata"]["HTTPStatusCode"] == 424
    return response


@pytest.mark.parametrize(
    ("body", "content_type"),
    [
        (as_csv(X[:, :2]), CSV),
        (as_csv(X) + b"\n1,2", CSV),
        (b"garbage", CSV),
        (b"1,nan,3", CSV),
        (b"1e39,1,1", CSV),
        (b"", CSV),
        (b" \n", CSV),
        (b"", JSON),
        (b"{", JSON),
        (b"[" * 100_000, JSON),
        (b'{"instances": []}', JSON),
        (b'{"instances": [{"features": ["a", "b", "c"]}]}', JSON),
        (as_json(X[:, :1]), JSON),
        (b"", LINES),
        (b"{}\n{}", LINES),
        (b"", RECORDIO),
        (b"garbage", RECORDIO),
        (as_records(X)[:-3], RECORDIO),
        (as_records(X[:, :1]), RECORDIO),
    ],
)
def test_payloads_that_cannot_be_evaluated(account, once, endpoint, body, content_type):
    response = model_error(once.invoke_endpoint, EndpointName=endpoint, Body=body, ContentType=content_type)
    assert response["OriginalStatusCode"] == 400
    assert response["OriginalMessage"] == "unable to evaluate payload provided"
    link = (
        "https://us-east-1.console.aws.amazon.com/cloudwatch/home?region=us-east-1#logEventViewer:"
        f"group=/aws/sagemaker/Endpoints/{endpoint}"
    )
    assert response["Error"]["Message"] == (
        'Received client error (400) from primary with message "unable to evaluate payload provided". '
        f"See {link} in account {account.account.account_id} for more information."
    )
    group = f"arn:aws:logs:us-east-1:{account.account.account_id}:log-group:/aws/sagemaker/Endpoints/{endpoint}"
    assert response["LogStreamArn"].startswith(f"{group}:log-stream:variant-0/i-")


@pytest.mark.parametrize("given", [{"ContentType": "image/png"}, {}])
def test_formats_that_the_model_does_not_know(once, endpoint, given):
    response = model_error(once.invoke_endpoint, EndpointName=endpoint, Body=as_csv(X), **given)
    assert (response["OriginalStatusCode"] == 415 and "image/png" in response["OriginalMessage"]) or not given


def test_what_the_runtime_refuses(account, once, endpoint):
    assert refusal(once.invoke_endpoint, EndpointName="no-such-endpoint", Body=b"1") == (
        "ValidationError",
        f"Endpoint no-such-endpoint of account {account.account.account_id} not found.",
    )
    code, message = refusal(once.invoke_endpoint, EndpointName=endpoint, Body=b"1", TargetVariant="other")
    assert code == "ValidationError" and "other" in message
    for header in ("TargetModel", "TargetContainerHostname", "InferenceComponentName", "EnableExplanations"):
        code, message = refusal(once.invoke_endpoint, EndpointName=endpoint, Body=b"1", **{header: "x"})
        assert code == "ValidationException" and "not implemented" in message


def test_the_log_of_an_endpoint(once, endpoint):
    model_error(once.invoke_endpoint, EndpointName=endpoint, Body=as_csv(X[:1, :2]), ContentType=CSV)
    logs = boto3.client("logs")
    group = f"/aws/sagemaker/Endpoints/{endpoint}"
    (stream,) = logs.describe_log_streams(logGroupName=group)["logStreams"]
    lines = [event["message"] for event in logs.filter_log_events(logGroupName=group)["events"]]
    assert stream["logStreamName"].startswith("variant-0/i-")
    assert lines[:2] == ["loading model...", "...model loaded."]
    assert "feature dimension of the input: 2 does not match the feature dimension of the model: 3" in lines[-1]


# Descriptions and lists


def test_descriptions(account, sagemaker, hosts, artifact):
    tags = [{"Key": "owner", "Value": "tests"}]
    model = hosts.model(artifact, Tags=tags)
    config = hosts.config(model, Tags=tags)
    made = sagemaker.create_endpoint(EndpointName=name("E"), EndpointConfigName=config, Tags=tags)
    arn = made["EndpointArn"]
    endpoint = next(
        each["EndpointName"] for each in sagemaker.list_endpoints()["Endpoints"] if each["EndpointArn"] == arn
    )
    hosts.endpoints.append(endpoint)
    hosts.ready(endpoint)
    body = checked(sagemaker, "DescribeEndpoint", EndpointName=endpoint)
    assert (body["EndpointArn"], body["EndpointStatus"]) == (arn, "InService")
    assert body["EndpointConfigName"] == config and body["CreationTime"] <= body["LastModifiedTime"]
    (production,) = body["ProductionVariants"]
    assert production["DeployedImages"][0]["SpecifiedImage"] == IMAGE
    assert (production["CurrentInstanceCount"], production["CurrentWeight"]) == (1, 1.0)
    body = checked(sagemaker, "DescribeEndpointConfig", EndpointConfigName=config)
    assert body["ProductionVariants"] == [variant(model, "variant-0", InitialVariantWeight=1.0)]
    body = checked(sagemaker, "DescribeModel", ModelName=model)
    assert body["PrimaryContainer"] == {"Image": IMAGE, "ModelDataUrl": artifact, "Mode": "SingleModel"}
    assert body["ExecutionRoleArn"] == account.account.role_arn and body["EnableNetworkIsolation"] is False
    described = sagemaker.describe_endpoint_config(EndpointConfigName=config)
    for each in (arn, body["ModelArn"], described["EndpointConfigArn"]):
        assert sagemaker.list_tags(ResourceArn=each)["Tags"] == tags
    sagemaker.delete_endpoint(EndpointName=endpoint)
    assert "Could not find resource" in refusal(sagemaker.list_tags, ResourceArn=arn)[1]


@pytest.mark.parametrize("kind", ["Model", "EndpointConfig"])
def test_lists(sagemaker, hosts, artifact, kind):
    names = [hosts.model(artifact) for _ in range(12)]
    if kind == "EndpointConfig":
        names = [hosts.config(model) for model in names]
    first = checked(sagemaker, f"List{kind}s")
    assert len(first[f"{kind}s"]) == 10 and first["NextToken"]
    paginator = sagemaker.get_paginator({"Model": "list_models", "EndpointConfig": "list_endpoint_configs"}[kind])

    def listed(**filters):
        pages = paginator.paginate(PaginationConfig={"PageSize": 5}, **filters)
        return [each[f"{kind}Name"] for page in pages for each in page[f"{kind}s"]]

    assert listed()[:12] == names[::-1]  # the newest first, unless asked
    assert listed(SortOrder="Ascending")[-12:] == names
    assert [each for each in listed(SortBy="Name", SortOrder="Ascending") if each in names] == sorted(names)
    assert listed(NameContains=names[3]) == [names[3]]
    # AWS counts MaxResults before it filters models; of configurations nothing is known.
    call = sagemaker.list_models if kind == "Model" else sagemaker.list_endpoint_configs
    first = checked(sagemaker, f"List{kind}s", NameContains=names[3], MaxResults=1)
    assert len(first[f"{kind}s"]) == (kind != "Model") and ("NextToken" in first) == (kind == "Model")
    assert call(NameContains=names[-1], MaxResults=1)[f"{kind}s"][0][f"{kind}Name"] == names[-1]


def test_the_list_of_endpoints(sagemaker, endpoint):
    listed = checked(sagemaker, "ListEndpoints", NameContains=endpoint, StatusEquals="InService")["Endpoints"]
    body = sagemaker.describe_endpoint(EndpointName=endpoint)
    assert listed == [{member: body[member] for member in listed[0]}] and listed[0]["EndpointName"] == endpoint
    assert sagemaker.list_endpoints(NameContains=endpoint, StatusEquals="Failed")["Endpoints"] == []


def test_the_list_of_endpoints_is_counted_before_it_is_filtered(sagemaker, hosts, artifact, endpoint):
    """Public records show it: a page may be empty, and lead to more."""
    newer = hosts.create(hosts.config(hosts.model(artifact)))
    found = checked(sagemaker, "ListEndpoints", NameContains=endpoint, MaxResults=1)
    assert found["Endpoints"] == [] and found["NextToken"]
    (one,) = sagemaker.list_endpoints(NameContains=newer, MaxResults=1)["Endpoints"]
    assert one["EndpointName"] == newer
    pages = sagemaker.get_paginator("list_endpoints").paginate(NameContains=endpoint, PaginationConfig={"PageSize": 1})
    assert [each["EndpointName"] for page in pages for each in page["Endpoints"]] == [endpoint]


# Data capture


def capture(**members) -> dict:
    options = [{"CaptureMode": "Input"}, {"CaptureMode": "Output"}]
    return {
        "InitialSamplingPercentage": 20,
        "DestinationS3Uri": "s3://somewhere/captured",
        "CaptureOptions": options,
    } | members


def test_data_capture_that_is_switched_off(sagemaker, hosts, artifact):
    """It is taken and shown, by the configuration and the endpoint; an update takes what the new one has."""
    off = capture(EnableCapture=False)
    model = hosts.model(artifact)
    with_it, without = hosts.config(model, DataCaptureConfig=off), hosts.config(model)
    assert checked(sagemaker, "DescribeEndpointConfig", EndpointConfigName=with_it)["DataCaptureConfig"] == off
    endpoint = hosts.create(with_it)
    hosts.ready(endpoint)

    def shown() -> dict | None:
        body = wait_until(
            lambda: checked(sagemaker, "DescribeEndpoint", EndpointName=endpoint),
            lambda body: body["EndpointStatus"] == "InService",
            endpoint,
        )
        return body.get("DataCaptureConfig")

    stopped = {
        "EnableCapture": False, "CaptureStatus": "Stopped", "CurrentSamplingPercentage": 20,
        "DestinationS3Uri": "s3://somewhere/captured", "KmsKeyId": "",
    }  # fmt: skip
    assert shown() == stopped
    sagemaker.update_endpoint(EndpointName=endpoint, EndpointConfigName=without, RetainAllVariantProperties=True)
    assert shown() == stopped
    excluded = [{"VariantPropertyType": "DataCaptureConfig"}]
    sagemaker.update_endpoint(
        EndpointName=endpoint, EndpointConfigName=without, RetainAllVariantProperties=True,
        ExcludeRetainedVariantProperties=excluded,
    )  # fmt: skip
    assert shown() is None
    sagemaker.update_endpoint(EndpointName=endpoint, EndpointConfigName=with_it)
    assert shown() == stopped


def test_data_capture_that_is_switched_on(sagemaker, hosts, artifact):
    """Nothing would be captured: it is refused. It is on where nothing is said of it."""
    model = hosts.model(artifact)
    params = {"EndpointConfigName": name("captures"), "ProductionVariants": [variant(model)]}
    for on in (capture(EnableCapture=True), capture()):
        code, message = refusal(sagemaker.create_endpoint_config, **params, DataCaptureConfig=on)
        assert (
            code == "ValidationException" and "CreateEndpointConfig's DataCaptureConfig with EnableCapture" in message
        )


# Names


def test_names_that_are_taken(account, sagemaker, hosts, endpoint, artifact):
    body = sagemaker.describe_endpoint(EndpointName=endpoint)
    config = sagemaker.describe_endpoint_config(EndpointConfigName=body["EndpointConfigName"])
    model = sagemaker.describe_model(ModelName=config["ProductionVariants"][0]["ModelName"])
    again = {"EndpointConfigName": config["EndpointConfigName"]}
    container = {"Image": IMAGE, "ModelDataUrl": artifact}
    for call, params, kind, arn in (
        (sagemaker.create_endpoint, again | {"EndpointName": endpoint}, "endpoint", body["EndpointArn"]),
        (
            sagemaker.create_endpoint_config,
            again | {"ProductionVariants": config["ProductionVariants"]},
            "endpoint configuration",
            config["EndpointConfigArn"],
        ),
        (
            sagemaker.create_model,
            {
                "ModelName": model["ModelName"].upper(),
                "ExecutionRoleArn": account.account.role_arn,
                "PrimaryContainer": container,
            },
            "model",
            model["ModelArn"],
        ),
    ):
        sentence = f'Cannot create already existing {kind} "{arn}".'
        assert refusal(call, **params) == ("ValidationException", sentence)


def test_names_that_are_unknown(account, sagemaker):
    base = f"arn:aws:sagemaker:us-east-1:{account.account.account_id}"
    for member, path, noun, operations in (
        ("ModelName", "model", "model", ("describe_model", "delete_model")),
        (
            "EndpointConfigName",
            "endpoint-config",
            "endpoint configuration",
            ("describe_endpoint_config", "delete_endpoint_config"),
        ),
        ("EndpointName", "endpoint", "endpoint", ("describe_endpoint", "delete_endpoint")),
    ):
        sentence = f'Could not find {noun} "{base}:{path}/not-there".'
        for operation in operations:
            found = refusal(getattr(sagemaker, operation), **{member: "Not-There"})
            assert found == ("ValidationException", sentence)
    params = {"EndpointName": "x", "EndpointConfigName": "not-there"}
    assert "Could not find endpoint configuration" in refusal(sagemaker.create_endpoint, **params)[1]
    params = {"EndpointConfigName": "x", "ProductionVariants": [variant("not-there")]}
    assert f'Could not find model "{base}:model/not-there".' == refusal(sagemaker.create_endpoint_config, **params)[1]


# Requests that are refused


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"PrimaryContainer": {"Image": IMAGE, "ModelDataUrl": "s3://a-bucket-for-tests/no/model.tar.gz"}},
         "Could not find model data at s3://a-bucket-for-tests/no/model.tar.gz."),
        ({"PrimaryContainer": {"Image": IMAGE, "ModelDataUrl": "s3://no-such-bucket-at-all/m.tar.gz"}},
         "Could not find model data at s3://no-such-bucket-at-all/m.tar.gz."),
        ({"PrimaryContainer": {"Image": IMAGE, "ModelDataUrl": "https://example.com/m"}}, "https://example.com/m"),
        ({"PrimaryContainer": {"Image": "mine:latest"}}, "mine:latest"),
        ({"PrimaryContainer": {"ContainerHostname": "a"}}, "Image is required"),
        ({"PrimaryContainer": {"Image": IMAGE, "Mode": "MultiModel"}}, "multi-model"),
        ({"PrimaryContainer": {"Image": IMAGE, "ModelPackageName": "p"}}, "ModelPackageName"),
        ({"Containers": [{"Image": IMAGE}] * 16}, "less than or equal to 15"),
        ({"Containers": [{"Image": IMAGE}, {"Image": "mine:latest"}]}, "mine:latest"),
        ({"Containers": [{"Image": IMAGE}] * 2, "InferenceExecutionConfig": {"Mode": "Direct"}}, "directly"),
        ({"Containers": [{"Image": IMAGE, "ContainerHostname": "a"}] * 2}, "must differ"),
        ({}, "PrimaryContainer or Containers"),
        ({"PrimaryContainer": {"Image": IMAGE}, "VpcConfig": {"SecurityGroupIds": ["s"], "Subnets": ["s"]}},
         "VpcConfig"),
    ],
)  # fmt: skip
def test_models_that_cannot_be(account, sagemaker, bucket, change, words):
    params = {"ModelName": name("no"), "ExecutionRoleArn": account.account.role_arn} | change
    code, message = refusal(sagemaker.create_model, **params)
    assert code == "ValidationException" and words in message
    assert refusal(sagemaker.describe_model, ModelName=params["ModelName"])[1].startswith("Could not find model")


def test_a_model_needs_a_role_of_this_account(sagemaker):
    params = {"ModelName": name("no"), "PrimaryContainer": {"Image": IMAGE}}
    assert "ExecutionRoleArn" in refusal(sagemaker.create_model, **params)[1]
    theirs = "arn:aws:iam::123456789012:role/Theirs"
    assert "Cross-account" in refusal(sagemaker.create_model, **params, ExecutionRoleArn=theirs)[1]


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"ServerlessConfig": {"MemorySizeInMB": 2048, "MaxConcurrency": 1}}, "ServerlessConfig"),
        ({"InstanceType": None}, "InstanceType"),
        ({"InitialInstanceCount": None}, "InitialInstanceCount"),
        ({"InstanceType": "local"}, "instanceType"),
    ],
)
def test_variants_that_cannot_be(sagemaker, hosts, artifact, change, words):
    each = variant(hosts.model(artifact)) | change
    each = {member: value for member, value in each.items() if value is not None}
    params = {"EndpointConfigName": name("no"), "ProductionVariants": [each]}
    code, message = refusal(sagemaker.create_endpoint_config, **params)
    assert code == "ValidationException" and words in message


def test_configurations_that_cannot_be(sagemaker, hosts, artifact):
    model = hosts.model(artifact)
    params = {"EndpointConfigName": name("no"), "ProductionVariants": [variant(model), variant(model)]}
    assert "unique" in refusal(sagemaker.create_endpoint_config, **params)[1]
    params["ProductionVariants"] = [variant(model)]
    output = {"OutputConfig": {"S3OutputPath": "s3://a/b"}}
    assert "AsyncInferenceConfig" in refusal(sagemaker.create_endpoint_config, **params, AsyncInferenceConfig=output)[1]


# Artifacts


def packed(*files: tuple[str, bytes], kind: bytes = tarfile.REGTYPE, mode: str = "w:gz") -> bytes:
    body = io.BytesIO()
    with tarfile.open(fileobj=body, mode=mode) as archive:
        for path, content in files:
            member = tarfile.TarInfo(path)
            member.type, member.size = kind, len(content) if kind == tarfile.REGTYPE else 0
            member.linkname = content.decode() if kind != tarfile.REGTYPE else ""
            archive.addfile(member, io.BytesIO(content))
    return body.getvalue()


WHOLE = packed(("model_algo-1", bytes(range(256)) * 40))
NO_ARCHIVE = {
    "no tar": b"this is no archive",
    "empty": b"",
    "cut": WHOLE[: len(WHOLE) // 2],
    "cut tar": packed(("model_algo-1", bytes(5000)), mode="w")[:3000],
    "outside": packed(("model_algo-1", b"m"), ("../../outside", b"x")),
    "absolute link": packed(("outside", b"/etc/passwd"), kind=tarfile.SYMTYPE),
    "link outside": packed(("outside", b"../../../account.json"), kind=tarfile.SYMTYPE),
    "device": packed(("outside", b""), kind=tarfile.CHRTYPE),
    "zip": b"PK\x03\x04" + bytes(100),
    "bad gzip": b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\x03" + b"\xff" * 200,
}
NO_MODEL = {
    "no model": packed(("something-else", b"x")),
    "nothing": packed(),
    "no zip": packed(("model_algo-1", b"no zip")),
    "a folder": packed(("model_algo-1", b""), kind=tarfile.DIRTYPE),
}


@pytest.mark.parametrize("what", [*NO_ARCHIVE, *NO_MODEL])
def test_artifacts_that_cannot_be_served(account, sagemaker, once, hosts, s3, bucket, what):
    key = f"artifacts/{what}/model.tar.gz"
    s3.put_object(Bucket=bucket, Key=key, Body=(NO_ARCHIVE | NO_MODEL)[what])
    config = hosts.config(hosts.model(f"s3://{bucket}/{key}"))
    endpoint = hosts.create(config)
    with pytest.raises(WaiterError, match="terminal failure"):
        sagemaker.get_waiter("endpoint_in_service").wait(EndpointName=endpoint, WaiterConfig={"Delay": 0.05})
    body = checked(sagemaker, "DescribeEndpoint", EndpointName=endpoint)
    assert body["EndpointStatus"] == "Failed"
    if what in NO_ARCHIVE:
        assert body["FailureReason"] == (
            f'Failed to extract model data archive from URL "s3://{bucket}/{key}". Please ensure that the object '
            "located at the URL is a valid tar.gz archive."
        )
    else:
        assert body["FailureReason"] == (
            "The primary container for production variant variant-0 did not pass the ping health check. "
            "Please check CloudWatch logs for this endpoint."
        )
        events = boto3.client("logs").filter_log_events(logGroupName=f"/aws/sagemaker/Endpoints/{endpoint}")
        log = "\n".join(event["message"] for event in events["events"])
        assert "The model cannot be loaded: " in log and "model_algo-1" in log and str(account.folder) not in log
    assert not list(account.folder.rglob("outside"))
    code, message = refusal(once.invoke_endpoint, EndpointName=endpoint, Body=b"1", ContentType=CSV)
    assert code == "ValidationError" and "Failed" in message
    sagemaker.delete_endpoint(EndpointName=endpoint)


def test_a_plain_tar_is_served_too(hosts, s3, bucket, artifact):
    key = artifact.removeprefix(f"s3://{bucket}/")
    body = s3.get_object(Bucket=bucket, Key=key)["Body"].read()
    with tarfile.open(fileobj=io.BytesIO(body)) as archive:
        model = archive.extractfile("model_algo-1").read()
    s3.put_object(Bucket=bucket, Key="artifacts/plain", Body=packed(("model_algo-1", model), mode="w"))
    endpoint = hosts.create(hosts.config(hosts.model(f"s3://{bucket}/artifacts/plain")))
    assert hosts.ready(endpoint)["EndpointStatus"] == "InService"


# Lives


def test_an_endpoint_outlives_what_it_was_made_of(sagemaker, runtime, once, hosts, s3, bucket, artifact):
    """As on AWS: deleting model, configuration and artifact does not touch an endpoint in service."""
    body = s3.get_object(Bucket=bucket, Key=artifact.removeprefix(f"s3://{bucket}/"))["Body"].read()
    s3.put_object(Bucket=bucket, Key="artifacts/short-lived", Body=body)
    model = hosts.model(f"s3://{bucket}/artifacts/short-lived")
    config = hosts.config(model)
    endpoint = hosts.create(config)
    hosts.ready(endpoint)
    sagemaker.delete_model(ModelName=model)
    sagemaker.delete_endpoint_config(EndpointConfigName=config)
    s3.delete_object(Bucket=bucket, Key="artifacts/short-lived")
    assert runtime.invoke_endpoint(EndpointName=endpoint, Body=as_csv(X[:1]), ContentType=CSV)["ContentType"] == JSON
    sagemaker.delete_endpoint(EndpointName=endpoint)
    sagemaker.get_waiter("endpoint_deleted").wait(EndpointName=endpoint, WaiterConfig={"Delay": 0.05})
    assert "not found" in refusal(once.invoke_endpoint, EndpointName=endpoint, Body=b"1")[1]
    for operation, params in (
        ("describe_model", {"ModelName": model}),
        ("describe_endpoint_config", {"EndpointConfigName": config}),
        ("describe_endpoint", {"EndpointName": endpoint}),
        ("delete_endpoint", {"EndpointName": endpoint}),
    ):
        assert refusal(getattr(sagemaker, operation), **params)[1].startswith("Could not find ")


def test_a_configuration_whose_model_is_gone(sagemaker, hosts, artifact):
    model = hosts.model(artifact)
    config = hosts.config(model)
    sagemaker.delete_model(ModelName=model)
    body = hosts.ready(hosts.create(config))
    assert body["EndpointStatus"] == "Failed" and model in body["FailureReason"]


def test_a_name_is_free_again(sagemaker, runtime, hosts, endpoint, artifact, s3, bucket):
    """And serves the model of the new endpoint."""
    place = f"s3://{bucket}/artifacts/no-model"
    s3.put_object(Bucket=bucket, Key="artifacts/no-model", Body=NO_MODEL["no model"])
    again = hosts.create(hosts.config(hosts.model(place)))
    assert hosts.ready(again)["EndpointStatus"] == "Failed"
    sagemaker.delete_endpoint(EndpointName=again)
    hosts.create(hosts.config(hosts.model(artifact)), again)
    body = hosts.ready(again)
    assert body["EndpointStatus"] == "InService" and "FailureReason" not in body
    runtime.invoke_endpoint(EndpointName=again, Body=as_csv(X), ContentType=CSV)


def test_two_variants_share_the_requests(sagemaker, runtime, hosts, artifact):
    model = hosts.model(artifact)
    config = name("Config")
    variants = [
        variant(model, "often", InitialVariantWeight=3.0),
        variant(model, "rarely", InitialVariantWeight=1.0),
        variant(model, "never", InitialVariantWeight=0.0),
    ]
    sagemaker.create_endpoint_config(EndpointConfigName=config, ProductionVariants=variants)
    endpoint = hosts.create(config)
    described = hosts.ready(endpoint)["ProductionVariants"]
    assert [each["CurrentWeight"] for each in described] == [3.0, 1.0, 0.0]

    def answering(**target) -> str:
        answer = runtime.invoke_endpoint(EndpointName=endpoint, Body=as_csv(X[:1]), ContentType=CSV, **target)
        return answer["InvokedProductionVariant"]

    for wanted in ("often", "rarely", "never"):
        assert answering(TargetVariant=wanted) == wanted
    found = [answering() for _ in range(200)]
    # 150 are expected, with a standard deviation of 6: outside of 8 of these it is no chance.
    assert 100 < found.count("often") < 200 and found.count("never") == 0
    group = f"/aws/sagemaker/Endpoints/{endpoint}"
    streams = boto3.client("logs").describe_log_streams(logGroupName=group)["logStreams"]
    assert {stream["logStreamName"].partition("/")[0] for stream in streams} == {"often", "rarely", "never"}


def test_the_whole_of_a_refused_deployment(sagemaker, hosts, artifact):
    config = hosts.config(hosts.model(artifact))
    policy = {
        "BlueGreenUpdatePolicy": {"TrafficRoutingConfiguration": {"Type": "ALL_AT_ONCE", "WaitIntervalInSeconds": 0}}
    }
    params = {"EndpointName": "no", "EndpointConfigName": config, "DeploymentConfig": policy}
    assert "DeploymentConfig" in refusal(sagemaker.create_endpoint, **params)[1]
