"""What a pipeline's definition may not say: it is refused when the pipeline is created, by name and place."""

from __future__ import annotations

import json

import pytest
from jobs import name, refusal
from pipelines import decides, fails, get, whole


def model(**arguments) -> dict:
    return {"Name": "A", "Type": "Model", "Arguments": arguments}


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("{", "It is not JSON"),
        ("[]", "Expecting start of Json Object"),
        ("[" * 100_000, "nested too deeply"),
        (json.dumps({"Version": "1", "Steps": []}), "Version must be '2020-12-01'"),
        (json.dumps({"Version": "2020-12-01", "Steps": {}}), "Expecting start of Json Array in Steps"),
        (whole(), "1 to 50 steps, this one 0"),
        (whole(fails("a b")), 'Invalid step name "a b"'),
        (whole(fails("A"), decides("B", yes=[fails("A")])), "Duplicate step name 'A'"),
        (whole(fails("A", DependsOn=["B"])), 'depends on the step "B", which does not exist'),
        (whole(fails("A", get("Parameters.P"))), "there is no parameter 'P'"),
        (whole(fails("A", get("Execution.Id"))), "there is no execution variable 'Id'"),
        (whole(fails("A", get("Steps.B.X"))), "there is no step 'B'"),
        (whole(fails("A", get("elsewhere"))), "must begin with Parameters, Execution or Steps"),
        (whole(fails("A", {"Std:Join": {"Values": "x"}})), "has no list of Values"),
        (whole(fails("A", DependsOn=["B"]), fails("B", DependsOn=["A"])), "has a cycle between its steps: A -> B -> A"),
        (whole(decides("A", yes=[fails("B")], DependsOn=["B"])), "has a cycle between its steps: A -> B -> A"),
        (whole(decides("A", {"Type": "Near"})), 'unknown Type "Near"'),
        (whole(decides("A", {"Type": "Equals", "LeftValue": 1})), "has no RightValue"),
        (whole(model(Modell=1)), "Unknown member 'Modell' in Arguments of step 'A'"),
        (whole(model(Containers={})), "Expecting start of Json Array in Containers in Arguments of step 'A'"),
        (
            whole(model(), fails("B", get("Steps.A.Artifact"))),
            "a Model step has no such property",
        ),
        (
            whole(fails("A"), parameters=[{"Name": "P", "Type": "Integer", "DefaultValue": "1"}]),
            'Parameter [P] is of type Integer: "1" is not.',
        ),
        (whole(fails("A"), parameters=[{"Name": "P", "Type": "Number"}]), "The Type of parameter 'P' is not one of"),
        (whole(fails("A", Type="Lambda")), "A pipeline step of the type Lambda (step 'A'; types that run here: "),
        (whole(fails("A", Type=["Fail"])), "A pipeline step of the type ['Fail']"),
        (whole(fails("A", CacheConfig={"Enabled": True, "ExpireAfter": "p1d"})), "CacheConfig of step 'A'"),
        (whole(fails("A", RetryPolicies=[{"ExceptionType": ["Step.THROTTLING"]}])), "RetryPolicies of step 'A'"),
    ],
)  # fmt: skip
def test_a_definition_that_cannot_run_is_refused(sagemaker, account, text, sentence):
    members = {"PipelineName": "refused", "PipelineDefinition": text, "RoleArn": account.account.role_arn}
    code, message = refusal(sagemaker.create_pipeline, **members)
    assert code == "ValidationException" and sentence in message
    assert refusal(sagemaker.describe_pipeline, PipelineName="refused")[0] == "ResourceNotFound"


@pytest.mark.parametrize(
    ("asked", "output", "sentence"),
    [
        ("Other", "out", "the step 'A' has no property file 'Other'"),
        ("Report", "none", "the output 'none' of property file 'Report' is not one of step 'A'"),
    ],
)
def test_a_property_file_must_be_one_of_the_step(sagemaker, account, asked, output, sentence):
    report = {"PropertyFileName": "Report", "OutputName": output, "FilePath": "e.json"}
    outputs = {"ProcessingOutputConfig": {"Outputs": [{"OutputName": "out"}]}}
    step = {"Name": "A", "Type": "Processing", "Arguments": outputs, "PropertyFiles": [report]}
    value = {"Std:JsonGet": {"PropertyFile": get(f"Steps.A.PropertyFiles.{asked}"), "Path": "x"}}
    text = whole(step, fails("B", value))
    members = {"PipelineName": "refused", "PipelineDefinition": text, "RoleArn": account.account.role_arn}
    assert sentence in refusal(sagemaker.create_pipeline, **members)[1]


@pytest.fixture(scope="module")
def pipeline(sagemaker, account) -> str:
    """A pipeline with parameters of every kind."""
    text = whole(
        fails("A"),
        parameters=[
            {"Name": "Count", "Type": "Integer"},
            {"Name": "Kind", "Type": "String", "DefaultValue": "a", "EnumValues": ["a", "b"]},
            {"Name": "Flag", "Type": "Boolean", "DefaultValue": False},
            {"Name": "Share", "Type": "Float", "DefaultValue": 0.5},
        ],
    )
    pipeline = name("Parameters")
    sagemaker.create_pipeline(PipelineName=pipeline, PipelineDefinition=text, RoleArn=account.account.role_arn)
    return pipeline


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        ({}, "Parameter [Count] has no default value and no value was given."),
        ({"Count": "one"}, 'Parameter [Count] is of type Integer: "one" is not.'),
        ({"Count": "1.5"}, "Parameter [Count] is of type Integer: 1.5 is not."),
        ({"Count": "1", "Kind": "c"}, 'Parameter [Kind] must be one of [a, b], not "c".'),
        ({"Count": "1", "Flag": "1"}, "Parameter [Flag] is of type Boolean: 1 is not."),
        ({"Count": "1", "Other": "1"}, "Parameters [Other] are not defined in the pipeline definition."),
    ],
)
def test_parameters_must_fit(sagemaker, pipeline, given, sentence):
    values = [{"Name": key, "Value": value} for key, value in given.items()]
    refused = refusal(sagemaker.start_pipeline_execution, PipelineName=pipeline, PipelineParameters=values)
    assert refused == ("ValidationException", sentence)
