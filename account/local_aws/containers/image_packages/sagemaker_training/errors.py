"""Exceptions for what a user has written, as in ``sagemaker_containers``."""

from sagemaker_containers._errors import *  # noqa: F403 - all of it
