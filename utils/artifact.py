"""What a training job of Linear Learner leaves in S3, opened."""

import zipfile
from typing import BinaryIO

import numpy as np

SHAPE, WEIGHTS, BETWEEN = 36, 64, 40  # where the first array's shape and numbers stand, and what is before the second's


def linear(file: BinaryIO) -> tuple[np.ndarray, float]:
    """Coefficients and intercept, in the units of the table, of ``model_algo-1``, which is an archive itself."""
    parameters = zipfile.ZipFile(file).read("mx-mod-0000.params")
    columns = int(np.frombuffer(parameters, "<i8", 1, SHAPE)[0])
    weights = np.frombuffer(parameters, "<f4", columns, WEIGHTS).astype(float)
    return weights, float(np.frombuffer(parameters, "<f4", 1, WEIGHTS + 4 * columns + BETWEEN)[0])
