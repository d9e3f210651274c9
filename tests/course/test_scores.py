"""The scores against arithmetic done here, intervals against SciPy's, what a notebook keeps, and the figures' words."""

import base64
import io
import itertools
import math
from pathlib import Path

import matplotlib
import numpy as np
import pandas as pd
import pytest
from matplotlib.colors import to_hex
from PIL import Image

from support.colours import DARK, LIGHT, contrast, lab
from utils import plots
from utils.scoring import interval, paired_interval, scores

matplotlib.use("agg")
TRUE, GUESS = [40_000, 60_000, 80_000, 100_000], [43_000, 59_000, 80_000, 94_000]
RMSE, MAE, R2 = math.sqrt((3**2 + 1 + 6**2) / 4) * 1000, 2500, 1 - (9 + 1 + 36) / (900 + 100 + 100 + 900)


@pytest.fixture
def shown(monkeypatch):
    """What is displayed: a list of (table, metadata) and (figure, alternative text)."""
    seen = []

    def keep(what, metadata=None):
        seen.append((what, metadata))

    monkeypatch.setattr("utils.scoring.display", keep)
    monkeypatch.setattr("utils.plots.publish", keep)
    return seen


def test_scores_are_in_the_unit_of_the_target(shown):
    assert scores(TRUE, GUESS, "any") == pytest.approx({"rmse": RMSE, "mae": MAE, "r2": R2})


@pytest.mark.parametrize("shape", [list, np.array, pd.Series, lambda v: np.array(v, "f4").reshape(-1, 1)])
def test_any_column_of_numbers_is_scored(shown, shape):
    assert scores(shape(TRUE), shape(GUESS), "any")["mae"] == pytest.approx(MAE)


def test_the_table_is_shown_once_as_dollars(shown):
    scores(TRUE, GUESS, model="a line")
    [(table, metadata)] = shown
    assert table.to_dict("index") == {"a line": {"RMSE": "$3,391", "MAE": "$2,500", "R²": "0.977"}}
    assert metadata is None


def test_mape_is_a_share_of_each_true_value(shown):
    share = (3 / 40 + 1 / 60 + 0 / 80 + 6 / 100) / 4
    assert scores(TRUE, GUESS, "a line", mape=True)["mape"] == pytest.approx(share)
    [(table, _)] = shown
    assert list(table) == ["RMSE", "MAE", "MAPE", "R²"] and table["MAPE"].tolist() == ["3.8%"]


def test_mape_of_a_true_value_of_nothing_is_refused(shown):
    with pytest.raises(ValueError, match=r"MAPE divides by the true value, and one of them is 0."):
        scores([0, 1], [1, 1], "any", mape=True)
    assert scores([0, 1], [1, 1], "any")["mae"] == 0.5


def test_show_can_be_off(shown):
    assert scores(TRUE, GUESS, "any", show=False)["mae"] == MAE and shown == []


def test_a_notebook_keeps_the_numbers_as_metadata():
    import nbformat
    from nbclient import NotebookClient

    source = f"from utils.scoring import scores\nresult = scores({TRUE}, {GUESS}, 'a line', series='salary')"
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(source)])
    NotebookClient(notebook, kernel_name="python3").execute()
    nbformat.validate(notebook)
    [output] = notebook.cells[0].outputs
    assert output.metadata["course"] == {
        "series": "salary", "model": "a line", "rmse": round(RMSE, 1), "mae": MAE, "r2": 0.977,
    }  # fmt: skip
    assert "$3,391" in output.data["text/plain"]


def test_the_settings_of_a_model_are_kept_as_sagemaker_keeps_them(shown):
    settings = {"max_depth": 4, "eta": 0.1, "objective": "reg:squarederror"}
    scores(TRUE, GUESS, "trees", series="insurance", settings=settings)
    scores(TRUE, GUESS, "a line", series="insurance")
    (_, trees), (_, line) = shown
    assert trees["course"]["settings"] == {"max_depth": "4", "eta": "0.1", "objective": "reg:squarederror"}
    assert "settings" not in line["course"]


