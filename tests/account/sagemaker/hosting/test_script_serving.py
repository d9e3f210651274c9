"""Script mode, serving: the user's functions answer, with each image's defaults for what they leave out."""

from __future__ import annotations

import io
import json
import os
import textwrap

import joblib
import numpy as np
import pytest
import xgboost
from botocore.exceptions import ClientError
from sagemaker import Session
from sagemaker.deserializers import JSONDeserializer
from sagemaker.estimator import Estimator
from sagemaker.inputs import TrainingInput
from sagemaker.pytorch import PyTorch, PyTorchModel
from sagemaker.serializers import CSVSerializer
from sagemaker.sklearn import SKLearn, SKLearnModel
from sagemaker.tuner import ContinuousParameter, HyperparameterTuner
from sagemaker.xgboost import XGBoost
from sklearn.linear_model import LinearRegression

import utils
from support.script_endpoints import log
from support.scripts import image, packed
from support.training import members, name, wait_until

MACHINE = {"initial_instance_count": 1, "instance_type": "ml.t2.medium"}
X = np.random.default_rng(3).normal(50, 10, (40, 2))
Y = X @ [2.0, -1.0] + 7
LINE = LinearRegression().fit(X, Y)
LOAD = """
    import joblib, os
    def model_fn(model_dir):
        return joblib.load(os.path.join(model_dir, "model.joblib"))
"""


def dumped(model) -> bytes:
    file = io.BytesIO()
    joblib.dump(model, file)
    return file.getvalue()


def ask(runtime, endpoint: str, body, content_type="application/json", **headers) -> tuple[str, bytes]:
    """Content type and body of an answer."""
    answer = runtime.invoke_endpoint(EndpointName=endpoint, Body=body, ContentType=content_type, **headers)
    return answer["ContentType"], answer["Body"].read()


def error(runtime, *args, **headers) -> tuple[int, str]:
    """Status and message of a model that answers with an error."""
    with pytest.raises(ClientError) as caught:
        ask(runtime, *args, **headers)
    assert caught.value.response["Error"]["Code"] == "ModelError"
    return caught.value.response["OriginalStatusCode"], caught.value.response["OriginalMessage"]


def npy(array) -> bytes:
    file = io.BytesIO()
    np.save(file, array)
    return file.getvalue()


# What the images do by themselves


def test_scikit_learns_defaults(endpoint, runtime):
    with endpoint({"model.joblib": dumped(LINE), "code/inference.py": LOAD}) as made:
        wanted = LINE.predict(X[:3])
        kind, body = ask(runtime, made, json.dumps(X[:3].tolist()))
        assert kind == "application/json"
        np.testing.assert_allclose(json.loads(body), wanted, rtol=1e-5)  # read as float32, as in the image
        kind, body = ask(runtime, made, npy(X[:1]), "application/x-npy", Accept="application/x-npy")
        assert kind == "application/x-npy"
        np.testing.assert_allclose(np.load(io.BytesIO(body)), wanted[:1])
        text = "\n".join(",".join(map(str, row)) for row in X[:3])
        kind, body = ask(runtime, made, text, "text/csv", Accept="text/csv")
        assert kind == "text/csv; charset=utf-8"  # Flask's
        np.testing.assert_allclose([float(line) for line in body.split()], wanted, rtol=1e-5)
        # An error is Flask's page, and its reason stands in the log.  One row of CSV has one dimension, as there.
        for wrong in (("[[1, 2, 3]]", "application/json"), ("1,2", "text/csv"), ("<a/>", "text/xml")):
            status, message = error(runtime, made, *wrong)
            assert status == 500 and "<h1>Internal Server Error</h1>" in message
        lines = wait_until(lambda: log(made), lambda it: any("Content type text/xml" in line for line in it), made)
        assert any("X has 3 features" in line for line in lines)
        assert any("Expected 2D array, got 1D array instead" in line for line in lines)
        assert not any("local_aws" in line for line in lines)
        with pytest.raises(ClientError):
            ask(runtime, made, "[[1, 2]]", Accept="text/xml")


