"""Sparse records: never made dense, and trained to the numbers of the same data in dense records."""

import io
import re
import struct
import tempfile
from pathlib import Path

import numpy as np
import pytest
import scipy.sparse
from hypothesis import given, settings
from hypothesis import strategies as st
from sagemaker.amazon import common as sdk
from sagemaker.amazon.record_pb2 import Record

from local_aws.algorithms.linear_learner import batches, ensemble
from local_aws.algorithms.linear_learner.grid import Grid
from local_aws.algorithms.linear_learner.hyperparameters import Hyperparameters
from local_aws.algorithms.linear_learner.losses import build_loss
from local_aws.algorithms.linear_learner.peers import Peers
from local_aws.algorithms.linear_learner.rows import DenseRows
from local_aws.algorithms.linear_learner.scaler import Scaler
from local_aws.algorithms.linear_learner.sparse import SparseRows
from local_aws.algorithms.recordio import SparseTable, read_blocks, read_records, write_features
from support.linear_learner import RECORDIO, coefficients, fit, lay_out, objectives, run
from support.memory import PROGRAM, measured

PREDICTORS = {
    "regressor": {"predictor_type": "regressor"},
    "binary": {"predictor_type": "binary_classifier"},
    "multiclass": {"predictor_type": "multiclass_classifier", "num_classes": "3"},
}


