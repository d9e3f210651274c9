"""Linear Learner's classifiers through the container's door: numbers, thresholds, metrics, log, artifact."""

import itertools
import json
import re
import zipfile

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn import metrics as sk

from local_aws.algorithms.linear_learner import METRIC_DEFINITIONS
from local_aws.algorithms.linear_learner.grid import Grid
from local_aws.algorithms.linear_learner.hyperparameters import Hyperparameters
from local_aws.algorithms.linear_learner.selection import calibrate, decision_criterion
from local_aws.algorithms.linear_learner.serving import Model
from local_aws.algorithms.recordio import write_features
from support.linear_learner import DATA, RECORDIO, example, fit, metric_lines, objectives, winner

BINARY = {"predictor_type": "binary_classifier", "mini_batch_size": "10"}
MULTICLASS = {"predictor_type": "multiclass_classifier", "num_classes": "3", "mini_batch_size": "10"}
BINARY_SCORES = (
    *("binary_classification_accuracy", "binary_f_1.000", "precision", "recall", "roc_auc_score"),
    *("binary_balanced_accuracy", "binary_log_loss"),
)
MULTICLASS_SCORES = (
    *("multiclass_accuracy", "multiclass_top_k_accuracy_3", "dcg", "macro_recall", "macro_precision"),
    *("macro_f_1.000", "multiclass_balanced_accuracy", "multiclass_log_loss"),
)


def binary(rows, seed=0):
    x, y = example(rows, seed=seed)
    noise = np.random.default_rng(seed + 50).normal(size=rows)
    return x, (y + 20 * noise > 250).astype(np.float32)


def multiclass(rows, seed=0):
    x, y = example(rows, seed=seed)
    noise = np.random.default_rng(seed + 50).normal(size=rows)
    return x, np.digitize(y + 20 * noise, [220, 250]).astype(np.float32)


class Artifact:
    """What the job has left behind, read by the layout of MXNet's files."""

    def __init__(self, base):
        with zipfile.ZipFile(base / "model" / "model_algo-1") as archive:
            body = archive.read("mx-mod-0000.params")
            self.additional = json.loads(archive.read("additional-params.json"))
            self.graph = json.loads(archive.read("mx-mod-symbol.json"))
        rows, columns = np.frombuffer(body, "<i8", 2, 36)
        self.weights = np.frombuffer(body, "<f4", rows * columns, 64).reshape(rows, columns).astype(float)
        self.bias = np.frombuffer(body, "<f4", columns, 64 + 4 * rows * columns + 40).astype(float)

    def outputs(self, x):
        return x.astype(float) @ self.weights + self.bias


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def softmax(x):
    return np.exp(x) / np.exp(x).sum(axis=1, keepdims=True)


def quality(log, channel):
    """Name to (kind, value) of a channel's final metrics, in the log's order."""
    found = re.findall(rf"#quality_metric: host=algo-1, {channel} (\S+) <(\w+)>=(\S+)", log)
    return {name: (kind, float(value)) for name, kind, value in found}


# Published numbers


@pytest.fixture(scope="module")
def ufo():
    """Training and validation part of the table, as many public notebooks prepare it."""
    path = DATA / "ufo.csv"
    if not path.exists():
        pytest.skip(f"{path.name} is not in the folder that COURSE_TEST_DATA names")
    table = pd.read_csv(path, low_memory=False)
    table["shape"] = table["shape"].fillna(table["shape"].mode()[0])
    label = table["researchOutcome"].map({"unexplained": 0, "explained": 1, "probable": 2}).to_numpy()
    for name in ("physicalEvidence", "contact"):
        table[name] = (table[name] == "Y").astype(int)
    names = ["duration", "witnesses", "latitude", "longitude", "physicalEvidence", "contact"]
    coded = pd.get_dummies(table[[*names, "weather", "shape"]], columns=["weather", "shape"])
    x, part = coded.to_numpy(np.float32), np.random.RandomState(0).rand(len(table))
    rows = {"train": part < 0.8, "validation": (part >= 0.8) & (part < 0.9)}
    return {name: {"matrix.pbr": write_features(x[chosen], label[chosen])} for name, chosen in rows.items()}


