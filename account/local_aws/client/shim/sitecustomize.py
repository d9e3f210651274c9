"""Patches that keep a Python process's SageMaker calls on this machine; Python imports them at start-up.

``AWS_ENDPOINT_URL`` sends every AWS call to the embedded account but for three places where the SageMaker
SDK goes around it, and one of botocore.  Each is closed here, and nothing else is touched:

- hosts that an operation puts before the address (``123456789012.127.0.0.1`` of S3 Control): nobody would find them.
- STS: the SDK names its regional address itself; the address is dropped, so that ``AWS_ENDPOINT_URL`` holds.
- telemetry: the SDK reports calls to an address of its own by ``requests``; the report is not sent.
- a Studio image's metadata file names a real role; the SDK is told of a file that is not there.

The folder stands on PYTHONPATH only below ``python -m local_aws run`` and in what it leads, and the file
does nothing unless ``AWS_ENDPOINT_URL`` points to this machine.
"""

from __future__ import annotations

import importlib.util
import os
import sys
from urllib.parse import urlsplit, urlunsplit

TYPE_CHECKING = False  # typing itself would cost each Python process some milliseconds
if TYPE_CHECKING:
    from collections.abc import Sequence
    from importlib.machinery import ModuleSpec
    from types import ModuleType
    from typing import Any

NO_FILE = "/nonexistent/resource-metadata.json"


_before: list[tuple[Any, str, Any]] = []  # what was exchanged: (owner, name, what it was)


def _exchange(owner: Any, name: str, value: Any) -> None:
    _before.append((owner, name, getattr(owner, name)))
    setattr(owner, name, value)


def _at_the_account(module: Any) -> None:
    create_client = module.Session.create_client

    def patched(self: Any, service_name: str, *args: Any, **kwargs: Any) -> Any:
        if service_name == "sts" and "endpoint_url" in kwargs:
            kwargs["endpoint_url"] = None
        client = create_client(self, service_name, *args, **kwargs)
        client.meta.events.register("before-sign", _to_the_account)
        return client

    _exchange(module.Session, "create_client", patched)


def _to_the_account(request: Any, **_: object) -> None:
    """Send what is meant for a host in front of the account's own to the account, where it is refused by name."""
    account = os.environ.get("AWS_ENDPOINT_URL", "").partition("://")[2].rstrip("/")
    address = urlsplit(request.url)
    if account and address.netloc != account and address.netloc.endswith((f".{account}", f"-{account}")):
        request.url = urlunsplit(address._replace(netloc=account))


def _without_telemetry(module: Any) -> None:
    _exchange(module, "_requests_helper", lambda url, timeout: None)


def _without_metadata_file(module: Any) -> None:
    _exchange(module, "NOTEBOOK_METADATA_FILE", NO_FILE)


CHANGES = {
    "botocore.session": _at_the_account,
    "sagemaker.telemetry.telemetry_logging": _without_telemetry,
    "sagemaker.serve.utils.telemetry_logger": _without_telemetry,
    "sagemaker.core.telemetry.telemetry_logging": _without_telemetry,
    "sagemaker.session": _without_metadata_file,
    "sagemaker.core.helper.session_helper": _without_metadata_file,
}


class _Finder:
    """Lets the ordinary machinery find a module of CHANGES, and changes it once it is loaded."""

    def find_spec(
        self, name: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """The module's spec by the finders behind this one, as ``importlib.abc.MetaPathFinder`` describes it.

        Its loader changes the module when it is loaded.  None for every module that is not in CHANGES.
        """
        change = CHANGES.get(name)
        if change is None:
            return None
        for finder in sys.meta_path:
            if finder is not self and hasattr(finder, "find_spec"):
                spec = finder.find_spec(name, path, target)
                if spec is not None:
                    break
        else:
            return None
        loader: Any = spec.loader
        load = loader.exec_module

        def exec_module(module: ModuleType) -> None:
            load(module)
            change(module)

        loader.exec_module = exec_module
        return spec


def install() -> bool:
    """Change the modules of CHANGES: those that are loaded now, the others when they are.  False if they are."""
    if any(isinstance(finder, _Finder) or type(finder).__name__ == "_Finder" for finder in sys.meta_path):
        return False
    for name, change in CHANGES.items():
        if name in sys.modules:
            change(sys.modules[name])
    sys.meta_path.insert(0, _Finder())
    return True


def uninstall() -> None:
    """Undo what ``install`` of this module has changed."""
    sys.meta_path[:] = [finder for finder in sys.meta_path if not isinstance(finder, _Finder)]
    while _before:
        setattr(*_before.pop())


def _call_the_one_behind() -> None:
    """Run the sitecustomize that this one hides, if the environment has one."""
    here = os.path.dirname(os.path.abspath(__file__))
    for folder in sys.path:
        path = os.path.join(folder, "sitecustomize.py")
        if os.path.abspath(folder) != here and os.path.isfile(path):
            spec = importlib.util.spec_from_file_location("hidden_sitecustomize", path)
            if spec is not None and spec.loader is not None:
                spec.loader.exec_module(importlib.util.module_from_spec(spec))
            return


if os.environ.get("AWS_ENDPOINT_URL", "").startswith("http://127.0.0.1:"):
    install()
if __name__ == "sitecustomize":
    _call_the_one_behind()
