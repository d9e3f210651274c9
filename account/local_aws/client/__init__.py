"""Connections to the account from a process on this machine: it starts it, finds it and lives in its environment."""

from .connection import Connection, apply, connect, empty, find, keep_through_exec, last_log, release, reset, stop

__all__ = [
    "Connection", "apply", "connect", "empty", "find", "keep_through_exec", "last_log", "release", "reset", "stop",
]  # fmt: skip
