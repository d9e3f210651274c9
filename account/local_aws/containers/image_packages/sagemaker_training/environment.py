"""What a training job's container knows of the job."""

import importlib.util
import os
from collections.abc import Iterator, Mapping
from pathlib import Path

# What the script's own variables were made of.
_made = importlib.util.spec_from_file_location(
    "local_aws_environment", Path(__file__).parents[2] / "script_mode" / "environment.py"
)
_environment = importlib.util.module_from_spec(_made)
_made.loader.exec_module(_environment)

base_dir, code_dir = _environment.BASE, _environment.CODE
model_dir = f"{base_dir}/model"
input_dir = f"{base_dir}/input"
input_config_dir = f"{input_dir}/config"
output_dir = f"{base_dir}/output"
output_data_dir = f"{output_dir}/data"
output_intermediate_dir = f"{output_dir}/intermediate"


class Environment(Mapping):
    """The toolkit's training environment: each member is an attribute and an item."""

    def __init__(self) -> None:
        self._members = _environment.training_environment(os.environ.get("SAGEMAKER_TRAINING_MODULE"), os.environ)

    def __getattr__(self, name: str) -> object:
        if name.startswith("_") or name not in self._members:
            raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")
        return self._members[name]

    def __getitem__(self, name: str) -> object:
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
        return _environment.arguments(self._members["hyperparameters"])

    def to_env_vars(self) -> dict[str, str]:
        """The ``SM_…`` variables."""
        return _environment.variables(self._members)


def read_hyperparameters() -> dict:
    return _environment.decoded(_environment.read_configuration("hyperparameters"))


def read_resource_config() -> dict:
    return _environment.read_configuration("resourceconfig")


def read_input_data_config() -> dict:
    return _environment.read_configuration("inputdataconfig")


def channel_path(channel: str) -> str:
    """The folder of a channel."""
    return f"{input_dir}/data/{channel}"
