"""Linear Learner's channels read block by block, in bounded memory, and its two ways through squared loss."""

import io
import re
import tempfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sagemaker.amazon import common as sdk

from local_aws.algorithms.linear_learner import batches, channels, ensemble, gram
from local_aws.algorithms.linear_learner.errors import CustomerError
from local_aws.algorithms.linear_learner.evaluation import final_metrics
from local_aws.algorithms.linear_learner.grid import Grid
from local_aws.algorithms.linear_learner.hyperparameters import Hyperparameters
from local_aws.algorithms.linear_learner.losses import LogisticLoss, build_loss
from local_aws.algorithms.linear_learner.peers import Peers
from local_aws.algorithms.linear_learner.rows import DenseRows
from local_aws.algorithms.linear_learner.scaler import Scaler
from local_aws.algorithms.recordio import read_blocks, read_records, write_features
from support.linear_learner import RECORDIO, coefficients, example, fit, lay_out, metric_lines, objectives
from support.memory import measured

LINES = [f"{i},{i * i % 17 - 8.5},{1 / (i + 1):.6g}" for i in range(40)]


def csv_rows(text, parsed=1 << 18, large=False):
    """What a channel of one CSV file becomes: its rows, or the sentence of the failure."""
    with tempfile.TemporaryDirectory() as folder:
        base = Path(folder)
        path = base / "input" / "data" / "train" / "x.csv"
        path.parent.mkdir(parents=True)
        path.write_bytes(text.encode())
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(channels, "_PARSED", parsed)
            patch.setattr(channels, "_LARGE", 0 if large else 1 << 40)
            try:
                read = channels.read_channels(base, {"train": {"ContentType": "text/csv"}}, 5)["train"].rows
            except CustomerError as error:
                return error.text
        return np.concatenate([block.table.copy() for block in read.blocks(7)])


@settings(max_examples=150, deadline=None)
@given(st.integers(1, 40), st.integers(1, 60), st.integers(0, 8), st.booleans(), st.data())
def test_a_csv_file_is_the_same_in_pieces_of_any_size_and_with_either_reader(lines, parsed, changes, large, data):
    text = list("\n".join(LINES[:lines]))
    if changes < 4:  # else nothing is wrong with the file
        for _ in range(changes):
            place = data.draw(st.integers(0, len(text) - 1))
            text[place] = data.draw(st.sampled_from([*'0123456789.,e-"\n\r \tx', "nan", "", "\n\n", '"1"']))
    text = "".join(text)
    whole, pieces = csv_rows(text), csv_rows(text, parsed, large)
    if not isinstance(whole, str):
        assert np.array_equal(whole, pieces)
    elif "Unable to parse csv" in whole and "Unable to parse csv" in pieces:
        assert whole == pieces
    else:  # of two things that are wrong either may be named
        assert isinstance(pieces, str)


@pytest.mark.parametrize("parsed", [1, 9, 30, 1 << 18])
@pytest.mark.parametrize(
    ("number", "line", "sentence"),
    [
        (23, "1,x,2", "rows 21-25, file /opt/ml/input/data/train/x.csv\n\nCaused by: could not convert string 'x' "
         "to float32 at row 22, column 2."),
        (26, "1,2", "rows 26-30, file /opt/ml/input/data/train/x.csv\n\nCaused by: the number of columns changed from "
         "3 to 2 at row 26; use `usecols` to select a subset and avoid this error"),
        (31, "1,,2", "rows 31-35, file /opt/ml/input/data/train/x.csv\n\nCaused by: could not convert string '' to "
         "float32 at row 30, column 2."),
    ],
)  # fmt: skip
def test_a_bad_line_is_named_by_its_place_in_the_file(parsed, number, line, sentence):
    text = "\n".join([*LINES[: number - 1], line, *LINES[number:]])
    for large in (False, True):
        assert csv_rows(text, parsed, large) == f"Unable to parse csv: {sentence}"


@settings(max_examples=100, deadline=None)
@given(st.integers(1, 30), st.integers(1, 400), st.booleans(), st.booleans(), st.integers(0, 40))
def test_records_are_the_same_in_blocks_of_any_size(count, size, sparse, labelled, cut):
    features, labels = example(count)
    if sparse:
        import scipy.sparse

        out = io.BytesIO()
        sdk.write_spmatrix_to_sparse_tensor(out, scipy.sparse.csr_matrix(features), labels if labelled else None)
        data = out.getvalue()
    else:
        data = write_features(features, labels if labelled else None)
    data = data[: len(data) - cut] if cut < len(data) else data
    try:
        whole = read_records(data)
    except ValueError as error:
        with pytest.raises(ValueError, match=f"^{re.escape(str(error))}$"):
            list(read_blocks(io.BytesIO(data), size))
        return
    blocks = list(read_blocks(io.BytesIO(data), size))
    if sparse:
        whole = whole[0].dense(), whole[1]
        blocks = [(block[0].dense(), block[1]) for block in blocks]
    assert np.array_equal(np.concatenate([block[0] for block in blocks]), whole[0])
    if labelled:
        assert np.array_equal(np.concatenate([block[1] for block in blocks]), whole[1])
    else:
        assert whole[1] is None and all(block[1] is None for block in blocks)


