"""The workflows for pull requests and for real AWS: they call what there is, and keep to what they may do."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parents[2]
WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yml"))


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.stem)
def test_a_workflow_calls_targets_that_exist(path: Path) -> None:
    targets = set(re.search(r"(?m)^\.PHONY: (.+)$", (ROOT / "Makefile").read_text())[1].split())
    called = set(re.findall(r"\bmake ([\w-]+)", path.read_text().partition("\njobs:")[2]))
    assert called and called <= targets


def test_pull_requests_see_no_secret_and_no_aws() -> None:
    text = (ROOT / ".github" / "workflows" / "check.yml").read_text()
    assert yaml.safe_load(text)["permissions"] == {"contents": "read"}
    assert "secrets." not in text and "COURSE_AWS" not in text and "credentials" not in text


def test_the_distribution_is_built_and_used_in_another_folder() -> None:
    job = yaml.safe_load((ROOT / ".github" / "workflows" / "check.yml").read_text())["jobs"]["distribution"]
    commands = [step["run"] for step in job["steps"] if "run" in step]
    assert "python -m build account --outdir build/dist" in commands[0]
    for artifact, program in (("*.whl", "train_and_deploy.py"), ("", "-m pytest"), ("*.tar.gz", "train_and_deploy.py")):
        assert any(artifact in each and program in each and 'cd "$RUNNER_TEMP/project"' in each for each in commands)
    assert kept_paths(job) == ["build/dist"]


def kept_paths(job: dict) -> list[str]:
    return [path for step in job["steps"] for path in step.get("with", {}).get("path", "").split()]


def test_real_aws_is_always_swept_and_what_it_gave_is_kept() -> None:
    jobs = yaml.safe_load((ROOT / ".github" / "workflows" / "real-aws.yml").read_text())["jobs"]
    for job in jobs.values():
        (sweep,) = [step for step in job["steps"] if step.get("run") == "make clean-aws"]
        assert sweep["if"] == "always()"
        (kept,) = [step for step in job["steps"] if step.get("uses", "").startswith("actions/upload-artifact@")]
        assert kept["if"] == "always()"
    assert "build/differences.txt" in kept_paths(jobs["lessons"])
    assert kept_paths(jobs["parity"]) == ["tests/parity/recorded/aws"]
    assert jobs["lessons"]["timeout-minutes"] <= 90
    assert jobs["parity"]["if"].startswith("inputs.parity &&"), "it is started by hand only"


def test_real_aws_is_asked_every_question_one_subject_after_the_other() -> None:
    workflow = yaml.safe_load((ROOT / ".github" / "workflows" / "real-aws.yml").read_text())
    strategy = workflow["jobs"]["parity"]["strategy"]
    subjects = {path.stem.removeprefix("test_parity_") for path in (ROOT / "tests" / "parity").glob("test_parity_*.py")}
    assert set(strategy["matrix"]["subject"]) == subjects and strategy["max-parallel"] == 1
