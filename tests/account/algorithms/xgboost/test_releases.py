"""What each release of the built-in XGBoost does otherwise, held against its container's code and its library's models.

``releases.json`` is what the open container's ``algorithm_mode/hyperparameter_validation.py`` says when it is
run: the hyperparameters of the first public release with their ranges, and what each later one changed (null: it no
longer takes it).  ``old_boosters`` has pickles of the libraries of old releases, and how they were made.
"""

from __future__ import annotations

import base64
import contextlib
import json
import pickle
import zlib
from pathlib import Path

import numpy as np
import pytest
import xgboost

from local_aws.algorithms.xgboost_algorithm import TUNABLE, hyperparameters
from local_aws.algorithms.xgboost_algorithm.errors import JobError
from local_aws.algorithms.xgboost_algorithm.releases import RELEASES, Release
from support import training
from support.xgboost import Jobs, image, rounds
from support.xgboost_container import container

pytestmark = pytest.mark.filterwarnings("ignore:.*UBJSON format as default", "ignore:.*serialization")

X, Y = training.table(120, 3)
X_OTHER, Y_OTHER = training.table(60, 3, seed=8)
BOTH = {"train": {"a.csv": training.csv(X, Y)}, "validation": {"b.csv": training.csv(X_OTHER, Y_OTHER)}}
OVERFITS = {"num_round": "60", "eta": "1", "max_depth": "4"}
FRAMEWORK = "AlgorithmError: framework error: \nTraceback (most recent call last):\n"


def as_recorded() -> dict[str, dict[str, object]]:
    """The ranges of each release's hyperparameters, by name."""
    found, known = {}, {}
    for release, changes in json.loads(Path(__file__).with_name("releases.json").read_text()).items():
        known = {name: value for name, value in (known | changes).items() if value is not None}
        found[release] = known
    return found


@pytest.fixture(scope="module")
def made(account, sagemaker, s3, bucket) -> Jobs:
    return Jobs(account, sagemaker, s3, bucket)


@pytest.mark.parametrize("release", RELEASES)
def test_the_hyperparameters_of_a_release_are_those_of_its_container(release):
    wanted = as_recorded()[release]
    maximized = wanted.pop("(maximized)")
    tuned = {f"validation:{name}": ["Minimize", "Maximize"][name in maximized] for name in wanted["eval_metric"]}
    rules = hyperparameters.rules(Release(release))
    ranges = {name: str(rule.range) for name, rule in rules.items()}
    assert ranges == {name: str(value) for name, value in wanted.items()} | {
        "_tuning_objective_metric": str(list(tuned))
    }
    assert Release(release).objectives == tuned


