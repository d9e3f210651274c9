"""An embedded account whose Python has none of the libraries that the distribution's extras bring."""

from __future__ import annotations

import subprocess
import sys

from local_aws.core.extras import EXTRAS
from local_aws.door import server
from support import ROOT, TESTS_PATH
from support.account import Place, until


class Account(Place):
    """The account of ``folder``."""

    def begin(self) -> None:
        self.folder.parent.mkdir(parents=True, exist_ok=True)
        with self.folder.with_suffix(".log").open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, __file__, str(self.folder)],
                cwd=ROOT,
                env=self.environment | {"PYTHONPATH": TESTS_PATH},
                stdin=subprocess.DEVNULL,
                stderr=log,
            )
        until(lambda: self.running() if self.folder.exists() else None)

    def log(self) -> str:
        return self.folder.with_suffix(".log").read_text()

    def close(self) -> None:
        super().close()
        self.process.wait()


if __name__ == "__main__":
    for module, _ in EXTRAS.values():
        sys.modules[module] = None  # type: ignore[assignment]  # its import fails, as of one that is not installed
    sys.exit(server.main())
