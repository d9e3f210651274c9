"""The rules inside Linear Learner: hyperparameters, grid, first weights, optimizers, early stopping."""

import numpy as np
import pytest
from sagemaker.amazon.linear_learner import LinearLearner

from local_aws.algorithms.linear_learner.early_stopping import EarlyStopping, Verdict
from local_aws.algorithms.linear_learner.errors import CustomerError
from local_aws.algorithms.linear_learner.first_weights import first_weights
from local_aws.algorithms.linear_learner.grid import Grid
from local_aws.algorithms.linear_learner.hyperparameters import DEFAULTS, RULES, Hyperparameters
from local_aws.algorithms.linear_learner.optimizers import Optimizer, Schedule
from local_aws.algorithms.linear_learner.scaler import whole_batches


def parse(**given):
    return Hyperparameters.parse({"predictor_type": "regressor"} | given)


def multiclass(**given):
    return parse(predictor_type="multiclass_classifier", **{"num_classes": "3"} | given)


COUNT = ("1 7 1000000", "0 -1 1.5 abc 1e3 007 1_0")
COUNT_OR_AUTO = ("auto 1 20", "0 -1 1.5 AUTO 2,5")
SWITCH = ("true false True False", "yes 1 0 TRUE auto")
SWITCH_OR_AUTO = ("true false True False auto", "yes 1 0 Auto")
POSITIVE = ("0.001 1 1e-7 3.", "0 -1 abc nan inf 1e999 0x1 1_0")
POSITIVE_OR_AUTO = ("auto 0.001 1 1e-7", "0 -1 abc nan inf")
NOT_NEGATIVE = ("0 0.0 1 25", "-0.1 abc nan inf")
NOT_NEGATIVE_OR_AUTO = ("auto 0 1e-4 100", "-1 abc nan inf")
BELOW_ONE_OR_AUTO = ("auto 0 0.5 0.999", "1 -0.1 1.5 abc nan")
INSIDE = ("0.5 1e-3 0.99", "0 1 -1 2 auto nan")
INSIDE_OR_AUTO = ("auto 0.5 0.99", "0 1 -1 2 nan")
SHARE = ("0 0.8 1", "-0.1 1.1 auto nan")
UP_TO_A_MILLION = ("1 3 1000000", "0 1000001 2.5 auto")

# Good values, then bad ones, of every hyperparameter in AWS's documentation.
VALUES = {
    "num_classes": UP_TO_A_MILLION,
    "feature_dim": COUNT_OR_AUTO,
    "mini_batch_size": COUNT,
    "epochs": COUNT,
    "use_bias": SWITCH,
    "loss": (
        "auto squared_loss absolute_loss eps_insensitive_squared_loss eps_insensitive_absolute_loss "
        "quantile_loss huber_loss",
        "mse Squared_loss logloss 1",
    ),
    "optimizer": ("auto adam sgd rmsprop", "adagrad Adam 1"),
    "learning_rate": POSITIVE_OR_AUTO,
    "wd": NOT_NEGATIVE_OR_AUTO,
    "l1": NOT_NEGATIVE_OR_AUTO,
    "momentum": BELOW_ONE_OR_AUTO,
    "beta_1": BELOW_ONE_OR_AUTO,
    "beta_2": BELOW_ONE_OR_AUTO,
    "bias_lr_mult": POSITIVE_OR_AUTO,
    "bias_wd_mult": NOT_NEGATIVE_OR_AUTO,
    "use_lr_scheduler": SWITCH,
    "lr_scheduler_step": COUNT_OR_AUTO,
    "lr_scheduler_factor": INSIDE_OR_AUTO,
    "lr_scheduler_minimum_lr": POSITIVE_OR_AUTO,
    "num_models": COUNT_OR_AUTO,
    "num_calibration_samples": COUNT_OR_AUTO,
    "init_method": ("uniform normal", "zeros auto"),
    "init_scale": POSITIVE,
    "init_sigma": POSITIVE,
    "init_bias": ("0 -3.5 2e3 +1 .5", "abc auto nan inf"),
    "normalize_data": SWITCH_OR_AUTO,
    "normalize_label": SWITCH_OR_AUTO,
    "unbias_data": SWITCH_OR_AUTO,
    "unbias_label": SWITCH_OR_AUTO,
    "num_point_for_scaler": COUNT,
    "binary_classifier_model_selection_criteria": (
        "accuracy f_beta f1 precision_at_target_recall recall_at_target_precision loss_function cross_entropy_loss",
        "auto auc",
    ),
    "target_recall": SHARE,
    "target_precision": SHARE,
    "positive_example_weight_mult": ("balanced auto 0.5 20", "0 -1 unbalanced nan"),
    "balance_multiclass_weights": SWITCH,
    "f_beta": POSITIVE,
    "accuracy_top_k": UP_TO_A_MILLION,
    "margin": NOT_NEGATIVE,
    "quantile": INSIDE,
    "loss_insensitivity": POSITIVE,
    "huber_delta": NOT_NEGATIVE,
    "early_stopping_patience": COUNT,
    "early_stopping_tolerance": POSITIVE,
}


