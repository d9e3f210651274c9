"""A lesson that AWS refuses to go on with ends in AWS's words and one thing to do, says what runs, and leaves no bill.

The faults are answers in AWS's own form, put in the way of the kernel's requests: what is seen includes boto3's
patience with them, and the SDK's own view of them.
"""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from nbclient.exceptions import CellExecutionError

from support.kernels import NOTHING_OF_MINE, OTHERS, Kernel, LessonsAccount, playing
from tools.lessons.play import ROOT
from utils.preflight.advice import NOT_ASKED

LESSON = ROOT / "notebooks" / "salary" / "05_deploy_predict_delete.ipynb"
# In the kernel: a request that the fault is about, as the file says at the moment, gets its answer and no other.
BETWEEN = """
import io, json, os, re
from botocore.awsrequest import AWSResponse
from botocore.endpoint import Endpoint

_sent, _seen = Endpoint._send, []

class _Raw(io.BytesIO):
    def stream(self, **options):
        yield self.read()

def _send(self, request):
    fault = json.load(open(os.environ["FAULT"]))
    body = request.body.decode(errors="replace") if isinstance(request.body, bytes) else ""
    target = request.headers.get("X-Amz-Target") or b""
    action = target.decode() if isinstance(target, bytes) else target
    action = action.rpartition(".")[2] or (re.findall("Action=([A-Za-z]+)", body) or ["other"])[0]
    begun = not fault.get("after") or fault["after"] in _seen
    _seen.append(action)
    struck = _seen.count("struck")
    if not fault or not begun or not re.fullmatch(fault["operations"], action) or struck >= fault.get("times", 999):
        return _sent(self, request)
    _seen.append("struck")
    if target:
        text = json.dumps({"__type": fault["code"], "message": fault["message"]})
    else:
        text = (f"<ErrorResponse><Error><Code>{fault['code']}</Code><Message>{fault['message']}</Message></Error>"
                "<RequestId>r</RequestId></ErrorResponse>")
    return AWSResponse(request.url, 400, {}, _Raw(text.encode()))

Endpoint._send = _send
"""
EXPIRED = {"code": "ExpiredTokenException", "message": "The security token included in the request is expired"}
THROTTLED = {"code": "ThrottlingException", "message": "Rate exceeded"}
DENIED = {
    "code": "AccessDeniedException",
    "message": "User: arn:aws:iam::111122223333:user/ann is not authorized to perform: sagemaker:CreateEndpoint on "
    "resource: arn:aws:sagemaker:us-east-1:111122223333:endpoint/x",
}
FULL = {
    "code": "ResourceLimitExceeded",
    "message": "The account-level service limit 'ml.t2.medium for endpoint usage' is 0 Instances, with current "
    "utilization of 0 Instances and a request delta of 1 Instances.",
}


@pytest.fixture
def fault(tmp_path) -> Path:
    """The file that says what is in the way; nothing yet."""
    path = tmp_path / "fault.json"
    path.write_text("{}")
    return path


def cell(kernel: Kernel, name: str) -> int:
    return next(number for number, each in enumerate(kernel.client.nb.cells) if each.get("id") == name)


def run_until(kernel: Kernel, cells: list[int], name: str) -> None:
    """Run the lesson up to, and without, the cell of this name."""
    for number in cells[: cells.index(cell(kernel, name))]:
        kernel.run(number)


def fails(kernel: Kernel, name: str) -> str:
    """What a cell shows that ends in an error: no more than a few lines, no traceback."""
    with pytest.raises(CellExecutionError):
        kernel.run(cell(kernel, name))
    shown = [each for each in kernel.client.nb.cells[cell(kernel, name)].outputs if each.output_type == "error"]
    (error,) = shown
    text = "\n".join(error.traceback)
    assert "Traceback" not in text and "File " not in text and len(text.splitlines()) <= 6, text
    return text


def mine(lessons_account: LessonsAccount) -> set[str]:
    return lessons_account.holds()["endpoints"] - set(OTHERS)


@pytest.mark.parametrize(
    ("answer", "wanted"),
    [(DENIED, "Attach the policy course-learner"), (FULL, "python -m tools.preflight --request"),
     (THROTTLED, "wait a minute")],
    ids=["denied", "quota of 0", "throttled"],
)  # fmt: skip
def test_an_endpoint_that_may_not_be_made(lessons_account, sweep, fault, answer, wanted) -> None:
    with playing(lessons_account, LESSON, BETWEEN, FAULT=str(fault)) as (kernel, cells):
        run_until(kernel, cells, "deploy-cell")
        fault.write_text(json.dumps(answer | {"operations": "CreateEndpoint"}))
        said = fails(kernel, "deploy-cell")
        assert answer["message"] in said and wanted in said.partition("What to do: ")[2]
        assert "Still running" not in said
        assert mine(lessons_account) == set()
        # It is put right, and the cell goes through.
        fault.write_text("{}")
        kernel.run(cell(kernel, "deploy-cell"))
    sweep()
    assert lessons_account.holds() == NOTHING_OF_MINE


def test_throttled_while_the_endpoint_is_made(lessons_account, sweep, fault) -> None:
    """It will be in service, and cost, though the cell has failed: the reader is told its name."""
    with playing(lessons_account, LESSON, BETWEEN, FAULT=str(fault)) as (kernel, cells):
        run_until(kernel, cells, "deploy-cell")
        fault.write_text(json.dumps(THROTTLED | {"operations": "DescribeEndpoint"}))
        said = fails(kernel, "deploy-cell")
        (name,) = mine(lessons_account)
        assert f"Still running, until notebooks/99_clean_up.ipynb ends it: endpoint {name}" in said
    assert f"deleted the endpoint {name}" in sweep()
    assert lessons_account.holds() == NOTHING_OF_MINE


