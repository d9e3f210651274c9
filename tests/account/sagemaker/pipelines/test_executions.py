"""Pipelines: every step really runs, in its turn; what cannot run is refused or fails, and says why."""

from __future__ import annotations

import json
import time

import pytest

import utils
from support.account import Place
from support.pipelines import compares, decides, fails, finished, get, whole
from support.training import ENDLESS, IMAGE, QUICK, channel, checked, csv, definition, name, refusal, table, wait_until

SKLEARN = "683313688378.dkr.ecr.us-east-1.amazonaws.com/sagemaker-scikit-learn:1.2-1-cpu-py3"
TAGS = [{"Key": "owner", "Value": "tests"}]
X, Y = table(20, 2)
SCORE = (
    "import json, sys; json.dump({'error': {'mae': [float(sys.argv[1])]}}, open('/opt/ml/processing/out/e.json', 'w'))"
)


@pytest.fixture(scope="module")
def processes(account, bucket):
    """A Processing step that runs a line of Python; its output ``out`` has the property file ``Report``."""

    def processes(step: str, code: str, *arguments: object, **members) -> dict:
        out = {
            "S3Uri": {"Std:Join": {"On": "/", "Values": [f"s3://{bucket}", get("Execution.PipelineExecutionId"), step]}}
        }
        out |= {"LocalPath": "/opt/ml/processing/out", "S3UploadMode": "EndOfJob"}
        run = {"ContainerEntrypoint": ["python3", "-c", code], "ImageUri": SKLEARN}
        return {
            "Name": step,
            "Type": "Processing",
            "Arguments": {
                "AppSpecification": run | ({"ContainerArguments": list(arguments)} if arguments else {}),
                "RoleArn": account.account.role_arn,
                "ProcessingResources": {
                    "ClusterConfig": {"InstanceType": "ml.m5.large", "InstanceCount": 1, "VolumeSizeInGB": 5}
                },
                "ProcessingOutputConfig": {"Outputs": [{"OutputName": "out", "S3Output": out}]},
                "Tags": TAGS,
            },
            "PropertyFiles": [{"PropertyFileName": "Report", "OutputName": "out", "FilePath": "e.json"}],
        } | members

    return processes


@pytest.fixture(scope="module")
def trains(account, s3, bucket):
    """A Training step of Linear Learner."""
    s3.put_object(Bucket=bucket, Key="pipelines/data.csv", Body=csv(X, Y))

    def trains(step: str, hyperparameters=QUICK, **members) -> dict:
        train = channel(f"s3://{bucket}/pipelines/data.csv")
        arguments = definition(account, "", train, bucket=bucket, hyperparameters=hyperparameters)
        del arguments["TrainingJobName"]
        return {"Name": step, "Type": "Training", "Arguments": arguments} | members

    return trains


@pytest.fixture
def create(sagemaker, account):
    """Create a pipeline of a definition; its name."""

    def create(text: str, **members) -> str:
        pipeline = name("Pipeline")
        role = account.account.role_arn
        sagemaker.create_pipeline(PipelineName=pipeline, PipelineDefinition=text, RoleArn=role, **members)
        return pipeline

    return create


@pytest.fixture
def run(sagemaker, create):
    """Run a pipeline to its end: the execution's description and its steps by their names, the first first."""

    def run(*steps: dict, given=None, parameters=(), **members) -> tuple[dict, dict[str, dict]]:
        given = [{"Name": key, "Value": value} for key, value in (given or {}).items()]
        pipeline = create(whole(*steps, parameters=parameters))
        arn = sagemaker.start_pipeline_execution(PipelineName=pipeline, PipelineParameters=given, **members)
        return finished(sagemaker, arn["PipelineExecutionArn"])

    return run


# An execution from its beginning to its end


