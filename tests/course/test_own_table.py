"""What the template says of tables that it was not written for: they run, or one sentence says what to write."""

import gzip
import re
import zipfile
from decimal import Decimal
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from IPython.core.interactiveshell import InteractiveShell

from support.own_table import AMOUNTS, ROWS, mend, refusal, table
from utils.own_table import check
from utils.own_table.reading import encodings_of, read
from utils.tables import TableError

# ---- the three lines

PEOPLE = table()


@pytest.mark.parametrize(("target", "features", "said"), [
    (["price"], ["size"], "target is a list, and one name is wanted; write target = 'price'."),
    (PEOPLE["price"], ["size"], "target is a column itself, and its name is wanted; write target = 'price'."),
    (PEOPLE[["price"]], ["size"], "target is a DataFrame, and one name is wanted; write target = 'price'."),
    (PEOPLE["price"].to_numpy(), ["size"],
     "target is a ndarray, and one name is wanted; write the name of one column alone, in quotes."),
    ("price", "size", "features is 'size', and a list of names is wanted; write features = ['size']."),
    ("price", "size, town",
     "features is 'size, town', and a list of names is wanted; write features = ['size', 'town']."),
    ("price", PEOPLE["size"], "features is a column itself; write its name in a list: features = ['size']."),
    ("price", PEOPLE[["size"]], "features is a table itself; write the names of its columns: features = ['size']."),
    ("price", [PEOPLE["size"]],
     "features is a list of columns, and their names are wanted, such as ['size', 'town']."),
    ("price", [["size"]], "features is a list in a list, and a list of names is wanted; write features = ['size']."),
    ("price", [], "features is empty; write the columns to guess from, such as features = ['size', 'town']."),
    ("price", None, "features is None, and a list of names is wanted, such as ['size', 'town']."),
    ("price", ["size", "price"], "'price' is the target, so it cannot be a feature: the model would only copy it; "
     "take it out of features."),
    ("Price ", ["size"], "target: the table has no column 'Price '; the nearest is 'price', "
     "of ['size', 'town', 'price']."),
    ("price", ["sise"], "features: the table has no column 'sise'; the nearest is 'size', of "
     "['size', 'town', 'price']."),
])  # fmt: skip
def test_a_line_that_does_not_fit_is_named(target, features, said):
    assert refusal(PEOPLE, target, features) == said


@pytest.mark.parametrize(
    "features",
    [("size", "town"), {"town", "size"}, PEOPLE.columns[:2], np.array(["size", "town"]), ["size"] * 2 + ["town"]],
)
def test_features_may_be_any_kind_of_list(features):
    checked = check(PEOPLE, "price", features)
    assert (checked.numbers, checked.words, list(checked.rows)) == (["size"], ["town"], ["size", "town", "price"])


@pytest.mark.parametrize(("given", "said"), [
    ({"Sheet1": PEOPLE}, "table is a dict, not a DataFrame of pandas; take one of its sheets, as in table = "
     "table['Sheet1']."),
    ([PEOPLE], "table is a list, not a DataFrame of pandas; take one of its tables, as in table = table[0]."),
    (PEOPLE["price"], "table is a Series, not a DataFrame of pandas; write table = table.to_frame(), with a second "
     "column to guess from."),
    (PEOPLE[:0], "table has 0 rows and 3 columns; it needs at least 10 rows."),
    (PEOPLE[:9], "target = 'price': 9 rows have a number there; at least 10 are needed."),
])  # fmt: skip
def test_what_is_no_table_is_named(given, said):
    assert refusal(given, "price", ["size"]) == said


# ---- names of columns


def test_sagemakers_own_form_has_numbers_for_names(tmp_path):
    path = tmp_path / "train.csv"
    PEOPLE[["price", "size", "town"]].to_csv(path, header=False, index=False)
    checked = check(pd.read_csv(path, header=None), 0, range(1, 3))
    assert (checked.target, checked.numbers, checked.words) == ("0", ["1"], ["2"])
    assert checked.rows["0"].tolist() == AMOUNTS


