"""What holds for the project as a whole: its lock, its files, its commands, its data."""

import hashlib
import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from packaging.markers import default_environment
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[2]
PLACES = [
    {"python_version": version, "python_full_version": f"{version}.9", "sys_platform": system, "os_name": "posix"}
    | {"platform_machine": machine}
    for version in ("3.11", "3.12", "3.13")
    for system, machine in [("linux", "x86_64"), ("linux", "aarch64"), ("darwin", "arm64"), ("darwin", "x86_64")]
]


def requirements(name: str) -> list[Requirement]:
    lines = (line.partition(" #")[0].strip() for line in (ROOT / name).read_text("utf-8").splitlines())
    return [Requirement(line) for line in lines if line and line[0] not in "#-"]


def account_requirements() -> list[Requirement]:
    """What the embedded account asks for, with all that it can use."""
    project = tomllib.loads((ROOT / "account" / "pyproject.toml").read_text("utf-8"))["project"]
    extras = project["optional-dependencies"]
    (whole,) = map(Requirement, extras["all"])
    return [
        Requirement(line)
        for line in project["dependencies"] + [line for name in sorted(whole.extras) for line in extras[name]]
    ]


def applies(requirement: Requirement, place: dict[str, str]) -> bool:
    return requirement.marker is None or requirement.marker.evaluate(default_environment() | place)


def tracked() -> list[Path]:
    """The files that are committed or would be."""
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"]
    listed = subprocess.run(command, cwd=ROOT, capture_output=True)
    if listed.returncode != 0:
        pytest.skip("this folder is not a git checkout")
    paths = [ROOT / os.fsdecode(name) for name in listed.stdout.split(b"\0") if name]
    return [path for path in paths if path.is_file()]


def texts() -> list[tuple[str, str]]:
    return [(str(path.relative_to(ROOT)), path.read_text("utf-8", errors="replace")) for path in tracked()]


LOCKS = [
    ("requirements.lock", "requirements-test.txt", set()),
    ("requirements-sdk-v3.lock", "requirements-sdk-v3.txt", {"sagemaker"}),
]


@pytest.mark.parametrize(("lock", "beyond", "replaced"), LOCKS, ids=["v2", "v3"])
@pytest.mark.parametrize("place", PLACES, ids=lambda place: "-".join(list(place.values())[i] for i in (0, 2, 4)))
def test_the_lock_holds_every_requirement_once(
    place: dict[str, str], lock: str, beyond: str, replaced: set[str]
) -> None:
    """`replaced`: what `beyond` asks for in another version than requirements.txt."""
    locked: dict[str, str] = {}
    for requirement in requirements(lock):
        if applies(requirement, place):
            (specifier,) = requirement.specifier
            assert specifier.operator == "=="
            assert canonicalize_name(requirement.name) not in locked
            locked[canonicalize_name(requirement.name)] = specifier.version
    kept = [each for each in requirements("requirements.txt") if each.name not in replaced]
    for requirement in kept + account_requirements() + requirements(beyond):
        if applies(requirement, place):
            assert requirement.specifier.contains(locked[canonicalize_name(requirement.name)]), requirement


def test_studios_image_is_within_the_ranges() -> None:
    """SageMaker Distribution 4.4.1; its sagemaker 3 is what the README's kernel replaces."""
    image = {"numpy": "1.26.4", "pandas": "2.3.3", "scikit-learn": "1.7.2", "matplotlib": "3.10.9"}
    image |= {"seaborn": "0.13.2", "jupyterlab": "4.5.10", "ipykernel": "7.3.0", "boto3": "1.43.56"}
    ranges = {canonicalize_name(each.name): each.specifier for each in requirements("requirements.txt")}
    assert {name: version for name, version in image.items() if not ranges[name].contains(version)} == {}


def test_the_learners_environment_ends_with_the_project_itself() -> None:
    assert (ROOT / "requirements.txt").read_text("utf-8").splitlines()[-1] == "-e ."


def test_sagemaker_is_imported_without_the_slow_grammar() -> None:
    """jsonschema from 4.25 on would compile the grammars of rfc3987_syntax: about 2 s in each kernel."""
    program = "import sagemaker, sys; sys.exit('rfc3987_syntax' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", program], capture_output=True).returncode == 0


@pytest.mark.parametrize(
    ("module", "others"), [("door.server", {"httpx", "numpy", "moto"}), ("client.session", {"sagemaker"})]
)
def test_what_only_some_accounts_and_kernels_need_waits_until_they_do(module, others):
    program = f"import local_aws.{module}, sys; print(*{others!r} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.split() == []


