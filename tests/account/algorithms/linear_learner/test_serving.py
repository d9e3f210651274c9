"""Linear Learner's inference container: formats in, formats out, and what it refuses."""

import io
import json
import re
import zipfile

import numpy as np
import pytest
import scipy.sparse
from hypothesis import given, settings
from hypothesis import strategies as st
from sagemaker.amazon import common as sdk

from local_aws.algorithms.linear_learner import artifact
from local_aws.algorithms.linear_learner.hyperparameters import Hyperparameters
from local_aws.algorithms.linear_learner.losses import build_loss
from local_aws.algorithms.linear_learner.serving import Model
from local_aws.algorithms.recordio import write_features

WEIGHTS, BIAS = np.array([1.5, -2.25, 1e-3], np.float32), np.float32(10.125)
ROWS = np.array([[1, 2, 3], [-4.5, 0, 1e6], [0.1, 0.2, 0.3]], np.float32)
SCORES = (ROWS.astype(float) @ WEIGHTS.astype(float) + float(BIAS)).astype(np.float32).astype(float).tolist()
CSV, JSON, LINES = "text/csv", "application/json", "application/jsonlines"
RECORDIO = "application/x-recordio-protobuf"


def save(folder, weights=WEIGHTS, bias=BIAS, threshold=0.5, **given):
    hp = Hyperparameters.parse({"predictor_type": "regressor"} | given)
    weights = np.asarray(weights, np.float32).reshape(len(weights), hp.outputs)
    bias = np.asarray(bias, np.float32).reshape(hp.outputs)
    artifact.write(folder / artifact.FILE_NAME, weights, bias, build_loss(hp), threshold, hp)
    return folder


REGRESSOR = artifact.Artifact(WEIGHTS[:, None], np.array([BIAS]), "regressor", "squared_loss", 0.5)


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    return Model.load(save(tmp_path_factory.mktemp("model")))


def sparse(rows):
    out = io.BytesIO()
    sdk.write_spmatrix_to_sparse_tensor(out, scipy.sparse.csr_matrix(rows))
    return out.getvalue()


def sdk_dense(rows):
    out = io.BytesIO()
    sdk.write_numpy_to_dense_tensor(out, rows)
    return out.getvalue()


LISTS = ROWS.tolist()
LONG = [{"data": {"features": {"values": row}}} for row in LISTS]
THIN = [{"data": {"features": {"keys": [0, 2], "shape": [3], "values": [row[0], row[2]]}}} for row in LISTS]
REQUESTS = {
    "csv": (CSV, "\n".join(",".join(map(repr, row)) for row in LISTS)),
    "csv, crlf, blanks, final newline": (
        "text/csv; charset=utf-8",
        "\r\n".join(" , ".join(map(repr, row)) for row in LISTS) + "\r\n",
    ),
    "json": (JSON, json.dumps({"instances": [{"features": row} for row in LISTS]})),
    "json, long form": ("Application/JSON", json.dumps({"instances": LONG})),
    "json lines": (LINES, "\n".join(json.dumps({"features": row}) for row in LISTS) + "\n"),
    "json lines, long form": (LINES, "\n\n".join(map(json.dumps, LONG))),
    "recordio": (RECORDIO, write_features(ROWS)),
    "recordio, float64": (RECORDIO, sdk_dense(ROWS.astype(float))),
    "recordio with labels": (RECORDIO, write_features(ROWS, [1, 2, 3])),
    "recordio, sparse": (RECORDIO, sparse(ROWS)),
}


def read(content_type, body):
    if content_type == JSON:
        answer = json.loads(body)
        assert list(answer) == ["predictions"]
        return [p["score"] for p in answer["predictions"] if list(p) == ["score"]]
    if content_type == LINES:
        return [json.loads(line)["score"] for line in body.decode().splitlines()]
    records = sdk.read_records(io.BytesIO(body))
    return [record.label["score"].float32_tensor.values[0] for record in records]


@pytest.mark.parametrize("accept", [JSON, LINES, RECORDIO])
@pytest.mark.parametrize("request_", REQUESTS)
def test_every_request_in_every_response_format(model, request_, accept):
    content_type, body = REQUESTS[request_]
    answer = model.invoke(body.encode() if isinstance(body, str) else body, content_type, accept)
    assert (answer.status, answer.content_type, answer.log_line) == (200, accept, "")
    assert read(accept, answer.body) == SCORES


