"""SageMaker's Search by boto3: filters, operators, nesting, order, pages, refusals."""

from __future__ import annotations

import operator
from datetime import timedelta

import pytest
from jobs import QUICK, channel, checked, csv, definition, ended, name, refusal, table

RATES = ["0.5", "auto", "0.005", "0.10", "0.1"]


@pytest.fixture(scope="module")
def mark() -> str:
    """A tag that the jobs of these tests carry, and no other's."""
    return name("mark")


@pytest.fixture(scope="module")
def jobs(account, sagemaker, s3, bucket, mark) -> list[dict]:
    """Five jobs; the last fails.  Job i has the tags ``mark``, ``number`` i, and ``even`` if it is."""
    for file in ("train", "validation"):
        s3.put_object(Bucket=bucket, Key=f"search/{file}.csv", Body=csv(*table(12)))
    names = [name(f"search-{'cbade'[number]}") for number in range(5)]
    for number, job in enumerate(names):
        tags = [{"Key": "mark", "Value": mark}, {"Key": "number", "Value": str(number)}]
        if number % 2 == 0:
            tags.append({"Key": "even", "Value": "yes it is"})
        hyperparameters = (
            QUICK | {"learning_rate": RATES[number]} | ({"nonsense": "1"} if number == 4 else {})
        )
        place = channel(f"s3://{bucket}/search/train.csv")
        places = [place]
        if number == 3:
            places.append(channel(f"s3://{bucket}/search/validation.csv", "validation"))
        params = definition(account, job, *places, bucket=bucket, hyperparameters=hyperparameters, Tags=tags)
        sagemaker.create_training_job(**params)
    return [ended(sagemaker, job) for job in names]


@pytest.fixture
def find(sagemaker, jobs, mark):
    """The numbers of the jobs that a search finds, in its order."""
    numbers = {job["TrainingJobName"]: number for number, job in enumerate(jobs)}

    def search(*filters, size=10, expression=None, **params) -> list[int]:
        expression = expression or {"Filters": [condition(*each) for each in filters]}
        expression = {"Filters": [condition("Tags.mark", "Equals", mark)], "SubExpressions": [expression]}
        pages = sagemaker.get_paginator("search").paginate(
            Resource="TrainingJob", SearchExpression=expression, PaginationConfig={"PageSize": size}, **params
        )
        return [numbers[each["TrainingJob"]["TrainingJobName"]] for page in pages for each in page["Results"]]

    return search


def condition(property_name, how=None, value=None) -> dict:
    found = {"Name": property_name, "Operator": how, "Value": value}
    return {member: text for member, text in found.items() if text is not None}


def nested(*each, of="InputDataConfig") -> dict:
    """A nested filter of one condition or of several, each of a member of the list's elements."""
    each = [each] if isinstance(each[0], str) else each
    filters = [condition(f"{of}.{name}", *rest) for name, *rest in each]
    return {"NestedPropertyName": of, "Filters": filters}


EVERYTHING = {"Filters": [condition("TrainingJobName", "Exists")]}


def test_what_is_found_is_the_job(sagemaker, jobs, mark):
    """But for members that Describe has and SearchRecord's TrainingJob has not, and its tags."""
    wanted = {"Filters": [condition("Tags.mark", "Equals", mark), condition("Tags.number", "Equals", "2")]}
    answer = checked(sagemaker, "Search", Resource="TrainingJob", SearchExpression=wanted)
    ((found,),) = [each.values() for each in answer["Results"]]
    tags = {tag["Key"]: tag["Value"] for tag in found.pop("Tags")}
    assert tags == {"mark": mark, "number": "2", "even": "yes it is"}
    assert found == {member: jobs[2][member] for member in found}
    assert {"ModelArtifacts", "HyperParameters", "FinalMetricDataList", "CreationTime"} <= set(found)
    assert answer["TotalHits"] == {"Value": 1, "Relation": "EqualTo"} and "NextToken" not in answer


