"""What the template says of values that could be read in two ways: never a number that is silently wrong."""

import re

import numpy as np
import pandas as pd
import pytest

from support.own_table import ROWS, mend, refusal, table
from utils.own_table import check
from utils.own_table.reading import advice, read

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


def test_thousands_that_were_read_as_decimals_are_pointed_out(tmp_path):
    true = [row * 53 % 60 * 31 + 14 for row in range(ROWS)]  # to 1,843
    texts = [f"{number:,}".replace(",", ".") for number in true]
    pd.DataFrame({"pay": texts, "age": NUMBERS}).to_csv(tmp_path / "german.csv", index=False)
    for lines in (("pay", ["age"]), ("age", ["pay"])):
        (note,) = check(read(tmp_path / "german.csv"), *lines).notes
        assert note.startswith("'pay' has whole numbers below 1000 beside others with three decimals, such as 1.")
    options = re.search(r"write (.+) in pd\.read_csv\.$", note)[1]
    own = eval(f"pd.read_csv(path, {options})", {"pd": pd, "path": tmp_path / "german.csv"})
    assert own["pay"].tolist() == true and check(own, *lines).notes == []


@pytest.mark.parametrize("values", [
    [row * 37 % 101 / 1000 + 1 for row in range(ROWS)], [row / 8 for row in range(ROWS)], NUMBERS,
    [row % 7 if row % 3 else row * 37 % 101 / 1000 for row in range(ROWS)],
    [350.0 if row % 3 else 1026.512 + row for row in range(ROWS)],
])  # fmt: skip
def test_decimals_that_are_decimals_are_left_alone(values):
    assert check(table(x=values), "price", ["x"]).notes == []


@pytest.mark.parametrize(("form", "factor"), [("{} kg", 1), ("{}M", 1e6), ("−{}", -1), ("{} €", 1000)])
def test_three_decimals_of_a_unit_are_decimals_and_of_money_thousands(form, factor):
    true = [1.026 + number / 1000 for number in NUMBERS]
    own = table(x=[form.format(f"{number:.3f}") for number in true])
    mended = mend(refusal(own, "x", ["size"]), own)
    assert mended["x"].tolist() == pytest.approx([number * factor for number in true])


# ---- rows that end in a separator


@pytest.mark.filterwarnings("ignore:Length of header")
@pytest.mark.parametrize("end", [",", ",,"])
@pytest.mark.parametrize("first", ["{}", "town {}"])
def test_columns_that_have_moved_are_told(tmp_path, first, end):
    rows = [f"{first.format(row + 1)},{number},{number * row % 7}{end}" for row, number in enumerate(NUMBERS)]
    (tmp_path / "my.csv").write_text("\n".join(["a,b,c", *rows]))
    said = refusal(tmp_path / "my.csv", "c", ["b"])
    assert said.startswith(f"table has rows named {read(tmp_path / 'my.csv').index[0]}, … and nothing in its last ")
    assert "Write pd.read_csv(…, index_col=False); or, if 'c' really is empty, " in said
    own = pd.read_csv(tmp_path / "my.csv", index_col=False)
    assert check(own, "b", ["a", "c"]).rows["b"].tolist() == NUMBERS


def test_rows_that_were_chosen_have_not_moved():
    own = table(gap=np.nan)[lambda each: each["town"] != "b"]
    again = {"table": own}
    exec(re.search(r"really is empty, (.+)\.$", refusal(own, "price", ["size"]))[1], again)
    assert check(again["table"], "price", ["size"]).rows["price"].tolist() == own["price"].tolist()
    assert check(own.drop(columns="gap"), "price", ["size"]).rows["price"].tolist() == own["price"].tolist()


# ---- dates as numbers

DAYS = (
    pd.Series(pd.date_range("2020", periods=ROWS, freq="13D")[::-1])
    .sample(frac=1, random_state=0)
    .reset_index(drop=True)
)
STAMPS = {"%Y%m%d": DAYS.dt.strftime("%Y%m%d").astype(int), "%Y%m": DAYS.dt.strftime("%Y%m").astype(int)} | {
    unit: DAYS.astype("datetime64[ns]").astype("int64") // 10**power
    for unit, power in {"s": 9, "ms": 6, "us": 3, "ns": 0}.items()
}


@pytest.mark.parametrize("step", [100_000, 500_000, 25_000_000])
def test_round_amounts_of_a_billion_are_no_dates(step):
    revenue = [1_000_000_000 + step * number for number in NUMBERS]
    checked = check(table(x=revenue), "x", ["size"])
    assert checked.rows["x"].tolist() == revenue and checked.notes == []


