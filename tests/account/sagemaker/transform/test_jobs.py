"""Batch transform: what comes out is what the endpoint answers, joined and filtered; bad objects fail alone."""

from __future__ import annotations

import gzip
import io
import json
import re
import tarfile

import boto3
import numpy as np
import pytest
import xgboost
from sagemaker.amazon.common import write_numpy_to_dense_tensor

from support.account import Place
from support.training import (
    IMAGE,
    QUICK,
    channel,
    checked,
    coefficients,
    csv,
    definition,
    ended,
    linear_functions,
    name,
    refusal,
    table,
    wait_until,
)
from support.transform import finished, logged, outputs, said, transform_definition
from support.xgboost import IMAGE as XGBOOST

X, Y = table(12, 3)
ROWS = [",".join(f"{value:.9g}" for value in row) for row in X]


@pytest.fixture(scope="module")
def trained(account, sagemaker, s3, bucket):
    """The description of a training job, its artifact in S3."""
    s3.put_object(Bucket=bucket, Key="transform/train.csv", Body=csv(X, Y))
    job = name("for-transform")
    uri = f"s3://{bucket}/transform/train.csv"
    sagemaker.create_training_job(**definition(account, job, channel(uri), bucket=bucket))
    return ended(sagemaker, job)


@pytest.fixture(scope="module")
def model(account, sagemaker, trained):
    """The name of a model of it."""
    model = name("for-transform")
    url = trained["ModelArtifacts"]["S3ModelArtifacts"]
    container = {"Image": IMAGE, "ModelDataUrl": url}
    sagemaker.create_model(ModelName=model, ExecutionRoleArn=account.account.role_arn, PrimaryContainer=container)
    return model


@pytest.fixture(scope="module")
def booster() -> xgboost.Booster:
    return xgboost.train({"nthread": 1}, xgboost.DMatrix(X, label=Y), 3)


@pytest.fixture(scope="module")
def csv_model(account, sagemaker, s3, bucket, booster, tmp_path_factory) -> str:
    """The name of a model that answers in CSV."""
    folder, model = tmp_path_factory.mktemp("booster"), name("answers-csv")
    booster.save_model(folder / "model.ubj")
    with tarfile.open(folder / "model.tar.gz", "w:gz") as archive:
        archive.add(folder / "model.ubj", "xgboost-model")
    s3.upload_file(str(folder / "model.tar.gz"), bucket, f"{model}/model.tar.gz")
    container = {"Image": XGBOOST, "ModelDataUrl": f"s3://{bucket}/{model}/model.tar.gz"}
    sagemaker.create_model(ModelName=model, ExecutionRoleArn=account.account.role_arn, PrimaryContainer=container)
    return model


@pytest.fixture(scope="module")
def csv_scores(booster) -> list[float]:
    """What it says of X."""
    return booster.predict(xgboost.DMatrix(X)).tolist()


@pytest.fixture(scope="module")
def scores(s3, trained):
    """What the model says of X, by NumPy."""
    weights, bias = coefficients(s3, trained["ModelArtifacts"]["S3ModelArtifacts"])
    return X.astype(float) @ weights.astype(float) + float(bias)


@pytest.fixture
def put(s3, bucket):
    """Put objects below a prefix of their own; its URI."""

    def put(**objects: bytes | str) -> str:
        prefix = name("transform/in")
        for key, body in objects.items():
            body = body.encode() if isinstance(body, str) else body
            s3.put_object(Bucket=bucket, Key=f"{prefix}/{key.replace('__', '.')}", Body=body)
        return f"s3://{bucket}/{prefix}/"

    return put


@pytest.fixture
def run(sagemaker, s3, bucket, model):
    """Run a job to its end: its description, and its output objects by their names below the output path."""

    def run(uri: str, **members):
        params = transform_definition(members.pop("model", model), uri, bucket, **members)
        sagemaker.create_transform_job(**params)
        body = finished(sagemaker, params["TransformJobName"])
        return body, outputs(s3, params["TransformOutput"]["S3OutputPath"])

    return run


