"""The built-in XGBoost: its jobs against the library itself, its log and its refusals against AWS's container."""

from __future__ import annotations

import pickle
import re

import numpy as np
import pytest
import xgboost
from botocore.exceptions import ClientError
from hypothesis import given
from hypothesis import strategies as st
from sklearn import metrics

from local_aws.algorithms.recordio import write_features
from local_aws.algorithms.xgboost_algorithm import METRIC_DEFINITIONS, custom_metrics, hyperparameters
from local_aws.algorithms.xgboost_algorithm.errors import UserError
from support import training
from support.xgboost import FIRST_IMAGE, IMAGE, Jobs

PLAIN = {"num_round": "3", "objective": "reg:squarederror"}
X, Y = training.table(120, 3)
X_OTHER, Y_OTHER = training.table(60, 3, seed=8)


@pytest.fixture(scope="module")
def made(account, sagemaker, s3, bucket) -> Jobs:
    return Jobs(account, sagemaker, s3, bucket)


@pytest.fixture(scope="module")
def start(made):
    return made.start


@pytest.fixture(scope="module")
def run(made):
    return made.run


@pytest.fixture(scope="module")
def booster(made):
    return made.booster


def same(booster: xgboost.Booster, other: xgboost.Booster, x=X_OTHER) -> None:
    """Two models say the same, bit for bit."""
    data = xgboost.DMatrix(x)
    assert booster.predict(data).tobytes() == other.predict(data).tobytes()
    assert booster.num_boosted_rounds() == other.num_boosted_rounds()


def test_a_job_trains_as_the_library_does_and_logs_what_it_says(run, booster):
    given = {
        "num_round": "6", "objective": "reg:squarederror", "eta": "0.3", "max_depth": "4", "subsample": "0.7",
        "colsample_bytree": "0.7", "lambda": "2", "seed": "3", "eval_metric": "rmsle",
    }  # fmt: skip
    channels = {"train": {"a.csv": training.csv(X, Y)}, "validation": {"b.csv": training.csv(X_OTHER, Y_OTHER)}}
    body, lines = run(given, channels)
    assert body["TrainingJobStatus"] == "Completed", body.get("FailureReason")

    history = {}
    params = {
        "objective": "reg:squarederror", "eta": 0.3, "max_depth": 4, "subsample": 0.7, "colsample_bytree": 0.7,
        "lambda": 2, "seed": 3, "eval_metric": "rmsle", "nthread": 1,
    }  # fmt: skip
    train, validation = xgboost.DMatrix(X, label=Y), xgboost.DMatrix(X_OTHER, label=Y_OTHER)
    library = xgboost.train(
        params, train, 6, evals=[(train, "train"), (validation, "validation")], evals_result=history,
        verbose_eval=False,
    )  # fmt: skip
    same(booster(body), library)

    rounds = [line for line in lines if line.startswith("[") and "#011" in line]
    pairs = zip(history["train"]["rmsle"], history["validation"]["rmsle"], strict=True)
    assert rounds == [
        f"[{number}]#011train-rmsle:{one:.5f}#011validation-rmsle:{other:.5f}"
        for number, (one, other) in enumerate(pairs)
    ]
    final = {each["MetricName"]: each["Value"] for each in body["FinalMetricDataList"]}
    assert final == pytest.approx(
        {f"{name}:rmsle": round(history[name]["rmsle"][-1], 5) for name in ("train", "validation")}
    )

    # The lines and their order are those of jobs of AWS's own (image 1.7-1, July 2025) without Debugger's.
    at = r"\[20\d\d-\d\d-\d\d:\d\d:\d\d:\d\d:INFO\] "
    told = [line for line in lines if re.match(at, line)]
    data = "/opt/ml/input/data/train"
    wanted = [
        "Imported framework sagemaker_xgboost_container.training",
        "Failed to parse hyperparameter objective value reg:squarederror to Json.",
        "No GPUs detected (normal if no gpus installed)",
        "Running XGBoost Sagemaker in algorithm mode",
        "Determined 0 GPU(s) available on the instance.",
        "Determined delimiter of CSV input is ','",
        f"File path {data} of input files",
        f"Making smlinks from folder {data} to folder /tmp/sagemaker_xgboost_input_data",
        "files path: /tmp/sagemaker_xgboost_input_data",
        "Single node training.",
        "Train matrix has 120 rows and 3 columns",
        "Validation matrix has 60 rows",
    ]
    places = [next(n for n, line in enumerate(told) if re.fullmatch(at + re.escape(each), line)) for each in wanted]
    assert places == sorted(places)
    assert "Returning the value itself" in lines