def test_the_blocks_of_a_stream_must_be_alike():
    x, y = example(10)
    for second, sentence in (
        (write_features(x[:, :2], y), "record 11 has 2 features, the records before it 3"),
        (write_features(x), "record 11 has no label, unlike those before it"),
        (b"1,2,3\n4,5,6", r"record 11 \(byte 680\) does not begin with RecordIO's magic number"),
    ):
        first = write_features(x, y)
        with pytest.raises(ValueError, match=sentence.replace("680", str(len(first)))):
            list(read_blocks(io.BytesIO(first + second), len(first)))


def test_many_files_train_as_one_does(tmp_path):
    x, y = example(230)
    parts = [slice(0, 1), slice(1, 60), slice(60, 61), slice(61, 230)]
    settings = {"mini_batch_size": "20", "epochs": "3"}
    one = fit(tmp_path / "one", settings, {"train": {"all": write_features(x, y)}}, {"train": RECORDIO})
    files = {f"part-{n}": write_features(x[part], y[part]) for n, part in enumerate(parts)}
    many = fit(tmp_path / "many", settings, {"train": files}, {"train": RECORDIO})
    assert np.array_equal(objectives(one, "train_mse_objective"), objectives(many, "train_mse_objective"))
    assert np.array_equal(coefficients(tmp_path / "one")[0], coefficients(tmp_path / "many")[0])
    assert not any("np." in line for line in many.splitlines() if "quality_metric" in line)


def trained(features, labels, settings, dtype, use_grams, monkeypatch):
    """Losses (epochs, models) and parameters of an ensemble."""
    hp = Hyperparameters.parse({"predictor_type": "regressor"} | settings)
    rows = DenseRows(Path(tempfile.gettempdir()))
    rows.append(features, labels)
    monkeypatch.setattr(ensemble, "pays", lambda *_: use_grams)
    scaler = Scaler.fit(rows, min(len(rows), 11_000), hp, Peers())
    scaler = scaler.in_single_precision() if dtype is np.float32 else scaler
    source = batches.Batches(rows, scaler, hp.mini_batch_size, dtype)
    models = ensemble.Ensemble(Grid.build(hp), hp, source, build_loss(hp))
    losses = np.array([models.train() for _ in range(hp.epochs)])
    return losses, np.array([models.model(m, scaler).weights[:, 0] for m in range(32)])


@pytest.mark.parametrize(
    ("settings", "tolerance"),
    [
        ({}, 1e-5),
        ({"optimizer": "sgd", "wd": "0.01"}, 1e-5),
        ({"normalize_label": "false"}, 1e-5),
        ({"use_bias": "false"}, 3e-5),
    ],
)
def test_gram_matrices_and_rows_give_one_trajectory(settings, tolerance, monkeypatch):
    x, y = example(20_000)
    settings = {"epochs": "15", "mini_batch_size": "500"} | settings
    loop = trained(x, y, settings, np.float64, False, monkeypatch)
    exact = trained(x, y, settings, np.float64, True, monkeypatch)
    single = trained(x, y, settings, np.float32, True, monkeypatch)
    single_loop = trained(x, y, settings, np.float32, False, monkeypatch)
    largest = np.abs(loop[1]).max()
    assert exact[0] == pytest.approx(loop[0], rel=1e-9)
    assert np.abs(exact[1] - loop[1]).max() < 1e-9 * largest
    assert single[0] == pytest.approx(single_loop[0], rel=tolerance)
    assert single[0] == pytest.approx(loop[0], rel=tolerance)
    assert np.abs(single[1] - loop[1]).max() < 1e-5 * largest


def test_a_loss_too_small_for_the_gram_matrices_is_left_to_the_rows(monkeypatch):
    x, _ = example(20_000)
    y = x @ np.array([2.0, -30.0, 0.4], np.float32) + 5  # no noise
    settings = {"epochs": "15", "mini_batch_size": "500"}
    loop = trained(x, y, settings, np.float32, False, monkeypatch)[0]
    single = trained(x, y, settings, np.float32, True, monkeypatch)[0]
    assert loop.min() < 1e-6
    assert single.min(axis=1) == pytest.approx(loop.min(axis=1), rel=1e-3)