@pytest.mark.parametrize(("true", "guess", "said"), [
    ([1, 2, 3], [1, 2], "3 true values and 2 predictions cannot be compared."),
    ([1], [1], "There are 1 rows to score; R² needs at least 2."),
    ([], [], "There are 0 rows to score"),
    ([1, 2], [1, math.nan], "Only finite numbers can be scored"),
    ([1, math.inf], [1, 2], "Only finite numbers can be scored"),
])  # fmt: skip
def test_what_cannot_be_scored_is_refused(shown, true, guess, said):
    with pytest.raises(ValueError, match=said):
        scores(true, guess, "any")
    assert shown == []


DRAWS = 5_000
PEOPLE = np.random.default_rng(1)
BILLS = PEOPLE.gamma(1, 13_000, 268)
ONE, OTHER = (BILLS + PEOPLE.normal(0, spread, 268) for spread in (4_000, 3_500))


def rmse(errors, axis=None):
    return np.sqrt((errors**2).mean(axis=axis))


def mae(errors, axis=None):
    return np.abs(errors).mean(axis=axis)


def of_scipy(data, statistic, level=0.95) -> tuple[float, float]:
    from scipy.stats import bootstrap

    found = bootstrap(
        data, statistic, paired=True, confidence_level=level, method="percentile", n_resamples=DRAWS, rng=7
    )
    return tuple(found.confidence_interval)


@pytest.mark.parametrize("statistic", [rmse, mae, np.mean])
@pytest.mark.parametrize("level", [0.5, 0.95])
def test_an_interval_is_that_of_scipy(statistic, level):
    errors = ONE - BILLS
    ours = interval(errors, statistic, draws=DRAWS, level=level)
    low, high = of_scipy((errors,), statistic, level)
    assert ours == pytest.approx((low, high), abs=(high - low) / 15)


def test_an_interval_keeps_the_numbers_of_a_row_together():
    def ratio(bills, guess, axis=-1):
        return bills.sum(axis=axis) / guess.sum(axis=axis)

    ours = interval(np.column_stack([BILLS, ONE]), lambda rows: rows[:, 0].sum() / rows[:, 1].sum(), draws=DRAWS)
    low, high = of_scipy((BILLS, ONE), ratio)
    assert ours == pytest.approx((low, high), abs=(high - low) / 15)
    assert ours[0] < BILLS.sum() / ONE.sum() < ours[1]


@pytest.mark.parametrize(("name", "metric"), [("rmse", rmse), ("mae", mae)])
def test_a_paired_interval_is_that_of_scipy(name, metric):
    def larger_by(bills, one, other, axis=-1):
        return metric(one - bills, axis) - metric(other - bills, axis)

    ours = paired_interval(BILLS, ONE, OTHER, name, draws=DRAWS)
    low, high = of_scipy((BILLS, ONE, OTHER), larger_by)
    assert ours == pytest.approx((low, high), abs=(high - low) / 15)
    assert ours[0] < metric(ONE - BILLS) - metric(OTHER - BILLS) < ours[1]


def test_what_is_hard_for_both_models_cancels_in_a_pair():
    low, high = paired_interval(BILLS, ONE, ONE + 100)
    alone = interval(ONE - BILLS, rmse)
    assert high - low < (alone[1] - alone[0]) / 4
    assert paired_interval(BILLS, ONE, ONE) == (0, 0)


def test_an_interval_is_the_same_each_time_and_another_with_another_seed():
    errors = pd.Series(ONE - BILLS)
    assert interval(errors, rmse) == interval(errors.tolist(), rmse) != interval(errors, rmse, seed=1)
    assert paired_interval(BILLS, ONE, OTHER) == paired_interval(pd.Series(BILLS), ONE.reshape(-1, 1), OTHER)
    assert paired_interval(BILLS, ONE, OTHER) != paired_interval(BILLS, ONE, OTHER, seed=1)


