"""Linear Learner and XGBoost: what they say of data and settings, the numbers that they come to, their artifacts."""

from __future__ import annotations

import io
import json
import re
import zipfile

from parity.asking import (
    NUMBER,
    ONES,
    REGRESSOR,
    ROWS,
    artifact,
    channel,
    on_two_hosts,
    outcome,
    rows,
    sharded,
    trained,
    training,
    tried,
    xgboost,
)


def ended(found: dict) -> dict:
    return outcome(found) | {"metrics": sorted(each["MetricName"] for each in found.get("FinalMetricDataList", []))}


def failed(there, beginning: str, body: bytes, hyperparameters: dict, name: str = "train", **members: object) -> dict:
    """How a job of Linear Learner with this data and these settings ends."""
    uri = there.put(f"{beginning}/data.csv", body)
    job = training(there, beginning, uri, HyperParameters=hyperparameters, **members)
    job["InputDataConfig"] = [channel(uri, name)]
    return tried(there, job)


NAME = re.compile(r"\w*(?:objective|sampled_)\w*")
CLASSES = {"predictor_type": "binary_classifier", "num_models": "1", "epochs": "1", "mini_batch_size": "4"}


def test_rows_that_cannot_be_learned_from(there, answers):
    answers({
        "text": failed(there, "text", b"1,2,3\n1,x,3\n" * 8, REGRESSOR),
        "infinite": failed(there, "infinite", b"1,2,3\n1,inf,3\n" * 8, REGRESSOR),
        "not a number": failed(there, "nan", b"1,2,3\n1,nan,3\n" * 8, REGRESSOR),
        "no class": failed(there, "classes", ROWS, CLASSES),
        "batch beyond the table": failed(there, "few", ROWS, REGRESSOR | {"mini_batch_size": "5000"}),
    })  # fmt: skip


def test_channels_that_are_not_expected(there, answers):
    uri = rows(there)
    job = training(there, "channel", uri, InputDataConfig=[channel(uri), channel(uri, "more")])
    answers({
        "no train": failed(there, "channel", ROWS, REGRESSOR, "validation"),
        "another one": ended(trained(there, job)),
    })  # fmt: skip


def test_settings_that_are_none(there, answers):
    answers({
        "value": failed(there, "value", ROWS, REGRESSOR | {"learning_rate": "fast"}),
        "name": failed(there, "name", ROWS, REGRESSOR | {"nothing": "1"}),
    })  # fmt: skip


def test_more_models_than_a_multiclass_classifier_has(there, answers):
    """Of classifiers with few and with many classes and features."""
    seen = {}
    for classes, features in ((3, 2), (10, 6)):
        body = "".join(
            f"{n % classes}," + ",".join(str((n + m) % 7) for m in range(features)) + "\n" for n in range(40)
        )
        settings = REGRESSOR | {"predictor_type": "multiclass_classifier", "num_models": "32"}
        uri = there.put("models/data.csv", body.encode())
        job = training(there, "models", uri, HyperParameters=settings | {"num_classes": str(classes)})
        found = trained(there, job)
        lines = there.lines("/aws/sagemaker/TrainingJobs", job["TrainingJobName"])
        models = {line.partition('"model": ')[2].partition("}")[0] for line in lines if '"model": ' in line}
        warnings = [line.partition("] ")[2] for line in lines if " WARNING " in line and "num_models" in line]
        seen[f"{classes} classes"] = {
            "status": found["TrainingJobStatus"], "models": len(models), "warnings": warnings
        }  # fmt: skip
    answers(seen)


def test_a_gzipped_channel(there, answers):
    """AWS documents CompressionType for Pipe mode; here the file comes in File mode."""
    import gzip

    uri = there.put("packed/data.csv.gz", gzip.compress(ROWS))
    job = training(there, "packed", uri)
    job["InputDataConfig"] = [channel(uri, CompressionType="Gzip")]
    answers(tried(there, job))


