"""The exercise of "Clean up"."""

from typing import Any

from botocore.exceptions import ClientError

from exercises.account import USER, tags_of
from exercises.kinds import Found, Question
from utils.check import Unreadable
from utils.course import Course
from utils.sweep import COURSE


def tags(answer: Any, course: Course) -> dict[str, str]:
    """The tags of the model that ``answer`` names.  Raises Unreadable."""
    if not isinstance(answer, str) or not answer:
        raise Unreadable("The model's name was expected, a text.")
    client = course.session.sagemaker_client
    found = client.list_models(NameContains=answer)["Models"] if answer.startswith("course-") else []
    arns = [each["ModelArn"] for each in found if each["ModelName"] == answer]
    if not arns:
        raise Unreadable("The account has no model of this name: run the cells above, which make it.")
    try:
        return tags_of(client, arns[0])
    except ClientError:
        raise Unreadable("The model has just been deleted.") from None


def mine(course: Course) -> dict[str, str]:
    return {tag["Key"]: tag["Value"] for tag in course.tags}


CHECKS = {
    "tagged": Found(
        look=tags,
        faults=[
            (lambda found, course: not found, "The model carries no tags, so no clean-up will ever find it."),
            (
                lambda found, course: found.get("course", "nothing") if found.get("course") != COURSE else None,
                "Under the key course the model says {}, and not the course's name.",
            ),
            (
                lambda found, course: found.get(USER, "nobody's") if found.get(USER) != mine(course)[USER] else None,
                "By its tags the model is {}; your clean-up deletes what is yours alone.",
            ),
        ],
        right="The model now carries the course's tags and yours, so the next clean-up deletes it.",
        hints=(
            "The client has an operation that adds tags to what is there already.",
            "It asks for the resource's ARN, which describe_model says.",
            "course.tags is a list of keys and values in the form that AWS wants.",
        ),
    ),
}

QUIZ: dict[str, Question] = {}