@pytest.mark.parametrize(("call", "said"), [
    (lambda: interval([1], np.mean), "There are 1 rows to draw from; an interval needs at least 2."),
    (lambda: interval([1, math.nan], np.mean), "Only finite numbers can be drawn"),
    (lambda: interval([1, 2], np.mean, level=95), "The level is a share between 0 and 1, such as 0.95, and not 95."),
    (lambda: paired_interval([1, 2], [1, 2], [1]), "2 true values, 2 and 1 predictions cannot be compared."),
    (lambda: paired_interval([1, 2], [1, 2], [1, 3], "r2"), "The metric is one of rmse, mae, and not r2."),
])  # fmt: skip
def test_what_has_no_interval_is_refused(call, said):
    with pytest.raises(ValueError, match=said):
        call()


YEARS = pd.Series([1.0, 2.0, 4.0], name="YearsExperience")
PAY = pd.Series([40_000.0, 52_000.0, 70_000.0], name="Salary")
SMOKER = pd.Series(["yes", "no", "yes"], name="smoker")
COEFFICIENTS = pd.DataFrame({"alpha 1": [300.0, -20.0], "alpha 10": [250.0, 0.0]}, index=["age", "sex_male"])
for values in (YEARS, PAY):
    values.attrs["units"] = {"YearsExperience": "years", "Salary": "dollars a year"}


@pytest.mark.parametrize(("draw", "x", "y"), [
    (lambda text: plots.against_truth(PAY, {"baseline": PAY + 1}, text),
     "true Salary (dollars a year)", "predicted Salary (dollars a year)"),
    (lambda text: plots.histogram(PAY, None, text), "Salary (dollars a year)", "rows"),
    (lambda text: plots.spread(PAY, text), "Salary (dollars a year)", ""),
    (lambda text: plots.histogram(PAY, SMOKER, text), "Salary (dollars a year)", "rows"),
    (lambda text: plots.shares({"past": YEARS, "new": YEARS + 1}, [0, 2, 6], text),
     "YearsExperience (years)", "share of the group (%)"),
    (lambda text: plots.scatter(YEARS, PAY, text, groups=SMOKER),
     "YearsExperience (years)", "Salary (dollars a year)"),
    (lambda text: plots.scatter(YEARS, PAY, text, {"by hand": (9_000, 30_000)}, gaps=True),
     "YearsExperience (years)", "Salary (dollars a year)"),
    (lambda text: plots.residuals(YEARS, PAY - PAY.mean(), text),
     "YearsExperience (years)", "true − predicted\nSalary (dollars a year)"),
    (lambda text: plots.curves(pd.DataFrame({"train": [3.0, 2.0]}, pd.Index([1, 2], name="epoch")), "RMSE", text),
     "epoch", "RMSE"),
    (lambda text: plots.dots(COEFFICIENTS, "dollars per year", text), "dollars per year", ""),
])  # fmt: skip
def test_a_figure_has_units_a_caption_and_alternative_text(shown, draw, x, y):
    draw("Pay rises with experience.")
    [(figure, alt)] = shown
    axes = figure.axes[0]
    assert (axes.get_xlabel(), axes.get_ylabel()) == (x, y)
    assert axes.get_title(loc="left") == "Pay rises with experience." and "Pay rises" not in alt
    assert f"Horizontal axis: {x}" in alt and (not y or f"Vertical axis: {' '.join(y.split())}" in alt)
    assert matplotlib.pyplot.get_fignums() == []


def test_the_alternative_text_says_how_far_the_axes_reach_what_is_drawn_and_its_shape(shown):
    plots.scatter(YEARS, PAY, "caption", {"by hand": (9_000, 30_000)}, alt="The dots rise.")
    assert shown[0][1] == (
        "Horizontal axis: YearsExperience (years), 1 to 4. Vertical axis: Salary (dollars a year), 39,000 to 70,000. "
        "Drawn: by hand. The dots rise."
    )


def test_intervals_are_drawn_in_their_order_beside_what_is_aimed_at(shown):
    plots.intervals({"smokers": (1.01, 1.04, 1.08), "others": (0.86, 0.91, 0.97)}, 1, "bills / predictions", "caption")
    figure, alt = shown[0]
    axes = figure.axes[0]
    assert labels(axes.yaxis) == ["others", "smokers"]  # from below
    assert [list(line.get_xdata()) for line in axes.lines] == [[1, 1], [0.86, 0.97], [0.91], [1.01, 1.08], [1.04]]
    assert "bills / predictions, 0.86 to 1.08" in alt