@pytest.mark.parametrize("kind", STAMPS)
def test_dates_as_numbers_are_dates(kind):
    for values in (STAMPS[kind], STAMPS[kind].astype(float).mask(DAYS.index == 3), STAMPS[kind].astype(str)):
        own = table(x=values)
        said = refusal(own, "x", ["size"])
        assert said.startswith(f"target = 'x' holds dates as numbers, such as {STAMPS[kind][0]}, and a regression")
        for pattern in (r"as in (.+)\.$", r"nevertheless, write (.+); else"):
            scope = {"pd": pd, "table": own.copy()}
            exec(re.search(pattern, said)[1], scope)
            assert check(scope["table"], "x", ["size"]).target == "x"
    checked = check(table(x=STAMPS[kind]), "price", ["x"])
    assert checked.numbers == ["x"] and checked.notes[0].startswith("'x' holds dates as numbers; pd.to_datetime(")
    months = eval(re.search(r"; (pd.+) makes", checked.notes[0])[1], {"pd": pd, "table": table(x=STAMPS[kind])})
    assert months.tolist() == DAYS.dt.month.tolist()


@pytest.mark.parametrize("scale", [1, 200, 1e6, 1e9, 1e12])
def test_amounts_are_no_dates(scale):
    assert check(table(x=[number * scale for number in NUMBERS]), "x", ["size"]).notes == []


# ---- encodings


def encodings(text: str, encoding: str, tmp_path) -> dict[str, str]:
    """What is said of a file: each encoding, and the word that it reads in it."""
    path = tmp_path / "my.csv"
    path.write_bytes(("name,price\n" + "house,52000\n" * 50 + text).encode(encoding))
    said = refusal(path, "price", ["name"])
    return dict(re.findall(r"encoding=\"(.+?)\"(?: \(which reads '(.+?)'\))?", said))


@pytest.mark.parametrize("text", ["20 °C,1", "85 m²,1", "85 m³,1", "€,1", "£5,1", "5 µm,1", "café,1", "Größe,1",
                                  "Año á,1", "“so”,1", "Œuvre là,1", "São João à,1", "Århus,1"])  # fmt: skip
def test_few_western_letters_are_cp1252(tmp_path, text):
    found = encodings(text, "cp1252", tmp_path)
    assert next(iter(found)) == "cp1252" and len(found) == 1


@pytest.mark.parametrize(("text", "encoding"), [
    ("Łódź,1\nGdańsk,2\nWrocław,3\n", "cp1250"), ("powierzchnia użytkowa,1\nciągły,2\n", "cp1250"),
    ("příliš,1\nžluťoučký kůň,2\n", "cp1250"), ("İstanbul,1\nEskişehir,2\nMuğla,3\nÇankırı,4\n", "cp1254"),
])  # fmt: skip
def test_polish_and_turkish_are_not_taken_for_french(tmp_path, text, encoding):
    assert list(encodings(text, encoding, tmp_path)) == [encoding]


@pytest.mark.parametrize(("text", "words"), [
    ("très,1", {"cp1252": "très", "cp1250": "trčs"}), ("Año,1", {"cp1252": "Año", "cp1250": "Ańo"}),
    ("ýmis,1", {"cp1252": "ýmis", "cp1250": "ýmis", "cp1254": "ımis"}),
])  # fmt: skip
def test_encodings_that_all_fit_are_shown_with_what_they_read(tmp_path, text, words):
    found = encodings(text, "cp1252", tmp_path)
    assert found == {each: word for each, word in words.items() if each == "cp1252" or word != words["cp1252"]}


@pytest.mark.parametrize(("text", "encoding"), [
    ("서울,1\n부산,2\n", "cp949"), ("東京,1\n大阪,2\n", "cp932"), ("Москва,1\nТула,2\n", "cp1251"), ("원,1", "cp949"),
    ("データ,1\n", "cp932"), ("北京,1\n", "gb18030"),
])  # fmt: skip
def test_few_letters_of_other_scripts_have_theirs_among_the_encodings(tmp_path, text, encoding):
    found = encodings(text, encoding, tmp_path)
    raw = (tmp_path / "my.csv").read_bytes()
    assert any(text in raw.decode(each, "replace") for each in found), found


# ---- words that begin like numbers


@pytest.mark.parametrize("words", [["10-20", "20-30", "30-40"] * 20, [f"{row} of {row + 1}" for row in range(ROWS)],
                                   [">5", "<3", "~4"] * 20, ["36 months", "60 months"] * 30])  # fmt: skip