def test_aws_trained_the_ufo_table_with_given_settings_to_these_numbers(tmp_path, ufo):
    settings = {
        "predictor_type": "multiclass_classifier",
        "num_classes": "3",
        "learning_rate": "0.09329042024421902",
        "l1": "0.0647741539306635",
        "wd": "0.000212481391205101",
        "mini_batch_size": "744",
    }
    log = fit(tmp_path, settings, ufo, dict.fromkeys(ufo, RECORDIO))
    assert len(objectives(log, "train_multiclass_cross_entropy_objective")) == 12
    assert quality(log, "validation")["multiclass_accuracy"] == ("score", 0.9396503102086858)
    hp = Hyperparameters.parse(settings)
    assert winner(log) == json.loads(Grid.build(hp).describe(15))
    assert winner(log)["optimizer"] == "rmsprop"


def test_the_drawn_model_that_wins_on_the_ufo_table_is_the_one_aws_prints(tmp_path, ufo):
    settings = {"predictor_type": "multiclass_classifier", "num_classes": "3", "feature_dim": "22"}
    log = fit(tmp_path, settings, ufo, dict.fromkeys(ufo, RECORDIO))
    assert objectives(log, "train_multiclass_cross_entropy_objective").shape == (11, 28)
    assert re.search(r"Best model found for hyperparameters: (.*)", log)[1] == (
        '{"optimizer": "adam", "learning_rate": 0.03578924546103785, "l1": 0.3730851993396367, '
        '"wd": 0.0020367449461466797, "lr_scheduler_step": 153, "lr_scheduler_factor": 0.9895518165671255, '
        '"lr_scheduler_minimum_lr": 2.294182951069527e-05}'
    )


def test_a_public_binary_table_is_learnt(tmp_path):
    table = DATA / "plagiarism.csv"
    if not table.exists():
        pytest.skip(f"{table.name} is not in the folder that COURSE_TEST_DATA names")
    log = fit(tmp_path, BINARY | {"epochs": "40"}, {"train": {"table.csv": table.read_bytes()}})
    assert quality(log, "train")["binary_classification_accuracy"][1] > 0.9


# The course of training, computed once more


