"""Clients that break off in the middle of an upload, a download or a question: nothing of theirs is left behind."""

from __future__ import annotations

import os
import socket
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from support.account import Place, until
from support.wire import call, signed

TIMES = 30
LARGE = 20_000_000  # bytes: more than sockets hold


@pytest.fixture
def place(tmp_path):
    place = Place(tmp_path / "state")
    place.start()
    place.client("s3").create_bucket(Bucket="gone")
    place.client("s3").put_object(Bucket="gone", Key="large", Body=bytes(LARGE))
    yield place
    place.close()


def break_off(place: Place, method: str, path: str, service: str, length: int, sent: bytes, read: int) -> bytes:
    """Begin a request, send some of its body, read some of its answer, and go."""
    account = place.running()
    headers = {"x-amz-content-sha256": "UNSIGNED-PAYLOAD"} if service == "s3" else {}
    headers = signed(account, service, method, path, headers=headers)
    head = [f"{method} {path} HTTP/1.1", f"Host: {urlsplit(account.url).netloc}", f"Content-Length: {length}"]
    head += [f"{name}: {value}" for name, value in headers.items() if name.lower() not in ("host", "content-length")]
    with socket.create_connection((urlsplit(account.url).hostname, urlsplit(account.url).port), timeout=10) as sock:
        sock.sendall("\r\n".join([*head, "", ""]).encode() + sent)
        return sock.recv(read) if read else b""


def open_files(place: Place) -> int | None:
    """How many files and sockets the account's process has; None where the system does not tell."""
    folder = Path(f"/proc/{place.running().pid}/fd")
    return len(os.listdir(folder)) if folder.exists() else None


def data_files(place: Place) -> int:
    return sum(path.is_file() for path in (place.folder / "s3" / "data").rglob("*"))


@pytest.mark.parametrize("what", ["upload", "download", "question"])
def test_nothing_is_left_of_them(place, what):
    files, handles = data_files(place), open_files(place)
    for number in range(TIMES):
        if what == "upload":
            break_off(place, "PUT", f"/gone/half-{number}", "s3", 1_000_000, bytes(300_000), 0)
        elif what == "download":
            answer = break_off(place, "GET", "/gone/large", "s3", 0, b"", 1000)
            assert answer.startswith(b"HTTP/1.1 200")
        else:
            break_off(place, "POST", "/", "sagemaker", 1000, b"{", 0)
    until(lambda: data_files(place) == files)
    if handles is not None:
        until(lambda: open_files(place) <= handles + 2)
    s3 = place.client("s3")
    assert [row["Key"] for row in s3.list_objects_v2(Bucket="gone")["Contents"]] == ["large"]
    assert call(place.running(), "sagemaker", "ListModels", {}).status == 200
    log = (place.folder / "server.log").read_text()
    assert "Traceback" not in log and "ERROR" not in log, log[-2000:]