def test_dots_show_every_number_of_a_table(shown):
    table = pd.DataFrame({"line": [3, 2], "wd = 1": [1, 0]}, index=["age", "bmi"])
    plots.dots(table, "dollars", "caption")
    axes = shown[0][0].axes[0]
    drawn = {dots.get_label(): dots.get_offsets()[:, 0].tolist() for dots in axes.collections}
    assert drawn == {"line": [2, 3], "wd = 1": [0, 1]} and labels(axes.yaxis) == ["bmi", "age"]


def test_trials_lie_on_a_logarithmic_scale_and_the_lowest_stands_out(shown):
    rate, error = pd.Series([0.004, 0.2, 0.02], name="learning_rate"), pd.Series([600, 500, 400], name="RMSE (dollars)")
    plots.trials(rate, error, "caption")
    axes = shown[0][0].axes[0]
    tried, best = (dots.get_offsets().tolist() for dots in axes.collections)
    assert tried == [[0.004, 600], [0.2, 500], [0.02, 400]] and best == [[0.02, 400]]
    assert axes.get_xscale() == "log" and labels(axes.xaxis) == ["0.001", "0.01", "0.1", "1"]


def test_curves_are_told_apart_by_colour_or_dashes_and_the_mark_is_none_of_them(shown):
    table = pd.DataFrame({name: [3.0, 2.0, 4.0] for name in "abcdefghi"}, pd.Index([1, 2, 3], name="epoch"))
    plots.curves(table, "RMSE (dollars)", "caption", mark=2)
    axes = shown[0][0].axes[0]
    lines = [line for line in axes.lines if not line.get_label().startswith("_")]
    assert [line.get_label() for line in lines] == list("abcdefghi")
    assert len({(line.get_color(), line.get_linestyle(), str(line._dash_pattern)) for line in lines}) == 9
    [mark] = [line for line in axes.lines if line not in lines]
    assert set(mark.get_xdata()) == {2} and mark.get_color() == plots.GREY


# ---- colours


@pytest.mark.parametrize(
    ("sight", "least"), [("usual", 60), ("protanopia", 35), ("deuteranopia", 35), ("tritanopia", 12)]
)
def test_everybody_tells_the_colours_of_data_apart(sight, least):
    colours = [lab(colour, sight) for colour in (plots.BLUE, plots.ORANGE, plots.GREEN)]
    assert min(np.linalg.norm(a - b) for a, b in itertools.combinations(colours, 2)) >= least
    grey = lab(plots.GREY, sight)
    assert min(np.linalg.norm(grey - colour) for colour in colours) >= 12


@pytest.mark.parametrize("page", [LIGHT, *DARK])
def test_colours_are_seen_on_a_light_and_on_a_dark_page(page):
    assert all(contrast(colour, page) >= 3 for colour in (plots.BLUE, plots.ORANGE, plots.GREEN))
    assert contrast(plots.GREY, page) >= 4.2  # of text


def test_a_picture_is_sharp_small_and_without_a_background(monkeypatch):
    pictures = []
    monkeypatch.setattr("utils.plots.axes.display", lambda data, raw, metadata: pictures.append((data, metadata)))
    plots.scatter(YEARS, PAY, "caption", {"by hand": (9_000, 30_000)}, alt="The dots rise.")
    [(data, metadata)] = pictures
    assert data["text/plain"] == "<Figure size 640x400 with 1 Axes>"
    seen = metadata["image/png"]
    assert seen["alt"].endswith("The dots rise.")
    content = base64.b64decode(data["image/png"])
    picture = Image.open(io.BytesIO(content))
    assert picture.width // 2 == seen["width"] <= 640 and picture.height // 2 == seen["height"] <= 400
    assert len(content) < 30_000
    pixels = np.asarray(picture.convert("RGBA"))
    assert (pixels[0, 0, 3], pixels[-1, -1, 3]) == (0, 0)
    seen = pixels[pixels[..., 3] > 250][:, :3].astype(int)
    for colour in (plots.BLUE, plots.ORANGE, plots.GREY):
        wanted = np.array(matplotlib.colors.to_rgb(colour)) * 255
        assert np.abs(seen - wanted).max(axis=1).min() <= 8, f"{colour} was lost"