def test_no_file_names_a_package_registry() -> None:
    words = ["pypi" + ".org", "python" + "hosted.org", "index" + "-url", "find" + "-links"]
    config = subprocess.run([sys.executable, "-m", "pip", "config", "list"], capture_output=True, text=True)
    hosts = [urlsplit(url).hostname for url in re.findall(r"\w+://[^\s'\"]+", config.stdout)]
    words += [host for host in hosts if host]
    found = {(name, word) for name, text in texts() for word in words if word in text}
    assert found == set()


def test_no_file_names_a_folder_of_one_machine() -> None:
    folders = [f"/{name}/" for name in ("home", "Users", "root", "work")]
    pattern = re.compile("|".join(rf"(?<![\w.:~}}-]){folder}(?!sagemaker-user\b)[\w.-]+" for folder in folders))
    words = [str(ROOT), str(Path.home()) + "/"]
    found = {(name, match[0]) for name, text in texts() for match in pattern.finditer(text)}
    found |= {(name, word) for name, text in texts() for word in words if len(word) > 2 and word in text}
    assert found == set()


def test_what_a_learner_reads_is_short() -> None:
    paths = list((ROOT / "utils").rglob("*.py"))
    lines = {path: len(path.read_text("utf-8").splitlines()) for path in paths}
    assert sum(count for path, count in lines.items() if path.parent == ROOT / "utils") < 600
    assert sum(lines.values()) <= 2_000


@pytest.mark.parametrize("command", [["check"], ["format", "--check"]], ids="-".join)
def test_the_code_is_clean(command: list[str]) -> None:
    done = subprocess.run([sys.executable, "-m", "ruff", *command, "."], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.skipif(
    sys.version_info[:2] != (3, 11), reason="the lock has other libraries, and types, for other Pythons"
)
def test_the_types_are_right() -> None:
    """mypy: strict in the account, plain in utils and in what tests share."""
    done = subprocess.run([sys.executable, "-m", "mypy"], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


def test_make_help_names_every_target_and_is_the_default() -> None:
    targets = set(re.search(r"(?m)^\.PHONY: (.+)$", (ROOT / "Makefile").read_text("utf-8"))[1].split())
    clean = {name: value for name, value in os.environ.items() if name not in ("MAKEFLAGS", "MAKELEVEL", "MFLAGS")}
    told = [
        subprocess.run(["make", *goal], cwd=ROOT, env=clean, capture_output=True, text=True).stdout
        for goal in ([], ["help"])
    ]
    assert told[0] == told[1]
    named = re.findall(r"(?m)^make ([\w-]+) {2,}\S.*\.$", told[0])
    assert set(named) | {"help", "moved"} == targets


@pytest.mark.parametrize("there", [[], ["python3.13"]])
def test_without_a_fitting_python_make_says_which_are_needed(tmp_path: Path, there: list[str]) -> None:
    """`there`: further Pythons on the path, all of them too old."""
    for name in ("Makefile", "requirements.txt", "requirements.lock", "requirements-sdk-v3.lock"):
        (tmp_path / name).write_bytes((ROOT / name).read_bytes())
    for name in ["python3", *there]:
        (tmp_path / name).write_text("#!/bin/sh\nexit 1\n")
        (tmp_path / name).chmod(0o755)
    for tool in ("sh", "make", "cat", "pwd"):
        found = next(Path(folder) / tool for folder in os.defpath.split(":") if (Path(folder) / tool).exists())
        (tmp_path / tool).symlink_to(found.resolve())
    done = subprocess.run(
        [tmp_path / "make", "course"], cwd=tmp_path, env={"PATH": str(tmp_path)}, capture_output=True, text=True
    )
    assert done.returncode == 2 and "3.11, 3.12 or 3.13" in done.stderr and not (tmp_path / ".venv").exists()


def test_the_shipped_tables_are_those_that_the_readme_describes(tmp_path: Path) -> None:
    readme = (ROOT / "data" / "README.md").read_text("utf-8")
    rows = re.findall(r"(?m)^\| `(\w+\.csv)` \| ([\d,]+) \| `([0-9a-f]{64})` \|$", readme)
    assert [name for name, _, _ in rows] == ["salary.csv", "insurance.csv", "claims.csv"]
    subprocess.run([sys.executable, ROOT / "data" / "make_tables.py", tmp_path], check=True)
    for name, count, digest in rows:
        shipped = (ROOT / "data" / name).read_bytes()
        assert hashlib.sha256(shipped).hexdigest() == digest
        assert shipped.count(b"\n") - 1 == int(count.replace(",", ""))
        assert (tmp_path / name).read_bytes() == shipped
