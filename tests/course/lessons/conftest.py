"""An account that lessons are played in, and the sweep of it."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from support.kernels import LessonsAccount, sweeping


@pytest.fixture(scope="module")
def lessons_account(tmp_path_factory) -> Iterator[LessonsAccount]:
    """An account of the file's own, with resources of others in it."""
    found = LessonsAccount(tmp_path_factory.mktemp("account") / "state")
    yield found
    found.place.close()


@pytest.fixture(scope="module")
def sweep(lessons_account) -> Iterator[Callable[[], str]]:
    """Runs the code of `make clean-aws`, and returns what it prints."""
    with sweeping(lessons_account) as sweep:
        yield sweep