def test_xgboosts_defaults(endpoint, runtime):
    booster = xgboost.train({"max_depth": 2}, xgboost.DMatrix(X, Y), 3)
    files = {
        "model.json": bytes(booster.save_raw("json")),
        "code/inference.py": """
            import os, xgboost
            def model_fn(model_dir):
                booster = xgboost.Booster()
                booster.load_model(os.path.join(model_dir, "model.json"))
                return booster
        """,
    }
    with endpoint(files, "sagemaker-xgboost") as made:
        wanted = booster.predict(xgboost.DMatrix(X[:2]))
        text = "\n".join(",".join(map(str, row)) for row in X[:2])
        _, body = ask(runtime, made, text, "text/csv")
        np.testing.assert_allclose(json.loads(body), wanted, rtol=1e-6)
        svm = "\n".join(f"0 0:{a} 1:{b}" for a, b in X[:2])
        kind, body = ask(runtime, made, svm, "text/libsvm", Accept="text/csv")
        assert kind.startswith("text/csv")
        np.testing.assert_allclose([float(line) for line in body.split()], wanted, rtol=1e-6)
        # The image's server is Flask's, as scikit-learn's is.
        status, message = error(runtime, made, "[[1, 2]]")
        assert status == 500 and "<h1>Internal Server Error</h1>" in message
        wait_until(
            lambda: log(made), lambda it: any("Content type application/json is not" in line for line in it), made
        )


def test_pytorchs_defaults(endpoint, runtime):
    torch = pytest.importorskip("torch", reason="torch is not installed")
    layer = torch.nn.Linear(2, 1)
    file = io.BytesIO()
    torch.jit.save(torch.jit.script(layer), file)
    with endpoint({"model.pt": file.getvalue()}, "pytorch-inference", SAGEMAKER_PROGRAM="") as made:
        wanted = layer(torch.FloatTensor(X[:2])).detach().numpy()
        _, body = ask(runtime, made, json.dumps(X[:2].tolist()))
        np.testing.assert_allclose(json.loads(body), wanted, rtol=1e-6)
        _, body = ask(runtime, made, npy(X[:2].astype("float32")), "application/x-npy", Accept="text/csv")
        np.testing.assert_allclose([[float(line)] for line in body.split()], wanted, rtol=1e-6)
        status, message = error(runtime, made, "[[1, 2, 3]]")
        assert status == 500 and "mat1 and mat2 shapes cannot be multiplied" in message


# What the user's code does


def test_the_users_functions_and_modules(endpoint, runtime):
    code = """
        import utils
        def model_fn(model_dir):
            return utils.FACTOR
        def input_fn(body, content_type):
            assert isinstance(body, bytes), type(body)
            return int(body)
        def predict_fn(number, model):
            if number == 0:
                raise ZeroDivisionError("no zero, please")
            return number * model
        def output_fn(prediction, accept):
            return f"<{prediction}>", "text/special"
        def execution_parameters_fn():
            return {"MaxConcurrentTransforms": 1}
    """
    files = {"code/inference.py": code, "code/utils.py": "FACTOR = 6"}
    with endpoint(files) as made:
        assert ask(runtime, made, b"7", "text/mine") == ("text/special; charset=utf-8", b"<42>")
        assert error(runtime, made, b"0", "text/mine")[0] == 500
        lines = wait_until(lambda: log(made), lambda it: "ZeroDivisionError: no zero, please" in it, made)
        assert any(line.startswith('  File "/opt/ml/code/inference.py", line 1') for line in lines)
        assert ask(runtime, made, b"1", "text/mine")[1] == b"<6>"


def test_the_newer_images_tell_errors_and_give_a_context(endpoint, runtime):
    code = """
        def model_fn(model_dir, context):
            return context.system_properties["model_dir"] == model_dir
        def transform_fn(model, body, content_type, accept):
            if body == "[]":
                raise LookupError("nobody")
            if body == "[0]":
                from sagemaker_inference.errors import BaseInferenceToolkitError
                raise BaseInferenceToolkitError(422, "not so", "no")
            return f"{model} {content_type} {accept} {body}"
    """
    with endpoint({"code/inference.py": code}, "pytorch-inference") as made:
        assert ask(runtime, made, "[1]") == ("application/json", b"True application/json application/json [1]")
        status, message = error(runtime, made, "[]")
        first, second, *rest = message.splitlines()
        assert (status, first, second) == (500, "nobody", "Traceback (most recent call last):")
        assert rest[0] == '  File "/opt/ml/model/code/inference.py", line 6, in transform_fn'
        status, message = error(runtime, made, "[0]")
        assert (status, message.splitlines()[:2]) == (422, ["not so", "Traceback (most recent call last):"])
        assert rest[-1] == "LookupError: nobody"


