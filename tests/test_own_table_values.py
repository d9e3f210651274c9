"""What the template says of values that could be read in two ways: never a number that is silently wrong."""

import re

import pytest
from test_own_table import ROWS, mend, refusal, table

NUMBERS = [row * 37 % 101 + 3 for row in range(ROWS)]


def written(*forms: str) -> list[str]:
    """Numbers, each in one of these forms, which take turns."""
    return [forms[row % len(forms)].format(number) for row, number in enumerate(NUMBERS)]


# ---- units


@pytest.mark.parametrize(("forms", "units"), [
    (("{} kg", "{}000 g"), "'kg' 30 times, 'g' 30 times"), (("{}.5 km", "{}00 m"), "'km' 30 times, 'm' 30 times"),
    (("{}%", "0.{}"), "'%' 30 times, none 30 times"), (("${}", "€{}"), "'$' 30 times, '€' 30 times"),
    (("{} min", "1.{} hours"), "'min' 30 times, 'hour' 30 times"), (("{}k", "{} kg"), "none 30 times, 'kg' 30 times"),
    (("{} °C", "{} °F"), "'°C' 30 times, '°F' 30 times"), (("{} B", "{} KB"), "'B' 30 times, 'KB' 30 times"),
    (("{} m²", "{} m2"), "'m²' 30 times, 'm2' 30 times"), (("{} USD", "{} 원"), "'USD' 30 times, '원' 30 times"),
])  # fmt: skip
def test_several_units_are_named_and_not_dropped(forms, units):
    own = table(x=written(*forms))
    for lines in (("x", ["size"]), ("price", ["x"])):
        said = refusal(own, *lines)
        assert f"is none; several units ({units}): bring them to one" in said and "pd.to_numeric" not in said


@pytest.mark.parametrize(("forms", "factors"), [
    (("{}만원", "{}0000원"), (1e4, 1e4)), (("{}억원", "{}만원"), (1e8, 1e4)), (("{} Mio. €", "{} €"), (1e6, 1)),
    (("${}k", "${}"), (1e3, 1)), (("{}k USD", "{} USD"), (1e3, 1)), (("{}k", "{}m"), (1e3, 1e6)),
    (("{} m", "{} bn"), (1e6, 1e9)), (("${}m", "${}m"), (1e6, 1e6)), (("{} m", "{} m"), (1, 1)),
    (("{} hours", "{} Hour"), (1, 1)), (("{} lbs.", "{} lb"), (1, 1)), (("{} m²", "{} m²"), (1, 1)),
    (("({} €)", "{} €"), (-1, 1)), (("{}k", "{}"), (1e3, 1)), (("{}万円", "{}円"), (1e4, 1)),
])  # fmt: skip
def test_one_unit_and_its_multiples_are_read(forms, factors):
    own = table(x=written(*forms))
    mended = mend(refusal(own, "x", ["size"]), own)
    expected = [number * factors[row % 2] for row, number in enumerate(NUMBERS)]
    assert mended["x"].tolist() == pytest.approx(expected)


@pytest.mark.parametrize("unit", ["kg", "m", "$", "°C"])
def test_numbers_without_the_unit_of_the_others_are_pointed_out(unit):
    own = table(x=written(f"{{}} {unit}", "{}"))
    said = refusal(own, "x", ["size"])
    assert f"; if the numbers without {unit!r} are of that unit, too, write " in said
    assert mend(said, own)["x"].tolist() == NUMBERS


def test_what_a_recipe_will_not_read_is_counted():
    own = table(x=["soon", *written("{} kg")[1:]])
    assert "; what is no number, such as 'soon' (1 in all), will count as missing; write " in refusal(
        own, "x", ["size"]
    )


# ---- marks


@pytest.mark.parametrize("space", [" ", "\u00a0", "\u202f", "'", "’", "."])
@pytest.mark.parametrize("forms", [("{}{}234,50",), ("{}{}234,50", "{}"), ("{}{}234,50", "{}{}234"), ("{}{}234,50 €",)])
def test_a_space_for_the_thousands_goes_with_a_decimal_comma(space, forms):
    texts = [forms[row % len(forms)].replace("{}{}", f"{{}}{space}").format(n) for row, n in enumerate(NUMBERS)]
    own = table(x=[text if "," in text or "234" in text else f"{text},5" for text in texts])
    true = [float(re.sub(f"[{space} €]", "", text).replace(",", ".")) for text in own["x"]]
    for lines in (("x", ["size"]), ("price", ["x"])):
        said = refusal(own, *lines)
    assert mend(refusal(own, "x", ["size"]), own)["x"].tolist() == true, said


def test_dots_are_thousands_beside_a_decimal_comma():
    own = table(x=["1.026", "350,5", "12.500"] * 20)
    assert mend(refusal(own, "x", ["size"]), own)["x"].tolist() == [1026, 350.5, 12500] * 20