def reference_run(train, validation, grid, classes, batch, epochs):
    """Objectives (epochs, models) on both channels, one model and one record at a time."""
    x, y = np.asarray(train[0], float), np.asarray(train[1], int)
    whole, d, k = len(x) // batch * batch, x.shape[1], classes if classes > 2 else 1
    mean, deviation = x[:whole].mean(0), x[:whole].std(0)
    z, v = (x - mean) / deviation, (np.asarray(validation[0], float) - mean) / deviation
    twister, first = np.random.RandomState(0), {}
    for name in sorted(f"fc{m}_weight" for m in range(len(grid))):
        words = np.frombuffer(twister.bytes(4 * d * k), "<u4")
        low, high = np.float32(-0.07), np.float32(0.07)
        drawn = low + (high - low) * (words.astype(np.float32) / np.float32(2**32))
        first[int(name[2:-7])] = drawn.astype(float).reshape(d, k)

    def probabilities(output):
        return softmax(output[None])[0] if k > 1 else np.array([1 - sigmoid(output[0]), sigmoid(output[0])])

    def charge(w, b, inputs, labels):
        return np.mean([-np.log(probabilities(i @ w + b)[own]) for i, own in zip(inputs, labels, strict=True)])

    trained, validated = np.zeros((epochs, len(grid))), np.zeros((epochs, len(grid)))
    for m in range(len(grid)):
        w, b, rate = first[m], np.zeros(k), grid.learning_rate[m]
        state = {name: [np.zeros((d, k)), np.zeros(k)] for name in ("m", "v")}
        count = 0
        for update, (epoch, start) in enumerate(itertools.product(range(epochs), range(0, whole, batch)), start=1):
            if update > count + grid.step[m]:
                count += grid.step[m]
                rate = max(rate * grid.factor[m], grid.minimum_lr[m])
            rows = slice(start, start + batch)
            trained[epoch, m] += charge(w, b, z[rows], y[rows]) / (whole // batch)
            slopes = [probabilities(i @ w + b) - np.eye(classes)[own] for i, own in zip(z[rows], y[rows], strict=True)]
            slopes = np.array(slopes)[:, -k:]
            g = z[rows].T @ slopes / batch + grid.wd[m] * w + grid.l1[m] / batch * np.sign(w)
            for index, (gradient, factor) in enumerate(((g, 1), (slopes.mean(0), grid.bias_lr_mult[m]))):
                moment, square = state["m"], state["v"]
                if grid.optimizer[m] == "adam":
                    moment[index] = np.float32(0.9) * moment[index] + (1 - np.float32(0.9)) * gradient
                    keep, take = float(np.float32(0.999)), float(np.float32(1) - np.float32(0.999))
                    square[index] = keep * square[index] + take * gradient**2
                    scale = (1 - 0.999**update) ** 0.5 / (1 - 0.9**update)
                    step = scale * moment[index] / (np.sqrt(square[index]) + 1e-8)
                else:
                    square[index] = 0.9 * square[index] + 0.1 * gradient**2
                    step = gradient / np.sqrt(square[index] + 1e-8)
                if index:
                    b = b - factor * rate * step
                else:
                    w = w - rate * step
            if start + batch == whole:
                validated[epoch, m] = charge(w, b, v, np.asarray(validation[1], int))
    return trained, validated


@pytest.mark.parametrize("kind", ["binary", "multiclass"])
def test_every_model_follows_an_independent_computation(tmp_path, kind):
    data, given, name = {
        "binary": (binary, BINARY, "binary_classification_cross_entropy_objective"),
        "multiclass": (multiclass, MULTICLASS, "multiclass_cross_entropy_objective"),
    }[kind]
    train, validation = data(34), data(13, seed=1)
    given = given | {"epochs": "4", "early_stopping_patience": "9"}
    log = fit(tmp_path, given, {"train": train, "validation": validation})
    grid = Grid.build(Hyperparameters.parse(given))
    trained, validated = reference_run(train, validation, grid, 2 if kind == "binary" else 3, 10, 4)
    assert objectives(log, f"train_{name}") == pytest.approx(trained, rel=1e-6)
    assert objectives(log, f"validation_{name}") == pytest.approx(validated, rel=1e-6)


# Final metrics


def test_a_binary_classifiers_metrics(tmp_path):
    channels = {"train": binary(60), "validation": binary(47, seed=1), "test": binary(31, seed=2)}
    log = fit(tmp_path, BINARY | {"f_beta": "2"}, channels)
    model = Artifact(tmp_path)
    threshold = model.additional["threshold"]
    for channel in ("validation", "test"):
        x, y = channels[channel]
        scores = sigmoid(model.outputs(x)[:, 0])
        said, again = scores.astype(np.float32) >= np.float32(threshold), sigmoid(scores)
        expected = [
            sk.log_loss(y, scores),
            sk.accuracy_score(y, said),
            sk.fbeta_score(y, said, beta=2),
            sk.precision_score(y, said),
            sk.recall_score(y, said),
            sk.roc_auc_score(y, scores),
            # a second sigmoid: it never says 0
            sk.balanced_accuracy_score(y, again >= 0.5),
            sk.log_loss(y, again),
        ]
        printed = quality(log, channel)
        names = [name.replace("f_1.000", "f_2.000") for name in BINARY_SCORES]
        assert list(printed) == ["binary_classification_cross_entropy_objective", *names]
        assert [kind for kind, _ in printed.values()] == ["loss"] + ["score"] * 7
        assert [value for _, value in printed.values()] == pytest.approx(expected, rel=1e-5)
        assert printed["binary_balanced_accuracy"][1] == 0.5
        assert f"#{channel}_score (algo-1) : ('binary_log_loss', " in log
    assert quality(log, "train") == {}


def test_a_multiclass_classifiers_metrics(tmp_path):
    channels = {"train": multiclass(60), "validation": multiclass(47, seed=1), "test": multiclass(31, seed=2)}
    log = fit(tmp_path, MULTICLASS | {"accuracy_top_k": "2"}, channels)
    model = Artifact(tmp_path)
    for channel in ("validation", "test"):
        x, y = channels[channel]
        scores = softmax(model.outputs(x))
        said = scores.argmax(axis=1)
        macro = sk.precision_recall_fscore_support(y, said, average="macro", zero_division=0)
        expected = [
            sk.log_loss(y, scores),
            sk.accuracy_score(y, said),
            sk.top_k_accuracy_score(y, scores, k=2),
            sk.dcg_score(np.eye(3)[y.astype(int)], scores),
            macro[1],
            macro[0],
            macro[2],
            sk.balanced_accuracy_score(y, said),
            sk.log_loss(y, softmax(scores)),
        ]
        printed = quality(log, channel)
        names = [name.replace("accuracy_3", "accuracy_2") for name in MULTICLASS_SCORES]
        assert list(printed) == ["multiclass_cross_entropy_objective", *names]
        assert [kind for kind, _ in printed.values()] == ["loss"] + ["score"] * 8
        assert [value for _, value in printed.values()] == pytest.approx(expected, rel=1e-5)
        for name in ("macro_recall", "macro_precision", "macro_f_1.000"):
            assert printed[name][1] == np.float32(printed[name][1])


def test_a_channel_of_one_class_has_no_roc(tmp_path):
    x, y = binary(60)
    log = fit(tmp_path, BINARY | {"epochs": "1"}, {"train": (x, y), "test": (x[y == 0], y[y == 0])})
    assert np.isnan(quality(log, "test")["roc_auc_score"][1])
    assert quality(log, "test")["recall"] == ("score", 0)


# Choosing model and threshold


def precision(y, said):
    return sk.precision_score(y, said, zero_division=0)


def recall(y, said):
    return sk.recall_score(y, said, zero_division=0)


# What a criterion makes of labels and decisions, by scikit-learn.
MEASURES = {
    "accuracy": sk.accuracy_score,
    "f1": lambda y, said: sk.f1_score(y, said, zero_division=0),
    "f_beta": lambda y, said: sk.fbeta_score(y, said, beta=0.5, zero_division=0),
    "precision_at_target_recall": lambda y, said: precision(y, said) * (recall(y, said) >= 0.75),
    "recall_at_target_precision": lambda y, said: recall(y, said) * (precision(y, said) >= 0.75),
}
CRITERIA = {
    "accuracy": "sampled_accuracy",
    "f1": "sampled_f_beta",
    "f_beta": "sampled_f_beta",
    "precision_at_target_recall": "sampled_precision_at_target_recall",
    "recall_at_target_precision": "sampled_recall_at_target_precision",
}
TARGETS = {"f_beta": "0.5", "target_recall": "0.75", "target_precision": "0.75"}


@pytest.mark.parametrize("criterion", CRITERIA)
@settings(max_examples=15, deadline=None)
@given(rows=st.lists(st.tuples(st.integers(0, 20), st.booleans()), min_size=1, max_size=25))
def test_no_threshold_is_better_than_the_calibrated_one(criterion, rows):
    hp = Hyperparameters.parse(BINARY | TARGETS | {"binary_classifier_model_selection_criteria": criterion})
    scores, labels = (np.array(column, np.float32) for column in zip(*rows, strict=True))
    scores /= np.float32(20)
    found = calibrate(scores, labels, decision_criterion(hp))
    measure = MEASURES[criterion]
    assert found.threshold in scores.tolist()
    values = [measure(labels, scores > threshold) for threshold in scores]
    assert found.value == pytest.approx(max(values))
    assert found.value == pytest.approx(measure(labels, scores > found.threshold))


def test_a_higher_target_recall_never_raises_the_threshold():
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 2, 200).astype(np.float32)
    scores = (rng.normal(size=200) + labels).astype(np.float32)
    thresholds = []
    for target in ("0.1", "0.3", "0.5", "0.7", "0.9", "0.99"):
        given = {"binary_classifier_model_selection_criteria": "precision_at_target_recall"}
        hp = Hyperparameters.parse(BINARY | given | {"target_recall": target})
        thresholds.append(calibrate(scores, labels, decision_criterion(hp)).threshold)
    assert thresholds == sorted(thresholds, reverse=True) and len(set(thresholds)) > 3


