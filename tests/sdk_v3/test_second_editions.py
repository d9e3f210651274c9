"""Both editions of a lesson send the same requests, but for what is listed here, and their models say the same."""

import json

import pytest

from support.account import Place
from support.editions import CONTRACT, LESSONS, SEARCH, told

# The tag with which a ModelBuilder says where a model comes from.
SOURCE = "sagemaker.amazonaws.com/model-source"


def by_version_3(series: str, first: dict) -> dict:
    """A first edition's requests as version 3 of the SDK writes them.  All that it writes differently is here.

    It spells out two defaults of AWS's, sends nothing of Debugger where version 2 has to switch it off, and leaves
    out an environment that is empty and the weight of the only variant; of a search, a kind of range that has none,
    and it writes the machine into another member.
    """
    job = first["CreateTrainingJob"]
    del job["ProfilerConfig"]
    job["OutputDataConfig"]["CompressionType"] = "GZIP"
    for channel in job["InputDataConfig"]:
        channel["InputMode"] = "File"
    if series == "salary":
        # Here the lesson makes the resources itself; a ModelBuilder writes these two as version 2 does.
        del first["CreateModel"]["PrimaryContainer"]["Environment"]
        del first["CreateEndpointConfig"]["ProductionVariants"][0]["InitialVariantWeight"]
    else:
        for operation in ("CreateEndpointConfig", "CreateEndpoint"):
            first[operation]["Tags"].append(SOURCE)
        del first[SEARCH]["HyperParameterTuningJobConfig"]["ParameterRanges"]["CategoricalParameterRanges"]
        definition = first[SEARCH]["TrainingJobDefinition"]
        definition["ResourceConfig"] = definition.pop("HyperParameterTuningResourceConfig")
        definition["OutputDataConfig"]["CompressionType"] = "GZIP"
    return first


@pytest.mark.parametrize("series", LESSONS)
def test_the_second_edition_keeps_the_contract(series, tmp_path):
    first = json.loads(CONTRACT.read_text("utf-8"))[series]
    place = Place(tmp_path / "account")
    try:
        assert told(series, "3", place) == by_version_3(series, first)
    finally:
        place.close()
