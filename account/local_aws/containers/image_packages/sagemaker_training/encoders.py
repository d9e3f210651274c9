"""Encoders and decoders of arrays, as in ``sagemaker_containers``."""

from sagemaker_containers._encoders import *  # noqa: F403 - all of it
