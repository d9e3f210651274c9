"""Lists: their pages, filters, orders and tokens, by what the API reference and public records say of each."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from support.training import channel, checked, csv, definition, ended, name, refusal, table


@pytest.fixture(scope="module")
def many(account, sagemaker, s3, bucket):
    """Fourteen jobs that fail at once (the file is no CSV) but for the last two; their descriptions by name."""
    x, y = table(8)
    s3.put_object(Bucket=bucket, Key="many/bad.csv", Body=b"no,numbers\n")
    s3.put_object(Bucket=bucket, Key="many/good.csv", Body=csv(x, y))
    stem = name("many")
    jobs = [f"{stem}-{number:02d}" for number in (3, 1, 2, 12, 11, 10, 9, 8, 7, 6, 5, 4, 13, 14)]
    for number, job in enumerate(jobs):
        key = "good" if number > 11 else "bad"
        sagemaker.create_training_job(
            **definition(account, job, channel(f"s3://{bucket}/many/{key}.csv"), bucket=bucket)
        )
    return stem, {job: ended(sagemaker, job) for job in jobs}


def listed(sagemaker, stem, **filters) -> list[str]:
    pages = sagemaker.get_paginator("list_training_jobs").paginate(NameContains=stem, **filters)
    return [job["TrainingJobName"] for page in pages for job in page["TrainingJobSummaries"]]


def pages(sagemaker, **filters) -> list[tuple[list[str], bool]]:
    """The names on each page of a list of training jobs, and whether it has a NextToken."""
    found, token = [], {}
    while True:
        page = checked(sagemaker, "ListTrainingJobs", **filters, **token)
        found.append(([job["TrainingJobName"] for job in page["TrainingJobSummaries"]], "NextToken" in page))
        if "NextToken" not in page:
            return found
        token = {"NextToken": page["NextToken"]}


def test_a_list_has_pages_of_ten(many, sagemaker):
    stem, jobs = many
    found = pages(sagemaker)
    assert [len(page) for page, _ in found[:-1]] == [10] * (len(found) - 1) and 1 <= len(found[-1][0]) <= 10
    mine = checked(sagemaker, "ListTrainingJobs", NameContains=stem.upper(), SortOrder="Descending")
    assert mine["TrainingJobSummaries"] and "NextToken" in mine
    for summary in mine["TrainingJobSummaries"]:
        body = jobs[summary["TrainingJobName"]]
        assert summary == {member: body[member] for member in summary}
        assert {"TrainingJobStatus", "SecondaryStatus", "TrainingEndTime", "TrainingJobArn"} <= set(summary)


@pytest.mark.parametrize("size", [1, 3, None])
def test_a_list_is_counted_before_it_is_filtered(many, sagemaker, size):
    """As the API reference says: so a page may be empty, and lead to more."""
    stem, jobs = many
    asked = {"SortBy": "CreationTime", "SortOrder": "Descending"} | ({"MaxResults": size} if size else {})
    whole = pages(sagemaker, **asked)
    completed = {job for job, body in jobs.items() if body["TrainingJobStatus"] == "Completed"}
    for filters, wanted in (
        ({"StatusEquals": "Completed", "NameContains": stem}, completed),
        ({"NameContains": f"{stem}-0"}, {job for job in jobs if job.startswith(f"{stem}-0")}),
        ({"StatusEquals": "Stopping"}, set()),
    ):
        assert pages(sagemaker, **asked, **filters) == [
            ([job for job in page if job in wanted], more) for page, more in whole
        ]
    assert pages(sagemaker, **asked, StatusEquals="Stopping")[0] == ([], True)


@pytest.mark.parametrize("size", [4, 100])
@pytest.mark.parametrize("order", ["Ascending", "Descending"])
@pytest.mark.parametrize("sort_by", ["Name", "CreationTime", "Status"])
def test_a_list_in_order(many, sagemaker, size, order, sort_by):
    stem, jobs = many
    member = {"Name": "TrainingJobName", "Status": "TrainingJobStatus"}.get(sort_by, sort_by)
    found = listed(sagemaker, stem, SortBy=sort_by, SortOrder=order, PaginationConfig={"PageSize": size})
    assert sorted(found) == sorted(jobs)
    values = [jobs[job][member] for job in found]
    assert values == sorted(values, reverse=order == "Descending")


def test_a_list_is_by_creation_unless_asked(many, sagemaker):
    stem, jobs = many
    created = [jobs[job]["CreationTime"] for job in listed(sagemaker, stem)]
    assert created == sorted(created)


def test_a_list_s_filters(many, sagemaker):
    stem, jobs = many
    names = list(jobs)
    assert sorted(listed(sagemaker, stem, StatusEquals="Completed")) == sorted(names[12:])
    assert sorted(listed(sagemaker, stem, StatusEquals="Failed")) == sorted(names[:12])
    assert listed(sagemaker, stem, StatusEquals="Stopping") == []
    assert listed(sagemaker, f"{stem}-13") == [f"{stem}-13"]
    middle = jobs[names[6]]
    before = listed(sagemaker, stem, CreationTimeBefore=middle["CreationTime"])
    after = listed(sagemaker, stem, CreationTimeAfter=middle["CreationTime"])
    assert set(before) | set(after) == set(jobs) and names[6] in before and names[6] in after
    assert names[0] in before and names[13] in after
    modified = listed(sagemaker, stem, LastModifiedTimeAfter=middle["LastModifiedTime"])
    assert set(modified) == {job for job in jobs if jobs[job]["LastModifiedTime"] >= middle["LastModifiedTime"]}
    modified = listed(sagemaker, stem, LastModifiedTimeBefore=middle["LastModifiedTime"])
    assert set(modified) == {job for job in jobs if jobs[job]["LastModifiedTime"] <= middle["LastModifiedTime"]}


def test_a_token_is_of_one_list(many, sagemaker):
    """Changed, or taken from a list of other things or in another order, it is none."""
    token = sagemaker.list_training_jobs(SortBy="Name", MaxResults=3)["NextToken"]
    assert sagemaker.list_training_jobs(SortBy="Name", MaxResults=3, NextToken=token)["TrainingJobSummaries"]
    invalid = ("ValidationException", "Invalid NextToken.")
    for call, asked in (
        (sagemaker.list_training_jobs, {"SortBy": "CreationTime"}),
        (sagemaker.list_training_jobs, {"SortBy": "Name", "SortOrder": "Descending"}),
        (sagemaker.list_processing_jobs, {"SortBy": "Name"}),
        (sagemaker.list_models, {"SortBy": "Name", "SortOrder": "Ascending"}),
        (sagemaker.search, {"Resource": "TrainingJob"}),
    ):
        assert refusal(call, **asked, NextToken=token) == invalid
    for place in range(0, len(token), 7):
        changed = token[:place] + ("A" if token[place] != "A" else "B") + token[place + 1 :]
        assert refusal(sagemaker.list_training_jobs, SortBy="Name", NextToken=changed) == invalid
    found = sagemaker.search(Resource="TrainingJob", MaxResults=1)["NextToken"]
    assert refusal(sagemaker.search, Resource="Model", NextToken=found) == invalid
    assert refusal(sagemaker.list_training_jobs, NextToken=found) == invalid


@pytest.mark.parametrize("token", ["!", "bm9uc2Vuc2U=", "NQ==", "e30=", "W1tdLFtdXQ=="])
def test_tokens_that_no_list_gave(many, sagemaker, token):
    assert refusal(sagemaker.list_training_jobs, NextToken=token) == (
        "ValidationException",
        "Invalid NextToken.",
    )


def test_times_that_are_none(many, sagemaker):
    def as_text(params, **_):
        params["body"] = params["body"].replace(b"1767225600", b'"2026-01-01"')

    sagemaker.meta.events.register("before-call.sagemaker.ListTrainingJobs", as_text)
    try:
        at = datetime(2026, 1, 1, tzinfo=UTC)
        code, message = refusal(sagemaker.list_training_jobs, CreationTimeAfter=at)
    finally:
        sagemaker.meta.events.unregister("before-call.sagemaker.ListTrainingJobs", as_text)
    assert code == "SerializationException" and "creationTimeAfter" in message


def test_what_a_list_cannot(sagemaker):
    message = refusal(sagemaker.list_training_jobs, WarmPoolStatusEquals="Available")[1]
    assert "not implemented in the embedded AWS account" in message
    assert "failed to satisfy constraint" in refusal(sagemaker.list_training_jobs, MaxResults=101)[1]