NAMES = {
    "several kinds": (["a", 1, 2.5], 2.5, ["a", 1]),
    "two header rows": (pd.MultiIndex.from_tuples([("h", "a"), ("h", "b"), ("m", "p")]), ("m", "p"), [("h", "a")]),
    "marks": (["a.b", "c[0]\n<x>", "$p$ {x}"], "$p$ {x}", ["a.b", "c[0]\n<x>"]),
    "nothing": ([np.nan, "b", "p"], "p", [np.nan]),
    "a double that nobody asks for": (["a", "a", "p"], "p", []),
}


@pytest.mark.parametrize("kind", NAMES)
def test_names_need_not_be_distinct_texts(kind):
    names, target, features = NAMES[kind]
    named = PEOPLE.set_axis(names, axis=1).assign(**({"more": 1.0 * np.arange(ROWS) ** 2} if not features else {}))
    checked = check(named, target, features or ["more"])
    assert all(isinstance(name, str) for name in checked.rows) and checked.rows.iloc[:, -1].tolist() == AMOUNTS


@pytest.mark.parametrize(("named", "target", "said"), [
    (PEOPLE.set_axis(["a", "a", "p"], axis=1), "p", "features: 2 columns are named 'a'; "),
    (PEOPLE.set_axis([1, "1", "p"], axis=1), "p", "features: the table has no column 'a'"),
    (PEOPLE.set_axis([0, 1, 2], axis=1), "2", "target: the table has no column '2'; the nearest is 2 (int, not str)"),
    (PEOPLE.set_axis([" price", " size", " town"], axis=1), "price", "no column 'price'; the nearest is ' price', of"),
    (PEOPLE.set_index("price"), "price", "it is the table's index; write table = table.reset_index()."),
    (PEOPLE.set_axis(["0.5", "0.5.1", "39343"], axis=1), "price", "so the file has no header: write "
     "pd.read_csv(…, header=None), and then the columns are 0 to 2, as in target = 0 and features = range(1, 3)."),
    (PEOPLE.T.reset_index().T, "price", "its first row holds the names; leave header=None out, or write header=0."),
])  # fmt: skip
def test_names_that_cannot_be_told_are_named(named, target, said):
    assert said in refusal(named, target, ["a"])


@pytest.mark.parametrize(("mark", "decimal", "write"), [
    (";", ",", "sep=';', decimal=\",\""), (";", ".", "sep=';'"), ("\t", ".", r"sep='\t'"), ("|", ".", "sep='|'"),
    (" ", ".", r"sep='\\s+'"),
])  # fmt: skip
def test_another_separator_is_named(tmp_path, mark, decimal, write):
    path = tmp_path / "my.csv"
    PEOPLE.to_csv(path, sep=mark, decimal=decimal, index=False)
    said = refusal(pd.read_csv(path), "price", ["size"])
    assert said.endswith(f"write pd.read_csv(…, {write}).")
    read_again = eval(f"pd.read_csv(path, {write})", {"pd": pd, "path": path})
    assert check(read_again, "price", ["size"]).rows["price"].tolist() == AMOUNTS


# ---- what is nearly a number

FORMS = {
    "thousands": lambda x: f"{x:,}",
    "thousands and decimals": lambda x: f"{x:,}.25",
    "German": lambda x: f"{x:,}".replace(",", ".") + ",25",
    "decimal comma": lambda x: f"{x},5",
    "spaces": lambda x: f"{x:,}".replace(",", " "),
    "narrow spaces": lambda x: f"{x:,}".replace(",", "\u202f"),
    "dollars": lambda x: f"${x:,}.25",
    "dollars below zero": lambda x: f"-${x:,}",
    "euros": lambda x: f"{x:,} €".replace(",", "."),
    "won": lambda x: f"{x:,}원",
    "a code": lambda x: f"USD {x}",
    "per cent": lambda x: f"{x}%",
    "thousand": lambda x: f"{x}k",
    "million": lambda x: f"{x}.5M",
    "kilograms": lambda x: f"{x} kg",
    "brackets": lambda x: f"({x:,})",
    "minus": lambda x: f"−{x}",
}
TRUTH = {
    "thousands and decimals": lambda x: x + 0.25, "German": lambda x: x + 0.25, "decimal comma": lambda x: x + 0.5,
    "dollars": lambda x: x + 0.25, "dollars below zero": lambda x: -x, "thousand": lambda x: x * 1e3,
    "million": lambda x: (x + 0.5) * 1e6, "brackets": lambda x: -x, "minus": lambda x: -x,
}  # fmt: skip


