"""The account's own registry: folders with a Dockerfile, below the one that ``LOCAL_AWS_IMAGES`` names or added since.

Nothing is built: an image is what its folder holds when a job or a model's container begins, whatever tag its address
has.  ``add_image`` copies a folder into the account, as a push would; an added image comes before one of the
variable's.
"""

from __future__ import annotations

import re
import shutil
import tempfile
from collections.abc import Collection
from pathlib import Path

from local_aws.core.account import open_account
from local_aws.core.errors import AwsError
from local_aws.core.settings import IMAGES, state_folder
from local_aws.core.store import StateError
from local_aws.wire.refusals import not_implemented

from .build import OwnImage, read_image
from .dockerfile import CannotBuild

REPOSITORY = re.compile(r"(?:[a-z0-9]+(?:[._-][a-z0-9]+)*/)*[a-z0-9]+(?:[._-][a-z0-9]+)*")  # ECR's own rule
ADDED = "images"  # the folder of the images that were added, in that of the account


def add_image(folder: Path | str, name: str, state: Path | None = None) -> str:
    """Give the account the image ``name``, as ``folder`` is now, in the place of an earlier one; its address.

    ``state`` is the account's folder, by default that of the project which is worked in.  Raises ValueError if ECR
    would not take the name, or the folder has no Dockerfile, and StateError if there can be no account there.
    """
    if not REPOSITORY.fullmatch(name):
        raise ValueError(f"{name!r} is no name of a repository: small letters, digits, and . _ - / between them.")
    if not (Path(folder) / "Dockerfile").is_file():
        raise ValueError(f"{folder} has no Dockerfile, so it is no image.")
    state = state or state_folder()
    account = open_account(state)
    place = state / ADDED / name
    place.parent.mkdir(parents=True, exist_ok=True)
    # A job that begins meanwhile finds the old one or the new one, but for the moment between two renames.
    new, old = (Path(tempfile.mkdtemp(prefix=".", dir=state / ADDED)) for _ in range(2))
    try:
        shutil.copytree(folder, new / "image", symlinks=True, ignore=shutil.ignore_patterns("__pycache__"))
        if place.exists():
            place.rename(old / "image")
        (new / "image").rename(place)
    finally:
        for each in (new, old):
            shutil.rmtree(each, ignore_errors=True)
    return f"{host(account.account_id, account.region)}/{name}:latest"


def host(account_id: str, region: str) -> str:
    """What the addresses of an account's own registry begin with."""
    return f"{account_id}.dkr.ecr.{region}.amazonaws.com"


class MissingImage(Exception):
    """An image of the account's own registry that is not there."""


class OwnImages:
    """The images of one's own in an account.

    They lie in ``folder`` and among those that were added to the account of ``state``; ``host`` is what their
    addresses begin with, and ``bases`` are the repositories of AWS's images that they may be built on.
    """

    def __init__(self, folder: Path | None, state: Path, host: str, bases: Collection[str]) -> None:
        """``StateError`` if there is no such folder."""
        if folder is not None and not folder.is_dir():
            raise StateError(Path(IMAGES), f"names {folder}, which is not a folder.")
        self.folder, self.added, self.host, self.bases = folder, state / ADDED, host, bases

    def owns(self, uri: str) -> bool:
        """Whether an image's address is one of this registry."""
        return uri.partition("/")[0] == self.host

    def find(self, uri: str) -> OwnImage:
        """The image of an address of this registry, as its folder is now.

        Raises MissingImage if there is no such folder, and AwsError if what is in it cannot be run here.
        """
        if self.folder is None and not self.added.is_dir():
            raise not_implemented(f"The image {uri} ({IMAGES} names no folder that holds images of your own)")
        name = re.sub(r"^[^/]+/|[:@].*$", "", uri)
        place = self.place(name)
        if place is None:
            raise MissingImage(uri)
        try:
            return read_image(place, name, self.bases)
        except CannotBuild as error:
            raise AwsError(
                "ValidationException", f"The image {uri} cannot be made of the folder {place}: {error}"
            ) from None

    def place(self, name: str) -> Path | None:
        """The folder of an image; None if there is none."""
        if not REPOSITORY.fullmatch(name):
            return None
        return next((top / name for top in self._tops() if (top / name).is_dir()), None)

    def names(self) -> list[str]:
        """The repositories of the images that are there."""
        names = {path.parent.relative_to(top).as_posix() for top in self._tops() for path in top.rglob("Dockerfile")}
        return sorted(name for name in names if REPOSITORY.fullmatch(name))

    def _tops(self) -> list[Path]:
        return [top for top in (self.added, self.folder) if top is not None]