def example(rows, predictor="regressor", features=12, density=0.2, seed=0):
    """Features (rows, features), mostly zero, with an empty row, an empty column and a constant one; labels."""
    random = np.random.default_rng(seed)
    x = random.normal(3, 2, (rows, features)) * (random.random((rows, features)) < density)
    x[rows // 2], x[:, 1], x[:, 2] = 0, 0, 7
    y = x @ random.normal(size=features) + random.normal(size=rows)
    if predictor != "regressor":
        y = np.searchsorted(np.quantile(y, [0.5] if predictor == "binary" else [0.3, 0.7]), y)
    return x.astype(np.float32), y.astype(np.float32)


def sparse(x, y=None):
    """Sparse records as the SDK writes them."""
    out = io.BytesIO()
    sdk.write_spmatrix_to_sparse_tensor(out, scipy.sparse.csr_matrix(x), y)
    return out.getvalue()


def record(values, keys=None, shape=None, label=1.0):
    """One record, written by the SDK's own protobuf class."""
    message = Record()
    tensor = message.features["values"].float32_tensor
    tensor.values.extend(values)
    tensor.keys.extend(keys or [])
    tensor.shape.extend(shape or [])
    message.label["values"].float32_tensor.values.append(label)
    body = message.SerializeToString()
    return struct.pack("<II", 0xCED7230A, len(body)) + body + b"\0" * (-len(body) % 4)


@st.composite
def some_records(draw):
    """Records of one width, dense and sparse ones mixed, keys in any order: their bytes, and what they hold."""
    width = draw(st.sampled_from([1, 5, 127, 128, 300, 70_000]))
    number = st.floats(-100, 100, width=32)
    data, rows = b"", []
    for _ in range(draw(st.integers(1, 12))):
        row = np.zeros(width, np.float32)
        keys = draw(st.lists(st.integers(0, width - 1), unique=True, max_size=8))
        row[keys] = draw(st.lists(number, min_size=len(keys), max_size=len(keys)))
        dense = width <= 300 and draw(st.booleans())
        data += record(row) if dense else record(row[keys], keys, [width])
        rows.append((row, dense))
    return data, np.array([row for row, _ in rows]), all(dense for _, dense in rows)


@settings(max_examples=40, deadline=None)
@given(some_records(), st.integers(1, 3000))
def test_records_come_back_whatever_their_layout(records, size):
    data, expected, all_dense = records
    for features, labels in (read_records(data), read_records(memoryview(data))):
        assert isinstance(features, np.ndarray) is all_dense
        assert np.array_equal(features if all_dense else features.dense(), expected)
        assert labels.tolist() == [1.0] * len(expected)
    tables = [table for table, _ in read_blocks(io.BytesIO(data), size)]
    assert np.array_equal(
        np.concatenate([table.dense() if isinstance(table, SparseTable) else table for table in tables]), expected
    )


@settings(max_examples=30, deadline=None)
@given(some_records(), st.integers(1, 20), st.integers(1, 400), st.integers(0, 3))
def test_rows_come_back_in_blocks_of_any_size(records, size, numbers, columns):
    data, expected, all_dense = records
    features, labels = read_records(data)
    rows = SparseRows(Path(tempfile.gettempdir()))
    for _ in range(2):
        rows.append(SparseTable.of(features) if all_dense else features, labels)
    expected = np.concatenate([expected, expected])
    for stop in (None, 1, len(rows) - 1):
        for blocks in (rows.blocks(size, stop), rows.pieces(numbers, stop, columns)):
            parts = [np.empty((0, expected.shape[1]))] + [block.features.toarray() for block in blocks]
            assert np.array_equal(np.concatenate(parts), expected[: len(rows) if stop is None else stop])


def trained(rows, hp, dtype=np.float64):
    """Losses (epochs, models), scores of all rows, and the last model in raw units."""
    scaler = Scaler.fit(rows, len(rows), hp, Peers())
    source = batches.Batches(rows, scaler, hp.mini_batch_size, dtype)
    models = ensemble.Ensemble(Grid.build(hp), hp, source, build_loss(hp))
    losses = np.array([models.train() for _ in range(hp.epochs)])
    scale = batches.Scale(scaler, dtype)
    scores = np.concatenate([models.outputs(scale.apply(block)) for block in rows.pieces(100)])
    return losses, scores, np.vstack(models.model(models._models - 1, scaler))


LOSSES = [
    *(("regressor", {"loss": name}) for name in (
        "squared_loss", "absolute_loss", "quantile_loss", "huber_loss",
        "eps_insensitive_squared_loss", "eps_insensitive_absolute_loss",
    )),
    *(("binary", {"loss": name, "positive_example_weight_mult": "2.5"}) for name in ("logistic", "hinge_loss")),
    ("multiclass", {}),
    *(
        ("regressor", {"optimizer": name, "learning_rate": "0.01", "wd": "0.1", "l1": "0.1"})
        for name in ("sgd", "rmsprop")
    ),
    *(("binary", {name: "false"}) for name in ("use_bias", "unbias_data", "normalize_data")),
]  # fmt: skip


@pytest.mark.parametrize(("predictor", "given_"), LOSSES)
def test_sparse_rows_train_to_the_numbers_of_dense_ones(predictor, given_):
    x, y = example(210, predictor)
    given_ = {"epochs": "4", "mini_batch_size": "20", "init_bias": "0.3", "bias_wd_mult": "1"} | given_
    hp = Hyperparameters.parse(PREDICTORS[predictor] | given_)
    dense = DenseRows(Path(tempfile.gettempdir()))
    dense.append(x, y)
    thin = SparseRows.of(dense)
    assert thin.numbers == np.count_nonzero(x) + len(x)
    for one, other in zip(trained(thin, hp), trained(dense, hp), strict=True):
        assert one == pytest.approx(other, rel=1e-8, abs=1e-10)


@pytest.mark.parametrize("predictor", PREDICTORS)
def test_a_sparse_job_says_what_a_dense_one_says(tmp_path, predictor):
    x, y = example(330, predictor)
    cuts = [200, 270]
    pieces = zip(np.split(x, cuts), np.split(y, cuts), strict=True)
    parts = dict(zip(("train", "validation", "test"), pieces, strict=True))
    logs = {}
    for kind, write in (("dense", write_features), ("sparse", sparse)):
        files = {name: {"a": write(*part)} for name, part in parts.items()}
        given_ = PREDICTORS[predictor] | {"epochs": "3", "mini_batch_size": "20"}
        logs[kind] = fit(tmp_path / kind, given_, files, dict.fromkeys(parts, RECORDIO))
    said = {kind: re.findall(r"#quality_metric: (.*)=(\S+)$", log, re.M) for kind, log in logs.items()}
    assert [name for name, _ in said["sparse"]] == [name for name, _ in said["dense"]]
    numbers = {kind: [float(value) for _, value in pairs] for kind, pairs in said.items()}
    assert numbers["sparse"] == pytest.approx(numbers["dense"], rel=1e-6)
    assert len([name for name, _ in said["dense"] if ", test " in name]) >= 6


def test_a_channel_of_dense_and_sparse_files_is_one_channel(tmp_path):
    x, y = example(90)
    given_ = {"epochs": "2", "mini_batch_size": "10"}
    files = {"a": write_features(x[:30], y[:30]), "b": sparse(x[30:60], y[30:60]), "c": write_features(x[60:], y[60:])}
    mixed = fit(tmp_path / "mixed", given_, {"train": files}, {"train": RECORDIO})
    dense = fit(tmp_path / "dense", given_, {"train": {"a": write_features(x, y)}}, {"train": RECORDIO})
    name = "train_mse_objective"
    assert objectives(mixed, name) == pytest.approx(objectives(dense, name), rel=1e-9)
    for one, other in zip(coefficients(tmp_path / "mixed"), coefficients(tmp_path / "dense"), strict=True):
        assert one == pytest.approx(other, rel=1e-5)


@pytest.mark.parametrize(
    ("records", "sentence"),
    [
        ([record([1.0], [4], [5]), record([1.0], [5], [5])], "record 2 has a key outside its shape [5]"),
        ([record([1.0], [4], [5]), record([1.0, 2, 3], [3, 1, 3], [5])], "record 2 has the key 3 twice"),
        ([record([1.0], [2**63 + 4], [5])], "record 1 has a key outside its shape [5]"),
        ([record([1.0], [4], [5]), record([1.0], [4], [6])], "record 2 has 6 features, the records before it 5"),
        ([record([1.0], [4, 3], [5])], "record 1 is sparse but its keys, values and shape do not fit together"),
        ([record([1.0], [4])], "record 1 is sparse but its keys, values and shape do not fit together"),
    ],
)
def test_a_record_that_says_what_cannot_be_is_named(tmp_path, records, sentence):
    code, _ = run(lay_out(tmp_path, {}, {"train": {"x": b"".join(records)}}, {"train": RECORDIO}))
    assert code == 1
    failure = (tmp_path / "output" / "failure").read_text()
    assert failure.startswith("ClientError: Unable to read data channel 'train'.")
    assert f"/opt/ml/input/data/train/x: {sentence}" in failure


@pytest.mark.parametrize(("value", "what"), [(np.nan, "missing (NaN)"), (np.inf, "infinite floating point")])
def test_a_number_that_is_none_is_named_by_its_row(tmp_path, value, what):
    x, y = example(30)
    x[17, 3] = value
    files = {"a": sparse(x[:10], y[:10]), "b": sparse(x[10:], y[10:])}
    assert run(lay_out(tmp_path, {}, {"train": files}, {"train": RECORDIO}))[0] == 1
    failure = (tmp_path / "output" / "failure").read_text()
    assert f"Found {what} values" in failure and "/opt/ml/input/data/train/b, row 8" in failure


def test_a_large_mean_in_sparse_rows_is_not_lost_in_single_precision():
    x, y = example(400)
    x[:, 5] = 1e6 + np.arange(400) % 7
    dense = DenseRows(Path(tempfile.gettempdir()))
    dense.append(x, y)
    hp = Hyperparameters.parse(PREDICTORS["regressor"] | {"mini_batch_size": "20"})
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(batches, "SINGLE", 0)
        far, near = Scaler.fit(dense, 400, hp, Peers()), Scaler.fit(dense, 400, hp, Peers())
        near.mean[5] = 0
        assert batches.precision(dense, far) is np.float32
        assert batches.precision(SparseRows.of(dense), far) is np.float64
        assert batches.precision(SparseRows.of(dense), near) is np.float32


LIMITED = "import resource\nresource.setrlimit(resource.RLIMIT_FSIZE, (1 << 24, 1 << 24))\n"


@pytest.mark.parametrize("predictor", ["regressor", "binary"])
def test_memory_and_disk_are_those_of_what_is_not_zero(tmp_path, predictor, monkeypatch):
    rows, width, entries = 6000, 50_000, 20  # 1.2 GB if they were dense
    random = np.random.default_rng(1)
    keys = np.sort(random.integers(0, width // entries, (rows, entries)) + np.arange(entries) * (width // entries))
    ends = np.arange(0, rows * entries + 1, entries)
    x = scipy.sparse.csr_matrix((np.ones(rows * entries, np.float32), keys.ravel(), ends), (rows, width))
    y = (keys[:, 0] % 2).astype(np.float32)
    body = sparse(x, y)
    given_ = PREDICTORS[predictor] | {"epochs": "1", "num_models": "2", "mini_batch_size": "500"}
    files = {"train": {"a": body}, "validation": {"a": body}, "test": {"a": body}}
    base = lay_out(tmp_path, given_, files, dict.fromkeys(files, RECORDIO))
    monkeypatch.setattr("support.memory.PROGRAM", LIMITED + PROGRAM)  # no file above 16 MB
    log, peak = measured(base)
    assert peak < 400e6
    assert "#test_score" in log
    assert {path.name for path in base.iterdir()} == {"input", "model"}