def test_sparse_json(model):
    answer = model.invoke(json.dumps({"instances": THIN}).encode(), JSON, None)
    expected = (ROWS * np.float32([1, 0, 1])).astype(float) @ WEIGHTS.astype(float) + float(BIAS)
    assert read(JSON, answer.body) == pytest.approx(expected.tolist(), rel=1e-7)


ASKED = [
    (None, JSON),
    ("", JSON),
    (" ", JSON),
    ("*/*", JSON),
    ("application/*", JSON),
    ("application/json; verbose=true", JSON),
    ("Application/JsonLines", LINES),
    ("application/jsonlines;charset=utf-8", LINES),
    ("application/x-recordio-protobuf; q=0.1", RECORDIO),
    ("image/png, application/jsonlines;q=0.5, */*;q=0.1", LINES),
    ("application/jsonlines;q=0.2, application/x-recordio-protobuf;q=0.9", RECORDIO),
    ("application/jsonlines, application/x-recordio-protobuf", LINES),
    ("text/csv, application/jsonlines", LINES),
    # What there is no encoder for, or is not wanted, or is no media type at all, gets JSON.
    ("text/csv", JSON),
    ("Text/CSV", JSON),
    ("text/csv;q=1", JSON),
    ("text/csv; header=present", JSON),
    ("text/*", JSON),
    ("image/png", JSON),
    ("application/x-npy", JSON),
    ("application/jsonlines;q=0", JSON),
    ("application/jsonlines;q=0, text/csv", JSON),
    ("csv", JSON),
    (",;=", JSON),
]


@pytest.mark.parametrize(("accept", "content_type"), ASKED)
def test_what_accept_asks_for(model, accept, content_type):
    answer = model.invoke(b"1,2,3", CSV, accept)
    assert (answer.status, answer.content_type, answer.log_line) == (200, content_type, "")
    assert answer.body == model.invoke(b"1,2,3", CSV, content_type).body


@pytest.mark.parametrize(("accept", "content_type"), ASKED)
def test_what_accept_asks_for_of_a_batch(tmp_path, accept, content_type):
    """JSON lines are what a batch gets that asks for nothing, and JSON what one gets that asks for CSV."""
    nothing = not (accept or "").strip() or accept in ("*/*", "application/*")
    model = Model.load(save(tmp_path), batch=True)
    assert model.invoke(b"1,2,3", CSV, accept)[:2] == (200, LINES if nothing else content_type)


MANY = (np.random.default_rng(0).normal(0, 100, (5000, 3))).astype(np.float32)


@pytest.mark.parametrize("end", ["\n", "\r\n", "\n\n"])
def test_a_large_csv_scores_as_its_records_do(model, end):
    body = end.join(",".join(map(repr, row)) for row in MANY.astype(float).tolist()).encode()
    assert model.invoke(body, CSV, JSON) == model.invoke(write_features(MANY), RECORDIO, JSON)


@pytest.mark.parametrize(
    ("field", "line"),
    [
        ("x", "Unable to parse csv: could not convert string 'x' to float32 at row 4000, column 2."),
        ('"1"', "Unable to parse csv: could not convert string '\"1\"' to float32 at row 4000, column 2."),
        ("", "Unable to parse csv: could not convert string '' to float32 at row 4000, column 2."),
        ("1,2", "Unable to parse csv: the number of columns changed from 3 to 4 at row 4001"),
        ("nan", "The input or the score of a record is not a finite number."),
        ("1_0", "Unable to parse csv: could not convert string '1_0' to float32 at row 4000, column 2."),
    ],
)
def test_what_is_wrong_in_a_large_csv(model, field, line):
    rows = [f"{a},{b},{c}" for a, b, c in MANY.astype(float).tolist()]
    rows[4000] = f"1,{field},3"
    answer = model.invoke("\n".join(rows).encode(), CSV, JSON)
    assert answer.status == 400 and line in answer.log_line


