"""Sessions of execution roles: keys that are drawn for a job or a model's container, and void after it.

They are kept in memory alone: with the account's process, which its jobs and containers do not outlive, they are gone.
"""

from __future__ import annotations

import base64
import secrets
import threading
from collections.abc import Mapping
from dataclasses import dataclass, replace

from local_aws.core.account import Account
from local_aws.wire.signature import Key

SESSION = "SageMaker"  # the name of a session in which SageMaker has a role
REMEMBERED = 10_000  # keys that are known to have expired; older ones are unknown
LOOPBACK = ("127.0.0.1", "localhost")


@dataclass(frozen=True)
class Session:
    """What a container has of AWS: a region, the account's address, and keys; None if it is to have none."""

    region: str
    url: str
    key: Key | None

    def environment(self, variables: Mapping[str, str]) -> dict[str, str]:
        """The variables that lead AWS's clients in a container to the account; ``variables`` are those of its user.

        As on AWS, the user's win where they are keys or a region.
        """
        if self.key is None:
            # Its clients are to say that there are no keys, and not to look for others on the network.
            return {**variables, "AWS_REGION": self.region, "AWS_EC2_METADATA_DISABLED": "true"}
        keys = {
            "AWS_ACCESS_KEY_ID": self.key.access_key_id,
            "AWS_SECRET_ACCESS_KEY": self.key.secret_access_key,
            "AWS_SESSION_TOKEN": self.key.session_token or "",
        }
        past = variables.get("NO_PROXY") or variables.get("no_proxy") or ""
        no_proxy = ",".join([*LOOPBACK, *filter(None, past.split(","))])
        return {
            "AWS_DEFAULT_REGION": self.region,
            **({} if "AWS_ACCESS_KEY_ID" in variables else keys),
            **variables,
            "AWS_REGION": self.region,
            "AWS_ENDPOINT_URL": self.url,
            "AWS_EC2_METADATA_DISABLED": "true",
            "NO_PROXY": no_proxy,
            "no_proxy": no_proxy,
        }


class Sessions:
    """The sessions of an account's jobs and models that are at work."""

    def __init__(self, account: Account, url: str) -> None:
        """``url`` is the account's own address."""
        self.account = account
        self.url = url
        self._keys: dict[str, Key] = {}
        self._lock = threading.Lock()

    def begin(self, role: str | None, isolated: bool = False) -> Session:
        """A new session of a role, by its ARN; without keys if there is no role, or if its container is isolated.

        A container that is isolated from the network has no credentials on AWS, either.
        """
        if role is None or isolated:
            return Session(self.account.region, self.url, None)
        name = role.rpartition("/")[2]
        key = Key(
            "ASIA" + base64.b32encode(secrets.token_bytes(10)).decode(),
            secrets.token_urlsafe(30),
            base64.b64encode(secrets.token_bytes(96)).decode(),
            f"arn:aws:sts::{self.account.account_id}:assumed-role/{name}/{SESSION}",
        )
        with self._lock:
            self._keys[key.access_key_id] = key
        return Session(self.account.region, self.url, key)

    def end(self, session: Session) -> None:
        """Make a session's keys void."""
        if session.key is None:
            return
        with self._lock:
            self._keys.pop(session.key.access_key_id, None)  # it goes to the end: those at the beginning are the oldest
            self._keys[session.key.access_key_id] = replace(session.key, expired=True)
            while len(self._keys) > REMEMBERED and (oldest := next(iter(self._keys.values()))).expired:
                del self._keys[oldest.access_key_id]

    def find(self, access_key_id: str) -> Key | None:
        """The key of this id, void or not."""
        return self._keys.get(access_key_id)
