"""What a pipeline's definition may not say: it is refused when the pipeline is created, by name and place."""

from __future__ import annotations

import json

import pytest
from botocore.exceptions import ClientError
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import utils
from support.pipelines import compares, decides, fails, get, whole
from support.training import IMAGE, name, refusal

PROPERTY_FILE = get("Steps.A.PropertyFiles.f")


def model(**arguments) -> dict:
    return {"Name": "A", "Type": "Model", "Arguments": arguments}


def outputs(*items) -> dict:
    """A Processing step with these Outputs, and with a property file ``f`` in the output ``o``."""
    files = [{"PropertyFileName": "f", "OutputName": "o", "FilePath": "f.json"}]
    arguments = {"ProcessingOutputConfig": {"Outputs": [*items]}}
    return {"Name": "A", "Type": "Processing", "Arguments": arguments, "PropertyFiles": files}


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
        (whole(decides("A", {"Type": ["Equals"]})), 'unknown Type ["Equals"]'),
        (whole(decides("A", {"Type": "Equals", "LeftValue": 1})), "has no RightValue"),
        (whole(model(Modell=1)), "Unknown Argument member 'Modell'"),
        (whole(model(PrimaryContainer={"Imag": "i"})), "Unknown Argument member 'Imag'"),
        (whole(decides("A", no=[model(Modell=1) | {"Name": "B"}])), "Unknown Argument member 'Modell'"),
        (whole(model(Containers={})), "Expecting start of Json Array in Containers in Arguments of step 'A'"),
        (whole(model(ModelName=["m"])), "Expecting a value of type [String] in ModelName in Arguments of step 'A'"),
        (whole(model(Tags=[{"Key": {"a": 1}}])), "Expecting a value of type [String] in Key in Tags in Arguments"),
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
        (
            whole(outputs(None), fails("B", {"Std:JsonGet": {"PropertyFile": PROPERTY_FILE, "Path": "x"}})),
            "the output 'o' of property file 'f' is not one of step 'A'",
        ),
    ],
)  # fmt: skip
def test_a_definition_that_cannot_run_is_refused(sagemaker, account, text, sentence):
    members = {"PipelineName": "refused", "PipelineDefinition": text, "RoleArn": account.account.role_arn}
    code, message = refusal(sagemaker.create_pipeline, **members)
    assert code == "ValidationException" and sentence in message
    assert refusal(sagemaker.describe_pipeline, PipelineName="refused")[0] == "ResourceNotFound"


# The sentences of the next three are AWS's: github.com/aws/sagemaker-python-sdk/issues/4994, its pull request 3472,
# and what a public pipeline notes beside its input modes.


@pytest.mark.parametrize(
    ("step", "sentence"),
    [
        (model(AdditionalModelDataSources=[]), "Unknown Argument member 'AdditionalModelDataSources'"),
        (
            {"Name": "A", "Type": "RegisterModel", "Arguments": {"ModelPackageName": "p"}},
            "Unknown Argument member 'ModelPackageName'",
        ),
        (
            {"Name": "A", "Type": "Processing", "Arguments": {
                "ProcessingInputs": [{"InputName": "i", "S3Input": {"S3InputMode": "FastFile"}}]
            }},
            "Model Validation failed: Value 'FastFile' for 'ProcessingS3InputMode' failed to satisfy enum value set: "
            "[Pipe, File]",
        ),
    ],
)  # fmt: skip
def test_arguments_that_the_operation_has_not(sagemaker, account, step, sentence):
    members = {"PipelineName": "refused", "PipelineDefinition": whole(step), "RoleArn": account.account.role_arn}
    code, message = refusal(sagemaker.create_pipeline, **members)
    assert (code, message) == ("ValidationException", f"Unable to parse pipeline definition. {sentence}")


# Which reference may stand where


