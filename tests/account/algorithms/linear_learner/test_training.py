"""Linear Learner's training jobs through the container's door: numbers, log, artifact."""

import itertools
import json
import os
import re
import subprocess
import sys
import zipfile

import numpy as np
import pytest
from sklearn.linear_model import Lasso, LinearRegression, QuantileRegressor, Ridge
from sklearn.metrics import mean_absolute_error, mean_squared_error, r2_score

from local_aws.algorithms.linear_learner import METRIC_DEFINITIONS
from local_aws.algorithms.recordio import write_features
from support.linear_learner import (
    CONVERGE,
    DATA,
    RECORDIO,
    ROOT,
    coefficients,
    example,
    fit,
    lay_out,
    metric_lines,
    objectives,
    quality,
    winner,
)


def test_aws_trained_this_table_to_these_numbers(tmp_path):
    table = DATA / "management_experience.csv"
    if not table.exists():
        pytest.skip(f"{table.name} is not in the folder that COURSE_TEST_DATA names")
    log = fit(tmp_path, {"mini_batch_size": "4"}, {"train": {"table.csv": table.read_bytes()}})
    weights, bias = coefficients(tmp_path)
    assert weights == pytest.approx([8.2192345], rel=5e-7)
    assert bias == pytest.approx(881.39258, rel=5e-7)
    assert winner(log) == {
        "optimizer": "adam",
        "learning_rate": 0.1,
        "wd": 0.0001,
        "l1": 0.0,
        "lr_scheduler_step": 10,
        "lr_scheduler_factor": 0.99,
        "lr_scheduler_minimum_lr": 1e-05,
    }


