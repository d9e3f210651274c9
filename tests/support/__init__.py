"""What tests share: accounts, definitions of jobs, requests on the wire."""

from __future__ import annotations

import os
from pathlib import Path

ROOT = Path(__file__).parents[2]
# The packages of this folder, for a Python that is not told of them otherwise.
PYTHON_PATH = os.pathsep.join([str(ROOT / "account"), str(ROOT)])
TESTS_PATH = os.pathsep.join([PYTHON_PATH, str(ROOT / "tests")])  # and what tests share
