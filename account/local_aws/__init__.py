"""An AWS account on this machine that trains, serves, fails and bills as SageMaker does, without Docker.

``connect`` reaches the account of the project that is worked in; ``account`` gives a ``with`` block one, and leads
boto3, the SageMaker SDK and child processes to it.  ``add_image`` gives an account an image of one's own.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .client.connection import Connection, connect
    from .client.leading import account
    from .containers.own_images.registry import add_image

__version__ = "0.1.0"
__all__ = ["Connection", "account", "add_image", "connect"]
_PLACES = {
    "Connection": "local_aws.client.connection",
    "account": "local_aws.client.leading",
    "add_image": "local_aws.containers.own_images.registry",
    "connect": "local_aws.client.connection",
}


def __getattr__(name: str) -> Any:
    # On first use: jobs, which need nothing of this, import the package too.
    if name not in _PLACES:
        raise AttributeError(f"module 'local_aws' has no attribute '{name}'")
    return getattr(import_module(_PLACES[name]), name)


def __dir__() -> list[str]:
    return sorted([*__all__, "__version__"])
