"""Jobs of Linear Learner that must fail: the reason, in AWS's form, and nothing but the reason."""

import json
import re

import numpy as np
import pytest

from local_aws.algorithms.recordio import write_features
from support.linear_learner import RECORDIO, example, lay_out, run

X, Y = example(20)
GOOD = {"mini_batch_size": "5"}
UNREADABLE = r"Unable to read data channel '{}'\. Requested content-type is '{}'\. Please verify the data matches"
CSV_FILE = b"".join(b"%g,%g,%g\n" % (i, i * 2, i % 3) for i in range(12))


def with_line(number, line):
    lines = CSV_FILE.splitlines(keepends=True)
    lines[number - 1] = line + b"\n"
    return b"".join(lines)


def csv(body, name="part.csv"):
    return {"train": {name: body}}


def reason_of(base, hyperparameters, channels, config=None):
    code, log = run(lay_out(base, hyperparameters, channels, config))
    reason = (base / "output" / "failure").read_text()
    assert code == 1
    assert not (base / "model" / "model_algo-1").exists()
    assert "Traceback" not in log
    assert str(base) not in log + reason
    assert len(reason) <= 1024
    assert re.search(r"^\[\d\d/\d\d/\d{4} \d\d:\d\d:\d\d ERROR \d+\] Customer Error: ", log, re.M)
    kind, _, sentence = reason.partition(": ")
    assert kind == "ClientError"
    assert f"Customer Error: {sentence}" in log
    return sentence


