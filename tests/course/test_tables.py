"""The shipped tables, the checks on other people's tables, and the split."""

import hashlib
import os
import re
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest

from utils.tables import ROOT, TABLES, TableError, label, load, split

PUBLIC = Path(os.environ.get("COURSE_TEST_DATA") or ROOT.parent / "shared" / "data")
SALARY = "YearsExperience,Salary\n" + "".join(f"{year}.5,{40000 + 9000 * year}\n" for year in range(12))


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """An empty folder that COURSE_DATA names."""
    monkeypatch.setenv("COURSE_DATA", str(tmp_path))
    return tmp_path


@pytest.fixture
def shipped(monkeypatch):
    monkeypatch.delenv("COURSE_DATA", raising=False)


def insurance(**changed):
    """An insurance.csv of 12 rows; `changed` replaces values of its second row (line 3)."""
    row = {
        "age": 40,
        "sex": "male",
        "bmi": 31.5,
        "children": 2,
        "smoker": "no",
        "region": "southeast",
        "charges": 7000.25,
    }
    table = pd.DataFrame([row] * 12).astype(object)
    for column, value in changed.items():
        table.loc[1, column] = value
    return table.to_csv(index=False)


def test_the_script_writes_the_shipped_bytes(tmp_path):
    subprocess.run([sys.executable, ROOT / "data" / "make_tables.py", tmp_path], check=True)
    for name in TABLES:
        assert (tmp_path / f"{name}.csv").read_bytes() == (ROOT / "data" / f"{name}.csv").read_bytes()


def test_the_readme_names_rows_and_checksums():
    text = (ROOT / "data" / "README.md").read_text(encoding="utf-8")
    lines = re.findall(r"\| `(.+)` \| (\d+) \| `([0-9a-f]{64})` \|", text)
    said = {name: (int(rows), sha) for name, rows, sha in lines}
    paths = [ROOT / "data" / f"{name}.csv" for name in TABLES]
    assert said == {
        path.name: (len(pd.read_csv(path)), hashlib.sha256(path.read_bytes()).hexdigest()) for path in paths
    }


def test_salary_has_the_documented_shape(shipped):
    table = load("salary")
    assert list(table) == ["YearsExperience", "Salary"] and len(table) == 35
    assert all(str(kind) == "float64" for kind in table.dtypes)
    years, pay = table["YearsExperience"], table["Salary"]
    slope = years.cov(pay) / years.var()
    assert 9_000 <= slope <= 9_500
    assert 5_000 <= (pay - slope * years).std() <= 6_000
    assert 37_000 <= pay.min() and pay.max() <= 126_000 and 1.1 <= years.min() and years.max() < 11


def test_insurance_has_the_documented_shape(shipped):
    table = load("insurance")
    assert list(table) == list(TABLES["insurance"]) and len(table) == 1338
    smokes, obese = table["smoker"] == "yes", table["bmi"] >= 30
    assert 0.18 <= smokes.mean() <= 0.22
    mean = table.groupby([smokes, obese])["charges"].mean()
    assert mean[True, False] - mean[False, False] > 10_000
    assert mean[True, True] - mean[True, False] > 15_000
    assert abs(mean[False, True] - mean[False, False]) < 1_000
    assert table["charges"].skew() > 1 and table.loc[~smokes, ["age", "charges"]].corr().iloc[0, 1] > 0.4
    assert {"int64"} == {str(table[column].dtype) for column in ("age", "children")}


def test_claims_have_the_documented_shape(shipped):
    table = load("claims")
    days = pd.to_datetime(table["date"])
    assert len(table) == 1826 and (days.diff()[1:] == pd.Timedelta(days=1)).all()
    by_weekday = table.groupby(days.dt.day_of_week)["claims"].mean()
    assert by_weekday[0] > 1.15 * by_weekday[3] > by_weekday[5] > by_weekday[6]
    by_year = table.groupby(days.dt.year)["claims"].mean()
    assert by_year.is_monotonic_increasing and by_year[2025] > 2 * by_year[2021]
    storm, usual = table["storm"] == 1, table["claims"].rolling(57, center=True).median()
    assert (table["claims"] / usual)[storm].median() > 1.6