SAID = [
    ("0.72", {"silent": "2"}, "Hyperparameter silent: 2 is not in [0, 1]"),
    ("0.90-1", {"silent": "0"}, None),
    ("1.0-1", {"silent": "1"}, None),
    ("1.2-1", {"silent": "0"}, "Extraneous hyperparameter found: silent"),
    ("0.90-1", {"learning_rate": "0.1"}, "Extraneous hyperparameter found: learning_rate"),
    ("0.90-2", {"learning_rate": "7"}, "Hyperparameter eta: 7.0 is not in [0, 1]"),
    ("0.90-1", {"num_parallel_tree": "2"}, "Extraneous hyperparameter found: num_parallel_tree"),
    ("0.90-2", {"monotone_constraints": "(1,)"}, "Extraneous hyperparameter found: monotone_constraints"),
    ("1.0-1", {"tree_method": "gpu_hist"}, "GPU training is not supported yet."),
    ("1.0-1", {"predictor": "auto"}, "Hyperparameter predictor: auto is not in ['cpu_predictor']"),
    ("1.0-1", {"objective": "survival:aft"}, "Hyperparameter objective: survival:aft is not in ['binary:logistic',"),
    ("1.5-1", {"objective": "reg:absoluteerror"}, "Hyperparameter objective: reg:absoluteerror is not in ['aft_loss_"),
    ("1.7-1", {"objective": "reg:absoluteerror"}, None),
    ("3.0-5", {"objective": "reg:absoluteerror"}, None),
    ("1.2-2", {"objective": "reg:gamma", "eval_metric": "mape"}, "Hyperparameter eval_metric: value ['mape'] not in"),
    ("1.0-1", {"objective": "reg:gamma", "eval_metric": "r2"}, "Hyperparameter eval_metric: value ['r2'] not in ran"),
    ("1.0-1", {"eval_metric": "rmse"}, None),
    ("1.0-1", {"eval_metric": "rmse,auc"}, "'objective'"),
    ("1.2-1", {"eval_metric": "rmse"}, "'objective'"),
    ("3.0-5", {"eval_metric": "error@0.3"}, "'objective'"),
    ("1.2-1", {"_nfold": "2"}, None),
    ("1.2-2", {"_nfold": "2"}, "Extraneous hyperparameter found: _nfold"),
    ("1.7-1", {"single_precision_histogram": "true"}, "Extraneous hyperparameter found: single_precision_histogram"),
    ("1.5-1", {"updater": "grow_local_histmaker,prune"}, None),
    (
        "1.7-1",
        {"updater": "shotgun"},
        "Tree updater should be selected from these options: 'grow_colmaker', 'distcol', 'grow_histmaker', "
        "'grow_skmaker', 'grow_quantile_histmaker', 'sync', 'refresh', 'prune', 'shortgun', 'coord_descent'.",
    ),
    (
        "0.90-2",
        {"updater": "shotgun"},
        "Tree updater should be selected from these options: 'grow_colmaker', 'distcol', 'grow_histmaker', "
        "'grow_local_histmaker', 'grow_skmaker', 'sync', 'refresh', 'prune', 'shortgun', 'coord_descent'.",
    ),
]


@pytest.mark.parametrize(("release", "given", "said"), SAID)
def test_what_a_release_says_of_hyperparameters(release, given, said):
    refused = pytest.raises(JobError) if said else contextlib.nullcontext()
    with refused as caught:
        hyperparameters.read({"num_round": "1", **given}, Release(release))
    if said:
        assert str(caught.value).startswith(said)


def test_a_metric_without_an_objective_is_overlooked_as_by_the_container(made):
    body, lines = made.run({"num_round": "1", "eval_metric": "rmse"}, BOTH)
    assert body["TrainingJobStatus"] == "Failed"
    assert body["FailureReason"] == f"{FRAMEWORK}KeyError: 'objective'\n\n'objective'"
    assert any(line.endswith(":ERROR] Reporting training FAILURE") for line in lines)


# Objectives and defaults

# What the libraries 0.90, 1.0.2, 1.2.0, 1.3.3, 1.5.2 and 1.7.4 show for each objective when they are asked for nothing.
SHOWN = {
    "binary:logistic": "error error error logloss logloss logloss",
    "binary:logitraw": "auc auc auc auc logloss logloss",
    "binary:hinge": "error error error error error error",
    "count:poisson": " ".join(["poisson-nloglik"] * 6),
    "multi:softmax": "merror merror merror mlogloss mlogloss mlogloss",
    "multi:softprob": "merror merror merror mlogloss mlogloss mlogloss",
    "rank:pairwise": "map map map map map map",
    "rank:ndcg": "map map map map map map",
    "rank:map": "map map map map map map",
    "reg:linear": "rmse rmse rmse rmse rmse rmse",
    "reg:squarederror": "rmse rmse rmse rmse rmse rmse",
    "reg:logistic": "rmse rmse rmse rmse rmse rmse",
    "reg:gamma": " ".join(["gamma-nloglik"] * 6),
    "reg:tweedie": " ".join(["tweedie-nloglik@1.5"] * 6),
    "survival:cox": " ".join(["cox-nloglik"] * 6),
}


