"""Solutions to the exercises of insurance/06_search_sdk_v3; each runs in the place of its cell there."""

# %% own_search
told = {"predictor_type": "regressor", "loss": "absolute_loss", "mini_batch_size": 100}
search = HyperparameterTuner(
    ModelTrainer(
        hyperparameters=told, **order | {"stopping_condition": StoppingCondition(max_runtime_in_seconds=600)}
    ),
    base_tuning_job_name="course-m", objective_metric_name="validation:absolute_loss", objective_type="Minimize",
    hyperparameter_ranges={"learning_rate": ContinuousParameter(0.001, 0.1, scaling_type="Logarithmic")},
    strategy="Random", random_seed=1, max_jobs=3, max_parallel_jobs=1, tags=course.tags,
)  # fmt: skip
search.tune(channels)
mine = search, search.best_training_job()
check.own_search(mine)

# %% mended_search
mended = HyperparameterTuner(
    trainer, objective_metric_name="validation:rmse", objective_type="Minimize",
    hyperparameter_ranges={"learning_rate": ContinuousParameter(0.001, 0.3, scaling_type="Logarithmic")},
    strategy="Random", random_seed=42, max_jobs=10, max_parallel_jobs=1,
)  # fmt: skip
check.mended_search(mended)

# %% parallel
answer = 3 * 3  # minutes: four jobs, four, and two
check.parallel(answer)
