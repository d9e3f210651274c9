"""The SageMaker SDK v2 and the course's own calls on the embedded account, as the lessons use them."""

from __future__ import annotations

import importlib.metadata
import json
import re
import urllib.request

import numpy as np
import pandas as pd
import pytest
from botocore.client import Config
from botocore.exceptions import ClientError
from sagemaker import LinearLearner, image_uris
from sagemaker.deserializers import JSONDeserializer
from sagemaker.estimator import Estimator
from sagemaker.exceptions import UnexpectedStatusException
from sagemaker.inputs import TrainingInput
from sagemaker.serializers import CSVSerializer

import utils
import utils.course
from support.training import (
    ENDLESS,
    IMAGE,
    channel,
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
from utils.course import CourseError
from utils.sweep import clean_up, delete_endpoint, running, tagged

X, Y = table(60, 2)
MACHINE = {"initial_instance_count": 1, "instance_type": "ml.t2.medium"}
QUICK = {"predictor_type": "regressor", "num_models": 1, "epochs": 2, "mini_batch_size": 4}


@pytest.fixture(scope="module")
def course(account):
    """The account as a lesson's first cell opens it, for a user of these tests."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("COURSE_USER", name("a user"))
        yield utils.start("sdk")


@pytest.fixture
def alone(account, monkeypatch):
    """A course of a user who has nothing in the account yet."""
    monkeypatch.setenv("COURSE_USER", name("alone"))
    course = utils.start("sdk")
    yield course
    clean_up(course)


@pytest.fixture(scope="module")
def learner(course) -> LinearLearner:
    """A LinearLearner that has been fitted to record sets."""
    learner = LinearLearner(
        role=course.role,
        instance_count=1,
        instance_type="ml.m5.large",
        predictor_type="regressor",
        num_models=1,
        epochs=3,
        output_path=course.output_path,
        sagemaker_session=course.session,
        tags=course.tags,
    )
    records = [learner.record_set(X[:40], Y[:40]), learner.record_set(X[40:], Y[40:], channel="validation")]
    learner.fit(records, mini_batch_size=4, logs=False)
    return learner


@pytest.fixture(scope="module")
def uri(course) -> str:
    return course.session.upload_string_as_file_body(
        csv(X, Y).decode(), course.bucket, f"{course.prefix}/train/train.csv"
    ).rpartition("/")[0]


def estimator(course, **hyperparameters) -> Estimator:
    return Estimator(
        image_uris.retrieve("linear-learner", course.session.boto_region_name),
        course.role,
        instance_count=1,
        instance_type="ml.m5.large",
        output_path=course.output_path,
        sagemaker_session=course.session,
        hyperparameters=QUICK | hyperparameters,
        tags=course.tags,
    )


def scores(weights, bias) -> np.ndarray:
    return X.astype(np.float64) @ weights.astype(np.float64) + np.float64(bias)


# Flows of the SDK


def test_records_through_linear_learner(course, learner, s3):
    body = learner.latest_training_job.describe()
    assert body["HyperParameters"] == {
        "predictor_type": "regressor",
        "num_models": "1",
        "epochs": "3",
        "feature_dim": "2",
        "mini_batch_size": "4",
    }
    assert learner.model_data.startswith(f"{course.output_path}/linear-learner-")
    with course.endpoint(learner, **MACHINE) as predictor:
        records = predictor.predict(X)
    found = [record.label["score"].float32_tensor.values[0] for record in records]
    np.testing.assert_allclose(found, scores(*coefficients(s3, learner.model_data)), rtol=3e-7)


def classifier(course, classes: int) -> tuple[LinearLearner, np.ndarray]:
    """A LinearLearner fitted to as many classes of a table, and the probabilities that its artifact gives."""
    y = np.digitize(Y, np.quantile(Y, np.arange(1, classes) / classes)).astype("float32")
    learner = LinearLearner(
        role=course.role,
        instance_count=1,
        instance_type="ml.m5.large",
        predictor_type="binary_classifier" if classes == 2 else "multiclass_classifier",
        num_classes=classes if classes > 2 else None,
        epochs=4,
        output_path=course.output_path,
        sagemaker_session=course.session,
        tags=course.tags,
    )
    records = [learner.record_set(X[:40], y[:40]), learner.record_set(X[40:], y[40:], channel="validation")]
    learner.fit(records, mini_batch_size=4, logs=False)
    return learner, y


@pytest.mark.parametrize("classes", [2, 3])
def test_a_classifier_answers_what_its_artifact_says(course, runtime, s3, classes):
    learner, y = classifier(course, classes)
    weights, bias, additional = linear_functions(s3, learner.model_data)
    assert weights.shape == (2, 1 if classes == 2 else 3)
    outputs = X.astype(np.float64) @ weights + bias
    if classes == 2:
        expected = 1 / (1 + np.exp(-outputs))
        labels = (expected[:, 0].astype(np.float32) >= np.float32(additional["threshold"])).astype(int)
    else:
        expected = np.exp(outputs - outputs.max(axis=1, keepdims=True))
        expected /= expected.sum(axis=1, keepdims=True)
        labels = expected.argmax(axis=1)
    assert np.mean(labels == y) > 0.8
    with course.endpoint(learner, **MACHINE) as predictor:
        records = [record.label for record in predictor.predict(X)]
        body = "\n".join(",".join(map(repr, row)) for row in X.tolist())
        answer = runtime.invoke_endpoint(
            EndpointName=predictor.endpoint_name, ContentType="text/csv", Accept="application/json", Body=body
        )
    values = {key: [list(each[key].float32_tensor.values) for each in records] for key in records[0]}
    assert set(values) == {"score", "predicted_label"}
    predictions = json.loads(answer["Body"].read())["predictions"]
    for found in (values["score"], [np.atleast_1d(each["score"]) for each in predictions]):
        np.testing.assert_allclose(np.array(found), expected, rtol=1e-5, atol=1e-9)
    assert [int(label) for (label,) in values["predicted_label"]] == labels.tolist()
    assert [each["predicted_label"] for each in predictions] == labels.tolist()
    found = {each["MetricName"] for each in learner.latest_training_job.describe()["FinalMetricDataList"]}
    assert ("validation:roc_auc_score" if classes == 2 else "validation:macro_f_beta") in found


def test_attach_and_deploy_by_the_sdk_alone(course, learner, s3):
    attached = LinearLearner.attach(learner.latest_training_job.name, sagemaker_session=course.session)
    assert attached.predictor_type == "regressor" and attached.epochs == 3
    predictor = attached.deploy(**MACHINE, serializer=CSVSerializer(), deserializer=JSONDeserializer())
    client = course.session.sagemaker_client
    try:
        found = [each["score"] for each in predictor.predict(X[:5])["predictions"]]
        np.testing.assert_allclose(found, scores(*coefficients(s3, learner.model_data))[:5], rtol=3e-7)
        config = client.describe_endpoint(EndpointName=predictor.endpoint_name)["EndpointConfigName"]
        model = client.describe_endpoint_config(EndpointConfigName=config)["ProductionVariants"][0]["ModelName"]
    finally:
        predictor.delete_model()
        predictor.delete_endpoint()
    for call, member in (
        (client.describe_endpoint, {"EndpointName": predictor.endpoint_name}),
        (client.describe_endpoint_config, {"EndpointConfigName": config}),
        (client.describe_model, {"ModelName": model}),
    ):
        assert "Could not find" in refusal(call, **member)[1]


def test_analytics_of_a_job(learner):
    frame = learner.training_job_analytics.dataframe()
    assert {"train:objective_loss", "validation:objective_loss:final"} <= set(frame.metric_name)
    assert (frame.timestamp >= 0).all() and np.isfinite(frame.value).all()


def test_csv_through_the_estimator_with_its_log(course, uri, s3, capsys):
    fitted = estimator(course)
    fitted.fit({"train": TrainingInput(uri, content_type="text/csv")}, logs=True)
    printed = capsys.readouterr().out
    for line in (
        "Docker entrypoint called with argument(s): train",
        "#quality_metric: host=algo-1, epoch=1, train mse_objective <loss>=",
        "Completed - Training job completed",
    ):
        assert line in printed
    assert re.search(r"Training seconds: [1-9]\d*\nBillable seconds: [1-9]\d*\n$", printed)
    statuses = [printed.index(word) for word in ("Starting - ", "Completed - ", "Training seconds")]
    assert statuses == sorted(statuses)
    weights, bias = coefficients(s3, fitted.model_data)
    formats = {"serializer": CSVSerializer(), "deserializer": JSONDeserializer()}
    with course.endpoint(fitted, **MACHINE, **formats) as predictor:
        answer = predictor.predict(X)
    np.testing.assert_allclose([each["score"] for each in answer["predictions"]], scores(weights, bias), rtol=3e-7)


@pytest.mark.parametrize("logs", [True, False])
def test_a_job_that_fails_says_why(course, uri, logs):
    bad = estimator(course, epochs="many")
    with pytest.raises(UnexpectedStatusException) as caught:
        bad.fit({"train": TrainingInput(uri, content_type="text/csv")}, logs=logs)
    body = bad.latest_training_job.describe()
    assert body["TrainingJobStatus"] == caught.value.actual_status == "Failed"
    assert f"Error for Training job {bad.latest_training_job.name}: Failed. Reason: " in str(caught.value)
    assert body["FailureReason"] in str(caught.value) and "'many'" in body["FailureReason"]


def test_a_failed_job_cannot_be_deployed(course, uri):
    bad = estimator(course, epochs="many")
    with pytest.raises(UnexpectedStatusException):
        bad.fit({"train": TrainingInput(uri, content_type="text/csv")}, logs=False)
    with pytest.raises(ClientError) as caught, course.endpoint(bad, **MACHINE):
        pytest.fail("an endpoint of nothing")
    place = f"{course.output_path}/{bad.latest_training_job.name}/output/model.tar.gz"
    assert caught.value.response["Error"]["Message"] == f"Could not find model data at {place}."
    assert running(course.session.sagemaker_client, course.tags) == []


def test_input_that_is_not_there(course):
    with pytest.raises(ClientError, match="No S3 objects found under S3 URL"):
        estimator(course).fit({"train": TrainingInput(f"{course.output_path}/nothing", content_type="text/csv")})


def test_fit_without_waiting(course, uri):
    fitted = estimator(course)
    fitted.fit({"train": TrainingInput(uri, content_type="text/csv")}, wait=False)
    course.session.wait_for_job(fitted.latest_training_job.name)
    assert fitted.latest_training_job.describe()["TrainingJobStatus"] == "Completed"


def test_the_role_and_the_bucket(course, account, s3):
    from sagemaker import get_execution_role

    assert get_execution_role(course.session) == course.role == account.account.role_arn
    assert course.bucket == f"sagemaker-us-east-1-{account.account.account_id}"
    s3.head_bucket(Bucket=course.bucket)


# The course's calls


def left(course) -> dict[str, list[str]]:
    return {kind: tagged(course.session.sagemaker_client, kind, course.tags) for kind in NOTHING}


NOTHING = {"Endpoint": [], "EndpointConfig": [], "Model": []}


def test_an_endpoint_ends_with_its_block(course, learner):
    with pytest.raises(ZeroDivisionError), course.endpoint(learner, **MACHINE) as predictor:
        assert [len(names) for names in left(course).values()] == [1, 1, 1]
        assert left(course)["Endpoint"] == [predictor.endpoint_name]
        raise ZeroDivisionError
    assert left(course) == NOTHING


def test_an_endpoint_that_fails_leaves_nothing(course, learner, s3):
    bucket, _, key = learner.model_data.removeprefix("s3://").partition("/")
    whole = s3.get_object(Bucket=bucket, Key=key)["Body"].read()
    s3.put_object(Bucket=bucket, Key=key, Body=b"no archive")
    try:
        refused = pytest.raises(UnexpectedStatusException, match=r"valid tar.gz archive")
        with refused, course.endpoint(learner, **MACHINE):
            pytest.fail("an endpoint of no model")
    finally:
        s3.put_object(Bucket=bucket, Key=key, Body=whole)
    assert left(course) == NOTHING


def test_an_endpoint_that_is_given_up_leaves_nothing(course, learner, monkeypatch):
    """An interrupt while the endpoint is Creating, when AWS does not delete it yet."""

    def interrupt(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr(course.session, "wait_for_endpoint", interrupt)
    monkeypatch.setattr("utils.sweep.POLL", 0.02)
    with pytest.raises(KeyboardInterrupt), course.endpoint(learner, **MACHINE):
        pytest.fail("an endpoint that nobody waited for")
    assert left(course) == NOTHING


def test_deleting_waits_for_what_is_in_progress(monkeypatch):
    """Against the answers that AWS gives while an endpoint is made."""
    monkeypatch.setattr("utils.sweep.POLL", 0)
    said = ['Cannot update in-progress endpoint "arn".'] * 2 + [None, 'Could not find endpoint "arn".', None]
    called = []

    class Client:
        def __getattr__(self, operation):
            def call(**params):
                called.append((operation, *params.values()))
                sentence = said.pop(0)
                if sentence:
                    error = {"Error": {"Code": "ValidationException", "Message": sentence}}
                    raise ClientError(error, operation)

            return call

    delete_endpoint(Client(), "e")
    assert called == [("delete_endpoint", "e")] * 3 + [("delete_endpoint_config", "e"), ("delete_model", "e")]
    said = ["Rate exceeded"]
    with pytest.raises(ClientError, match="Rate exceeded"):
        delete_endpoint(Client(), "e")


def test_a_trained_model_is_found_again(course, uri, monkeypatch):
    data = pd.DataFrame({"x": [1.0, 2.0], "y": [2.0, 4.0]})
    assert course.find_training_job(data, QUICK) is None
    jobs = []
    for hyperparameters in (QUICK, QUICK | {"epochs": "many"}, QUICK):
        fitted = estimator(course, **hyperparameters)
        fitted.tags = course.tags_for(data, QUICK)
        try:
            fitted.fit({"train": TrainingInput(uri, content_type="text/csv")}, logs=False)
            jobs.append(fitted.latest_training_job.name)
        except UnexpectedStatusException:
            continue
        assert course.find_training_job(data, QUICK) == jobs[-1]
    assert len(jobs) == 2
    assert course.find_training_job(data, dict(reversed(QUICK.items()))) == jobs[-1]
    assert course.find_training_job(data, QUICK | {"epochs": 3}) is None
    assert course.find_training_job(data + 1, QUICK) is None
    assert utils.start("another-series").find_training_job(data, QUICK) is None
    assert utils.start("sdk").find_training_job(data, QUICK) == jobs[-1]  # another kernel of the same user
    monkeypatch.setenv("COURSE_USER", "somebody-else")
    assert utils.start("sdk").find_training_job(data, QUICK) is None


def endless(account, course, bucket, s3) -> str:
    s3.put_object(Bucket=bucket, Key="endless/train.csv", Body=csv(X, Y))
    job = name("endless")
    place = channel(f"s3://{bucket}/endless/")
    params = definition(account, job, place, bucket=bucket, hyperparameters=ENDLESS, Tags=course.tags)
    course.session.sagemaker_client.create_training_job(**params)
    return job


def test_show_running(account, alone, learner, bucket, s3, capsys):
    alone.show_running()
    assert capsys.readouterr().out == "nothing is running\n"
    job = endless(account, alone, bucket, s3)
    with alone.endpoint(learner, **MACHINE) as predictor:
        capsys.readouterr()
        alone.show_running()
        assert capsys.readouterr().out == f"endpoint {predictor.endpoint_name}\ntraining job {job}\n"
    alone.session.sagemaker_client.stop_training_job(TrainingJobName=job)
    ended(alone.session.sagemaker_client, job)
    alone.show_running()
    assert capsys.readouterr().out == "nothing is running\n"


def test_clean_up_deletes_what_is_the_user_s(account, course, alone, learner, bucket, s3, capsys, monkeypatch):
    monkeypatch.setattr("utils.sweep.POLL", 0.02)
    client = alone.session.sagemaker_client
    job, other_job = endless(account, alone, bucket, s3), endless(account, course, bucket, s3)
    mine, theirs = name("mine"), name("theirs")
    kernel = utils.start("sdk")  # another kernel of the same user, whose things go too
    for each, tags in ((mine, kernel.tags), (theirs, course.tags)):
        client.create_model(
            ModelName=each,
            ExecutionRoleArn=alone.role,
            PrimaryContainer={"Image": IMAGE, "ModelDataUrl": learner.model_data},
            Tags=tags,
        )
        client.create_endpoint_config(
            EndpointConfigName=each,
            ProductionVariants=[
                {
                    "VariantName": "AllTraffic",
                    "ModelName": each,
                    "InstanceType": "ml.m5.large",
                    "InitialInstanceCount": 1,
                }
            ],
            Tags=tags,
        )
    client.create_endpoint(EndpointName=mine, EndpointConfigName=mine, Tags=kernel.tags)  # it may be Creating yet
    capsys.readouterr()
    clean_up(alone)
    lines = capsys.readouterr().out.splitlines()
    assert lines[:4] == [
        f"stopped the training job {job}",
        f"deleted the endpoint {mine}, which in 0.0 hours costs $0.00 on AWS",
        f"deleted the endpoint configuration {mine}",
        f"deleted the model {mine}",
    ]
    assert ended(client, job)["TrainingJobStatus"] == "Stopped"
    clean_up(alone)
    assert capsys.readouterr().out == "nothing is running\n"
    assert client.describe_training_job(TrainingJobName=other_job)["TrainingJobStatus"] == "InProgress"
    client.describe_model(ModelName=theirs)
    client.describe_endpoint_config(EndpointConfigName=theirs)
    client.stop_training_job(TrainingJobName=other_job)
    ended(client, other_job)


def test_clean_up_meets_a_job_that_is_stopping_or_has_ended(account, alone, bucket, s3, monkeypatch, capsys):
    """Between its being listed and its being stopped a job may end: that is no reason to leave an endpoint."""
    client = alone.session.sagemaker_client
    job = endless(account, alone, bucket, s3)
    client.stop_training_job(TrainingJobName=job)
    wait_until(
        lambda: client.describe_training_job(TrainingJobName=job)["TrainingJobStatus"],
        lambda status: status == "Stopped",
        job,
    )
    monkeypatch.setattr("utils.sweep._jobs", lambda *_: [("TrainingJob", job)])
    monkeypatch.setattr("utils.sweep.running", lambda *_: [])
    capsys.readouterr()
    clean_up(alone)
    assert capsys.readouterr().out == "nothing is running\n"


# The first cell


def test_start_says_where_it_is(account, capsys, monkeypatch):
    monkeypatch.delenv("COURSE_AWS", raising=False)
    started = utils.start("salary", jobs=1, endpoint_minutes=30)
    printed = capsys.readouterr().out
    assert printed.startswith("LOCAL: the embedded AWS account on this machine, region us-east-1.\n")
    assert "costs nothing here; on AWS about $0.03" in printed
    assert started.prefix == "course/salary"
    assert [tag["Key"] for tag in started.tags] == ["course", "course-user", "course-run"]
    utils.start("salary")
    assert "less than one cent" in capsys.readouterr().out


@pytest.mark.parametrize("where", ["nonsense", "", "AWS", "local "])
def test_an_account_that_is_none(monkeypatch, where):
    monkeypatch.setenv("COURSE_AWS", where)
    with pytest.raises(CourseError) as caught:
        utils.start("sdk")
    assert str(caught.value) == f"COURSE_AWS is '{where}'. It must be 'local' or 'aws'."
    assert caught.value._render_traceback_() == [f"CourseError: {caught.value}"]


@pytest.mark.parametrize("found", ["3.27.0", "1.72.1"])
def test_an_sdk_of_another_version(monkeypatch, found):
    monkeypatch.setattr("utils.preflight.sdk.version", lambda package: found)
    with pytest.raises(CourseError, match=rf"This kernel has version {found} of the SageMaker SDK"):
        utils.start("sdk")


@pytest.mark.parametrize("found", ["2.257.7", "4.0"])
def test_an_sdk_that_is_not_the_second_editions(monkeypatch, found):
    monkeypatch.setattr("utils.preflight.sdk.version", lambda package: found)
    with pytest.raises(CourseError, match=rf"has version {found} .* written for version 3.*make lab sdk=3"):
        utils.start("sdk", edition="3")


def test_no_sdk(monkeypatch):
    def version(package):
        raise importlib.metadata.PackageNotFoundError(package)

    monkeypatch.setattr("utils.preflight.sdk.version", version)
    with pytest.raises(CourseError, match="This kernel has no SageMaker SDK"):
        utils.start("sdk")


def test_a_user_s_name_fits_a_tag(account, monkeypatch):
    monkeypatch.setenv("COURSE_USER", "Zoë O'Neill <z@example.org>")
    tags = utils.start("sdk").tags
    assert tags[1] == {"Key": "course-user", "Value": "Zoë-O-Neill--z@example.org-"}


def test_a_presigned_url_of_the_session_is_anybody_s(course, bucket, s3):
    """What the session adds to its requests must not be part of a URL that another program follows."""
    s3.put_object(Bucket=bucket, Key="presigned", Body=b"a body")
    client = course.session.boto_session.client("s3", config=Config(signature_version="s3v4"))
    url = client.generate_presigned_url("get_object", Params={"Bucket": bucket, "Key": "presigned"})
    with urllib.request.urlopen(url) as answer:
        assert answer.read() == b"a body"