@pytest.mark.parametrize("objective", SHOWN)
def test_the_metric_that_a_release_shows_unasked_is_its_librarys(objective):
    labels = np.arange(20) % 2 + (objective in ("reg:gamma", "survival:cox"))
    data = xgboost.DMatrix(X[:20], label=labels, qid=np.zeros(20) if objective.startswith("rank") else None)
    releases = ("0.90-1", "1.0-1", "1.2-1", "1.3-1", "1.5-1", "1.7-1")
    for release, wanted in zip(releases, SHOWN[objective].split(), strict=True):
        given = {"objective": objective} | ({"num_class": 2} if objective.startswith("multi") else {})
        params, shown = given | Release(release).defaults(given, 20), {}
        xgboost.train(params, data, 1, evals=[(data, "train")], evals_result=shown, verbose_eval=False)
        assert list(shown["train"]) == [wanted]


@pytest.mark.parametrize(("release", "then"), [("1.7-1", {"tree_method": "exact"}), ("3.0-5", {})])
def test_the_absolute_error_is_an_objective(made, release, then):
    """XGBoost 1.7.4 makes this model, too: it begins at the median of the labels, as no other objective of its did."""
    body, _ = made.run({"num_round": "4", "objective": "reg:absoluteerror"}, BOTH, image=image(release))
    assert body["TrainingJobStatus"] == "Completed", body.get("FailureReason")
    params = {"objective": "reg:absoluteerror", "nthread": 1, **then}
    library = xgboost.train(params, xgboost.DMatrix(X, label=Y), 4)
    asked = xgboost.DMatrix(X_OTHER)
    assert made.booster(body).predict(asked).tolist() == library.predict(asked).tolist()
    assert {each["MetricName"] for each in body["FinalMetricDataList"]} == {"train:mae", "validation:mae"}


# Early stopping


def library_stops(patience: int, watched: tuple, **params) -> xgboost.Booster:
    """What ``xgboost.train`` makes of ``early_stopping_rounds``, with the settings of releases before 2.0."""
    settings = {"eta": 1, "max_depth": 4, "base_score": 0.5, "tree_method": "exact", "nthread": 1, **params}
    return xgboost.train(settings, watched[0][0], 60, evals=watched, early_stopping_rounds=patience, verbose_eval=False)


@pytest.mark.parametrize(("release", "validated"), [("0.72", True), ("0.90-1", False), ("1.2-2", True)])
def test_without_a_metric_early_releases_stop_by_the_last_one_there_is(made, release, validated):
    train, validation = xgboost.DMatrix(X, label=Y), xgboost.DMatrix(X_OTHER, label=Y_OTHER)
    watched = ((train, "train"), *([(validation, "validation")] if validated else []))
    params = {"objective": "reg:linear"} | ({} if validated else {"gamma": 400})
    library = library_stops(3, watched, **params)
    given = OVERFITS | {"early_stopping_rounds": "3"} | {name: str(value) for name, value in params.items()}
    channels = BOTH if validated else {"train": BOTH["train"]}
    body, lines = made.run(given, channels, image=image(release))
    assert body["TrainingJobStatus"] == "Completed", body.get("FailureReason")
    ran = library.num_boosted_rounds()
    assert len(rounds(lines)) == ran == library.best_iteration + 4 < 60
    model = pickle.loads(made.artifact(body))
    assert (model.num_boosted_rounds(), model.best_ntree_limit) == (ran, library.best_iteration + 1)
    # The inference container asks the best rounds alone.
    with container(lambda path: path.write_bytes(made.artifact(body)), release) as client:
        lines = "\n".join(",".join(f"{value:.9g}" for value in row) for row in X[:4])
        answer = client.post("/invocations", content=lines, headers={"content-type": "text/csv"}).text
    said = library.predict(xgboost.DMatrix(X[:4]), iteration_range=(0, library.best_iteration + 1))
    assert [float(text) for text in answer.replace(",", " ").split()] == said.tolist()


@pytest.mark.parametrize("release", ["1.3-1", "3.0-5"])
def test_without_a_metric_later_releases_do_not_stop(made, release):
    given = OVERFITS | {"early_stopping_rounds": "3", "objective": "reg:squarederror"}
    assert len(rounds(made.run(given, BOTH, image=image(release))[1])) == 60


