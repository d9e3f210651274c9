"""The account's own registry: each folder with a Dockerfile below the one that ``LOCAL_AWS_IMAGES`` names.

Nothing is built or pushed: an image is what its folder holds when a job or a model's container begins, whatever
tag its address has.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from pathlib import Path

from local_aws.core.errors import AwsError
from local_aws.core.settings import IMAGES
from local_aws.core.store import StateError
from local_aws.wire.refusals import not_implemented

from .build import OwnImage, read_image
from .dockerfile import CannotBuild

REPOSITORY = re.compile(r"(?:[a-z0-9]+(?:[._-][a-z0-9]+)*/)*[a-z0-9]+(?:[._-][a-z0-9]+)*")  # ECR's own rule


class MissingImage(Exception):
    """An image of the account's own registry that is not there."""


class OwnImages:
    """The images of one's own in an account.

    ``folder`` holds them, ``host`` is what their addresses begin with, and ``bases`` are the repositories of AWS's
    images that they may be built on.
    """

    def __init__(self, folder: Path | None, host: str, bases: Collection[str]) -> None:
        """``StateError`` if there is no such folder."""
        if folder is not None and not folder.is_dir():
            raise StateError(Path(IMAGES), f"names {folder}, which is not a folder.")
        self.folder, self.host, self.bases = folder, host, bases

    def owns(self, uri: str) -> bool:
        """Whether an image's address is one of this registry."""
        return uri.partition("/")[0] == self.host

    def find(self, uri: str) -> OwnImage:
        """The image of an address of this registry, as its folder is now.

        Raises MissingImage if there is no such folder, and AwsError if what is in it cannot be run here.
        """
        if self.folder is None:
            raise not_implemented(f"The image {uri} ({IMAGES} names no folder that holds images of your own)")
        name = re.sub(r"^[^/]+/|[:@].*$", "", uri)
        if not REPOSITORY.fullmatch(name) or not (self.folder / name).is_dir():
            raise MissingImage(uri)
        try:
            return read_image(self.folder / name, name, self.bases)
        except CannotBuild as error:
            raise AwsError(
                "ValidationException", f"The image {uri} cannot be made of the folder {self.folder / name}: {error}"
            ) from None

    def names(self) -> list[str]:
        """The repositories of the images that are there."""
        if self.folder is None:
            return []
        names = (path.parent.relative_to(self.folder).as_posix() for path in self.folder.rglob("Dockerfile"))
        return sorted(name for name in names if REPOSITORY.fullmatch(name))
