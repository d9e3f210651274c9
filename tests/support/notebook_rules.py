"""The shape of a lesson, as far as a machine can see it; `problems` says what is wrong with a notebook.

Two kinds: a *lesson* keeps every rule; the *frame*, 00, 99 and the template, keeps those on order, outputs, leaks
and prose.
"""

import ast
import re
from collections.abc import Iterator
from itertools import pairwise

from IPython.core.inputtransformer2 import TransformerManager
from nbformat import NotebookNode

from tools.lessons.measure import words

KERNELSPEC = {"display_name": "Python 3 (ipykernel)", "language": "python", "name": "python3"}
LARGEST = 300_000  # bytes
MAGICS = {"matplotlib"}
HTML = {"details", "summary"}
PHASES = ["Explore", "Split", "Baseline", "Estimator", "Fit", "Deploy", "Predict", "Delete"]
CLOSE = ["What you have now", "Check yourself", "In practice"]

FOLDER = re.compile(r"(?<![\w.:/~])/(?:home|Users|root|tmp|var|private|work|mnt|srv)/[\w.-]+|\b[A-Z]:\\\w")
ACCOUNT = re.compile(r"(?<![\d.])\d{12}(?!\d)")
ARN = re.compile(r"arn:aws[\w-]*:\w")
KEY = re.compile(r"\b(?:AKIA|ASIA)[A-Z0-9]{16}\b")
REGION = re.compile(r"\b[a-z]{2}(?:-gov|-iso\w?)?-(?:(?:north|south)?(?:east|west)|north|south|central)-\d\b")
BUCKET = re.compile(r"s3://[\w.-]")


def problems(notebook: NotebookNode, size: int, lesson: bool) -> list[str]:
    """A sentence for each rule that the notebook breaks; `size` is that of its file, in bytes."""
    found = [*_file(notebook, size), *_cells(notebook), *_order(notebook), *_leaks(notebook), *_prose(notebook)]
    return [*found, *_anatomy(notebook), *_reproducible(notebook)] if lesson else found


def _code(notebook: NotebookNode) -> list[NotebookNode]:
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


def _last(notebook: NotebookNode) -> NotebookNode:
    """The last code cell but that of the quiz."""
    return [cell for cell in _code(notebook) if "check.quiz(" not in cell.source][-1]


def _python(cell: NotebookNode) -> str:
    return TransformerManager().transform_cell(cell.source)


def _calls(cell: NotebookNode) -> Iterator[tuple[str, ast.Call]]:
    """Each call in a cell, with the last word of what is called: `a.b.fit(x)` gives "fit"."""
    try:
        tree = ast.parse(_python(cell))
    except SyntaxError:  # it shows as an error in the cell's outputs
        return
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name | ast.Attribute):
            yield (node.func.id if isinstance(node.func, ast.Name) else node.func.attr), node


def _visible(cell: NotebookNode) -> str:
    """Prose without code, which may hold anything."""
    fenced = re.sub(r"(?ms)^(`{3,}).*?^\1", "", cell.source)
    return re.sub(r"(`+)[^`\n](?:.*?[^`\n])??\1(?!`)", "", fenced)


def output_texts(cell: NotebookNode) -> Iterator[str]:
    for output in cell.outputs:
        yield output.get("text", "")
        yield "\n".join(output.get("traceback", []))
        yield from (text for kind, text in output.get("data", {}).items() if kind.startswith("text/"))


def _file(notebook: NotebookNode, size: int) -> Iterator[str]:
    if size > LARGEST:
        yield f"the file has {size} bytes, more than {LARGEST}"
    if notebook.metadata.get("kernelspec") != KERNELSPEC:
        yield f"the kernelspec is not {KERNELSPEC}"
    identities = [cell.get("id") for cell in notebook.cells]
    if None in identities or len(set(identities)) < len(identities):
        yield "a cell has no id, or one that another cell has too"


