"""What to do about an error of AWS's: one sentence for each that beginners meet.

Reference: the errors that tutorials of SageMaker end in, collected from public issues; docs/aws.md lists them too.
"""

from __future__ import annotations

import os
import re
import shlex
from collections.abc import Callable

from botocore.exceptions import BotoCoreError, ClientError

from .sdk import failure_type

# What an AWS configuration that cannot be used raises: a program that hands out no credentials a ValueError of its
# JSON, a file that is not there an OSError, a question for a code of MFA where nobody can answer the last two.
NO_WAY_IN = (BotoCoreError, ClientError, ValueError, OSError, EOFError, NotImplementedError)

# What the error's text matches, what to do.  The first that matches counts; {profile} is the profile's option.
SENTENCES = (
    (
        r"UnexpectedStatusException|FailedStatusError|CapacityError",
        "Mend what the reason names and run the cell again. The log says more: in CloudWatch under the job's or the "
        "endpoint's name, in the embedded account by 'python -m utils.local_aws logs NAME'.",
    ),
    (
        r"GetRoleCredentials.*No access|Forbidden.*GetRoleCredentials",
        "Your sign-in does not have the account or the role of this profile: mend sso_account_id and sso_role_name in "
        "~/.aws/config, or ask who assigns them.",
    ),
    (
        r"^(Unauthorized)?SSO|SSO Token|SSO session|retrieving token from sso",
        "Run 'aws sso login{profile}' in a terminal, then run the cell again.",
    ),
    (
        r"^Login|'aws login'|login credential provider",
        "The lessons cannot read the keys of 'aws login' themselves. Run 'aws login{profile}', then "
        "'eval \"$(aws configure export-credentials --format env{profile})\"', unset AWS_PROFILE, and open the lesson "
        "from the same terminal.",
    ),
    (
        r"Unable to locate credentials|NoCredentials|NoAuthToken|MissingAuthenticationToken",
        "Run 'aws configure' (or 'aws sso login') and restart the kernel; in Studio credentials are there.",
    ),
    (
        r"ExpiredToken|RequestExpired|token included in the request is expired",
        "The keys have expired: run 'aws sso login{profile}', or fetch new ones, and restart the kernel.",
    ),
    (
        r"MultiFactorAuthentication|\bMFA\b|EOFError|StdinNotImplemented",
        "AWS wants the code of your MFA device: in the terminal, before the lesson is opened, run "
        "'eval \"$(aws configure export-credentials --format env{profile})\"', and unset AWS_PROFILE.",
    ),
    (
        r"AssumeRole",
        "You may not take the role that your profile names: mend role_arn and source_profile in ~/.aws/config, or have "
        "the role's trust policy name you.",
    ),
    (
        r"custom-process|^JSONDecodeError",
        "The command that credential_process names in ~/.aws/config gave no credentials: run it in a terminal, and "
        "mend what it says.",
    ),
    (
        r"config profile .* could not be found",
        "AWS_PROFILE names a profile that ~/.aws/config does not have: unset it, or run 'aws configure{profile}'.",
    ),
    (
        r"^InvalidConfig|Infinite loop in credential|Partial credentials|^Config(ParseError|NotFound)"
        r"|^(FileNotFound|Permission|NotADirectory|IsADirectory)Error",
        "Mend this in your AWS configuration: the files ~/.aws/config and ~/.aws/credentials, and variables AWS_….",
    ),
    (
        r"Error (when )?retrieving (credentials|metadata)",
        "What hands out credentials on this machine gave none: in Studio restart the space; elsewhere run "
        "'aws configure'.",
    ),
    (
        r"InvalidClientTokenId|UnrecognizedClient|InvalidAccessKeyId|SignatureDoesNotMatch",
        "AWS does not know these keys: run 'aws configure' with the ones that the console shows for your user.",
    ),
    (r"You must specify a region|NoRegion|region.*not.*(set|found)", "Run 'aws configure set region us-east-1'."),
    (
        r"identity is not a role",
        "A job needs a role, and you are a user: make the stack of docs/aws.md, or name a role in SAGEMAKER_ROLE_ARN.",
    ),
    (
        r"iam:PassRole",
        "You may not hand this role to SageMaker: attach the policy course-learner-… of docs/aws.md to yourself, and "
        "leave SAGEMAKER_ROLE_ARN unset.",
    ),
    (
        r"AccessDenied.*CreateBucket|CreateBucket.*AccessDenied",
        "Make the stack of docs/aws.md: the course uses the bucket in it, and makes none.",
    ),
    (
        r"'([^']+)' is 0 Instances",
        "A new account may not use this machine yet: 'python -m utils.preflight --request' asks AWS for it.",
    ),
    (
        r"ResourceLimitExceeded",
        "As many of these machines run as the account may use: end one (notebooks/99_clean_up.ipynb), or ask for more "
        "with 'python -m utils.preflight --request'.",
    ),
    (
        r"AccessDenied|not authorized to perform|UnauthorizedOperation",
        "Attach the policy course-learner-… of docs/aws.md to your user, or in Studio to the domain's execution role.",
    ),
    (r"Throttling|Rate exceeded|TooManyRequests|SlowDown", "AWS asks for patience: wait a minute, run the cell again."),
    (
        r"Could not connect to the endpoint|EndpointConnection|ConnectTimeout",
        "AWS cannot be reached: check the network, and that the region's name is spelt right.",
    ),
)


NOT_ASKED = "What the lesson has running cannot be asked now: once AWS answers, run notebooks/99_clean_up.ipynb."


def advice(error: BaseException) -> str | None:
    """What the reader can do about an error of boto3 or the SDK; None if it is not one of those known."""
    text = f"{type(error).__name__}: {error}"
    sentence = next((each for pattern, each in SENTENCES if re.search(pattern, text, re.IGNORECASE)), None)
    profile = os.environ.get("AWS_PROFILE") or os.environ.get("AWS_DEFAULT_PROFILE")
    return sentence and sentence.replace("{profile}", f" --profile {shlex.quote(profile)}" if profile else "")


def speak_in_notebook(shell, running: Callable[[], list[str]]) -> None:
    """Let a cell that ends in a known error of AWS's show AWS's words, what to do, and what costs money now.

    ``shell`` is IPython's; ``running`` asks AWS what the lesson has running there.  Of what is known there is no
    traceback; errors that are not known keep theirs.
    """
    from botocore.exceptions import ConnectionError, HTTPClientError

    def show(self, kind, error, trace, tb_offset=None):
        sentence = advice(error)
        lines = self.InteractiveTB.structured_traceback(kind, error, trace, tb_offset=tb_offset)
        if sentence:
            lines = [f"{kind.__name__}: {error}", f"\nWhat to do: {sentence}"]
        try:
            # Where AWS gave no answer another question may take minutes.
            left = None if isinstance(error, (ConnectionError, HTTPClientError)) else running()
        except (BotoCoreError, ClientError):
            left = None
        if left is None:
            lines.append(f"\n{NOT_ASKED}")
        elif left:
            lines.append(f"\nStill running, until notebooks/99_clean_up.ipynb ends it: {', '.join(left)}")
        self._showtraceback(kind, error, lines)
        return lines

    shell.set_custom_exc((BotoCoreError, ClientError, failure_type()), show)
