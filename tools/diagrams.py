"""The course's diagrams, notebooks/diagrams/*.svg: ``python -m tools.diagrams`` writes them.

An SVG that a page shows as an image inherits nothing from the page and does not know its theme.  So words stand
either on a shape that is dark enough for white letters, or in a grey that is read on white as on black.
"""

from collections.abc import Iterator
from pathlib import Path
from xml.sax.saxutils import escape

ROOT = Path(__file__).resolve().parents[1]
FOLDER = ROOT / "notebooks" / "diagrams"
WIDTH = 720
GREY = "#7b7b7b"  # of words and lines on the page, whatever its theme
# What a shape is: something stored, something paid for by the time it runs, a note in the account, a person's own.
STORED, PAID, NOTE, OWN = "#14618f", "#985a00", "#5f5f5f", "#1f7348"


def box(x: int, y: int, width: int, height: int, colour: str, title: str, *lines: str) -> Iterator[str]:
    """A shape with a title in bold and lines below it."""
    yield f'<rect x="{x}" y="{y}" width="{width}" height="{height}" rx="8" fill="{colour}"/>'
    top, middle = y + height / 2 - 8.5 * len(lines) + 5, x + width / 2
    yield f'<text x="{middle:g}" y="{top:g}" class="on bold">{escape(title)}</text>'
    for number, line in enumerate(lines, 1):
        yield f'<text x="{middle:g}" y="{top + 17 * number:g}" class="on">{escape(line)}</text>'


def frame(x: int, y: int, width: int, height: int, title: str) -> Iterator[str]:
    """A dashed frame around what is in one place."""
    yield f'<rect x="{x}" y="{y}" width="{width}" height="{height}" rx="12" class="frame"/>'
    yield f'<text x="{x + 14}" y="{y + 22}" class="left bold">{escape(title)}</text>'


def words(x: float, y: float, text: str, kind: str = "") -> Iterator[str]:
    """A line of words on the page, around x; ``kind`` is "left" or "bold" or both."""
    looks = f' class="{kind}"' if kind else ""
    yield f'<text x="{x:g}" y="{y:g}"{looks}>{escape(text)}</text>'


def arrow(*points: tuple[float, float], both: bool = False) -> Iterator[str]:
    """A line with a head at its end, or at both ends."""
    path = " L".join(f"{x:g} {y:g}" for x, y in points)
    start = ' marker-start="url(#head)"' if both else ""
    yield f'<path d="M{path}" class="arrow"{start} marker-end="url(#head)"/>'


def places() -> Iterator[str]:
    """What lives where."""
    yield from frame(8, 8, 168, 264, "Your computer")
    yield from box(24, 96, 136, 88, OWN, "Notebook", "your code,", "SageMaker's SDK")
    yield from frame(264, 8, 448, 264, "The account: AWS, or the embedded one")
    yield from box(284, 48, 164, 66, STORED, "S3", "tables and models,", "kept until deleted")
    yield from box(284, 182, 164, 66, PAID, "Endpoint", "a machine: answers", "until it is deleted")
    yield from box(532, 48, 164, 66, PAID, "Job's machine", "starts, works,", "and is switched off")
    yield from box(532, 182, 164, 66, NOTE, "Model registry", "versions, and which", "of them is approved")
    yield from arrow((160, 110), (218, 110), (218, 70), (284, 70))
    yield from words(221, 62, "files")
    yield from arrow((160, 174), (218, 174), (218, 216), (284, 216), both=True)
    yield from words(221, 234, "questions")
    yield from arrow((448, 70), (532, 70))
    yield from words(490, 64, "data")
    yield from arrow((532, 96), (448, 96))
    yield from words(490, 112, "model")
    yield from arrow((366, 114), (366, 182))
    yield from words(374, 152, "model is loaded", "left")
    yield from arrow((614, 182), (614, 150), (486, 150), (432, 114))
    yield from words(552, 166, "points to")
    yield from legend(300, ((STORED, "stored: cents a month"), (PAID, "paid while it runs"), (NOTE, "a note: free")))


