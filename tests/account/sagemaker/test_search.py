"""SageMaker's Search by boto3: filters, operators, nesting, order, pages, refusals."""

from __future__ import annotations

import json
import operator
from datetime import timedelta

import pytest

from support.training import IMAGE, QUICK, channel, checked, csv, definition, ended, name, refusal, table, wait_until

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
        hyperparameters = QUICK | {"learning_rate": RATES[number]} | ({"nonsense": "1"} if number == 4 else {})
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
    answer = sagemaker.search(Resource="Endpoint", SearchExpression={"Filters": [condition("Tags.no", "Exists")]})
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
        ({"Resource": "ModelCard"}, "Search for ModelCard"),
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


# ---- what else there is to search for


def searched(sagemaker, resource: str, *filters, **params) -> list[dict]:
    """The records that are found, as they came over the wire and as botocore's model has them."""
    expression = {"Filters": [condition(*each) for each in filters]}
    answer = checked(sagemaker, "Search", Resource=resource, SearchExpression=expression, **params)
    return [record for each in answer["Results"] for record in each.values()]


def test_a_model_with_what_is_made_of_it(account, sagemaker):
    """As SageMaker's dashboard of models shows it."""
    role, tags = account.account.role_arn, [{"Key": "team", "Value": name("blue")}]
    served, other = name("served"), name("other")
    for each in (served, other):
        sagemaker.create_model(ModelName=each, PrimaryContainer={"Image": IMAGE}, ExecutionRoleArn=role, Tags=tags)
    variant = {"VariantName": "v", "ModelName": served, "InstanceType": "ml.t2.medium", "InitialInstanceCount": 1}
    sagemaker.create_endpoint_config(EndpointConfigName=served, ProductionVariants=[variant])
    sagemaker.create_endpoint(EndpointName=served, EndpointConfigName=served)  # it fails: there is no artifact
    try:
        both = searched(sagemaker, "Model", (f"Tags.{tags[0]['Key']}", "Equals", tags[0]["Value"]))
        assert [each["Model"]["ModelName"] for each in both] == [other, served], "the newest first"
        (found,) = searched(sagemaker, "Model", ("Model.ModelName", "Equals", served))
        described = sagemaker.describe_model(ModelName=served)
        assert found["Model"] == {"Tags": tags} | {
            key: value
            for key, value in described.items()
            if key not in ("ResponseMetadata", "DeploymentRecommendation")
        }
        assert [each["EndpointName"] for each in found["Endpoints"]] == [served] and both[0]["Endpoints"] == []
        nest = {"NestedPropertyName": "Endpoints", "Filters": [condition("Endpoints.EndpointName", "Equals", served)]}
        of_endpoint = sagemaker.search(Resource="Model", SearchExpression={"NestedFilters": [nest]})["Results"]
        assert [each["Model"]["Model"]["ModelName"] for each in of_endpoint] == [served]
        assert refusal(
            sagemaker.search, Resource="Model", SearchExpression={"Filters": [condition("ModelName", "Exists")]}
        ) == ("ValidationException", "Unknown property name: ModelName")
    finally:
        wait_until(
            lambda: sagemaker.describe_endpoint(EndpointName=served)["EndpointStatus"],
            lambda status: status != "Creating", served,
        )  # fmt: skip
        sagemaker.delete_endpoint(EndpointName=served)
        sagemaker.delete_endpoint_config(EndpointConfigName=served)
        sagemaker.delete_model(ModelName=served)
        sagemaker.delete_model(ModelName=other)
    assert searched(sagemaker, "Model", ("Tags.team", "Equals", tags[0]["Value"])) == []


