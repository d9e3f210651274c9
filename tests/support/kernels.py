"""An embedded account with resources of others in it, and kernels of Jupyter's that play lessons there."""

from __future__ import annotations

import os
import re
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import nbformat
from jupyter_client.kernelspec import KernelSpecManager
from jupyter_client.manager import AsyncKernelManager
from nbclient import NotebookClient
from nbclient.util import run_sync

from support.account import Place
from support.training import IMAGE
from tools.lessons.play import ROOT
from utils.sweep import COURSE

(SWEEP,) = re.findall(r'\n\t@\$\(ENV\) -c "(from utils import clean_up.+)"', (ROOT / "Makefile").read_text())
ME = "the-reader"
# The tags of what is none of the sweep's business.
OTHERS = {
    "of-somebody-else": {"course": COURSE, "course-user": "somebody-else", "course-run": "1"},
    "of-another-course": {"course": "another", "course-user": ME},
    "of-nobody": {},
}


class LessonsAccount:
    """An embedded account with resources of others in it, as boto3 sees it."""

    def __init__(self, folder: Path) -> None:
        self.place = Place(folder)
        self.role = self.place.start().account.role_arn
        self.sagemaker = self.place.client("sagemaker")
        for name, tags in OTHERS.items():
            self.an_endpoint(name, tags)
        self.environment = self.place.environment | {"COURSE_USER": ME, "MPLBACKEND": "agg"}

    def an_endpoint(self, name: str, tags: dict[str, str]) -> None:
        """Make an endpoint, its configuration and its model: it fails, having no artifact, and stays."""
        listed = {"Tags": [{"Key": key, "Value": value} for key, value in tags.items()]}
        variant = {"VariantName": "v", "ModelName": name, "InstanceType": "ml.t2.medium", "InitialInstanceCount": 1}
        self.sagemaker.create_model(
            ModelName=name, PrimaryContainer={"Image": IMAGE}, ExecutionRoleArn=self.role, **listed
        )
        self.sagemaker.create_endpoint_config(EndpointConfigName=name, ProductionVariants=[variant], **listed)
        self.sagemaker.create_endpoint(EndpointName=name, EndpointConfigName=name, **listed)

    def holds(self) -> dict[str, set[str]]:
        """The names of all that costs money, or that a lesson makes to be deleted again, of whomever."""
        client = self.sagemaker
        endpoints = client.list_endpoints(MaxResults=100)["Endpoints"]
        configs = client.list_endpoint_configs(MaxResults=100)["EndpointConfigs"]
        models = client.list_models(MaxResults=100)["Models"]
        pipelines = [each["PipelineName"] for each in client.list_pipelines()["PipelineSummaries"]]
        groups = client.list_model_package_groups()["ModelPackageGroupSummaryList"]
        pages = client.get_paginator("list_training_jobs").paginate(StatusEquals="InProgress")
        training = [each for page in pages for each in page["TrainingJobSummaries"]]
        processing = client.list_processing_jobs(StatusEquals="InProgress")["ProcessingJobSummaries"]
        batches = client.list_transform_jobs(StatusEquals="InProgress")["TransformJobSummaries"]
        searches = client.list_hyper_parameter_tuning_jobs(StatusEquals="InProgress")
        return {
            "endpoints": {each["EndpointName"] for each in endpoints},
            "configurations": {each["EndpointConfigName"] for each in configs},
            "models": {each["ModelName"] for each in models},
            "pipelines": set(pipelines),
            "groups": {each["ModelPackageGroupName"] for each in groups},
            "training jobs": {each["TrainingJobName"] for each in training},
            "processing jobs": {each["ProcessingJobName"] for each in processing},
            "transform jobs": {each["TransformJobName"] for each in batches},
            "tuning jobs": {
                each["HyperParameterTuningJobName"] for each in searches["HyperParameterTuningJobSummaries"]
            },
        }


NOTHING_OF_MINE: dict[str, set[str]] = {
    **{kind: set(OTHERS) for kind in ("endpoints", "configurations", "models")},
    **{kind: set() for kind in ("pipelines", "groups")},
    **{f"{kind} jobs": set() for kind in ("training", "processing", "transform", "tuning")},
}


class Kernel:
    """A kernel of Jupyter's, started as a notebook's, that can die as with its machine."""

    def __init__(self, notebook: nbformat.NotebookNode, folder: Path, environment: dict[str, str]) -> None:
        kernel = AsyncKernelManager(kernel_name="python3", kernel_spec_manager=KernelSpecManager(kernel_dirs=[]))
        kernel.transport_encryption = "auto"
        self.client = NotebookClient(notebook, km=kernel, timeout=600, resources={"metadata": {"path": str(folder)}})
        self.client.start_new_kernel(env=environment)
        self.client.start_new_kernel_client()

    def run(self, index: int) -> nbformat.NotebookNode:
        """Run the notebook's cell of this number to its end."""
        return self.client.execute_cell(self.client.nb.cells[index], index)

    def kill(self) -> None:
        """SIGKILL: nothing in the kernel gets a chance to delete anything."""
        manager: Any = self.client.km
        channels: Any = self.client.kc
        with suppress(ProcessLookupError):  # it is dead already
            os.kill(manager.provisioner.pid, signal.SIGKILL)
        run_sync(manager.provisioner.wait)()
        channels.stop_channels()
        run_sync(manager.cleanup_resources)()


@contextmanager
def playing(
    lessons_account: LessonsAccount, path: Path, before: str = "", **variables: str
) -> Iterator[tuple[Kernel, list[int]]]:
    """A kernel for a lesson, and the numbers of its code cells; killed at the end.

    ``before`` is run in it before the lesson, ``variables`` are added to its environment.
    """
    notebook = nbformat.read(path, as_version=4)
    notebook.cells.insert(0, nbformat.v4.new_code_cell(before))
    kernel = Kernel(notebook, path.parent, lessons_account.environment | variables)
    try:
        kernel.run(0)
        yield kernel, [number for number, cell in enumerate(notebook.cells) if number and cell.cell_type == "code"]
    finally:
        kernel.kill()


@contextmanager
def sweeping(lessons_account: LessonsAccount) -> Iterator[Callable[[], str]]:
    """What runs the code of `make clean-aws`, and returns what it prints."""
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(SWEEP)])
    kernel = Kernel(notebook, ROOT, lessons_account.environment)
    yield lambda: "".join(output.get("text", "") for output in kernel.run(0).outputs)
    kernel.kill()
