"""An account that lessons are played in, and the sweep of it."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from support.kernels import Account, sweeping


@pytest.fixture(scope="module")
def account(tmp_path_factory) -> Iterator[Account]:
    """An account of the file's own, with resources of others in it."""
    found = Account(tmp_path_factory.mktemp("account") / "state")
    yield found
    found.place.close()


@pytest.fixture(scope="module")
def sweep(account) -> Iterator[Callable[[], str]]:
    """Runs the code of `make clean-aws`, and returns what it prints."""
    with sweeping(account) as sweep:
        yield sweep