@pytest.mark.parametrize(
    ("filters", "expected"),
    [
        ([("TrainingJobStatus", "Equals", "Completed")], {0, 1, 2, 3}),
        ([("TrainingJobStatus", None, "Failed")], {4}),
        ([("TrainingJobStatus", "NotEquals", "Completed")], {4}),
        ([("TrainingJobStatus", "In", "Failed, Stopped")], {4}),
        ([("TrainingJobStatus", "In", "Failed,Completed")], {0, 1, 2, 3, 4}),
        ([("TrainingJobName", "Contains", "search-a")], {2}),
        ([("TrainingJobName", "Contains", "SEARCH-A")], set()),
        ([("Tags.number", "Equals", "3")], {3}),
        ([("Tags.number", "Equals", "3.0")], set()),  # tags are text
        ([("Tags.number", "In", "0,4")], {0, 4}),
        ([("Tags.even", "Equals", "yes it is")], {0, 2, 4}),
        ([("Tags.even", "Exists")], {0, 2, 4}),
        ([("Tags.even", "NotExists")], {1, 3}),
        ([("Tags.even", "NotEquals", "yes")], {0, 1, 2, 3, 4}),
        ([("Tags.even", "Contains", "it")], {0, 2, 4}),
        ([("Tags.Even", "Exists")], set()),
        ([("FailureReason", "Exists")], {4}),
        ([("FailureReason", "Contains", "nonsense")], {4}),
        ([("AlgorithmSpecification.TrainingInputMode", "Equals", "File")], {0, 1, 2, 3, 4}),
        ([("ResourceConfig.InstanceCount", "Equals", "1")], {0, 1, 2, 3, 4}),
        ([("ResourceConfig.VolumeSizeInGB", "GreaterThan", "4.5")], {0, 1, 2, 3, 4}),
        ([("ResourceConfig.VolumeSizeInGB", "LessThan", "5")], set()),
        ([("EnableNetworkIsolation", "Equals", "false")], {0, 1, 2, 3, 4}),
        ([("EnableNetworkIsolation", "Equals", "true")], set()),
        ([("HyperParameters.learning_rate", "LessThan", "0.1")], {2}),
        ([("HyperParameters.learning_rate", "LessThanOrEqualTo", "0.1")], {2, 3, 4}),
        ([("HyperParameters.learning_rate", "GreaterThan", "0.1")], {0}),
        ([("HyperParameters.learning_rate", "GreaterThanOrEqualTo", "0.1")], {0, 3, 4}),
        ([("HyperParameters.learning_rate", "Equals", "0.1")], {3, 4}),
        ([("HyperParameters.learning_rate", "Equals", "auto")], {1}),
        ([("HyperParameters.nonsense", "Exists")], {4}),
        ([("Metrics.train:progress", "Equals", "100")], {0, 1, 2, 3}),
        ([("Metrics.train:progress", "LessThan", "100")], set()),
        ([("Tags.even", "Exists"), ("TrainingJobStatus", "Equals", "Completed")], {0, 2}),
        ([("CreationTime", "GreaterThan", "2020-01-01T00:00:00")], {0, 1, 2, 3, 4}),
        ([("CreationTime", "LessThan", "2020-01-01T00:00:00")], set()),
    ],
)
def test_filters(find, filters, expected):
    assert set(find(*filters)) == expected


@pytest.mark.parametrize(
    ("how", "function"),
    [
        ("GreaterThan", operator.gt),
        ("GreaterThanOrEqualTo", operator.ge),
        ("LessThan", operator.lt),
        ("LessThanOrEqualTo", operator.le),
    ],
)
def test_times(find, jobs, how, function):
    edge = jobs[2]["CreationTime"].replace(microsecond=0) + timedelta(seconds=1)
    for at in (edge, edge - timedelta(seconds=1)):
        found = find(("CreationTime", how, at.strftime("%Y-%m-%dT%H:%M:%S")))
        assert set(found) == {i for i, job in enumerate(jobs) if function(job["CreationTime"], at)}


def test_nested_expressions(find):
    completed = condition("TrainingJobStatus", "Equals", "Completed")
    low, high = (condition("Tags.number", "Equals", number) for number in "04")
    either = {"Filters": [low, high], "Operator": "Or"}
    assert set(find(expression=either)) == {0, 4}
    assert set(find(expression=either | {"Operator": "And"})) == set()
    assert set(find(expression={"Filters": [low, high]})) == set()
    assert set(find(expression={"Filters": [completed], "SubExpressions": [either]})) == {0}
    outer = {"Filters": [completed], "SubExpressions": [either], "Operator": "Or"}
    assert set(find(expression=outer)) == {0, 1, 2, 3, 4}
    odd = {"Filters": [condition("Tags.even", "NotExists")]}
    both = {"SubExpressions": [either, odd], "Operator": "Or"}
    assert set(find(expression=both)) == {0, 1, 3, 4}
    assert set(find(expression={"SubExpressions": [both, {"Filters": [completed]}]})) == {0, 1, 3}