# Settings whose effect on the numbers is a guess; each with its kind of labels.
AUTO = {"num_models": "auto"}
CRITERION = "binary_classifier_model_selection_criteria"
SCHEDULE = {"lr_scheduler_step": "2", "lr_scheduler_factor": "0.5", "lr_scheduler_minimum_lr": "0.001"}
NUMBERS = {
    "wd and rate given": ("line", {"wd": "0.1", "learning_rate": "0.01"} | AUTO),
    "l1 given": ("line", {"l1": "0.1"} | AUTO),
    "schedule given": ("line", SCHEDULE | AUTO),
    "sgd": ("line", {"optimizer": "sgd", "momentum": "auto"} | AUTO),
    "rmsprop": ("line", {"optimizer": "rmsprop"} | AUTO),
    "huber_loss": ("line", {"loss": "huber_loss", "huber_delta": "0.5"}),
    "quantile_loss": ("line", {"loss": "quantile_loss", "quantile": "0.9"}),
    "eps_insensitive_squared_loss": ("line", {"loss": "eps_insensitive_squared_loss"}),
    "eps_insensitive_absolute_loss": ("line", {"loss": "eps_insensitive_absolute_loss"}),
    "weights that balance": ("few ones", {"positive_example_weight_mult": "auto"}),
    "threshold of few records": (
        "few ones", {CRITERION: "precision_at_target_recall", "num_calibration_samples": "6"}
    ),
    "f_beta": ("few ones", {CRITERION: "f_beta"}),
    "precision that cannot be met": (
        "ones in the middle", {CRITERION: "recall_at_target_precision", "target_precision": "0.99"}
    ),
    "loss decides": ("few ones", {CRITERION: "loss_function"}),
    "hinge_loss": ("few ones", {"loss": "hinge_loss"}),
    "hinge_loss with weights": ("few ones", {"loss": "hinge_loss", "positive_example_weight_mult": "balanced"}),
    "hinge_loss decides": ("few ones", {"loss": "hinge_loss", CRITERION: "loss_function"}),
    "class weights": ("three", {"balance_multiclass_weights": "true"}),
    "class weights of few records": ("three", {"balance_multiclass_weights": "true", "num_point_for_scaler": "10"}),
    "a class that no record has": ("three of four", {}),
    "l1 and wd of 0 given to classes": ("three", {"l1": "0.1", "wd": "0"} | AUTO),
    "schedule given to classes": ("three", SCHEDULE | AUTO),
    "optimizer given to classes": ("three", {"optimizer": "rmsprop", "bias_lr_mult": "2"} | AUTO),
}  # fmt: skip