@pytest.mark.parametrize("criterion", CRITERIA)
def test_the_criterion_decides_over_model_and_threshold(tmp_path, criterion):
    """The kept model's best measure on the validation channel is the one that the log names."""
    train, validation = binary(60), binary(47, seed=1)
    given = BINARY | TARGETS | {"binary_classifier_model_selection_criteria": criterion, "epochs": "6"}
    log = fit(tmp_path, given, {"train": train, "validation": validation})
    found = re.findall(r"epoch=(\d+), criteria=(\S+), value=(\S+)", log)
    assert {name for _, name, _ in found} == {CRITERIA[criterion]}
    values = {int(epoch): float(value) for epoch, _, value in found}
    improved = [int(epoch) for epoch in re.findall(r"Epoch (\d+): Loss improved", log)]
    model, (x, y) = Artifact(tmp_path), validation
    scores = sigmoid(model.outputs(x)[:, 0]).astype(np.float32)
    measure, threshold = MEASURES[criterion], np.float32(model.additional["threshold"])
    assert np.abs(scores - threshold).min() < 1e-6
    above = scores > threshold + np.float32(1e-6)
    assert measure(y, above) == pytest.approx(values[improved[-1]])
    assert measure(y, above) >= max(measure(y, scores > t) for t in scores) - 1e-9
    # In the report the record at the threshold is positive, too.
    said = scores > threshold - np.float32(1e-6)
    assert said.sum() == above.sum() + 1
    assert quality(log, "validation")["binary_classification_accuracy"][1] == sk.accuracy_score(y, said)


