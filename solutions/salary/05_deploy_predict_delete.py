"""Solutions to the exercises of salary/05_deploy_predict_delete; each runs in the place of its cell there."""

# %% five_years
answer = predictor.predict([[5]])["predictions"][0]["score"]
check.five_years(answer)

# %% with_block
with course.endpoint(
    learner, initial_instance_count=1, instance_type="ml.t2.medium",
    serializer=CSVSerializer(), deserializer=JSONDeserializer(),
) as predictor:  # fmt: skip
    answers = [each["score"] for each in predictor.predict([[2], [4], [6]])["predictions"]]
check.with_block(answers)
course.show_running()

# %% order_fault
answer = 4  # the configuration that names the model has gone with the endpoint
check.order_fault(answer)