PARAMETERS = [
    {"Name": "S", "Type": "String", "DefaultValue": "s"},
    {"Name": "I", "Type": "Integer", "DefaultValue": 1},
    {"Name": "F", "Type": "Float", "DefaultValue": 0.5},
    {"Name": "B", "Type": "Boolean", "DefaultValue": True},
]
# An expression for each type, by what AWS's sentence calls it; those of steps are of a Training and a Tuning step.
REFERENCES = {
    "Parameters.S": ("String", get("Parameters.S")),
    "Parameters.I": ("Integer", get("Parameters.I")),
    "Parameters.F": ("Float", get("Parameters.F")),
    "Parameters.B": ("Boolean", get("Parameters.B")),
    "Execution.StartDateTime": ("String", get("Execution.StartDateTime")),
    "Execution.PipelineExecutionId": ("String", get("Execution.PipelineExecutionId")),
    "Steps.If.Outcome": ("String", get("Steps.If.Outcome")),
    "Steps.Train.TrainingJobArn": ("String", get("Steps.Train.TrainingJobArn")),
    "Steps.Train.HyperParameters['epochs']": ("String", get("Steps.Train.HyperParameters['epochs']")),
    "Steps.Train.InputDataConfig[0].ShuffleConfig.Seed": (
        "Long", get("Steps.Train.InputDataConfig[0].ShuffleConfig.Seed")
    ),
    "Steps.Train.BillableTimeInSeconds": ("Integer", get("Steps.Train.BillableTimeInSeconds")),
    "Steps.Train.EnableNetworkIsolation": ("Boolean", get("Steps.Train.EnableNetworkIsolation")),
    "Steps.Train.CreationTime": ("Timestamp", get("Steps.Train.CreationTime")),
    "Steps.Train.ModelArtifacts": ("structure", get("Steps.Train.ModelArtifacts")),
    "Steps.Train.HyperParameters": ("map", get("Steps.Train.HyperParameters")),
    "Steps.Train.SecondaryStatusTransitions": ("list", get("Steps.Train.SecondaryStatusTransitions")),
    "Steps.Tune.BestTrainingJob.FinalHyperParameterTuningJobObjectiveMetric.Value": (
        "Float", get("Steps.Tune.BestTrainingJob.FinalHyperParameterTuningJobObjectiveMetric.Value")
    ),
    "Std:Join": ("String", {"Std:Join": {"On": "", "Values": [get("Parameters.I")]}}),
    "Std:JsonGet": ("any", {"Std:JsonGet": {"S3Uri": "s3://b/k", "Path": "x"}}),
}  # fmt: skip
NUMBERS = {"Integer", "Long", "Float"}
# For each type of argument the types that it takes, and the arguments that have such a one.
PLACES = {
    "String": ({"String"}, "Processing", [
        lambda value: {"AppSpecification": {"ImageUri": "i", "ContainerArguments": ["--n", value]}},
        lambda value: {"Environment": {"N": value}},
        lambda value: {"RoleArn": value},
        lambda value: {"Tags": [{"Key": "k", "Value": value}]},
    ]),
    "Integer": ({"Integer"}, "Processing", [
        lambda value: {"ProcessingResources": {"ClusterConfig": {"InstanceCount": value}}},
    ]),
    "Boolean": ({"Boolean"}, "Processing", [lambda value: {"NetworkConfig": {"EnableNetworkIsolation": value}}]),
    "Long": ({"Integer", "Long"}, "Training", [
        lambda value: {"InputDataConfig": [{"ShuffleConfig": {"Seed": value}}]},
    ]),
    "Float": (NUMBERS, "Tuning", [
        lambda value: {"HyperParameterTuningJobConfig": {
            "TuningJobCompletionCriteria": {"TargetObjectiveMetricValue": value}
        }},
    ]),
    "ProcessingStoppingCondition": (set(), "Processing", [lambda value: {"StoppingCondition": value}]),
    "Map": (set(), "Processing", [lambda value: {"Environment": value}]),
}  # fmt: skip


def beside_others(kind: str, arguments: dict, **members) -> str:
    """A definition in which a step stands beside those that ``REFERENCES`` name."""
    others = [{"Name": "Train", "Type": "Training"}, {"Name": "Tune", "Type": "Tuning"}, decides("If")]
    step = {"Name": "A", "Type": kind, "Arguments": arguments}
    return whole(*others, step, parameters=PARAMETERS, **members)


@pytest.mark.parametrize("wanted", PLACES)
@pytest.mark.parametrize("name", REFERENCES)
def test_a_reference_stands_only_for_what_has_its_type(sagemaker, account, name, wanted):
    kind, value = REFERENCES[name]
    taken, step, places = PLACES[wanted]
    role = account.account.role_arn
    for place in places:
        members = {"PipelineName": "typed", "PipelineDefinition": beside_others(step, place(value)), "RoleArn": role}
        if kind in taken or (kind == "any" and taken):
            sagemaker.create_pipeline(**members)
            sagemaker.delete_pipeline(PipelineName="typed")
        else:
            sentence = f"Cannot assign property reference [{name}] to argument of type [{wanted}]."
            assert refusal(sagemaker.create_pipeline, **members) == ("ValidationException", sentence)


def test_no_reference_stands_for_a_list(sagemaker, account):
    # github.com/aws/sagemaker-python-sdk/issues/2345
    for kind, value in REFERENCES.values():
        text = beside_others("Training", {"VpcConfig": {"Subnets": value}})
        members = {"PipelineName": "typed", "PipelineDefinition": text, "RoleArn": account.account.role_arn}
        code, message = refusal(sagemaker.create_pipeline, **members)
        assert code == "ValidationException", kind
        assert message.startswith("Unable to parse pipeline definition. Expecting start of Json Array")