@pytest.mark.parametrize("form", FORMS)
@settings(deadline=None, max_examples=20)
@given(values=st.lists(st.integers(1000, 9_999_999), min_size=12, max_size=30, unique=True))
def test_what_the_sentence_says_makes_numbers(form, values):
    """The words after "write" are executed: they must give the numbers that were meant."""
    assume(set(np.diff(values)) - {1, -1})
    texts = [FORMS[form](value) for value in values]
    own = pd.DataFrame({"x": texts, "other": [value % 7 for value in values[1:]] + [1.5]})
    for target, features in (("x", ["other"]), ("other", ["x"])):
        said = refusal(own, target, features)
        assert f"0 of {len(values)} values of 'x' are numbers, and {texts[0]!r} (in row 0) is none" in said
    mended = mend(refusal(own, "x", ["other"]), own)
    expected = [TRUTH.get(form, lambda x: x)(value) for value in values]
    assert mended["x"].tolist() == pytest.approx(expected)
    assert check(mended, "x", ["other"]).without_target == 0


@pytest.mark.parametrize("stray", ["?", "n/a!", "-", "unknown", "5+"])
@pytest.mark.parametrize("target", [True, False])
def test_two_strays_among_numbers_are_shown(stray, target):
    x = [stray if row in (7, 9) else str(row * 3 % 50) for row in range(ROWS)]
    lines = ("x", ["size"]) if target else ("price", ["x"])
    said = refusal(table(x=x), *lines)
    assert f"58 of 60 values of 'x' are numbers, and {stray!r} (in row 7) is none" in said
    assert f"na_values=[{stray!r}]" in said and "pd.to_numeric(table['x'], errors='coerce')" in said
    assert ("astype('category')" in said) is not target
    mended = mend(said, table(x=x))
    assert mended["x"].isna().sum() == 2 and check(mended, *lines).without_target == (2 if target else 0)


@pytest.mark.parametrize("words", [
    ["red", "green", "5"] * 20, ["36 months", "60 months"] * 30, [f"C{row}" for row in range(ROWS)],
    ["a", "b", None] * 20, [f"{row % 28 + 1}.1.2020" for row in range(ROWS)],
])  # fmt: skip
def test_words_stay_words(words):
    assert check(table(x=words), "price", ["x"]).words == ["x"]


def test_a_code_is_a_word_once_it_is_declared_one():
    codes = [["12", "A7", "13", "14"][row % 4] for row in range(ROWS)]
    assert "astype('category') keeps it as words" in refusal(table(x=codes), "price", ["x"])
    assert check(table(x=pd.Series(codes, dtype="category")), "price", ["x"]).words == ["x"]
    assert check(table(x=pd.Series([1, 2] * 30).astype("category")), "price", ["x"]).words == ["x"]


def test_texts_of_spaces_are_gaps():
    checked = check(table(x=["  " if row % 10 == 0 else str(row) for row in range(ROWS)]), "price", ["x"])
    assert checked.numbers == ["x"] and checked.rows["x"].isna().sum() == 6
    assert checked.notes == ["'x' has 6 texts of spaces alone, which count as missing."]


# ---- targets that no regression can guess


def every(make) -> list:
    return [make(row) for row in range(ROWS)]


