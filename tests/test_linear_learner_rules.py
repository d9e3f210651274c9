"""The rules inside Linear Learner: hyperparameters, grid, first weights, schedule, losses, early stopping."""

import numpy as np
import pytest
from sagemaker.amazon.linear_learner import LinearLearner

from utils.local_aws.linear_learner.early_stopping import EarlyStopping, Verdict
from utils.local_aws.linear_learner.errors import CustomerError
from utils.local_aws.linear_learner.grid import Grid, first_weights
from utils.local_aws.linear_learner.hyperparameters import DEFAULTS, RULES, Hyperparameters
from utils.local_aws.linear_learner.losses import LOSSES
from utils.local_aws.linear_learner.optimizer import Adam, Schedule
from utils.local_aws.linear_learner.scaler import whole_batches


def parse(**given):
    return Hyperparameters.parse({"predictor_type": "regressor"} | given)


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
    "loss": ("auto squared_loss absolute_loss", "mse Squared_loss logloss 1"),
    "optimizer": ("auto adam", "adagrad Adam 1"),
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
        "accuracy f_beta f1 precision_at_target_recall recall_at_target_precision "
        "loss_function cross_entropy_loss",
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
    sdk = {
        attribute.name
        for attribute in vars(LinearLearner).values()
        if type(attribute).__name__ == "Hyperparameter"
    }
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
    assert (hp.beta_1, hp.beta_2, hp.bias_lr_mult, hp.bias_wd_mult) == (0.9, 0.999, 10, 0)
    assert hp.normalize_data and hp.normalize_label and hp.unbias_data and hp.unbias_label
    hp = parse(use_bias="False")
    assert not (hp.unbias_data or hp.unbias_label)
    hp = parse(use_bias="False", unbias_data="True")
    assert hp.unbias_data and not hp.unbias_label


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"loss": "quantile_loss"}, "loss=quantile_loss is not implemented in the embedded account"),
        ({"loss": "huber_loss"}, "loss=huber_loss is not implemented"),
        ({"loss": "eps_insensitive_squared_loss"}, "not implemented"),
        ({"loss": "eps_insensitive_absolute_loss"}, "not implemented"),
        ({"optimizer": "sgd"}, "optimizer=sgd is not implemented"),
        ({"optimizer": "rmsprop"}, "optimizer=rmsprop is not implemented"),
        ({"predictor_type": "binary_classifier"}, "predictor_type=binary_classifier is not implemented"),
        ({"predictor_type": "multiclass_classifier", "num_classes": "3"}, "not implemented"),
        ({"predictor_type": "multiclass_classifier"}, "num_classes must be from 3"),
        ({"loss": "logistic"}, "Loss logistic cannot be used with predictor_type regressor"),
        ({"_log_level": "debug"}, "_log_level=debug is not implemented"),
    ],
)
def test_what_cannot_be_trained_is_refused_by_name(given, words):
    with pytest.raises(CustomerError, match=words):
        parse(**given)


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


def test_first_weights_are_the_mersenne_twisters():
    weights = first_weights(2, 32, parse())
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
    weights = first_weights(130, 2, parse(init_scale="0.5"))
    streams = [np.random.RandomState(seed) for seed in range(3)]
    for model in range(2):
        pieces = [s.bytes(4 * n) for s, n in zip(streams, (44, 44, 42), strict=True)]
        expected = np.frombuffer(b"".join(pieces), "<u4") / 2**32 - 0.5
        assert weights[:, model] == pytest.approx(expected, abs=1e-7)


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
    adam, grid = Adam(Grid.build(hp), hp, 2), np.random.default_rng(0)
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


@pytest.mark.parametrize(("name", "scale"), [("squared_loss", 2), ("absolute_loss", 1)])
def test_slopes_are_the_derivatives_of_the_losses(name, scale):
    errors = np.random.default_rng(0).normal(size=(7, 3)) + 0.5
    loss, step = LOSSES[name], 1e-6
    slope = loss.slope(errors.copy(), np.empty_like(errors))
    for row in range(7):
        change = np.zeros((7, 1))
        change[row] = step
        numeric = 7 * (loss.mean(errors + change) - loss.mean(errors - change)) / (2 * step)
        assert numeric == pytest.approx(scale * slope[row], rel=1e-6)


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
