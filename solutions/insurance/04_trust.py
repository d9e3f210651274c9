"""Solutions to the exercises of insurance/04_trust; each runs in the place of its cell there."""

# %% people
low, high = interval(error, rmse)
answer = len(error) * ((high - low) / 400) ** 2
check.people(answer)

# %% smaller_batches
smaller = Estimator(
    hyperparameters=hyperparameters | {"mini_batch_size": 50}, tags=course.tags,
    **order | {"max_run": 600, "base_job_name": "course-mine"},
)  # fmt: skip
smaller.fit(channels, logs=False)
weights, intercept = course.open_model(smaller.model_data)
smaller_pred = parts["test"][columns] @ weights + intercept
mine = smaller, paired_interval(y_test, smaller_pred, line_pred)
check.smaller_batches(mine)

# %% mended_interval
line_error, job_error = np.asarray(line_pred - y_test), np.asarray(job_pred - y_test)
people_drawn = np.random.default_rng(1).integers(0, 268, size=(2000, 268))
of_line = np.array([rmse(line_error[each]) for each in people_drawn])
of_job = np.array([rmse(job_error[each]) for each in people_drawn])
mended = tuple(np.quantile(of_job - of_line, [0.025, 0.975]))
check.mended_interval(mended)
