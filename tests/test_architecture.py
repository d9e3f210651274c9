"""How the house is built: which part of the account may import which, read from the code itself.

A part imports what stands below it in PARTS, and its own modules; nothing imports in a circle, not even for a type's
sake.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
ACCOUNT = ROOT / "utils" / "local_aws"

# From the top down: a part's name, and the modules and packages of the account that it is made of.
PARTS: list[tuple[str, tuple[str, ...]]] = [
    ("command line", ("__main__", "cli", "operations")),
    ("door", ("server", "authorization", "coalescing", "expect")),
    ("page", ("page",)),
    ("transform, search", ("transform", "transform_run", "transform_data", "jsonpath", "search")),
    (
        "hosting, tuning",
        ("hosting", "endpoints", "deployment", "invocations", "serverless", "serving", "served_model")
        + ("model_source", "model_container", "inference_pipeline", "tuning", "tuning_run", "tuning_search"),
    ),
    (
        "training, processing, pipelines, registry",
        ("training", "training_run", "training_metrics", "artifacts", "pipes", "processing", "processing_run")
        + ("pipelines", "pipeline_run", "pipeline_definition", "pipeline_arguments", "pipeline_cache")
        + ("pipeline_expressions", "pipeline_retries", "pipeline_step", "model_registry"),
    ),
    ("jobs", ("jobs", "job_inputs")),
    ("resources", ("resources", "patience")),
    ("S3", ("s3", "uris")),
    ("IAM", ("bookkeeping", "books", "roles")),
    ("CloudWatch", ("logs", "metrics")),
    ("quotas", ("quotas",)),
    ("images", ("images",)),
    ("algorithms", ("linear_learner", "xgboost_algorithm", "recordio")),
    (
        "containers",
        ("containers", "script_container", "supervise", "lifeline", "role_sessions", "rerooted", "script_mode")
        + ("image_packages",),
    ),
    ("client", ("client", "session", "sdk_v2", "shim")),
    ("wire", ("services", "dispatch", "refusals", "naming", "protocols", "validation", "signature", "policy")),
    ("ground", ("state", "store", "disk", "leases", "errors", "job_failure", "clock", "prices")),
]
# They stand side by side: none of them knows another.
SMALL_SERVICES = ("S3", "IAM", "CloudWatch", "quotas")


def imports(path: Path, package: str) -> Iterator[str]:
    """The absolute names of what a module imports, wherever in it; ``package`` is the package that it lies in."""
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            above = package.split(".")[: len(package.split(".")) - node.level + 1] if node.level else []
            module = ".".join([*above, *filter(None, [node.module])])
            yield module
            yield from (f"{module}.{alias.name}" for alias in node.names)


def graph(folder: Path, name: str) -> dict[str, set[str]]:
    """For each module below ``folder``, the package ``name``, the modules below it that it imports."""
    modules = {}
    for path in sorted(folder.rglob("*.py")):
        parts = [name, *path.relative_to(folder).with_suffix("").parts]
        package = ".".join(parts[:-1])
        modules[package if parts[-1] == "__init__" else ".".join(parts)] = path, package
    return {
        module: {found for found in imports(path, package) if found in modules and found != module}
        for module, (path, package) in modules.items()
    }


def upward(found: dict[str, set[str]], name: str) -> list[str]:
    """Where a part of the account imports one above it, or one that it stands beside."""
    part_of = {module: number for number, (_, modules) in enumerate(PARTS) for module in modules}
    names = [part for part, _ in PARTS]
    faults = []
    for module, others in found.items():
        here = part_of.get(module.removeprefix(f"{name}.").partition(".")[0])
        for other in others:
            there = part_of.get(other.removeprefix(f"{name}.").partition(".")[0])
            if other == name or here == there:
                continue
            if here is None or there is None:
                faults.append(f"{module} or {other} is in no part")
            elif here > there or {names[here], names[there]} <= set(SMALL_SERVICES):
                faults.append(f"{module} ({names[here]}) imports {other} ({names[there]})")
    return sorted(set(faults))


def circles(found: dict[str, set[str]]) -> list[tuple[str, ...]]:
    """Modules that import each other, directly or around several corners."""
    reach = {module: set(others) for module, others in found.items()}
    for middle in reach:
        for others in reach.values():
            if middle in others:
                others |= reach[middle]
    return sorted({tuple(sorted(o for o in reach[m] if m in reach[o])) for m in reach if m in reach[m]})


@pytest.fixture(scope="module")
def account() -> dict[str, set[str]]:
    return graph(ACCOUNT, "utils.local_aws")


def test_each_part_imports_only_what_stands_below_it(account) -> None:
    assert upward(account, "utils.local_aws") == []


def test_nothing_imports_in_a_circle() -> None:
    assert circles(graph(ROOT / "utils", "utils")) == []


def test_the_account_does_not_know_the_course() -> None:
    found = graph(ROOT / "utils", "utils")
    own = "utils.local_aws"
    assert {
        module: others
        for module in found
        if module.startswith(own) and (others := {o for o in found[module] if not o.startswith(own)} - {"utils"})
    } == {}


def test_each_part_is_named_once_and_is_there(account) -> None:
    named = [module for _, modules in PARTS for module in modules]
    there = {path.stem for path in ACCOUNT.iterdir() if path.suffix == ".py" or any(path.glob("**/*.py"))}
    assert sorted(named) == sorted(there - {"__init__", "__pycache__"})


def test_what_breaks_the_rules_is_found(tmp_path) -> None:
    """A part that imports one above it, services that know each other, circles of which one is for types alone."""
    sources = {
        "store": "from .jobs import Jobs",
        "jobs": "import house.store",
        "logs": "def late():\n    from . import quotas",
        "quotas": "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from .logs import Logs",
        "unknown": "from . import store",
        "s3/__init__": "from .objects import Store",
        "s3/objects": "from ..errors import AwsError",
        "errors": "",
    }
    for name, source in sources.items():
        path = tmp_path / f"{name}.py"
        path.parent.mkdir(exist_ok=True)
        path.write_text(source)
    found = graph(tmp_path, "house")
    assert upward(found, "house") == [
        "house.logs (CloudWatch) imports house.quotas (quotas)",
        "house.quotas (quotas) imports house.logs (CloudWatch)",
        "house.store (ground) imports house.jobs (jobs)",
        "house.unknown or house.store is in no part",
    ]
    assert circles(found) == [("house.jobs", "house.store"), ("house.logs", "house.quotas")]
