"""XGBoost's inference container, run alone."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import time
from contextlib import contextmanager
from pathlib import Path

import httpx

from support import ROOT, training

COMMAND = (sys.executable, "-m", "local_aws.algorithms.xgboost_algorithm", "serve")


@contextmanager
def container(save, release: str = "3.0-5", **environment: str):
    """The program at work on the model that ``save`` writes: an HTTP client that speaks to it."""
    base = Path(tempfile.mkdtemp(prefix="xgb-"))
    (base / "model").mkdir()
    save(base / "model" / "xgboost-model")
    socket = str(base / "s")
    asked = {"SAGEMAKER_BASE_DIR": str(base), "LOCAL_AWS_SOCKET": socket, "OMP_NUM_THREADS": "1", **environment}
    process = subprocess.Popen(
        (*COMMAND, release),
        cwd=ROOT,
        env={**os.environ, **asked},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    client = httpx.Client(transport=httpx.HTTPTransport(uds=socket), base_url="http://model", timeout=60)
    try:
        until = time.monotonic() + training.TIME_LIMIT
        while True:
            assert process.poll() is None, process.communicate()[0]
            assert time.monotonic() < until
            try:
                assert client.get("/ping").status_code == 200
                break
            except httpx.TransportError:
                time.sleep(0.05)
        yield client
    finally:
        client.close()
        process.terminate()
        process.communicate()
        shutil.rmtree(base)
