"""What the lessons send to AWS, and what their models say: a contract that the editions for both SDKs keep.

``editions.json`` holds it as the first editions have it; ``python tests/support/editions.py`` writes it anew.  A
lesson's cells are played in a process of their own, which writes down the requests that create something.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
import tempfile
from pathlib import Path

import nbformat

from support.account import Place
from tools.lessons.play import lessons

CONTRACT = Path(__file__).with_suffix(".json")
SEARCH = "CreateHyperParameterTuningJob"
OPERATIONS = ("CreateTrainingJob", SEARCH, "CreateModel", "CreateEndpointConfig", "CreateEndpoint")
# Of each series: the lesson that trains, the cell up to which it is played in either edition, the lesson that serves.
# The last job up to that cell is the one that counts.
LESSONS = {
    "salary": ("03_send_a_job", {"2": "fit-cell", "3": "fit-cell"}, "05_deploy_predict_delete"),
    "insurance": ("05_losses", {"2": "fit-cell", "3": "fit-cell"}, "07_deploy_predict_delete"),
}
# The lesson that searches, of a series that has one, and the cell that starts the search in either edition.
SEARCHES = {"insurance": ("06_search", {"2": "tuner-fit", "3": "tune"})}
RECORDER = f"""
import json as _json, botocore.client as _client, sys as _sys
_call = _client.BaseClient._make_api_call
def _recorded(self, operation, params):
    if operation in {OPERATIONS}:
        with open(_sys.argv[1], "a") as file:
            file.write(_json.dumps([operation, params]) + "\\n")
    return _call(self, operation, params)
_client.BaseClient._make_api_call = _recorded
"""


def told(series: str, edition: str, place: Place) -> dict:
    """What a series' lessons send in an edition, by operation, and the ``predictions`` of the test set, in dollars."""
    begins, until, goes_on = LESSONS[series]
    train, serve = [path for path in lessons(series, sdk=edition) if path.stem.startswith((begins, goes_on))]
    requests, _ = _played(train, place, until[edition])
    found = {"CreateTrainingJob": requests[-1][1]}
    if series in SEARCHES:
        begins, until = SEARCHES[series]
        [search] = [path for path in lessons(series, sdk=edition) if path.stem.startswith(begins)]
        requests, _ = _played(search, place, until[edition])
        found |= dict(each for each in requests if each[0] == SEARCH)
    requests, predictions = _played(serve, place)
    for operation, members in requests:
        found.setdefault(operation, members)
    return found | {"predictions": predictions}


def _played(path: Path, place: Place, until: str = "") -> tuple[list, list[float]]:
    """The requests of a lesson, as [operation, members], and its ``y_pred``, if any; up to a cell or to the end."""
    program = RECORDER
    for cell in nbformat.read(path, as_version=4).cells:
        program += f"{cell.source}\n" if cell.cell_type == "code" else ""
        if cell.id == until:
            break
    program += "print(_json.dumps([float(each) for each in globals().get('y_pred', [])]))\n"
    log = place.folder.with_name(path.stem)
    done = subprocess.run(
        [sys.executable, "-c", program, str(log)], cwd=path.parent, env=place.environment | {"MPLBACKEND": "agg"},
        capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-3000:]
    requests = [json.loads(line) for line in log.read_text("utf-8").splitlines()]
    return [[operation, _plain(members)] for operation, members in requests], json.loads(done.stdout.splitlines()[-1])


def _plain(value, member: str = ""):
    """A request without what differs from run to run: names, tags' values, the account, the folder in S3."""
    if isinstance(value, dict):
        return value["Key"] if value.keys() == {"Key", "Value"} else {key: _plain(value[key], key) for key in value}
    if isinstance(value, list):
        return [_plain(each) for each in value]
    if member.endswith(("JobName", "ModelName", "EndpointName", "ConfigName")):
        return "NAME"
    if isinstance(value, str):
        value = re.sub(r"(?<=:iam::)\d{12}(?=:)", "ACCOUNT", value)
        value = re.sub(r"^s3://.*?(/[\w-]+\.(?:csv|tar\.gz))?$", r"s3://…\1", value)
    return value


if __name__ == "__main__":
    contract = {}
    for name in LESSONS:
        with tempfile.TemporaryDirectory() as folder:
            account = Place(Path(folder, "account"))
            contract[name] = told(name, "2", account)
            account.close()
    text = json.dumps(contract, indent=1, ensure_ascii=False, sort_keys=True)
    # The predictions, a number each, in one line.
    text = re.sub(r"\[[-\d.,\s]+\]", lambda found: re.sub(r"\s+", " ", found[0]), text)
    CONTRACT.write_text(text + "\n", "utf-8")