def test_gram_matrices_are_used_only_where_they_pay():
    def pays(rows, features, batch, models=32, epochs=15, dtype=np.float32):
        source = type("Batches", (), {"size": batch, "width": features + 2, "dtype": np.dtype(dtype)})
        source.__len__ = lambda self: rows // batch
        return gram.pays(source(), models, epochs)

    assert pays(1_000_000, 30, 1000) and pays(5_000_000, 100, 1000)
    assert not pays(5_000_000, 100, 1000, dtype=np.float64)  # 416 MB
    assert not pays(1_000_000, 3000, 1000)  # more multiplications than the rows need
    assert not pays(1_000_000, 30, 1000, epochs=1, models=1)
    assert not pays(1000, 30, 100)  # done in no time


def test_the_logistic_step_and_its_linear_part_are_loss_and_slope():
    rng = np.random.default_rng(3)
    loss, outputs = LogisticLoss(), np.concatenate([rng.normal(size=(1000, 4)) * 5, [[800.0, -800, 0, -0.0]]])
    for labels in (np.zeros(1001), np.ones(1001), rng.integers(0, 2, 1001).astype(float)):
        for dtype, tolerance in ((np.float64, 1e-12), (np.float32, 2e-6)):
            scaled = (outputs * loss.scale).astype(dtype)
            linear = loss.linear_part(labels.astype(dtype))
            assert linear.dtype == dtype
            mean = linear @ scaled / 1001
            mean = mean + loss.step(scaled, labels.astype(dtype), np.empty_like(scaled))
            assert mean == pytest.approx(loss.mean(outputs, labels), rel=tolerance)
            slope = (scaled + linear[:, None]) * loss.scale
            assert np.abs(slope - loss.slope(outputs.copy(), labels)).max() < tolerance


@pytest.mark.parametrize("predictor", ["regressor", "binary_classifier", "multiclass_classifier"])
def test_final_metrics_do_not_depend_on_the_parts(predictor):
    settings = {"predictor_type": predictor} | ({"num_classes": "3"} if predictor.startswith("multi") else {})
    hp = Hyperparameters.parse(settings)
    rng = np.random.default_rng(0)
    outputs = rng.normal(size=(501, hp.outputs)).round(1)
    labels = rng.normal(100, 1, 501) if hp.classes == 1 else rng.integers(0, hp.classes, 501)

    def metrics(*cuts):
        parts = zip(np.split(outputs, cuts), np.split(labels.astype(np.float32), cuts), strict=True)
        found = final_metrics(parts, 501, build_loss(hp), 0.5, hp)
        return found.losses | found.scores

    whole = metrics()
    assert all(type(value) is float for value in whole.values())
    assert metrics(1, 2, 300) == pytest.approx(whole, rel=1e-12)


@pytest.mark.parametrize("predictor", ["regressor", "binary_classifier"])
def test_memory_does_not_grow_with_the_channel(tmp_path, predictor):
    x, y = example(100_000)
    x = np.repeat(x, 10, axis=1)
    y = y if predictor == "regressor" else (y > y.mean()).astype(np.float32)
    body = write_features(x, y)
    settings = {"predictor_type": predictor, "epochs": "1", "num_models": "4"}
    peaks = []
    for copies in (1, 16):  # 17 and 268 MB
        files = {f"part-{n:02}": body for n in range(copies)}
        config = {"train": RECORDIO, "validation": RECORDIO}
        base = lay_out(tmp_path / str(copies), settings, {"train": files, "validation": {"v": body}}, config)
        peaks.append(measured(base)[1])
        assert {path.name for path in base.iterdir()} == {"input", "model"}
    assert peaks[1] - peaks[0] < 60e6


def test_a_large_job_is_computed_in_single_precision_and_says_the_same(tmp_path):
    channels = {"train": example(5000), "validation": example(700, seed=1)}
    settings = {"mini_batch_size": "100", "epochs": "4"}
    log = fit(tmp_path / "double", settings, channels)
    base = lay_out(tmp_path / "single", settings, channels)
    again, _ = measured(base, 0)
    for name in ("train_mse_objective", "validation_mse_objective"):
        first, second = objectives(log, name), objectives(again, name)
        assert second == pytest.approx(first, rel=1e-5)
        assert not np.array_equal(first, second)
    assert coefficients(base)[0] == pytest.approx(coefficients(tmp_path / "double")[0], rel=1e-5)
    assert len(metric_lines(log)) == len(metric_lines(again))
