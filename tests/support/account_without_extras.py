"""An embedded account whose Python has none of the libraries that the distribution's extras bring."""

from __future__ import annotations

import sys

from local_aws.core.extras import EXTRAS
from local_aws.door import server
from support.account import OwnProgram


class Account(OwnProgram):
    """The account of ``folder``."""

    program = __file__


if __name__ == "__main__":
    for module, _ in EXTRAS.values():
        sys.modules[module] = None  # type: ignore[assignment]  # its import fails, as of one that is not installed
    sys.exit(server.main())
