"""The built-in XGBoost's inference container, by itself on its socket and behind an endpoint and a transform job."""

from __future__ import annotations

import io
import json
import os
import pickle
import tarfile
from pathlib import Path

import httpx
import numpy as np
import pytest
import xgboost
from sagemaker.amazon.common import read_records

from local_aws.algorithms.recordio import write_features
from support import training
from support.xgboost_container import container

# XGBoost names the format that it takes when a file's name has no ending.
pytestmark = pytest.mark.filterwarnings("ignore:.*UBJSON format as default")

IMAGE = "683313688378.dkr.ecr.us-east-1.amazonaws.com/sagemaker-xgboost:3.0-5"
X, Y = training.table(120, 3)
ASKED = X[:4]


def csv(rows) -> bytes:
    return "\n".join(",".join(f"{value:.9g}" for value in row) for row in rows).encode()


def trained(**params) -> xgboost.Booster:
    label = {"binary": Y > np.median(Y), "multi": np.digitize(Y, np.quantile(Y, [0.3, 0.6]))}
    kind = params.get("objective", "reg").partition(":")[0]
    return xgboost.train({"nthread": 1, **params}, xgboost.DMatrix(X, label=label.get(kind, Y)), 3)


@pytest.fixture(scope="module")
def booster() -> xgboost.Booster:
    return trained()


@pytest.fixture(scope="module")
def ask(booster):
    """POST /invocations of a regressor's container: the answer to a body, its type, and what is accepted."""
    with container(booster.save_model) as client:

        def post(body: bytes, content_type: str | None = "text/csv", accept: str | None = None) -> httpx.Response:
            client.headers.pop("accept", None)
            headers = {"content-type": content_type, "accept": accept}
            headers = {name: value for name, value in headers.items() if value is not None}
            return client.post("/invocations", content=body, headers=headers)

        post.client = client
        yield post


@pytest.fixture(scope="module")
def said(booster) -> list[float]:
    """What the library says of the rows that are asked, as float32 in Python's numbers."""
    return booster.predict(xgboost.DMatrix(ASKED)).tolist()


def test_csv_is_the_default(ask, said):
    answer = ask(csv(ASKED) + b"\n")
    assert answer.headers["content-type"].partition(";")[0] == "text/csv"
    assert answer.text == "".join(f"{value}\n" for value in said)
    assert ask(csv(ASKED).replace(b",", b";")).text == answer.text


def test_earlier_releases_answer_in_one_line_of_csv(booster, said):
    def pickled(path: Path) -> None:
        path.write_bytes(pickle.dumps(booster))

    for release, accept, text in [
        ("0.72", "application/json", ",".join(map(str, said))),
        ("1.2-1", "text/csv", ",".join(map(str, said))),
        ("1.2-2", "text/csv", "".join(f"{value}\n" for value in said)),
    ]:
        with container(pickled, release) as client:
            answer = client.post(
                "/invocations", content=csv(ASKED), headers={"content-type": "text/csv", "accept": accept}
            )
            assert (answer.text, answer.headers["content-type"].partition(";")[0]) == (text, "text/csv")
            unnamed = client.post("/invocations", content=csv(ASKED), headers={"accept": "text/csv"})
            assert unnamed.status_code == (200 if release == "0.72" else 415)  # CSV then, LIBSVM since


def test_every_format_in(ask, said):
    sparse = "\n".join(" ".join(f"{i}:{value:.9g}" for i, value in enumerate(row)) for row in ASKED).encode()
    for body, content_type in [
        (sparse, "text/libsvm"),
        (b"0 " + sparse.replace(b"\n", b"\n0 "), "text/x-libsvm"),
        (sparse, None),
        (write_features(ASKED), "application/x-recordio-protobuf"),
    ]:
        assert [float(line) for line in ask(body, content_type).text.split()] == said


