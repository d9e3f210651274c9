"""ModelDataUrl, Image and Environment of a model's container, and how its artifact and code come from S3."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from local_aws.core.errors import AwsError
from local_aws.core.job_failure import JobFailure
from local_aws.services.s3.objects import ObjectStore
from local_aws.services.s3.uris import split_uri
from local_aws.services.sagemaker.jobs.inputs import fetch_code

STARTUP_TIMEOUT = 480  # seconds that AWS gives a container to answer GET /ping with 200
INVOCATION_TIMEOUT = 60  # seconds; AWS's for a model on an endpoint


@dataclass(frozen=True)
class ModelSource:
    """What a container of a model is made of.

    ``url`` is its artifact's address (ModelDataUrl), None if it has none; ``folder`` keeps the artifact, and the
    user's code.  The container has ``startup`` seconds until it must answer GET /ping, and ``timeout`` for each
    invocation.  Its program has keys of ``role``, by its ARN, unless it is isolated from the network.
    """

    image: str
    folder: Path
    url: str | None
    environment: Mapping[str, str]
    startup: float = STARTUP_TIMEOUT
    timeout: float = INVOCATION_TIMEOUT
    role: str | None = None
    isolated: bool = False

    @property
    def artifact(self) -> Path:
        """The file that keeps the artifact; there is none without ``url``."""
        return self.folder / "model.tar.gz"

    @property
    def code(self) -> Path:
        """The file that keeps the archive of the user's code, if the environment names one in S3."""
        return self.folder / "sourcedir.tar.gz"

    def fetch(self, objects: ObjectStore) -> None:
        """Bring what is in S3, the user's code too; JobFailure with AWS's sentence if there is no artifact."""
        if self.url:
            try:
                objects.link(objects.object(*split_uri(self.url)), self.artifact)
            except AwsError as error:
                if error.code not in ("NoSuchBucket", "NoSuchKey"):
                    raise
                raise JobFailure(f"Could not find model data at {self.url}.") from None
        fetch_code(self.environment.get("SAGEMAKER_SUBMIT_DIRECTORY", ""), objects, self.code)
