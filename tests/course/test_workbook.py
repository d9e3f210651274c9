"""``make workbook``: the learner's own copy of the lessons gives nothing away, and loses nothing."""

from __future__ import annotations

import ast
import io
import itertools
import json
import os
import re
import shutil
import subprocess
import sys
import tokenize
from pathlib import Path

import nbformat
import pytest
from nbformat import NotebookNode

from tools.lessons.play import ROOT, course
from tools.lessons.workbook import MADE, ReadOnly, blank, make, pages

NOTEBOOKS = ROOT / "notebooks"
PATHS = list(course())
PREDICT = re.compile(r"(?m)^> \*\*Predict\.\*\*")


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A small course: two lessons, one of them with a program beside it."""
    folder = tmp_path / "course"
    for name in ("00_start_here", "salary/01_explore"):
        path = folder / "notebooks" / f"{name}.ipynb"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes((NOTEBOOKS / f"{name}.ipynb").read_bytes())
    (folder / "notebooks" / "salary" / "prepare.py").write_text("print(1)\n")
    (folder / "notebooks" / "salary" / "01_explore_mine.ipynb").write_text("not a lesson of the course")
    listed("00_start_here", "salary/01_explore", root=folder)
    return folder


def listed(*names: str, root: Path) -> None:
    """Write the list of the course's lessons."""
    entries = [f'[[lesson]]\nfile = "{name}.ipynb"\ntitle = "T"\nminutes = 5\neditions = ["2"]\n' for name in names]
    (root / "notebooks" / "course.toml").write_text("".join(entries))


def files(root: Path) -> dict[str, str]:
    folder = root / "workbook"
    found = [path for path in folder.rglob("*") if path.is_file() and path.name not in (MADE, ".lock")]
    return {path.relative_to(folder).as_posix(): path.read_text() for path in found}


def upstream(root: Path, name: str = "salary/01_explore", text: str = "A new sentence.") -> None:
    """The course changes a lesson."""
    path = root / "notebooks" / f"{name}.ipynb"
    notebook = nbformat.read(path, as_version=4)
    notebook.cells[1].source += f"\n\n{text}"
    nbformat.write(notebook, path)


def learner(root: Path, name: str = "salary/01_explore") -> str:
    """The learner opens a lesson, answers, runs it and saves it; what is in the file then."""
    path = root / "workbook" / f"{name}.ipynb"
    notebook = nbformat.read(path, as_version=4)
    notebook.cells[-1].source += "\n\nmine"
    nbformat.write(notebook, path)
    return path.read_text()


# Words of a conclusion: how something runs, which of two is more, what is not there.
TELLING = r"""(?ix)\b(
    rise|rises|rising|fall|falls|falling|climb|climbs|jump|jumps|drop|drops|grow|grows|shrink|shrinks|miss|misses|bend|
    bends|curve|curved|flat|steep|straight|line\ up|band|bands|too|hardly|nearly|most|mostly|almost|better|best|worse|
    worst|higher|lower|larger|smaller|earlier|later|more|less|fewer|steeper|flatter|same|differ|differs|no|none|never|
    not|only|always|every\\ time
)\b"""
WORDS_IN_A_ROW = 5


def predicted(notebook: NotebookNode) -> list[tuple[NotebookNode, NotebookNode, str]]:
    """Each prediction, the code that answers it, and what is read after that."""
    cells = notebook.cells
    return [
        (
            before,
            cell,
            "" if place + 2 >= len(cells) or cells[place + 2].cell_type == "code" else cells[place + 2].source,
        )
        for place, (before, cell) in enumerate(itertools.pairwise(cells))
        if cell.cell_type == "code" and before.cell_type == "markdown" and PREDICT.search(before.source)
    ]


def captions(source: str) -> list[str]:
    """The texts that a cell hands to a figure, as captions or in its place."""
    tree = ast.parse(source)
    calls = [
        node
        for node in ast.walk(tree)
        if isinstance(node, ast.Call) and ast.unparse(node.func).startswith(("plots.", "axes.set_title"))
    ]
    named = [
        node.value
        for node in ast.walk(tree)
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) in ("caption", "alt")
    ]
    texts = [*named, *(part for call in calls for part in (*call.args, *(each.value for each in call.keywords)))]
    found = [part.value for part in texts if isinstance(part, ast.Constant) and isinstance(part.value, str)]
    return [text for text in found if " " in text]


def comments(source: str) -> str:
    """The comments of a cell."""
    tokens = tokenize.generate_tokens(io.StringIO(source).readline)
    return "\n".join(token.string for token in tokens if token.type == tokenize.COMMENT)


def rows(text: str) -> set[str]:
    """Every few words that follow one another in a text."""
    found = re.findall(r"[\w'-]+", text.lower())
    return {" ".join(found[at : at + WORDS_IN_A_ROW]) for at in range(len(found) - WORDS_IN_A_ROW + 1)}


