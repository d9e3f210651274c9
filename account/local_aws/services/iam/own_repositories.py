"""ECR's view of images of one's own: DescribeRepositories, DescribeImages and ListImages of their folders.

A folder is a repository with one image, whatever tag one asks for; without one it has the tag ``latest``.
Reference: the API reference of Amazon ECR.
"""

from __future__ import annotations

from typing import Any

from local_aws.containers.own_images.build import OwnImage
from local_aws.containers.own_images.registry import MissingImage, OwnImages
from local_aws.core.account import Account
from local_aws.core.errors import AwsError

MANIFEST = "application/vnd.docker.distribution.manifest.v2+json"
LATEST = "latest"


class OwnRepositories:
    """The repositories of an account's own images."""

    def __init__(self, account: Account, images: OwnImages) -> None:
        self.account, self.images = account, images

    def answer(self, action: str, params: dict[str, Any]) -> dict[str, Any] | None:
        """What ECR answers of images that are folders; None if the request is about others.

        Raises AwsError if the repository has no such image, or cannot be read as one.
        """
        name = params.get("repositoryName")
        if action not in ("DescribeImages", "ListImages") or name not in self.images.names():
            return None
        image, (_, pushed) = self._image(name), self._times(name)
        wanted = params.get("imageIds") or [{"imageTag": LATEST}]
        for identifier in wanted:
            if identifier.get("imageDigest", image.digest) != image.digest:
                digest = identifier["imageDigest"]
                text = (
                    f"The image with imageId {{imageDigest:'{digest}', imageTag:'null'}} does not exist within the "
                    f"repository with name '{name}' in the registry with id '{self.account.account_id}'"
                )
                raise AwsError("ImageNotFoundException", text)
        tags = [identifier.get("imageTag", LATEST) for identifier in wanted]
        if action == "ListImages":
            return {"imageIds": [{"imageDigest": image.digest, "imageTag": LATEST}]}
        size = sum(source.stat().st_size for source, _, _ in image.files)
        detail = {
            "registryId": self.account.account_id,
            "repositoryName": name,
            "imageDigest": image.digest,
            "imageTags": tags,
            "imageSizeInBytes": size,
            "imagePushedAt": pushed,
            "imageManifestMediaType": MANIFEST,
        }
        return {"imageDetails": [detail]}

    def describe(self, name: str) -> dict[str, Any]:
        """A repository, as DescribeRepositories shows it."""
        created, _ = self._times(name)
        return {
            "repositoryArn": f"arn:aws:ecr:{self.account.region}:{self.account.account_id}:repository/{name}",
            "registryId": self.account.account_id,
            "repositoryName": name,
            "repositoryUri": f"{self.images.host}/{name}",
            "createdAt": created,
            "imageTagMutability": "MUTABLE",
            "imageScanningConfiguration": {"scanOnPush": False},
            "encryptionConfiguration": {"encryptionType": "AES256"},
        }

    def _image(self, name: str) -> OwnImage:
        try:
            return self.images.find(f"{self.images.host}/{name}")
        except MissingImage:  # its folder has gone since
            text = (
                f"The repository with name '{name}' does not exist in the registry with id '{self.account.account_id}'"
            )
            raise AwsError("RepositoryNotFoundException", text) from None

    def _times(self, name: str) -> tuple[float, float]:
        """When the folder's oldest and newest file were last changed, in seconds since the epoch."""
        place = self.images.place(name)
        times = [path.stat().st_mtime for path in place.rglob("*") if path.is_file()] if place else []
        return (min(times), max(times)) if times else (0.0, 0.0)