def test_a_context_tells_of_the_request_and_takes_what_is_said_of_the_answer(endpoint, runtime):
    code = """
        ATTRIBUTES = "X-Amzn-SageMaker-Custom-Attributes"
        def model_fn(model_dir):
            return None
        def input_fn(body, content_type, context):
            assert context.get_all_request_header(0)["content-type"] == content_type
            return context.get_request_header(0, ATTRIBUTES), context.get_request_header(0, "X-Nothing")
        def predict_fn(data, model):
            return data
        def output_fn(prediction, accept, context):
            if prediction[0] == "refuse":
                context.set_response_status(code=422, phrase="no")
            if prediction[0] == "echo":
                context.set_response_header(0, ATTRIBUTES, "heard")
                context.set_response_header(0, "Content-Type", "text/lost")
                context.set_response_content_type(0, "text/lost")
            if prediction[0] == "more":
                return context.manifest, "text/plain"
            return str(prediction), "text/plain"
    """
    with endpoint({"code/inference.py": code}, "pytorch-inference") as made:
        plain, echo = [
            runtime.invoke_endpoint(EndpointName=made, Body=b"[]", ContentType="application/json", **attributes)
            for attributes in ({}, {"CustomAttributes": "echo"})
        ]
        assert (plain["Body"].read(), plain.get("CustomAttributes")) == (b"(None, None)", None)
        assert (echo["Body"].read(), echo["CustomAttributes"]) == (b"('echo', None)", "heard")
        assert echo["ContentType"] == "text/plain"
        assert error(runtime, made, b"[]", CustomAttributes="refuse") == (422, "('refuse', None)")
        status, message = error(runtime, made, b"[]", CustomAttributes="more")
        assert status == 500 and message.startswith("context.manifest is not in the embedded AWS account. ")
        assert ask(runtime, made, b"[]")[1] == b"(None, None)"  # the status was that request's alone


@pytest.mark.parametrize(
    ("code", "told"),
    [
        ("def model_fn(model_dir): raise OSError('no model here')", "OSError: no model here"),
        ("1 + ", "SyntaxError: invalid syntax"),
        ("import no_such_module", "ModuleNotFoundError: No module named 'no_such_module'"),
        ("X = 1", "NotImplementedError: "),
        ("def model_fn(d): pass\ndef transform_fn(*a): pass\ndef input_fn(*a): pass", "ValueError: Cannot use "),
        ("raise ModuleNotFoundError(\"No module named 'torch'\", name='torch')", "PyTorch is not in the environment"),
        ("import sys; sys.exit(3)", "SystemExit: 3"),
    ],
)
def test_a_model_that_cannot_be_loaded_fails_the_endpoint(endpoint, sagemaker, code, told):
    with endpoint({"code/inference.py": code}, wanted="Failed") as made:
        reason = sagemaker.describe_endpoint(EndpointName=made)["FailureReason"]
        assert "did not pass the ping health check" in reason
        lines = wait_until(lambda: log(made), lambda it: any(line.startswith(told) for line in it), made)
        assert not any("local_aws" in line for line in lines)


def test_requirements_and_code_that_are_not_there(endpoint):
    files = {"code/inference.py": LOAD, "code/requirements.txt": "no-such-package-anywhere\n"}
    with endpoint(files, wanted="Failed") as made:
        wait_until(lambda: log(made), lambda it: any("pip installs nothing" in line for line in it), made)
    with endpoint({}, wanted="Failed", SAGEMAKER_SUBMIT_DIRECTORY="s3://no-such-bucket/code.tar.gz") as made:
        wait_until(lambda: log(made), lambda it: any("when calling the HeadObject" in line for line in it), made)


def test_pytorchs_training_image_does_not_serve(sagemaker, account):
    with pytest.raises(ClientError, match="is not implemented in the embedded AWS account"):
        sagemaker.create_model(
            ModelName=name("never"),
            PrimaryContainer={"Image": image("pytorch-training")},
            ExecutionRoleArn=account.account.role_arn,
        )


# Flows of the SDK