def libsvm(x, y) -> bytes:
    rows = (
        " ".join([f"{label:.9g}", *(f"{i}:{v:.9g}" for i, v in enumerate(row))])
        for row, label in zip(x, y, strict=True)
    )
    return ("\n".join(rows) + "\n").encode()


FORMATS = {
    "several files": ({"a.csv": training.csv(X[:50], Y[:50]), "b/c.csv": training.csv(X[50:], Y[50:])}, "text/csv", {}),
    "semicolons": ({"a.csv": training.csv(X, Y).replace(b",", b";")}, "text/csv; label_size=1", {}),
    "weights": (
        {"a.csv": training.csv(np.column_stack([np.arange(1, 121), X]), Y)}, "csv", {"weight": np.arange(1, 121)},
    ),
    "no content type": ({"a": libsvm(X, Y)}, None, {}),
    "recordio": ({"a.pbr": write_features(X, Y)}, "application/x-recordio-protobuf", {}),
}  # fmt: skip


@pytest.mark.parametrize("kind", FORMATS)
def test_every_format_gives_the_same_matrix(kind, run, booster):
    files, content_type, extra = FORMATS[kind]
    weights = {"csv_weights": "1"} if kind == "weights" else {}
    body, _ = run({**PLAIN, **weights}, {"train": files}, content_type=content_type)
    assert body["TrainingJobStatus"] == "Completed", body.get("FailureReason")
    library = xgboost.train({"objective": "reg:squarederror", "nthread": 1}, xgboost.DMatrix(X, label=Y, **extra), 3)
    same(booster(body), library)


def test_early_stopping_keeps_the_best_round(run, booster):
    given = {**PLAIN, "num_round": "200", "eta": "1", "eval_metric": "rmse", "early_stopping_rounds": "3"}
    channels = {"train": {"a.csv": training.csv(X, Y)}, "validation": {"b.csv": training.csv(X_OTHER, Y_OTHER)}}
    body, lines = run(given, channels)
    scores = [float(line.rpartition("validation-rmse:")[2]) for line in lines if "#011validation-rmse:" in line]
    best = int(np.argmin(scores))
    assert len(scores) == best + 4 < 200
    said = booster(body).predict(xgboost.DMatrix(X_OTHER))
    assert booster(body).num_boosted_rounds() == best + 1
    assert np.sqrt(np.mean((said - Y_OTHER) ** 2)) == pytest.approx(scores[best], abs=1e-4)


def test_the_containers_own_metrics_are_scikit_learns(run, booster):
    labels = (Y > np.median(Y)).astype("float32")
    names = ["accuracy", "balanced_accuracy", "f1", "precision", "recall", "auc"]
    given = {"num_round": "2", "objective": "binary:logistic", "max_depth": "1", "eval_metric": ",".join(names)}
    body, _ = run(given, {"train": {"a.csv": training.csv(X, labels)}})
    final = {each["MetricName"]: each["Value"] for each in body["FinalMetricDataList"]}
    said = booster(body).predict(xgboost.DMatrix(X))
    chosen = said > 0.5
    assert final == pytest.approx(
        {
            "train:accuracy": metrics.accuracy_score(labels, chosen),
            "train:balanced_accuracy": metrics.balanced_accuracy_score(labels, chosen),
            "train:f1": metrics.f1_score(labels, chosen, average="macro"),
            "train:precision": metrics.precision_score(labels, chosen),
            "train:recall": metrics.recall_score(labels, chosen),
            "train:auc": metrics.roc_auc_score(labels, said),
        },
        abs=1e-5,
    )


@given(
    pairs=st.lists(st.tuples(*[st.floats(-(2**50), 2**50, width=32)] * 2), min_size=1, max_size=40),
    copies=st.integers(1, 40),
    name=st.sampled_from(["mae", "mse", "rmse"]),
)
def test_means_of_errors_are_scikit_learns_to_the_bit(pairs, copies, name):
    true, said = np.array(pairs * copies, "float32").T.copy()
    functions = {"mae": "mean_absolute_error", "mse": "mean_squared_error", "rmse": "root_mean_squared_error"}
    found = custom_metrics.evaluation([name], "reg:squarederror")(said, xgboost.DMatrix(np.zeros((len(true), 1)), true))
    assert found == [(name, getattr(metrics, functions[name])(true, said))]