@pytest.fixture(scope="module")
def lived(account, sagemaker, s3, bucket, processes, trains):
    """Train, create a model, transform with it and register it, all by reference: what became of it."""
    group, pipeline, role = name("Group"), name("Whole"), account.account.role_arn
    sagemaker.create_model_package_group(ModelPackageGroupName=group)
    s3.put_object(Bucket=bucket, Key="pipelines/x.csv", Body=csv(X[:, :1], X[:, 1]))
    model = {"Image": IMAGE, "ModelDataUrl": get("Steps.Train.ModelArtifacts.S3ModelArtifacts")}
    transform = {
        "ModelName": get("Steps.Create.ModelName"),
        "TransformInput": {
            "DataSource": {"S3DataSource": {"S3DataType": "S3Prefix", "S3Uri": f"s3://{bucket}/pipelines/x.csv"}},
            "ContentType": "text/csv",
            "SplitType": "Line",
        },
        "TransformOutput": {"S3OutputPath": {"Std:Join": {"Values": [f"s3://{bucket}/", get("Parameters.Place")]}}},
        "TransformResources": {"InstanceType": "ml.m5.large", "InstanceCount": get("Parameters.Count")},
    }
    text = whole(
        {"Name": "Register", "Type": "RegisterModel", "Arguments": {
            "ModelPackageGroupName": group, "InferenceSpecification": {"Containers": [model]}},
         "DependsOn": ["Transform"]},
        {"Name": "Transform", "Type": "Transform", "Arguments": transform},
        {"Name": "Create", "Type": "Model", "DisplayName": "a model",
         "Arguments": {"PrimaryContainer": model, "ExecutionRoleArn": role}},
        trains("Train"),
        parameters=[
            {"Name": "Place", "Type": "String", "EnumValues": ["here", "there"]},
            {"Name": "Count", "Type": "Integer", "DefaultValue": 1},
        ],
    )  # fmt: skip
    checked(sagemaker, "CreatePipeline", PipelineName=pipeline, PipelineDefinition=text, RoleArn=role, Tags=TAGS)
    given = [{"Name": "Place", "Value": "there"}]
    started = checked(sagemaker, "StartPipelineExecution", PipelineName=pipeline, PipelineParameters=given)
    body, steps = finished(sagemaker, started["PipelineExecutionArn"])
    assert body["PipelineExecutionStatus"] == "Succeeded", steps
    return text, group, body, steps


def test_steps_run_when_what_they_refer_to_is_there(lived):
    _, _, body, steps = lived
    assert list(steps) == ["Train", "Create", "Transform", "Register"]
    assert {step["StepStatus"] for step in steps.values()} == {"Succeeded"} and "FailureReason" not in body
    for before, after in zip(list(steps.values())[:-1], list(steps.values())[1:], strict=True):
        assert before["StartTime"] <= before["EndTime"] <= after["StartTime"]
    assert steps["Create"]["StepDisplayName"] == "a model"


def test_each_step_is_a_job_of_the_account(lived, sagemaker, s3, bucket):
    _, group, body, steps = lived
    identity = body["PipelineExecutionArn"].rpartition("/")[2]
    job = steps["Train"]["Metadata"]["TrainingJob"]["Arn"].rpartition("/")[2]
    trained = sagemaker.describe_training_job(TrainingJobName=job)
    assert trained["TrainingJobName"].startswith(f"pipelines-{identity}-Train-")
    artifact = trained["ModelArtifacts"]["S3ModelArtifacts"]
    package = sagemaker.describe_model_package(ModelPackageName=steps["Register"]["Metadata"]["RegisterModel"]["Arn"])
    assert package["InferenceSpecification"]["Containers"][0]["ModelDataUrl"] == artifact
    assert package["ModelPackageGroupName"] == group
    model = steps["Create"]["Metadata"]["Model"]["Arn"].rpartition("/")[2]
    assert sagemaker.describe_model(ModelName=model)["PrimaryContainer"]["ModelDataUrl"] == artifact
    scores = s3.get_object(Bucket=bucket, Key="there/x.csv.out")["Body"].read().splitlines()
    assert len(scores) == len(X)
    sagemaker.delete_model(ModelName=model)