@pytest.mark.parametrize(("release", "booster"), [("1.0-1", "gbtree"), ("1.3-1", "gbtree"), ("1.7-1", "dart")])
def test_the_squared_error_by_its_old_name_stops_early(made, release, booster):
    """As in XGBoost 1.3.3 and 1.7.4, in which the best rounds of such a model can be kept."""
    given = OVERFITS | {"early_stopping_rounds": "3", "objective": "reg:linear", "eval_metric": "rmse"}
    body, lines = made.run(given | {"booster": booster}, BOTH, image=image(release))
    assert body["TrainingJobStatus"] == "Completed", body.get("FailureReason")
    scores = [float(line.rpartition("validation-rmse:")[2]) for line in rounds(lines)]
    best = int(np.argmin(scores))
    assert len(scores) == best + 4 < 60
    if release != "1.0-1":
        model = made.booster(body)
        assert model.num_boosted_rounds() == best + 1
        said = model.predict(xgboost.DMatrix(X_OTHER))
        assert np.sqrt(np.mean((said - Y_OTHER) ** 2)) == pytest.approx(scores[best], abs=1e-4)


@pytest.mark.parametrize(
    ("release", "params", "completes"),
    [
        ("1.2-2", {"booster": "gblinear", "objective": "reg:squarederror"}, True),
        ("1.3-1", {"booster": "gblinear", "objective": "reg:squarederror"}, False),
        ("3.0-5", {"booster": "gblinear", "objective": "reg:squarederror"}, False),
        ("3.0-5", {"objective": "reg:linear"}, False),
    ],
)
def test_where_the_library_cannot_keep_the_best_rounds_the_job_fails(made, release, params, completes):
    """The container asks for them from 1.3 on; no library cuts a linear booster, and 3.0.5 no model of reg:linear."""
    given = OVERFITS | {"early_stopping_rounds": "3", "eval_metric": "rmse"} | params
    body, _ = made.run(given, BOTH, image=image(release))
    assert body["TrainingJobStatus"] == ("Completed" if completes else "Failed"), body.get("FailureReason")
    if not completes:
        said = "XGB train call failed with exception:\n `save_best` is not applicable to the current booster"
        assert said in body["FailureReason"]


def test_a_tuned_metric_is_the_last_by_name_in_early_releases(made):
    """``sorted`` puts the container's metrics in a row, and the library takes the last of them."""
    given = OVERFITS | {"objective": "reg:linear", "eval_metric": "rmsle,mae", "early_stopping_rounds": "2"}
    tuned = {"_tuning_objective_metric": "validation:logloss"}
    _, lines = made.run(given | tuned, BOTH, image=image("1.2-1"))
    ran = rounds(lines)
    assert [each.partition(":")[0] for each in ran[0].split("#011")[1:]] == [
        f"{channel}-{name}" for channel in ("train", "validation") for name in ("logloss", "mae", "rmsle")
    ]
    scores = [float(line.rpartition("validation-rmsle:")[2]) for line in ran]
    assert len(ran) == int(np.argmin(scores)) + 3


# Old boosters

BOOSTERS = json.loads((Path(__file__).parent / "old_boosters" / "boosters.json").read_text())
MADE_BY = {"0.72": "0.72.1", "0.90-1": "0.90", "1.0-1": "1.0.2", "1.2-1": "1.2.0"}
OLD = [(release, kind) for release, library in MADE_BY.items() for kind in BOOSTERS[library]]
# A later image serves them, too: an endpoint that was moved to it.
OLD += [("1.7-1", "stopped early"), ("3.0-5", "regressor")]