CASES = {
    "unknown hyperparameter": (
        {"mini_batch_siz": "5"},
        {"train": (X, Y)},
        r"Additional properties are not allowed \('mini_batch_siz' was unexpected\) \(caused by ValidationError\)",
    ),
    "two unknown hyperparameters": (
        {"b": "5", "a": "1"},
        {"train": (X, Y)},
        r"Additional properties are not allowed \('a', 'b' were unexpected\)",
    ),
    "bad value": (
        {"epochs": "many"},
        {"train": (X, Y)},
        r"'many' is not valid under any of the given schemas \(caused by ValidationError\)\n\nCaused by: .*\n\n"
        r"Failed validating 'oneOf' in schema\['properties'\]\['epochs'\]",
    ),
    "header": (
        GOOD,
        csv(b"y,a,b\n" + CSV_FILE),
        r"Unable to parse csv: rows 1-5, file /opt/ml/input/data/train/part.csv",
    ),
    "text in row 8": (GOOD, csv(with_line(8, b"1,x,2")), r"Unable to parse csv: rows 6-10, file .*'x'"),
    "missing value": (GOOD, csv(with_line(3, b"1,,2")), r"Unable to parse csv: rows 1-5, file "),
    "ragged, short row 6": (GOOD, csv(with_line(6, b"1,2")), r"Unable to parse csv: rows 6-10, file "),
    "ragged, long row 5": (GOOD, csv(with_line(5, b"1,2,3,4")), r"Unable to parse csv: rows 1-5, file "),
    "semicolons": (GOOD, csv(CSV_FILE.replace(b",", b";")), r"Unable to parse csv: rows 1-5, file "),
    "binary as csv": (GOOD, csv(write_features(X, Y)), r"Unable to parse csv: rows 1-5, file "),
    "gzip as csv": (
        GOOD,
        csv(b"\x1f\x8b\x08\0\0\0\0\0", "part.csv.gz"),
        r"Unable to parse csv: rows 1-5, file .*gz",
    ),
    "nested file": (GOOD, csv(b"a,b\n", "deep/er/x.csv"), r"file /opt/ml/input/data/train/deep/er/x.csv"),
    "nan in a feature": (GOOD, csv(with_line(7, b"1,nan,2")), r"'train'\. Found missing \(NaN\) values.*row 7"),
    "nan in the label": (GOOD, csv(with_line(2, b"NaN,1,2")), r"'train'\. Found missing \(NaN\) values.*row 2"),
    "infinity": (GOOD, csv(with_line(2, b"1,inf,2")), r"'train'\. Found infinite floating point values.*row 2"),
    "too large for float32": (GOOD, csv(with_line(2, b"1,1e39,2")), r"Found infinite floating point values"),
    "label only": (GOOD, csv(b"1\n2\n3\n4\n5\n"), UNREADABLE.format("train", "text/csv") + ".*no features"),
    "too large a batch": (
        {},
        csv(CSV_FILE),
        r"No training data processed\. Either the training channel is empty or the mini-batch size is too high.*"
        r"mini_batch_size is 1000, but the channel 'train' has 12 records",
    ),
    "wrong feature_dim": (
        GOOD | {"feature_dim": "7"},
        csv(CSV_FILE),
        r"feature_dim is 7, but .* have 2 features.*"
        "cannot copy sequence with size 2 to array axis with dimension 7",
    ),
    "empty file": (GOOD, csv(b""), r"No training data processed"),
    "blank lines": (GOOD, csv(b"\n\n  \n"), r"No training data processed"),
    "no file": (GOOD, {"train": {}}, r"No training data processed"),
    "no train channel": (
        GOOD,
        {"validation": (X, Y)},
        r"'train' is a required property \(caused by ValidationError\)",
    ),
    "unknown channel": (
        GOOD,
        {"train": (X, Y), "training": (X, Y)},
        r"Additional properties are not allowed \('training' was unexpected\)",
    ),
    "empty validation": (
        GOOD,
        {"train": (X, Y), "validation": {"x.csv": b""}},
        UNREADABLE.format("validation", "text/csv"),
    ),
    "validation of another width": (
        GOOD,
        {"train": (X, Y), "validation": (X[:, :2], Y)},
        UNREADABLE.format("validation", "text/csv") + ".*it has 2 features, the channel 'train' has 3",
    ),
    "files of differing width": (
        GOOD,
        {"train": {"a.csv": CSV_FILE, "b.csv": b"1,2\n"}},
        UNREADABLE.format("train", "text/csv") + ".*b.csv has 1 features, the files before it 2",
    ),
    "nan in the test channel": (
        GOOD,
        {"train": csv(CSV_FILE)["train"], "test": {"t.csv": b"1,nan,1\n"}},
        r"Unable to read data channel 'test'\. Found missing",
    ),
    "a label that is no class": (
        GOOD | {"predictor_type": "binary_classifier"},
        csv(b"0,1,2\n1,1,3\n" * 5 + b"2,1,2\n"),
        r"The label 2\.0 in the channel 'train' is not valid: the labels of a binary_classifier must be 0 or 1\. "
        r"\(caused by ValueError\)\n\nCaused by: record 11 of the channel 'train'",
    ),
    "labels -1 and 1": (
        GOOD | {"predictor_type": "binary_classifier"},
        csv(b"-1,1,2\n1,1,3\n" * 5),
        r"The label -1\.0 in the channel 'train' is not valid",
    ),
    "a label between two classes": (
        GOOD | {"predictor_type": "binary_classifier"},
        {"train": csv(b"0,1,2\n1,1,3\n" * 5)["train"], "validation": {"v.csv": b"0.5,1,2\n"}},
        r"The label 0\.5 in the channel 'validation' is not valid",
    ),
    "a label beyond num_classes": (
        GOOD | {"predictor_type": "multiclass_classifier", "num_classes": "3"},
        {"train": csv(b"0,1,2\n2,1,3\n" * 5)["train"], "test": {"t.csv": b"0,1,2\n3,1,2\n"}},
        r"The label 3\.0 in the channel 'test' is not valid: the labels of a multiclass_classifier must be whole "
        r"numbers from 0 to 2 \(num_classes is 3\)\.",
    ),
    "no num_classes": (
        GOOD | {"predictor_type": "multiclass_classifier"},
        csv(CSV_FILE),
        r"num_classes must be from 3 to 1000000 when predictor_type is multiclass_classifier, but it is 1",
    ),
    "another type's loss": (
        GOOD | {"predictor_type": "binary_classifier", "loss": "squared_loss"},
        csv(CSV_FILE),
        r"Loss squared_loss cannot be used with predictor_type binary_classifier",
    ),
    "unknown predictor type": (
        GOOD | {"predictor_type": "classifier"},
        csv(CSV_FILE),
        r"'classifier' is not one of \['binary_classifier', 'multiclass_classifier', 'regressor'\]",
    ),
    "a classifier's learning rate beyond all bounds": (
        GOOD | {"predictor_type": "multiclass_classifier", "num_classes": "12", "learning_rate": "1e300"},
        csv(CSV_FILE),
        r"The weights are too large for float32: scale the features or the label",
    ),
    "a learning rate beyond all bounds": (
        GOOD | {"learning_rate": "1e300"},
        csv(CSV_FILE),
        r"Training has diverged: the objective of no model is a finite number",
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_csv_and_hyperparameters(tmp_path, case):
    hyperparameters, channels, expected = CASES[case]
    assert re.search(expected, reason_of(tmp_path, hyperparameters, channels), re.DOTALL)


BAD_RECORDS = {
    "no labels": (write_features(X), "the records have no labels"),
    "csv": (CSV_FILE, "record 1 .* magic number"),
    "cut short": (write_features(X, Y)[:-2], "record 20 is cut short"),
    "differing widths": (write_features(X, Y) + write_features(X[:, :2], Y), "record 21 has 2 features"),
}


@pytest.mark.parametrize("case", BAD_RECORDS)
def test_recordio(tmp_path, case):
    body, detail = BAD_RECORDS[case]
    reason = reason_of(tmp_path, GOOD, {"train": {"matrix_0.pbr": body}}, {"train": RECORDIO})
    assert re.match(UNREADABLE.format("train", "application/x-recordio-protobuf"), reason)
    assert re.search("/opt/ml/input/data/train/matrix_0.pbr: .*" + detail, reason)


def test_nan_in_recordio(tmp_path):
    bad = X.copy()
    bad[3, 1] = np.nan
    reason = reason_of(tmp_path, GOOD, {"train": {"m.pbr": write_features(bad, Y)}}, {"train": RECORDIO})
    assert "Found missing (NaN) values" in reason and "row 4" in reason


@pytest.mark.parametrize(
    ("config", "expected"),
    [
        ({"ContentType": "csv"}, r"No iterator has been registered for ContentType \('csv', '1.0'\)$"),
        (
            {"ContentType": "text/libsvm"},
            r"No iterator has been registered for ContentType \('text/libsvm', '1.0'\)$",
        ),
        ({"ContentType": "text/csv;label_size=0"}, r"label_size is 0, but every record needs one label"),
        (
            {"ContentType": "text/csv", "RecordWrapperType": "RecordIO"},
            r"RecordWrapperType RecordIO .*not implemented",
        ),
    ],
)
def test_what_the_channel_says_of_itself(tmp_path, config, expected):
    assert re.search(expected, reason_of(tmp_path, GOOD, csv(CSV_FILE), {"train": config}))


def test_missing_predictor_type(tmp_path):
    base = lay_out(tmp_path, {}, csv(CSV_FILE))
    (base / "input" / "config" / "hyperparameters.json").write_text(json.dumps(GOOD))
    code, _ = run(base)
    assert code == 1
    assert (base / "output" / "failure").read_text() == (
        "ClientError: No value(s) were specified for 'predictor_type' which are required hyperparameter(s) "
        "(caused by ValidationError)\n\nCaused by: 'predictor_type' is a required property"
    )


def test_what_nobody_expected_is_an_algorithm_error_without_machine_paths(tmp_path):
    base = lay_out(tmp_path, GOOD, csv(CSV_FILE))
    (base / "model").write_text("a file where the folder should be")
    code, log = run(base)
    reason = (base / "output" / "failure").read_text()
    assert code == 1
    assert reason.startswith("AlgorithmError: ") and "/opt/ml/model" in reason and "\n" not in reason
    assert str(tmp_path) not in log + reason
    assert "Traceback" in log