def test_an_execution_is_told_of(lived, sagemaker):
    text, _, body, _ = lived
    arn, pipeline = body["PipelineExecutionArn"], body["PipelineArn"]
    checked(sagemaker, "DescribePipelineExecution", PipelineExecutionArn=arn)
    steps = checked(sagemaker, "ListPipelineExecutionSteps", PipelineExecutionArn=arn, MaxResults=3)
    rest = checked(sagemaker, "ListPipelineExecutionSteps", PipelineExecutionArn=arn, NextToken=steps["NextToken"])
    listed = steps["PipelineExecutionSteps"] + rest["PipelineExecutionSteps"]
    assert [step["StepName"] for step in listed] == ["Register", "Transform", "Create", "Train"]
    values = checked(sagemaker, "ListPipelineParametersForExecution", PipelineExecutionArn=arn)["PipelineParameters"]
    assert values == [{"Name": "Count", "Value": "1"}, {"Name": "Place", "Value": "there"}]
    told = checked(sagemaker, "DescribePipelineDefinitionForExecution", PipelineExecutionArn=arn)
    assert told["PipelineDefinition"] == text
    for asked in (pipeline, pipeline.rpartition("/")[2]):
        summaries = checked(sagemaker, "ListPipelineExecutions", PipelineName=asked)["PipelineExecutionSummaries"]
        assert [each["PipelineExecutionStatus"] for each in summaries] == ["Succeeded"]
    described = checked(sagemaker, "DescribePipeline", PipelineName=pipeline)
    assert described["LastRunTime"] == body["CreationTime"] and described["PipelineStatus"] == "Active"
    assert sagemaker.list_tags(ResourceArn=pipeline)["Tags"] == TAGS


def test_a_pipeline_is_changed_listed_and_deleted(sagemaker, create):
    pipeline = create(whole(fails("A")), ParallelismConfiguration={"MaxParallelExecutionSteps": 1})
    token = "t" * 32
    arns = {
        sagemaker.start_pipeline_execution(PipelineName=pipeline, ClientRequestToken=token)["PipelineExecutionArn"]
        for _ in range(2)
    }
    assert len(arns) == 1  # the same request, sent twice
    finished(sagemaker, *arns)
    checked(
        sagemaker,
        "UpdatePipeline",
        PipelineName=pipeline,
        PipelineDefinition=whole(fails("B")),
        PipelineDescription="b",
    )
    body = checked(sagemaker, "DescribePipeline", PipelineName=pipeline)
    assert (json.loads(body["PipelineDefinition"])["Steps"][0]["Name"], body["PipelineDescription"]) == ("B", "b")
    assert body["ParallelismConfiguration"] == {"MaxParallelExecutionSteps": 1}
    listed = checked(sagemaker, "ListPipelines", PipelineNamePrefix=pipeline)["PipelineSummaries"]
    assert [each["PipelineName"] for each in listed] == [pipeline] and listed[0]["LastExecutionTime"]
    checked(sagemaker, "DeletePipeline", PipelineName=pipeline)
    for call, params in (
        (sagemaker.describe_pipeline, {"PipelineName": pipeline}),
        (sagemaker.delete_pipeline, {"PipelineName": pipeline}),
        (sagemaker.start_pipeline_execution, {"PipelineName": pipeline}),
        (sagemaker.describe_pipeline_execution, {"PipelineExecutionArn": arns.pop()}),
    ):
        code, message = refusal(call, **params)
        assert code == "ResourceNotFound" and message.endswith("does not exist.")


def test_a_name_that_is_taken(sagemaker, account, create):
    pipeline, role = create(whole(fails("A"))), account.account.role_arn
    code, message = refusal(
        sagemaker.create_pipeline, PipelineName=pipeline, PipelineDefinition=whole(fails("A")), RoleArn=role
    )
    # The SDK's upsert looks for these two.
    assert code == "ValidationException" and message.endswith(f"Pipeline with name ({pipeline}) already exists.")


# Conditions


def test_the_branch_is_chosen_by_a_number_in_a_steps_file(run, processes):
    mae = {"Std:JsonGet": {"PropertyFile": get("Steps.Score.PropertyFiles.Report"), "Path": "error.mae[0]"}}
    body, steps = run(
        processes("Score", SCORE, get("Parameters.Score")),
        decides(
            "Good",
            compares("LessThan", mae, get("Parameters.Limit")),
            yes=[fails("Never")],
            no=[fails("Bad", {"Std:Join": {"On": " ", "Values": [mae, "is above", get("Parameters.Limit")]}})],
        ),
        fails("After", DependsOn=["Never"]),
        parameters=[{"Name": "Score", "Type": "String"}, {"Name": "Limit", "Type": "Float", "DefaultValue": 2}],
        given={"Score": "2.5"},
    )
    assert list(steps) == ["Score", "Good", "Bad"]  # neither the other branch nor what waits for it
    assert steps["Good"]["Metadata"] == {"Condition": {"Outcome": "False"}}
    assert steps["Bad"]["Metadata"] == {"Fail": {"ErrorMessage": "2.5 is above 2"}}
    assert steps["Bad"]["FailureReason"] == "2.5 is above 2"
    assert body["PipelineExecutionStatus"] == "Failed"
    assert body["FailureReason"] == "Step failure: One or multiple steps failed."