@pytest.mark.parametrize("day", ["2025-02-30", "", "31.12.2025", "x"])
def test_a_day_that_is_none_is_refused(folder, day):
    lines = (ROOT / "data" / "claims.csv").read_text().splitlines()
    lines[3] = f"{day},0,0,5,5"
    (folder / "claims.csv").write_text("\n".join(lines))
    with pytest.raises(TableError, match=r"column date, line 4: .* where a day such as 2025-12-31 was expected"):
        load("claims")


@pytest.mark.parametrize(("name", "rows"), [("salary", 30), ("insurance", 1338)])
@pytest.mark.skipif(not PUBLIC.is_dir(), reason="the public tables are not here")
def test_the_public_files_drop_in(name, rows, monkeypatch):
    monkeypatch.setenv("COURSE_DATA", str(PUBLIC))
    table, shipped = load(name), pd.read_csv(ROOT / "data" / f"{name}.csv")
    assert len(table) == rows and list(table) == list(shipped)


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("\ufeff" + SALARY, id="a byte order mark"),
        pytest.param(SALARY.replace("\n", "\r\n"), id="Windows line ends"),
        pytest.param(SALARY.rstrip("\n"), id="no last line end"),
        pytest.param(SALARY + "\n , \n\n", id="blank lines"),
        pytest.param(SALARY.replace(",", " , "), id="spaces"),
        pytest.param(re.sub(r"\n(?=.)", "\nAda,", "Name," + SALARY), id="a column more"),
        pytest.param(re.sub(r"(.*),(.*)", r'"\2","\1"', SALARY), id="quotes, other order"),
    ],
)
def test_harmless_differences_are_read(folder, text):
    (folder / "salary.csv").write_bytes(text.encode())
    table = load("salary")
    assert list(table) == ["YearsExperience", "Salary"] and len(table) == 12
    assert table.iloc[-1].tolist() == [11.5, 139_000]


@pytest.mark.parametrize(("name", "text", "said"), [
    # {pay} and {years} stand for the ranges below
    ("salary", None, "salary.csv does not exist; put the table there, or set COURSE_DATA."),
    ("salary", "", "salary.csv is empty; its first line must name the columns."),
    ("salary", "\n\n", "salary.csv is empty; its first line must name the columns."),
    ("salary", SALARY.replace("Salary", "Pay"),
     "salary.csv: the column Salary is missing; the first line has YearsExperience, Pay."),
    ("salary", SALARY.replace(",", ";"),
     "salary.csv separates its columns by ';'; save it with commas, and dots in its decimals."),
    ("salary", SALARY.replace("YearsExperience", "Salary"),
     "salary.csv: the column YearsExperience is missing; the first line has Salary, Salary."),
    ("salary", re.sub(r"^(.*),(.*)$", r"\1,\2,\2", SALARY, flags=re.M),
     "salary.csv: the column Salary appears more than once; "
     "the first line has YearsExperience, Salary, Salary."),
    ("salary", SALARY.split("\n", 1)[1],
     "salary.csv: the column YearsExperience is missing; the first line has 0.5, 40000."),
    ("salary", "".join(SALARY.splitlines(keepends=True)[:10]),
     "salary.csv has 9 rows under its first line; 10 are needed."),
    ("insurance", insurance(), "insurance.csv has 12 rows under its first line; 200 are needed."),
    ("salary", SALARY.splitlines()[0], "salary.csv has 0 rows under its first line; 10 are needed."),
    ("salary", SALARY.replace("1.5,49000", "1.5,"),
     "salary.csv, column Salary, line 3: nothing where a number (dollars a year) was expected."),
    ("salary", SALARY.replace("1.5,49000", "1.5,$49k"),
     "salary.csv, column Salary, line 3: '$49k' where a number (dollars a year) was expected."),
    ("salary", SALARY.replace("1.5,49000", "1.5,nan"),
     "salary.csv, column Salary, line 3: 'nan' where {pay} was expected."),
    ("salary", SALARY.replace("1.5,49000", "1.5,0"),
     "salary.csv, column Salary, line 3: '0' where {pay} was expected."),
    ("salary", SALARY.replace("1.5,49000", "-1.5,49000"),
     "salary.csv, column YearsExperience, line 3: '-1.5' where {years} was expected."),
    ("salary", SALARY.replace("1.5,49000", "inf,49000"),
     "salary.csv, column YearsExperience, line 3: 'inf' where {years} was expected."),
    ("salary", SALARY.replace("1.5,49000", "1.5,49000,7"),
     "salary.csv, line 3: 3 values where the first line names 2 columns."),
    ("salary", SALARY.replace("1.5,49000", "1.5"),
     "salary.csv, line 3: 1 values where the first line names 2 columns."),
    ("insurance", insurance(age=40.5),
     "insurance.csv, column age, line 3: '40.5' where a whole number from 0 to 120 (years) was expected."),
    ("insurance", insurance(age=-1),
     "insurance.csv, column age, line 3: '-1' where a whole number from 0 to 120 (years) was expected."),
    ("insurance", insurance(smoker="maybe"),
     "insurance.csv, column smoker, line 3: 'maybe' where one of no, yes was expected."),
    ("insurance", insurance(sex=""),
     "insurance.csv, column sex, line 3: nothing where one of female, male was expected."),
])  # fmt: skip
def test_a_bad_table_is_refused_in_one_sentence(folder, name, text, said):
    if text is not None:
        (folder / f"{name}.csv").write_text(text, encoding="utf-8")
    with pytest.raises(TableError) as caught:
        load(name)
    said = said.replace("{pay}", "a number from 1 to 10,000,000 (dollars a year)")
    assert str(caught.value) == str(folder / said.replace("{years}", "a number from 0 to 80 (years)"))
    assert caught.value.__suppress_context__ or caught.value.__context__ is None