def test_a_mean_of_errors_that_are_not_finite_is_refused_as_scikit_learn_refuses_it():
    data = xgboost.DMatrix(np.zeros((2, 1)), [1, 2])
    with pytest.raises(ValueError, match="Input contains infinity"):
        custom_metrics.evaluation(["rmse"], "reg:squarederror")(np.array([1, np.inf], "float32"), data)


def test_a_stopped_job_keeps_its_model_if_it_was_asked_to(start, sagemaker, booster):
    job = start(
        {**PLAIN, "num_round": "1000000", "save_model_on_termination": "true"}, {"train": {"a": training.csv(X, Y)}}
    )
    training.wait_until(
        lambda: sagemaker.describe_training_job(TrainingJobName=job)["SecondaryStatus"],
        lambda status: status == "Training",
        job,
    )
    import boto3

    cloudwatch = boto3.client("cloudwatch")
    training.wait_until(
        lambda: cloudwatch.list_metrics(Dimensions=[{"Name": "TrainingJobName", "Value": job}])["Metrics"], bool, job
    )
    sagemaker.stop_training_job(TrainingJobName=job)
    body = training.ended(sagemaker, job)
    assert body["TrainingJobStatus"] == "Stopped"
    assert booster(body).num_boosted_rounds() > 0


FAILURES = {
    "no rounds": ({}, {"train": {"a": b"1,2\n"}}, "UserError: Missing required hyperparameter: num_round"),
    "not numbers for libsvm": (
        PLAIN,
        {"train": {"a.csv": b"1,2,3\n"}},
        "UserError: First line '1,2,3\n...' of file 'a.csv' is not 'LIBSVM' format. Please ensure the file is in "
        "'LIBSVM' format.",
    ),
    "labels": (
        {"num_round": "1", "objective": "multi:softmax", "num_class": "2"},
        {"train": {"a": b"0 0:1\n7 0:2\n"}},
        "UserError: [",
    ),
    "columns": (
        PLAIN,
        {"train": {"a": b"0 0:1 1:2\n1 0:2 1:3\n"}, "validation": {"b": b"0 0:1 9:2\n1 0:2 9:3\n"}},
        "AlgorithmError: XGB train call failed with exception:\n [",
    ),
    "an empty channel": (
        PLAIN,
        {"train": {"a": b"0 0:1 1:2\n"}, "validation": {"b": b""}},
        "UserError: No data in validation channel path /opt/ml/input/data/validation",
    ),
}


@pytest.mark.parametrize("case", FAILURES)
def test_a_job_fails_with_the_containers_words(case, run, tmp_path):
    given, channels, said = FAILURES[case]
    body, lines = run(given, channels, content_type=None)
    assert body["TrainingJobStatus"] == "Failed"
    beginning = "AlgorithmError: framework error: \nTraceback (most recent call last):\n"
    assert body["FailureReason"].startswith(f"{beginning}sagemaker_algorithm_toolkit.exceptions.{said}")
    assert any(line.endswith(":ERROR] Reporting training FAILURE") for line in lines)
    for text in (body["FailureReason"], *lines):
        assert "site-packages" not in text and ".so" not in text


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"num_round": "0"}, "Hyperparameter num_round: 0 is not in [1, +inf)"),
        ({"num_round": "x"}, "Hyperparameter num_round: could not parse value (caused by ValueError)"),
        ({"num_round": "1", "silent": "0"}, "Extraneous hyperparameter found: silent"),
        ({"num_round": "1", "eta": "1.5"}, "Hyperparameter eta: 1.5 is not in [0, 1]"),
        ({"num_round": "1", "learning_rate": "nan"}, "Hyperparameter eta: nan is not in [0, 1]"),
        ({"num_round": "1", "subsample": "0"}, "Hyperparameter subsample: 0.0 is not in (0, 1]"),
        (
            {"num_round": "1", "booster": "tree"},
            "Hyperparameter booster: tree is not in ['gbtree', 'gblinear', 'dart']",
        ),
        ({"num_round": "1", "objective": "multi:softmax"}, "Require input for parameter 'num_class'"),
        (
            {"num_round": "1", "objective": "reg:gamma", "eval_metric": "auc"},
            "Metric 'auc' can only be applied for classification and ranking",
        ),
        ({"num_round": "1", "eval_metric": "<function f>"}, "User defined evaluation metric <function f> is not supp"),
        ({"num_round": "1", "eval_metric": "rmse,mare"}, "Hyperparameter eval_metric: value ['rmse', 'mare'] not in"),
        ({"num_round": "1", "eval_metric": "rmse@2"}, "Metric 'rmse@2' is not supported."),
        ({"num_round": "1", "eval_metric": "error@x"}, "Threshold value 't' in 'error@t' expects float input."),
        ({"num_round": "1", "monotone_constraints": "(1, 0)"}, "monotone_constraints can be used only when"),
        ({"num_round": "1", "monotone_constraints": "exit()"}, "Hyperparameter monotone_constraints: could not parse"),
        ({"num_round": "1", "interaction_constraints": "[[0]]"}, "Hyperparameter interaction_constraints: value [[0]]"),
        ({"num_round": "1", "updater": "grow_colmaker,distcol"}, "Only one tree grow plugin can be selected."),
        ({"num_round": "1", "booster": "gblinear", "updater": "prune"}, "Linear updater should be one of"),
    ],
)
def test_a_wrong_hyperparameter_is_named(given, said):
    with pytest.raises(UserError) as caught:
        hyperparameters.read(given)
    assert str(caught.value).startswith(said)