@pytest.mark.parametrize(("values", "said"), [
    (["red", "green"] * 30, "holds words, such as red, and none of 60 is a number"),
    (pd.date_range("2020", periods=ROWS), "holds dates, such as 2020-01-01 00:00:00"),
    (every(lambda row: f"2011-01-{row % 28 + 1:02}"), "holds dates, such as 2011-01-01"),
    (pd.period_range("2020", periods=ROWS, freq="M"), "holds dates, such as 2020-01"),
    (pd.to_timedelta(range(ROWS), unit="h"), "holds durations, such as 0 days 00:00:00"),
    (pd.interval_range(0, ROWS), "holds intervals, such as (0, 1]"),
    ([True, False] * 30, "holds True and False: that is a classification"),
    (pd.Series([True, None] * 30, dtype="boolean"), "holds True and False"),
    (pd.Series([True, None] * 30, dtype=object), "holds True and False"),
    ([5.0] * ROWS, "all 60 values are 5, so there is nothing to guess"),
    (["5"] * ROWS, "all 60 values are 5, so there is nothing to guess"),
    ([np.nan] * ROWS, "all 60 values are missing"),
    (every(lambda row: 1e39 * (row + 1)), "goes from 1e+39 to 6e+40, and its squares are beyond SageMaker's numbers"),
    (every(lambda row: np.inf if row == 3 else row * 1.7), "1 of 60 values are infinite"),
    (every(lambda row: 1j * row), "holds complex numbers"),
    (every(lambda row: 7_000_000_000 + 2 * row), "from 7,000,000,000 to 7,000,000,118, which float32"),
    (every(lambda row: 1e-42 * (row * row % 17)), "write table['x'] = table['x'] / 1e-41"),
    (every(lambda row: 1e30 * row * row), "write table['x'] = table['x'] / 1e33"),
    (every(lambda row: 2**70 + row), "nothing to guess"),
    (every(lambda row: row + 1), "counts the rows, from 1 to 60"),
    (every(lambda row: ROWS - row), "counts the rows, from 60 to 1"),
    (every(lambda row: row * 1.5 if row < 9 else np.nan), "9 rows have a number there; at least 10 are needed"),
    (every(lambda row: [row]), "holds words, such as [0]"),
])  # fmt: skip
def test_a_target_that_cannot_be_guessed_is_refused(values, said):
    assert refusal(table(x=values), "x", ["size"]).startswith(("target = 'x' ", "target = 'x': "))
    assert said in refusal(table(x=values), "x", ["size"])


def test_what_is_written_for_dates_makes_an_amount():
    for days in (pd.date_range("2020", periods=ROWS)[::-2].append(pd.date_range("2021", periods=30)),):
        for values in (days, days.strftime("%Y-%m-%d"), days.to_period("M")):
            own = table(x=values)
            scope = {"pd": pd, "table": own}
            exec(re.search(r"as in (.+)\.$", refusal(own, "x", ["size"]))[1], scope)
            assert check(scope["table"], "x", ["size"]).target == "x"


KINDS = {
    "Int64": pd.Series([None if row % 6 == 0 else row * 3 for row in range(ROWS)], dtype="Int64"),
    "Float32": pd.Series([None if row % 6 == 0 else row * 3 for row in range(ROWS)], dtype="Float32"),
    "Decimal": pd.Series([None if row % 6 == 0 else Decimal(row * 3) for row in range(ROWS)], dtype=object),
    "sparse": pd.Series(pd.arrays.SparseArray([np.nan if row % 6 == 0 else row * 3.0 for row in range(ROWS)])),
    "objects": pd.Series([None if row % 6 == 0 else row * 3 for row in range(ROWS)], dtype=object),
}


@pytest.mark.parametrize("kind", KINDS)
def test_numbers_of_every_kind(kind):
    checked = check(table(x=KINDS[kind]), "x", ["size"])
    assert checked.without_target == 10 and checked.rows["x"].dtype == "float64"
    assert checked.rows["x"].tolist() == [row * 3 for row in range(ROWS) if row % 6]
    checked = check(table(x=KINDS[kind]), "price", ["x"])
    assert checked.numbers == ["x"] and checked.rows["x"].isna().sum() == 10


def test_kinds_of_pyarrow():
    pytest.importorskip("pyarrow")
    own = table(
        x=pd.Series([None if row % 6 == 0 else row * 3 for row in range(ROWS)], dtype="int64[pyarrow]"),
        word=pd.Series(["a", "b", None] * 20, dtype="string[pyarrow]"),
        sold=pd.Series([True, False, None] * 20, dtype="bool[pyarrow]"),
    )
    checked = check(own, "x", ["size", "word", "sold"])
    assert (checked.numbers, checked.words) == (["size", "sold"], ["word"]) and checked.without_target == 10
    assert "holds True and False" in refusal(own, "sold", ["size"])