def _cells(notebook: NotebookNode) -> Iterator[str]:
    for cell in _code(notebook):
        tags = cell.metadata.get("tags", [])
        if not cell.source.strip():
            yield f"{cell.id}: an empty code cell"
        if "nbval-skip" in tags or "NBVAL_SKIP" in cell.source:
            yield f"{cell.id}: nbval would not run it"
        raised = any(output.output_type == "error" for output in cell.outputs)
        if raised != ("raises-exception" in tags):
            yield f"{cell.id}: it raised without the tag raises-exception, or has the tag and did not raise"
        if cell.source.rstrip().endswith(";"):
            yield f"{cell.id}: it ends with ';', which hides the output in Jupyter but not in nbval"
        python = _python(cell)
        magics = set(re.findall(r"get_ipython\(\)\.run_(?:line|cell)_magic\('(\w+)'", python))
        if magics - MAGICS or re.search(r"get_ipython\(\)\.(?:system|getoutput)\(", python):
            yield f"{cell.id}: a magic or a shell command; allowed are {sorted(MAGICS)}"
        for name, _ in _calls(cell):
            if name in ("input", "getpass", "breakpoint"):
                yield f"{cell.id}: {name}() waits for somebody to type"


def _order(notebook: NotebookNode) -> Iterator[str]:
    counts = [cell.execution_count for cell in _code(notebook)]
    if None in counts:
        yield "a code cell has not been run, so that nbval has nothing to compare"
    elif counts != list(range(1, len(counts) + 1)):
        yield f"the cells were not run once each, from top to bottom: {counts}"


def _leaks(notebook: NotebookNode) -> Iterator[str]:
    everywhere = {"a folder of one machine": FOLDER, "an account id": ACCOUNT, "an access key": KEY}
    in_code = {"an ARN": ARN, "a region": REGION, "a bucket": BUCKET}
    for cell in notebook.cells:
        texts = [cell.source, *(output_texts(cell) if cell.cell_type == "code" else [])]
        for what, pattern in everywhere.items():
            if any(pattern.search(text) for text in texts):
                yield f"{cell.id}: {what}"
        for what, pattern in in_code.items():
            if cell.cell_type == "code" and pattern.search(cell.source):
                yield f"{cell.id}: {what} as a literal"


def _prose(notebook: NotebookNode) -> Iterator[str]:
    cells = [cell for cell in notebook.cells if cell.cell_type == "markdown"]
    headings = [mark for cell in cells for mark in re.findall(r"(?m)^(#+) ", _visible(cell))]
    if headings.count("#") != 1 or headings[0] != "#":
        yield "there must be one heading of the first level, before all others"
    for cell in cells:
        text = _visible(cell)
        tags = re.findall(r"<(/?)([A-Za-z][\w-]*)(?=[\s/>])", text)
        if "<!--" in text or {name.lower() for _, name in tags} - HTML:
            yield f"{cell.id}: HTML other than <details> and <summary>"
        if len({tags.count((slash, name)) for slash in ("", "/") for name in HTML}) > 1:
            yield f"{cell.id}: a <details>, a <summary> or an end of one is missing"
        if re.search(r"</summary>[ \t]*\n?[ \t]*\S", text):
            yield f"{cell.id}: without an empty line after </summary>, Markdown below it is not rendered"
        if re.search(r"!\[[^\]]*\]\(\w+:", text):
            yield f"{cell.id}: an image that has to be fetched"
        if re.search(r"(?m)^(`{3,}|:{3,})\{", cell.source):
            yield f"{cell.id}: a MyST fence, which Jupyter shows as code"
        if any(paragraph.count("$") > 1 for paragraph in re.split(r"\n\s*\n", text)):
            yield f"{cell.id}: two $ in a paragraph: JupyterLab makes a formula of what is between them"
        if re.search(r"(?m)(?:\A|^(?!>).*\n)>(?! \*\*[^*\n]+[.?:!]\*\*)", text):
            yield f"{cell.id}: a note that does not begin with a bold word: > **Cost.** …"
        if word := re.search(r"(?i)\b(simple|simply|obvious|obviously)\b", text):
            yield f"{cell.id}: “{word[0]}” is for the reader to say"


