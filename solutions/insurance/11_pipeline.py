"""Solutions to the exercises of insurance/11_pipeline; each runs in the place of its cell there."""

# %% nightly
answer = 30 * 3 * 3 / 60 * 0.115  # three of the five steps are jobs
check.nightly(answer)

# %% waits_for_train
answer = train_step.properties.ModelArtifacts.S3ModelArtifacts
check.waits_for_train(answer)

# %% second_condition
worst = JsonGet(step_name="Evaluate", property_file=report, json_path="regression_metrics.rmse.value")
conditions = [ConditionLessThan(error, limit), ConditionLessThan(worst, 3500)]
better_step = ConditionStep("Better", conditions=conditions, if_steps=[keep_step])
pipeline = Pipeline(
    name, parameters=[raw, bills, limit], steps=[prepare_step, train_step, evaluate_step, better_step],
    sagemaker_session=session, pipeline_experiment_config=None,
)  # fmt: skip
pipeline.upsert(role_arn=course.role, tags=course.tags)
strict = pipeline.start(parameters=folders)
strict.wait(delay=2, max_attempts=900)
check.second_condition(pipeline)

# %% approved
client.update_model_package(
    ModelPackageArn=package, ModelApprovalStatus="Approved",
    ApprovalDescription="Its MAE on people it has not seen is below that of the plain line.",
)  # fmt: skip
check.approved(package)
