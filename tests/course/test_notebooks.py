"""Every notebook keeps the shape of a lesson; and the rules catch notebooks that do not."""

import copy
import hashlib
import itertools
import re
from collections.abc import Callable
from pathlib import Path

import nbformat
import pytest
from nbformat import NotebookNode

from support.notebook_rules import KERNELSPEC, PHASES, problems
from tools.lessons.play import Lesson, course, lessons
from tools.lessons.tables import COMMAND, table, with_tables

NOTEBOOKS = Path(__file__).parents[2] / "notebooks"
LESSONS = course()
PATHS = list(LESSONS)


@pytest.mark.parametrize("path", PATHS, ids=lambda path: str(path.relative_to(NOTEBOOKS)))
def test_notebook(path: Path) -> None:
    notebook = nbformat.read(path, as_version=4)
    nbformat.validate(notebook)
    assert problems(notebook, path.stat().st_size, lesson=path.parent != NOTEBOOKS) == []


def test_every_notebook_is_listed() -> None:
    found = {path for path in NOTEBOOKS.rglob("*.ipynb") if ".ipynb_checkpoints" not in path.parts}
    assert set(PATHS) == found


@pytest.mark.parametrize("lesson", LESSONS.values(), ids=lambda lesson: str(lesson.path.relative_to(NOTEBOOKS)))
def test_the_list_of_lessons_says_what_the_notebook_says(lesson: Lesson) -> None:
    notebook = nbformat.read(lesson.path, as_version=4)
    text = "\n\n".join(cell.source for cell in notebook.cells if cell.cell_type == "markdown")
    assert lesson.title == re.search(r"(?m)^# (.+)$", text)[1]
    assert lesson.minutes == int(re.search(r"(?m)^(\d+) minutes · ", text)[1])
    numbers = [int(number) for number in re.findall(r"(?m)^## Step (\d) · ", text)]
    assert lesson.steps == ([numbers[0], numbers[-1]] if numbers else [])
    assert lesson.series == (lesson.path.parent.name if lesson.path.parent != NOTEBOOKS else None)
    assert lesson.needs == notebook.metadata.get("course", {}).get("needs", [])
    if numbers:  # the line of phases has its own in bold; the last of them is the last step
        line = re.search(r"(?m)^.*Explore.* → .*Delete.*$", text)[0]
        assert re.findall(r"\w+(?=\*\*)", line)[-1] == PHASES[lesson.steps[1] - 1]


def test_lessons_of_a_series_are_numbered_in_their_order() -> None:
    for series in {lesson.series for lesson in LESSONS.values() if lesson.series}:
        firsts = [path.name for path, lesson in LESSONS.items() if lesson.series == series and "2" in lesson.editions]
        assert [name[:3] for name in firsts] == [f"{number:02}_" for number in range(1, len(firsts) + 1)], series


def test_a_second_edition_follows_the_first() -> None:
    for first, second in itertools.pairwise(LESSONS.values()):
        if "2" not in second.editions:
            assert second.editions == ["3"] and second.path.stem.startswith(first.path.stem)


def test_links_between_notebooks_lead_somewhere() -> None:
    for path in PATHS:
        cells = [cell for cell in nbformat.read(path, as_version=4).cells if cell.cell_type == "markdown"]
        for cell in cells:
            for target in re.findall(r"\]\((?!\w+:|#)([^)#\s]+)", cell.source):
                assert (path.parent / target).exists(), f"{path.name}, {cell.id}: {target}"


def test_the_tables_of_lessons_are_up_to_date() -> None:
    for path, text in with_tables().items():
        assert path.read_text("utf-8") == text, f"{path.name} is out of date: run '{COMMAND}' and commit what it writes"


def test_the_tables_tell_titles_steps_and_minutes() -> None:
    rows = table(NOTEBOOKS.parent / "README.md").splitlines()
    assert rows[2] == "| [Start here](notebooks/00_start_here.ipynb) | | 20 |"
    assert (
        rows[4] == "| [Split the table and fit a baseline](notebooks/salary/02_split_and_baseline.ipynb) | 2–3 | 40 |"
    )
    assert len(rows) == 2 + len(lessons(sdk="2"))
    assert table(NOTEBOOKS / "00_start_here.ipynb").splitlines()[2] == (
        "| [Explore the salaries](salary/01_explore.ipynb) | 1 | 45 |"
    )