def test_the_table_is_complete():
    private = {name for name in RULES if name.startswith("_")}
    assert set(VALUES) == set(RULES) - private - {"predictor_type"}
    sdk = {attribute.name for attribute in vars(LinearLearner).values() if type(attribute).__name__ == "Hyperparameter"}
    assert sdk <= set(RULES)
    assert len(sdk) > 35


@pytest.mark.parametrize(("name", "value"), [(n, v) for n, (good, _) in VALUES.items() for v in good.split()])
def test_good_values(name, value):
    parse(**{name: value})


@pytest.mark.parametrize(
    ("name", "value"), [(n, v) for n, (_, bad) in VALUES.items() for v in [*bad.split(), "", " 1", "1 "]]
)
def test_bad_values(name, value):
    with pytest.raises(CustomerError) as caught:
        parse(**{name: value})
    reason = caught.value.failure_reason
    assert reason.startswith(f"ClientError: {value!r} is not ")
    assert "Failed validating" in reason and f"schema['properties'][{name!r}]" in reason
    assert len(reason) <= 1024


def test_every_default_may_be_given():
    parse(**DEFAULTS)
    assert DEFAULTS["mini_batch_size"] == "1000" and DEFAULTS["epochs"] == "15"


def test_what_the_defaults_mean():
    hp = parse()
    assert (hp.loss, hp.mini_batch_size, hp.epochs, hp.num_point_for_scaler) == ("squared_loss", 1000, 15, 10000)
    assert (hp.beta_1, hp.beta_2, hp.bias_wd_mult) == (0.9, 0.999, 0)
    assert set(Grid.build(hp).bias_lr_mult) == {10}
    assert hp.normalize_data and hp.normalize_label and hp.unbias_data and hp.unbias_label
    hp = parse(use_bias="False")
    assert not (hp.unbias_data or hp.unbias_label)
    hp = parse(use_bias="False", unbias_data="True")
    assert hp.unbias_data and not hp.unbias_label


def test_what_the_defaults_mean_for_classifiers():
    hp = parse(predictor_type="binary_classifier")
    assert (hp.loss, hp.criterion, hp.positive_weight, hp.outputs) == ("logistic", "accuracy", 1, 1)
    assert (hp.num_calibration_samples, hp.momentum, hp.f_beta) == (10_000_000, 0, 1)
    hp = multiclass(num_classes="7")
    assert (hp.loss, hp.classes, hp.outputs) == ("softmax_loss", 7, 7)
    # A class has no scale, whatever the job says of it.
    hp = multiclass(normalize_label="true", unbias_label="true")
    assert hp.normalize_data and hp.unbias_data and not hp.normalize_label and not hp.unbias_label
    # These count for one type only.
    assert parse(num_classes="9").outputs == parse(predictor_type="binary_classifier", num_classes="9").outputs == 1
    assert parse(positive_example_weight_mult="balanced").positive_weight is None


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"predictor_type": "classifier"}, "'classifier' is not one of"),
        ({"predictor_type": "multiclass_classifier"}, "num_classes must be from 3"),
        ({"predictor_type": "multiclass_classifier", "num_classes": "2"}, "num_classes must be from 3 .* it is 2"),
        ({"loss": "logistic"}, "Loss logistic cannot be used with predictor_type regressor"),
        ({"predictor_type": "binary_classifier", "loss": "huber_loss"}, "Use one of: auto, logistic, hinge_loss"),
        ({"predictor_type": "binary_classifier", "loss": "softmax_loss"}, "cannot be used with"),
        (
            {"predictor_type": "multiclass_classifier", "num_classes": "3", "loss": "hinge_loss"},
            "Use one of: auto, softmax_loss",
        ),
        ({"_log_level": "debug"}, "_log_level=debug is not implemented"),
    ],
)
def test_what_does_not_go_together_is_refused(given, words):
    with pytest.raises(CustomerError, match=words):
        parse(**given)