def test_what_the_reader_should_know_is_said():
    own = table(
        days=pd.date_range("2020", periods=ROWS), names=every(lambda row: f"n{row}"), far=[np.inf, 1.0, 2.0] * 20,
        number=every(lambda row: row), kind=["1", "2"] * 30, yes=[0, 1] * 30,
    )  # fmt: skip
    said = check(own, "yes", ["days", "names", "far", "number", "kind"]).notes
    assert said == [
        "'yes' has two different values: if they stand for yes and no, that is a classification.",
        "'days' holds dates, which are words here; table['days'].dt.month makes numbers of them.",
        "'names' has 60 different words: the 19 most frequent are told apart, the others are one.",
        "'far' has 20 infinite values, which count as missing.",
        "'number' counts the rows: leave it out of features, unless the order of the rows means something.",
        "'kind' holds numbers as texts, which are words here; pd.to_numeric makes numbers of them.",
    ]


# ---- reading

KOREAN = "면적,가격,지역\n" + "84.5,52000,서울\n59.1,31000,부산\n" * 4
FRENCH = "surface,prix,état\n" + "84.5,52000,neuf\n59.1,31000,à rénover\n" * 4


@pytest.mark.parametrize(("text", "encoding"), [
    (KOREAN, "cp949"), (KOREAN, "euc-kr"), (KOREAN, "utf-16"), (FRENCH, "latin-1"), (FRENCH, "cp1252"),
    (FRENCH, "utf-16"), (FRENCH, "utf-16-le"), (FRENCH, "utf-16-be"), (FRENCH, "utf-32"),
    ("площадь,цена\n84,52000\n59,31000\n", "cp1251"), ("面積,価格,地域\n84,52000,東京\n59,31000,大阪\n", "cp932"),
])  # fmt: skip
def test_the_encoding_that_fits_is_named(tmp_path, text, encoding):
    path = tmp_path / "my.csv"
    path.write_bytes(text.encode(encoding))
    with pytest.raises(TableError) as caught:
        read(path)
    fits = re.fullmatch(rf"'{path}' is not in UTF-8; write encoding=\"(.+)\" in pd\.read_csv\.", str(caught.value))[1]
    assert (
        path.read_text(fits) == text
        and pd.read_csv(path, encoding=fits).shape[1] == text[: text.index("\n")].count(",") + 1
    )


def test_nothing_is_told_of_no_bytes():
    assert encodings_of(b"") == {}


def test_files_are_read_by_their_names(tmp_path):
    PEOPLE.to_csv(tmp_path / "a.csv", index=False)
    PEOPLE.to_csv(tmp_path / "a.tsv", sep="\t", index=False)
    PEOPLE.to_csv(tmp_path / "a.csv.gz", index=False)
    PEOPLE.to_csv(tmp_path / "a.zip", index=False)
    PEOPLE.to_json(tmp_path / "a.json")
    PEOPLE.to_json(tmp_path / "a.jsonl", orient="records", lines=True)
    (tmp_path / "bom.csv").write_text(PEOPLE.to_csv(index=False), "utf-8-sig")
    for name in ("a.csv", "a.tsv", "a.csv.gz", "a.zip", "a.json", "a.jsonl", "bom.csv"):
        assert check(tmp_path / name, "price", ["size", "town"]).rows["price"].tolist() == AMOUNTS, name


def test_an_excel_workbook_is_read(tmp_path):
    pytest.importorskip("openpyxl")
    PEOPLE.to_excel(tmp_path / "a.xlsx", index=False)
    assert check(str(tmp_path / "a.xlsx"), "price", ["size"]).rows["price"].tolist() == AMOUNTS


@pytest.mark.parametrize(("name", "content", "said"), [
    ("a.csv", b"", "is empty; its first line must name the columns"),
    ("a.csv", gzip.compress(b"a,b\n1,2\n", mtime=0), 'is packed by gzip; write compression="gzip" in pd.read_csv'),
    ("a.csv.gz", b"a,b\n1,2\n", "is not packed as its name says"),
    ("a.zip", b"a,b\n1,2\n", "is not packed as its name says"),
    ("a.csv", b"PAR1\xff\xfe", "is a Parquet file; write pd.read_parquet("),
    ("a.csv", b"report\nof 2020\na,b,c\n1,2,3\n",
     "has 3 values in line 3 and 1 in the lines before: write skiprows=2 in pd.read_csv"),
    ("a.csv", b"a;b\n1,5;2,5\n1;2,5,6,7\n", "separates its columns by ';'; write sep=';' in pd.read_csv"),
    ("a.csv", b"<html>\na,b\n1,2,3\n</html>", "is a web page or XML, not a table"),
    ("a.json", b'{"a": 1}\n{"a": 2}\n', "has one JSON object a line; write pd.read_json("),
])  # fmt: skip
def test_a_file_that_is_otherwise_is_named(tmp_path, name, content, said):
    path = tmp_path / name
    path.write_bytes(content)
    assert refusal(path, "b", ["a"]).startswith(f"'{path}' {said}")


