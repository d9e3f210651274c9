"""The account can be installed anywhere: what its wheel holds, and what the documentation shows, run with it."""

from __future__ import annotations

import re
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
import yaml

import local_aws
from support import ROOT
from support.distribution import ACCOUNT, build, environment, programs, run

GUIDE = ROOT / "docs" / "ci.md"


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build(tmp_path_factory.mktemp("wheel"))


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """Another project, which holds the programs of the guide."""
    for name, code in programs(GUIDE).items():
        (tmp_path / name).write_text(code)
    (tmp_path / "pyproject.toml").write_text("")
    return tmp_path


def test_the_wheel_holds_the_package_and_nothing_else(wheel: Path) -> None:
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "local_aws"]
    listed = subprocess.run(command, cwd=ACCOUNT, capture_output=True, text=True)
    if listed.returncode != 0:
        pytest.skip("this folder is not a git checkout")
    there = {name for name in listed.stdout.split("\n") if name and (ACCOUNT / name).is_file()}
    with zipfile.ZipFile(wheel) as archive:
        names = set(archive.namelist())
        described = archive.read(f"{wheel.name.rpartition('-py3')[0]}.dist-info/METADATA").decode()
    meta = {name for name in names if name.partition("/")[0].endswith(".dist-info")}
    assert names - meta == there
    assert "local_aws/py.typed" in there and any(name.endswith("licenses/LICENSE") for name in meta)
    assert f"\nVersion: {local_aws.__version__}\n" in described and "# The embedded AWS account" in described


def test_the_licence_and_the_changelog_are_those_of_this_version() -> None:
    assert (ACCOUNT / "LICENSE").read_bytes() == (ROOT / "LICENSE").read_bytes()
    versions = re.findall(r"(?m)^## \[(\d[^]]*)\] - \d{4}-\d\d-\d\d$", (ACCOUNT / "CHANGELOG.md").read_text("utf-8"))
    assert versions[0] == local_aws.__version__ and len(set(versions)) == len(versions)


def test_the_guide_and_the_readme_show_the_examples() -> None:
    examples = {path.name: path.read_text("utf-8") for path in (ACCOUNT / "examples").glob("*.py")}
    shown = programs(GUIDE)
    assert examples.items() <= shown.items() and "test_pipeline.py" in shown
    blocks = re.findall(r"(?ms)^```python\n(.*?)^```$", (ACCOUNT / "README.md").read_text("utf-8"))
    assert {block for block in blocks if "local_aws" in block or "aws_account" in block} <= set(examples.values())


def test_the_guides_workflow_installs_from_this_repository() -> None:
    (text,) = re.findall(r"(?ms)^```yaml\n(.*?)^```$", GUIDE.read_text("utf-8"))
    steps = yaml.safe_load(text)["jobs"]["test"]["steps"]
    assert any("#subdirectory=account" in step.get("run", "") for step in steps)


def test_what_the_guide_shows_runs_with_the_wheel(wheel: Path, project: Path, tmp_path_factory) -> None:
    """With the packages of this environment, since a test asks no index for others."""
    python = environment(tmp_path_factory.mktemp("environment") / "venv", wheel)
    where = run([str(python), "-c", "import local_aws; print(local_aws.__file__)"], project).stdout
    assert Path(where.strip()).is_relative_to(python.parents[1])
    assert run([str(python), "train_and_deploy.py"], project).stdout == "[21, 41]\n"
    said = run([str(python), "-m", "pytest", "-q", "-W", "ignore", "-p", "no:cacheprovider"], project).stdout
    assert "2 passed" in said
    local_aws_ = str(python.parent / "local-aws")
    try:
        assert f"folder {project / '.local_aws'})" in run([local_aws_, "start"], project).stdout
    finally:
        run([local_aws_, "stop"], project)
    assert sorted(path.name for path in project.iterdir() if path.name != "__pycache__") == sorted(
        [*programs(GUIDE), "pyproject.toml", ".local_aws"]
    )


@pytest.mark.soak
@pytest.mark.parametrize("sdk", ["sagemaker>=2.257.4,<3"])
def test_an_empty_environment(wheel: Path, project: Path, tmp_path_factory, sdk: str) -> None:
    """Asks the package index that pip is set up with."""
    folder = tmp_path_factory.mktemp("empty")
    run([sys.executable, "-m", "venv", str(folder / "venv")], folder)
    python = str(folder / "venv" / "bin" / "python")
    run([python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", str(wheel)], folder)
    assert run([python, "train_and_deploy.py"], project).stdout == "[21, 41]\n"
    run([python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "pytest", sdk], folder)
    said = run([python, "-m", "pytest", "-q", "-W", "ignore"], project).stdout
    assert "2 passed" in said
