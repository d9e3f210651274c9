"""The memory that a training program takes."""

from support.linear_learner import program

PROGRAM = """
import re, resource, sys
from pathlib import Path
from local_aws.algorithms.linear_learner import batches
from local_aws.algorithms.linear_learner.__main__ import main
batches.SINGLE = int(sys.argv[1])
code = main(["train"])
status = Path("/proc/self/status")
if status.exists():  # getrusage would count what the parent had, too
    print("peak", re.search(r"VmHWM:\\s+(\\d+) kB", status.read_text())[1])
else:
    print("peak", resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024)
sys.exit(code)
"""


def measured(base, single=1 << 24):
    """The log of a job and the most memory that it has had, in bytes; in float32 from ``single`` numbers on."""
    done = program(base, "-c", PROGRAM, str(single))
    assert done.returncode == 0, done.stdout + done.stderr
    log, _, peak = done.stdout.rpartition("peak ")
    return log, int(peak) * 1024