@pytest.mark.parametrize(("release", "kind"), OLD)
def test_a_pickle_of_an_old_library_says_what_that_library_said(release, kind):
    known = BOOSTERS[MADE_BY.get(release, "0.90")][kind]
    data = zlib.decompress(base64.b64decode(known["pickle"]))
    body = "\n".join(",".join(map(repr, row)) for row in BOOSTERS["asked"])
    with container(lambda path: path.write_bytes(data), release) as client:
        answer = client.post("/invocations", content=body, headers={"content-type": "text/csv"})
    if isinstance(known["said"], str):
        assert (answer.status_code, answer.text) == (400, f"Unable to evaluate payload provided: {known['said']}")
        return
    numbers = [float(text) for text in answer.text.replace("[", " ").replace("]", " ").replace(",", " ").split()]
    np.testing.assert_allclose(numbers, np.ravel(known["said"]), rtol=2e-6)


# Tuning


def tuning(account, bucket, release: str, objective: tuple[str, str], **ranges) -> dict:
    definition = training.definition(account, "", training.channel(f"s3://{bucket}/nothing/train/"), bucket=bucket)
    kept = ("RoleArn", "InputDataConfig", "OutputDataConfig", "ResourceConfig", "StoppingCondition")
    return {
        "HyperParameterTuningJobName": training.name("tune")[-32:],
        "HyperParameterTuningJobConfig": {
            "Strategy": "Random",
            "HyperParameterTuningJobObjective": {"Type": objective[0], "MetricName": objective[1]},
            "ResourceLimits": {"MaxNumberOfTrainingJobs": 1, "MaxParallelTrainingJobs": 1},
            "ParameterRanges": ranges,
        },
        "TrainingJobDefinition": {
            "AlgorithmSpecification": {"TrainingImage": image(release), "TrainingInputMode": "File"},
            "StaticHyperParameters": {"num_round": "1", "objective": "reg:squarederror"},
            **{member: definition[member] for member in kept},
        },
    }


def a_range(name: str) -> list[dict]:
    return [{"Name": name, "MinValue": "1", "MaxValue": "2"}]


CONTINUOUS = sorted(name for name, kind in TUNABLE.items() if kind == "Continuous")


@pytest.fixture
def tune(account, sagemaker, bucket, s3):
    """Create a tuning job and stop it: nothing, or the sentence that refuses it."""
    s3.put_object(Bucket=bucket, Key="nothing/train/a.csv", Body=training.csv(X, Y))

    def create(release: str, objective: tuple[str, str], **ranges) -> str | None:
        request = tuning(account, bucket, release, objective, **ranges)
        try:
            sagemaker.create_hyper_parameter_tuning_job(**request)
        except sagemaker.exceptions.ClientError as error:
            return error.response["Error"]["Message"]
        name = request["HyperParameterTuningJobName"]
        sagemaker.stop_hyper_parameter_tuning_job(HyperParameterTuningJobName=name)
        return None

    return create


def test_a_range_of_whole_numbers_is_one_of_numbers(tune):
    """A public job of AWS shows one for min_child_weight, whose type is Continuous."""
    objective = ("Minimize", "validation:rmse")
    whole = [each for name in CONTINUOUS for each in a_range(name)]
    assert tune("1.7-1", objective, IntegerParameterRanges=whole) is None
    assert tune("1.7-1", objective, ContinuousParameterRanges=a_range("max_delta_step")) is None
    said = tune("1.7-1", objective, ContinuousParameterRanges=a_range("max_depth"))
    assert "[max_depth]" in said and "takes a range of the type Integer" in said


@pytest.mark.parametrize(
    ("release", "objective", "refused"),
    [
        ("1.2-2", ("Minimize", "validation:mape"), "[validation:mape], isn't valid"),
        ("1.3-1", ("Minimize", "validation:mape"), None),
        ("0.90-2", ("Minimize", "validation:tweedie-nloglik"), "objective metric type, [Minimize]"),
        ("0.90-2", ("Maximize", "validation:tweedie-nloglik"), None),
        ("1.0-1", ("Minimize", "validation:tweedie-nloglik"), None),
    ],
)
def test_a_release_s_metrics_are_what_tuning_may_optimize(tune, release, objective, refused):
    said = tune(release, objective, IntegerParameterRanges=a_range("max_depth"))
    assert (said is None) if refused is None else (refused in said)
