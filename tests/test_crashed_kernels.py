"""A laptop that crashes in the middle of a lesson leaves no bill: the sweep finds all that the lesson had made.

The kernel is killed after each cell in turn.  What others have in the account stays there, before and after the sweep.
"""

from __future__ import annotations

import os
import re
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import nbformat
import pytest
from jobs import IMAGE
from jupyter_client.kernelspec import KernelSpecManager
from jupyter_client.manager import AsyncKernelManager
from nbclient import NotebookClient
from nbclient.exceptions import DeadKernelError
from nbclient.util import run_sync
from places import Place, until

from utils.lessons.play import ROOT, lessons, missing
from utils.preflight.sdk import installed_edition
from utils.sweep import COURSE

ME = "the-reader"
SWEEP = re.search(r'\n\t@\$\(ENV\) -c "(from utils import clean_up.+)"', (ROOT / "Makefile").read_text())[1]
QUICKLY = "salary/04_deploy_predict_delete"  # what `make test` plays; `make soak` plays every lesson that deploys
DEPLOYS = r"\.deploy\(|course\.endpoint\("
# The tags of what is none of the sweep's business; and of another run of the reader's, which only the sweep may end.
OTHERS = {
    "of-somebody-else": {"course": COURSE, "course-user": "somebody-else", "course-run": "1"},
    "of-another-course": {"course": "another", "course-user": ME},
    "of-nobody": {},
}
ANOTHER_RUN = {"course": COURSE, "course-user": ME, "course-run": "of-another-kernel"}


class Account:
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
        training = client.list_training_jobs(StatusEquals="InProgress")["TrainingJobSummaries"]
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


NOTHING_OF_MINE = dict.fromkeys(("endpoints", "configurations", "models"), set(OTHERS)) | dict.fromkeys(
    ("pipelines", "groups", "training jobs", "processing jobs", "transform jobs", "tuning jobs"), set()
)


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
        with suppress(ProcessLookupError):  # it is dead already
            os.kill(self.client.km.provisioner.pid, signal.SIGKILL)
        run_sync(self.client.km.provisioner.wait)()
        self.client.kc.stop_channels()
        run_sync(self.client.km.cleanup_resources)()


@pytest.fixture(scope="module")
def account(tmp_path_factory) -> Iterator[Account]:
    found = Account(tmp_path_factory.mktemp("account") / "state")
    yield found
    found.place.close()


@pytest.fixture(scope="module")
def sweep(account) -> Iterator:
    """Runs the code of `make clean-aws`, and returns what it prints."""
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(SWEEP)])
    kernel = Kernel(notebook, ROOT, account.environment)
    yield lambda: "".join(output.get("text", "") for output in kernel.run(0).outputs)
    kernel.kill()


@contextmanager
def playing(account: Account, path: Path) -> Iterator[tuple[Kernel, list[int]]]:
    """A kernel for a lesson, and the numbers of its code cells; killed at the end."""
    notebook = nbformat.read(path, as_version=4)
    kernel = Kernel(notebook, path.parent, account.environment)
    try:
        yield kernel, [number for number, cell in enumerate(notebook.cells) if cell.cell_type == "code"]
    finally:
        kernel.kill()


def code_cells(path: Path) -> list[str]:
    return [cell.source for cell in nbformat.read(path, as_version=4).cells if cell.cell_type == "code"]


def first_deploy(path: Path) -> int:
    """The place, among the code cells, of the first that makes an endpoint."""
    return next(number for number, source in enumerate(code_cells(path)) if re.search(DEPLOYS, source))


def crashes() -> Iterator:
    """Each lesson that deploys with the number of the code cell after which its kernel is killed."""
    for path in lessons(sdk=installed_edition()):
        name, sources = path.relative_to(ROOT / "notebooks").with_suffix("").as_posix(), code_cells(path)
        if not any(re.search(DEPLOYS, source) for source in sources):
            continue
        for number in range(len(sources)):
            quick = name == QUICKLY and number >= first_deploy(path)
            lacks = missing(nbformat.read(path, as_version=4))
            marks = [] if quick else [pytest.mark.soak]
            marks += [pytest.mark.skip(reason=f"needs {', '.join(lacks)}, not installed")] if lacks else []
            yield pytest.param(path, number, id=f"{name}-{number + 1}", marks=marks)


@pytest.mark.parametrize(("path", "last"), list(crashes()))
def test_after_a_crash_the_sweep_leaves_nothing(account, sweep, path, last) -> None:
    account.an_endpoint("of-another-run", ANOTHER_RUN)
    with playing(account, path) as (kernel, cells):
        for number in cells[: last + 1]:
            kernel.run(number)
    held = account.holds()
    assert {*OTHERS, "of-another-run"} <= held["endpoints"], "the lesson deleted what others have"
    said = sweep()
    assert account.holds() == NOTHING_OF_MINE
    for kind, noun in (("endpoints", "endpoint"), ("models", "model")):
        for name in held[kind] - set(OTHERS):
            assert f"deleted the {noun} {name}" in said
    assert said.endswith("nothing is running\n")


def test_the_cell_after_the_deployment_is_where_a_crash_costs_money(account, sweep) -> None:
    """Without the sweep the endpoint stays, in service: the tests above would see it."""
    path = ROOT / "notebooks" / f"{QUICKLY}.ipynb"
    with playing(account, path) as (kernel, cells):
        for number in cells[: first_deploy(path) + 1]:
            kernel.run(number)
    (left,) = account.holds()["endpoints"] - set(OTHERS)
    assert account.sagemaker.describe_endpoint(EndpointName=left)["EndpointStatus"] == "InService"
    assert account.holds() != NOTHING_OF_MINE
    with playing(account, ROOT / "notebooks" / "99_clean_up.ipynb") as (kernel, cells):
        for number in cells:
            kernel.run(number)
    assert account.holds() == NOTHING_OF_MINE


def test_a_crash_while_the_endpoint_is_made(account, sweep) -> None:
    path = ROOT / "notebooks" / f"{QUICKLY}.ipynb"
    with playing(account, path) as (kernel, cells):
        *before, deploy = cells[: first_deploy(path) + 1]
        for number in before:
            kernel.run(number)

        def crash() -> None:
            until(lambda: account.holds()["endpoints"] - set(OTHERS))
            os.kill(kernel.client.km.provisioner.pid, signal.SIGKILL)

        watcher = threading.Thread(target=crash)
        watcher.start()
        with pytest.raises(DeadKernelError):
            kernel.run(deploy)
        watcher.join()
    (left,) = account.holds()["endpoints"] - set(OTHERS)
    assert f"deleted the endpoint {left}" in sweep()
    assert account.holds() == NOTHING_OF_MINE
