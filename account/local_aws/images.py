"""Images that the account can run: which program stands for which container.

An image is known by the repository in its address, whatever registry and region it names.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace

from .algorithms.linear_learner import image as linear_learner
from .algorithms.xgboost_algorithm import image as xgboost_algorithm
from .algorithms.xgboost_algorithm.releases import Release
from .containers.image import Image, own_image
from .containers.own_images.registry import MissingImage, OwnImages
from .containers.script_mode.image import FRAMEWORKS
from .core.errors import AwsError
from .core.extras import lack_of
from .wire.refusals import not_implemented

IMAGES = {**linear_learner.IMAGES, **xgboost_algorithm.IMAGES}

# Images of which a processing job can run the Python and the shell; what is in them is what this environment holds.
PROCESSING_IMAGES = ("sagemaker-scikit-learn", "sagemaker-xgboost", "pytorch-training", "tensorflow-training")
# Images that an image of one's own may be built on: so much is known of what is in them.
BASES = (*PROCESSING_IMAGES, "pytorch-inference")


def find_image(uri: str, script: bool = False) -> Image:
    """The image of an address such as ``ACCOUNT.dkr.ecr.REGION.amazonaws.com/linear-learner:1``.

    ``script`` says that there is a program of the user's to run.  Raises AwsError if the account has no program for
    the image, or lacks the library that the image is made of.
    """
    repository = _repository(uri)
    kinds = (FRAMEWORKS, IMAGES) if script else (IMAGES, FRAMEWORKS)
    image = next((images[repository] for images in kinds if repository in images), None)
    if image is None:
        raise not_implemented(f"The image {uri} (images that run here: {', '.join({**IMAGES, **FRAMEWORKS})})")
    _check_extra(uri, image)
    if not image.releases:
        return image
    tag = uri.rpartition("/")[2].partition(":")[2]
    if tag not in image.releases:
        raise not_implemented(f"The image {uri} (of {repository} run here: {', '.join(image.releases)})")
    release = image.releases[tag]
    objectives = Release(release).objectives
    return replace(image, train=(*image.train, release), serve=(*image.serve, release), objectives=objectives)


class ImageNotFound(AwsError):
    """An image of one's own that is not there."""


@dataclass(frozen=True)
class ModelImages:
    """The images that containers of models have: AWS's that run here, and one's own."""

    own: OwnImages

    def find(self, uri: str, environment: Mapping[str, str]) -> Image:
        """The image of a container that has such an environment.

        Raises AwsError if it cannot run here: ImageNotFound, with AWS's words for CreateModel (aws-samples/
        easy-amazon-sagemaker-deployments, issue 4), if it is one of one's own that is not there.
        """
        if not self.own.owns(uri):
            return find_image(uri, "SAGEMAKER_PROGRAM" in environment)
        try:
            return own_image(self.own.find(uri))
        except MissingImage:
            raise ImageNotFound("ValidationException", f"Requested image {uri} not found.") from None


def check_processing_image(uri: str) -> None:
    """Raise AwsError unless processing jobs of the image can run here."""
    repository = _repository(uri)
    if repository not in PROCESSING_IMAGES:
        images = ", ".join(PROCESSING_IMAGES)
        raise not_implemented(f"The image {uri} (images whose processing jobs run here: {images})")
    _check_extra(uri, FRAMEWORKS[repository])


def _check_extra(uri: str, image: Image) -> None:
    if image.extra and (lack := lack_of(image.extra)):
        raise AwsError("ValidationException", f"The image {uri} cannot run here: {lack}")


def _repository(uri: str) -> str:
    return re.sub(r"^[^/]+/|[:@].*$", "", uri)