def job() -> Iterator[str]:
    """A job's life, its billed part shaded."""
    yield f'<rect x="180" y="46" width="532" height="150" rx="8" fill="{PAID}" fill-opacity="0.2"/>'
    yield from box(8, 46, 168, 30, NOTE, "not billed")
    yield from box(180, 46, 532, 30, PAID, "billed by the second")
    parts = (
        (8, 168, NOTE, "Starting", "a machine is found"),
        (188, 164, PAID, "Downloading", "image and data are", "copied to it"),
        (364, 164, PAID, "Training", "the program runs"),
        (540, 164, PAID, "Uploading", "model.tar.gz", "goes to S3"),
    )
    for x, width, colour, *texts in parts:
        yield from box(x, 100, width, 76, colour, *texts)
    for x in (8, 180, 712):
        yield f'<path d="M{x} 40 V212" class="line"/>'
    yield from words(8, 16, "CreationTime", "left bold")
    yield from words(8, 32, "you call fit", "left")
    yield from words(180, 32, "TrainingStartTime", "left bold")
    yield from words(712, 32, "TrainingEndTime", "right bold")
    yield from words(8, 230, "time →", "left")
    yield from words(712, 230, "Completed: the machine is switched off", "right")


def endpoint() -> Iterator[str]:
    """Endpoint = model + configuration + machine."""
    yield from box(8, 20, 150, 58, STORED, "model.tar.gz", "what was learned")
    yield from box(8, 98, 150, 58, STORED, "Container image", "the program")
    yield from box(206, 48, 150, 80, NOTE, "Model", "which file and", "which image")
    yield from box(396, 48, 150, 80, NOTE, "Configuration", "which model, which", "machine, how many")
    yield from box(586, 48, 126, 80, PAID, "Endpoint", "the machine", "that answers")
    yield from arrow((158, 49), (206, 78))
    yield from arrow((158, 127), (206, 98))
    yield from arrow((356, 88), (396, 88))
    yield from arrow((546, 88), (586, 88))
    yield from arrow((624, 196), (624, 128))
    yield from arrow((650, 128), (650, 196))
    yield from words(616, 166, "question", "right")
    yield from words(658, 166, "answer", "left")
    yield from box(586, 196, 126, 44, OWN, "Your program")
    yield from legend(268, ((STORED, "stored: cents a month"), (NOTE, "a note: free"), (PAID, "paid while it runs")))


def components() -> Iterator[str]:
    """Processor, Estimator, Model and Predictor, with S3 between them."""
    uppers = (
        (92, PAID, "Processor", "run: a job that", "prepares tables"),
        (260, PAID, "Estimator", "fit: a job", "that trains"),
        (428, NOTE, "Model", "deploy: artifact", "and image"),
        (584, PAID, "Endpoint", "a machine that", "has loaded both"),
    )
    for x, colour, *texts in uppers:
        yield from box(x, 16, 128, 72, colour, *texts)
    for x, title in ((8, "raw table"), (176, "clean table"), (344, "model.tar.gz")):
        yield from box(x, 160, 128, 44, STORED, title)
    yield from box(584, 160, 128, 44, OWN, "Predictor", "predict")
    for x in (84, 252, 420):
        yield from arrow((x, 160), (x + 44, 88))
    for x in (188, 356):
        yield from arrow((x, 88), (x + 32, 160))
    yield from arrow((556, 52), (584, 52))
    yield from arrow((648, 160), (648, 88), both=True)
    yield from words(240, 228, "S3 holds what one component leaves for the next")
    yield from words(648, 228, "in your program")


def pipeline() -> Iterator[str]:
    """The pipeline: its steps, its parameters, and where a person decides."""
    steps = (
        (8, PAID, "Prepare", "processing job"),
        (154, PAID, "Train", "training job"),
        (300, PAID, "Evaluate", "processing job"),
        (446, NOTE, "Better", "small enough?"),
        (592, NOTE, "Keep", "in the registry"),
    )
    for x, name in ((66, "Raw"), (358, "Bills"), (504, "MaxError")):
        yield from words(x, 22, name, "bold")
        yield from arrow((x, 28), (x, 60))
    yield from words(212, 22, "← parameters →")
    for x, colour, title, what in steps:
        yield from box(x, 60, 116, 62, colour, title, what)
    for x in (124, 270, 416, 562):
        yield from arrow((x, 91), (x + 30, 91))
    yield from words(576, 82, "yes")
    yield from arrow((66, 122), (66, 156), (358, 156), (358, 122))
    yield from words(212, 174, "the encoder, for the evaluation")
    yield from arrow((504, 122), (504, 190))
    yield from words(512, 160, "no", "left")
    yield from box(446, 190, 116, 54, NOTE, "End", "nothing is kept")
    yield from arrow((650, 122), (650, 190))
    yield from words(658, 160, "waits", "left")
    yield from box(592, 190, 116, 54, OWN, "Approval", "by a person")
    yield from legend(270, ((PAID, "a job: paid while it runs"), (NOTE, "free"), (OWN, "yours")))