@pytest.mark.parametrize("criterion", ["loss_function", "cross_entropy_loss"])
def test_the_loss_may_decide(tmp_path, criterion):
    given = BINARY | {"binary_classifier_model_selection_criteria": criterion}
    log = fit(tmp_path, given, {"train": binary(60), "validation": binary(47, seed=1)})
    name = "binary_classification_cross_entropy_objective"
    criteria = re.findall(rf"epoch=\d+, criteria={name}, value=(\S+)", log)
    assert [float(value) for value in criteria[:-1]] == list(objectives(log, f"validation_{name}").min(axis=1))
    assert Artifact(tmp_path).additional["threshold"] == 0.5


def test_without_validation_data_the_training_objective_decides(tmp_path):
    x, y = binary(67)
    log = fit(tmp_path, BINARY, {"train": (x, y)})
    name = "binary_classification_cross_entropy_objective"
    criteria = re.findall(rf"epoch=\d+, criteria={name}, value=(\S+)", log)
    assert [float(value) for value in criteria] == list(objectives(log, f"train_{name}").min(axis=1))
    model = Artifact(tmp_path)
    # The threshold comes from the whole mini-batches, the report from all records.
    scores, threshold = sigmoid(model.outputs(x)[:, 0]), model.additional["threshold"]
    assert np.abs(scores[:60] - threshold).min() < 1e-6
    best = max(sk.accuracy_score(y[:60], scores[:60] > t) for t in scores[:60])
    assert sk.accuracy_score(y[:60], scores[:60] > threshold + 1e-6) == best
    accuracy = sk.accuracy_score(y, scores > threshold - 1e-6)
    assert quality(log, "train")["binary_classification_accuracy"][1] == pytest.approx(accuracy)


def test_the_threshold_comes_from_the_calibration_samples_only(tmp_path):
    validation = binary(47, seed=1)
    log = fit(tmp_path, BINARY | {"num_calibration_samples": "9"}, {"train": binary(60), "validation": validation})
    model = Artifact(tmp_path)
    scores = sigmoid(model.outputs(validation[0][:9])[:, 0])
    assert np.abs(scores - model.additional["threshold"]).min() < 1e-6
    values = re.findall(r"criteria=sampled_accuracy, value=(\S+)", log)
    assert all((float(value) * 9) % 1 == pytest.approx(0, abs=1e-9) for value in values)


def test_equal_accuracy_is_an_improvement_and_the_last_epoch_is_judged_twice(tmp_path):
    x, y = example(60)
    y = (x[:, 1] > -2).astype(np.float32)
    log = fit(tmp_path, BINARY | {"epochs": "7"}, {"train": (x, y), "validation": (x, y)})
    improved = [int(epoch) for epoch in re.findall(r"Epoch (\d+): Loss improved", log)]
    assert improved == [0, 1, 2, 3, 4, 5, 6, 6]


# Class weights


