"""Solutions to the exercises of insurance/07_deploy_predict_delete_sdk_v3; each runs in the place of its cell there."""

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

# %% standing_things
answer = 1 + 2 + 2  # build, and each deploy
check.standing_things(answer)

# %% serverless_config
mine = f"{name}-mine"
variant = {
    "VariantName": "AllTraffic",
    "ModelName": name,
    "ServerlessConfig": {"MemorySizeInMB": 2048, "MaxConcurrency": 10},
}
course.session.sagemaker_client.create_endpoint_config(
    EndpointConfigName=mine, ProductionVariants=[variant], Tags=course.tags
)
check.serverless_config(mine)