def numbers(text: str) -> set[str]:
    """The numbers of three digits or more, and those with decimals: smaller ones count this and that."""
    return set(re.findall(r"\d{3,}|\d[\d,.]*[,.]\d+", text))


def given_away(notebook: NotebookNode) -> list[str]:
    """Where code below a prediction says what is read after it; the words before a printed value may be the same."""
    found = []
    for before, cell, reading in predicted(notebook):
        drawn = captions(cell.source)
        for caption in drawn:
            if word := re.search(TELLING, caption):
                found.append(f"{cell.id}: the caption says “{word[0]}”: say what is drawn, and no more")
        told = "\n".join([comments(cell.source), *drawn])
        found += [
            f"{cell.id}: the code says “{row}”, as the reading does" for row in sorted(rows(told) & rows(reading))
        ]
        known = numbers(told) & numbers(reading) - numbers(before.source)
        found += [f"{cell.id}: the code says {number}, as the reading does" for number in sorted(known)]
        sentences = [each.strip(".:") for each in re.split(r"(?<=[.:])\s+", reading) if len(each) > 20]
        found += [f"{cell.id}: the code says “{each}”" for each in sentences if each in cell.source]
    return found


@pytest.mark.parametrize("path", PATHS, ids=lambda path: str(path.relative_to(NOTEBOOKS)))
def test_nothing_is_given_away(path: Path) -> None:
    stored = nbformat.read(path, as_version=4)
    notebook = blank(stored)
    nbformat.validate(notebook)
    assert [cell.source for cell in notebook.cells] == [cell.source for cell in stored.cells]
    assert all(cell.outputs == [] and cell.execution_count is None for cell in notebook.cells if "outputs" in cell)
    for _, cell, _ in predicted(notebook):
        if captions(cell.source):
            assert cell.metadata.get("jupyter", {}).get("source_hidden"), f"{cell.id} shows its caption"
    assert given_away(notebook) == []


@pytest.mark.parametrize(("code", "reading", "told"), [
    ('plots.scatter(x, y, "Each dot is a person.")', "The dots rise from left to right.", None),
    ('plots.scatter(x, y, "Pay rises with the years.")', "So it does.", "the caption says “rises”"),
    ('caption = "Both are off for the same people."\nplots.scatter(x, y, caption)', "", "the caption says “same”"),
    ('plots.scatter(x, y, "Dots.", alt="A band that runs up.")', "", "the caption says “band”"),
    ('print(f"off by {error}")  # the model is off by more here', "The model is off by more.", "is off by more"),
    ("print(slope)  # 9,185 dollars", "The slope is 9,185 dollars.", "says 9,185"),
    ("for slope in (7_000, 9_000):\n    print(slope)", "It is best at 9,000.", None),
])  # fmt: skip
def test_what_gives_an_answer_away_is_caught(code: str, reading: str, told: str | None) -> None:
    cells = [nbformat.v4.new_markdown_cell("> **Predict.** What comes?"), nbformat.v4.new_code_cell(code)]
    found = given_away(nbformat.v4.new_notebook(cells=[*cells, nbformat.v4.new_markdown_cell(reading)]))
    assert (found == []) if told is None else (told in found[0])


def test_captions_beside_a_prediction_are_caught() -> None:
    notebook = nbformat.v4.new_notebook(
        cells=[
            nbformat.v4.new_markdown_cell("> **Predict.** Line or curve?"),
            nbformat.v4.new_code_cell('plots.scatter(x, y, "A straight line.")'),
            nbformat.v4.new_markdown_cell("It is straight."),
            nbformat.v4.new_code_cell('plots.scatter(x, y, "Another one.")'),
        ]
    )
    folded = [cell.metadata.get("jupyter") for cell in blank(notebook).cells]
    assert folded == [None, {"source_hidden": True}, None, None]
    assert "jupyter" not in notebook.cells[1].metadata


def test_what_lies_beside_a_lesson_comes_along_and_links_lead_somewhere(tmp_path: Path) -> None:
    for name, content in pages():
        path = tmp_path / "workbook" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    made = tmp_path / "workbook"
    assert (made / "insurance" / "prepare.py").read_bytes() == (NOTEBOOKS / "insurance" / "prepare.py").read_bytes()
    assert (made / "insurance" / "neural_network" / "pytorch_net" / "train.py").exists()
    assert not list(made.rglob("*.toml"))
    for path in made.rglob("*.ipynb"):
        for cell in nbformat.read(path, as_version=4).cells:
            for target in re.findall(r"\]\((?!\w+:|#)([^)#\s]+)", cell.source if cell.cell_type == "markdown" else ""):
                assert (path.parent / target).exists(), f"{path.name}, {cell.id}: {target}"


