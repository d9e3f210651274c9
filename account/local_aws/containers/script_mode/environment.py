"""Training environment of a script: its arguments and ``SM_…`` variables.

Source: the package ``sagemaker_training`` 5.1.4, modules ``environment`` and ``mapping``.
"""

import json
import os
from collections.abc import Mapping
from typing import Any

BASE = "/opt/ml"
CODE = f"{BASE}/code"
PROGRAM = "SAGEMAKER_PROGRAM"
# Hyperparameters that are for the container; others that begin so are parameters of its framework.
RESERVED = "sagemaker_"
FOR_THE_CONTAINER = {
    "sagemaker_program",
    "sagemaker_submit_directory",
    "sagemaker_enable_cloudwatch_metrics",
    "sagemaker_region",
    "sagemaker_container_log_level",
    "sagemaker_job_name",
    "sagemaker_s3_output",
    "default_user_module_name",
    "_tuning_objective_metric",
}


def read_configuration(name: str) -> dict[str, Any]:
    """One of the files that SageMaker lays into ``/opt/ml/input/config``."""
    with open(f"{BASE}/input/config/{name}.json", encoding="utf-8") as file:
        configuration: dict[str, Any] = json.load(file)
    return configuration


def decoded(hyperparameters: Mapping[str, str]) -> dict[str, Any]:
    """Hyperparameters are strings that hold JSON; one that does not is taken as it is."""
    values = {}
    for name, text in hyperparameters.items():
        try:
            values[name] = json.loads(text)
        except (ValueError, RecursionError):
            values[name] = text
    return values


def all_values() -> dict[str, Any]:
    """All hyperparameters of the job, those for the container among them."""
    return decoded(read_configuration("hyperparameters"))


def user_entry_point(hyperparameters: Mapping[str, str], variables: Mapping[str, str]) -> object:
    """The user's program, by the job's variables or else its hyperparameters; None if neither names one."""
    return variables.get(PROGRAM) or decoded(hyperparameters).get("sagemaker_program")


def module_dir(hyperparameters: Mapping[str, str]) -> str:
    """Where the user's code is: an address in S3 or a path of the container.

    The toolkit takes no variable for that, and makes a text of whatever it is.
    """
    return str(decoded(hyperparameters).get("sagemaker_submit_directory", CODE))


def training_environment(framework_module: str, variables: Mapping[str, str]) -> dict[str, Any]:
    """What the toolkit calls the training environment, from the job's configuration and its ``variables``."""
    hyperparameters = read_configuration("hyperparameters")
    values = decoded(hyperparameters)
    resources, channels = read_configuration("resourceconfig"), read_configuration("inputdataconfig")
    groups = {group["instance_group_name"]: group for group in resources["instance_groups"]}
    current_group = resources["current_group_name"]
    entry_point = user_entry_point(hyperparameters, variables)
    reserved = {name for name in values if name in FOR_THE_CONTAINER or name.startswith(RESERVED)}
    return {
        "additional_framework_parameters": {name: values[name] for name in sorted(reserved - FOR_THE_CONTAINER)},
        "channel_input_dirs": {name: f"{BASE}/input/data/{name}" for name in channels},
        "current_host": resources["current_host"],
        "current_instance_group": current_group,
        "current_instance_group_hosts": groups[current_group]["hosts"],
        "current_instance_type": resources["current_instance_type"],
        "distribution_hosts": [],
        "distribution_instance_groups": [],
        "framework_module": framework_module,
        "hosts": resources["hosts"],
        "hyperparameters": {name: value for name, value in values.items() if name not in reserved},
        "input_config_dir": f"{BASE}/input/config",
        "input_data_config": channels,
        "input_dir": f"{BASE}/input",
        "instance_groups": list(groups),
        "instance_groups_dict": groups,
        "is_hetero": False,
        "is_master": True,
        "is_modelparallel_enabled": None,
        "is_smddpmprun_installed": False,
        "is_smddprun_installed": False,
        "job_name": variables.get("TRAINING_JOB_NAME"),
        "log_level": values.get("sagemaker_container_log_level", 20),
        "master_hostname": resources["hosts"][0],
        "model_dir": f"{BASE}/model",
        "module_dir": module_dir(hyperparameters),
        "module_name": str(entry_point).removesuffix(".py"),
        "network_interface_name": resources["network_interface_name"],
        "num_cpus": os.cpu_count(),
        "num_gpus": 0,
        "num_neurons": 0,
        "output_data_dir": f"{BASE}/output/data",
        "output_dir": f"{BASE}/output",
        "output_intermediate_dir": f"{BASE}/output/intermediate",
        "resource_config": resources,
        "topology": [],
        "user_entry_point": entry_point,
    }


def inherited(environment: Mapping[str, object], variables: Mapping[str, str]) -> dict[str, str]:
    """Variables that the toolkit sets for itself and so hands on to the script; TypeError if one would be no text."""
    values = all_values()
    inherited_variables = {
        "CURRENT_HOST": environment["current_host"],
        "SAGEMAKER_JOB_NAME": values.get("sagemaker_job_name", ""),
        "SAGEMAKER_REGION": values.get("sagemaker_region", variables.get("AWS_REGION")) or "",
        "SAGEMAKER_TRAINING_MODULE": environment["framework_module"],
    }
    for name, value in inherited_variables.items():
        if not isinstance(value, str):
            raise TypeError(f"{name}: str expected, not {type(value).__name__}")
    return inherited_variables


def arguments(hyperparameters: Mapping[str, object]) -> list[str]:
    """Hyperparameters as a command line: sorted, ``--name value`` (``-n value`` if the name is one letter)."""
    command_line: list[str] = []
    for name in sorted(hyperparameters):
        value = hyperparameters[name]
        if isinstance(value, dict):
            value = ",".join(f"{key}={value[key]}" for key in sorted(value))
        command_line += [f"--{name}" if len(name) > 1 else f"-{name}", "" if value is None else str(value)]
    return command_line


def variables(environment: Mapping[str, Any]) -> dict[str, str]:
    """The ``SM_…`` variables of a training environment."""
    # In the toolkit's order, in which they stand in the log.
    named = (
        "hosts", "network_interface_name", "hps", "user_entry_point", "framework_params", "resource_config",
        "input_data_config", "output_data_dir", "channels", "current_host", "current_instance_type",
        "current_instance_group", "current_instance_group_hosts", "instance_groups", "instance_groups_dict",
        "distribution_instance_groups", "is_hetero", "module_name", "log_level", "framework_module", "input_dir",
        "input_config_dir", "output_dir", "num_cpus", "num_gpus", "num_neurons", "model_dir", "module_dir",
        "training_env", "user_args", "output_intermediate_dir",
    )  # fmt: skip
    values = {
        **environment,
        "hps": environment["hyperparameters"],
        "framework_params": environment["additional_framework_parameters"],
        "channels": sorted(environment["channel_input_dirs"]),
        "training_env": environment,
        "user_args": arguments(environment["hyperparameters"]),
    }
    members = {name: values[name] for name in named}
    members |= {f"channel_{name}": path for name, path in environment["channel_input_dirs"].items()}
    members |= {f"hp_{name}": value for name, value in environment["hyperparameters"].items()}
    return {f"SM_{name.upper()}": _as_text(value) for name, value in members.items()}


def _as_text(value: object) -> str:
    if value is None:
        return ""
    return value if isinstance(value, str) else json.dumps(value, sort_keys=True, separators=(",", ":"))
