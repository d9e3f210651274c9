"""Source code of the user: where it is, and how it comes into ``/opt/ml/code``, in training and in serving.

Source: ``files.py`` of the package ``sagemaker_training`` and of the older ``sagemaker_containers``.
"""

import errno
import os
import shutil
import tarfile
import urllib.parse

BASE = "/opt/ml"
CODE = f"{BASE}/code"


def place_in_s3(uri: str) -> tuple[str, str] | None:
    """Bucket and key of ``s3://BUCKET/KEY``, None of anything else, which is a path; ValueError if it is neither."""
    if not uri.startswith("s3://"):
        return None
    parts = urllib.parse.urlparse(uri)
    return parts.netloc, parts.path.lstrip("/")


def lay_out(uri: str, archive: str) -> None:
    """Put the code into ``/opt/ml/code``, unless there is some.

    ``uri`` is an archive's address in S3, or the path of an archive, of a folder or of a file in the container.
    ``archive`` is the file that the account has fetched from S3, empty if there is no such object.

    Raises OSError, EOFError, ValueError, zlib.error or tarfile.TarError if the code cannot be had.
    """
    os.makedirs(CODE, exist_ok=True)
    if os.listdir(CODE):
        return
    if place_in_s3(uri):
        if not archive:
            raise FileNotFoundError(f"{uri}: An error occurred (404) when calling the HeadObject operation: Not Found")
        _unpack(archive)
        return
    place = os.path.normpath(os.path.join("/", uri))
    if place != BASE and not place.startswith(f"{BASE}/"):
        # Beyond /opt/ml lies this machine, which the container has nothing of.
        raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), uri)
    if os.path.isdir(place):
        if place != CODE:
            os.rmdir(CODE)
            shutil.copytree(place, CODE)
    elif tarfile.is_tarfile(place):
        _unpack(place)
    else:
        shutil.copy2(place, CODE)


def _unpack(archive: str) -> None:
    with tarfile.open(archive, "r:gz") as tar:
        tar.extractall(CODE, filter="data")
