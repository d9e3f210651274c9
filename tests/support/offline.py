"""Programs that are kept from the network, and what they tried."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from support import PYTHON_PATH, ROOT
from support.account import Place, until

GUARD = """
import os, sys
log = os.open(os.environ["GUARD_LOG"], os.O_WRONLY | os.O_APPEND | os.O_CREAT)
HERE = ("127.0.0.1", "::1", "localhost", "", None, b"localhost")
NAMES = ("socket.getaddrinfo", "socket.gethostbyname", "socket.gethostbyaddr")
def guard(event, arguments):
    if event in ("socket.connect", "socket.sendto", "socket.sendmsg"):
        place = arguments[1]
        host = place[0] if isinstance(place, tuple) else None  # a path, in this machine
    elif event in NAMES:
        host = arguments[0]
    else:
        return
    if host not in HERE:
        os.write(log, f"{event} {host}\\n".encode())
        raise PermissionError(f"{host} is not on this machine")
sys.addaudithook(guard)
"""


CONTROL = """
import socket
for attempt in (
    lambda: socket.create_connection(("192.0.2.1", 9), timeout=1),
    lambda: socket.socket().connect_ex(("192.0.2.1", 9)),
    lambda: socket.getaddrinfo("example.com", 443),
    lambda: socket.socket(type=socket.SOCK_DGRAM).sendto(b"", ("192.0.2.1", 9)),
):
    try:
        attempt()
        raise SystemExit("the guard let it pass")
    except PermissionError:
        pass
print("done")
"""


CONTROLLED = ["getaddrinfo 192.0.2.1", "connect 192.0.2.1", "getaddrinfo example.com", "sendto 192.0.2.1"]


@pytest.fixture
def guarded(tmp_path):
    """An account whose process, and whose clients, cannot leave this machine; and what they tried."""
    (tmp_path / "guard").mkdir()
    (tmp_path / "guard" / "sitecustomize.py").write_text(GUARD)
    log = tmp_path / "guard.log"
    place = Place(tmp_path / "state")
    place.environment |= {"GUARD_LOG": str(log), "PYTHONPATH": f"{tmp_path / 'guard'}:{PYTHON_PATH}"}
    place.folder.mkdir()
    server = subprocess.Popen(
        [sys.executable, "-m", "local_aws.door.server", str(place.folder)], env=place.environment, cwd=ROOT
    )
    until(lambda: (place.folder / "server.json").exists() and place.running())
    assert place.running().pid == server.pid
    yield place, log
    place.close()
    server.wait(60)


def attempts(log: Path) -> list[str]:
    return [line.removeprefix("socket.") for line in log.read_text().splitlines()]
