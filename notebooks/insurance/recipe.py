"""The pipeline of lesson 11 as one function, in a file that a team can keep under version control.

Prepare → Train → Evaluate → Better → Keep; the steps and their settings are those of the lesson.
"""

import json
from pathlib import Path

from sagemaker import image_uris
from sagemaker.estimator import Estimator
from sagemaker.inputs import TrainingInput
from sagemaker.model import Model
from sagemaker.processing import ProcessingInput, ProcessingOutput
from sagemaker.s3 import S3Downloader, S3Uploader
from sagemaker.sklearn.processing import SKLearnProcessor
from sagemaker.workflow.condition_step import ConditionStep
from sagemaker.workflow.conditions import ConditionLessThan
from sagemaker.workflow.functions import JsonGet
from sagemaker.workflow.model_step import ModelStep
from sagemaker.workflow.parameters import ParameterFloat, ParameterString
from sagemaker.workflow.pipeline import Pipeline
from sagemaker.workflow.pipeline_context import PipelineSession
from sagemaker.workflow.properties import PropertyFile
from sagemaker.workflow.steps import ProcessingStep, TrainingStep

HERE = Path(__file__).parent
FOLDER = "/opt/ml/processing"  # of a processing job's machine


def upload(course, rows, place: str) -> str:
    """Write rows to S3 as the scripts of the steps expect them; the address of their folder."""
    folder = f"{course.output_path}/{place}"
    text, file = rows.to_csv(index=False), f"{folder}/insurance.csv"
    S3Uploader.upload_string_as_file_body(text, file, sagemaker_session=course.session)
    return folder


def errors(course, execution) -> dict[str, float]:
    """The errors, in dollars, that the step Evaluate of an execution has written into its report."""
    (step,) = [step for step in execution.list_steps() if step["StepName"] == "Evaluate"]
    job = course.session.describe_processing_job(step["Metadata"]["ProcessingJob"]["Arn"].rpartition("/")[2])
    folder = job["ProcessingOutputConfig"]["Outputs"][0]["S3Output"]["S3Uri"]
    report = json.loads(S3Downloader.read_file(f"{folder}/evaluation.json", sagemaker_session=course.session))
    return {name: found["value"] for name, found in report["regression_metrics"].items()}


def build(course, name: str) -> Pipeline:
    """The pipeline ``name``, not sent yet; the models that it keeps go into the group of the same name."""
    session = PipelineSession(course.session.boto_session, default_bucket=course.bucket)
    raw, bills = ParameterString("Raw"), ParameterString("Bills")
    limit = ParameterFloat("MaxError", default_value=4400.0)
    machine = {"role": course.role, "sagemaker_session": session, "instance_count": 1, "instance_type": "ml.m5.large"}

    processor = SKLearnProcessor(framework_version="1.4-2", max_runtime_in_seconds=900, tags=course.tags, **machine)
    step_args = processor.run(
        code=str(HERE / "prepare.py"),
        inputs=[ProcessingInput(source=raw, destination=f"{FOLDER}/input")],
        outputs=[ProcessingOutput(output_name=part, source=f"{FOLDER}/output/{part}") for part in ("train", "encoder")],
    )
    prepare_step = ProcessingStep("Prepare", step_args=step_args)
    prepared = prepare_step.properties.ProcessingOutputConfig.Outputs

    learner = Estimator(
        image_uris.retrieve("linear-learner", session.boto_region_name), max_run=900, output_path=course.output_path,
        hyperparameters={"predictor_type": "regressor", "mini_batch_size": 20},
        debugger_hook_config=False, disable_profiler=True, tags=course.tags, **machine,
    )  # fmt: skip
    train = TrainingInput(prepared["train"].S3Output.S3Uri, content_type="text/csv")
    train_step = TrainingStep("Train", step_args=learner.fit({"train": train}))
    artifact = train_step.properties.ModelArtifacts.S3ModelArtifacts

    report = PropertyFile("Report", output_name="evaluation", path="evaluation.json")
    sources = {"model": artifact, "encoder": prepared["encoder"].S3Output.S3Uri, "bills": bills}
    step_args = processor.run(
        code=str(HERE / "evaluate.py"),
        inputs=[ProcessingInput(source=s, destination=f"{FOLDER}/input/{place}") for place, s in sources.items()],
        outputs=[ProcessingOutput(output_name="evaluation", source=f"{FOLDER}/output/evaluation")],
    )
    evaluate_step = ProcessingStep("Evaluate", step_args=step_args, property_files=[report])

    model = Model(learner.training_image_uri(), artifact, course.role, sagemaker_session=session)
    step_args = model.register(
        content_types=["text/csv"], response_types=["application/json"], model_package_group_name=name,
        inference_instances=["ml.t2.medium"], transform_instances=["ml.m5.large"],
    )  # fmt: skip
    keep_step = ModelStep("Keep", step_args=step_args)
    error = JsonGet(step_name="Evaluate", property_file=report, json_path="regression_metrics.mae.value")
    better_step = ConditionStep("Better", conditions=[ConditionLessThan(error, limit)], if_steps=[keep_step])

    return Pipeline(
        name, parameters=[raw, bills, limit], steps=[prepare_step, train_step, evaluate_step, better_step],
        sagemaker_session=session, pipeline_experiment_config=None,
    )  # fmt: skip