def test_throttled_for_a_moment(lessons_account, sweep, fault) -> None:
    """boto3 asks again, and the lesson does not notice."""
    with playing(lessons_account, LESSON, BETWEEN, FAULT=str(fault)) as (kernel, cells):
        run_until(kernel, cells, "deploy-cell")
        fault.write_text(json.dumps(THROTTLED | {"operations": ".*", "times": 2}))
        for number in cells[cells.index(cell(kernel, "deploy-cell")) :]:
            kernel.run(number)
    assert mine(lessons_account) == set()


def test_the_keys_expire_while_the_endpoint_is_made(lessons_account, sweep, fault) -> None:
    with playing(lessons_account, LESSON, BETWEEN, FAULT=str(fault)) as (kernel, cells):
        run_until(kernel, cells, "deploy-cell")
        fault.write_text(json.dumps(EXPIRED | {"operations": ".*", "after": "CreateEndpoint"}))
        said = fails(kernel, "deploy-cell")
        assert "The keys have expired" in said
        assert NOT_ASKED in said
        assert "Still running" not in said and "nothing is running" not in said
        # The proof cell does not say "nothing is running" when it could not ask.
        assert "The keys have expired" in fails(kernel, "with-try-cell")
    (name,) = mine(lessons_account)
    assert f"deleted the endpoint {name}" in sweep()
    assert lessons_account.holds() == NOTHING_OF_MINE


def test_a_question_about_tags_that_is_refused_is_no_answer(lessons_account, sweep, fault) -> None:
    with playing(lessons_account, LESSON, BETWEEN, FAULT=str(fault)) as (kernel, cells):
        run_until(kernel, cells, "csv-cell")
        fault.write_text(json.dumps(DENIED | {"operations": "ListTags"}))
        assert "Attach the policy" in fails(kernel, "with-try-cell")
    sweep()
    assert lessons_account.holds() == NOTHING_OF_MINE


def test_a_call_that_boto3_itself_refuses(lessons_account, sweep, fault) -> None:
    """Its traceback says where the mistake is; AWS can be asked what runs."""
    with playing(lessons_account, LESSON, BETWEEN, FAULT=str(fault)) as (kernel, cells):
        run_until(kernel, cells, "csv-cell")
        kernel.client.nb.cells[cell(kernel, "csv-cell")].source = "course.session.sagemaker_client.describe_endpoint()"
        with pytest.raises(CellExecutionError) as failure:
            kernel.run(cell(kernel, "csv-cell"))
        said = str(failure.value)
        (name,) = mine(lessons_account)
        assert 'Missing required parameter in input: "EndpointName"' in said and "describe_endpoint()" in said
        assert f"Still running, until notebooks/99_clean_up.ipynb ends it: endpoint {name}" in said
        assert NOT_ASKED not in said
    sweep()
    assert lessons_account.holds() == NOTHING_OF_MINE


def test_a_job_that_fails(lessons_account, sweep, fault) -> None:
    """Not put in its way: it really fails, at a batch larger than the table."""
    with playing(lessons_account, LESSON, BETWEEN, FAULT=str(fault)) as (kernel, cells):
        run_until(kernel, cells, "attach")
        attach = kernel.client.nb.cells[cell(kernel, "attach")]
        attach.source = attach.source.replace('"mini_batch_size": 7', '"mini_batch_size": 7000')
        kernel.run(cell(kernel, "attach"))
        said = fails(kernel, "train")
        assert "UnexpectedStatusException: Error for Training job course-salary-" in said
        assert "Failed. Reason: ClientError: " in said and "What to do: Mend what the reason names" in said
        assert "Still running" not in said
    assert lessons_account.holds()["training jobs"] == set()


@pytest.mark.parametrize(
    ("answer", "wanted"),
    [(EXPIRED | {"code": "ExpiredToken"}, "run 'aws sso login'"), (THROTTLED | {"code": "Throttling"}, "wait a minute"),
     ({"code": "InvalidClientTokenId", "message": "The security token included in the request is invalid."},
      "AWS does not know these keys"),
     (DENIED | {"code": "AccessDenied"}, "docs/aws.md")],
    ids=["expired", "throttled", "unknown keys", "denied"],
)  # fmt: skip
def test_the_first_cell_on_aws(lessons_account, fault, answer, wanted) -> None:
    led = {name: value for name, value in lessons_account.place.running().environment().items() if value is not None}
    with playing(lessons_account, LESSON, BETWEEN, FAULT=str(fault), COURSE_AWS="aws", **led) as (kernel, _):
        fault.write_text(json.dumps(answer | {"operations": ".*"}))
        said = fails(kernel, "start")
    assert said.startswith("CourseError: COURSE_AWS=aws, and AWS cannot be used: ") and wanted in said


def test_the_first_cell_on_aws_without_credentials(lessons_account, fault, tmp_path) -> None:
    empty = {name: str(tmp_path / "none") for name in ("AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE")}
    nobody = {"COURSE_AWS": "aws", "AWS_EC2_METADATA_DISABLED": "true", "AWS_DEFAULT_REGION": "us-east-1", **empty}
    with playing(lessons_account, LESSON, BETWEEN, FAULT=str(fault), **nobody) as (kernel, _):
        said = fails(kernel, "start")
    assert said == (
        "CourseError: COURSE_AWS=aws, and AWS cannot be used: Unable to locate credentials. Run 'aws configure' (or "
        "'aws sso login') and restart the kernel; in Studio credentials are there."
    )
