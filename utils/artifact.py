"""What a training job of Linear Learner leaves in S3, opened."""

import io
import tarfile
import zipfile

import numpy as np

SHAPE, WEIGHTS, BETWEEN = 36, 64, 40  # where the first array's shape and numbers stand, and what is before the second's


def linear(packed: bytes) -> tuple[np.ndarray, float]:
    """Coefficients and intercept, in the units of the table, of a ``model.tar.gz``: an archive in an archive."""
    with tarfile.open(fileobj=io.BytesIO(packed)) as archive:
        file = archive.extractfile("model_algo-1")
        assert file is not None  # a file, in every artifact of Linear Learner
        inner = file.read()
    parameters = zipfile.ZipFile(io.BytesIO(inner)).read("mx-mod-0000.params")
    columns = int(np.frombuffer(parameters, "<i8", 1, SHAPE)[0])
    weights = np.frombuffer(parameters, "<f4", columns, WEIGHTS).astype(float)
    return weights, float(np.frombuffer(parameters, "<f4", 1, WEIGHTS + 4 * columns + BETWEEN)[0])
