"""The first editions send what the contract says; ``tests/sdk_v3`` holds the second ones to it."""

import json

import pytest

from support.account import Place
from support.editions import CONTRACT, LESSONS, told


@pytest.mark.parametrize("series", LESSONS)
def test_the_first_edition_keeps_the_contract(series, tmp_path):
    place = Place(tmp_path / "account")
    try:
        assert told(series, "2", place) == json.loads(CONTRACT.read_text("utf-8"))[series]
    finally:
        place.close()