def test_references_in_branches_in_messages_and_in_updates(sagemaker, account):
    role, sentence = account.account.role_arn, "Cannot assign property reference [Parameters.I] to argument of type"
    trains = {"Name": "A", "Type": "Training", "Arguments": {"HyperParameters": {"epochs": get("Parameters.I")}}}
    read = {"Std:JsonGet": {"S3Uri": get("Parameters.I"), "Path": "x"}}
    wrong = [
        whole(decides("If", yes=[decides("Again", no=[trains])]), parameters=PARAMETERS),
        whole(fails("A", get("Parameters.I")), parameters=PARAMETERS),
        whole(decides("If", compares("Equals", read, 1)), parameters=PARAMETERS),
    ]
    right = whole(fails("A", get("Parameters.S")), parameters=PARAMETERS)
    sagemaker.create_pipeline(PipelineName="typed", PipelineDefinition=right, RoleArn=role)
    for text in wrong:
        for call, pipeline in ((sagemaker.create_pipeline, "other"), (sagemaker.update_pipeline, "typed")):
            refused = refusal(call, PipelineName=pipeline, PipelineDefinition=text, RoleArn=role)
            assert refused == ("ValidationException", f"{sentence} [String].")
    assert sagemaker.describe_pipeline(PipelineName="typed")["PipelineDefinition"] == right
    sagemaker.delete_pipeline(PipelineName="typed")


def test_the_sdk_sends_numbers_as_texts(account):
    from sagemaker.estimator import Estimator
    from sagemaker.inputs import TrainingInput
    from sagemaker.sklearn.processing import SKLearnProcessor
    from sagemaker.workflow.parameters import ParameterFloat, ParameterInteger
    from sagemaker.workflow.pipeline import Pipeline
    from sagemaker.workflow.pipeline_context import PipelineSession
    from sagemaker.workflow.steps import ProcessingStep, TrainingStep

    session, role = (
        PipelineSession(boto_session=utils.start("pipelines").session.boto_session),
        account.account.role_arn,
    )
    count, rate = ParameterInteger("N", default_value=1), ParameterFloat("Rate", default_value=0.1)
    processor = SKLearnProcessor("1.2-1", role, count, "ml.m5.large", sagemaker_session=session)
    estimator = Estimator(
        IMAGE, role, count, "ml.m5.large", hyperparameters={"epochs": count, "learning_rate": rate},
        sagemaker_session=session, output_path="s3://a-bucket/models",
    )  # fmt: skip
    channels = {"train": TrainingInput("s3://a-bucket/train.csv", content_type="text/csv")}

    def pipeline(*arguments: object) -> Pipeline:
        run = processor.run(code="s3://a-bucket/code.py", arguments=list(arguments))
        steps = [ProcessingStep("Process", step_args=run), TrainingStep("Train", step_args=estimator.fit(channels))]
        return Pipeline(name("Sdk"), [count, rate], steps=steps, sagemaker_session=session)

    with pytest.raises(ClientError) as refused:
        pipeline("--n", count).create(role_arn=role)
    sentence = "Cannot assign property reference [Parameters.N] to argument of type [String]."
    assert refused.value.response["Error"] == {"Code": "ValidationException", "Message": sentence}
    made = pipeline("--n", count.to_string(), "--rate", rate.to_string())
    made.create(role_arn=role)
    made.delete()


ATOMS = st.sampled_from(
    [None, True, 0, 1.5, "", "a", "P1D", "Parameters.I", "Steps.A.RoleArn", "Execution.PipelineArn"]
)
NAMES = st.sampled_from([
    "Get", "Std:Join", "Std:JsonGet", "Values", "On", "PropertyFile", "S3Uri", "Path", "HyperParameters", "Environment",
    "InputDataConfig", "Tags", "Key", "ExceptionType", "Enabled", "ErrorMessage", "Conditions", "Type", "LeftValue",
    "RightValue", "IfSteps", "StoppingCondition", "TrainingJobDefinition", "ProcessingOutputConfig", "Outputs",
])  # fmt: skip
ANY = st.recursive(ATOMS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=3))
STEPS = st.fixed_dictionaries(
    {"Type": st.sampled_from(["Training", "Processing", "Tuning", "Transform", "Fail", "Condition"]), "Arguments": ANY},
    optional={"CacheConfig": ANY, "RetryPolicies": ANY, "PropertyFiles": ANY, "DependsOn": ANY},
)


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(STEPS, min_size=1, max_size=2))
def test_whatever_a_definition_says_it_is_taken_or_refused(sagemaker, account, steps):
    steps = [{"Name": "AB"[place]} | step for place, step in enumerate(steps)]
    text = whole(*steps, parameters=[{"Name": "I", "Type": "Integer"}])
    try:
        sagemaker.create_pipeline(PipelineName="any", PipelineDefinition=text, RoleArn=account.account.role_arn)
    except ClientError as error:
        assert error.response["Error"]["Code"] == "ValidationException", text
    else:
        sagemaker.delete_pipeline(PipelineName="any")


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