@pytest.mark.parametrize(
    ("condition", "outcome"),
    [
        (compares("Equals", "a", get("Parameters.Text")), "True"),
        (compares("Equals", 1, True), "False"),
        (compares("GreaterThan", 2, 2), "False"),
        (compares("GreaterThanOrEqualTo", 2, 2.0), "True"),
        (compares("LessThan", "a", "b"), "True"),
        (compares("LessThanOrEqualTo", 3, 2), "False"),
        ({"Type": "In", "QueryValue": get("Parameters.Text"), "Values": ["b", get("Parameters.Text")]}, "True"),
        ({"Type": "Not", "Condition": compares("Equals", 1, 1)}, "False"),
        ({"Type": "Or", "Conditions": [compares("Equals", 1, 2), compares("Equals", 1, 1)]}, "True"),
    ],
)
def test_every_kind_of_condition(run, condition, outcome):
    parameter = {"Name": "Text", "Type": "String", "DefaultValue": "a"}
    body, steps = run(decides("If", condition), parameters=[parameter])
    assert body["PipelineExecutionStatus"] == "Succeeded"
    assert steps["If"]["Metadata"]["Condition"]["Outcome"] == outcome


def test_what_cannot_be_compared_fails_the_step(run):
    _, steps = run(decides("If", compares("LessThan", "a", 1)))
    assert steps["If"]["FailureReason"] == 'ClientError: "a" and 1 cannot be compared (LessThan).'


# Parallel steps, failures, stops


def test_independent_steps_run_at_the_same_time_unless_told_otherwise(run, processes):
    pair = [processes(step, "import time; time.sleep(0.5)") for step in ("A", "B")]
    for limit, overlap in ((2, True), (1, False)):
        _, steps = run(*pair, ParallelismConfiguration={"MaxParallelExecutionSteps": limit})
        assert (steps["B"]["StartTime"] < steps["A"]["EndTime"]) == overlap


def test_a_step_that_fails_ends_the_execution(run, processes, sagemaker):
    body, steps = run(processes("A", "raise SystemExit(3)"), processes("B", "pass", DependsOn=["A"]))
    assert list(steps) == ["A"] and body["PipelineExecutionStatus"] == "Failed"
    assert steps["A"]["FailureReason"] == "ClientError: AlgorithmError: , exit code: 3"
    job = steps["A"]["Metadata"]["ProcessingJob"]["Arn"].rpartition("/")[2]
    assert sagemaker.describe_processing_job(ProcessingJobName=job)["ProcessingJobStatus"] == "Failed"


def test_a_job_that_cannot_be_created_fails_its_step(run, trains):
    step = trains("Train")
    step["Arguments"]["ResourceConfig"]["InstanceCount"] = get("Parameters.Count")
    parameter = {"Name": "Count", "Type": "Integer", "DefaultValue": 21}
    _, steps = run(step, parameters=[parameter])
    beginning = "ClientError: Failed to invoke sagemaker:CreateTrainingJob. Error Details: The account-level service"
    assert steps["Train"]["FailureReason"].startswith(beginning) and "Metadata" not in steps["Train"]


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        (get("Steps.A.ExitMessage"), "The property Steps.A.ExitMessage is undefined"),
        (get("Execution.TrainingJobName"), "Execution.TrainingJobName is undefined"),
        (
            {"Std:JsonGet": {"PropertyFile": get("Steps.A.PropertyFiles.Report"), "Path": "x"}},
            "/A/e.json cannot be read",
        ),
        ({"Std:JsonGet": {"S3Uri": "s3://a-bucket-for-tests/pipelines/data.csv", "Path": "x"}}, "is not JSON"),
    ],
)
def test_a_value_that_is_not_there_fails_the_step(run, processes, trains, value, reason):
    _, steps = run(processes("A", "pass"), fails("B", value, DependsOn=["A"]))
    assert steps["A"]["StepStatus"] == "Succeeded" and reason in steps["B"]["FailureReason"]


