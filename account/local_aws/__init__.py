"""An AWS account on this machine that trains, serves, fails and bills as SageMaker does, without Docker.

``connect`` reaches the account of the project that is worked in; ``account`` gives a ``with`` block one, and leads
boto3, the SageMaker SDK and child processes to it.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .client.connection import Connection, connect
    from .client.leading import account

__version__ = "0.1.0"
__all__ = ["Connection", "account", "connect"]
_PLACES = {
    "Connection": "local_aws.client.connection",
    "account": "local_aws.client.leading",
    "connect": "local_aws.client.connection",
}


def __getattr__(name: str) -> Any:
    # On first use: jobs, which need nothing of this, import the package too.
    if name not in _PLACES:
        raise AttributeError(f"module 'local_aws' has no attribute '{name}'")
    return getattr(import_module(_PLACES[name]), name)


def __dir__() -> list[str]:
    return sorted([*__all__, "__version__"])