def values(text: str) -> list[float]:
    return [json.loads(line)["score"] for line in text.splitlines()]


# What comes out


def test_every_line_has_its_score_in_order(run, put, scores):
    body, found = run(put(a__csv="\n".join(ROWS[:5]) + "\n", b__csv="\r\n".join(ROWS[5:])))
    assert body["TransformJobStatus"] == "Completed" and "FailureReason" not in body
    assert list(found) == ["a.csv.out", "b.csv.out"]
    assert all(re.fullmatch(r'\{"score":-?\d+\.\d+\}', line) for line in found["a.csv.out"].splitlines())
    np.testing.assert_allclose(values(found["a.csv.out"] + found["b.csv.out"]), scores, rtol=3e-7)


def test_a_classifier_s_answers_begin_with_the_label(account, sagemaker, s3, bucket, run, put):
    y = (X[:, 0] > np.median(X[:, 0])).astype(np.float32)
    s3.put_object(Bucket=bucket, Key="transform/binary.csv", Body=csv(X, y))
    job = name("binary")
    source = channel(f"s3://{bucket}/transform/binary.csv")
    settings = QUICK | {"predictor_type": "binary_classifier", "epochs": "20", "learning_rate": "0.1"}
    sagemaker.create_training_job(**definition(account, job, source, bucket=bucket, hyperparameters=settings))
    url = ended(sagemaker, job)["ModelArtifacts"]["S3ModelArtifacts"]
    container = {"Image": IMAGE, "ModelDataUrl": url}
    sagemaker.create_model(ModelName=job, ExecutionRoleArn=account.account.role_arn, PrimaryContainer=container)
    weights, bias, additional = linear_functions(s3, url)
    expected = 1 / (1 + np.exp(-(X.astype(float) @ weights[:, 0].astype(float) + float(bias[0]))))
    assert 0 < (expected >= additional["threshold"]).sum() < len(X)

    text = run(put(a__csv="\n".join(ROWS)), model=job)[1]["a.csv.out"]
    found = [re.fullmatch(r'\{"predicted_label":([01]),"score":([^ ,}]+)\}', line) for line in text.splitlines()]
    np.testing.assert_allclose([float(each[2]) for each in found], expected, rtol=1e-6)
    assert [int(each[1]) for each in found] == (expected >= additional["threshold"]).astype(int).tolist()


def test_the_scores_are_the_endpoint_s(account, sagemaker, runtime, run, put, model):
    endpoint = name("beside-transform")
    variant = {"VariantName": "v", "ModelName": model, "InstanceType": "ml.m5.large", "InitialInstanceCount": 1}
    sagemaker.create_endpoint_config(EndpointConfigName=endpoint, ProductionVariants=[variant])
    sagemaker.create_endpoint(EndpointName=endpoint, EndpointConfigName=endpoint)
    try:
        wait_until(
            lambda: sagemaker.describe_endpoint(EndpointName=endpoint)["EndpointStatus"], "InService".__eq__, endpoint
        )
        answer = runtime.invoke_endpoint(EndpointName=endpoint, ContentType="text/csv", Body="\n".join(ROWS))
        expected = [each["score"] for each in json.loads(answer["Body"].read())["predictions"]]
    finally:
        sagemaker.delete_endpoint(EndpointName=endpoint)
        sagemaker.delete_endpoint_config(EndpointConfigName=endpoint)
    found = values(run(put(x="\n".join(ROWS)))[1]["x.out"])
    np.testing.assert_allclose(found, expected, rtol=1e-14)  # 15 digits of each


@pytest.mark.parametrize("strategy", [None, "SingleRecord", "MultiRecord"])
@pytest.mark.parametrize("assemble", [None, "None", "Line"])
@pytest.mark.parametrize("accept", ["application/jsonlines", None])
def test_strategies_give_the_same(run, put, scores, strategy, assemble, accept):
    members = {"BatchStrategy": strategy} if strategy else {}
    output = ({"AssembleWith": assemble} if assemble else {}) | ({"Accept": accept} if accept else {})
    found = run(put(x="\n".join(ROWS)), output=output, **members)[1]["x.out"]
    np.testing.assert_allclose(values(found), scores, rtol=3e-7)