def test_an_execution_is_stopped_with_its_jobs(sagemaker, create, trains):
    pipeline = create(whole(trains("Train", ENDLESS), fails("After", DependsOn=["Train"])))
    arn = sagemaker.start_pipeline_execution(PipelineName=pipeline)["PipelineExecutionArn"]

    def steps() -> list[dict]:
        return sagemaker.list_pipeline_execution_steps(PipelineExecutionArn=arn)["PipelineExecutionSteps"]

    job = wait_until(steps, lambda found: found and "Metadata" in found[0], arn)[0]["Metadata"]["TrainingJob"]["Arn"]
    code, message = refusal(sagemaker.delete_pipeline, PipelineName=pipeline)
    assert code == "ConflictException" and "Stop it first" in message
    checked(sagemaker, "StopPipelineExecution", PipelineExecutionArn=arn)
    body, found = finished(sagemaker, arn)
    assert body["PipelineExecutionStatus"] == found["Train"]["StepStatus"] == "Stopped" and list(found) == ["Train"]
    trained = sagemaker.describe_training_job(TrainingJobName=job.rpartition("/")[2])
    assert trained["TrainingJobStatus"] == "Stopped"
    assert refusal(sagemaker.stop_pipeline_execution, PipelineExecutionArn=arn)[1].endswith("is in status Stopped.")


def test_an_execution_whose_account_is_killed_has_failed(tmp_path):
    place = Place(tmp_path / "account")
    try:
        role = place.start().account.role_arn
        client = place.client("sagemaker")
        place.client("s3").create_bucket(Bucket="a-bucket")
        place.client("s3").put_object(Bucket="a-bucket", Key="data.csv", Body=csv(X, Y))
        train = definition(
            place.running(), "", channel("s3://a-bucket/data.csv"), bucket="a-bucket", hyperparameters=ENDLESS
        )
        del train["TrainingJobName"]
        text = whole({"Name": "Train", "Type": "Training", "Arguments": train})
        client.create_pipeline(PipelineName="p", PipelineDefinition=text, RoleArn=role)
        arn = client.start_pipeline_execution(PipelineName="p")["PipelineExecutionArn"]
        wait_until(
            lambda: client.list_pipeline_execution_steps(PipelineExecutionArn=arn)["PipelineExecutionSteps"],
            lambda steps: steps and "Metadata" in steps[0],
            arn,
        )
        place.kill()
        place.start()
        body, steps = finished(place.client("sagemaker"), arn)
        assert body["PipelineExecutionStatus"] == steps["Train"]["StepStatus"] == "Failed"
        assert "process ended while this job ran" in body["FailureReason"]
        assert steps["Train"]["FailureReason"] == body["FailureReason"]
    finally:
        place.close()


# A tuning step, and the SDK


def test_a_tuning_step_hands_on_its_best_job(run, trains, sagemaker, account, bucket):
    train = trains("Train")["Arguments"]
    spec = {key: train[key] for key in ("RoleArn", "OutputDataConfig", "ResourceConfig", "StoppingCondition")}
    data = f"s3://{bucket}/pipelines/data.csv"
    tune = {
        "HyperParameterTuningJobConfig": {
            "Strategy": "Random",
            "HyperParameterTuningJobObjective": {"Type": "Minimize", "MetricName": "validation:mse"},
            "ResourceLimits": {"MaxNumberOfTrainingJobs": 2, "MaxParallelTrainingJobs": 2},
            "ParameterRanges": {
                "ContinuousParameterRanges": [{"Name": "learning_rate", "MinValue": "0.0001", "MaxValue": "1"}]
            },
        },
        "TrainingJobDefinition": spec
        | {
            "StaticHyperParameters": QUICK,
            "AlgorithmSpecification": {"TrainingImage": IMAGE, "TrainingInputMode": "File"},
            "InputDataConfig": [channel(data), channel(data, "validation")],
        },
    }
    names = [get(f"Steps.Tune.{each}.TrainingJobName") for each in ("BestTrainingJob", "TrainingJobSummaries[0]")]
    told = {"Std:Join": {"On": ",", "Values": names}}
    _, steps = run({"Name": "Tune", "Type": "Tuning", "Arguments": tune}, fails("Tell", told))
    best, first = steps["Tell"]["FailureReason"].split(",")
    job = steps["Tune"]["Metadata"]["TuningJob"]["Arn"].rpartition("/")[2]
    body = sagemaker.describe_hyper_parameter_tuning_job(HyperParameterTuningJobName=job)
    assert body["BestTrainingJob"]["TrainingJobName"] == best == first


