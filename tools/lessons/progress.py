"""`make progress`: which exercises of which lessons a learner has done, from what checks have kept on this machine."""

from collections.abc import Iterator
from pathlib import Path

from tools.lessons.play import ROOT, course
from utils.check import attempts, exercises


def lines(root: Path = ROOT) -> Iterator[str]:
    """A line for each lesson that has exercises, and one for all."""
    done = {(each["lesson"], each["exercise"]) for each in attempts.all_made() if each["right"]}
    total = right = 0
    yield f"{'lesson':42}{'exercises':>10}{'questions':>11}   open"
    for path in course(root):
        name = path.relative_to(root / "notebooks").with_suffix("").as_posix()
        lesson = exercises(name)
        if lesson is None:
            continue
        still = [each for each in lesson.CHECKS if (name, each) not in done]
        asked = sum((name, each) in done for each in lesson.QUIZ)
        count = f"{len(lesson.CHECKS) - len(still)} of {len(lesson.CHECKS)}"
        yield f"{name:42}{count:>10}{f'{asked} of {len(lesson.QUIZ)}':>11}   {', '.join(still) or '-'}"
        total, right = total + len(lesson.CHECKS), right + len(lesson.CHECKS) - len(still)
    yield f"{right} of {total} exercises are done."
