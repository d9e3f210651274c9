"""What Linear Learner and XGBoost say of data and settings that are not in order."""

from __future__ import annotations

from asking import REGRESSOR, ROWS, channel, image, training


def failed(there, beginning: str, body: bytes, hyperparameters: dict, name: str = "train", **members: object) -> dict:
    """How a job of Linear Learner with this data and these settings ends."""
    uri = there.put(f"{beginning}/data.csv", body)
    job = training(there, beginning, uri, HyperParameters=hyperparameters, **members)
    job["InputDataConfig"] = [channel(uri, name)]
    said = there.said(there.sagemaker.create_training_job, **job)
    if "accepted" not in said:
        return said
    found = there.ended(
        there.sagemaker.describe_training_job, "TrainingJobStatus", TrainingJobName=job["TrainingJobName"]
    )
    return {"status": found["TrainingJobStatus"], "reason": found.get("FailureReason")}


CLASSES = {"predictor_type": "binary_classifier", "num_models": "1", "epochs": "1", "mini_batch_size": "4"}


def test_rows_that_cannot_be_learned_from(there, answers):
    answers({
        "text": failed(there, "text", b"1,2,3\n1,x,3\n" * 8, REGRESSOR),
        "infinite": failed(there, "infinite", b"1,2,3\n1,inf,3\n" * 8, REGRESSOR),
        "no class": failed(there, "classes", ROWS, CLASSES),
        "batch beyond the table": failed(there, "few", ROWS, REGRESSOR | {"mini_batch_size": "5000"}),
    })  # fmt: skip


def test_a_channel_that_is_not_there(there, answers):
    answers(failed(there, "channel", ROWS, REGRESSOR, "validation"))


def test_settings_that_are_none(there, answers):
    answers({
        "value": failed(there, "value", ROWS, REGRESSOR | {"learning_rate": "fast"}),
        "name": failed(there, "name", ROWS, REGRESSOR | {"nothing": "1"}),
    })  # fmt: skip


def test_more_models_than_a_multiclass_classifier_has(there, answers):
    body = b"".join(b"%d,%d,%d\n" % (n % 3, n, n % 5) for n in range(40))
    settings = REGRESSOR | {"predictor_type": "multiclass_classifier", "num_classes": "3", "num_models": "32"}
    uri = there.put("models/data.csv", body)
    job = training(there, "models", uri, HyperParameters=settings)
    there.sagemaker.create_training_job(**job)
    name = job["TrainingJobName"]
    found = there.ended(there.sagemaker.describe_training_job, "TrainingJobStatus", TrainingJobName=name)
    lines = there.lines("/aws/sagemaker/TrainingJobs", name)
    models = {part for line in lines if "multiclass_cross_entropy_objective" in line and '"model":' in line
              for part in [line.partition('"model": ')[2].partition("}")[0]]}  # fmt: skip
    answers({"status": found["TrainingJobStatus"], "models": len(models)})


def test_a_gzipped_channel(there, answers):
    """AWS documents CompressionType for Pipe mode; here the file comes in File mode."""
    import gzip

    uri = there.put("packed/data.csv.gz", gzip.compress(ROWS))
    job = training(there, "packed", uri)
    job["InputDataConfig"] = [channel(uri, CompressionType="Gzip")]
    said = there.said(there.sagemaker.create_training_job, **job)
    if "accepted" in said:
        found = there.ended(
            there.sagemaker.describe_training_job, "TrainingJobStatus", TrainingJobName=job["TrainingJobName"]
        )
        said = {"status": found["TrainingJobStatus"], "reason": found.get("FailureReason")}
    answers(said)


def test_names_of_losses_in_the_log(there, answers):
    """Of those that no public log shows."""
    seen = {}
    for loss, settings in (
        ("huber_loss", {}), ("quantile_loss", {}), ("eps_insensitive_squared_loss", {}),
        ("eps_insensitive_absolute_loss", {}),
    ):  # fmt: skip
        uri = there.put("losses/data.csv", ROWS)
        job = training(there, "loss", uri, HyperParameters=REGRESSOR | {"loss": loss} | settings)
        there.sagemaker.create_training_job(**job)
        name = job["TrainingJobName"]
        there.ended(there.sagemaker.describe_training_job, "TrainingJobStatus", TrainingJobName=name)
        lines = there.lines("/aws/sagemaker/TrainingJobs", name)
        words = {word for line in lines if "#quality_metric" in line for word in line.split()}
        seen[loss] = sorted(word for word in words if "objective" in word)
    answers(seen)


def xgboost(there, beginning: str, body: bytes, **hyperparameters: str) -> dict:
    uri = there.put(f"{beginning}/data.csv", body)
    job = training(there, beginning, uri, HyperParameters={"num_round": "2"} | hyperparameters)
    job["AlgorithmSpecification"] = {
        "TrainingImage": image(there, "xgboost", "3.0-5"), "TrainingInputMode": "File"
    }  # fmt: skip
    there.sagemaker.create_training_job(**job)
    found = there.ended(
        there.sagemaker.describe_training_job, "TrainingJobStatus", TrainingJobName=job["TrainingJobName"]
    )
    return {
        "status": found["TrainingJobStatus"],
        "reason": found.get("FailureReason"),
        "metrics": sorted(each["MetricName"] for each in found.get("FinalMetricDataList", [])),
    }


def test_xgboosts_words(there, answers):
    answers({
        "setting": xgboost(there, "setting", ROWS, max_depth="-1"),
        "objective and labels": xgboost(there, "labels", ROWS, objective="binary:logistic"),
    })  # fmt: skip


def test_the_containers_own_metrics(there, answers):
    answers(xgboost(there, "metrics", ROWS, eval_metric="mae,r2"))