def test_the_line_is_drawn_where_its_numbers_say(shown):
    plots.scatter(YEARS, PAY, "caption", {"by hand": (9_000, 30_000), "fitted": (10_000, 31_000)}, gaps=True)
    axes = shown[0][0].axes[0]
    drawn = {line.get_label(): line.get_ydata().tolist() for line in axes.lines}
    assert drawn == {"by hand": [39_000, 66_000], "fitted": [41_000, 71_000]}
    [gaps] = [c for c in axes.collections if hasattr(c, "get_segments")]
    assert [tuple(end[1] for end in segment) for segment in gaps.get_segments()] == [
        (40_000, 39_000), (52_000, 48_000), (70_000, 66_000),
    ]  # fmt: skip


def test_the_colour_of_a_group_does_not_depend_on_the_order_of_the_rows(shown):
    for rows in (slice(None), slice(None, None, -1), slice(1, None)):
        plots.scatter(YEARS[rows], PAY[rows], "caption", groups=SMOKER[rows])
        dots = shown.pop()[0].axes[0].collections[0]
        found = zip(dots.get_offsets()[:, 0], dots.get_facecolors()[:, :3], strict=True)
        drawn = {year: to_hex(colour) for year, colour in found}
        smokes = dict(zip(YEARS[rows], SMOKER[rows] == "yes", strict=True))
        assert drawn == {year: plots.ORANGE if smoker else plots.BLUE for year, smoker in smokes.items()}


def test_a_histogram_stacks_its_groups(shown):
    plots.histogram(PAY, SMOKER, "caption")
    axes = shown[0][0].axes[0]
    assert sum(bar.get_height() for bar in axes.patches) == 3
    assert sum(bar.get_height() for bar in axes.patches if to_hex(bar.get_facecolor()) == plots.ORANGE) == 2


def test_groups_of_any_size_are_drawn_as_shares(shown):
    plots.shares({"past": YEARS, "new": pd.concat([YEARS + 1] * 2)}, [0, 2, 6], "caption")
    drawn = {steps.get_label(): steps.get_data() for steps in shown[0][0].axes[0].patches}
    assert list(drawn["past"].edges) == list(drawn["new"].edges) == [0, 2, 6]
    assert drawn["past"].values == pytest.approx([100 / 3, 200 / 3]) and drawn["new"].values == pytest.approx([0, 100])


def labels(axis) -> list[str]:
    """The words along an axis, between its ends."""
    low, high = sorted(axis.get_view_interval())
    ticks = zip(axis.get_majorticklocs(), axis.get_majorticklabels(), strict=True)
    return [text.get_text() for at, text in ticks if low <= at <= high]


def number(text: str) -> float:
    return float(text.replace("−", "-").replace(",", ""))


RANDOM = np.random.default_rng(7).random(50)


@pytest.mark.parametrize(("values", "offset"), [
    (RANDOM, ""), (RANDOM * 1.3e6, ""), (-500 * RANDOM, ""), (RANDOM - 0.5, ""), (RANDOM * 7, ""),
    (RANDOM * 0.02, ""), (RANDOM * 1e-6, "×10⁻⁶"), (RANDOM * 1e9, "×10⁹"), (RANDOM * 3e38, "×10³⁸"),
    (1e9 + RANDOM, "×10⁹"), (1e4 + RANDOM / 100, ""),
])  # fmt: skip
def test_ticks_are_distinct_and_of_one_form(shown, values, offset):
    plots.against_truth(pd.Series(values, name="x"), {"a": values}, "caption")
    for axis in (shown[0][0].axes[0].xaxis, shown[0][0].axes[0].yaxis):
        texts = labels(axis)
        assert len(texts) == len(set(texts)) >= 2
        assert {len(text.partition(".")[2]) for text in texts} == {len(texts[0].partition(".")[2])}
        assert "e" not in "".join(texts) and "−0" not in [text.rstrip("0.") for text in texts if number(text) == 0]
        assert axis.get_major_formatter().get_offset() == offset
        power = 10.0 ** number(offset[3:].translate(str.maketrans("⁻⁰¹²³⁴⁵⁶⁷⁸⁹", "-0123456789"))) if offset else 1
        step = np.diff(axis.get_majorticklocs()).min()
        inside = [
            at
            for at in axis.get_majorticklocs()
            if min(axis.get_view_interval()) <= at <= max(axis.get_view_interval())
        ]
        assert np.allclose([number(text) * power for text in texts], inside, rtol=0, atol=step / 50)


