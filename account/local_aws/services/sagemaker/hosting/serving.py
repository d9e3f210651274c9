"""Loading a Model: into the account's own process, or in a container of its own (``model_container.py``)."""

from __future__ import annotations

import errno
import logging
import lzma
import shutil
import tarfile
import zlib
from pathlib import Path
from typing import Any

from local_aws.containers import script_container
from local_aws.containers.image import Image, LoadedModel
from local_aws.containers.role_sessions import Sessions
from local_aws.core import clock
from local_aws.core.disk import has_room
from local_aws.core.errors import AwsError
from local_aws.core.job_failure import JobFailure
from local_aws.images import ImageNotFound, ModelImages
from local_aws.services.s3.objects import copy_file

from .model_source import ModelSource
from .served_model import BatchModel, LostImage, ModelResponse, Unhealthy, WriteLog

log = logging.getLogger("local_aws")


class ModelInProcess:
    """A model that an image's loader made: this project's code, which executes nothing from an artifact."""

    waits = False

    def __init__(self, model: LoadedModel, write: WriteLog) -> None:
        self._model = model
        self._write = write

    def wait_until_ready(self) -> None:
        """Return at once: what has been loaded is ready."""

    def invoke(
        self, body: bytes, content_type: str | None, accept: str | None, attributes: str | None
    ) -> ModelResponse:
        """The model's answer, by this thread; the line that it logs goes to the log stream."""
        answer = self._model.invoke(body, content_type, accept)
        if answer.log_line:
            self._write([(clock.now(), answer.log_line)])
        return ModelResponse(answer.status, answer.content_type, answer.body)

    def execution_parameters(self) -> dict[str, Any]:
        """What the model says of itself to batch transform."""
        return self._model.execution_parameters()

    def stop(self, grace: float) -> None:
        """Do nothing: the model goes when nobody refers to it any more."""


def begin(source: ModelSource, root: Path, images: ModelImages, sessions: Sessions, write: WriteLog) -> BatchModel:
    """Let a model serve, in a container whose root is ``root`` (not there yet) if it needs one.

    ``sessions`` are those of which a container gets one, ``write`` gets the lines of its log.  A container is not
    awaited here: ``wait_until_ready`` does that.

    Raises JobFailure with a sentence if the artifact cannot be unpacked or the image cannot run here, Unhealthy if the
    model cannot be loaded.
    """
    image = image_of(source, images)
    root = script_container.root_folder(root)
    folder = root / "opt" / "ml" / "model"
    try:
        folder.mkdir(parents=True)
        if image.load is None:
            script_container.lay_out(root)
        if image.own:
            image.own.lay_down(root)
        if source.url:
            if image.own:
                shutil.rmtree(folder, ignore_errors=True)  # the artifact's folder hides the image's
            _unpack(source.artifact, source.url, folder)
        if image.load is None:
            if source.code.is_file():
                copy_file(source.code, folder.with_name(source.code.name))
            from .model_container import ModelContainer  # it needs httpx: the account begins without

            return ModelContainer(image, root, source, sessions, write)
    except BaseException:
        shutil.rmtree(root, ignore_errors=True)
        raise
    write([(clock.now(), "loading model...")])
    try:
        model = ModelInProcess(image.load(folder, source.environment), write)
    except Exception as error:  # an artifact may hold anything
        why = str(error).replace(str(folder), "/opt/ml/model")
        write([(clock.now(), f"The model cannot be loaded: {why}")])
        log.warning("the model at %s cannot be loaded", source.url, exc_info=True)
        raise Unhealthy(why) from None
    finally:
        shutil.rmtree(root, ignore_errors=True)  # what has been loaded is in memory
    write([(clock.now(), "...model loaded.")])
    return model


def image_of(source: ModelSource, images: ModelImages) -> Image:
    """The image that serves a model.

    Raises JobFailure if it cannot run here, LostImage if it is no longer there: the model may be older than the Python
    that the account now runs in, or than what the folder of an image holds.
    """
    try:
        return images.find(source.image, source.environment)
    except ImageNotFound as error:
        raise LostImage(error.message) from None
    except AwsError as error:
        raise JobFailure(error.message) from None


def _unpack(archive: Path, url: str, folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tarfile.open(archive) as opened:
            for member in opened:
                # An archive of a few kilobytes may hold terabytes.
                if not has_room(folder, member.size):
                    raise OSError(errno.ENOSPC, f"there is no room for the {member.size} bytes of {member.name}")
                opened.extract(member, folder, filter="data")
    except (ValueError, OSError, EOFError, zlib.error, lzma.LZMAError, tarfile.TarError) as error:
        log.warning("%s cannot be unpacked: %s", url, error)
        raise JobFailure(
            f'Failed to extract model data archive from URL "{url}". Please ensure that the object located at '
            "the URL is a valid tar.gz archive."
        ) from None
