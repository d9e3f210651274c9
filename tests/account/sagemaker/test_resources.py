"""The account's own record of its resources, asked by many threads: pipelines and tuning jobs add from theirs."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from local_aws.core.account import open_account
from local_aws.core.errors import AwsError
from local_aws.services.sagemaker.kinds import KINDS
from local_aws.services.sagemaker.resources import Resources

# AWS's own, of its API reference and of what its operations have answered.
TAKEN = {
    "TrainingJob": "ResourceInUse",
    "ProcessingJob": "ResourceInUse",
    "TransformJob": "ResourceInUse",
    "HyperParameterTuningJob": "ResourceInUse",
}
MANY = 8


@pytest.fixture
def resources(tmp_path):
    return Resources(tmp_path, open_account(tmp_path), roles=None)


@pytest.mark.parametrize("kind", KINDS.values(), ids=KINDS)
def test_of_many_who_take_a_name_at_once_one_has_it(resources, kind):
    barrier = threading.Barrier(MANY)

    def add(number: int) -> str | AwsError:
        name = "a-name" if number % 2 else "A-Name"  # the same to SageMaker, whose ARNs are in lower case
        barrier.wait()
        try:
            return resources.add(kind, name, {"CreationTime": 0, "Number": number}, None)
        except AwsError as error:
            return error

    with ThreadPoolExecutor(MANY) as pool:
        answers = list(pool.map(add, range(MANY)))
    (winner,) = [number for number, answer in enumerate(answers) if isinstance(answer, str)]
    assert resources.get(kind, "a-name")["Number"] == winner and resources.count(kind) == 1
    arn = f"arn:aws:sagemaker:us-east-1:000000000000:{kind.arn}/a-name"
    for answer in answers:
        if isinstance(answer, AwsError):
            assert (answer.code, answer.status) == (TAKEN.get(kind.name, "ValidationException"), 400)
            assert arn in answer.message or "a-name" in answer.message.lower()


def test_what_was_deleted_by_another_thread_is_missing_when_it_is_changed(resources):
    for kind in KINDS.values():
        with pytest.raises(AwsError) as refused:
            resources.update(kind, "gone", LastModifiedTime=1)
        assert refused.value.code == kind.missing.code