def test_a_million_stands_beside_eight_hundred_thousand(shown):
    plots.against_truth(pd.Series([0.0, 1e6], name="x"), {"a": [0.0, 1e6]}, "caption")
    assert labels(shown[0][0].axes[0].xaxis) == ["0", "200,000", "400,000", "600,000", "800,000", "1,000,000"]


def test_a_share_has_a_decimal(shown):
    plots.histogram(pd.Series([0.0, 1.0, 0.5], name="x"), None, "caption")
    axes = shown[0][0].axes[0]
    assert labels(axes.xaxis) == ["0.0", "0.2", "0.4", "0.6", "0.8", "1.0"] and labels(axes.yaxis) == ["0", "1"]


@pytest.mark.parametrize("name", ["Salary", "age", "bmi", "charges"])
def test_a_reader_s_column_borrows_no_unit(shown, name):
    values = pd.Series([1.0, 2.0, 4.0], name=name)
    plots.against_truth(values, {"a": values}, "caption")
    axes = shown[0][0].axes[0]
    assert (axes.get_xlabel(), axes.get_ylabel()) == (f"true {name}", f"predicted {name}")


def test_a_name_with_dollars_is_no_formula(shown):
    plots.histogram(pd.Series([1.0, 2.0], name="price ($) of $x_1$"), None, "caption")
    label = shown[0][0].axes[0].xaxis.label
    assert label.get_text() == "price ($) of $x_1$" and not label.get_parse_math()


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("name", ["가격 (만원)", "價格", "السعر", "Цена", "état"])
def test_a_name_is_drawn_in_a_font_that_has_its_letters_or_a_sentence_says_that_none_has(shown, capsys, name):
    from matplotlib.font_manager import FontProperties, findfont, get_font

    plots.histogram(pd.Series([1.0, 2.0], name=name), None, "caption")
    figure = shown[0][0]
    figure.canvas.draw()
    label = figure.axes[0].xaxis.label
    fonts = [findfont(FontProperties(family=[family])) for family in label.get_fontfamily()]
    have = {chr(code) for font in fonts for code in get_font(font).get_charmap()}
    assert set(label.get_text()) <= have
    said = capsys.readouterr().out
    assert (label.get_text() == name) is (said == "")
    if said:
        assert said.startswith(f"No font on this machine has all letters of {name!r}, so the figure leaves them out")
        assert "…" in label.get_text() and said.count("\n") == 1


def test_a_font_that_is_installed_later_is_found(shown, monkeypatch, tmp_path):
    """A font of another name that has the letters: Matplotlib's own of mathematics, which is not in its list here."""
    from matplotlib import font_manager

    from utils.plots import axes as module

    manager = font_manager.fontManager
    plain = [font for font in manager.ttflist if font.name == "STIXNonUnicode" and font.style == "normal"]
    found = min(plain, key=lambda font: font.weight)
    path = str(tmp_path / "later.ttf")
    (tmp_path / "later.ttf").write_bytes(Path(found.fname).read_bytes())
    monkeypatch.setattr(manager, "ttflist", [font for font in manager.ttflist if font.name == "DejaVu Sans"])
    monkeypatch.setattr(font_manager, "findSystemFonts", lambda: [path])
    letter = chr(max(set(font_manager.get_font(path).get_charmap())))
    module._fonts.cache_clear()
    assert module._fonts(frozenset(letter)) == (["STIXNonUnicode"], set())
    module._fonts.cache_clear()
