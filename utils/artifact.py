"""What a training job of Linear Learner leaves in S3, opened: for models with one feature, which are a line."""

import io
import tarfile
import zipfile

import numpy as np

SLOPE, INTERCEPT = 64, 108  # where their four bytes stand in the file of parameters


def line(packed: bytes) -> tuple[float, float]:
    """Slope and intercept, in the units of the table, of a ``model.tar.gz``: an archive in an archive."""
    with tarfile.open(fileobj=io.BytesIO(packed)) as archive:
        file = archive.extractfile("model_algo-1")
        assert file is not None  # a file, in every artifact of Linear Learner
        inner = file.read()
    parameters = zipfile.ZipFile(io.BytesIO(inner)).read("mx-mod-0000.params")
    slope, intercept = (float(np.frombuffer(parameters, "<f4", 1, place)[0]) for place in (SLOPE, INTERCEPT))
    return slope, intercept
