"""The account's speed beside that of the libraries that one would use instead: ``make bench``.

    python tests/benchmarks/run.py [NAME …] [--scale 0.1] [--rounds 5]

Each line is a ratio or a size, measured in one run: both sides in turn, in processes of their own with one
BLAS thread, CPU time (elapsed time where the work is a request or a whole job), medians of the rounds.  The
verdict allows 10 % for noise; the exit code is 1 if a bound is broken.  ``--scale`` shortens the data: good for
trying, not for judging.
"""

from __future__ import annotations

import argparse
import importlib
import importlib.metadata
import json
import os
import platform
import subprocess
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent
SLACK = 1.1
MODULES = ("training", "formats", "serving", "account", "course")
LIBRARIES = ("numpy", "scikit-learn", "pandas", "pyarrow", "sagemaker", "boto3", "uvicorn", "moto", "flask")


def in_process(function: str, **arguments: object) -> dict:
    """What ``module.function(**arguments)`` returns in a process of its own, with its ``peak`` memory in MB."""
    done = subprocess.run(
        [sys.executable, str(HERE / "run.py"), "--do", function, json.dumps(arguments, default=str)],
        env=os.environ | {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"},
        stdout=subprocess.PIPE,
        check=False,
    )
    if done.returncode:
        raise SystemExit(f"{function} failed")
    return json.loads(done.stdout.splitlines()[-1])


def _do(function: str, arguments: str) -> None:
    module, _, name = function.partition(".")
    result = getattr(importlib.import_module(module), name)(**json.loads(arguments)) or {}
    print("\n" + json.dumps(result | {"peak": _peak()}))  # a line of its own, whatever was printed before


def _peak() -> float:
    """The most memory that this process has had, in MB."""
    import resource

    status = Path("/proc/self/status")
    if status.exists():  # getrusage would count what the parent had, too
        line = next(line for line in status.read_text().splitlines() if line.startswith("VmHWM"))
        return int(line.split()[1]) / 1000
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6


def _machine() -> str:
    model = platform.processor() or platform.machine()
    if Path("/proc/cpuinfo").exists():
        lines = Path("/proc/cpuinfo").read_text().splitlines()
        model = next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), model)
    found = []
    for library in LIBRARIES:
        try:
            found.append(f"{library} {importlib.metadata.version(library)}")
        except importlib.metadata.PackageNotFoundError:
            found.append(f"{library} is missing")
    return (
        f"{model}, {os.cpu_count()} processors, {platform.system()} {platform.release()}\n"
        f"Python {platform.python_version()}, {', '.join(found)}"
    )


def main() -> int:
    """Run what the command line names, print the table; 1 if a bound is broken."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("names", nargs="*", metavar="NAME", help="which to run; all by default")
    parser.add_argument("--scale", type=float, default=1.0, help="share of the data's rows (1)")
    parser.add_argument("--rounds", type=int, default=5, help="how often each side is measured (5)")
    parser.add_argument("--do", nargs=2, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.do:
        _do(*given.do)
        return 0
    benchmarks = {name: work for module in MODULES for name, work in importlib.import_module(module).BENCHMARKS.items()}
    if unknown := sorted(set(given.names) - set(benchmarks)):
        parser.error(f"unknown: {', '.join(unknown)}; there are {', '.join(benchmarks)}")
    print(_machine())
    print(f"scale {given.scale:g}, {given.rounds} rounds; bounds with {SLACK - 1:.0%} of slack\n", flush=True)
    broken = 0
    for name in given.names or benchmarks:
        with tempfile.TemporaryDirectory(prefix="bench-") as folder:
            for what, value, unit, relation, bound in benchmarks[name](Path(folder), given.scale, given.rounds):
                good = value <= bound * SLACK if relation == "≤" else value >= bound / SLACK
                broken += not good
                verdict = "ok" if good else "BROKEN"
                print(f"{name:10} {what:62} {value:8.3g} {unit:3} {relation} {bound:<6g} {verdict}", flush=True)
    return 1 if broken else 0


if __name__ == "__main__":
    sys.path[:0] = [str(ROOT), str(ROOT / "tests"), str(HERE)]
    sys.exit(main())
