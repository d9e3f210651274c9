"""A program as a model's container runs it, for tests: it says what it was given, and does what it is told.

By AWS's container contract, on the Unix socket that ``LOCAL_AWS_SOCKET`` names.  The artifact's file ``behaviour``
may say ``dies``, ``refuses`` (to be ready) or ``rests`` (before it is), the body of an invocation what follows below.
"""

from __future__ import annotations

import json
import os
import socketserver
import sys
import time
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

MODEL = Path("/opt/ml/model")
seen: set[bytes] = set()


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        if self.path == "/ping":
            self.answer(503 if behaviour() == "refuses" else 200, b"")
        elif self.path == "/execution-parameters" and "PARAMETERS" in os.environ:
            self.answer(200, os.environ["PARAMETERS"].encode())
        else:
            self.answer(404, b"")

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        order, _, value = body.decode(errors="replace").partition(" ")
        say(f"asked to {order}")
        if order == "die":
            os._exit(int(value))
        elif order == "sleep":
            time.sleep(float(value))
        elif order == "refuse":
            self.answer(int(value), b"the model will not do that")
            return
        elif order == "hesitate" and body not in seen:
            seen.add(body)
            self.answer(int(value), b"the model will do that next time")
            return
        said = {
            "pid": os.getpid(),
            "name": (MODEL / "name").read_text() if (MODEL / "name").exists() else None,
            "environment": dict(os.environ),
            "headers": {name.lower(): text for name, text in self.headers.items()},
            "body": body.decode(errors="replace"),
        }
        self.answer(200, body if order.startswith("echo") else json.dumps(said).encode())

    def answer(self, status: int, body: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        if self.headers.get("X-Amzn-SageMaker-Custom-Attributes"):
            self.send_header("X-Amzn-SageMaker-Custom-Attributes", "seen")
        self.end_headers()
        self.wfile.write(body)

    def address_string(self) -> str:
        return "socket"

    def log_message(self, *_: object) -> None:
        pass


class Server(socketserver.ThreadingMixIn, socketserver.UnixStreamServer):
    daemon_threads = True
    request_queue_size = 128

    def handle_error(self, request: Any, client_address: object) -> None:
        if not isinstance(sys.exception(), ConnectionError):  # a caller that has gone away is no trouble of ours
            super().handle_error(request, client_address)


def say(line: str) -> None:
    """Write a line whole: several threads do, and their lines must not run into one another."""
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def behaviour() -> str:
    path = MODEL / "behaviour"
    return path.read_text() if path.exists() else ""


if __name__ == "__main__":
    say(f"begun in {os.getcwd()} to {sys.argv[1]}")
    if behaviour() == "dies":
        sys.exit(7)
    if behaviour() == "rests":
        time.sleep(3)
    Server(os.environ["LOCAL_AWS_SOCKET"], Handler).serve_forever()
