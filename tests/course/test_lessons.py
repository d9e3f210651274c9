"""The runner behind `make course` and `make notebooks`, on notebooks made here."""

import base64
import json
import os
import signal
import subprocess
import sys
import time
import zlib
from pathlib import Path

import nbformat
import pytest
from nbformat import NotebookNode

from tools.lessons.in_order import Lines, at_once
from tools.lessons.play import ROOT, Failure, lessons, play
from tools.lessons.regenerate import regenerate
from tools.lessons.report import run, scores_in

MASKS = "regex: \\d+ s\nreplace: SECONDS\n"
FIGURE = "import matplotlib.pyplot as plt\n_ = plt.figure(figsize=(1, 1)).add_subplot().plot([1, {}])\nplt.show()"
SCORE = (
    "from IPython.display import display\n"
    "course = dict(series='salary', model={!r}, rmse={}, mae=4000.5, r2=0.9567)\n"
    "display('scores', metadata=dict(course=course))"
)


def notebook(*sources: str) -> NotebookNode:
    cells = [nbformat.v4.new_code_cell(source, id=f"cell-{number}") for number, source in enumerate(sources)]
    return nbformat.v4.new_notebook(cells=cells)


def write(root: Path, name: str, *sources: str) -> Path:
    path = root / "notebooks" / f"{name}.ipynb"
    path.parent.mkdir(parents=True, exist_ok=True)
    nbformat.write(notebook(*sources), path)
    return path


def put(root: Path, name: str, *sources: str, editions: tuple[str, ...] = ("2",), needs: tuple[str, ...] = ()) -> Path:
    """Write a notebook, and list it as the last lesson of the course of ``root`` if it is not in the list."""
    path = write(root, name, *sources)
    with (root / "notebooks" / "course.toml").open("a+", encoding="utf-8") as file:
        file.seek(0)
        if f'file = "{name}.ipynb"' not in file.read():
            file.write(f'[[lesson]]\nfile = "{name}.ipynb"\ntitle = "T"\nminutes = 5\neditions = {[*editions]}\n')
            file.write(f'series = "{path.parent.name}"\n' if "/" in name else "")
            file.write(f"needs = {[*needs]}\n")
    return path


def quiet(text: str) -> None:
    """Progress that nobody watches."""


@pytest.fixture
def course(tmp_path: Path) -> Path:
    root = tmp_path / "한 글"
    write(root, ".ipynb_checkpoints/00_start_here-checkpoint", "1 / 0")
    write(root, "a_copy_of_the_template", "1 / 0")  # of somebody's own: no part of the course
    names = ("00_start_here", "salary/01_explore", "salary/02_split", "insurance/01_explore", "your_own_regression")
    for name in (*names, "99_clean_up"):
        put(root, name, SCORE.format("scikit-learn", 5000) if name.startswith("salary") else "1")
    return root


def test_order(course: Path) -> None:
    names = [path.stem for path in lessons(root=course)]
    template = "your_own_regression"
    assert names == ["00_start_here", "01_explore", "02_split", "01_explore", template, "99_clean_up"]
    chosen = [path.stem for path in lessons("insurance", course)]
    assert chosen == ["00_start_here", "01_explore", template, "99_clean_up"]
    put(course, "salary/01_explore_sdk_v3", "1", editions=("3",))
    put(course, "salary/01_either", "1", editions=("2", "3"))
    assert [path.stem for path in lessons(root=course, sdk="3")] == ["01_explore_sdk_v3", "01_either"]
    assert [path.stem for path in lessons(root=course, sdk="2")] == [*names, "01_either"]