@pytest.mark.parametrize("loss", ["auto", "logistic", "hinge_loss"])
def test_losses_of_a_binary_classifier(loss):
    assert parse(predictor_type="binary_classifier", loss=loss).loss == loss.replace("auto", "logistic")


def test_the_grid_is_every_combination_in_order():
    grid = Grid.build(parse())
    assert len(grid) == 32
    assert grid.wd == tuple(v for v in (1e-4, 0.01, 1, 100) for _ in range(8))
    assert grid.learning_rate == ((0.005,) * 4 + (0.1,) * 4) * 4
    assert grid.minimum_lr == (1e-5, 1e-5, 1e-4, 1e-4) * 8
    assert grid.step == (10, 100) * 16
    assert set(grid.l1) == {0.0} and set(grid.factor) == {0.99}
    few = Grid.build(parse(num_models="10"))
    assert few.wd == grid.wd[:10] and few.learning_rate == grid.learning_rate[:10]


def test_the_winners_line_has_the_images_order_of_keys():
    grid = Grid.build(parse())
    assert grid.describe(0).startswith('{"optimizer": "adam", "learning_rate": 0.005, "l1": 0.0, "wd": 0.0001, ')
    assert grid.describe(22) == (
        '{"optimizer": "adam", "learning_rate": 0.1, "wd": 1, "l1": 0.0, "lr_scheduler_step": 10, '
        '"lr_scheduler_factor": 0.99, "lr_scheduler_minimum_lr": 0.0001}'
    )


def test_the_drawn_grid_is_the_one_that_aws_prints():
    grid = Grid.build(multiclass())
    assert len(grid) == 28
    assert grid.describe(0) == (
        '{"optimizer": "adam", "learning_rate": 0.02, "l1": 0.02, "wd": 0.02, "lr_scheduler_step": 10, '
        '"lr_scheduler_factor": 0.98, "lr_scheduler_minimum_lr": 1e-05}'
    )
    # the winner's line in the logs of two public jobs, to the last digit
    assert grid.describe(26) == (
        '{"optimizer": "adam", "learning_rate": 0.03578924546103785, "l1": 0.3730851993396367, '
        '"wd": 0.0020367449461466797, "lr_scheduler_step": 153, "lr_scheduler_factor": 0.9895518165671255, '
        '"lr_scheduler_minimum_lr": 2.294182951069527e-05}'
    )
    assert (grid.optimizer.count("adam"), grid.optimizer.count("rmsprop")) == (13, 15)


DRAWN = """
1 rmsprop 0.02450168595 0.2871343789 0.003495504376 67 0.9917980951 5.284157412e-05 1
3 adam 0.03066473017 0.0119943093 0.0500526463 243 0.9831300247 9.042943346e-05 10
9 rmsprop 0.1375588031 0.04046919971 0.05102804923 722 0.9317992105 0.0002621693801 10
13 adam 0.0265418212 0.05944801003 0.1368590864 271 0.9587026708 0.0001389069254 1
15 rmsprop 0.003359262288 0.01371460683 0.1514896348 23 0.913182444 2.807662581e-06 10
19 adam 0.06359619742 0.05559554209 0.3480093791 10 0.9957450846 2.352122566e-06 1
22 adam 0.06940075633 0.006618559723 0.001264646034 295 0.9898241409 5.096854264e-05 10
27 adam 0.004537972352 0.001843005874 0.00672065047 139 0.9749483265 0.0001466110818 1
"""


@pytest.mark.parametrize("line", DRAWN.split("\n")[1:-1])
def test_drawn_models(line):
    """Models with which the losses in a public job's log come out."""
    number, optimizer, *values = line.split()
    grid, model = Grid.build(multiclass()), int(number)
    columns = grid.learning_rate, grid.l1, grid.wd, grid.step, grid.factor, grid.minimum_lr, grid.bias_lr_mult
    assert grid.optimizer[model] == optimizer
    assert [column[model] for column in columns] == pytest.approx([float(value) for value in values], rel=1e-9)


