"""The table in the account's README says of SageMaker's operations what the code does."""

from __future__ import annotations

import re

import pytest

from utils.local_aws import operations


@pytest.fixture(scope="module")
def made() -> str:
    return operations.table()


def test_the_table_is_the_codes_own():
    stored = operations.README.read_text("utf-8")
    assert stored == operations.readme(), f"it is out of date: run '{operations.COMMAND}' and commit what it writes"


def test_every_operation_of_botocore_stands_in_it_once(made):
    listed = re.findall(r"`([A-Z]\w+)`", made)
    known = [name for model in ("sagemaker", "sagemaker-runtime") for name in
             operations.service_model(model).operation_names]  # fmt: skip
    assert sorted(listed) == sorted(known)


def test_what_makes_something_run_is_marked_and_what_only_looks_is_not(made):
    rows = re.findall(r"(?m)^\| [^|]+ \|([^|]*)\|([^|]*)\|$", made.replace("| about | executed | books |", ""))
    executed = {name for row in rows for name in re.findall(r"\w+", row[0])}
    books = {name for row in rows for name in re.findall(r"\w+", row[1])}
    assert {"CreateTrainingJob", "StopTrainingJob", "CreateEndpoint", "InvokeEndpoint"} < executed
    assert {"DescribeTrainingJob", "ListTrainingJobs", "AddTags", "CreateModel", "CreatePipeline"} < books
    assert [name for name in executed if re.match("Describe|List|Search|AddTags|DeleteTags|BatchDescribe", name)] == []
    runs = r"Create\w+Job|CreateEndpoint|UpdateEndpoint\w*|Start\w+|Stop\w+|Retry\w+|Invoke\w+"
    assert [name for name in books if re.fullmatch(runs, name)] == [], "they lack the mark @executes"
