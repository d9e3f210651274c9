"""Solutions to the exercises of salary/03_send_a_job_sdk_v3; each runs in the place of its cell there."""

# %% limit
answer = 86_400 / 3600 * 0.115
check.limit(answer)

# %% trainer_job
mine = ModelTrainer(
    hyperparameters={"predictor_type": "regressor", "loss": "absolute_loss", "mini_batch_size": 4},
    base_job_name="course-mine", tags=tags,
    **order | {"stopping_condition": StoppingCondition(max_runtime_in_seconds=600)},
)  # fmt: skip
mine.train(channels, logs=False)
check.trainer_job(mine)

# %% who_complains
answer = "sdk"  # StoppingCondition has no field of that name
check.who_complains(answer)
