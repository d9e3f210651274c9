"""Names of content types, as in ``sagemaker_containers``."""

from sagemaker_containers._content_types import *  # noqa: F403 - all of it