def test_json_is_written_as_the_algorithm_writes_it(tmp_path):
    model = Model.load(save(tmp_path, np.array([1], np.float32), np.float32(0)))
    assert model.invoke(b"12.495479583740234\n110375.671875", CSV, JSON).body == (
        b'{"predictions": [{"score": 12.495479583740234}, {"score": 110375.671875}]}'
    )


@settings(max_examples=300, deadline=None)
@given(st.lists(st.floats(width=32, allow_nan=False, allow_infinity=False), min_size=1, max_size=5))
def test_json_is_written_as_python_writes_it(scores):
    """As AWS's container does: 1e-05, not 0.00001 or 1e-5."""
    model = Model(REGRESSOR._replace(weights=np.ones((1, 1), np.float32), bias=np.zeros(1, np.float32)))
    answer = model.invoke("\n".join(map(repr, scores)).encode(), CSV, JSON)
    # A negative zero plus a bias of zero is zero.
    assert answer.body.decode() == json.dumps({"predictions": [{"score": score + 0.0} for score in scores]})


ODD = ["1.", ".5", "+1", "007", "1e5", "1E+3", "-0", "1e39", "1e999", "1" * 30, " 2 ", "", "[", "1],[2", "null", "nan"]


@settings(max_examples=500, deadline=None)
@given(
    st.lists(
        st.lists(st.one_of(st.floats(-1e30, 1e30).map(repr), st.integers().map(str), st.sampled_from(ODD)),
                 min_size=2, max_size=4),
        min_size=1, max_size=4,
    ),
    st.sampled_from(["\n", "\r\n"]),
)  # fmt: skip
def test_csv_is_read_as_numpy_reads_it(rows, end):
    body = end.join(",".join(row) for row in rows)
    try:
        table = np.loadtxt(io.StringIO(body), np.float32, comments=None, delimiter=",", ndmin=2)
        expected = table @ WEIGHTS.astype(float) + float(BIAS) if table.shape[1] == 3 else np.array([np.nan])
    except ValueError:
        expected = np.array([np.nan])
    answer = Model(REGRESSOR).invoke(body.encode(), CSV, JSON)
    if np.isfinite(expected.astype(np.float32)).all():
        assert read(JSON, answer.body) == expected.astype(np.float32).tolist()
    else:
        assert answer.status == 400


WIDTH = (
    "The feature dimension of the input: {} does not match the feature dimension of the model: 3. "
    "Please fix the input and try again."
)
BAD = {
    "two columns": (CSV, b"1,2", WIDTH.format(2)),
    "label left in": (CSV, b"9,1,2,3\n9,1,2,3", WIDTH.format(4)),
    "json width": (JSON, b'{"instances": [{"features": [1]}]}', WIDTH.format(1)),
    "recordio width": (RECORDIO, write_features([[1, 2]]), WIDTH.format(2)),
    "empty": (CSV, b"", ""),
    "blank": (CSV, b" \n ", ""),
    "text": (CSV, b"a,b,c", ""),
    "header": (CSV, b"a,b,c\n1,2,3", ""),
    "ragged": (CSV, b"1,2,3\n1,2", ""),
    "missing": (CSV, b"1,,3", ""),
    "underscore": (CSV, b"1_0,2,3", ""),
    "nan": (CSV, b"1,nan,3", "not a finite number"),
    "infinity": (CSV, b"1,2,3\n1,-inf,3", "not a finite number"),
    "too large": (CSV, b"1e300,2,3", ""),
    "score too large": (CSV, b"3e38,0,0", "not a finite number"),
    "bytes": (CSV, bytes(range(256)), ""),
    "json empty": (JSON, b"", ""),
    "json cut": (JSON, b'{"instances": [', ""),
    "json list": (JSON, b"[[1, 2, 3]]", ""),
    "json no instances": (JSON, b'{"instances": []}', ""),
    "json ragged": (JSON, b'{"instances": [{"features": [1, 2, 3]}, {"features": [1, 2]}]}', ""),
    "json text": (JSON, b'{"instances": [{"features": ["1", 2, 3]}]}', ""),
    "json boolean": (JSON, b'{"instances": [{"features": [true, 2, 3]}]}', ""),
    "json nested": (JSON, b'{"instances": [{"features": [[1], 2, 3]}]}', ""),
    "json null": (JSON, b'{"instances": [{"features": null}]}', ""),
    "json nan": (JSON, b'{"instances": [{"features": [NaN, 2, 3]}]}', ""),
    "json huge integer": (JSON, b'{"instances": [{"features": [1' + b"0" * 400 + b", 2, 3]}]}", ""),
    "json deep": (JSON, b"[" * 100_000, ""),
    "json keys outside": (
        JSON,
        b'{"instances": [{"data": {"features": {"keys": [3], "shape": [3], "values": [1]}}}]}',
        "",
    ),
    "json shape huge": (
        JSON,
        b'{"instances": [{"data": {"features": {"keys": [0], "shape": [1000000000000], "values": [1]}}}]}',
        "",
    ),
    "json keys without shape": (
        JSON,
        b'{"instances": [{"data": {"features": {"keys": [0], "values": [1]}}}]}',
        "",
    ),
    "json lines empty": (LINES, b"\n", ""),
    "json lines garbage": (LINES, b'{"features": [1, 2, 3]}\nx', ""),
    "recordio empty": (RECORDIO, b"", ""),
    "recordio garbage": (RECORDIO, b"1,2,3,4,5,6", "magic number"),
    "recordio cut": (RECORDIO, write_features(ROWS)[:-1], "record 3 is cut short"),
}


