"""How the house is built: which part of the account may import which, read from the code itself.

A part imports what stands below it in PARTS, and its own modules; nothing imports in a circle, not even for a type's
sake.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
ACCOUNT = ROOT / "account" / "local_aws"

# From the top down: a part's name, and the modules and packages of the account that it is made of.
SAGEMAKER = "services.sagemaker"
PARTS: list[tuple[str, tuple[str, ...]]] = [
    ("command line, pytest plugin", ("__main__", "cli", "coverage", "pytest_plugin", "running")),
    ("door", ("door",)),
    ("page", ("page",)),
    ("transform, search", (f"{SAGEMAKER}.transform", f"{SAGEMAKER}.search")),
    ("hosting, tuning", (f"{SAGEMAKER}.hosting", f"{SAGEMAKER}.tuning")),
    (
        "training, processing, pipelines, registry",
        tuple(f"{SAGEMAKER}.{name}" for name in ("training", "processing", "pipelines", "registry")),
    ),
    ("jobs", (f"{SAGEMAKER}.jobs",)),
    ("resources", (f"{SAGEMAKER}.kinds", f"{SAGEMAKER}.resources", f"{SAGEMAKER}.long_polling")),
    ("S3", ("services.s3",)),
    ("IAM", ("services.iam",)),
    ("CloudWatch", ("services.logs", "services.cloudwatch")),
    ("quotas", ("services.quotas",)),
    ("images", ("images",)),
    ("algorithms", ("algorithms",)),
    ("containers", ("containers",)),
    ("client", ("client",)),
    ("wire", ("wire",)),
    ("core", ("core", "prices")),
]
# Folders of parts, which hold no code of their own.
FOLDERS = ("services", SAGEMAKER)
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


def part_of(module: str) -> int | None:
    """The number in PARTS of the part that a module, named below the account's package, belongs to."""
    parts = {name: number for number, (_, modules) in enumerate(PARTS) for name in modules}
    names = module.split(".")
    return next((parts[name] for n in range(len(names)) if (name := ".".join(names[: n + 1])) in parts), None)


def upward(found: dict[str, set[str]], name: str) -> list[str]:
    """Where a part of the account imports one above it, or one that it stands beside."""
    names = [part for part, _ in PARTS]
    faults = []
    for module, others in found.items():
        if module == name:  # the package's own face, above all parts
            continue
        here = part_of(module.removeprefix(f"{name}."))
        for other in others:
            there = part_of(other.removeprefix(f"{name}."))
            if here == there or other.removeprefix(f"{name}.") in (name, *FOLDERS):
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
    return graph(ACCOUNT, "local_aws")


def test_each_part_imports_only_what_stands_below_it(account) -> None:
    assert upward(account, "local_aws") == []


def test_nothing_imports_in_a_circle() -> None:
    assert circles(graph(ROOT / "utils", "utils")) == []
    assert circles(graph(ROOT / "tools", "tools")) == []
    assert circles(graph(ACCOUNT, "local_aws")) == []


def test_the_account_does_not_know_the_course() -> None:
    known = {
        (str(path.relative_to(ACCOUNT)), name)
        for path in ACCOUNT.rglob("*.py")
        for name in imports(path, "local_aws")
        if name.partition(".")[0] in ("utils", "tools", "tests")
    }
    assert known == set()


def test_what_a_lesson_imports_does_not_know_the_tools_and_the_tests() -> None:
    names = {name.partition(".")[0] for path in (ROOT / "utils").rglob("*.py") for name in imports(path, "utils")}
    assert not names & {"tools", "tests", "support"} and "local_aws" in names


def test_the_account_does_not_speak_of_the_course() -> None:
    """What others install has no word of this project's lessons in its messages, names and comments."""
    earlier = "AmazonSageMaker-ExecutionRole-Course"  # the role of accounts that were opened before
    texts = {path: path.read_text("utf-8") for path in ACCOUNT.rglob("*") if path.suffix in (".py", ".js", ".html")}
    found = [
        f"{path.relative_to(ACCOUNT)}: {line.strip()}"
        for path, text in texts.items()
        for line in text.splitlines()
        if re.search(r"(?i)\bcourse|course_|\blesson", line.replace(earlier, ""))
    ]
    assert found == []


def test_each_part_is_named_once_and_is_there(account) -> None:
    named = [module for _, modules in PARTS for module in modules]
    assert len(named) == len(set(named))
    assert {name for name in named if f"local_aws.{name}" not in account} == set()
    nowhere = {module for module in account if part_of(module.removeprefix("local_aws.")) is None}
    assert nowhere == {"local_aws", *(f"local_aws.{folder}" for folder in FOLDERS)}
    for folder in FOLDERS:
        assert len(ast.parse((ACCOUNT / folder.replace(".", "/") / "__init__.py").read_text()).body) == 1


def test_what_breaks_the_rules_is_found(tmp_path) -> None:
    """A part that imports one above it, services that know each other, circles of which one is for types alone."""
    sources = {
        "core/store": "from ..services.sagemaker.jobs.job import Jobs",
        "services/sagemaker/jobs/job": "import house.core.store",
        "services/logs": "def late():\n    from . import quotas",
        "services/quotas": "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from .logs import Logs",
        "unknown": "from .core import store",
        "services/s3/__init__": "from .objects import Store",
        "services/s3/objects": "from ...core.errors import AwsError",
        "core/errors": "",
    }
    for name, source in sources.items():
        path = tmp_path / f"{name}.py"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(source)
    found = graph(tmp_path, "house")
    assert upward(found, "house") == [
        "house.core.store (core) imports house.services.sagemaker.jobs.job (jobs)",
        "house.services.logs (CloudWatch) imports house.services.quotas (quotas)",
        "house.services.quotas (quotas) imports house.services.logs (CloudWatch)",
        "house.unknown or house.core.store is in no part",
    ]
    assert circles(found) == [
        ("house.core.store", "house.services.sagemaker.jobs.job"),
        ("house.services.logs", "house.services.quotas"),
    ]