def _anatomy(notebook: NotebookNode) -> Iterator[str]:
    cells, code = notebook.cells, _code(notebook)
    prose = [cell.source for cell in cells if cell.cell_type == "markdown"]
    text = "\n\n".join(prose)
    if not 15 <= len(cells) <= 32:
        yield f"{len(cells)} cells, not 15 to 32"
    if len(code) > 15:
        yield f"{len(code)} code cells, more than 15"
    if not 700 <= (count := words(text)) <= 1500:
        yield f"{count} words, not 700 to 1,500"
    for cell in code:
        if cell.source.count("\n") >= 15:
            yield f"{cell.id}: more than 15 lines"
    for trio in zip(cells, cells[1:], cells[2:], strict=False):
        if {cell.cell_type for cell in trio} == {"code"}:
            yield f"{trio[2].id}: the third code cell in a row"
    predictions = [
        (cell, after)
        for cell, after in pairwise(cells)
        if cell.cell_type == "markdown" and re.search(r"(?m)^> \*\*Predict\.\*\*", cell.source)
    ]
    if len(predictions) < 2:
        yield "fewer than two predictions"
    for cell, after in predictions:
        if after.cell_type != "code":
            yield f"{cell.id}: no code after the prediction"
    turns = len(re.findall(r"(?m)^\*\*Your turn\.\*\*", text))
    called = set(re.findall(r"\bcheck\.(\w+)\(", "\n".join(cell.source for cell in code)))
    if not 3 <= len(called - {"quiz"}) == turns:
        yield f"{turns} times **Your turn**, and {len(called - {'quiz'})} checks: at least three, and a check for each"
    if not re.search(r"(?m)^\*[^*\n]+\?\*$", text):
        yield "the title is not followed by one *question?*"
    path = [re.split(" *→ *", line.replace("**", "").strip()) for line in text.splitlines() if "→" in line]
    if PHASES not in path or not re.search(r"(?m)^.*\*\*.*→|→.*\*\*", text):
        yield f"no line {' → '.join(PHASES)} with its own steps in bold"
    minutes = re.search(r"(?m)^(\d+) minutes · local: .+ · AWS: .+", text)
    if not minutes:
        yield "no line with minutes and costs: 30 minutes · local: free · AWS: …"
    elif int(minutes[1]) > 45 or int(minutes[1]) % 5:
        yield f"{minutes[1]} minutes: at most 45, and rounded to 5"
    yield from _headings(text, len(re.findall(r"\bcheck\.quiz\(", "\n".join(cell.source for cell in code))))


def _headings(text: str, asked: int) -> Iterator[str]:
    """``asked``: how often ``check.quiz`` is called, which gives the answers that stand nowhere in the lesson."""
    headings = re.findall(r"(?m)^## (.+)", text)
    steps = [re.fullmatch(r"Step ([1-8]) · \S.*", heading) for heading in headings if heading.startswith("Step")]
    numbers = [int(step[1]) for step in steps if step]
    if None in steps or not numbers or numbers != sorted(set(numbers)):
        yield f"headings of steps are “## Step 1 · Title”, 1 to 8, in order; found {numbers}"
    if [heading for heading in headings if heading in CLOSE] != CLOSE:
        yield f"it must close with {', '.join(CLOSE)}"
    quiz = text.partition("\n## Check yourself")[2].partition("\n## ")[0]
    questions = len(re.findall(r"(?m)^\*\*\d\.\*\*", quiz))
    if not questions == asked == 3:
        yield f"“Check yourself” has {questions} questions, and check.quiz is called {asked} times: three each"
    if "<details>" in quiz or "Answer" in quiz:
        yield "“Check yourself” holds an answer: check.quiz gives it"


def _reproducible(notebook: NotebookNode) -> Iterator[str]:
    called = set()
    for cell in _code(notebook):
        for name, call in _calls(cell):
            called.add(name)
            if name == "create" and ast.unparse(call.func) == "Endpoint.create":  # version 3 of the SDK
                called.add("deploy")
            given = {keyword.arg for keyword in call.keywords}
            seeded = {"random_state", "shuffle", "seed"} & given or (name == "default_rng" and call.args)
            if name in ("train_test_split", "default_rng", "sample", "shuffle") and not seeded:
                yield f"{cell.id}: {name}() without its seed in sight"
    if "deploy" in called:
        headings = re.findall(r"(?m)^## Step 8 · ", "\n".join(cell.source for cell in notebook.cells))
        if not headings or not ({"delete_model", "delete_endpoint"} <= called or "delete" in called):
            yield "it deploys, so it needs a step 8 that deletes the model and the endpoint"
        elif "nothing is running" not in "".join(output_texts(_last(notebook))):
            yield "its last code cell does not show that nothing is running"