def test_a_field_that_is_empty_is_a_missing_value(ask, booster):
    holes = ASKED.copy()
    holes[:, 1] = np.nan
    body = csv(holes).replace(b"nan", b"")
    assert [float(line) for line in ask(body).text.split()] == booster.predict(xgboost.DMatrix(holes)).tolist()


def test_every_format_out(ask, said):
    for accept, read in [
        ("application/json", lambda body: [each["score"] for each in json.loads(body)["predictions"]]),
        ("application/jsonlines", lambda body: [json.loads(line)["score"] for line in body.splitlines()]),
        (
            "application/x-recordio-protobuf",
            lambda body: [each.label["score"].float32_tensor.values[0] for each in read_records(io.BytesIO(body))],
        ),
        ("*/*", lambda body: [float(line) for line in body.split()]),
    ]:
        answer = ask(csv(ASKED), accept=accept)
        assert read(answer.content) == said
        assert answer.headers["content-type"].startswith(accept.replace("*/*", "text/csv"))


def test_what_it_cannot_answer_it_refuses_in_the_containers_words(ask):
    assert (ask(b"").status_code, ask(b"").text) == (204, "")
    for body, content_type, accept, status, text in [
        (b"{}", "application/json", None, 415, "application/json is not an accepted ContentType: csv, libsvm, parquet"),
        (b"a,b,c", "text/csv", None, 415, "Loading csv data failed with Exception, please ensure data is in csv for"),
        (b"1,2,3\n4,5", "text/csv", None, 415, "Loading csv data failed with Exception"),
        (b"1 2 3", "text/libsvm", None, 415, "Loading libsvm data failed with Exception"),
        (b"????", "application/x-recordio-protobuf", None, 415, "Loading recordio-protobuf data failed with Exception"),
        (b"1", "application/x-parquet", None, 415, "Content-type application/x-parquet is not supported."),
        (
            b"1,2,3,4,5", "text/csv", None, 400,
            "Unable to evaluate payload provided: Feature size of csv inference data 5 is not consistent with feature "
            "size of trained model 3.",
        ),
        (
            b"0:1 7:2", "text/libsvm", None, 400,
            "Unable to evaluate payload provided: Feature size of libsvm inference data 8 is larger than feature size "
            "of trained model 3.",
        ),
        (
            b"1,2,3", "text/csv", "image/png", 406,
            "Accept type image/png is not supported. Please use supported accept types: ['application/json', "
            "'application/jsonlines', 'application/x-recordio-protobuf', 'text/csv'].",
        ),
        (b"1,2,3\n" * 1_100_000, "text/csv", None, 413, "The data value transmitted exceeds the capacity limit"),
    ]:  # fmt: skip
        answer = ask(body, content_type, accept)
        assert (answer.status_code, answer.text[: len(text)]) == (status, text)


def test_execution_parameters(ask):
    found = ask.client.get("/execution-parameters").json()
    assert found == {"MaxConcurrentTransforms": os.cpu_count(), "BatchStrategy": "MULTI_RECORD", "MaxPayloadInMB": 6}


def test_selected_content_of_a_classifier_in_a_batch():
    model = trained(objective="binary:logistic")
    keys = "predicted_label, probability,probabilities,labels,raw_score,predicted_score"
    with container(model.save_model, SAGEMAKER_INFERENCE_OUTPUT=keys, SAGEMAKER_BATCH="true") as client:
        answer = client.post(
            "/invocations",
            content=csv(ASKED),
            headers={"content-type": "text/csv", "accept": "application/jsonlines"},
        )
        table = client.post(
            "/invocations", content=csv(ASKED[:1]), headers={"content-type": "text/csv", "accept": "text/csv"}
        )
    records = [json.loads(line) for line in answer.text.splitlines()]
    for record, probability in zip(records, model.predict(xgboost.DMatrix(ASKED)).tolist(), strict=True):
        assert record["predicted_label"] == int(probability > 0.5)
        assert record["probability"] == record["raw_score"] == probability
        assert record["probabilities"] == [1 - probability, probability]
        assert record["labels"] == [0, 1]
        assert np.isnan(record["predicted_score"])
    first = records[0]
    pair, one = first["probabilities"], first["probability"]
    assert table.text == f'{first["predicted_label"]},{one},"{pair}","[0, 1]",{one},nan\n'


