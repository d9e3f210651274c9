"""The table in account/docs/operations.md says of SageMaker's operations what the code does."""

from __future__ import annotations

import re

import pytest

from local_aws import coverage
from local_aws.wire.operation import operation, operations_of


@pytest.fixture(scope="module")
def made() -> str:
    return coverage.table()


def test_the_table_is_the_codes_own():
    stored = coverage.PAGE.read_text("utf-8")
    assert stored == coverage.page(), f"it is out of date: run '{coverage.COMMAND}' and commit what it writes"


def test_every_operation_of_botocore_stands_in_it_once(made):
    listed = re.findall(r"`([A-Z]\w+)`", made)
    known = [name for model in ("sagemaker", "sagemaker-runtime") for name in
             coverage.service_model(model).operation_names]  # fmt: skip
    assert sorted(listed) == sorted(known)


def test_what_makes_something_run_is_marked_and_what_only_looks_is_not(made):
    rows = re.findall(
        r"(?m)^\| [^|]+ \|([^|]*)\|([^|]*)\|$", made.replace("| resource | executed | metadata only |", "")
    )
    executed = {name for row in rows for name in re.findall(r"\w+", row[0])}
    metadata = {name for row in rows for name in re.findall(r"\w+", row[1])}
    assert {"CreateTrainingJob", "StopTrainingJob", "CreateEndpoint", "InvokeEndpoint"} < executed
    assert {"DescribeTrainingJob", "ListTrainingJobs", "AddTags", "CreateModel", "CreatePipeline"} < metadata
    assert [name for name in executed if re.match("Describe|List|Search|AddTags|DeleteTags|BatchDescribe", name)] == []
    runs = r"Create\w+Job|CreateEndpoint|UpdateEndpoint\w*|Start\w+|Stop\w+|Retry\w+|Invoke\w+"
    assert [name for name in metadata if re.fullmatch(runs, name)] == [], "they lack executes=True"


def test_two_methods_that_are_declared_to_do_the_same_are_found_when_the_account_starts():
    class Twice:
        @operation("DescribeModel")
        def describe(self, params):
            return params

        @operation("DescribeModel")
        def look(self, params):
            return params

    with pytest.raises(ValueError, match="DescribeModel"):
        operations_of(Twice())


def test_what_answers_a_request_cannot_be_asked_for_without_one():
    class Jobs:
        @operation("DescribeTrainingJob", wants_request=True)
        def describe(self, params, request):
            return params

        @operation("StopTrainingJob", executes=True)
        def stop(self, params):
            return None

    operations = operations_of(Jobs())
    assert operations["StopTrainingJob"]({}) == {} and operations["StopTrainingJob"].executes
    with pytest.raises(TypeError, match="DescribeTrainingJob"):
        operations["DescribeTrainingJob"]({})
