"""Solutions to the exercises of insurance/05_losses_sdk_v3; each runs in the place of its cell there."""

# %% stale_tags
answer = 4  # from here on the tags name hyperparameters that the trainer no longer has
check.stale_tags(answer)

# %% huber_trainer
mine = ModelTrainer(
    hyperparameters=hyperparameters | {"loss": "huber_loss"},
    base_job_name="course-mine", tags=tagged(course.tags),
    **order | {"stopping_condition": StoppingCondition(max_runtime_in_seconds=600)},
)  # fmt: skip
mine.train(channels, logs=False)
check.huber_trainer(mine)

# %% bill
answer = 100 * 180 / 3600 * 0.115
check.bill(answer)