@pytest.mark.parametrize(("content", "said"), [
    ("folder", "salary.csv cannot be read: Is a directory."),
    (SALARY.encode("utf-16"), "salary.csv is not a CSV file in UTF-8."),
    (b"YearsExperience,Salary\n1.5," + b"9" * 200_000,
     "salary.csv cannot be read: field larger than field limit (131072)."),
])  # fmt: skip
def test_what_is_no_table_is_refused(folder, content, said):
    path = folder / "salary.csv"
    path.mkdir() if content == "folder" else path.write_bytes(content)
    with pytest.raises(TableError, match=re.escape(said)):
        load("salary")


@pytest.mark.parametrize(("mark", "decimal"), [(";", ","), (";", "."), ("\t", "."), ("|", ",")])
def test_another_separator_is_named(folder, mark, decimal):
    (folder / "salary.csv").write_text(SALARY.replace(",", mark).replace(".", decimal), "utf-8")
    said = f"{folder / 'salary.csv'} separates its columns by {mark!r}; save it with commas, and dots in its decimals."
    with pytest.raises(TableError, match=f"^{re.escape(said)}$"):
        load("salary")


def test_an_unreadable_file_is_refused(folder, monkeypatch):
    def refuse(*args, **kwargs):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "open", refuse)
    with pytest.raises(TableError, match=r"salary\.csv cannot be read: Permission denied\.$"):
        load("salary")


def test_a_folder_that_is_not_there_is_refused(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COURSE_DATA", "nowhere")
    with pytest.raises(TableError) as caught:
        load("salary")
    assert str(caught.value) == f"COURSE_DATA is nowhere, and {tmp_path / 'nowhere'} is not a folder."


def test_a_relative_folder_counts_from_here_then_from_the_checkout(monkeypatch, tmp_path):
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "salary.csv").write_text(SALARY)
    monkeypatch.setenv("COURSE_DATA", "data")
    monkeypatch.chdir(tmp_path)
    assert len(load("salary")) == 12
    monkeypatch.chdir(tmp_path / "data")
    assert len(load("salary")) == 35


def test_an_unknown_table_is_refused():
    with pytest.raises(TableError, match="There is no table 'wages' in this course; there are salary, "):
        load("wages")


def test_a_notebook_shows_the_sentence_and_no_traceback():
    from IPython.core.interactiveshell import InteractiveShell

    shell, shown = InteractiveShell(), []
    shell._showtraceback = lambda kind, value, lines: shown.extend(lines)
    shell.run_cell("from utils.tables import load; load('wages')")
    assert shown == ["TableError: There is no table 'wages' in this course; there are salary, insurance, claims."]