def test_the_sdk_makes_starts_and_follows_a_pipeline(account, sagemaker, s3, bucket, tmp_path):
    from sagemaker.estimator import Estimator
    from sagemaker.inputs import TrainingInput
    from sagemaker.model import Model
    from sagemaker.processing import ProcessingInput, ProcessingOutput
    from sagemaker.sklearn.processing import SKLearnProcessor
    from sagemaker.workflow.condition_step import ConditionStep
    from sagemaker.workflow.conditions import ConditionLessThanOrEqualTo
    from sagemaker.workflow.fail_step import FailStep
    from sagemaker.workflow.functions import JsonGet
    from sagemaker.workflow.model_step import ModelStep
    from sagemaker.workflow.parameters import ParameterFloat
    from sagemaker.workflow.pipeline import Pipeline
    from sagemaker.workflow.pipeline_context import PipelineSession
    from sagemaker.workflow.properties import PropertyFile
    from sagemaker.workflow.steps import ProcessingStep, TrainingStep

    session = PipelineSession(boto_session=utils.start("pipelines").session.boto_session)
    role, group = account.account.role_arn, name("Sdk")
    script = tmp_path / "evaluate.py"
    script.write_text(f"import os; os.stat('/opt/ml/processing/model/model.tar.gz')\n{SCORE}\n")
    s3.put_object(Bucket=bucket, Key="pipelines/sdk.csv", Body=csv(X, Y))
    limit = ParameterFloat("Limit", default_value=2.0)
    estimator = Estimator(
        IMAGE, role, 1, "ml.m5.large", hyperparameters=QUICK, sagemaker_session=session, tags=TAGS,
        output_path=f"s3://{bucket}/models",
    )  # fmt: skip
    channels = {"train": TrainingInput(f"s3://{bucket}/pipelines/sdk.csv", content_type="text/csv")}
    train = TrainingStep("Train", step_args=estimator.fit(channels))
    artifact = train.properties.ModelArtifacts.S3ModelArtifacts
    processor = SKLearnProcessor("1.2-1", role, 1, "ml.m5.large", sagemaker_session=session)
    report = PropertyFile("Report", "out", "e.json")
    evaluate = ProcessingStep(
        "Evaluate",
        step_args=processor.run(
            code=str(script),
            arguments=["1.5"],
            inputs=[ProcessingInput(source=artifact, destination="/opt/ml/processing/model")],
            outputs=[ProcessingOutput(output_name="out", source="/opt/ml/processing/out")],
        ),
        property_files=[report],
    )
    model = Model(IMAGE, artifact, role, sagemaker_session=session)
    register = ModelStep(
        "Register", step_args=model.register(["text/csv"], ["application/json"], model_package_group_name=group)
    )
    error = JsonGet(step_name="Evaluate", property_file=report, json_path="error.mae[0]")
    better = ConditionStep(
        "Better",
        conditions=[ConditionLessThanOrEqualTo(error, limit)],
        if_steps=[register],
        else_steps=[FailStep("Worse", "worse")],
    )
    pipeline = Pipeline(name("Sdk"), [limit], steps=[train, evaluate, better], sagemaker_session=session)
    pipeline.upsert(role_arn=role, tags=TAGS)
    execution = pipeline.start()
    began = time.monotonic()
    execution.wait()  # it sleeps 30 s between two questions: its first one is answered at the end
    assert time.monotonic() - began < 30
    assert [step["StepName"] for step in execution.list_steps()] == [
        "Register-RegisterModel", "Better", "Evaluate", "Train"
    ]  # fmt: skip
    arn = execution.list_steps()[0]["Metadata"]["RegisterModel"]["Arn"]
    assert sagemaker.describe_model_package(ModelPackageName=arn)["ModelPackageGroupName"] == group
    pipeline.upsert(role_arn=role, description="once more")
    assert pipeline.describe()["PipelineDescription"] == "once more"
    assert pipeline.list_executions()["PipelineExecutionSummaries"][0]["PipelineExecutionArn"] == execution.arn
    pipeline.delete()
