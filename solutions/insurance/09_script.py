"""Solutions to the exercises of insurance/09_script; each runs in the place of its cell there."""

# %% kept_metric
kept = learner.latest_training_job.describe()["FinalMetricDataList"]
answer = next(each["Value"] for each in kept if each["MetricName"] == "validation:rmse")
check.kept_metric(answer)

# %% mended_job
print(read_log(broken.latest_training_job).partition("usage:")[2])
mended = SKLearn(base_job_name="course-insurance-mended", hyperparameters={"epochs": 30, "hidden": 16}, **order)
mended.fit({"train": channels["train"], "validation": channels["validation"]}, logs=False)
check.mended_job(mended)

# %% dollars_a_month
code = """
import joblib


def model_fn(model_dir):
    return joblib.load(f"{model_dir}/model.joblib")


def predict_fn(data, model):
    return (model["net"].predict(data) * model["spread"] + model["mean"]) / 12
"""
with tempfile.TemporaryDirectory() as folder:
    Path(folder, "inference.py").write_text(code)
    with course.endpoint(learner, entry_point="inference.py", source_dir=folder, **machine) as predictor:
        answers = predictor.predict(test[:3]).tolist()
check.dollars_a_month(answers)
course.show_running()
