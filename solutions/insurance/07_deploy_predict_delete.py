"""Solutions to the exercises of insurance/07_deploy_predict_delete; each runs in the place of its cell there."""

# %% batch_joined
mine = Transformer(
    model_name=name, instance_count=1, instance_type="ml.m5.large", accept="application/jsonlines",
    assemble_with="Line", output_path=f"{course.output_path}/mine/{name}", tags=course.tags,
    sagemaker_session=course.session,
)  # fmt: skip
mine.transform(
    data["people.jsonl"], content_type="application/jsonlines", split_type="Line", input_filter="$.asked",
    join_source="Input", output_filter="$['person','SageMakerOutput']", job_name=f"{name}-mine", logs=False,
)  # fmt: skip
check.batch_joined(mine)

# %% break_even
answer = machine / (30 * busy * 2 * gigabyte_second)
check.break_even(answer)

# %% on_call
mine = learner.deploy(
    serverless_inference_config=ServerlessInferenceConfig(memory_size_in_mb=2048, max_concurrency=10),
    endpoint_name=f"{name}-mine", model_name=f"{name}-mine", tags=course.tags,
)  # fmt: skip
check.on_call(mine)
mine.delete_model()
mine.delete_endpoint()