def test_a_zip_of_two_files_names_them(tmp_path):
    with zipfile.ZipFile(tmp_path / "two.zip", "w") as both:
        both.writestr("a.csv", "a,b\n1,2\n")
        both.writestr("b.csv", "a,b\n1,2\n")
    said = refusal(tmp_path / "two.zip", "b", ["a"])
    call = re.search(r"(pd\.read_csv\(zipfile.+?'a\.csv'\)\))", said)[1]
    assert "holds 2 files" in said and eval(call, {"pd": pd, "zipfile": zipfile}).shape == (1, 2)


def test_a_missing_file_names_the_nearest(tmp_path):
    (tmp_path / "houses.csv").touch()
    said = refusal(tmp_path / "house.csv", "b", ["a"])
    assert said == f"There is no file '{tmp_path / 'house.csv'}'; did you mean '{tmp_path / 'houses.csv'}'?"


@pytest.fixture
def cell():
    """Run a cell in an IPython that explains errors: what it shows of the error."""
    shell, shown = InteractiveShell(), []
    shell._showtraceback = lambda kind, value, lines: shown.append("\n".join(lines))
    InteractiveShell._instance = shell
    shell.run_cell("import pandas as pd\nfrom utils import own_table\nfrom unittest import mock")
    shell.run_cell("own_table.reading.get_ipython = get_ipython\nown_table.explain_errors()")

    def run(source: str) -> str:
        shown.clear()
        shell.run_cell(source)
        return re.sub(r"\x1b\[[\d;]*m", "", "\n".join(shown))

    yield run
    InteractiveShell.clear_instance()


S3 = (
    "ImportError: pandas does not reach S3 here; fetch the file with the SDK: from sagemaker.s3 import S3Downloader, "
    "then S3Downloader.download('s3://bucket/my.csv', '.', sagemaker_session=course.session), then read 'my.csv'."
)


@pytest.mark.parametrize(("source", "said"), [
    ("pd.read_csv('s3://bucket/my.csv')", S3),
    ("pd.read_parquet('s3://bucket/my.csv')", S3),
    ("pd.read_feather('my.feather')", "ImportError: pandas needs the package pyarrow for 'my.feather'; run "
     "%pip install pyarrow in a cell, then this cell again."),
    ("pd.read_parquet('my.parquet')", "ImportError: pandas needs the package pyarrow for 'my.parquet'; run "
     "%pip install pyarrow in a cell, then this cell again."),
    ("pd.read_csv('https://localhost:1/x.csv')", "download it with a browser, and read the file from here."),
    ("pd.read_csv('nowhere/x.csv')", "FileNotFoundError: There is no file 'nowhere/x.csv': the folder 'nowhere' is "),
    ("table['age']", "KeyError: The table has no column 'age'; the nearest is 'ages', of ['ages', 'pay']."),
    ("table[['ages', 'pays']]", "KeyError: The table has no column 'pays'; the nearest is 'pay', of "),
    ("table.age", "AttributeError: The table has no column 'age'; the nearest is 'ages', of "),
    ("target = pay", "NameError: pay is a column of the table; write its name in quotes: 'pay'."),
])  # fmt: skip
def test_a_notebook_shows_one_sentence(cell, source, said):
    without = "with mock.patch.dict('sys.modules', pyarrow=None, fastparquet=None, fsspec=None, s3fs=None): "
    cell("table = pd.DataFrame({'ages': [1], 'pay': [2]})")
    shown = cell(without + source)
    assert said in shown and "\n" not in shown


def test_other_errors_keep_their_tracebacks(cell):
    for source in ("int('a')", "{}['a']", "import nothing_of_this_name", "pd.Series([1])['k']", "nothing_of_this_name"):
        assert "Traceback (most recent call last)" in cell(source), source
    assert cell("own_table.check('nowhere', 'a', ['b'])").startswith("TableError: There is no file 'nowhere'")


def test_the_examples_are_not_in_the_working_folder():
    assert not Path("my.csv").exists()