def test_balanced_binary_classes_begin_at_twice_the_logarithm_of_two(tmp_path):
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(400, 3)).astype(np.float32), (np.arange(400) % 20 == 0).astype(np.float32)
    given = BINARY | {"positive_example_weight_mult": "balanced", "epochs": "1", "learning_rate": "1e-9"}
    log = fit(tmp_path, given | {"init_scale": "1e-6", "num_models": "1"}, {"train": (x, y)})
    name = "binary_classification_weighted_cross_entropy_objective"
    assert objectives(log, f"train_{name}")[0, 0] == pytest.approx(2 * np.log(2) * 380 / 400, rel=1e-4)
    assert Artifact(tmp_path).additional["metrics_params"]["positive_example_weight_mult"] == 19.0


def test_a_class_that_is_not_in_the_sample_weighs_a_million(tmp_path):
    x, y = multiclass(60)
    given = MULTICLASS | {"num_classes": "4", "balance_multiclass_weights": "true", "epochs": "1"}
    fit(tmp_path, given, {"train": (x, y)})
    counts = np.bincount(y.astype(int), minlength=4)
    expected = [60 / count if count else 1e6 for count in counts]
    assert expected[3] == 1e6
    assert Artifact(tmp_path).additional["metrics_params"]["class_weights"] == pytest.approx(expected)


# Scale, log, artifact


@pytest.mark.parametrize("kind", ["binary", "multiclass"])
def test_the_scale_of_the_features_changes_nothing(tmp_path, kind):
    data, given = (binary, BINARY) if kind == "binary" else (multiclass, MULTICLASS)
    x, y = data(60)
    factor, shift = np.float32([4, 0.5, 0.0625]), np.float32([-3, 1, 7])
    for name, features in (("as it is", x), ("scaled", x * factor + shift)):
        fit(tmp_path / name, given | {"epochs": "5"}, {"train": (features, y)})
    before, after = Artifact(tmp_path / "as it is"), Artifact(tmp_path / "scaled")
    assert after.outputs(x * factor + shift) == pytest.approx(before.outputs(x), rel=1e-3, abs=1e-3)
    assert after.weights * factor[:, None] == pytest.approx(before.weights, rel=1e-3, abs=1e-5)


@pytest.mark.parametrize("kind", ["binary", "multiclass"])
def test_csv_and_recordio_give_the_same_bytes(tmp_path, kind):
    data, given = (binary, BINARY) if kind == "binary" else (multiclass, MULTICLASS)
    x, y = data(50)
    fit(tmp_path / "csv", given, {"train": (x, y)})
    fit(tmp_path / "recordio", given, {"train": {"m.pbr": write_features(x, y)}}, {"train": RECORDIO})
    models = {(tmp_path / job / "model" / "model_algo-1").read_bytes() for job in ("csv", "recordio")}
    assert len(models) == 1


@pytest.mark.parametrize("kind", ["binary", "multiclass"])
def test_a_classifiers_log(tmp_path, kind):
    data, given, objective, scores = {
        "binary": (binary, BINARY, "binary_classification_cross_entropy_objective", BINARY_SCORES),
        "multiclass": (multiclass, MULTICLASS, "multiclass_cross_entropy_objective", MULTICLASS_SCORES),
    }[kind]
    channels = {"train": data(60), "validation": data(20, seed=1), "test": data(20, seed=2)}
    log = fit(tmp_path, given | {"epochs": "2"}, channels)
    assert "{'stdev_label': None, 'stdev_weight': \n[" in log
    assert "'mean_label': None, 'mean_weight': \n[" in log
    at = "#quality_metric: host=algo-1, epoch=1, "
    assert f"{at}train {objective} <loss>=" in log and f"{at}validation {objective} <loss>=" in log
    lines = re.findall(r"#validation_score \(algo-1\) : \('(\S+)', ", log)
    assert lines == [objective, *scores]
    log += fit(tmp_path / "train only", given | {"epochs": "2"}, {"train": data(60)})
    found = {d["Name"] for d in METRIC_DEFINITIONS if re.search(d["Regex"], log)}
    expected = {"train:throughput", "train:progress", "test:objective_loss"}
    expected |= {f"{c}:objective_loss{end}" for c in ("train", "validation") for end in ("", ":final")}
    if kind == "binary":
        names = ("binary_classification_accuracy", "precision", "recall", "binary_f_beta")
        expected |= {f"{c}:{n}" for c in ("train", "validation", "test") for n in names}
        expected |= {f"{c}:roc_auc_score" for c in ("validation", "test")}
    else:
        names = ("multiclass_accuracy", "dcg", "macro_recall", "macro_precision", "macro_f_beta")
        expected |= {f"{c}:{n}" for c in ("validation", "test") for n in (*names, "multiclass_top_k_accuracy")}
    assert found == expected
    assert len(metric_lines(log)[-1]["Metrics"]["update.time"]) == 4