def legend(y: int, entries: tuple[tuple[str, str], ...]) -> Iterator[str]:
    """What the colours mean."""
    for number, (colour, text) in enumerate(entries):
        x = 24 + 232 * number
        yield f'<rect x="{x}" y="{y}" width="14" height="14" rx="3" fill="{colour}"/>'
        yield from words(x + 22, y + 12, text, "left")


# By file: what draws it, its height, its title, and what it shows in words.
DIAGRAMS = {
    "what_lives_where": (
        places, 324, "What lives where",
        "Your computer holds the notebook. The account holds S3, the machines of jobs, the endpoint and the model "
        "registry. Files go from the notebook to S3, from there to a job's machine; the model goes back to S3 and "
        "from there to the endpoint, which answers the notebook's questions.",
    ),
    "life_of_a_job": (
        job, 240, "The life of a training job",
        "Four states in a row: Starting, Downloading, Training, Uploading. The last three lie between "
        "TrainingStartTime and TrainingEndTime and are shaded: they are billed by the second. Starting is not.",
    ),
    "endpoint": (
        endpoint, 292, "An endpoint is a model, a configuration and a machine",
        "model.tar.gz and a container image lead to the model, the model to the configuration, and that to the "
        "endpoint, which answers the questions of your program. Only the endpoint is paid for by the hour.",
    ),
    "components": (
        components, 248, "Processor, Estimator, Model, Predictor",
        "A raw table in S3 goes through the Processor's job and becomes a clean table in S3. The Estimator's job "
        "makes model.tar.gz of it. The Model puts that behind an endpoint, which a Predictor asks.",
    ),
    "pipeline": (
        pipeline, 292, "The pipeline",
        "Prepare, Train, Evaluate, Better, Keep, one after the other. Better compares the error with the parameter "
        "MaxError: if it is smaller, Keep puts the model into the registry, where a person approves it; if not, the "
        "run ends.",
    ),
}  # fmt: skip
STYLE = f"""
    text {{ font: 13px system-ui, -apple-system, "Segoe UI", "Liberation Sans", Arial, sans-serif; }}
    text {{ fill: {GREY}; text-anchor: middle; }} .left {{ text-anchor: start; }} .right {{ text-anchor: end; }}
    .on {{ fill: #ffffff; }} .bold {{ font-weight: bold; }}
    .frame {{ fill: none; stroke: {GREY}; stroke-dasharray: 6 5; }}
    .arrow {{ fill: none; stroke: {GREY}; stroke-width: 1.8; }} .line {{ stroke: {GREY}; stroke-width: 1.5; }}
"""
HEAD = (
    '<marker id="head" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" markerHeight="7" '
    f'orient="auto-start-reverse"><path d="M0 0 L8 4 L0 8 Z" fill="{GREY}"/></marker>'
)


def svg(name: str) -> str:
    """The text of one diagram."""
    draw, height, title, description = DIAGRAMS[name]
    size = f'width="{WIDTH}" height="{height}" viewBox="0 0 {WIDTH} {height}"'
    head = [
        f'<svg xmlns="http://www.w3.org/2000/svg" {size} role="img" aria-labelledby="title description">',
        f'<title id="title">{escape(title)}</title>',
        f'<desc id="description">{escape(description)}</desc>',
        f"<style>{STYLE}</style>",
        f"<defs>{HEAD}</defs>",
    ]
    return "\n".join([*head, *draw(), "</svg>"]) + "\n"


if __name__ == "__main__":
    FOLDER.mkdir(exist_ok=True)
    for name in DIAGRAMS:
        (FOLDER / f"{name}.svg").write_text(svg(name), "utf-8", newline="\n")