TRAIN = """
    import argparse, joblib, os, utils
    import numpy as np
    from sklearn.linear_model import Ridge
    parser = argparse.ArgumentParser()
    parser.add_argument("--alpha", type=float)
    parser.add_argument("--train", default=os.environ["SM_CHANNEL_TRAIN"])
    args = parser.parse_args()
    rows = np.loadtxt(os.path.join(args.train, "train.csv"), delimiter=",")
    model = Ridge(args.alpha).fit(rows[:, 1:], rows[:, 0])
    error = ((model.predict(rows[:, 1:]) - rows[:, 0]) ** 2).mean() ** 0.5
    print(f"{utils.WORD} rmse={error:.6f};")
    joblib.dump(model, os.path.join(os.environ["SM_MODEL_DIR"], "model.joblib"))
"""
METRICS = [{"Name": "train:rmse", "Regex": "rmse=([0-9.]+);"}]


@pytest.fixture(scope="module")
def session(account) -> Session:
    return utils.start("scripts").session


@pytest.fixture(scope="module")
def channel(account, s3, bucket) -> dict:
    rows = io.StringIO()
    np.savetxt(rows, np.column_stack([Y, X]), delimiter=",")
    s3.put_object(Bucket=bucket, Key="script-flows/train.csv", Body=rows.getvalue().encode())
    return {"train": TrainingInput(f"s3://{bucket}/script-flows/train.csv", content_type="text/csv")}


@pytest.fixture
def folder(tmp_path):
    for file, text in {"train.py": TRAIN, "inference.py": LOAD, "utils.py": "WORD = 'mine'"}.items():
        (tmp_path / file).write_text(textwrap.dedent(text))
    return tmp_path


@pytest.fixture
def learner(account, session, bucket, folder) -> SKLearn:
    return SKLearn(
        entry_point="train.py", source_dir=str(folder), framework_version="1.2-1", role=account.account.role_arn,
        instance_count=1, instance_type="ml.m5.large", hyperparameters={"alpha": 0.5}, metric_definitions=METRICS,
        base_job_name=name("flow"), output_path=f"s3://{bucket}/models", sagemaker_session=session,
    )  # fmt: skip


def test_a_model_by_way_of_the_sdk(learner, session, folder, channel, s3, bucket, account):
    learner.fit(channel, logs=False)
    attached = Estimator.attach(learner.latest_training_job.name, sagemaker_session=session)
    assert attached.model_data == learner.model_data
    assert SKLearn.attach(learner.latest_training_job.name, sagemaker_session=session).entry_point == "train.py"
    metrics = learner.training_job_analytics.dataframe()
    assert list(metrics["metric_name"]) == ["train:rmse"]
    file = io.BytesIO(members(s3, learner.model_data)["model.joblib"])
    wanted = joblib.load(file).predict(X[:4])

    predictor = learner.deploy(**MACHINE, entry_point="inference.py", source_dir=str(folder))
    try:
        np.testing.assert_allclose(predictor.predict(X[:4]), wanted)
    finally:
        predictor.delete_model()
        predictor.delete_endpoint()

    rows = "\n".join(",".join(map(str, row)) for row in X[:4])
    s3.put_object(Bucket=bucket, Key="script-batch/in/rows.csv", Body=rows.encode())
    transformer = learner.transformer(
        1, "ml.m5.large", output_path=f"s3://{bucket}/script-batch/out", accept="text/csv", entry_point="inference.py",
    )  # fmt: skip
    transformer.transform(f"s3://{bucket}/script-batch/in/", content_type="text/csv", logs=False)
    body = s3.get_object(Bucket=bucket, Key="script-batch/out/rows.csv.out")["Body"].read()
    np.testing.assert_allclose([float(line) for line in body.split()], wanted, rtol=1e-5)

    # The SDK packs the code into the artifact where the container may fetch nothing.
    model = SKLearnModel(
        model_data=learner.model_data, role=account.account.role_arn, entry_point=str(folder / "inference.py"),
        framework_version="1.2-1", sagemaker_session=session, enable_network_isolation=True, name=name("packed"),
    )  # fmt: skip
    predictor = model.deploy(**MACHINE)
    try:
        np.testing.assert_allclose(predictor.predict(X[:4]), wanted)
    finally:
        predictor.delete_model()
        predictor.delete_endpoint()