@pytest.mark.parametrize("size", [1, 2, 5, 100])
def test_order_and_pages(find, jobs, size):
    assert find(size=size, expression=EVERYTHING, SortBy="CreationTime") == [4, 3, 2, 1, 0]
    assert find(size=size, expression=EVERYTHING, SortBy="CreationTime", SortOrder="Ascending") == [
        0,
        1,
        2,
        3,
        4,
    ]
    by_name = [2, 1, 0, 3, 4]  # search-a…, search-b…, and so on
    assert find(size=size, expression=EVERYTHING, SortBy="TrainingJobName", SortOrder="Ascending") == by_name
    modified = [job["LastModifiedTime"] for job in jobs]
    found = find(size=size, expression=EVERYTHING)
    assert [modified[number] for number in found] == sorted(modified, reverse=True)


def test_endpoints_are_found_too(sagemaker, jobs):
    answer = sagemaker.search(
        Resource="Endpoint", SearchExpression={"Filters": [condition("Tags.no", "Exists")]}
    )
    assert answer["Results"] == []


@pytest.mark.parametrize(
    ("filters", "words"),
    [
        ([("Nonsense", "Exists")], "Unknown property name: Nonsense"),
        ([("ResourceConfig.Nonsense", "Equals", "1")], "Unknown property name: ResourceConfig.Nonsense"),
        ([("TrainingJobName.More", "Exists")], "Unknown property name: TrainingJobName.More"),
        ([("TrainingJobName", "Equals")], "needs a Value"),
        ([("TrainingJobName", "GreaterThan", "a")], "TrainingJobName"),
        ([("ResourceConfig.InstanceCount", "GreaterThan", "many")], "many"),
        ([("CreationTime", "GreaterThan", "yesterday")], "yesterday"),
        ([("HyperParameters.epochs", "LessThan", "few")], "few"),
        ([("Tags.number", "GreaterThan", "1")], "Tags.number"),
        ([("TrainingJobName", "Like", "a")], "enum"),
    ],
)
def test_filters_that_cannot_be(sagemaker, jobs, filters, words):
    expression = {"Filters": [condition(*each) for each in filters]}
    code, message = refusal(sagemaker.search, Resource="TrainingJob", SearchExpression=expression)
    assert code == "ValidationException" and words in message


def test_one_element_of_a_list_passes_all_conditions_of_a_nested_filter(find):
    uri = "DataSource.S3DataSource.S3Uri"

    def having(channel_name: str, file: str) -> set[int]:
        both = nested(("ChannelName", "Equals", channel_name), (uri, "Contains", f"search/{file}"))
        return set(find(expression={"NestedFilters": [both]}))

    assert having("validation", "validation") == {3}
    assert having("train", "train") == {0, 1, 2, 3, 4}
    assert having("train", "validation") == set()  # though job 3 has a channel for each condition


@pytest.mark.parametrize(
    ("params", "words"),
    [
        ({"Resource": "Experiment"}, "Search for Experiment"),
        ({"Resource": "Model"}, "Search for Model"),
        ({"Resource": "Nonsense"}, "enum"),
        ({"NextToken": "garbage"}, "Invalid NextToken."),
        ({"NextToken": "²"}, "Invalid NextToken."),
        ({"SortBy": "Nonsense"}, "Unknown property name: Nonsense"),
        ({"CrossAccountFilterOption": "CrossAccount"}, "CrossAccountFilterOption"),
        ({"SearchExpression": {"NestedFilters": [nested("A", "Exists", of="Nonsense")]}}, "Nonsense"),
        ({"SearchExpression": {"NestedFilters": [nested("Nonsense", "Equals", "train")]}}, "Nonsense"),
        ({"SearchExpression": {"NestedFilters": [nested("RoleArn", "Exists", of="RoleArn")]}}, "in the list RoleArn"),
    ],
)
def test_searches_that_cannot_be(sagemaker, jobs, params, words):
    code, message = refusal(sagemaker.search, **{"Resource": "TrainingJob"} | params)
    assert code == "ValidationException" and words in message