@pytest.mark.parametrize("case", BAD)
@pytest.mark.filterwarnings("error")
def test_bad_payloads(model, case):
    content_type, body, logged = BAD[case]
    answer = model.invoke(body, content_type, None)
    assert (answer.status, answer.body) == (400, b"unable to evaluate payload provided")
    assert re.match(r"\[\d\d/\d\d/\d{4} \d\d:\d\d:\d\d ERROR \d+\] Customer Error: \S", answer.log_line)
    assert logged in answer.log_line
    assert "\n" not in answer.log_line


@pytest.mark.parametrize("content_type", [None, "", "text/plain", "application/octet-stream", "csv"])
def test_unknown_content_types(model, content_type):
    answer = model.invoke(b"1,2,3", content_type, None)
    assert answer.status == 415
    assert b"No iterator has been registered for ContentType" in answer.body
    assert "Customer Error" in answer.log_line


@given(st.text(st.characters(max_codepoint=255), max_size=40))
def test_any_accept_gets_an_answer(accept):
    answer = Model(REGRESSOR).invoke(b"1,2,3", CSV, accept)
    assert answer.status == 200 and answer.content_type in (JSON, LINES, RECORDIO)


@settings(max_examples=200, deadline=None)
@given(st.sampled_from([CSV, JSON, LINES, RECORDIO]), st.binary(max_size=60))
def test_any_bytes_get_an_answer(content_type, body):
    model = Model(REGRESSOR)
    assert model.invoke(body, content_type, None).status in (200, 400)


@settings(max_examples=100, deadline=None)
@given(st.lists(st.lists(st.floats(-1e6, 1e6, width=32), min_size=3, max_size=3), min_size=1, max_size=5))
def test_one_row_at_a_time_or_all_at_once_is_the_same(rows):
    model = Model(REGRESSOR)
    lines = [",".join(map(repr, row)) for row in rows]
    together = read(JSON, model.invoke("\n".join(lines).encode(), CSV, None).body)
    alone = [read(JSON, model.invoke(line.encode(), CSV, None).body)[0] for line in lines]
    assert together == pytest.approx(alone, rel=2e-7, abs=1e-6)


# Classifiers

BINARY = {"predictor_type": "binary_classifier"}
MULTICLASS = {"predictor_type": "multiclass_classifier", "num_classes": "3"}
CLASS_WEIGHTS = np.array([[0.5, -1, 0.25], [1, 0, -1], [0, 1e-6, 2e-6]], np.float32)
CLASS_BIAS = np.array([0.1, 0.2, -0.1], np.float32)


