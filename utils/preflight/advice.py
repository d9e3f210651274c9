"""What to do about an error of AWS's: one sentence for each that beginners meet.

Reference: the errors that tutorials of SageMaker end in, collected from public issues; docs/aws.md lists them too.
"""

import os
import re
import shlex
import tomllib
from collections.abc import Callable
from pathlib import Path

from botocore.exceptions import BotoCoreError, ClientError, HTTPClientError
from botocore.exceptions import ConnectionError as NoConnection

from .sdk import failure_type

# What an AWS configuration that cannot be used raises: a program that hands out no credentials a ValueError of its
# JSON, a file that is not there an OSError, a question for a code of MFA where nobody can answer the last two.
NO_WAY_IN = (BotoCoreError, ClientError, ValueError, OSError, EOFError, NotImplementedError)

# What the error's text matches, what to do.  The first that matches counts; {profile} is the profile's option.
SENTENCES: list[dict[str, str]] = tomllib.loads(Path(__file__).with_suffix(".toml").read_text("utf-8"))["sentence"]
NOT_ASKED = "What the lesson has running cannot be asked now: once AWS answers, run notebooks/99_clean_up.ipynb."


def advice(error: BaseException) -> str | None:
    """What the reader can do about an error of boto3 or the SDK; None if it is not one of those known."""
    text = f"{type(error).__name__}: {error}"
    sentence = next((each["advice"] for each in SENTENCES if re.search(each["pattern"], text, re.IGNORECASE)), None)
    profile = os.environ.get("AWS_PROFILE") or os.environ.get("AWS_DEFAULT_PROFILE")
    return sentence and sentence.replace("{profile}", f" --profile {shlex.quote(profile)}" if profile else "")


def speak_in_notebook(shell, running: Callable[[], list[str]]) -> None:
    """Let a cell that ends in a known error of AWS's show AWS's words, what to do, and what costs money now.

    ``shell`` is IPython's; ``running`` asks AWS what the lesson has running there.  Of what is known there is no
    traceback; errors that are not known keep theirs.
    """

    def show(self, kind, error, trace, tb_offset=None):
        lines = self.InteractiveTB.structured_traceback(kind, error, trace, tb_offset=tb_offset)
        if sentence := advice(error):
            lines = [f"{kind.__name__}: {error}", f"\nWhat to do: {sentence}"]
        try:
            # Where AWS gave no answer another question may take minutes.
            left = None if isinstance(error, (NoConnection, HTTPClientError)) else running()
        except (BotoCoreError, ClientError):
            left = None
        if left is None:
            lines.append(f"\n{NOT_ASKED}")
        elif left:
            lines.append(f"\nStill running, until notebooks/99_clean_up.ipynb ends it: {', '.join(left)}")
        self._showtraceback(kind, error, lines)
        return lines

    shell.set_custom_exc((BotoCoreError, ClientError, failure_type()), show)
