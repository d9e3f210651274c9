"""Solutions to the exercises of insurance/06_search; each runs in the place of its cell there."""

# %% own_tuner
told = {"predictor_type": "regressor", "loss": "absolute_loss", "mini_batch_size": 100}
search = HyperparameterTuner(
    Estimator(image, hyperparameters=told, tags=course.tags, **order | {"max_run": 600}),
    objective_metric_name="validation:absolute_loss", objective_type="Minimize",
    hyperparameter_ranges={"learning_rate": ContinuousParameter(0.001, 0.1, scaling_type="Logarithmic")},
    strategy="Random", random_seed=1, max_jobs=3, max_parallel_jobs=1, tags=course.tags,
)  # fmt: skip
search.fit(channels, job_name=name_from_base("course-m", max_length=32))
mine = search, search.best_training_job()
check.own_tuner(mine)

# %% mended_tuner
mended = HyperparameterTuner(
    learner, objective_metric_name="validation:rmse", objective_type="Minimize",
    hyperparameter_ranges={"learning_rate": ContinuousParameter(0.001, 0.3, scaling_type="Logarithmic")},
    strategy="Random", random_seed=42, max_jobs=10, max_parallel_jobs=1,
)  # fmt: skip
check.mended_tuner(mended)

# %% break_even
answer = 20 * 3 / 60 * 0.115 / 0.001
check.break_even(answer)