def answers(accept, body):
    """Pairs of a predicted label and the list of scores, whatever the format."""
    if accept == RECORDIO:
        records = [record.label for record in sdk.read_records(io.BytesIO(body))]
        assert all(set(label) == {"predicted_label", "score"} for label in records)
        values = {name: [list(label[name].float32_tensor.values) for label in records] for name in records[0]}
        return [(label, score) for (label,), score in zip(values["predicted_label"], values["score"], strict=True)]
    parsed = json.loads(body)["predictions"] if accept == JSON else map(json.loads, body.splitlines())
    found = [(each["predicted_label"], each["score"]) for each in parsed]
    assert all(type(label) is int for label, _ in found)
    return [(label, score if isinstance(score, list) else [score]) for label, score in found]


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def softmax(x):
    return np.exp(x) / np.exp(x).sum(axis=1, keepdims=True)


@pytest.mark.parametrize("accept", [JSON, LINES, RECORDIO])
@pytest.mark.parametrize("request_", ["csv", "json", "json, long form", "json lines", "recordio", "recordio, sparse"])
@pytest.mark.parametrize("loss", ["logistic", "hinge_loss", "softmax_loss"])
def test_classifiers_in_every_format(tmp_path, loss, request_, accept):
    content_type, body = REQUESTS[request_]
    outputs = ROWS.astype(float) @ CLASS_WEIGHTS.astype(float) + CLASS_BIAS.astype(float)
    if loss == "softmax_loss":
        model = Model.load(save(tmp_path, CLASS_WEIGHTS, CLASS_BIAS, **MULTICLASS))
        scores = softmax(outputs)
        labels = scores.argmax(axis=1)
    else:
        threshold = 0.3
        model = Model.load(save(tmp_path, CLASS_WEIGHTS[:, 0], CLASS_BIAS[0], threshold, **BINARY, loss=loss))
        scores = sigmoid(outputs[:, :1]) if loss == "logistic" else outputs[:, :1]
        labels = scores[:, 0] >= threshold
        assert set(labels) == {True, False}
    answer = model.invoke(body.encode() if isinstance(body, str) else body, content_type, accept)
    assert (answer.status, answer.content_type, answer.log_line) == (200, accept, "")
    found = answers(accept, answer.body)
    assert [label for label, _ in found] == labels.tolist()
    assert np.array([score for _, score in found]) == pytest.approx(scores, rel=1e-6)


def test_classifiers_answer_as_the_algorithm_writes_it(tmp_path):
    binary = Model.load(save(tmp_path, [1, 0, 0], 0, **BINARY))
    body = b'{"predictions": [{"score": 0.5, "predicted_label": 1}, {"score": 0.0, "predicted_label": 0}]}'
    for accept in (JSON, "text/csv", "image/png"):
        assert binary.invoke(b"0,0,0\n-999,0,0", CSV, accept).body == body
    assert binary.invoke(b"0,0,0", CSV, LINES).body == b'{"score": 0.5, "predicted_label": 1}\n'
    # predicted_label comes before score, as in the records that an endpoint of AWS answers
    record = binary.invoke(b"0,0,0", CSV, RECORDIO).body
    assert 0 < record.index(b"predicted_label") < record.index(b"score")
    multiclass = Model.load(save(tmp_path, np.zeros((3, 4)), np.zeros(4), **MULTICLASS | {"num_classes": "4"}))
    body = b'{"predictions": [{"score": [0.25, 0.25, 0.25, 0.25], "predicted_label": 0}]}'
    assert multiclass.invoke(b"1,2,3", CSV, JSON).body == body


def test_the_threshold_itself_is_positive(tmp_path):
    score = float(np.float32(sigmoid(np.float64(np.float32(0.3)))))
    for threshold, label in ((score, 1), (float(np.nextafter(np.float32(score), np.float32(1))), 0)):
        model = Model.load(save(tmp_path, [1, 0, 0], 0, threshold, **BINARY))
        assert json.loads(model.invoke(b"0.3,0,0", CSV, LINES).body)["predicted_label"] == label


@pytest.mark.parametrize("given", [BINARY, MULTICLASS])
def test_large_outputs_saturate(tmp_path, given):
    k = 3 if given is MULTICLASS else 1
    model = Model.load(save(tmp_path, np.ones((3, k)) * 1e6, np.zeros(k), **given))
    answer = model.invoke(b"1e6,1e6,1e6\n-1e6,-1e6,-1e6", CSV, JSON)
    scores = np.array([score for _, score in answers(JSON, answer.body)])
    assert np.isfinite(scores).all() and scores.max() <= 1 and scores.min() >= 0