def test_the_split_is_the_one_of_the_lessons(shipped):
    table = load("salary")
    X_train, X_test, y_train, y_test = split(table, "Salary")
    assert (len(X_train), len(X_test)) == (28, 7) and list(X_train) == ["YearsExperience"]
    together = pd.concat([X_train.join(y_train), X_test.join(y_test)]).sort_index()
    pd.testing.assert_frame_equal(together, table)
    assert X_test.index.tolist() == [26, 13, 24, 21, 15, 29, 19]  # scikit-learn's permutation for seed 42


@pytest.mark.parametrize(("name", "column", "expected"), [
    ("salary", "YearsExperience", "YearsExperience (years)"), ("insurance", "charges", "charges (dollars a year)"),
    ("insurance", "bmi", "bmi (kg/m²)"), ("insurance", "region", "region"),
])  # fmt: skip
def test_axis_labels_carry_the_units_of_the_course_s_own_tables(shipped, name, column, expected):
    table = load(name)
    for values in (table[column], table[column][:5], split(table, list(table)[-2])[0].get(column, table[column])):
        assert label(values) == expected
    assert label(pd.Series([1.0], name=column)) == column  # a reader's column of that name has another unit


def test_an_axis_label_is_one_line_of_40_letters():
    assert label(pd.Series([1.0], name="price\nof " + "long " * 20)) == "price of long long long long long long …"


def insured(rows: int = 240, **changed) -> pd.DataFrame:
    """A table of the insured that the lessons can use; `changed` replaces whole columns."""
    table = pd.DataFrame({
        "age": [20 + row % 40 for row in range(rows)], "sex": ["female", "male"] * (rows // 2),
        "bmi": [25.0 + 10 * (row // 2 % 2) for row in range(rows)], "children": [row % 3 for row in range(rows)],
        "smoker": ["yes" if row % 5 == 0 else "no" for row in range(rows)],
        "region": ["northeast", "northwest", "southeast", "southwest"] * (rows // 4),
        "charges": [1000.0 + 10 * row for row in range(rows)],
    })  # fmt: skip
    return table.assign(**changed)


WORDS = "30 are needed of each of"


@pytest.mark.parametrize(("table", "said"), [
    (insured(), None),
    (insured(200), None),
    (insured(196), " has 196 rows under its first line; 200 are needed."),
    (insured(age=40), ", column age: every row has 40, and the lessons compare different ones."),
    (insured(charges=9.5), ", column charges: every row has 9.5, and the lessons compare different ones."),
    (insured(children=0), ", column children: every row has 0, and the lessons compare different ones."),
    (insured(smoker="no"), f", column smoker: 0 rows have 'yes'; {WORDS} no, yes."),
    (insured(smoker=["yes"] * 29 + ["no"] * 211), f", column smoker: 29 rows have 'yes'; {WORDS} no, yes."),
    (insured(sex="male"), f", column sex: 0 rows have 'female'; {WORDS} female, male."),
    (insured(region="southwest"),
     f", column region: 0 rows have 'northeast'; {WORDS} northeast, northwest, southeast, southwest."),
    (insured(bmi=[20.0, 25.0] * 120), ": 0 rows have smoker 'no' and a bmi of 30 or more; 10 are needed."),
    (insured(bmi=[25.0 if row % 5 else 35.0 for row in range(240)]),
     ": 0 rows have smoker 'no' and a bmi of 30 or more; 10 are needed."),
])  # fmt: skip
def test_a_table_that_the_lessons_cannot_use_is_refused(folder, table, said):
    table.to_csv(folder / "insurance.csv", index=False)
    if said is None:
        assert len(load("insurance")) == len(table)
        return
    with pytest.raises(TableError) as caught:
        load("insurance")
    assert str(caught.value) == f"{folder / 'insurance.csv'}{said}"


def test_salaries_that_are_all_equal_are_refused(folder):
    (folder / "salary.csv").write_text(re.sub(r",\d+", ",50000", SALARY))
    with pytest.raises(TableError, match=r"column Salary: every row has 50000.0, and the lessons compare different"):
        load("salary")
