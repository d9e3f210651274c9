"""What Linear Learner and XGBoost say of data and settings that are not in order."""

from __future__ import annotations

from asking import REGRESSOR, ROWS, channel, image, trained, training


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
    found = trained(there, job)
    lines = there.lines("/aws/sagemaker/TrainingJobs", job["TrainingJobName"])
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


# Settings whose effect on the numbers is a guess; each with its kind of labels.
NUMBERS = {
    "wd and rate given": ("line", {"wd": "0.1", "learning_rate": "0.01", "num_models": "auto"}),
    "sgd": ("line", {"optimizer": "sgd", "momentum": "auto"}),
    "rmsprop": ("line", {"optimizer": "rmsprop"}),
    "huber_loss": ("line", {"loss": "huber_loss", "huber_delta": "0.5"}),
    "quantile_loss": ("line", {"loss": "quantile_loss", "quantile": "0.9"}),
    "eps_insensitive_squared_loss": ("line", {"loss": "eps_insensitive_squared_loss"}),
    "eps_insensitive_absolute_loss": ("line", {"loss": "eps_insensitive_absolute_loss"}),
    "weights that balance": ("few ones", {"positive_example_weight_mult": "auto"}),
    "threshold of few records": (
        "few ones",
        {"binary_classifier_model_selection_criteria": "precision_at_target_recall", "num_calibration_samples": "6"},
    ),
    "hinge_loss": ("few ones", {"loss": "hinge_loss"}),
    "class weights": ("three", {"balance_multiclass_weights": "true"}),
    "a class that no record has": ("three of four", {}),
}


def labelled(kind: str) -> tuple[bytes, dict]:
    """A table of one kind of labels, and what says so."""
    lines = [(n, (7 * n) % 11, n % 5) for n in range(42)]
    label = {
        "line": lambda n, x, y: 3 * x - y + n % 3,
        "few ones": lambda n, x, y: int(x > 8),
        "three": lambda n, x, y: min(2, x // 4),
        "three of four": lambda n, x, y: min(2, x // 4),
    }[kind]
    body = b"".join(b"%d,%d,%d\n" % (label(n, x, y), x, y) for n, x, y in lines)
    settings = {"line": {"predictor_type": "regressor"}, "few ones": {"predictor_type": "binary_classifier"}}
    many = {"predictor_type": "multiclass_classifier", "num_classes": "4" if kind == "three of four" else "3"}
    return body, settings.get(kind, many)


def test_numbers_that_follow_from_settings(there, answers):
    """Final metrics to four digits, of 42 rows in batches of 5 (so the last is not whole), trained for 3 epochs."""
    seen = {}
    for setting, (kind, given) in NUMBERS.items():
        body, settings = labelled(kind)
        uri = there.put(f"numbers/{kind.replace(' ', '-')}.csv", body)
        common = {"num_models": "1", "epochs": "3", "mini_batch_size": "5"}
        job = training(there, "numbers", uri, HyperParameters=common | settings | given)
        job["InputDataConfig"] = [channel(uri), channel(uri, "validation")]
        found, name = trained(there, job), job["TrainingJobName"]
        metrics = {each["MetricName"]: f"{each['Value']:.4g}" for each in found.get("FinalMetricDataList", [])}
        objectives = {word for line in there.lines("/aws/sagemaker/TrainingJobs", name) if "#quality_metric" in line
                      for word in line.split() if "objective" in word}  # fmt: skip
        seen[setting] = {
            "status": found["TrainingJobStatus"], "reason": found.get("FailureReason"),
            "metrics": {key: value for key, value in metrics.items() if "throughput" not in key},
            "names in the log": sorted(objectives),
        }  # fmt: skip
    answers(seen)


def xgboost(there, beginning: str, body: bytes, **hyperparameters: str) -> dict:
    uri = there.put(f"{beginning}/data.csv", body)
    job = training(there, beginning, uri, HyperParameters={"num_round": "2"} | hyperparameters)
    job["AlgorithmSpecification"] = {
        "TrainingImage": image(there, "xgboost", "3.0-5"), "TrainingInputMode": "File"
    }  # fmt: skip
    found = trained(there, job)
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