@pytest.mark.parametrize("given", [BINARY, MULTICLASS])
def test_classifiers_refuse_what_a_regressor_refuses(tmp_path, given):
    k = 3 if given is MULTICLASS else 1
    model = Model.load(save(tmp_path, np.full((3, k), 2.0), np.zeros(k), **given))
    for content_type, body, logged in BAD.values():
        answer = model.invoke(body, content_type, None)
        assert (answer.status, answer.body) == (400, b"unable to evaluate payload provided")
        assert logged in answer.log_line


def test_bad_artifacts_are_refused_with_a_sentence(tmp_path):
    with pytest.raises(ValueError, match="the model archive has no file model_algo-1"):
        Model.load(tmp_path)
    path = tmp_path / artifact.FILE_NAME
    path.write_bytes(b"xgboost")
    with pytest.raises(ValueError, match="model_algo-1 is not a Linear Learner model"):
        Model.load(tmp_path)
    save(tmp_path)
    good = path.read_bytes()
    for damaged in (
        good.replace(b"regressor", b"regretter"),
        good.replace(b'"squared_loss"', b'"softmax_loss"'),
        good.replace(b'"threshold": 0.5', b'"threshold": "5"'),
        good.replace(b"arg:fc0_bias", b"arg:fc1_bias"),
        good.replace(b"mx-mod-0000.params", b"mx-mod-0001.params"),
        good[: len(good) // 2],
    ):
        assert damaged != good
        path.write_bytes(damaged)
        with pytest.raises(ValueError, match="model_algo-1"):
            Model.load(tmp_path)


@pytest.mark.parametrize(
    "changes",
    [
        {"predictor_type": "regretter"},
        {"predictor_type": ["regressor"]},
        {"predictor_type": None},
        {"loss_type": "softmax_loss"},
        {"loss_type": {}},
        {"threshold": "5"},
        {"threshold": True},
        {"threshold": None},
    ],
    ids=str,
)
def test_a_model_of_no_known_type_is_refused_with_a_sentence(tmp_path, changes):
    save(tmp_path)
    path = tmp_path / artifact.FILE_NAME
    with zipfile.ZipFile(path) as archive:
        files = {name: archive.read(name) for name in archive.namelist()}
    additional = json.loads(files["additional-params.json"]) | changes
    with zipfile.ZipFile(path, "w") as archive:
        for name, body in (files | {"additional-params.json": json.dumps(additional)}).items():
            archive.writestr(name, body)
    with pytest.raises(ValueError, match="describes no model of Linear Learner"):
        Model.load(tmp_path)


def test_a_batch_is_answered_in_lines_without_spaces(tmp_path):
    batch = Model.load(save(tmp_path), batch=True)
    body = "\n".join(",".join(map(repr, row)) for row in LISTS).encode()
    for accept in (None, "*/*", LINES):
        answer = batch.invoke(body, CSV, accept)
        assert answer.content_type == LINES
        expected = [float(f"{score:.15g}") for score in SCORES]
        assert answer.body.decode() == "".join(f'{{"score":{score!r}}}\n' for score in expected)
    assert batch.invoke(body, CSV, JSON) == Model.load(tmp_path).invoke(body, CSV, JSON)


def test_a_batch_of_classifiers_has_the_label_first(tmp_path):
    binary = Model.load(save(tmp_path, [1, 0, 0], 0.25, 0.5, **BINARY | {"loss": "hinge_loss"}), batch=True)
    body = b'{"predicted_label":1,"score":0.75}\n{"predicted_label":0,"score":0.300000011920929}\n'
    assert binary.invoke(b"0.5,0,0\n0.05,0,0", CSV, None).body == body
    multiclass = Model.load(save(tmp_path, np.zeros((3, 3)), np.log([1, 2, 1]), **MULTICLASS), batch=True)
    body = b'{"predicted_label":1,"score":[0.25,0.5,0.25]}\n'
    assert multiclass.invoke(b"1,2,3", CSV, LINES).body == body
    # In another format it answers as an endpoint does.
    assert multiclass.invoke(b"1,2,3", CSV, JSON) == Model.load(tmp_path).invoke(b"1,2,3", CSV, JSON)
