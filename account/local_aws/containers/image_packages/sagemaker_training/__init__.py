"""AWS's package ``sagemaker_training``, as far as a script asks it of its job.

Source: its version 5.1.4.  What is not here is refused by its name, see ``local_aws_absent``.
"""

from local_aws_absent import Absent


def __getattr__(name: str) -> object:
    if name in ("entry_point", "files", "functions", "intermediate_output", "modules", "process", "runner", "trainer"):
        return Absent(f"{__name__}.{name}")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
