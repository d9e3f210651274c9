"""Placeholders for parts of AWS's packages that are not here: scripts import more of them than they use."""

import importlib.abc

# Packages of which there is a part here, or nothing.  None is one that libraries look for to see where they run.
PACKAGES = {
    "sagemaker_algorithm_toolkit",
    "sagemaker_containers",
    "sagemaker_inference",
    "sagemaker_pytorch_container",
    "sagemaker_pytorch_serving_container",
    "sagemaker_sklearn_container",
    "sagemaker_training",
    "sagemaker_xgboost_container",
}


def _sentence(name: str) -> str:
    return f"{name} is not in the embedded AWS account. Its documentation lists what is."


class Absent:
    """A module that can be imported, or an object; what it has not is refused by its name."""

    def __init__(self, name: str) -> None:
        self.__name__ = name

    def __getattr__(self, member: str) -> object:
        raise AttributeError(_sentence(f"{self.__name__}.{member}"))

    def __call__(self, *_: object, **__: object) -> object:
        """Refuse to be called, by its name."""
        raise NotImplementedError(_sentence(self.__name__))

    def __mro_entries__(self, bases: tuple[object, ...]) -> tuple[type, ...]:
        """Refuse to be a class's base: it would be one without what it lacks."""
        raise NotImplementedError(_sentence(self.__name__))


class Finder(importlib.abc.MetaPathFinder):
    """Comes last on ``sys.meta_path``: a module of these packages that nobody has found is refused by its name."""

    def find_spec(self, name: str, path: object, target: object = None) -> None:
        """Raise ModuleNotFoundError for a module of these packages; None for all others."""
        if name.partition(".")[0] in PACKAGES:
            raise ModuleNotFoundError(_sentence(name), name=name)