def test_a_second_time_nothing_happens(root: Path) -> None:
    assert make(root) == ["workbook/ has 3 new or renewed files."]
    first = files(root)
    assert set(first) == {"00_start_here.ipynb", "salary/01_explore.ipynb", "salary/prepare.py"}
    assert make(root) == [] and files(root) == first


def test_a_changed_lesson_takes_the_place_of_one_that_the_learner_has_not_touched(root: Path) -> None:
    make(root)
    upstream(root)
    assert make(root) == ["workbook/ has 1 new or renewed files."]
    assert "A new sentence." in files(root)["salary/01_explore.ipynb"] and len(files(root)) == 3


def test_what_the_learner_has_changed_stays_and_a_new_edition_comes_beside_it(root: Path) -> None:
    make(root)
    mine = learner(root)
    assert make(root) == []
    upstream(root)
    told = ["salary/01_explore.ipynb has a new edition, salary/01_explore.edition-2.ipynb; yours was left as it is."]
    assert make(root) == told
    found = files(root)
    assert found["salary/01_explore.ipynb"] == mine and "A new sentence." in found["salary/01_explore.edition-2.ipynb"]
    assert make(root) == [] and files(root) == found  # it is said once
    upstream(root, text="And another.")
    make(root)
    assert "And another." in files(root)["salary/01_explore.edition-2.ipynb"]  # which nobody has touched
    second = learner(root, "salary/01_explore.edition-2")
    upstream(root, text="A third.")
    assert "edition-3" in make(root)[0]
    assert files(root)["salary/01_explore.edition-2.ipynb"] == second


def test_a_lesson_that_is_renamed_leaves_the_learners_copy(root: Path) -> None:
    make(root)
    mine = learner(root)
    old = root / "notebooks" / "salary" / "01_explore.ipynb"
    old.rename(old.with_name("01_look.ipynb"))
    (root / "notebooks" / "00_start_here.ipynb").rename(root / "notebooks" / "00_begin.ipynb")
    listed("00_begin", "salary/01_look", root=root)
    assert make(root) == [
        "salary/01_explore.ipynb is no part of the course any more; yours was left as it is.",
        "workbook/ has 2 new or renewed files.",
    ]
    assert files(root)["salary/01_explore.ipynb"] == mine
    assert set(files(root)) - {"salary/01_explore.ipynb"} == {
        "00_begin.ipynb", "salary/01_look.ipynb", "salary/prepare.py"
    }  # fmt: skip
    assert make(root) == []


@pytest.mark.parametrize("broken", [None, "{", "[1]", '{"salary/01_explore.ipynb": 3}'])
def test_a_workbook_whose_notes_are_lost_is_taken_for_the_learners(root: Path, broken: str | None) -> None:
    make(root)
    mine = learner(root)
    path = root / "workbook" / MADE
    path.unlink() if broken is None else path.write_text(broken)
    upstream(root, "00_start_here")
    told = make(root)
    assert files(root)["salary/01_explore.ipynb"] == mine
    assert [line.partition(" ")[0] for line in told[:2]] == ["00_start_here.ipynb", "salary/01_explore.ipynb"]


def test_a_lesson_that_was_deleted_is_made_again(root: Path) -> None:
    make(root)
    before = files(root)
    (root / "workbook" / "salary" / "01_explore.ipynb").unlink()
    make(root)
    assert files(root) == before


def test_a_workbook_that_cannot_be_written_is_said(root: Path) -> None:
    (root / "workbook").write_text("a file")
    with pytest.raises(ReadOnly, match=r"workbook/ cannot be written .*\. Nothing in it was lost\."):
        make(root)


@pytest.mark.skipif(os.geteuid() == 0 and not shutil.which("setpriv"), reason="root may write everywhere")
def test_a_read_only_workbook_is_said_and_left(root: Path) -> None:
    make(root)
    mine = learner(root)
    upstream(root)
    for path in [root / "workbook", *(root / "workbook").rglob("*")]:
        path.chmod(0o555 if path.is_dir() else 0o444)
    program = (
        "import sys; from pathlib import Path; from tools.lessons.workbook import ReadOnly, make\n"
        "try:\n    make(Path(sys.argv[1]))\nexcept ReadOnly as error:\n    print(error)"
    )
    command = [sys.executable, "-c", program, str(root)]
    if os.geteuid() == 0:  # who may write everywhere, but not without this capability
        command = ["setpriv", "--bounding-set=-dac_override", "--inh-caps=-dac_override", *command]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert done.stdout.startswith("workbook/ cannot be written (Permission denied)"), done
    assert files(root)["salary/01_explore.ipynb"] == mine
    for path in [root / "workbook", *(root / "workbook").rglob("*")]:
        path.chmod(0o755)


def test_the_notes_say_what_was_written(root: Path) -> None:
    make(root)
    made = json.loads((root / "workbook" / MADE).read_text())
    assert set(made) == set(files(root)) and all(set(state) == {"file", "lesson"} for state in made.values())