def labelled(kind: str) -> tuple[bytes, dict]:
    """A table of one kind of labels, and what says so."""
    lines = [(n, (7 * n) % 11, n % 5) for n in range(42)]
    label = {
        "line": lambda n, x, y: 3 * x - y + n % 3,
        "few ones": lambda n, x, y: int(x > 8),
        "no ones": lambda n, x, y: 0,
        "ones in the middle": lambda n, x, y: int(3 < x < 7 and y == 2),
        "three": lambda n, x, y: min(2, x // 4),
        "three of four": lambda n, x, y: min(2, x // 4),
    }[kind]
    body = b"".join(b"%d,%d,%d\n" % (label(n, x, y), x, y) for n, x, y in lines)
    if kind == "line":
        return body, {"predictor_type": "regressor"}
    if "ones" in kind:
        return body, {"predictor_type": "binary_classifier"}
    return body, {"predictor_type": "multiclass_classifier", "num_classes": "4" if kind == "three of four" else "3"}


def final(described: dict) -> dict[str, str]:
    """A job's final metrics, to four digits."""
    metrics = {each["MetricName"]: f"{each['Value']:.4g}" for each in described.get("FinalMetricDataList", [])}
    return {key: value for key, value in metrics.items() if "throughput" not in key}


def numbers(there, kind: str, given: dict, **others: str) -> dict:
    """What a job comes to in 3 epochs of 42 rows in batches of 5, so that the last is not whole.

    ``others`` are the kinds of labels in the other channels.
    """
    _, settings = labelled(kind)
    common = {"num_models": "1", "epochs": "3", "mini_batch_size": "5"}
    job = training(there, "numbers", "", HyperParameters=common | settings | given)
    job["InputDataConfig"] = [
        channel(there.put(f"numbers/{each.replace(' ', '-')}.csv", labelled(each)[0]), name)
        for name, each in {"train": kind, **others}.items()
    ]
    found = trained(there, job)
    lines = there.lines("/aws/sagemaker/TrainingJobs", job["TrainingJobName"])
    told = [line for line in lines if "#quality_metric" in line or "#early_stopping_criteria_metric" in line]
    best = [line.partition("hyperparameters: ")[2] for line in lines if "Best model found" in line]
    return outcome(found) | {
        "metrics": final(found),
        "names in the log": sorted({name for line in told for name in NAME.findall(line)}),
        "no numbers": sorted({line.partition("host=algo-1, ")[2] for line in told if line.endswith("=nan")}),
        "best": [NUMBER.sub(lambda found: f"{float(found[0]):.4g}", line) for line in best],
    }


def test_numbers_that_follow_from_settings(there, answers):
    """Names in the log, the settings of the best model, and final metrics to four digits."""
    seen = {setting: numbers(there, kind, given, validation=kind) for setting, (kind, given) in NUMBERS.items()}
    seen["threshold without validation"] = numbers(
        there, "few ones", {CRITERION: "precision_at_target_recall"}, test="few ones"
    )
    seen["validation of one class"] = numbers(there, "few ones", {}, validation="no ones")
    answers(seen)


def test_numbers_of_two_hosts(there, answers):
    """Of three objects one host has the first and the third: by whole mini-batches one has five, the other three.

    A classifier's weights follow from all records.
    """
    seen = {}
    for kind, given in (("line", {}), ("few ones", {"positive_example_weight_mult": "balanced"})):
        body, settings = labelled(kind)
        lines = body.splitlines(keepends=True)
        for name, part in (("a", lines[:13]), ("b", lines[26:]), ("c", lines[13:26])):
            uri = there.put(f"halves/{kind.replace(' ', '-')}/{name}.csv", b"".join(part)).rpartition("/")[0] + "/"
        common = {"num_models": "1", "epochs": "3", "mini_batch_size": "5"}
        job = training(there, "halves", uri, HyperParameters=common | settings | given)
        job["InputDataConfig"] = [sharded(uri), channel(uri, "validation")]
        found = on_two_hosts(there, job)
        stores = {line.partition("Create Store: ")[2].split()[0]
                  for line in there.lines("/aws/sagemaker/TrainingJobs", job["TrainingJobName"])
                  if "Create Store: " in line}  # fmt: skip
        seen[kind] = {"status": found["TrainingJobStatus"], "metrics": final(found), "stores": sorted(stores)}
    answers(seen)


def test_heads_of_artifacts(there, answers):
    """The operators of the graph that an artifact holds, which is JSON and can be read without MXNet."""
    seen = {}
    for kind, loss in (
        ("line", "squared_loss"), ("line", "absolute_loss"), ("line", "huber_loss"), ("line", "quantile_loss"),
        ("line", "eps_insensitive_squared_loss"), ("line", "eps_insensitive_absolute_loss"),
        ("few ones", "logistic"), ("few ones", "hinge_loss"), ("three", "softmax_loss"),
    ):  # fmt: skip
        body, settings = labelled(kind)
        uri = there.put(f"heads/{kind.replace(' ', '-')}.csv", body)
        common = {"num_models": "1", "epochs": "1", "mini_batch_size": "5", "loss": loss}
        found = trained(there, training(there, "heads", uri, HyperParameters=common | settings))
        (model,) = artifact(there, found).values()
        graph = json.loads(zipfile.ZipFile(io.BytesIO(model)).read("mx-mod-symbol.json"))
        seen[loss] = [node["op"] for node in graph["nodes"] if node["op"] != "null"]
    answers(seen)


def records(*all_of_them: dict) -> bytes:
    """RecordIO-protobuf of records that the SDK's writer does not write: ``label``, unless it is to be missing, and
    ``values`` as a tensor's members, by the name of the tensor's kind."""
    from sagemaker.amazon.common import _write_recordio
    from sagemaker.amazon.record_pb2 import Record

    out = io.BytesIO()
    for members in all_of_them:
        record = Record()
        if "label" in members:
            record.label["values"].float32_tensor.values.append(members["label"])
        for kind, tensor in members["values"].items():
            for name, values in tensor.items():
                getattr(getattr(record.features["values"], f"{kind}_tensor"), name).extend(values)
        _write_recordio(out, record.SerializeToString())
    return out.getvalue()


def of_records(there, beginning: str, body: bytes) -> dict:
    """How a regressor ends that learns from RecordIO-protobuf, 3 epochs in batches of 5."""
    uri = there.put(f"{beginning}/data.pbr", body)
    settings = {"predictor_type": "regressor", "num_models": "1", "epochs": "3", "mini_batch_size": "5"}
    job = training(there, beginning, uri, HyperParameters=settings)
    kind = {"ContentType": "application/x-recordio-protobuf"}
    job["InputDataConfig"] = [channel(uri, **kind), channel(uri, "validation", **kind)]
    found = trained(there, job)
    return outcome(found) | {"metrics": final(found)}


def test_records_of_other_tensors(there, answers):
    """The table ``line`` in tensors of other types than the SDK writes, and in sparse ones."""
    table = [tuple(map(int, line.split(b","))) for line in labelled("line")[0].splitlines()]

    def dense(kind: str) -> list[dict]:
        return [{"label": label, "values": {kind: {"values": features}}} for label, *features in table]

    def sparse(keys: tuple[int, ...], shape: int) -> list[dict]:
        return [
            {"label": label, "values": {"float32": {"values": features, "keys": keys, "shape": [shape]}}}
            for label, *features in table
        ]

    answers({
        "float32": of_records(there, "float32", records(*dense("float32"))),
        "float64": of_records(there, "float64", records(*dense("float64"))),
        "int32": of_records(there, "int32", records(*dense("int32"))),
        "sparse": of_records(there, "sparse", records(*sparse((0, 2), 3))),
        "dense but one": of_records(there, "mixed", records(*sparse((0, 1), 2)[:1], *dense("float32")[1:])),
        "a key twice": of_records(there, "twice", records(*sparse((1, 1), 3))),
        "no label": of_records(there, "no-label", records(*({"values": each["values"]} for each in dense("float32")))),
        "a key outside": of_records(there, "outside", records(*sparse((0, 3), 3))),
    })  # fmt: skip


def test_a_file_whose_name_begins_with_a_dot(there, answers):
    there.put("dotted/.hidden.csv", b"no,number,here\n")
    uri = there.put("dotted/data.csv", ROWS).rpartition("/")[0] + "/"
    answers(outcome(trained(there, training(there, "dotted", uri))))


def test_xgboosts_words(there, answers):
    answers({
        "setting": ended(xgboost(there, "setting", ROWS, max_depth="-1")),
        "objective and labels": ended(xgboost(there, "labels", ROWS, objective="binary:logistic")),
    })  # fmt: skip


def test_the_containers_own_metrics(there, answers):
    """Their values, and which metric decides when to stop early: the last one, or a tuning job's."""
    one, two = {"objective": "reg:squarederror"}, {"objective": "binary:logistic"}
    stops = two | {"early_stopping_rounds": "2", "num_round": "30", "eval_metric": "logloss,error"}
    tuned = {"_tuning_objective_metric": "validation:logloss"}
    answers({
        "of numbers": final(xgboost(there, "metrics", ROWS, eval_metric="mae,mse,r2,rmse", **one)),
        "of classes": final(xgboost(there, "metrics", ONES, eval_metric="accuracy,f1,precision,recall", **two)),
        "the last stops": final(xgboost(there, "stops", ONES, **stops)),
        "a tuning job's stops": final(xgboost(there, "stops", ONES, **stops, **tuned)),
    })  # fmt: skip


def test_earlier_releases_of_xgboost(there, answers):
    """Metrics by the defaults of each release, how the artifact begins, which tells pickles from JSON; old names."""
    seen = {}
    for version in ("1", "1.0-1", "1.2-2", "1.3-1", "1.7-1"):
        found = xgboost(there, "earlier", ROWS, version)
        files = artifact(there, found)
        begins = files["xgboost-model"][:2].decode("latin-1")
        seen[version] = {"metrics": final(found), "files": list(files), "begins": begins}
    for version in ("1.2-2", "1.3-1"):
        seen[version]["of classes"] = final(xgboost(there, "earlier", ONES, version, objective="binary:logistic"))
    seen["1"]["learning_rate"] = ended(xgboost(there, "alias", ROWS, "1", learning_rate="0.1"))
    stops = {"objective": "reg:linear", "eval_metric": "rmse", "early_stopping_rounds": "2"}
    for version in ("1.7-1", "3.0-5"):
        seen.setdefault(version, {})["reg:linear stops"] = ended(xgboost(there, "stops", ROWS, version, **stops))
    answers(seen)
