"""Solutions to the exercises of insurance/05_losses; each runs in the place of its cell there."""

# %% shortfall
answer = (y_test - says["LinearLearner, absolute loss"]).mean()
check.shortfall(answer)

# %% huber_job
mine = Estimator(
    image, hyperparameters=hyperparameters | {"loss": "huber_loss"}, tags=course.tags,
    **order | {"max_run": 600, "base_job_name": "course-mine"},
)  # fmt: skip
mine.fit(channels, logs=False)
check.huber_job(mine)

# %% mended_channels
mended = {name: TrainingInput(uris[name], content_type="text/csv") for name in ("train", "validation", "test")}
check.mended_channels(mended)