def test_unknown_series_names_the_known_ones() -> None:
    command = [sys.executable, "-m", "tools.lessons", "run", "--series", "wages"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (2, "")
    assert "wages" in done.stderr and "salary" in done.stderr and "Traceback" not in done.stderr


def test_play_runs_in_this_environment_in_the_notebooks_folder(tmp_path: Path) -> None:
    made = notebook("import os, sys\nprint(sys.executable)", "print(os.getcwd())", "1 + 1")
    play(made, tmp_path, quiet)
    assert made.cells[0].outputs[0].text == f"{sys.executable}\n"
    assert made.cells[1].outputs[0].text == f"{tmp_path.resolve()}\n"
    assert [cell.execution_count for cell in made.cells] == [1, 2, 3]


def test_play_names_the_cell_that_failed_and_keeps_no_old_output(tmp_path: Path) -> None:
    made = notebook("x = 0", "y = 1 / x", "print('later')")
    made.cells[2].outputs = [nbformat.v4.new_output("stream", text="of another run\n")]
    with pytest.raises(Failure) as failure:
        play(made, tmp_path, quiet)
    told = str(failure.value)
    assert "cell 2 of 3" in told and "y = 1 / x" in told and told.endswith("ZeroDivisionError: division by zero")
    assert made.cells[2].outputs == []


def test_play_says_that_the_kernel_died(tmp_path: Path) -> None:
    with pytest.raises(Failure, match=r"(?s)cell 1 of 1.*DeadKernelError"):
        play(notebook("import os\nos._exit(3)"), tmp_path, quiet)


def test_run_writes_pages_that_fetch_nothing_and_the_scores(course: Path, capsys: pytest.CaptureFixture) -> None:
    put(course, "salary/02_split", SCORE.format("scikit-learn", 5266.2), SCORE.format("LinearLearner", 5300))
    (course / "notebooks" / "diagrams").mkdir()
    (course / "notebooks" / "diagrams" / "a.svg").write_text("<svg/>")
    (course / "notebooks" / "glossary.md").write_text("[Explore](salary/01_explore.ipynb)")
    assert run(lessons(root=course), MASKS, course) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines if line.endswith(" s")][1] == "salary/01_explore"
    rows = [line.split() for line in lines if line.startswith("salary  ")]
    assert rows[0] == ["salary", "scikit-learn", "5,266", "4,000", "0.957"]  # the later one of two
    assert rows[1][1:3] == ["LinearLearner", "5,300"]
    pages = sorted((course / "build" / "html").rglob("*.html"))
    assert len(pages) == 8 and (course / "build" / "html" / "diagrams" / "a.svg").exists()
    for page in pages:
        text = page.read_text("utf-8")
        assert "<script" not in text and "<link" not in text and 'src="http' not in text
    assert "LinearLearner" in (course / "build" / "html" / "index.html").read_text("utf-8")
    assert 'href="salary/01_explore.html"' in (course / "build" / "html" / "glossary.html").read_text("utf-8")
    executed = nbformat.read(course / "build" / "notebooks" / "salary" / "02_split.ipynb", as_version=4)
    assert [score["model"] for score in scores_in(executed)] == ["scikit-learn", "LinearLearner"]


def test_run_goes_on_after_a_failure_and_says_so(course: Path, capsys: pytest.CaptureFixture) -> None:
    put(course, "salary/01_explore", "raise ValueError('no such column')")
    (course / "notebooks" / "insurance" / "01_explore.ipynb").write_text("not a notebook")
    assert run(lessons(root=course), MASKS, course) == 1
    out = capsys.readouterr().out
    assert "no such column" in out and "build/notebooks/salary/01_explore.ipynb" in out
    assert out.count("FAILED") == 2 and "99_clean_up" in out and "scikit-learn" in out


def test_run_without_any_score_is_a_failure(course: Path) -> None:
    assert run([course / "notebooks" / "00_start_here.ipynb"], MASKS, course) == 1


