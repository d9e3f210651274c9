"""Nothing in a lesson knows which account it works in: ``COURSE_AWS=aws`` gives the same outputs.

The lessons run with the SDK's own session, role and bucket, as on AWS; the environment alone leads their
calls to the embedded account, as ``python -m local_aws run`` would.
"""

import copy
import re

import nbformat

from tools.lessons.play import ROOT, lessons, play
from tools.lessons.regenerate import settle

# It trains, deploys and predicts, and waits as long as the SDK does on AWS: 5 s for a job, 30 s for an endpoint.
PLAYED = "salary/05_deploy_predict_delete"


def test_the_same_outputs_with_the_sdks_own_session(account, monkeypatch):
    monkeypatch.setenv("COURSE_AWS", "aws")
    monkeypatch.delenv("COURSE_DATA", raising=False)
    path = ROOT / "notebooks" / f"{PLAYED}.ipynb"
    stored = nbformat.read(path, as_version=4)
    played = copy.deepcopy(stored)
    play(played, path.parent, lambda text: None)
    settle(played, stored, (ROOT / "tests" / "nbval_sanitize.cfg").read_text("utf-8"))
    said = {cell.id: cell.outputs for cell in played.cells if cell.cell_type == "code"}
    assert said.pop("start")[0].text.startswith("AWS: your own account")
    for cell in stored.cells:
        if cell.id in said and "nbval-ignore-output" not in cell.metadata.get("tags", []):
            assert said[cell.id] == cell.outputs, f"{PLAYED}, cell {cell.id}"


def test_no_lesson_asks_where_it_is():
    for path in lessons():
        for cell in nbformat.read(path, as_version=4).cells:
            if cell.cell_type == "code":
                asked = re.search(r"COURSE_AWS|is_local|local_aws|AWS_ENDPOINT|\benviron\b", cell.source)
                assert not asked, f"{path.name}, cell {cell.id}: {asked[0]}"
