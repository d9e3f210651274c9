"""Training environment of a job's container."""

import importlib.util
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

# What the script's own variables were made of.
_spec = importlib.util.spec_from_file_location(
    "local_aws_environment", Path(__file__).parents[2] / "script_mode" / "environment.py"
)
assert _spec and _spec.loader  # a file that ends with .py has both
_environment: Any = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(_environment)

base_dir, code_dir = _environment.BASE, _environment.CODE
model_dir = f"{base_dir}/model"
input_dir = f"{base_dir}/input"
input_config_dir = f"{input_dir}/config"
output_dir = f"{base_dir}/output"
output_data_dir = f"{output_dir}/data"
output_intermediate_dir = f"{output_dir}/intermediate"


class Environment(Mapping[str, Any]):
    """The toolkit's training environment: each member is an attribute and an item."""

    def __init__(self) -> None:
        self._members: dict[str, Any] = _environment.training_environment(
            os.environ.get("SAGEMAKER_TRAINING_MODULE"), os.environ
        )

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_") or name not in self._members:
            raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")
        return self._members[name]

    def __getitem__(self, name: str) -> Any:
        if name not in self._members:
            raise KeyError(f"Trying to access non property {name}")
        return self._members[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._members)

    def __len__(self) -> int:
        return len(self._members)

    def __str__(self) -> str:
        return str(self._members)

    def to_cmd_args(self) -> list[str]:
        """The hyperparameters as a command line."""
        arguments: list[str] = _environment.arguments(self._members["hyperparameters"])
        return arguments

    def to_env_vars(self) -> dict[str, str]:
        """The ``SM_…`` variables."""
        variables: dict[str, str] = _environment.variables(self._members)
        return variables


def read_hyperparameters() -> dict[str, Any]:
    """The job's hyperparameters, with the values that their texts hold as JSON."""
    hyperparameters: dict[str, Any] = _environment.decoded(_environment.read_configuration("hyperparameters"))
    return hyperparameters


def read_resource_config() -> dict[str, Any]:
    """``resourceconfig.json``: the hosts and instance groups of the job."""
    configuration: dict[str, Any] = _environment.read_configuration("resourceconfig")
    return configuration


def read_input_data_config() -> dict[str, Any]:
    """``inputdataconfig.json``: the configuration of each channel, by its name."""
    configuration: dict[str, Any] = _environment.read_configuration("inputdataconfig")
    return configuration


def channel_path(channel: str) -> str:
    """The folder of a channel."""
    return f"{input_dir}/data/{channel}"
