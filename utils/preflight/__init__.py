"""Before money is spent: has a lesson what it needs, and what does an error of AWS's ask for?"""


class CourseError(ValueError):
    """Something that the reader can put right; a notebook shows its sentence alone, in place of a traceback."""

    def _render_traceback_(self) -> list[str]:
        return [f"{type(self).__name__}: {self}"]