def test_hyperparameters_have_the_types_that_xgboost_wants():
    read = hyperparameters.read(
        {
            "num_round": "7", "min_split_loss": "0.5", "tree_method": "hist", "monotone_constraints": "(1,-1)",
            "interaction_constraints": "[[1, 2], [3]]", "eval_metric": "rmse,error@0.4", "objective": "reg:logistic",
        }
    )  # fmt: skip
    assert read == {
        "num_round": 7, "gamma": 0.5, "tree_method": "hist", "monotone_constraints": (1, -1),
        "interaction_constraints": [[1, 2], [3]], "eval_metric": ["rmse", "error@0.4"], "objective": "reg:logistic",
    }  # fmt: skip


BINARY = {"num_round": "3", "objective": "binary:logistic"}
CLASSES = (Y > np.median(Y)).astype("float32")
AS_BEFORE = {"base_score": 0.5, "tree_method": "exact"}  # what XGBoost 1 did where nothing was said


@pytest.mark.parametrize(
    ("image", "known_then", "pickled", "metric"),
    [
        (f"{FIRST_IMAGE}:1", AS_BEFORE, True, "error"),
        (f"{FIRST_IMAGE}:latest", AS_BEFORE, True, "error"),
        (IMAGE.replace("3.0-5", "1.2-1-cpu-py3"), AS_BEFORE, True, "error"),
        (IMAGE.replace("3.0-5", "1.7-1"), AS_BEFORE, False, "logloss"),
        (IMAGE, {}, False, "logloss"),
    ],
)
def test_releases(image, known_then, pickled, metric, run, s3):
    """Each with its own defaults and its own way to write the model, on the library of the newest."""
    body, lines = run(BINARY, {"train": {"a.csv": training.csv(X, CLASSES)}}, image=image)
    assert body["TrainingJobStatus"] == "Completed", body.get("FailureReason")
    assert [each["MetricName"] for each in body["FinalMetricDataList"]] == [f"train:{metric}"]
    data = training.members(s3, body["ModelArtifacts"]["S3ModelArtifacts"])["xgboost-model"]
    model = pickle.loads(data) if pickled else xgboost.Booster(model_file=bytearray(data))
    params = {"objective": "binary:logistic", "nthread": 1, **known_then}
    same(model, xgboost.train(params, xgboost.DMatrix(X, label=CLASSES), 3))
    assert any("not the library of the image's release" in line for line in lines) == (image != IMAGE)


def test_a_release_that_never_was_is_refused(start):
    with pytest.raises(ClientError, match=r"of sagemaker-xgboost run here: 3.0-5, .*, 1.7-1, "):
        start(PLAIN, {"train": {"a.csv": training.csv(X, Y)}}, image=IMAGE.replace("3.0-5", "1.9-1"))


