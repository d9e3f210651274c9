"""Operations: declared beside the function that does one, collected from the object that has the function.

``@operation("StopTrainingJob", executes=True)`` is the one place that says of an operation what it is called, whether
something runs by it, and whether its function wants the request.  All others ask: the services what they can do, the
table in docs/operations.md what is executed, a pipeline's step and the page what they may call.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from inspect import iscoroutinefunction
from typing import Any, TypeVar

Function = TypeVar("Function", bound=Callable[..., Any])

_DECLARATION = "_declared_operation"  # the attribute of a function that ``operation`` has declared


@dataclass(frozen=True)
class Declaration:
    """What is said of an operation beside its function."""

    name: str
    executes: bool
    wants_request: bool


@dataclass(frozen=True)
class Operation:
    """An operation that an object of the account's does.

    ``function`` takes the request's validated members, and the Starlette request too if it ``wants_request``.  It
    returns the answer's members (those that are None are left out), or None for an empty answer, or raises AwsError.
    """

    name: str
    executes: bool  # something runs, answers or ends by it; one that does not only changes or shows metadata
    wants_request: bool
    function: Callable[..., Any]

    def __call__(self, params: dict[str, Any]) -> dict[str, Any]:
        """Do it for the account itself, from any thread; ``params`` are not validated here.

        TypeError for what answers a request, or waits on the event loop.
        """
        if self.wants_request or iscoroutinefunction(self.function):
            raise TypeError(f"{self.name} can be asked for by a request only")
        answer: dict[str, Any] | None = self.function(params)
        return answer or {}


def operation(name: str, *, executes: bool = False, wants_request: bool = False) -> Callable[[Function], Function]:
    """Declare that a method does AWS's operation ``name``; see ``Operation`` for what it takes and returns."""

    def declare(function: Function) -> Function:
        setattr(function, _DECLARATION, Declaration(name, executes, wants_request))
        return function

    return declare


def operations_of(*owners: object) -> dict[str, Operation]:
    """The operations that the methods of some objects are declared to do, by name.

    ValueError if two methods are declared to do the same.
    """
    operations: dict[str, Operation] = {}
    for owner in owners:
        for attribute in dir(type(owner)):
            declaration = getattr(getattr(type(owner), attribute), _DECLARATION, None)
            if not isinstance(declaration, Declaration):
                continue
            if declaration.name in operations:
                raise ValueError(f"two methods are declared to do {declaration.name}")
            function = getattr(owner, attribute)
            operations[declaration.name] = Operation(
                declaration.name, declaration.executes, declaration.wants_request, function
            )
    return operations
