"""Content types of channels and of requests."""

from __future__ import annotations

from email.message import Message

from .errors import UserError

CSV, LIBSVM, PARQUET, RECORDIO = "csv", "libsvm", "parquet", "recordio-protobuf"
_NAMES = {
    CSV: CSV,
    LIBSVM: LIBSVM,
    PARQUET: PARQUET,
    RECORDIO: RECORDIO,
    "text/csv": CSV,
    "text/libsvm": LIBSVM,
    "text/x-libsvm": LIBSVM,
    "application/x-parquet": PARQUET,
    "application/x-recordio-protobuf": RECORDIO,
}


def read(content_type: str | None) -> str:
    """The format that a content type names; none is LIBSVM.  Raises UserError for any other."""
    if content_type is None:
        return LIBSVM
    header = Message()
    header["Content-Type"] = content_type.lower()
    (media, _), *parameters = header.get_params(failobj=[("", "")])
    name = _NAMES.get(media)
    if name is None:
        raise UserError(f"{content_type} is not an accepted ContentType: {', '.join(_NAMES)}.")
    if name == CSV and dict(parameters).get("label_size", "1") != "1":
        raise UserError(
            f"{content_type} is not an accepted csv ContentType. Optional parameter label_size must be equal to 1"
        )
    return name