def test_a_source_dir_in_s3_and_tuning(learner, account, session, channel, s3, bucket):
    learner.source_dir = f"s3://{bucket}/script-flows/sourcedir.tar.gz"
    s3.put_object(
        Bucket=bucket, Key="script-flows/sourcedir.tar.gz", Body=packed({"train.py": TRAIN, "utils.py": "WORD = 's3'"})
    )
    tuner = HyperparameterTuner(
        learner, "train:rmse", {"alpha": ContinuousParameter(0.1, 1e6, "Logarithmic")}, metric_definitions=METRICS,
        objective_type="Minimize", max_jobs=3, max_parallel_jobs=2, strategy="Random", random_seed=1,
    )  # fmt: skip
    tuner.fit(channel)
    frame = tuner.analytics().dataframe()
    assert len(frame) == 3 and (frame["TrainingJobStatus"] == "Completed").all()
    # Ridge's error on its own rows grows with its price.
    assert frame.sort_values("alpha")["FinalObjectiveValue"].is_monotonic_increasing
    best = tuner.best_training_job()
    assert best == frame.sort_values("alpha")["TrainingJobName"].iloc[0]


def test_tuning_by_a_metric_that_nobody_defined_is_refused(learner, channel):
    tuner = HyperparameterTuner(
        learner, "other", {"alpha": ContinuousParameter(0.1, 1)}, metric_definitions=METRICS, max_jobs=1
    )
    with pytest.raises(ClientError, match="Provide a metric in the metric definitions"):
        tuner.fit(channel, job_name=name("refused"))  # the SDK's own name ends with the minute


def test_xgboost_as_a_framework(account, session, bucket, channel, tmp_path):
    (tmp_path / "train.py").write_text(
        textwrap.dedent("""
            import os, numpy as np, xgboost
            def model_fn(model_dir):
                booster = xgboost.Booster()
                booster.load_model(os.path.join(model_dir, "model.json"))
                return booster
            if __name__ == "__main__":
                rows = np.loadtxt(os.environ["SM_CHANNEL_TRAIN"] + "/train.csv", delimiter=",")
                booster = xgboost.train({"max_depth": 2}, xgboost.DMatrix(rows[:, 1:], rows[:, 0]), 4)
                booster.save_model(os.environ["SM_MODEL_DIR"] + "/model.json")
        """)
    )
    learner = XGBoost(
        entry_point="train.py", source_dir=str(tmp_path), framework_version="1.7-1", role=account.account.role_arn,
        instance_count=1, instance_type="ml.m5.large", base_job_name=name("flow"), output_path=f"s3://{bucket}/models",
        sagemaker_session=session,
    )  # fmt: skip
    learner.fit(channel, logs=False)
    predictor = learner.deploy(**MACHINE, serializer=CSVSerializer(), deserializer=JSONDeserializer())
    try:
        wanted = xgboost.train({"max_depth": 2}, xgboost.DMatrix(X, Y), 4).predict(xgboost.DMatrix(X[:2]))
        np.testing.assert_allclose(predictor.predict(X[:2]), wanted, rtol=1e-6)
    finally:
        predictor.delete_model()
        predictor.delete_endpoint()


def test_pytorch_by_way_of_the_sdk(account, session, bucket, channel, tmp_path):
    torch = pytest.importorskip("torch", reason="torch is not installed")
    (tmp_path / "train.py").write_text(
        textwrap.dedent("""
            import os, torch
            torch.manual_seed(1)
            torch.save(torch.nn.Linear(2, 1).state_dict(), os.path.join(os.environ["SM_MODEL_DIR"], "weights.pt"))
        """)
    )
    (tmp_path / "inference.py").write_text(
        textwrap.dedent("""
            import os, torch
            def model_fn(model_dir):
                model = torch.nn.Linear(2, 1)
                model.load_state_dict(torch.load(os.path.join(model_dir, "weights.pt")))
                return model
        """)
    )
    asked = {"framework_version": "2.3", "py_version": "py311", "role": account.account.role_arn}
    learner = PyTorch(
        entry_point="train.py", source_dir=str(tmp_path), instance_count=1, instance_type="ml.m5.large",
        base_job_name=name("flow"), output_path=f"s3://{bucket}/models", sagemaker_session=session, **asked,
    )  # fmt: skip
    learner.fit(channel, logs=False)
    model = PyTorchModel(
        model_data=learner.model_data, entry_point="inference.py", source_dir=str(tmp_path), sagemaker_session=session,
        name=name("torch"), **asked,
    )  # fmt: skip
    predictor = model.deploy(**MACHINE)
    try:
        torch.manual_seed(1)
        wanted = torch.nn.Linear(2, 1)(torch.FloatTensor(X[:2])).detach().numpy()
        np.testing.assert_allclose(predictor.predict(X[:2].astype("float32")), wanted, rtol=1e-6)
    finally:
        predictor.delete_model()
        predictor.delete_endpoint()
    assert os.path.exists(tmp_path / "train.py")