def test_a_feature_whose_words_begin_like_numbers_is_pointed_out(words):
    note = check(table(x=words), "price", ["x"]).notes[0]
    assert note.startswith(f"'x' holds texts that begin like numbers, such as {words[0]!r}, and which are words here: ")


def test_words_that_begin_with_letters_need_no_note():
    assert check(table(x=["a1", "b2", "3c"] * 20), "price", ["x"]).notes == []


def test_numbers_that_end_in_plus_are_read():
    own = table(x=[f"{number * 1000:,}+" for number in NUMBERS])
    assert mend(refusal(own, "x", ["size"]), own)["x"].tolist() == [number * 1000 for number in NUMBERS]


# ---- what is to be written


@pytest.mark.parametrize("digits", ["０１２３４５６７８９", "٠١٢٣٤٥٦٧٨٩", "०१२३४५६७८९"])
@pytest.mark.parametrize("form", ["{}", "{},5", "{} kg"])
def test_digits_of_other_scripts_are_read(digits, form):
    own = table(x=[text.translate(str.maketrans("0123456789", digits)) for text in written(form)])
    mended = mend(refusal(own, "x", ["size"]), own)
    assert mended["x"].tolist() == [number + 0.5 * ("," in form) for number in NUMBERS]


def test_a_second_row_of_names_is_left_out(tmp_path):
    own = table(x=NUMBERS)
    (tmp_path / "my.csv").write_text(own.to_csv(index=False).replace("\n", "\n(m),(name),(k€),(kg)\n", 1))
    for lines in (("price", ["size"]), ("price", ["x"]), ("x", ["size"])):
        options = re.search(r"write (\S+) in pd\.read_csv", refusal(tmp_path / "my.csv", *lines))[1]
        assert eval(f"pd.read_csv(path, {options})", {"pd": pd, "path": tmp_path / "my.csv"})["x"].tolist() == NUMBERS


def test_a_row_of_names_below_numbers_is_the_header(tmp_path):
    table(x=NUMBERS).to_csv(tmp_path / "my.csv", index=False)
    said = refusal(pd.read_csv(tmp_path / "my.csv", header=None), 2, [0])
    assert "write header=0 in pd.read_csv" in said and "np." not in said and said.startswith("target = 2: ")


def test_numpys_own_numbers_are_written_as_numbers():
    own = table(x=NUMBERS).set_axis([0, 2, 4, 6], axis=1)
    for lines in ((np.int64(9), [0]), (4, np.array([9])), (2, [0])):
        assert "np." not in refusal(own, *lines)


@pytest.mark.parametrize("form", ["%b %d, %Y", "%B %d, %Y", "%d %b %Y", "%d-%b-%y", "%a, %d %b %Y", "%b %d %Y 12:30"])
def test_dates_with_names_of_months_are_dates(form):
    own = table(x=DAYS.dt.strftime(form))
    said = refusal(own, "x", ["size"])
    assert said.startswith(f"target = 'x' holds dates, such as {own['x'][0]}, and a regression")
    scope = {"pd": pd, "table": own}
    exec(re.search(r"as in (.+)\.$", said)[1], scope)
    assert scope["table"]["x"].tolist() == (DAYS - DAYS.min()).dt.days.tolist()


def test_dates_of_python_are_dates():
    own = table(x=list(DAYS.dt.date))
    assert "pd.to_datetime(table['x']) - " in refusal(own, "x", ["size"])


@pytest.mark.parametrize(("method", "name", "said"), [
    ("to_pickle", "a.pkl", "a pickle; write pd.read_pickle("), ("to_stata", "a.csv", "a file of Stata; write pd.read_"),
])  # fmt: skip
def test_a_file_of_another_program_is_named(tmp_path, method, name, said):
    getattr(table(), method)(tmp_path / name)
    assert said in refusal(tmp_path / name, "price", ["size"])


def test_a_file_of_stata_is_read_by_its_name(tmp_path):
    table().to_stata(tmp_path / "a.dta", write_index=False)
    assert check(tmp_path / "a.dta", "price", ["size"]).rows["price"].tolist() == table()["price"].tolist()


def test_a_sheet_that_is_not_there_names_the_others(tmp_path):
    pytest.importorskip("openpyxl")
    table().to_excel(tmp_path / "a.xlsx", sheet_name="Prices", index=False)
    for name in ("Nope", 7):
        with pytest.raises(ValueError, match=str(name)) as caught:
            pd.read_excel(tmp_path / "a.xlsx", sheet_name=name)
        assert "has no such sheet; it has 'Prices': write sheet_name='Prices', or another." in advice(caught.value)
