"""The diagrams: they are as their program draws them, can be read on every page, and stand in lessons with words."""

from __future__ import annotations

import re
from pathlib import Path
from xml.etree import ElementTree

import matplotlib
import nbformat
import pytest
from PIL import ImageFont

from support.colours import DARK, LIGHT, contrast
from tools import diagrams
from tools.lessons.play import course
from tools.lessons.workbook import pages

SVG = "{http://www.w3.org/2000/svg}"
FONTS = Path(matplotlib.get_data_path()) / "fonts" / "ttf"
NAMES = list(diagrams.DIAGRAMS)


def test_the_files_are_what_the_program_draws() -> None:
    assert {path.stem for path in diagrams.FOLDER.iterdir()} == set(NAMES)
    for name in NAMES:
        text = (diagrams.FOLDER / f"{name}.svg").read_text("utf-8")
        assert text == diagrams.svg(name), "run python -m tools.diagrams"


@pytest.mark.parametrize("name", NAMES)
def test_a_diagram_says_what_it_shows_and_needs_nothing_from_elsewhere(name: str) -> None:
    text = diagrams.svg(name)
    root = ElementTree.fromstring(text)
    assert root.get("role") == "img" and root.find(f"{SVG}title").text
    assert 2 <= len(re.findall(r"\.(?: |$)", root.find(f"{SVG}desc").text)) <= 4
    assert not re.search(r"currentColor|<script|<image|href|url\((?!#)|@import", text)


@pytest.mark.parametrize("name", NAMES)
def test_words_stay_within_their_shapes_in_a_wide_font(name: str) -> None:
    root = ElementTree.fromstring(diagrams.svg(name))
    shapes = [
        tuple(float(shape.get(key)) for key in ("x", "y", "width", "height"))
        for shape in root.iter(f"{SVG}rect")
        if shape.get("class") != "frame" and not shape.get("fill-opacity")
    ]
    for text in root.iter(f"{SVG}text"):
        looks = text.get("class", "")
        font = ImageFont.truetype(str(FONTS / f"DejaVuSans{'-Bold' if 'bold' in looks else ''}.ttf"), 13)
        wide, x, y = font.getlength(text.text), float(text.get("x")), float(text.get("y"))
        left = x - wide * (0 if "left" in looks else 1 if "right" in looks else 0.5)
        assert 0 <= left and left + wide <= diagrams.WIDTH and y < float(root.get("height")), text.text
        on = [each for each in shapes if each[0] <= x <= each[0] + each[2] and each[1] <= y <= each[1] + each[3]]
        assert bool(on) == ("on" in looks.split()), text.text
        if on:
            assert on[0][0] <= left and left + wide <= on[0][0] + on[0][2], text.text


def test_words_are_read_on_a_light_and_on_a_dark_page() -> None:
    for colour in (diagrams.STORED, diagrams.PAID, diagrams.NOTE, diagrams.OWN):
        assert contrast("#ffffff", colour) >= 4.5
    assert all(contrast(diagrams.GREY, page) >= 4.2 for page in (LIGHT, *DARK))


def images(source: str) -> list[tuple[str, str]]:
    """Of each image in a cell, its alternative text and its file."""
    return re.findall(r"!\[([^\]]*)\]\(([^)]+)\)", source)


def test_each_diagram_stands_in_a_lesson_with_a_text_in_its_place() -> None:
    found = []
    for path in course():
        for cell in nbformat.read(path, as_version=4).cells:
            for alt, file in images(cell.source) if cell.cell_type == "markdown" else []:
                target = (path.parent / file).resolve()
                assert target.parent == diagrams.FOLDER and target.exists(), file
                assert 60 <= len(alt) <= 250 and alt.endswith("."), alt
                told = re.sub(r"!\[.*?\)", "", cell.source.partition(file)[2])
                assert len(re.findall(r"[.!](?:\s|$)", told)) >= 2, f"{path.name}: say below {file} what it shows"
                found.append(target.stem)
    assert sorted(found) == sorted(NAMES)


def test_the_workbook_has_them() -> None:
    assert {f"diagrams/{name}.svg" for name in NAMES} <= {name for name, _ in pages()}
