"""RecordIO-protobuf against the SageMaker SDK's own writer and reader."""

import io
import struct

import numpy as np
import pytest
import scipy.sparse
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from sagemaker.amazon import common as sdk

from local_aws.algorithms.recordio import read_records, write_features, write_scores

FLOATS = st.floats(width=32, allow_nan=False)
MATRICES = arrays.arrays(np.float32, st.tuples(st.integers(1, 5), st.integers(1, 70)), elements=FLOATS)


def written_by_sdk(features, labels=None):
    out = io.BytesIO()
    sdk.write_numpy_to_dense_tensor(out, features, labels)
    return out.getvalue()


@settings(max_examples=60, deadline=None)
@given(MATRICES, st.booleans())
def test_bytes_are_those_of_the_sdk_and_come_back(features, labelled):
    labels = features[:, 0].copy() if labelled else None
    data = write_features(features, labels)
    assert data == written_by_sdk(features, labels)
    back, back_labels = read_records(data)
    assert back.dtype == np.float32
    assert np.array_equal(back, features)
    assert (back_labels is None) if labels is None else np.array_equal(back_labels, labels)


@pytest.mark.parametrize("width", [1, 30, 31, 32, 127, 128, 5000])
def test_lengths_that_need_longer_varints(width):
    features = np.arange(3 * width, dtype=np.float32).reshape(3, width)
    labels = np.array([1, 2, 3], np.float32)
    assert write_features(features, labels) == written_by_sdk(features, labels)
    assert np.array_equal(read_records(written_by_sdk(features, labels))[0], features)


@pytest.mark.parametrize("dtype", [np.float64, np.int64])
@pytest.mark.parametrize("label_dtype", [np.float32, np.float64, np.int64])
def test_other_number_types_become_float32(dtype, label_dtype):
    features = np.array([[1, -2, 300], [4, 5, -6]]).astype(dtype)
    labels = np.array([-7, 128]).astype(label_dtype)
    back, back_labels = read_records(written_by_sdk(features, labels))
    assert back.dtype == back_labels.dtype == np.float32
    assert np.array_equal(back, features)
    assert np.array_equal(back_labels, labels)


def test_sparse_records_stay_sparse():
    dense = np.array([[0, 1.5, 0, 2], [0, 0, 0, 0], [3, 0, 0, 0]], np.float32)
    out = io.BytesIO()
    sdk.write_spmatrix_to_sparse_tensor(out, scipy.sparse.csr_matrix(dense), np.array([1, 2, 3], np.float32))
    features, labels = read_records(out.getvalue())
    assert np.array_equal(features.dense(), dense)
    assert labels.tolist() == [1, 2, 3]


def test_records_of_differing_layout_are_read_one_by_one():
    mixed = written_by_sdk(np.array([[1, 2]], np.float32), np.array([3.0], np.float32))
    mixed += written_by_sdk(np.array([[4.0, 5.0]]), np.array([6]))
    features, labels = read_records(mixed)
    assert features.tolist() == [[1, 2], [4, 5]]
    assert labels.tolist() == [3, 6]


def test_a_memoryview_and_nothing_at_all():
    data = write_features([[1, 2]])
    assert read_records(memoryview(data))[0].tolist() == [[1, 2]]
    features, labels = read_records(b"")
    assert features.shape == (0, 0) and labels is None


def test_the_sdk_reads_scores():
    records = sdk.read_records(io.BytesIO(write_scores([1.5, -2.0])))
    assert [record.label["score"].float32_tensor.values[0] for record in records] == [1.5, -2.0]
    assert not records[0].features


ONE = write_features([[1, 2]], [3])
FRAME = struct.Struct("<II")


@pytest.mark.parametrize(
    ("data", "sentence"),
    [
        (b"1,2,3\n4,5,6\n", "record 1 .* magic number"),
        (ONE + b"1,2,3\n4,5,6\n", "record 2 .* magic number"),
        (ONE[:-3], "record 1 is cut short"),
        (ONE + ONE[:5], "record 2 is cut short"),
        (ONE + write_features([[1, 2, 3]], [3]), "record 2 has 3 features, the records before it 2"),
        (ONE + write_features([[1, 2]]), "record 2 has no label"),
        (write_features([[1, 2]]) + ONE, "record 2 has a label"),
        (FRAME.pack(0xCED7230A, 4) + b"\xff\xff\xff\xff", "record 1 is not an aialgs.data.Record"),
        (FRAME.pack(0xCED7230A, 0), 'record 1 has no features\\["values"\\]'),
        (write_scores([1.0]), 'record 1 has no features\\["values"\\]'),
    ],
)
def test_what_is_no_such_file_is_refused_with_a_sentence(data, sentence):
    with pytest.raises(ValueError, match=sentence):
        read_records(data)


@settings(max_examples=300, deadline=None)
@given(st.integers(0, len(ONE) * 2 - 1), st.integers(0, 255))
def test_a_changed_byte_gives_numbers_or_a_sentence(position, byte):
    data = bytearray(ONE * 2)
    data[position] = byte
    try:
        features, _ = read_records(bytes(data))
    except ValueError as error:
        assert str(error).startswith("record ")
    else:
        assert len(features) >= 1


def test_writing_refuses_what_does_not_fit():
    with pytest.raises(ValueError, match="matrix"):
        write_features([1, 2])
    with pytest.raises(ValueError, match="2 labels do not fit 1 rows"):
        write_features([[1]], [1, 2])
