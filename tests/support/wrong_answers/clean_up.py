"""Typical wrong answers to the exercise of "Clean up": a model whose tags are missing, or another's."""

from __future__ import annotations

from collections.abc import Callable

from support.training import IMAGE
from support.training import name as unique
from support.wrong_answers import Wrong
from utils.course import Course
from utils.sweep import COURSE


def model(**tags: str) -> Callable[[Course], str]:
    """The name of a model with these tags, a dash in a key written as an underscore."""

    def make(course: Course) -> str:
        name, given = (
            unique("course-of-somebody-else"),
            [{"Key": k.replace("_", "-"), "Value": v} for k, v in tags.items()],
        )
        course.session.sagemaker_client.create_model(
            ModelName=name, PrimaryContainer={"Image": IMAGE}, ExecutionRoleArn=course.role, Tags=given
        )
        return name

    return make


WRONG: dict[tuple[str, str], Wrong] = {
    ("99_clean_up", "tagged"): [
        (lambda course: "course-that-is-nowhere", "has no model of this name"),
        (lambda course: 3, "The model's name was expected"),
        (model(), "carries no tags"),
        (model(course_user="a-learner"), "says nothing, and not the course's name"),
        (model(course="another"), "says another, and not the course's name"),
        (model(course=COURSE), "By its tags the model is nobody's"),
        (model(course=COURSE, course_user="somebody"), "By its tags the model is somebody;"),
    ],
}
