"""A channel's files as one of XGBoost's matrices.

Source: ``data_utils.py`` of AWS's open ``sagemaker-xgboost-container``.
"""

from pathlib import Path

import numpy
import xgboost

from .encoder import libsvm_to_dmatrix


def get_dmatrix(data_path: str, content_type: str, csv_weights: int = 0, is_pipe: bool = False):
    """The records below a folder, or of a file: CSV with the label first (and, if asked, the weight second), or LIBSVM.

    None if there is no file.  Raises NotImplementedError for other formats and for pipes.
    """
    path, kind = Path(data_path), content_type.partition(";")[0].strip().lower().rpartition("/")[2].removeprefix("x-")
    if is_pipe or kind not in ("csv", "libsvm"):
        what = "Pipe mode" if is_pipe else f"the content type {content_type}"
        raise NotImplementedError(f"get_dmatrix does not read {what} in the embedded AWS account.")
    files = [path] if path.is_file() else sorted(each for each in path.rglob("[!.]*") if each.is_file())
    if not files:
        return None
    text = "".join(each.read_text().rstrip("\n") + "\n" for each in files)
    if kind == "libsvm":
        return libsvm_to_dmatrix(text.encode())
    table = numpy.genfromtxt(text.splitlines(), delimiter=",", ndmin=2)
    weight = table[:, 1] if csv_weights else None
    return xgboost.DMatrix(table[:, 2 if csv_weights else 1 :], label=table[:, 0], weight=weight)