def test_run_says_which_outputs_are_not_as_they_are_stored(tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    count = "print('one\\n{}\\nthree')"
    sources = [SCORE.format("LinearLearner", 5300), "print('after 3 s')", count.format("two"), FIGURE.format(2)]
    path = put(tmp_path, "00_start_here", *sources, "40 + 2", "print('log')")
    assert regenerate([path], MASKS, tmp_path) == 0
    assert run([path], MASKS, tmp_path) == 0
    assert capsys.readouterr().out.endswith("Every output is as it is stored with the lessons.\n")
    assert (tmp_path / "build" / "differences.txt").read_text() == ""

    changed = nbformat.read(path, as_version=4)
    others = ("print('after 4 s')", count.format(2), FIGURE.format(3), "1 / 0", "print('Log')")
    for number, source in enumerate(others, 1):
        changed.cells[number].source = source
    changed.cells[5].metadata["tags"] = ["nbval-ignore-output"]
    changed.cells[4], changed.cells[5] = changed.cells[5], changed.cells[4]
    nbformat.write(changed, path)
    assert run([path], MASKS, tmp_path) == 1
    assert "Outputs that are not as they are stored: 3, in build/differences.txt\n" in capsys.readouterr().out
    assert (tmp_path / "build" / "differences.txt").read_text().split("\n\n") == [
        "00_start_here, cell 3\n--- stored\n+++ run\n@@ -1,3 +1,3 @@\n one\n-two\n+2\n three",
        "00_start_here, cell 4\nthe same text, but another picture or page",
        "00_start_here, cell 6\n--- stored\n+++ run\n@@ -1 +1 @@\n-42\n+ZeroDivisionError: division by zero",
        "",
    ]


def test_regenerate_keeps_what_only_the_clock_changed(tmp_path: Path) -> None:
    sources = ["import time\nprint(f'{time.time_ns()} s')", FIGURE.format(2), "40 + 2"]
    path = put(tmp_path, "00_start_here", *sources)
    assert regenerate([path], MASKS, tmp_path) == 0
    first = path.read_text("utf-8")
    assert json.loads(first)["metadata"]["language_info"].get("version") is None
    assert regenerate([path], MASKS, tmp_path) == 0
    assert path.read_text("utf-8") == first
    assert regenerate([path], "", tmp_path) == 0
    assert path.read_text("utf-8") != first


def test_regenerate_takes_a_picture_whose_pixels_changed_and_no_other(tmp_path: Path) -> None:
    path = put(tmp_path, "00_start_here", FIGURE.format(2))
    regenerate([path], MASKS, tmp_path)
    stored = nbformat.read(path, as_version=4)
    data = stored.cells[0].outputs[0].data
    picture = base64.b64decode(data["image/png"])
    note = b"tEXtWriter\x00another one"  # the same pixels with another note, after the header's 33 bytes
    chunk = (len(note) - 4).to_bytes(4, "big") + note + zlib.crc32(note).to_bytes(4, "big")
    data["image/png"] = base64.b64encode(picture[:33] + chunk + picture[33:]).decode() + "\n"
    nbformat.write(stored, path)
    regenerate([path], MASKS, tmp_path)
    assert nbformat.read(path, as_version=4).cells[0].outputs[0].data == data
    stored.cells[0].source = FIGURE.format(3)
    nbformat.write(stored, path)
    regenerate([path], MASKS, tmp_path)
    assert nbformat.read(path, as_version=4).cells[0].outputs[0].data != data


def test_regenerate_does_not_write_a_notebook_with_an_error(tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    path = put(tmp_path, "00_start_here", "x = 1", "1 / 0")
    before = path.read_bytes()
    assert regenerate([path], MASKS, tmp_path) == 1
    assert path.read_bytes() == before and "cell 2 of 2" in capsys.readouterr().out


def test_regenerate_stores_an_expected_error_without_folders(tmp_path: Path) -> None:
    path = put(tmp_path, "00_start_here", "1 / 0")
    stored = nbformat.read(path, as_version=4)
    stored.cells[0].metadata.tags = ["raises-exception"]
    nbformat.write(stored, path)
    assert regenerate([path], MASKS, tmp_path) == 0
    output = nbformat.read(path, as_version=4).cells[0].outputs[0]
    assert output.traceback == ["ZeroDivisionError: division by zero"]


MEET = """
import pathlib, time
here, other = pathlib.Path({!r}), pathlib.Path({!r})
here.touch()
until = time.monotonic() + 60
while not other.exists() and time.monotonic() < until:
    time.sleep(0.01)
print(other.exists())
time.sleep({})
"""


def test_two_lessons_run_at_a_time_and_are_told_about_in_their_order(
    tmp_path: Path, capsys: pytest.CaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("os.cpu_count", lambda: 2)
    one, two = str(tmp_path / "one"), str(tmp_path / "two")
    paths = [put(tmp_path, "00_slow", MEET.format(one, two, 1)), put(tmp_path, "01_quick", MEET.format(two, one, 0))]
    # The clean-up deletes what other lessons have running.
    paths.append(put(tmp_path, "99_clean_up", "1"))
    assert regenerate(paths, MASKS, tmp_path) == 0
    assert [line.split() for line in capsys.readouterr().out.splitlines()] == [
        ["notebooks/00_slow", "written"], ["notebooks/01_quick", "written"], ["notebooks/99_clean_up", "written"],
    ]  # fmt: skip
    for path in paths[:2]:
        assert nbformat.read(path, as_version=4).cells[0].outputs[0].text == "True\n"
    assert paths[0].stat().st_mtime <= paths[2].stat().st_mtime


def test_on_aws_and_with_version_3_one_lesson_runs_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("os.cpu_count", lambda: 64)
    assert at_once() == 2
    with monkeypatch.context() as version_3:
        version_3.setattr("tools.lessons.in_order.installed_edition", lambda: "3")
        assert at_once() == 1
    monkeypatch.setenv("COURSE_AWS", "aws")
    assert at_once() == 1


def test_a_terminal_shows_which_lessons_are_at_work(
    capsys: pytest.CaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.stdout.isatty", lambda: True)
    monkeypatch.setattr("shutil.get_terminal_size", lambda: os.terminal_size((30, 9)))
    lines = Lines(["one", "second"])
    lines.say(0, "cell 1 of 2")
    lines.say(1, "cell 7 of 9")
    lines.done(1, "2 s")
    lines.done(0, "5 s")
    assert capsys.readouterr().out.split("\r\x1b[K") == [
        "", "one cell 1 of 2", "one cell 1 of 2   second cell 7"[:29], "one cell 1 of 2", "one    5 s\nsecond 2 s\n",
    ]  # fmt: skip


PLAY = """
import pathlib, sys
from tools.lessons.regenerate import regenerate
paths = [pathlib.Path(path) for path in sys.argv[1:]]
try:
    regenerate(paths, "", paths[0].parents[1])
except KeyboardInterrupt:
    sys.exit(130)
"""
# nbclient looks at the kernel every second: here at the moment when it has let go of the kernel.
LATE = """
import asyncio
from nbclient import NotebookClient
pause, begin, clients = asyncio.sleep, NotebookClient.__init__, []
def remember(client, *arguments, **named):
    clients.append(client)
    begin(client, *arguments, **named)
async def late(seconds):
    await pause(seconds if seconds != 1 else 0)
    while seconds == 1 and clients[0].kc is not None:
        await pause(0)
NotebookClient.__init__, asyncio.sleep = remember, late
"""


@pytest.mark.parametrize("before", ["", LATE], ids=["as it comes", "a late look at the kernel"])
def test_ctrl_c_lets_the_cell_end_what_it_began(tmp_path: Path, before: str) -> None:
    source = f"import pathlib, time\nbegun = pathlib.Path({str(tmp_path)!r}) / '{{0}} begun'\nbegun.touch()\n"
    source += "try:\n    time.sleep(600)\nfinally:\n    begun.with_name('{0} ended').touch()"
    names = ["one", "two"][: 1 if before else at_once()]
    paths = [put(tmp_path, name, source.format(name)) for name in [*names, *([] if before else ["never begun"])]]
    command = [sys.executable, "-c", before + PLAY, *map(str, paths)]
    process = subprocess.Popen(command, cwd=ROOT, stderr=subprocess.PIPE, text=True)
    until = time.monotonic() + 60
    while len([*tmp_path.glob("* begun")]) < len(names) and process.poll() is None and time.monotonic() < until:
        time.sleep(0.05)
    os.kill(process.pid, signal.SIGINT)
    _, said = process.communicate(timeout=60)
    assert process.returncode == 130 and "Traceback" not in said, said
    assert sorted(path.name for path in tmp_path.glob("* *")) == sorted(
        f"{name} {what}" for name in names for what in ("begun", "ended")
    )


def test_regenerate_leaves_a_lesson_whose_outputs_need_what_is_not_here(
    tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    path = put(tmp_path, "01_needs", "print('new')", needs=("json", "no_such_module"))
    before = path.read_bytes()
    assert regenerate([path], MASKS, tmp_path) == 0
    assert path.read_bytes() == before
    assert "its outputs need no_such_module, which is not installed here" in capsys.readouterr().out