def test_the_record_readers_lines(tmp_path):
    """Numbered as in the log of a public job; so many bytes as records of three features have there."""
    channels = {"train": binary(64), "validation": binary(23, seed=1), "test": binary(12, seed=2)}
    files = {name: {"matrix.pbr": write_features(x, y)} for name, (x, y) in channels.items()}
    given = BINARY | {"epochs": "3", "num_point_for_scaler": "25", "early_stopping_patience": "9"}
    log = fit(tmp_path, given, files, dict.fromkeys(files, RECORDIO))
    lines = [json.loads(stats) for stats in re.findall(r"\[tensorio\] \[info\] epoch_stats=(.*)", log)]
    found = [[line[key] for key in ("data_pipeline", "epoch", "num_examples", "num_bytes")] for line in lines]
    expected = [("train", 0, 1, 10), ("train", 1, 3, 30), ("train", 3, 7, 64), ("validation", 0, 1, 10)]
    expected += [("validation", 2, 3, 23), ("train", 5, 7, 64), ("validation", 5, 3, 23), ("train", 7, 7, 64)]
    expected += [("validation", number, 3, 23) for number in (8, 11, 13)] + [("test", 0, 1, 10), ("test", 1, 2, 12)]
    assert found == [[f"/opt/ml/input/data/{name}", epoch, n, rows * 56] for name, epoch, n, rows in expected]
    last = next(r for r in metric_lines(log) if r["Dimensions"].get("Meta") == "test_data_iter")["Metrics"]
    assert last["Reset Count"]["sum"] == 1 and last["Total Records Seen"]["sum"] == 12


@pytest.mark.parametrize("asked", ["30", "100"])
def test_number_of_multiclass_models(tmp_path, asked):
    log = fit(tmp_path, MULTICLASS | {"num_models": asked, "epochs": "1"}, {"train": multiclass(40)})
    assert objectives(log, "train_multiclass_cross_entropy_objective").shape == (1, 28)
    assert "Setting num_models to 28." in log


@pytest.mark.parametrize(
    ("given", "head"),
    [
        (BINARY, "LogisticRegressionOutput"),
        (BINARY | {"loss": "hinge_loss"}, "LinearRegressionOutput"),
        (MULTICLASS, "SoftmaxOutput"),
    ],
)
def test_a_classifiers_artifact(tmp_path, given, head):
    data = multiclass if given is MULTICLASS else binary
    x, y = data(60)
    fit(tmp_path, given | {"epochs": "3"}, {"train": (x, y), "validation": data(20, seed=1)})
    model, k = Artifact(tmp_path), 3 if given is MULTICLASS else 1
    assert (model.weights.shape, model.bias.shape) == ((3, k), (k,))
    assert model.graph["nodes"][-1]["op"] == head
    shapes = {n["name"]: n.get("attrs", {}).get("__shape__") for n in model.graph["nodes"]}
    assert (shapes["fc0_weight"], shapes["fc0_bias"]) == (f"(3, {k})", f"(1, {k})")
    assert model.additional["predictor_type"] == given["predictor_type"]
    assert model.additional["loss_type"] == given.get("loss", "softmax_loss" if k == 3 else "logistic")
    assert model.additional["threshold"] == model.additional["metrics_params"]["threshold"]
    assert model.additional["metrics_params"]["f_beta"] == 1.0
    answer = Model.load(tmp_path / "model").invoke(write_features(x), "application/x-recordio-protobuf", None)
    predictions = json.loads(answer.body)["predictions"]
    outputs = model.outputs(x)
    if k == 3:
        scores, labels = softmax(outputs), outputs.argmax(axis=1)
    else:
        scores = outputs if "loss" in given else sigmoid(outputs)
        labels = scores[:, 0].astype(np.float32) >= np.float32(model.additional["threshold"])
    found = np.array([each["score"] for each in predictions]).reshape(len(x), k)
    assert found == pytest.approx(scores, rel=1e-6, abs=1e-9)
    assert [each["predicted_label"] for each in predictions] == labels.tolist()