def test_a_change_in_the_list_is_written_wherever_it_is_told(tmp_path: Path) -> None:
    for name in ("README.md", "notebooks/00_start_here.ipynb", "notebooks/course.toml", "notebooks/glossary.toml"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        text = (NOTEBOOKS.parent / name).read_text("utf-8")
        (tmp_path / name).write_text(text.replace('"Explore the salaries"', '"Look at the salaries"'))
    texts = with_tables(tmp_path)
    assert [path.name for path in texts] == ["README.md", "00_start_here.ipynb", "glossary.md"]
    *tables, glossary = texts.values()
    for text in tables:
        assert text.count("| [Look at the salaries](") == 1 and "| [Explore the salaries](" not in text
    assert "[Look at the salaries](salary/01_explore.ipynb)" in glossary


# ---- the rules themselves, on a good notebook and on what is made wrong of it ----

FILLER = "A model repeats what its table says, and you read every number in its unit. " * 45
TITLE = """# Explore the salaries

*How much does a year add?*

**Explore** → Split → Baseline → Estimator → Fit → Deploy → Predict → Delete

20 minutes · local: free · AWS: free"""
QUIZ = "\n\n".join(
    ["## Check yourself", *(f"**{number}.** Which?\n\na) One · b) Two · c) Three" for number in (1, 2, 3))]
)
TURN = "**Your turn.** Change it."


def prose(source: str) -> NotebookNode:
    identity = hashlib.sha256(source.encode()).hexdigest()[:8]
    return nbformat.v4.new_markdown_cell(source, id=identity)


def code(source: str, number: int, printed: str = "3 rows\n") -> NotebookNode:
    outputs = [nbformat.v4.new_output("stream", name="stdout", text=printed)]
    return nbformat.v4.new_code_cell(source, id=f"code-{number}", execution_count=number, outputs=outputs)


def good() -> NotebookNode:
    cells = [prose(TITLE), prose(FILLER), code("print(1)", 1), prose("## Step 1 · Look\n\nRead it.")]
    for number in range(2, 5):
        cells += [prose(f"> **Predict.** Is {number} more?"), code(f"print({number})", number)]
        cells += [prose(f"It is {number}.")]
    for number in (5, 6, 7):
        cells += [prose(f"{TURN[:-1]} to {number}."), code(f"answer = ...\ncheck.number_{number}(answer)", number, "")]
    cells += [prose("## What you have now\n\nA line."), prose(QUIZ), code("check.quiz(1, ...)\n" * 3, 8, "")]
    cells += [prose("## In practice\n\nMore rows.")]
    return nbformat.v4.new_notebook(cells=cells, metadata={"kernelspec": dict(KERNELSPEC)})


def test_a_good_notebook_has_no_problem() -> None:
    assert problems(good(), 1000, lesson=True) == []


def source(position: int, text: str) -> Callable[[NotebookNode], None]:
    return lambda notebook: notebook.cells[position].update(source=text)


def output(text: str) -> Callable[[NotebookNode], None]:
    return lambda notebook: notebook.cells[2].outputs[0].update(text=text)


def out_of_order(notebook: NotebookNode) -> None:
    notebook.cells[2].execution_count, notebook.cells[5].execution_count = 2, 1


def stripped(notebook: NotebookNode) -> None:
    for cell in notebook.cells:
        if cell.cell_type == "code":
            cell.update(outputs=[], execution_count=None)


def raised(notebook: NotebookNode) -> None:
    notebook.cells[2].outputs.append(nbformat.v4.new_output("error", ename="E", evalue="e", traceback=[]))


def tagged(tag: str) -> Callable[[NotebookNode], None]:
    return lambda notebook: notebook.cells[2].metadata.update(tags=[tag])


def three_code_cells(notebook: NotebookNode) -> None:
    notebook.cells[3].update(cell_type="code", source="x = 1", outputs=[], execution_count=2)
    notebook.cells[4].update(cell_type="code", source="x = 1", outputs=[], execution_count=3)


def without(word: str) -> Callable[[NotebookNode], None]:
    def change(notebook: NotebookNode) -> None:
        notebook.cells = [cell for cell in notebook.cells if word not in cell.source]

    return change


def everywhere(word: str, other: str) -> Callable[[NotebookNode], None]:
    def change(notebook: NotebookNode) -> None:
        for cell in notebook.cells:
            cell.source = cell.source.replace(word, other)

    return change


def repeated(times: int, make: Callable[[int], NotebookNode]) -> Callable[[NotebookNode], None]:
    return lambda notebook: notebook.cells.extend(make(number) for number in range(9, 9 + times))


def same_id(notebook: NotebookNode) -> None:
    notebook.cells[1].id = notebook.cells[0].id


DIGITS = "123456" * 2  # never in this file as what it stands for, an account
BAD_FRAME = [
    ("out of order", out_of_order, "top to bottom"),
    ("stripped", stripped, "has not been run"),
    ("error inside", raised, "raises-exception"),
    ("tag without error", tagged("raises-exception"), "raises-exception"),
    ("skipped by nbval", tagged("nbval-skip"), "would not run it"),
    ("other kernel", lambda notebook: notebook.metadata.update(kernelspec={"name": "conda"}), "kernelspec"),
    ("id twice", same_id, "has no id"),
    ("absolute path in code", source(2, f"open('/{'home'}/ana/salary.csv')"), "a folder of one machine"),
    ("absolute path in output", output(f"/{'Users'}/ana/course/data"), "a folder of one machine"),
    ("absolute path in prose", source(1, f"Look into /{'tmp'}/course."), "a folder of one machine"),
    ("account id", output(f"s3://sagemaker-us-east-1-{DIGITS}/x"), "an account id"),
    ("access key", output("AKI" + "A" + "ABCD" * 4), "an access key"),
    ("ARN", source(2, "role = 'arn:aws:iam::1:role/me'"), "an ARN"),
    ("region", source(2, "boto3.client('s3', 'us-east-1')"), "a region"),
    ("bucket", source(2, "uri = 's3://my-bucket/x'"), "a bucket"),
    ("input", source(2, "name = input('name? ')"), "waits for somebody"),
    ("magic", source(2, "%timeit 1"), "a magic"),
    ("shell", source(2, "!pip install x"), "a magic"),
    ("empty code", source(2, " "), "an empty code cell"),
    ("semicolon", source(2, "plt.plot(x);"), "ends with ';'"),
    ("two titles", source(1, "# Another"), "heading of the first level"),
    ("no title", everywhere("# Explore", "## Explore"), "heading of the first level"),
    ("HTML", source(1, "<div>x</div>"), "HTML other"),
    ("comment", source(1, "<!-- x -->"), "HTML other"),
    ("open details", source(1, "<details><summary>Hint</summary>\n\nx"), "is missing"),
    ("no summary", source(1, "<details>\n\nx\n\n</details>"), "is missing"),
    ("crowded details", source(1, "<details><summary>Hint</summary>\n*x*\n\n</details>"), "empty line"),
    ("remote image", source(1, "![x](https://example.com/x.png)"), "has to be fetched"),
    ("MyST", source(1, "```{note}\nx\n```"), "MyST"),
    ("dollars", source(1, "It rises from $45,000 to $60,000."), "two $"),
    ("escaped dollars", source(1, "It rises from \\$45,000 to \\$60,000."), "two $"),
    ("dollars in a list", source(1, "- from $45,000\n- to $60,000"), "two $"),
    ("note", source(1, "> Mind the cost."), "bold word"),
    ("obvious", source(1, "This is obvious."), "for the reader to say"),
]
BAD_LESSON = [
    ("few cells", lambda notebook: notebook.cells.__delitem__(slice(3, 13)), "not 15 to 32"),
    ("many cells", repeated(10, lambda number: prose(f"Number {number}.")), "not 15 to 32"),
    ("much code", repeated(8, lambda number: code("x = 1", number)), "more than 15"),
    ("few words", source(1, "Short."), "not 700 to 1,500"),
    ("many words", source(1, FILLER * 3), "not 700 to 1,500"),
    ("long cell", source(2, "\n".join(["x = 1"] * 16)), "more than 15 lines"),
    ("three code cells", three_code_cells, "third code cell"),
    ("no predictions", without("Predict.**"), "two predictions"),
    ("prediction after the fact", lambda notebook: notebook.cells.insert(5, prose("Well.")), "no code after"),
    ("no turn", everywhere("Your turn", "My turn"), "0 times **Your turn**, and 3 checks"),
    ("two exercises", without("number_7"), "and 2 checks"),
    ("an exercise without a check", everywhere("check.number_7(answer)", "answer"), "and 2 checks"),
    ("a check without its turn", source(2, "check.a(1)"), "and 4 checks"),
    ("two questions", everywhere("**3.** Which?", "Which?"), "has 2 questions"),
    ("a quiz that nothing checks", without("check.quiz"), "called 0 times"),
    (
        "an answer in sight",
        everywhere("**3.** Which?", "**3.** Which?\n\n<details><summary>Answer</summary>\n\nb\n\n</details>"),
        "holds an answer",
    ),
    ("too long", everywhere("20 minutes", "50 minutes"), "at most 45"),
    ("odd minutes", everywhere("20 minutes", "23 minutes"), "rounded to 5"),
    ("no question", everywhere("add?*", "add.*"), "question"),
    ("no phases", everywhere("→ Fit", "→ Train"), "Explore → Split"),
    ("no phase in bold", everywhere("**Explore**", "Explore"), "Explore → Split"),
    ("no cost", everywhere("local: free", ""), "minutes and costs"),
    ("step 9", everywhere("Step 1 ·", "Step 9 ·"), "headings of steps"),
    ("step without title", everywhere("Step 1 · Look", "Step 1"), "headings of steps"),
    ("no quiz", everywhere("Check yourself", "Quiz"), "close with"),
    ("no seed", source(2, "train_test_split(X, y, test_size=0.2)"), "without its seed"),
    ("endpoint left", source(2, "predictor = learner.deploy(1, 'ml.t2.medium')"), "needs a step 8"),
]


def cases(bad: list[tuple]) -> list:
    return [pytest.param(change, told, id=name) for name, change, told in bad]


@pytest.mark.parametrize(("change", "told"), cases(BAD_FRAME))
@pytest.mark.parametrize("lesson", [True, False])
def test_a_bad_notebook_is_caught(change: Callable, told: str, lesson: bool) -> None:
    notebook = copy.deepcopy(good())
    change(notebook)
    assert any(told in problem for problem in problems(notebook, 1000, lesson))


@pytest.mark.parametrize(("change", "told"), cases(BAD_LESSON))
def test_a_bad_lesson_is_caught(change: Callable, told: str) -> None:
    notebook = copy.deepcopy(good())
    change(notebook)
    assert any(told in problem for problem in problems(notebook, 1000, lesson=True))
    assert not any(told in problem for problem in problems(notebook, 1000, lesson=False))


def test_a_large_file_is_caught() -> None:
    assert any("bytes" in problem for problem in problems(good(), 300_001, lesson=False))


DEPLOYS = {
    "learner.deploy()": "one.delete_model()\none.delete_endpoint()",
    "one = Endpoint.create(endpoint_name=name)": "one.delete()",
    "one = builder.deploy()": "one.delete()",
}


@pytest.mark.parametrize("deploys", DEPLOYS)
def test_a_lesson_that_deploys_must_show_that_nothing_runs(deploys: str) -> None:
    notebook = good()
    notebook.cells[2].source = deploys
    told = "it deploys, so it needs a step 8 that deletes the model and the endpoint"
    assert problems(notebook, 1000, lesson=True) == [told]
    notebook.cells[2].source += f"\n{DEPLOYS[deploys]}"
    notebook.cells[-4].source = "## Step 8 · Delete\n\nGone.\n\n" + notebook.cells[-4].source
    assert problems(notebook, 1000, lesson=True) == ["its last code cell does not show that nothing is running"]
    notebook.cells[-5].outputs = [nbformat.v4.new_output("stream", text="nothing is running\n")]
    assert problems(notebook, 1000, lesson=True) == []
