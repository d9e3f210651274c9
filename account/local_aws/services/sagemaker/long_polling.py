"""Long polling of Describe operations: the SDK's question about a job or an endpoint is held until there is news.

The SageMaker SDK sleeps between two questions: sensible for AWS's minutes, not for a job of a second.  Others get
their answer at once, the SDK's session in ``session.py`` among them, but for its pipelines' executions, which wait by
a waiter of botocore's: that has no use for an answer before the end.
"""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import Callable
from typing import NamedTuple

from starlette.requests import Request

from local_aws.core.account import ASKS_OFTEN

POLL_INTERVAL = 0.05  # seconds
SDK = "AWS-SageMaker-Python-SDK"
LONGEST_HOLD = 50.0  # seconds: botocore gives up reading after 60
# botocore's User-Agent lists what of it has asked, after "m/"; B is a waiter: ``_USERAGENT_FEATURE_MAPPINGS`` there.
WAITER = re.compile(r"(?:^| )m/(?:[^ ,]+,)*B(?:[ ,]|$)")


class ClientBehavior(NamedTuple):
    """How a client polls: which of its requests are held, and how many seconds at most."""

    user_agent: str  # stands in its User-Agent
    min_pause: float  # seconds: only a request that comes so long after the one before, or the beginning
    min_requests: int  # only a request that comes after so many others
    max_hold: float  # seconds


CLIENTS = (
    ClientBehavior(SDK, 4.0, 0, LONGEST_HOLD),  # a session sleeps 5 s, asks, and from then on sleeps 30
    ClientBehavior("AWS-SageMakerCore", 0.0, 1, 5.0),  # a resource of version 3 asks when it is made, then every 5 s
)


class LongPolling:
    """The Describe requests about jobs or endpoints that are at work, counted by the resource's name."""

    def __init__(self) -> None:
        # When the last one came (monotonic), and how many there were.
        self._requests: dict[str, tuple[float, int]] = {}

    def begin(self, name: str) -> None:
        """Note that the work on the resource of this name begins now."""
        self._requests[name] = time.monotonic(), 0

    async def hold(self, name: str, request: Request, busy: Callable[[], bool]) -> None:
        """Return when a Describe may be answered: at the latest when ``busy`` says that the resource has changed."""
        last, count = self._requests.get(name, (0.0, 0))
        user_agent, pause = request.headers.get("user-agent", ""), time.monotonic() - last
        max_hold = 0.0
        if SDK in user_agent and WAITER.search(user_agent):
            max_hold = LONGEST_HOLD
        elif ASKS_OFTEN not in request.headers:
            holds = (
                client.max_hold
                for client in CLIENTS
                if client.user_agent in user_agent and pause > client.min_pause and count >= client.min_requests
            )
            max_hold = max(holds, default=0.0)
        deadline = time.monotonic() + max_hold
        while busy() and time.monotonic() < deadline and not await request.is_disconnected():
            await asyncio.sleep(POLL_INTERVAL)
        if busy():
            self._requests[name] = time.monotonic(), count + 1
        else:
            self._requests.pop(name, None)