def test_given_values_move_the_drawn_models():
    auto, given = Grid.build(multiclass()), Grid.build(multiclass(learning_rate="0.04", l1="0.2", wd="0"))
    assert given.learning_rate == pytest.approx(np.multiply(auto.learning_rate, 2))
    assert given.l1 == pytest.approx(np.multiply(auto.l1, 10))
    assert set(given.wd) == {0}
    assert (given.step, given.factor, given.optimizer) == (auto.step, auto.factor, auto.optimizer)
    schedule = Grid.build(multiclass(lr_scheduler_step="20", lr_scheduler_factor="0.5", lr_scheduler_minimum_lr="1e-4"))
    assert schedule.step[0] == 20 and min(schedule.step) >= 20 and max(schedule.step) <= 2000
    assert schedule.factor[0] == 0.5 and min(schedule.factor) >= 0
    assert schedule.minimum_lr == pytest.approx(np.multiply(auto.minimum_lr, 10))
    assert schedule.learning_rate == auto.learning_rate
    fixed = Grid.build(multiclass(optimizer="sgd", bias_lr_mult="3"))
    assert set(fixed.optimizer) == {"sgd"} and set(fixed.bias_lr_mult) == {3}
    assert fixed.wd == auto.wd


@pytest.mark.parametrize(
    ("hp", "models"),
    [
        (multiclass(num_models="5"), 5),
        (multiclass(num_models="40"), 28),
        (multiclass(_tuning_objective_metric="validation:macro_recall"), 1),
        (parse(predictor_type="binary_classifier"), 32),
        (parse(predictor_type="binary_classifier", num_models="40"), 32),
    ],
)
def test_fewer_models_are_the_first_ones(hp, models):
    grid, whole = Grid.build(hp), Grid.build(multiclass() if hp.outputs > 1 else parse())
    assert len(grid) == models
    assert [grid.describe(m) for m in range(models)] == [whole.describe(m) for m in range(models)]


def test_first_weights_are_the_mersenne_twisters():
    weights = first_weights(2, 32, parse())[:, :, 0]
    # The first three outputs of mt19937 for seed 0, as in any of its test vectors.
    first, second, third = np.array([2357136044, 2546248239, 3071714933]) / 2**32 * 0.14 - 0.07
    assert weights[:, 0] == pytest.approx([first, second], abs=1e-8)
    assert weights[0, 10] == pytest.approx(third, abs=1e-8)
    assert np.abs(weights).max() <= 0.07
    uniform = np.random.RandomState(0).bytes(8 * 32)
    in_order = np.frombuffer(uniform, "<u4") / 2**32 * 0.14 - 0.07
    names = sorted(f"fc{m}_weight" for m in range(32))
    assert names[:3] == ["fc0_weight", "fc10_weight", "fc11_weight"]
    columns = np.stack([weights[:, int(name[2:-7])] for name in names])
    assert columns.ravel() == pytest.approx(in_order, abs=1e-8)


def test_long_arrays_come_from_several_streams():
    weights = first_weights(130, 2, parse(init_scale="0.5"))[:, :, 0]
    streams = [np.random.RandomState(seed) for seed in range(3)]
    for model in range(2):
        pieces = [s.bytes(4 * n) for s, n in zip(streams, (44, 44, 42), strict=True)]
        expected = np.frombuffer(b"".join(pieces), "<u4") / 2**32 - 0.5
        assert weights[:, model] == pytest.approx(expected, abs=1e-7)


def test_a_model_of_several_classes_is_one_array_of_features_by_classes():
    one, three = first_weights(6, 28, parse()), first_weights(2, 28, multiclass())
    assert three.shape == (2, 28, 3)
    for model in range(28):
        assert np.array_equal(three[:, model].ravel(), one[:, model, 0])


# What mx.nd.random.normal(0, 0.01, ...) of MXNet 1.9.1 drew in a new process: an array of 10, then one of 200,
# of which these are the numbers 50, 51, 99, 100, 150 and 199.
NORMAL_10 = [
    *(0.022122062742710114, 0.007740037981420755, 0.010434403084218502, 0.011839254759252071),
    *(0.018917113542556763, -0.012347414158284664, -0.017710288986563683, -0.004513844382017851),
    *(0.005793835502117872, -0.01856081932783127),
]
NORMAL_200 = [
    *(-0.003186834277585149, 0.0030639965552836657, -0.004243862349539995, 0.014612246304750443),
    *(-0.013031055219471455, -0.007577522192150354, 0.009629334323108196),
]


def test_normal_first_weights_are_those_of_mxnet():
    assert first_weights(10, 1, parse(init_method="normal"))[:, 0, 0] == pytest.approx(NORMAL_10, rel=1e-6)
    long = first_weights(200, 1, parse(init_method="normal"))[:, 0, 0]
    # The first stream had been drawn from before; the others begin with their pieces of the long array.
    assert long[[50, 51, 99, 100, 150, 199]] == pytest.approx(NORMAL_200[1:], rel=1e-6)


