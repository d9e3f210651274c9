"""Reading and writing data: CSV beside pyarrow, RecordIO-protobuf beside the SageMaker SDK."""

from __future__ import annotations

import io
import time
from collections.abc import Iterator
from pathlib import Path
from statistics import median

import numpy as np
from run import in_process

COLUMNS, PIECE = 31, 50_000


def write_csv(path: str, rows: int) -> None:
    """Rows of numbers with five decimals, about 290 bytes each."""
    import pandas

    numbers = np.random.default_rng(0).normal(0, 100, (PIECE, COLUMNS))
    text = pandas.DataFrame(numbers).to_csv(None, header=False, index=False, float_format="%.5f").encode()
    with open(path, "wb") as file:
        for _ in range(0, rows, PIECE):
            file.write(text)


def ours(path: str) -> dict:
    """The channel reader, from the file to float32 rows in its scratch file; imports included."""
    from local_aws.algorithms.linear_learner.channels import read_channels

    start, elapsed = time.process_time(), time.perf_counter()
    read_channels(Path(path), {"train": {"ContentType": "text/csv"}}, 1000)
    return {"cpu": time.process_time() - start, "elapsed": time.perf_counter() - elapsed}


def pyarrow(path: str) -> dict:
    """Its reader as it comes, with threads, to one float32 array; imports included."""
    start, elapsed = time.process_time(), time.perf_counter()
    import pyarrow as pa
    from pyarrow import csv

    names = [str(n) for n in range(COLUMNS)]
    table = csv.read_csv(
        Path(path) / "input" / "data" / "train" / "rows.csv",
        read_options=csv.ReadOptions(column_names=names),
        convert_options=csv.ConvertOptions(column_types=dict.fromkeys(names, pa.float32())),
    )
    rows = np.empty((table.num_rows, COLUMNS), np.float32)
    for n, column in enumerate(table.columns):
        rows[:, n] = column
    return {"cpu": time.process_time() - start, "elapsed": time.perf_counter() - elapsed}


def csv(folder: Path, scale: float, rounds: int) -> Iterator[tuple]:
    file = folder / "input" / "data" / "train" / "rows.csv"
    file.parent.mkdir(parents=True)
    in_process("formats.write_csv", path=file, rows=int(3_450_000 * scale))
    size = file.stat().st_size / 1e6
    pairs = [
        (in_process("formats.ours", path=folder), in_process("formats.pyarrow", path=folder)) for _ in range(rounds)
    ]
    for key, name in (("cpu", "CPU time"), ("elapsed", "elapsed time")):
        value = median(other[key] for _, other in pairs) / median(own[key] for own, _ in pairs)
        yield f"{size:.0f} MB to float32, throughput / pyarrow's ({name})", value, "x", "≥", 1.0
    yield "the same: peak memory / the file", max(own["peak"] for own, _ in pairs) / size, "x", "≤", 1.0


def records(count: int, rounds: int) -> dict:
    """CPU seconds of each side for a dense table of 30 features, and whether the bytes are the same."""
    from sagemaker.amazon.common import read_records as sdk_read
    from sagemaker.amazon.common import write_numpy_to_dense_tensor

    from local_aws.algorithms.recordio import read_blocks, write_features

    random = np.random.default_rng(0)
    x, y = random.normal(size=(count, 30)).astype("f4"), random.normal(size=count).astype("f4")
    times: dict[str, list[float]] = {name: [] for name in ("encode", "sdk_encode", "decode", "sdk_decode")}
    same = True

    def timed(name: str, work):
        start = time.process_time()
        result = work()
        times[name].append(time.process_time() - start)
        return result

    def sdk_to_array(data: bytes) -> np.ndarray:
        found = sdk_read(io.BytesIO(data))
        return np.array([record.features["values"].float32_tensor.values for record in found], "f4")

    for _ in range(rounds):
        out = io.BytesIO()
        timed("sdk_encode", lambda out=out: write_numpy_to_dense_tensor(out, x, y))
        data = timed("encode", lambda: write_features(x, y))
        table = timed("decode", lambda data=data: [block for block, _ in read_blocks(io.BytesIO(data))])
        theirs = timed("sdk_decode", lambda data=data: sdk_to_array(data))
        same &= data == out.getvalue() and np.array_equal(np.concatenate(table), theirs)
    return {name: median(values) for name, values in times.items()} | {"same": bool(same)}


def recordio(folder: Path, scale: float, rounds: int) -> Iterator[tuple]:
    count = int(200_000 * scale)
    found = in_process("formats.records", count=count, rounds=rounds)
    for way, bound in (("decode", 50), ("encode", 100)):
        yield f"{count} records, {way}: speed / the SDK's", found[f"sdk_{way}"] / found[way], "x", "≥", bound
    yield "the same: files and tables differ from the SDK's", float(not found["same"]), "", "≤", 0


BENCHMARKS = {"csv": csv, "recordio": recordio}