def test_a_pipeline_and_its_executions(account, sagemaker):
    pipeline, tags = name("searched"), [{"Key": "team", "Value": "green"}]
    fails = {"Name": "Ends", "Type": "Fail", "Arguments": {"ErrorMessage": {"Get": "Parameters.Why"}}}
    why = {"Name": "Why", "Type": "String", "DefaultValue": "unsaid"}
    sagemaker.create_pipeline(
        PipelineName=pipeline, ClientRequestToken="t" * 32, RoleArn=account.account.role_arn, Tags=tags,
        PipelineDefinition=json.dumps({"Version": "2020-12-01", "Parameters": [why], "Steps": [fails]}),
    )  # fmt: skip
    arns = []
    for reason in ("one", "two"):
        given = [{"Name": "Why", "Value": reason}]
        started = sagemaker.start_pipeline_execution(PipelineName=pipeline, PipelineParameters=given)
        arns.append(started["PipelineExecutionArn"])
        wait_until(
            lambda: sagemaker.describe_pipeline_execution(PipelineExecutionArn=arns[-1])["PipelineExecutionStatus"],
            lambda status: status != "Executing", arns[-1],
        )  # fmt: skip
    (found,) = searched(sagemaker, "Pipeline", ("PipelineName", "Equals", pipeline), ("Tags.team", "Equals", "green"))
    assert found["Tags"] == tags and "PipelineDefinition" not in found and found["PipelineStatus"] == "Active"
    of_it = ("PipelineArn", "Equals", found["PipelineArn"])
    executions = searched(sagemaker, "PipelineExecution", of_it, ("PipelineExecutionStatus", "Equals", "Failed"))
    assert [each["PipelineExecutionArn"] for each in executions] == arns[::-1], "the last modified first"
    assert executions[0]["PipelineParameters"] == [{"Name": "Why", "Value": "two"}]
    nest = {
        "NestedPropertyName": "PipelineParameters",
        "Filters": [condition("PipelineParameters.Value", "Equals", "one")],
    }
    first = sagemaker.search(
        Resource="PipelineExecution", SearchExpression={"Filters": [condition(*of_it)], "NestedFilters": [nest]}
    )["Results"]
    assert [each["PipelineExecution"]["PipelineExecutionArn"] for each in first] == arns[:1]
    assert searched(sagemaker, "PipelineExecution", of_it, ("PipelineExecutionStatus", "Equals", "Succeeded")) == []
    sagemaker.delete_pipeline(PipelineName=pipeline, ClientRequestToken="d" * 32)
    assert searched(sagemaker, "Pipeline", ("PipelineName", "Equals", pipeline)) == []


def test_a_tuning_job_by_its_counters(account, sagemaker, bucket, jobs, mark):
    tuning = name("ht")[:32]
    config = {
        "Strategy": "Random",
        "HyperParameterTuningJobObjective": {"Type": "Minimize", "MetricName": "validation:mse"},
        "ResourceLimits": {"MaxNumberOfTrainingJobs": 2, "MaxParallelTrainingJobs": 2},
        "ParameterRanges": {"ContinuousParameterRanges": [{"Name": "wd", "MinValue": "0.01", "MaxValue": "0.1"}]},
    }
    places = [channel(f"s3://{bucket}/search/{each}.csv", each) for each in ("train", "validation")]
    job = definition(account, tuning, *places, bucket=bucket)
    del job["TrainingJobName"]
    job["StaticHyperParameters"] = job.pop("HyperParameters")
    sagemaker.create_hyper_parameter_tuning_job(
        HyperParameterTuningJobName=tuning, HyperParameterTuningJobConfig=config, TrainingJobDefinition=job,
        Tags=[{"Key": "mark", "Value": mark}],
    )  # fmt: skip
    described = wait_until(
        lambda: sagemaker.describe_hyper_parameter_tuning_job(HyperParameterTuningJobName=tuning),
        lambda body: body["HyperParameterTuningJobStatus"] != "InProgress", tuning,
    )  # fmt: skip
    (found,) = searched(
        sagemaker, "HyperParameterTuningJob", ("Tags.mark", "Equals", mark),
        ("TrainingJobStatusCounters.Completed", "GreaterThan", "1"),
    )  # fmt: skip
    assert found["HyperParameterTuningJobName"] == tuning
    assert found["BestTrainingJob"]["TrainingJobName"] == described["BestTrainingJob"]["TrainingJobName"]