@pytest.mark.parametrize("accept", ["application/json", "text/csv", "Text/CSV; x=1"])
def test_json_is_one_document_per_request(run, put, accept):
    """Linear Learner has no CSV: who asks a batch for it gets JSON."""
    uri = put(x="\n".join(ROWS[:3]))
    for strategy, assemble, documents in (("MultiRecord", "None", 1), ("SingleRecord", "Line", 3)):
        output = {"Accept": accept, "AssembleWith": assemble}
        found = run(uri, output=output, BatchStrategy=strategy)[1]["x.out"]
        assert [len(json.loads(line)["predictions"]) for line in found.splitlines()] == [3 // documents] * documents


@pytest.mark.parametrize("how", ["RecordIO", "None"])
def test_records_of_protobuf(run, put, scores, how):
    packed = io.BytesIO()
    write_numpy_to_dense_tensor(packed, X)
    for strategy in ("SingleRecord", "MultiRecord"):
        source = {"ContentType": "application/x-recordio-protobuf", "SplitType": how}
        found = run(put(x=packed.getvalue()), source=source, BatchStrategy=strategy)[1]["x.out"]
        np.testing.assert_allclose(values(found), scores, rtol=3e-7)


def test_compressed_objects(run, put, scores):
    found = run(put(x__gz=gzip.compress("\n".join(ROWS).encode())), source={"CompressionType": "Gzip"})[1]
    np.testing.assert_allclose(values(found["x.gz.out"]), scores, rtol=3e-7)


def test_names_below_the_prefix(run, s3, bucket):
    for key in ("names/one.csv", "names/deep/er/two.csv", "names/"):
        s3.put_object(Bucket=bucket, Key=key, Body=ROWS[0].encode() if key[-1] != "/" else b"")
    assert set(run(f"s3://{bucket}/names/")[1]) == {"one.csv.out", "deep/er/two.csv.out"}
    assert set(run(f"s3://{bucket}/names")[1]) == {"one.csv.out", "deep/er/two.csv.out"}
    assert set(run(f"s3://{bucket}/names/on")[1]) == {"one.csv.out"}
    assert set(run(f"s3://{bucket}/names/one.csv")[1]) == {"one.csv.out"}
    manifest = [{"prefix": f"s3://{bucket}/names/"}, "deep/er/two.csv"]
    s3.put_object(Bucket=bucket, Key="names.manifest", Body=json.dumps(manifest))
    assert set(run(f"s3://{bucket}/names.manifest", kind="ManifestFile")[1]) == {"deep/er/two.csv.out"}


def test_payloads_hold_what_was_allowed(run, put, scores):
    lines = ROWS * 20_000  # more than a megabyte
    body, found = run(put(x="\n".join(lines)), MaxPayloadInMB=1)
    assert len("\n".join(lines)) > 2**21 and body["MaxPayloadInMB"] == 1
    np.testing.assert_allclose(values(found["x.out"]), np.tile(scores, 20_000), rtol=3e-7)
    answers = run(put(x="\n".join(lines)), MaxPayloadInMB=1, output={"Accept": "application/json"})[1]["x.out"]
    requests = answers.count('{"predictions"')
    assert requests == -(-len("\n".join(lines)) // 2**20)  # as few as hold it


def test_an_empty_object(run, put):
    body, found = run(put(x=""))
    assert body["TransformJobStatus"] == "Completed" and found == {"x.out": ""}


# Join and filters


def test_rows_joined(run, put, csv_model, csv_scores):
    rows = [f"id-{number},{row},more" for number, row in enumerate(ROWS)]
    processing = {"InputFilter": "$[1:4]", "JoinSource": "Input", "OutputFilter": "$[0,-1]"}
    members = {"output": {"Accept": "text/csv", "AssembleWith": "Line"}, "model": csv_model}
    found = run(put(x="\n".join(rows)), DataProcessing=processing, **members)[1]["x.out"]
    names, got = zip(*(line.split(",") for line in found.splitlines()), strict=True)
    assert list(names) == [f"id-{number}" for number in range(12)]
    assert list(map(float, got)) == csv_scores
    whole = run(put(x="\n".join(rows)), DataProcessing=processing | {"OutputFilter": "$"}, **members)[1]["x.out"]
    assert [line.rpartition(",")[0] for line in whole.splitlines()] == rows


def test_quoted_fields_survive(run, put, csv_model):
    processing = {"InputFilter": "$[1:]", "JoinSource": "Input", "OutputFilter": "$[0]"}
    found = run(put(x=f'"a ""b"", c",{ROWS[0]}\nplain,{ROWS[1]}\n'), model=csv_model, DataProcessing=processing)
    assert found[1]["x.out"] == '"a ""b"", c"\nplain\n'


@pytest.mark.parametrize("strategy", ["SingleRecord", "MultiRecord"])
def test_documents_joined(run, put, scores, strategy):
    lines = [json.dumps({"id": number, "features": row.tolist()}) for number, row in enumerate(X)]
    options = {
        "source": {"ContentType": "application/jsonlines"},
        "output": {"Accept": "application/jsonlines", "AssembleWith": "Line"},
        "BatchStrategy": strategy,
    }
    found = run(put(x="\n".join(lines)), DataProcessing={"JoinSource": "Input"}, **options)[1]["x.out"]
    joined = [json.loads(line) for line in found.splitlines()]
    assert [{"id": each["id"], "features": each["features"]} for each in joined] == [json.loads(line) for line in lines]
    np.testing.assert_allclose([each["SageMakerOutput"]["score"] for each in joined], scores, rtol=3e-7)
    processing = {"JoinSource": "Input", "OutputFilter": "$['id','SageMakerOutput']"}
    found = run(put(x="\n".join(lines)), DataProcessing=processing, **options)[1]["x.out"]
    assert found.splitlines()[3].startswith('{"id":3,"SageMakerOutput":{"score":')
    found = run(put(x="\n".join(lines)), DataProcessing={"OutputFilter": "$.score"}, **options)[1]["x.out"]
    np.testing.assert_allclose([float(line) for line in found.splitlines()], scores, rtol=3e-7)


def test_what_is_no_object_is_joined_under_a_name(run, put, scores):
    options = {"source": {"ContentType": "application/jsonlines"}, "output": {"Accept": "application/jsonlines"}}
    lines = [json.dumps([{"features": row.tolist()}, "more"]) for row in X]
    processing = {"InputFilter": "$[0]", "JoinSource": "Input"}
    found = run(put(x="\n".join(lines)), DataProcessing=processing, **options)[1]["x.out"]
    joined = [json.loads(line) for line in found.splitlines()]
    assert [each["SageMakerInput"] for each in joined] == [json.loads(line) for line in lines]
    np.testing.assert_allclose([each["SageMakerOutput"]["score"] for each in joined], scores, rtol=3e-7)


def test_text_survives(run, put):
    options = {"source": {"ContentType": "application/jsonlines"}, "output": {"Accept": "application/jsonlines"}}
    lines = [json.dumps({"features": X[0].tolist(), "who": who}) for who in ("Zoë", "\ud800")]
    processing = {"JoinSource": "Input", "OutputFilter": "$.who"}
    found = run(put(x="\n".join(lines)), DataProcessing=processing, **options)[1]["x.out"]
    assert found == '"Zoë"\n"\\ud800"\n'


def test_a_document_of_many_instances(run, put, scores):
    document = {"who": "me", "body": {"instances": [{"features": row} for row in X.tolist()]}}
    found = run(
        put(x=json.dumps(document, indent=1)),
        source={"ContentType": "application/json", "SplitType": "None"},
        output={"Accept": "application/json"},
        DataProcessing={
            "InputFilter": "$.body",
            "JoinSource": "Input",
            "OutputFilter": "$.SageMakerOutput.predictions[*].score",
        },
    )[1]["x.out"]
    np.testing.assert_allclose(json.loads(found), scores, rtol=3e-7)


# What fails


def failed(run, uri: str, **members) -> tuple[dict, dict[str, str], list[str]]:
    body, found = run(uri, **members)
    assert body["TransformJobStatus"] == "Failed"
    assert body["FailureReason"] == "ClientError: See job logs for more information"
    return body, found, said(body["TransformJobName"])[1:]


def test_a_bad_record_fails_its_object_alone(run, put, bucket, scores):
    uri = put(a__csv="\n".join(ROWS), b__csv="\n".join([*ROWS, "not,a,row", *ROWS]), c__csv="\n".join(ROWS))
    body, found, lines = failed(run, uri, BatchStrategy="SingleRecord")
    assert list(found) == ["a.csv.out", "c.csv.out"]
    np.testing.assert_allclose(values(found["c.csv.out"]), scores, rtol=3e-7)
    place = f"{uri.removeprefix('s3://')}b.csv: "
    assert lines == [
        place + line for line in ("ClientError: 400", "", "Message:", "unable to evaluate payload provided")
    ]
    assert "Customer Error: Unable to parse csv" in logged(body["TransformJobName"], data_log=False)[-1]


def test_too_few_columns(run, put):
    lines = failed(run, put(x="1,2\n"))[2]
    assert lines[-1].endswith("unable to evaluate payload provided")


def test_a_content_type_that_the_model_does_not_read(run, put):
    lines = failed(run, put(x="1,2,3\n"), source={"ContentType": "text/plain"})[2]
    assert lines[0].endswith("x: ClientError: 415")


@pytest.mark.parametrize("accept", ["application/json", "application/jsonlines", "text/csv", "image/png", None])
@pytest.mark.parametrize("processing", [{"JoinSource": "Input"}, {"OutputFilter": "$[0]"}])
def test_an_output_that_is_not_csv_cannot_be_joined_to_csv(run, put, accept, processing):
    members = {"output": {"Accept": accept} if accept else {}, "DataProcessing": processing}
    _, found, lines = failed(run, put(x="\n".join(ROWS)), **members)
    assert found == {} and 'x: Failed to parse output from the algorithm as CSV: bare " in non quoted' in lines[0]


def test_an_input_that_is_not_what_it_says(run, put):
    options = {"output": {"Accept": "text/csv"}, "DataProcessing": {"InputFilter": "$[1:]"}}
    assert "x: Failed to parse input as CSV: " in failed(run, put(x='1,a "quote",2\n'), **options)[2][0]
    assert "x: Failed to parse input as CSV: " in failed(run, put(x=b"\xff\xfe,1\n"), **options)[2][0]
    options["source"] = {"ContentType": "application/jsonlines"}
    for line in ("{", "[" * 100_000):
        assert "x: Failed to parse input as JSON: " in failed(run, put(x=line + "\n"), **options)[2][0]


def test_an_index_out_of_range(run, put, csv_model):
    options = {"model": csv_model, "DataProcessing": {"JoinSource": "Input", "OutputFilter": "$[0,4]"}}
    assert "x: The JSONPath '$[0,4]' has an index that is out of range." in failed(run, put(x=ROWS[0]), **options)[2][0]


def test_a_record_larger_than_a_payload(run, put):
    small = put(x="1," * 600_000)
    for source in ({}, {"SplitType": "None"}):
        lines = failed(run, small, source=source, MaxPayloadInMB=1)[2]
        assert lines[0].endswith("x: Too much data for max payload size")


def test_objects_that_are_not_what_they_should_be(run, put):
    for body in (b"no gzip", gzip.compress(b"1,2,3\n")[:-9], gzip.compress(b"1,2,3\n")[:12] + b"\xff" * 9):
        assert "x: Failed to decompress" in failed(run, put(x=body), source={"CompressionType": "Gzip"})[2][0]
    source = {"ContentType": "application/x-recordio-protobuf", "SplitType": "RecordIO"}
    for body in (b"no records", b"\x0a\x23\xd7\xce\x08\0\0\0abc", b"\x0a\x23"):
        assert "x: The object is not RecordIO" in failed(run, put(x=body), source=source)[2][0]


def test_an_output_bucket_that_is_not_there(run, put):
    params = {"output": {"S3OutputPath": "s3://no-such-bucket-at-all/out"}}
    uri = put(x=ROWS[0])
    with pytest.raises(Exception, match="NoSuchBucket"):
        run(uri, **params)  # the job has ended; it is our look into the bucket that is refused
    job = boto3.client("sagemaker").list_transform_jobs(MaxResults=1)["TransformJobSummaries"][0]
    assert (job["TransformJobStatus"], job["FailureReason"][:11]) == ("Failed", "ClientError")
    assert "NoSuchBucket" in said(job["TransformJobName"])[-1]


def test_a_model_that_cannot_be_loaded(account, sagemaker, s3, bucket, run, put):
    for key, body, reason in (
        ("none.tar.gz", b"no archive", "ClientError: Failed to extract model data archive from URL "),
        ("empty.tar.gz", EMPTY_TAR, "AlgorithmError: See job logs for more information"),
    ):
        s3.put_object(Bucket=bucket, Key=key, Body=body)
        model = name("bad-model")
        container = {"Image": IMAGE, "ModelDataUrl": f"s3://{bucket}/{key}"}
        sagemaker.create_model(ModelName=model, ExecutionRoleArn=account.account.role_arn, PrimaryContainer=container)
        body, found = run(put(x=ROWS[0]), model=model)
        assert body["TransformJobStatus"] == "Failed" and body["FailureReason"].startswith(reason) and found == {}
    assert "The model cannot be loaded" in logged(body["TransformJobName"], data_log=False)[-1]


EMPTY_TAR = gzip.compress(b"\0" * 10240)


def test_what_cannot_be_asked_for(sagemaker, bucket, model, put, run):
    uri = put(x=ROWS[0])
    here = "is not implemented in the embedded AWS account"

    def refused(**members) -> str:
        code, message = refusal(sagemaker.create_transform_job, **transform_definition(model, uri, bucket, **members))
        assert code == "ValidationException"
        return message

    for members, what in (
        ({"source": {"SplitType": "TFRecord"}}, "TFRecord"),
        ({"kind": "AugmentedManifestFile"}, "AugmentedManifestFile"),
        ({"DataCaptureConfig": {"DestinationS3Uri": "s3://a/b"}}, "DataCaptureConfig"),
        ({"ExperimentConfig": {"TrialName": "t"}}, "ExperimentConfig"),
        ({"TransformResources": {"InstanceType": "ml.m5.large", "InstanceCount": 2}}, "more than one instance"),
        ({"MaxPayloadInMB": 0}, "chunked"),
    ):
        message = refused(**members)
        assert what in message and here in message
    assert "less than or equal to 3" in refused(ModelClientConfig={"InvocationsMaxRetries": 4})
    assert "must not exceed 100 MB" in refused(MaxPayloadInMB=101)
    assert "must not exceed 100 MB" in refused(MaxPayloadInMB=51, MaxConcurrentTransforms=2)
    for path in ("$[", "x"):
        for member in ("InputFilter", "OutputFilter"):
            assert refused(DataProcessing={member: path}).startswith(f'Invalid {member}: "{path}". The JSONPath')
    assert "text/csv" in refused(DataProcessing={"JoinSource": "Input"}, source={"ContentType": "text/plain"})
    assert "is not of the form s3://" in refused(output={"S3OutputPath": "https://a/b"})
    assert "No S3 objects found under S3 URL" in refused(source={"DataSource": {
        "S3DataSource": {"S3DataType": "S3Prefix", "S3Uri": f"s3://{bucket}/nothing-here"}}})  # fmt: skip
    missing = transform_definition("no-such-model", uri, bucket)
    assert 'Could not find model "arn:' in refusal(sagemaker.create_transform_job, **missing)[1]


# What is told of a job


def test_a_job_s_description(sagemaker, bucket, model, put, run):
    uri = put(x="\n".join(ROWS))
    params = transform_definition(
        model, uri, bucket, Tags=[{"Key": "owner", "Value": "tests"}], Environment={"A": "b"}, MaxConcurrentTransforms=2
    )
    arn = checked(sagemaker, "CreateTransformJob", **params)["TransformJobArn"]
    finished(sagemaker, params["TransformJobName"])
    body = checked(sagemaker, "DescribeTransformJob", TransformJobName=params["TransformJobName"])
    assert body["TransformJobArn"] == arn
    for member in ("ModelName", "Environment", "MaxConcurrentTransforms", "TransformResources"):
        assert body[member] == params[member]
    assert body["TransformInput"] == params["TransformInput"] | {"CompressionType": "None"}
    assert body["TransformOutput"] == params["TransformOutput"] | {"AssembleWith": "None", "KmsKeyId": ""}
    assert body["CreationTime"] <= body["TransformStartTime"] <= body["TransformEndTime"]
    assert sagemaker.list_tags(ResourceArn=arn)["Tags"] == params["Tags"]
    again = refusal(sagemaker.create_transform_job, **params)
    assert again == (
        "ResourceInUse",
        f"Job name must be unique within an AWS account and region, and a job with this name already exists ({arn})",
    )
    code, message = refusal(sagemaker.stop_transform_job, TransformJobName=params["TransformJobName"])
    assert code == "ValidationException" and "status Completed" in message
    assert said(params["TransformJobName"]) == [
        "MaxConcurrentTransforms=2, MaxPayloadInMB=6, BatchStrategy=MULTI_RECORD"
    ]
    lines = logged(params["TransformJobName"], data_log=False)
    assert lines == ["Docker entrypoint called with argument(s): serve", "loading model...", "...model loaded."]


def test_a_list(sagemaker, run, put):
    stem = name("in-a-list")
    uri, bad = put(x=ROWS[0]), put(x="bad")
    jobs = [run(each, TransformJobName=f"{stem}-{number}")[0] for number, each in enumerate((uri, bad, uri))]
    found = checked(sagemaker, "ListTransformJobs", NameContains=stem)["TransformJobSummaries"]
    assert [each["TransformJobName"] for each in found] == [f"{stem}-{number}" for number in (2, 1, 0)]
    for summary, body in zip(found, reversed(jobs), strict=True):
        del summary["LastModifiedTime"]
        assert summary == {member: body[member] for member in summary}
    assert "FailureReason" in found[1]
    only = sagemaker.list_transform_jobs(NameContains=stem, StatusEquals="Failed")["TransformJobSummaries"]
    assert [each["TransformJobName"] for each in only] == [f"{stem}-1"]
    pages = sagemaker.get_paginator("list_transform_jobs").paginate(NameContains=stem, PaginationConfig={"PageSize": 1})
    assert [len(page["TransformJobSummaries"]) for page in pages] == [1, 1, 1]


def test_unknown_jobs(sagemaker):
    for call in (sagemaker.describe_transform_job, sagemaker.stop_transform_job):
        code, message = refusal(call, TransformJobName="no-such-job")
        assert (code, message) == ("ResourceNotFound", "Could not find requested job with name: no-such-job")


def test_a_stopped_job_leaves_no_output(sagemaker, s3, bucket, model, put):
    params = transform_definition(model, put(x="\n".join(ROWS * 100_000)), bucket, BatchStrategy="SingleRecord")
    job = params["TransformJobName"]
    sagemaker.create_transform_job(**params)
    wait_until(lambda: sagemaker.describe_transform_job(TransformJobName=job), lambda b: "TransformStartTime" in b, job)
    sagemaker.stop_transform_job(TransformJobName=job)
    body = finished(sagemaker, job)
    assert body["TransformJobStatus"] == "Stopped" and "FailureReason" not in body
    assert outputs(s3, params["TransformOutput"]["S3OutputPath"]) == {}


# The SDK, and the end of the account's process


@pytest.mark.parametrize("logs", [True, False])
def test_the_sdk(account, run, put, bucket, s3, csv_scores, csv_model, capsys, logs):
    from sagemaker.transformer import Transformer

    from local_aws.client.session import open_session

    session, _ = open_session()
    path = f"s3://{bucket}/{name('sdk')}"
    transformer = Transformer(
        csv_model,
        1,
        "ml.m5.large",
        output_path=path,
        accept="text/csv",
        assemble_with="Line",
        sagemaker_session=session,
    )
    transformer.transform(
        put(x__csv="\n".join(ROWS)), content_type="text/csv", split_type="Line", join_source="Input", logs=logs
    )
    found = outputs(s3, path)["x.csv.out"].splitlines()
    assert [line.rpartition(",")[0] for line in found] == ROWS
    assert [float(line.rpartition(",")[2]) for line in found] == csv_scores
    printed = capsys.readouterr().out
    assert ("BatchStrategy=MULTI_RECORD" in printed) == logs
    attached = Transformer.attach(transformer.latest_transform_job.name, sagemaker_session=session)
    assert attached.model_name == csv_model and attached.output_path == path
    with pytest.raises(Exception, match=r"Failed. Reason: ClientError: See job logs for more information"):
        transformer.transform(put(x="bad"), content_type="text/csv", split_type="Line", logs=logs)


def test_an_estimator_s_transformer(account, trained, put, bucket, s3, scores):
    from sagemaker import LinearLearner

    from local_aws.client.session import open_session

    session, _ = open_session()
    attached = LinearLearner.attach(trained["TrainingJobName"], sagemaker_session=session)
    path = f"s3://{bucket}/{name('estimator')}"
    transformer = attached.transformer(1, "ml.m5.large", output_path=path)
    transformer.transform(put(x="\n".join(ROWS)), content_type="text/csv", split_type="Line", logs=False)
    np.testing.assert_allclose(values(outputs(s3, path)["x.out"]), scores, rtol=3e-7)
    transformer.delete_model()


@pytest.mark.parametrize("end", ["killed", "stopped"])
def test_a_job_whose_account_ends(end, tmp_path, sagemaker, s3, bucket, trained):
    place = Place(tmp_path / "account")
    try:
        account = place.start()
        client, store = place.client("sagemaker"), place.client("s3")
        url = trained["ModelArtifacts"]["S3ModelArtifacts"]
        artifact = s3.get_object(Bucket=bucket, Key=url.removeprefix(f"s3://{bucket}/"))["Body"].read()
        store.create_bucket(Bucket="here")
        store.put_object(Bucket="here", Key="model.tar.gz", Body=artifact)
        store.put_object(Bucket="here", Key="in/x", Body="\n".join(ROWS * 100_000).encode())
        container = {"Image": IMAGE, "ModelDataUrl": "s3://here/model.tar.gz"}
        client.create_model(ModelName="m", ExecutionRoleArn=account.account.role_arn, PrimaryContainer=container)
        params = transform_definition("m", "s3://here/in/", "here", BatchStrategy="SingleRecord")
        client.create_transform_job(**params)
        job = params["TransformJobName"]
        wait_until(
            lambda: client.describe_transform_job(TransformJobName=job), lambda b: "TransformStartTime" in b, job
        )
        assert f"Transform jobs in progress: {job}\n" in place.command("status").stdout
        assert "loading model..." in place.command("logs", job).stdout
        if end == "killed":
            place.kill()
        else:
            assert place.command("stop").returncode == 0
        place.start()
        body = place.client("sagemaker").describe_transform_job(TransformJobName=job)
        assert body["TransformJobStatus"] == "Failed" and body["FailureReason"].startswith("InternalServerError: ")
        assert outputs(place.client("s3"), params["TransformOutput"]["S3OutputPath"]) == {}
        assert not list((place.folder / "transform").glob("*"))
    finally:
        place.close()
