"""Solutions to the exercises of insurance/12_watch; each runs in the place of its cell there."""

# %% index_of_the_pair
both = [(people["smoker"] == "yes") & (people["bmi"] >= 30) for people in (past, arrived)]
answer = psi(*both)
check.index_of_the_pair(answer)

# %% rolled_back
predictor.update_endpoint(
    model_name=old.name, initial_instance_count=1, instance_type="ml.t2.medium", tags=course.tags
)  # fmt: skip
client.update_model_package(ModelPackageArn=package_2, ModelApprovalStatus="Rejected")
check.rolled_back(predictor)

# %% honest_judges
half = len(autumn) // 2
learned = pd.concat([past, spring, autumn[:half]])
mended = {
    "Raw": recipe.upload(course, learned, f"{name}/learned"),
    "Bills": recipe.upload(course, autumn[half:], f"{name}/honest"),
    "MaxError": old_error,
}
third = pipeline.start(parameters=mended)
third.wait(delay=2, max_attempts=900)
check.honest_judges(third)