def test_normal_first_weights_have_the_asked_spread():
    weights = first_weights(64, 32, parse(init_method="normal", init_sigma="0.2"))
    assert weights.std() == pytest.approx(0.2, rel=0.05)
    assert abs(weights.mean()) < 0.02
    assert np.array_equal(weights, first_weights(64, 32, parse(init_method="normal", init_sigma="0.2")))


def test_the_schedule_decays_after_every_step_down_to_the_floor():
    given = {"learning_rate": "1", "lr_scheduler_step": "3", "lr_scheduler_factor": "0.5"}
    grid = Grid.build(parse(**given, lr_scheduler_minimum_lr="0.2", num_models="1"))
    schedule = Schedule(grid, enabled=True)
    rates = [schedule.rates(update)[0] for update in range(1, 14)]
    assert rates == [1, 1, 1, 0.5, 0.5, 0.5, 0.25, 0.25, 0.25, 0.2, 0.2, 0.2, 0.2]
    still = Schedule(grid, enabled=False)
    assert {still.rates(update)[0] for update in range(1, 14)} == {1}


@pytest.mark.parametrize("given", [{}, {"beta_1": "0.5", "beta_2": "0.9"}, {"bias_wd_mult": "0.5", "l1": "0.3"}])
def test_adam_takes_the_textbooks_steps(given):
    hp = parse(mini_batch_size="4", wd="0.01", learning_rate="0.1", bias_lr_mult="3", num_models="1", **given)
    adam, grid = Optimizer(Grid.build(hp), hp, 2), np.random.default_rng(0)
    parameters = np.array([[0.5], [-0.25], [1.0]])
    expected, m, v = parameters[:, 0].copy(), np.zeros(3), np.zeros(3)
    b1, b2 = (float(np.float32(beta)) for beta in (hp.beta_1, hp.beta_2))
    l1 = float(given.get("l1", 0)) / 4
    for t in range(1, 9):
        gradient = grid.normal(size=3)
        adam.update(parameters, gradient[:, None].copy())
        penalty = 0.01 * expected * [1, 1, hp.bias_wd_mult] + l1 * np.sign(expected) * [1, 1, 0]
        g = gradient + penalty
        m, v = b1 * m + (1 - b1) * g, b2 * v + (1 - b2) * g * g
        hat_m, hat_v = m / (1 - hp.beta_1**t), v / (1 - hp.beta_2**t)
        # MXNet adds epsilon to the uncorrected root; scaled by the correction it is the textbook's.
        epsilon = 1e-8 / (1 - hp.beta_2**t) ** 0.5
        expected = expected - 0.1 * np.array([1, 1, 3]) * hat_m / (np.sqrt(hat_v) + epsilon)
        assert parameters[:, 0] == pytest.approx(expected, rel=1e-7)


# Three weights after four updates by MXNet 1.9.1's own optimizers, with learning_rate=0.1 and wd=0.01.
MXNET = {
    "adam": [0.4309096038341522, -0.2567329406738281, 0.9571914672851562],
    "rmsprop": [0.49203526973724365, 0.14056119322776794, 0.7215888500213623],
    "sgd": [0.5616406798362732, -0.07081444561481476, 0.937705397605896],
    "sgd with momentum": [0.44972020387649536, -0.07194223999977112, 0.9737301468849182],
}


@pytest.mark.parametrize("name", MXNET)
def test_optimizers_take_mxnets_steps(name):
    kind, _, momentum = name.partition(" with ")
    given = {"optimizer": kind, "learning_rate": "0.1", "wd": "0.01", "num_models": "1", "use_bias": "false"}
    hp = parse(**given, use_lr_scheduler="false", **({"momentum": "0.9"} if momentum else {}))
    optimizer, gradients = Optimizer(Grid.build(hp), hp, 3), np.random.RandomState(3)
    parameters = np.array([[0.5], [-0.25], [1.0]])
    for _ in range(4):
        optimizer.update(parameters, gradients.normal(size=(3, 1)).astype(np.float32).astype(float))
    assert parameters[:, 0] == pytest.approx(MXNET[name], abs=2e-7)


