"""The session of a lesson on AWS: in the account of the reader's credentials, with the course's stack if it is there.

``docs/course-stack.yaml`` is the stack: a bucket and a role for jobs are among its outputs.
"""

import os

import boto3
from botocore.exceptions import ClientError

from . import CourseError
from .advice import NO_WAY_IN, advice
from .sdk import session_module


def outputs(boto_session) -> dict[str, str]:
    """The outputs of the course's stack (``COURSE_STACK``, else "course"); empty if there is none to be seen.

    Raises BotoCoreError if AWS cannot be asked, and ClientError if it does not take the credentials.
    """
    name = os.environ.get("COURSE_STACK") or "course"
    try:
        stacks = boto_session.client("cloudformation").describe_stacks(StackName=name)["Stacks"]
    except ClientError as error:
        # No such stack; or somebody who may not look at it, as in many a company, and who has named a role instead.
        if error.response["Error"]["Code"] in ("ValidationError", "AccessDenied"):
            return {}
        raise
    return {each["OutputKey"]: each["OutputValue"] for each in stacks[0].get("Outputs", [])}


def open_session():
    """The SDK's ``Session`` on AWS and the ARN of the role that jobs take.

    The role is the one that ``SAGEMAKER_ROLE_ARN`` names, else the stack's, else the notebook's own (in Studio); the
    bucket is the stack's, else the SDK's default.

    Raises CourseError, with AWS's or the SDK's words and what to do, if there is no way in.
    """
    try:
        boto_session = boto3.Session()
        found = outputs(boto_session)
        sagemaker = session_module()
        session = sagemaker.Session(boto_session, default_bucket=found.get("BucketName"))
        role = os.environ.get("SAGEMAKER_ROLE_ARN") or found.get("ExecutionRoleArn")
        return session, role or sagemaker.get_execution_role(session)
    except NO_WAY_IN as error:
        said = str(error).rstrip(".: ") or type(error).__name__
        asked = advice(error) or "docs/aws.md leads from nothing to the first lesson on AWS."
        raise CourseError(f"COURSE_AWS=aws, and AWS cannot be used: {said}. {asked}") from None
