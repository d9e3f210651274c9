"""Settings: where the account lies on this machine, and what its process takes from the environment.

An account is a folder: `.local_aws/` in the checkout, or the one that ``LOCAL_AWS_STATE`` names.  Nothing outside of it
belongs to the account.
"""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

CHECKOUT = Path(__file__).resolve().parents[3]
PACKAGES = Path(__file__).resolve().parents[2]  # the folder that this package lies in
BUCKETS = "LOCAL_AWS_BUCKETS"
POLICY = "LOCAL_AWS_POLICY"
SETTINGS = (BUCKETS, POLICY, "LOCAL_AWS_NEW_ACCOUNT")


def state_folder() -> Path:
    """The account's folder, absolute; it need not exist yet.

    A relative ``LOCAL_AWS_STATE`` is relative to the current folder, like any path on a command line.  Who may not
    write into the checkout, which others share or which is read-only, has an account below the home folder.
    """
    named = os.environ.get("LOCAL_AWS_STATE")
    if named:
        return Path(named).expanduser().absolute()
    folder = CHECKOUT / ".local_aws"
    of_user = Path(os.environ.get("XDG_STATE_HOME") or os.path.expanduser("~/.local/state"))
    # Not below "~": so it reads where there is no home folder.
    if os.access(folder if folder.exists() else CHECKOUT, os.W_OK | os.X_OK) or not of_user.is_absolute():
        return folder
    return of_user / "local_aws" / f"{CHECKOUT.name}-{hashlib.sha256(os.fsencode(CHECKOUT)).hexdigest()[:8]}"


def settings() -> dict[str, str]:
    """What the account's process takes from the environment when it starts, by variable; "" where there is nothing."""
    values = {name: os.environ.get(name, "") for name in SETTINGS}
    for name in (BUCKETS, POLICY):
        if values[name]:
            values[name] = str(Path(values[name]).expanduser().absolute())
    return values
