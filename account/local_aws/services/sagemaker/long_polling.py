"""How long the account keeps a client waiting that asks what has become of a job or an endpoint.

The SageMaker SDK sleeps between two questions: sensible for AWS's minutes, not for a job of a second.  Its question is
held until there is news.  Others get their answer at once, the SDK's session in ``session.py`` among them, but for its
pipelines' executions, which wait by a waiter of botocore's: that has no use for an answer before the end.
"""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import Callable
from typing import NamedTuple

from starlette.requests import Request

from local_aws.core.account import ASKS_OFTEN

LOOK_EVERY = 0.05  # seconds
SDK = "AWS-SageMaker-Python-SDK"
LONGEST = 50.0  # seconds: botocore gives up reading after 60
# botocore's User-Agent lists what of it has asked, after "m/"; B is a waiter: ``_USERAGENT_FEATURE_MAPPINGS`` there.
WAITER = re.compile(r"(?:^| )m/(?:[^ ,]+,)*B(?:[ ,]|$)")


class Habit(NamedTuple):
    """How a client asks: which of its questions are held, and how many seconds at most."""

    agent: str  # stands in its User-Agent
    pause: float  # seconds: only a question that comes so long after the one before, or the beginning
    before: int  # only a question that comes after so many others
    most: float


HABITS = (
    Habit(SDK, 4.0, 0, LONGEST),  # a session sleeps 5 s, asks, and from then on sleeps 30
    Habit("AWS-SageMakerCore", 0.0, 1, 5.0),  # a resource of version 3 asks when it is made, then every 5 s
)


class Patience:
    """The questions after what is at work, by its name."""

    def __init__(self) -> None:
        self._asked: dict[str, tuple[float, int]] = {}  # when it was asked after last, and how often

    def begin(self, name: str) -> None:
        """Something of this name has begun."""
        self._asked[name] = time.monotonic(), 0

    async def hold(self, name: str, request: Request, busy: Callable[[], bool]) -> None:
        """Return when the question may be answered: at the latest when ``busy`` says that there is news."""
        last, before = self._asked.get(name, (0.0, 0))
        agent, waited = request.headers.get("user-agent", ""), time.monotonic() - last
        most = 0.0
        if SDK in agent and WAITER.search(agent):
            most = LONGEST
        elif ASKS_OFTEN not in request.headers:
            held = (each for each in HABITS if each.agent in agent and waited > each.pause and before >= each.before)
            most = max((each.most for each in held), default=0.0)
        until = time.monotonic() + most
        while busy() and time.monotonic() < until and not await request.is_disconnected():
            await asyncio.sleep(LOOK_EVERY)
        if busy():
            self._asked[name] = time.monotonic(), before + 1
        else:
            self._asked.pop(name, None)
