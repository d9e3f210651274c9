"""Code that was written for AWS and version 3 of the SageMaker SDK runs unmodified under ``run``, and offline."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from support.offline import CONTROL, CONTROLLED, attempts

PLAIN = Path(__file__).with_name("plain.py")


@pytest.fixture(scope="module")
def expected() -> list[float]:
    """The line that the table is made of, at the two rows that are asked for."""
    return [3 * 1 + 5, 3 * 10 + 5]


def test_plain_code(guarded, expected, tmp_path):
    place, log = guarded
    script = tmp_path / "controlled.py"
    script.write_text(f"import runpy\nrunpy.run_path({str(PLAIN)!r})\nprint()\n" + CONTROL)
    process = place.popen("run", "--", sys.executable, str(script))
    out, err = process.communicate(timeout=240)
    assert process.returncode == 0, err[-3000:]
    said, control = out.splitlines()[-2:]
    found = json.loads(said[said.index("{") :])
    assert found["algorithm"] == pytest.approx(expected, abs=2)
    assert found["batch"] == found["algorithm"]
    assert found["code"] == pytest.approx(expected)
    assert (found["python"], found["shell"], found["counted"]) == ("Completed", "Completed", "60")
    assert "Failure Reason: AlgorithmError: Traceback" in found["broken"]
    assert found["broken"].rstrip(".").endswith("exit code: 1")
    assert (control, attempts(log)) == ("done", CONTROLLED)