def test_a_pickle_of_an_older_image_and_several_classes():
    model = trained(objective="multi:softprob", num_class=3)
    with container(lambda path: path.write_bytes(pickle.dumps(model))) as client:
        answer = client.post("/invocations", content=csv(ASKED), headers={"content-type": "text/csv", "accept": "*/*"})
    rows = [[float(field) for field in line.split(",")] for line in answer.text.splitlines()]
    assert rows == model.predict(xgboost.DMatrix(ASKED)).tolist()


@pytest.fixture(scope="module")
def model(account, sagemaker, s3, bucket, booster, tmp_path_factory) -> str:
    """A model of the account, with the artifact that the library wrote."""
    folder = tmp_path_factory.mktemp("artifact")
    booster.save_model(folder / "xgboost-model")
    with tarfile.open(folder / "model.tar.gz", "w:gz") as archive:
        archive.add(folder / "xgboost-model", "xgboost-model")
    s3.upload_file(str(folder / "model.tar.gz"), bucket, "xgboost/model.tar.gz")
    name = training.name("xgboost")
    place = {"Image": IMAGE, "ModelDataUrl": f"s3://{bucket}/xgboost/model.tar.gz"}
    sagemaker.create_model(ModelName=name, PrimaryContainer=place, ExecutionRoleArn=account.account.role_arn)
    return name


def test_an_endpoint_answers(model, sagemaker, runtime, said):
    variant = {
        "VariantName": "AllTraffic", "ModelName": model, "InitialInstanceCount": 1, "InstanceType": "ml.t2.medium",
    }  # fmt: skip
    sagemaker.create_endpoint_config(EndpointConfigName=model, ProductionVariants=[variant])
    sagemaker.create_endpoint(EndpointName=model, EndpointConfigName=model)
    try:
        training.wait_until(
            lambda: sagemaker.describe_endpoint(EndpointName=model)["EndpointStatus"],
            lambda status: status == "InService",
            model,
        )
        answer = runtime.invoke_endpoint(EndpointName=model, ContentType="text/csv", Body=csv(ASKED))
        assert [float(line) for line in answer["Body"].read().split()] == said
        code, text = training.refusal(
            runtime.invoke_endpoint, EndpointName=model, ContentType="text/csv", Body=b"1,2,3,4,5"
        )
        assert code == "ModelError" and "Feature size of csv inference data 5" in text
    finally:
        sagemaker.delete_endpoint(EndpointName=model)


def test_a_transform_job_scores_a_table(model, sagemaker, s3, bucket, booster):
    s3.put_object(Bucket=bucket, Key="xgboost/in/rows.csv", Body=csv(X) + b"\n")
    job = training.name("xgboost")
    source = {"S3DataSource": {"S3DataType": "S3Prefix", "S3Uri": f"s3://{bucket}/xgboost/in/"}}
    sagemaker.create_transform_job(
        TransformJobName=job,
        ModelName=model,
        TransformInput={"DataSource": source, "ContentType": "text/csv", "SplitType": "Line"},
        TransformOutput={"S3OutputPath": f"s3://{bucket}/xgboost/out", "AssembleWith": "Line"},
        TransformResources={"InstanceType": "ml.m5.large", "InstanceCount": 1},
    )
    body = training.wait_until(
        lambda: sagemaker.describe_transform_job(TransformJobName=job),
        lambda body: body["TransformJobStatus"] in ("Completed", "Failed"),
        job,
    )
    assert body["TransformJobStatus"] == "Completed", body.get("FailureReason")
    lines = s3.get_object(Bucket=bucket, Key="xgboost/out/rows.csv.out")["Body"].read().split()
    assert [float(line) for line in lines] == booster.predict(xgboost.DMatrix(X)).tolist()