def test_addresses_of_s3_are_uris_too(account, sagemaker, s3, bucket):
    s3.put_object(Bucket=bucket, Key="addresses/train/a.csv", Body=training.csv(X, Y))
    channel = training.channel(f"https://s3-us-east-1.amazonaws.com/{bucket}/addresses/train")
    job, output = training.name("address"), f"https://{bucket}.s3.us-east-1.amazonaws.com/addresses"
    request = training.definition(account, job, channel, bucket=bucket, hyperparameters=PLAIN)
    request["AlgorithmSpecification"]["TrainingImage"] = IMAGE
    sagemaker.create_training_job(**request | {"OutputDataConfig": {"S3OutputPath": output}})
    artifact = training.ended(sagemaker, job)["ModelArtifacts"]["S3ModelArtifacts"]
    assert artifact == f"{output}/{job}/output/model.tar.gz"
    assert list(training.members(s3, f"s3://{bucket}/addresses/{job}/output/model.tar.gz")) == ["xgboost-model"]


def test_metric_definitions_have_the_form_that_aws_shows():
    """A job of AWS's image 1.5-1 (May 2025) shows this one among others."""
    number = r"([-+]?[0-9]*\.?[0-9]+(?:[eE][-+]?[0-9]+)?)"
    assert {"Name": "validation:rmse", "Regex": rf".*\[[0-9]+\].*#011validation-rmse:{number}.*"} in METRIC_DEFINITIONS


def tuning(account, bucket, name: str, objective: tuple[str, str], tuned: str) -> dict:
    definition = training.definition(account, "", training.channel(f"s3://{bucket}/tune/train/"), bucket=bucket)
    definition["InputDataConfig"].append(training.channel(f"s3://{bucket}/tune/validation/", "validation"))
    spec = {"TrainingImage": IMAGE, "TrainingInputMode": "File"}
    kept = ("RoleArn", "InputDataConfig", "OutputDataConfig", "ResourceConfig", "StoppingCondition")
    return {
        "HyperParameterTuningJobName": name,
        "HyperParameterTuningJobConfig": {
            "Strategy": "Random",
            "RandomSeed": 1,
            "HyperParameterTuningJobObjective": {"Type": objective[0], "MetricName": objective[1]},
            "ResourceLimits": {"MaxNumberOfTrainingJobs": 2, "MaxParallelTrainingJobs": 1},
            "ParameterRanges": {
                "IntegerParameterRanges": [{"Name": tuned, "MinValue": "1", "MaxValue": "6", "ScalingType": "Linear"}]
            },
        },
        "TrainingJobDefinition": {
            "AlgorithmSpecification": spec,
            "StaticHyperParameters": PLAIN,
            **{member: definition[member] for member in kept},
        },
    }


def test_a_tuning_job_finds_the_better_tree(account, sagemaker, s3, bucket):
    s3.put_object(Bucket=bucket, Key="tune/train/a.csv", Body=training.csv(X, Y))
    s3.put_object(Bucket=bucket, Key="tune/validation/a.csv", Body=training.csv(X_OTHER, Y_OTHER))
    name = training.name("tune")[-32:]
    create = sagemaker.create_hyper_parameter_tuning_job
    wrong_way = tuning(account, bucket, name, ("Maximize", "validation:rmse"), "max_depth")
    assert "The objective metric type, [Maximize]" in training.refusal(create, **wrong_way)[1]
    train_metric = tuning(account, bucket, name, ("Minimize", "train:rmse"), "max_depth")
    assert "[train:rmse], isn't valid" in training.refusal(create, **train_metric)[1]
    untunable = tuning(account, bucket, name, ("Minimize", "validation:rmse"), "max_leaves")
    assert "untunable hyperparameters: [max_leaves]" in training.refusal(create, **untunable)[1]

    create(**tuning(account, bucket, name, ("Minimize", "validation:rmse"), "max_depth"))
    body = training.wait_until(
        lambda: sagemaker.describe_hyper_parameter_tuning_job(HyperParameterTuningJobName=name),
        lambda body: body["HyperParameterTuningJobStatus"] in ("Completed", "Failed"),
        name,
    )
    assert body["HyperParameterTuningJobStatus"] == "Completed"
    found = sagemaker.list_training_jobs_for_hyper_parameter_tuning_job(HyperParameterTuningJobName=name)
    values = {
        each["TrainingJobName"]: each["FinalHyperParameterTuningJobObjectiveMetric"]["Value"]
        for each in found["TrainingJobSummaries"]
    }
    assert len(values) == 2
    assert body["BestTrainingJob"]["TrainingJobName"] == min(values, key=values.get)
