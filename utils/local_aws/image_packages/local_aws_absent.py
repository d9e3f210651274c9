"""Parts of the images' software that are not here: scripts import more of them than they use."""


class Absent:
    """A module that can be imported, or an object; what it has not is refused by its name."""

    def __init__(self, name: str) -> None:
        self.__name__ = name

    def __getattr__(self, member: str) -> object:
        raise AttributeError(
            f"{self.__name__}.{member} is not in the embedded AWS account. utils/local_aws/README.md lists what is; "
            "COURSE_AWS=aws uses a real account."
        )