@pytest.mark.parametrize(
    ("kind", "others"),
    [
        ("adam", {"momentum": "0.7"}),
        ("sgd", {"beta_1": "0.5", "beta_2": "0.5"}),
        ("rmsprop", {"momentum": "0.7", "beta_1": "0.5", "beta_2": "0.5"}),
    ],
)
def test_settings_of_another_optimizer_change_nothing(kind, others):
    moved = []
    for given in ({}, others):
        hp = parse(optimizer=kind, mini_batch_size="4", **given)
        optimizer, parameters = Optimizer(Grid.build(hp), hp, 2), np.ones((3, 32))
        for seed in range(3):
            optimizer.update(parameters, np.random.default_rng(seed).normal(size=(3, 32)))
        moved.append(parameters)
    assert np.array_equal(*moved) and not np.array_equal(moved[0], np.ones((3, 32)))


def test_models_with_different_optimizers_move_as_each_alone_would():
    hp, rng = multiclass(mini_batch_size="4", lr_scheduler_step="2"), np.random.default_rng(0)
    grid = Grid.build(hp)
    together, start = Optimizer(grid, hp, 2), rng.normal(size=(3, 28, 3))
    gradients = rng.normal(size=(5, 3, 28, 3))
    moved = start.reshape(3, 84).copy()
    for gradient in gradients:
        together.update(moved, gradient.reshape(3, 84).copy())
    moved = moved.reshape(3, 28, 3)
    for model in (0, 1, 3, 12, 27):
        alone = Grid(**{name: (column[model],) for name, column in vars(grid).items()})
        optimizer, parameters = Optimizer(alone, hp, 2), start[:, model].copy()
        for gradient in gradients:
            optimizer.update(parameters, gradient[:, model].copy())
        assert moved[:, model] == pytest.approx(parameters, rel=1e-12)


@pytest.mark.parametrize(
    ("rows", "batch", "points", "batches"),
    [
        (100_000, 1000, 10_000, 11),
        (100_000, 200, 10_000, 51),
        (1070, 100, 10_000, 10),
        (14, 4, 10_000, 3),
        (50, 8, 16, 3),
        (50, 8, 15, 2),
        (8, 8, 1, 1),
    ],
)
def test_the_scaler_reads_whole_batches_until_it_has_more_than_enough(rows, batch, points, batches):
    assert whole_batches(rows, batch, points) == batches


BEST, STOP = Verdict.IMPROVED, Verdict.STOP


@pytest.mark.parametrize(
    ("values", "verdicts"),
    [
        ([5], [BEST]),
        ([5, 4, 3, 2], [BEST, BEST, BEST, BEST]),
        ([5, 4.996], [BEST, 1]),
        ([5, 4.994], [BEST, BEST]),
        ([5, 5, 5, 5, 5], [BEST, 1, 2, 3, STOP]),
        # the bar falls with every epoch, improved or not
        ([5, 4.999, 4.998, 4.997, 4.9949], [BEST, 1, 2, 3, STOP]),
        # lower than the three before it, though not than the first: waiting begins anew
        ([1, 9, 8, 7, 6, 5], [BEST, 1, 2, 3, 0, 0]),
        ([1, 9, 9, 9, 8, 9, 9, 9], [BEST, 1, 2, 3, 0, 1, 2, 3]),
        ([1, 9, 9, 9, 8, 9, 9, 9, 9], [BEST, 1, 2, 3, 0, 1, 2, 3, STOP]),
        # within the three before it there is still the first
        ([1, 9, 8, 7], [BEST, 1, 2, 3]),
    ],
)
def test_early_stopping(values, verdicts):
    stopping = EarlyStopping(patience=3, tolerance=0.001)
    got = []
    for value in values:
        verdict = stopping.judge(value)
        got.append(stopping.waited if verdict is Verdict.WAIT else verdict)
    assert got == verdicts


def test_early_stopping_with_more_patience_or_tolerance():
    stopping = EarlyStopping(patience=1, tolerance=0.1)
    assert [stopping.judge(v) for v in (10, 9.5, 9.1)] == [BEST, Verdict.WAIT, STOP]
    stopping = EarlyStopping(patience=1, tolerance=0.1)
    assert [stopping.judge(v) for v in (10, 8.9, 8.0)] == [BEST, BEST, BEST]


def test_a_negated_score_may_stay_the_same_and_still_improve():
    stopping = EarlyStopping(patience=1, tolerance=0.001)
    assert [stopping.judge(-v) for v in (0.9, 0.9, 0.8995)] == [BEST, BEST, BEST]
    assert [stopping.judge(-v) for v in (0.89, 0.88)] == [Verdict.WAIT, STOP]
