"""The script of the lesson on forecasts: what it makes of days, and what it says of days that it cannot use."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest

from tools.lessons.play import ROOT
from utils.course import Course, CourseError

FOLDER = ROOT / "notebooks" / "components" / "images" / "claims-features"
CLAIMS = ROOT / "data" / "claims.csv"


def run(source: Path, target: Path, *arguments: str) -> subprocess.CompletedProcess:
    command = [sys.executable, FOLDER / "make_features.py", "--input-dir", source, "--output-dir", target, *arguments]
    return subprocess.run(command, capture_output=True, text=True)


def made(target: Path) -> pd.DataFrame:
    parts = [pd.read_csv(target / name / f"{name}.csv", header=None) for name in ("train", "validation", "test")]
    assert [len(part) for part in parts] == [1826 - 28 - 2 * 182, 182, 182]
    return pd.concat(parts, ignore_index=True)


def test_nothing_of_a_day_but_its_calendar_is_in_its_features(tmp_path: Path) -> None:
    days = pd.read_csv(CLAIMS)
    run(CLAIMS.parent, tmp_path / "as-it-was")
    days.loc[days.index[-1], ["storm", "calls", "claims"]] += 50
    days.to_csv(tmp_path / "claims.csv", index=False)
    run(tmp_path, tmp_path / "changed")
    before, after = made(tmp_path / "as-it-was"), made(tmp_path / "changed")
    assert (before.iloc[:-1] == after.iloc[:-1]).all(axis=None)
    assert (before.iloc[-1, 1:] == after.iloc[-1, 1:]).all() and after.iloc[-1, 0] == before.iloc[-1, 0] + 50
    assert before.iloc[-1, 0] == pd.read_csv(CLAIMS)["claims"].iloc[-1]


def test_ratios_are_the_same_for_an_insurer_of_twice_the_size(tmp_path: Path) -> None:
    days = pd.read_csv(CLAIMS)
    run(CLAIMS.parent, tmp_path / "one", "--relative")
    days.assign(claims=2 * days["claims"]).to_csv(tmp_path / "claims.csv", index=False)
    run(tmp_path, tmp_path / "two", "--relative")
    assert (made(tmp_path / "one") == made(tmp_path / "two")).all(axis=None)


@pytest.mark.parametrize(
    ("order", "told"),
    [
        ([0, 1, 3], "the day 2021-01-04 comes after a gap: before it stands 2021-01-02."),
        ([0, 1, 1, 2], "the day 2021-01-02 comes twice: before it stands 2021-01-02."),
        ([0, 2, 1], "the day 2021-01-03 comes after a gap: before it stands 2021-01-01."),
        ([1, 0], "the day 2021-01-01 comes out of order: before it stands 2021-01-02."),
    ],
)
def test_days_that_do_not_follow_each_other_get_one_sentence(tmp_path: Path, order: list[int], told: str) -> None:
    pd.read_csv(CLAIMS).iloc[order].to_csv(tmp_path / "claims.csv", index=False)
    done = run(tmp_path, tmp_path / "out")
    assert (done.returncode, done.stderr) == (1, f"{tmp_path / 'claims.csv'}: {told}\n")


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (None, "No such file"),
        ("", "No columns to parse"),
        ("date,claims\n2021-01-01,3\n", "there is no column holiday among date, claims."),
        ("date,claims\nyesterday,3\n", "yesterday"),
    ],
)
def test_what_is_no_table_of_days_gets_one_sentence(tmp_path: Path, text: str | None, told: str) -> None:
    if text is not None:
        (tmp_path / "claims.csv").write_text(text)
    done = run(tmp_path, tmp_path / "out")
    assert done.returncode == 1 and told in done.stderr and "Traceback" not in done.stderr


def test_an_image_says_what_to_do_where_it_cannot_be_made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    course = Course("components", "components/01_forecast", None, "", [])
    with pytest.raises(CourseError, match="has no Dockerfile"):
        course.image(str(tmp_path))
    monkeypatch.setenv("COURSE_AWS", "aws")
    with pytest.raises(CourseError, match="push it to ECR as course-claims-features, and write its address here"):
        course.image(str(FOLDER))