def reference_run(train, validation, batch, epochs, absolute):
    """The whole of a default job once more, one model and one number at a time."""
    x, y = (np.asarray(part, float) for part in train)
    whole = len(x) // batch * batch
    mean, deviation = x[:whole].mean(0), x[:whole].std(0)
    label_mean, label_deviation = y[:whole].mean(), y[:whole].std()
    z, t = (x - mean) / deviation, (y - label_mean) / label_deviation
    v, u = (np.asarray(validation[0], float) - mean) / deviation, np.asarray(validation[1], float)
    draws = np.random.RandomState(0)
    first = {}
    for name in sorted(f"fc{m}_weight" for m in range(32)):
        words = np.frombuffer(draws.bytes(4 * x.shape[1]), "<u4")
        uniform = words.astype(np.float32) / np.float32(2**32)
        low, high = np.float32(-0.07), np.float32(0.07)
        first[int(name[2:-7])] = [float(w) for w in low + (high - low) * uniform]
    b1, b2 = float(np.float32(0.9)), float(np.float32(0.999))
    c1, c2 = float(np.float32(1) - np.float32(0.9)), float(np.float32(1) - np.float32(0.999))
    grid = list(itertools.product((1e-4, 0.01, 1, 100), (0.005, 0.1), (1e-5, 1e-4), (10, 100)))
    losses, scores = np.zeros((epochs, 32)), np.zeros((epochs, 32))
    for m, (wd, rate, floor, step) in enumerate(grid):
        w = [*first[m], 0.0]
        moment, square = [0.0] * len(w), [0.0] * len(w)
        update = count = 0
        for epoch in range(epochs):
            for start in range(0, whole, batch):
                update += 1
                if update > count + step:
                    count += step
                    rate = max(rate * 0.99, floor)
                gradient, loss = [0.0] * len(w), 0.0
                for row in range(start, start + batch):
                    inputs = [*z[row], 1.0]
                    error = sum(a * b for a, b in zip(w, inputs, strict=True)) - t[row]
                    loss += abs(error) if absolute else error * error
                    slope = np.sign(error) if absolute else error
                    gradient = [g + slope * i / batch for g, i in zip(gradient, inputs, strict=True)]
                losses[epoch, m] += loss / batch / (whole // batch)
                for k in range(len(w)):
                    bias = k == len(w) - 1
                    g = gradient[k] + (0 if bias else wd * w[k])
                    moment[k] = b1 * moment[k] + c1 * g
                    square[k] = b2 * square[k] + c2 * g * g
                    lr = rate * (10 if bias else 1) * (1 - 0.999**update) ** 0.5 / (1 - 0.9**update)
                    w[k] -= lr * moment[k] / (square[k] ** 0.5 + 1e-8)
            errors = (v @ w[:-1] + w[-1]) * label_deviation + label_mean - u
            scores[epoch, m] = np.mean(np.abs(errors) if absolute else errors**2)
    return losses, scores


@pytest.mark.parametrize("absolute", [False, True])
def test_every_model_follows_an_independent_computation(tmp_path, absolute):
    train, validation = example(45), example(11, seed=1)
    given = {"mini_batch_size": "7", "epochs": "4", "early_stopping_patience": "9"}
    given["loss"] = "absolute_loss" if absolute else "squared_loss"
    log = fit(tmp_path, given, {"train": train, "validation": validation})
    losses, scores = reference_run(train, validation, 7, 4, absolute)
    name = "absolute_loss_objective" if absolute else "mse_objective"
    assert objectives(log, f"train_{name}") == pytest.approx(losses, rel=1e-6)
    assert objectives(log, f"validation_{name}") == pytest.approx(scores, rel=1e-6)


def test_final_metrics_are_those_of_scikit_learn_in_label_units(tmp_path):
    train, validation, test = example(60), example(23, seed=1), example(17, seed=2)
    log = fit(tmp_path, {"mini_batch_size": "8"}, {"train": train, "validation": validation, "test": test})
    weights, bias = coefficients(tmp_path)
    for channel, (x, y) in {"validation": validation, "test": test}.items():
        predicted = x.astype(float) @ weights + bias
        mse, mae = mean_squared_error(y, predicted), mean_absolute_error(y, predicted)
        expected = {
            "mse_objective": mse,
            "mse": mse,
            "absolute_loss": mae,
            "rmse": mse**0.5,
            "r2": r2_score(y, predicted),
            "mae": mae,
        }
        printed = quality(log, channel)
        assert list(printed) == list(expected)
        assert printed == pytest.approx(expected, rel=1e-5)
    assert quality(log, "train") == {}


def test_the_kept_model_is_the_best_of_the_last_epoch_that_improved(tmp_path):
    train, validation = example(64), example(20, seed=1)
    log = fit(tmp_path, {"mini_batch_size": "8", "epochs": "40"}, {"train": train, "validation": validation})
    scores = objectives(log, "validation_mse_objective")
    improved = [int(e) for e in re.findall(r"Epoch (\d+): Loss improved", log)]
    criteria = re.findall(
        r"#early_stopping_criteria_metric: \S+, epoch=(\d+), criteria=mse_objective, value=(\S+)", log
    )
    assert [float(value) for _, value in criteria[:-1]] == list(scores.min(axis=1))
    assert criteria[-1] == criteria[-2]
    assert quality(log, "validation")["mse_objective"] == pytest.approx(scores[improved[-1]].min(), rel=1e-9)
    assert scores.min() < scores[improved[-1]].min() or improved[-1] == scores.min(axis=1).argmin()


@pytest.mark.parametrize(
    ("given", "regression"),
    [
        ({"wd": "0"}, LinearRegression()),
        ({"wd": "0.5"}, Ridge(alpha=0.5 * 40)),
        ({"wd": "0", "l1": "8"}, Lasso(alpha=8 / 40, tol=1e-10)),
    ],
)
def test_a_long_run_ends_at_the_optimum_that_scikit_learn_finds(tmp_path, given, regression):
    """The objective in the log has no penalty in it, so the run's end shows the penalised optimum."""
    x, y = example(40)
    log = fit(tmp_path, CONVERGE | given, {"train": (x, y)})
    normal = (x - x.astype(float).mean(axis=0)) / x.astype(float).std(axis=0)
    target = (y - y.astype(float).mean()) / y.astype(float).std()
    optimum = mean_squared_error(target, regression.fit(normal, target).predict(normal))
    assert objectives(log, "train_mse_objective")[-1] == pytest.approx([optimum], rel=1e-3)


def test_without_penalty_the_coefficients_are_those_of_least_squares(tmp_path):
    x, y = example(40)
    fit(tmp_path, CONVERGE | {"wd": "0"}, {"train": (x, y)})
    weights, bias = coefficients(tmp_path)
    exact = LinearRegression().fit(x, y)
    assert weights == pytest.approx(exact.coef_, rel=1e-3)
    assert bias == pytest.approx(exact.intercept_, rel=1e-2)


def test_without_bias_the_line_goes_through_the_origin(tmp_path):
    x, y = example(40)
    x = x - np.float32([0, 0, 300])
    fit(tmp_path, CONVERGE | {"wd": "0", "use_bias": "false", "lr_scheduler_factor": "0.98"}, {"train": (x, y)})
    weights, bias = coefficients(tmp_path)
    assert bias == 0
    assert weights == pytest.approx(LinearRegression(fit_intercept=False).fit(x, y).coef_, rel=1e-3)


def test_a_long_run_of_absolute_loss_ends_at_the_median_regression(tmp_path):
    x, y = example(40)
    log = fit(tmp_path, CONVERGE | {"wd": "0", "loss": "absolute_loss"}, {"train": (x, y)})
    best = QuantileRegressor(quantile=0.5, alpha=0, solver="highs").fit(x, y)
    optimum = mean_absolute_error(y, best.predict(x))
    reached = quality(log, "train")
    assert optimum * (1 - 1e-6) <= reached["absolute_loss_objective"] <= optimum * 1.01
    assert reached["absolute_loss_objective"] == reached["absolute_loss"] == reached["mae"]


def test_the_scaler_takes_the_first_whole_batches_only(tmp_path):
    x, y = example(50)
    log = fit(tmp_path, {"mini_batch_size": "8", "num_point_for_scaler": "16", "epochs": "1"}, {"train": (x, y)})
    shown = re.search(r"'stdev_label': \n\[(\S+)\].*'mean_label': \n\[(\S+)\]", log, re.DOTALL)
    assert float(shown[1]) == pytest.approx(y[:24].astype(float).std(), rel=1e-6)
    assert float(shown[2]) == pytest.approx(y[:24].astype(float).mean(), rel=1e-6)
    start = next(r for r in metric_lines(log) if r["Dimensions"].get("Meta") == "init_train_data_iter")
    assert start["Metrics"]["Total Records Seen"]["sum"] == 8 + 24
    assert start["Metrics"]["Reset Count"]["sum"] == 2


def test_a_constant_feature_is_left_as_it_is_and_does_no_harm(tmp_path):
    x, y = example(40)
    constant = np.column_stack([x, np.full(40, np.float32(0.1))])
    log = fit(tmp_path, {"mini_batch_size": "8"}, {"train": (constant, y)})
    shown = re.search(r"'stdev_weight': \n\[(.*?)\]", log, re.DOTALL)[1].split()
    assert float(shown[3]) == 1.0
    weights, bias = coefficients(tmp_path)
    predicted = constant.astype(float) @ weights + bias
    assert quality(log, "train")["mse"] == pytest.approx(mean_squared_error(y, predicted), rel=1e-5)
    assert quality(log, "train")["r2"] > 0.8


@pytest.mark.parametrize(
    "options",
    [
        {"normalize_data": "false"},
        {"normalize_label": "false"},
        {"unbias_data": "false"},
        {"unbias_label": "false"},
        {"use_bias": "false"},
        {"use_bias": "false", "unbias_label": "true"},
        {"normalize_data": "auto", "normalize_label": "true", "unbias_data": "true", "unbias_label": "true"},
    ],
)
def test_scaling_options_keep_the_artifact_in_raw_units(tmp_path, options):
    x, y = example(40)
    x = x - np.float32([0, 0, 300])
    log = fit(tmp_path, {"mini_batch_size": "8", "epochs": "30"} | options, {"train": (x, y)})
    weights, bias = coefficients(tmp_path)
    predicted = x.astype(float) @ weights + bias
    assert quality(log, "train")["mse"] == pytest.approx(mean_squared_error(y, predicted), rel=1e-4)
    on = options.get("unbias_label", options.get("use_bias", "true")) != "false"
    assert ("'mean_label': \n[0.]" in log) is not on
    assert ("'stdev_label': \n[1.]" in log) is (options.get("normalize_label") == "false")


def test_csv_and_recordio_give_the_same_bytes_whatever_the_files_are(tmp_path):
    x, y = example(50)
    options = {"mini_batch_size": "8"}
    fit(tmp_path / "csv", options, {"train": (x, y)})
    lines = (tmp_path / "csv" / "input" / "data" / "train" / "data.csv").read_bytes().splitlines(keepends=True)
    parts = {"b/2.csv": b"".join(lines[20:]), "a.csv": b"".join(lines[:20]), ".hidden": b"x", "_empty": b""}
    fit(tmp_path / "parts", options, {"train": parts})
    pieces = {"matrix_0.pbr": write_features(x[:13], y[:13]), "matrix_1.pbr": write_features(x[13:], y[13:])}
    log = fit(tmp_path / "recordio", options, {"train": pieces}, {"train": RECORDIO})
    models = {(tmp_path / job / "model" / "model_algo-1").read_bytes() for job in ("csv", "parts", "recordio")}
    assert len(models) == 1
    assert '[tensorio] [info] epoch_stats={"data_pipeline": "/opt/ml/input/data/train", "epoch": 0' in log


@pytest.mark.parametrize(
    ("options", "models", "warned"),
    [
        ({}, 32, False),
        ({"num_models": "auto"}, 32, False),
        ({"num_models": "5"}, 5, False),
        ({"num_models": "50"}, 32, True),
        ({"num_models": "5", "_tuning_objective_metric": "validation:mse"}, 1, False),
    ],
)
def test_number_of_models(tmp_path, options, models, warned):
    log = fit(tmp_path, {"mini_batch_size": "8", "epochs": "2"} | options, {"train": example(40)})
    assert objectives(log, "train_mse_objective").shape == (2, models)
    assert ("WARNING" in log and "Setting num_models to 32." in log) is warned


def test_given_values_replace_their_column_of_the_grid(tmp_path):
    given = {
        "learning_rate": "0.03",
        "wd": "0.5",
        "l1": "0.25",
        "lr_scheduler_step": "7",
        "lr_scheduler_factor": "0.5",
        "lr_scheduler_minimum_lr": "0.001",
        "num_models": "1",
        "mini_batch_size": "8",
    }
    log = fit(tmp_path, given, {"train": example(40)})
    best = re.search(r"Best model found for hyperparameters: (.*)", log)[1]
    assert best == (
        '{"optimizer": "adam", "learning_rate": 0.03, "l1": 0.25, "wd": 0.5, "lr_scheduler_step": 7, '
        '"lr_scheduler_factor": 0.5, "lr_scheduler_minimum_lr": 0.001}'
    )


def test_the_log_has_awss_lines_in_awss_order(tmp_path):
    train, validation, test = example(40), example(12, seed=1), example(9, seed=2)
    given = {"mini_batch_size": "8", "epochs": "2", "num_models": "2"}
    log = fit(tmp_path, given, {"train": train, "validation": validation, "test": test})
    assert str(tmp_path) not in log
    stamp = r"\[\d\d/\d\d/\d{4} \d\d:\d\d:\d\d "
    assert len(set(re.findall(rf"^{stamp}\w+ (\d+)\] ", log, re.M))) == 1
    kinds = [
        re.sub(rf"^{stamp}(\w+) \d+\] ", r"\1 ", line)
        for line in log.splitlines()
        if not re.match(r"\[[\d. e+-]|\d|<NDArray|$", line) or re.match(stamp, line)
    ]
    expected = [
        "Docker entrypoint called with argument",
        "Running default environment configuration script",
        "INFO Reading default configuration from /opt/amazon",
        "INFO Merging with provided configuration from /opt/ml/input/config/hyperparameters.json: {",
        "INFO Final configuration: {",
        "WARNING Loggers have already been setup.",
        "INFO Final configuration: {",
        "WARNING Loggers have already been setup.",
        "Process ",
        "INFO Using default worker.",
        "INFO Checkpoint loading and saving are disabled.",
        "INFO Create Store: local",
        "INFO Scaler algorithm parameters",
        " <algorithm.scaler.ScalerAlgorithmStable object at 0x",
        "INFO Scaling model computed with parameters:",
        " {'stdev_label': ",
        "INFO nvidia-smi: took ",
        "INFO nvidia-smi identified 0 GPUs.",
        "INFO Number of GPUs being used: 0",
        '#metrics {"StartTime": ',
    ]
    for epoch, percent in enumerate(("50.0", "100.0")):
        expected += ["#metrics "] * 2
        expected += [f"INFO #quality_metric: host=algo-1, epoch={epoch}, train mse_objective <loss>="]
        expected += ["#metrics "] * 2
        expected += [
            f"INFO #quality_metric: host=algo-1, epoch={epoch}, validation mse_objective <loss>=",
            f"INFO #early_stopping_criteria_metric: host=algo-1, epoch={epoch}, criteria=mse_objective, value=",
            f"INFO Epoch {epoch}: Loss improved. Updating best model",
            f"INFO Saving model for epoch: {epoch}",
            'INFO Saved checkpoint to "/tmp/tmp',
            f"INFO #progress_metric: host=algo-1, completed {percent} % of epochs",
            "#metrics ",
            "INFO #throughput_metric: host=algo-1, train throughput=",
        ]
    expected += ["WARNING wait_for_all_workers will not sync workers since the kv store is not running "] * 2
    expected += ["INFO #early_stopping_criteria_metric: host=algo-1, epoch=1, criteria=mse_objective, value="]
    names = ("mse_objective", "mse", "absolute_loss", "rmse", "r2", "mae")
    expected += [f"INFO #validation_score (algo-1) : ('{name}', " for name in names]
    expected += [f"INFO #quality_metric: host=algo-1, validation {name} <loss>=" for name in names]
    expected += ['INFO Best model found for hyperparameters: {"optimizer": "adam", ']
    expected += ['INFO Saved checkpoint to "/tmp/tmp', "#metrics "]
    expected += [f"INFO #test_score (algo-1) : ('{name}', " for name in names]
    expected += [f"INFO #quality_metric: host=algo-1, test {name} <loss>=" for name in names]
    expected += ["#metrics "]
    starts = [line[: len(start)] for line, start in zip(kinds, expected, strict=False)]
    mismatch = [(line, start) for line, start in zip(starts, expected, strict=True) if line != start]
    assert not mismatch
    assert len(kinds) - len(expected) == 0, [k for k in kinds if not any(k.startswith(e) for e in expected)]


def test_an_early_stop_says_so_and_counts_its_epochs(tmp_path):
    log = fit(tmp_path, {"mini_batch_size": "8", "epochs": "200"}, {"train": example(40)})
    assert "Early stop condition met. Stopping training." in log
    assert "#progress_metric: host=algo-1, completed 100 % epochs" in log
    assert "Test data is not provided." in log
    assert "#train_score (algo-1) : ('mse_objective', " in log
    ran = len(objectives(log, "train_mse_objective"))
    assert ran < 200
    last = metric_lines(log)[-1]["Metrics"]
    assert last["epochs"]["sum"] == 200
    assert last["update.time"]["count"] == ran
    assert last["check_early_stopping.time"]["count"] == ran + 1
    assert list(last)[-2:] == ["setuptime", "totaltime"]


def test_the_services_regular_expressions_find_a_regressors_metrics(tmp_path):
    channels = {"train": example(40), "validation": example(12, seed=1), "test": example(9, seed=2)}
    log = fit(tmp_path, {"mini_batch_size": "8", "epochs": "3"}, channels)
    log += fit(tmp_path / "train only", {"mini_batch_size": "8", "epochs": "3"}, {"train": example(40)})
    found = {d["Name"] for d in METRIC_DEFINITIONS if re.search(d["Regex"], log)}
    expected = {"train:throughput", "train:progress", "test:objective_loss", "validation:rmse"}
    expected |= {f"{c}:objective_loss" for c in ("train", "validation")}
    expected |= {f"{c}:objective_loss:final" for c in ("train", "validation")}
    expected |= {f"{c}:{m}" for c in ("train", "validation", "test") for m in ("mse", "absolute_loss")}
    assert found == expected
    assert len({d["Name"] for d in METRIC_DEFINITIONS}) == len(METRIC_DEFINITIONS) <= 40
    for definition in METRIC_DEFINITIONS:
        for match in re.findall(definition["Regex"], log):
            float(match)


def test_metric_definitions_do_not_import_numpy():
    program = "import sys; from local_aws.algorithms.linear_learner import METRIC_DEFINITIONS as m; "
    program += "print(len(m) > 0, 'numpy' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout == "True False\n"


@pytest.mark.parametrize(
    ("loss", "output"),
    [("squared_loss", "LinearRegressionOutput"), ("absolute_loss", "MAERegressionOutput")],
)
def test_the_artifact_is_a_stored_zip_whose_graph_computes_the_model(tmp_path, loss, output):
    x, y = example(40)
    fit(tmp_path, {"mini_batch_size": "8", "loss": loss}, {"train": (x, y)})
    with zipfile.ZipFile(tmp_path / "model" / "model_algo-1") as archive:
        members = {info.filename: info.compress_type for info in archive.infolist()}
        manifest = json.loads(archive.read("manifest.json"))
        additional = json.loads(archive.read("additional-params.json"))
        graph = json.loads(archive.read("mx-mod-symbol.json"))
    names = {"additional-params.json", "manifest.json", "mx-mod-symbol.json", "mx-mod-0000.params"}
    assert members == dict.fromkeys(names, zipfile.ZIP_STORED)
    assert manifest == {"mx-mod": "mxnet_module", "additional-params.json": "json", "version": 1}
    assert additional["loss_type"] == loss
    assert additional["predictor_type"] == "regressor"
    assert additional["metrics_params"]["accuracy_top_k"] == 3
    weights, bias = coefficients(tmp_path)
    values = []
    for node in graph["nodes"]:
        inputs = [values[i] for i, _, _ in node["inputs"]]
        if node["op"] == "null":
            known = {"data": x, "fc0_weight": weights[:, None], "fc0_bias": np.array([[bias]]), "out_label": None}
            values.append(known[node["name"]])
            shape = node.get("attrs", {}).get("__shape__")
            assert shape is None or shape == str(values[-1].shape)
        elif node["op"] == "dot":
            values.append(inputs[0] @ inputs[1])
        elif node["op"] == "broadcast_add":
            values.append(inputs[0] + inputs[1])
        else:
            assert node["op"] == output
            values.append(inputs[0])
    predicted = values[graph["heads"][0][0]][:, 0]
    assert np.array_equal(predicted, (x @ weights[:, None] + bias)[:, 0])


def test_the_job_ends_when_the_account_does(tmp_path):
    given = {"mini_batch_size": "1", "epochs": "1000000", "early_stopping_patience": "1000000"}
    lay_out(tmp_path, given, {"train": example(400)})
    process = subprocess.Popen(
        [sys.executable, "-m", "local_aws.algorithms.linear_learner", "train"],
        cwd=ROOT,
        env=os.environ | {"SAGEMAKER_BASE_DIR": str(tmp_path)},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    with process:
        for line in process.stdout:
            if "#throughput_metric" in line:
                break
        process.stdin.close()
        process.stdout.read()
        assert process.wait(timeout=30) == 1
    assert not (tmp_path / "model" / "model_algo-1").exists()
