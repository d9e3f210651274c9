"""The embedded account's process: it listens, serves the application, and ends when nobody needs it."""

from __future__ import annotations

import asyncio
import errno
import logging
import os
import re
import signal
import socket
import sys
import time
from pathlib import Path

import uvicorn

from local_aws.core import process_lock
from local_aws.core.account import open_account
from local_aws.core.settings import settings
from local_aws.core.store import StateError

from .application import Application
from .expect_continue import close_refused
from .write_coalescing import Protocol

IDLE_SECONDS = 600  # without a request, a job or a living client, after which the process ends
log = logging.getLogger("local_aws")


def serve(folder: Path) -> int:
    """Be the account of ``folder`` until told to stop or no longer needed; the process's exit code.

    0 also if another process already is this account.
    """
    account = open_account(folder)
    idle = _idle_seconds()
    # Held to this process's very end: who finds it free must find all files closed.
    if process_lock.hold(folder / "server.lock", patience=1.0) is None:
        return 0
    record = folder / "server.json"
    before = process_lock.read_record(record)
    record.unlink(missing_ok=True)
    listener = _listen(before.get("port", 0))
    port = listener.getsockname()[1]
    application = Application(folder, account, port)
    application.recover()
    configuration = uvicorn.Config(
        close_refused(application),
        lifespan="off",
        access_log=False,
        log_config=None,
        server_header=False,
        proxy_headers=False,
        http=Protocol,
        timeout_keep_alive=120,
        timeout_graceful_shutdown=2,
    )
    server = uvicorn.Server(configuration)
    process = {"pid": os.getpid(), "port": port, "started": time.time(), "settings": settings()}
    process_lock.write_record(record, process | {"surroundings": process_lock.surroundings()})
    # uvicorn ends by this signal, and then raises it again: what follows must be done all the same.
    signal.signal(signal.SIGTERM, lambda *_: None)
    try:
        with asyncio.Runner(loop_factory=configuration.get_loop_factory()) as runner:
            runner.run(_serve_until_idle(server, listener, application, folder, idle))
    finally:
        application.shut_down()
    return 0


async def _serve_until_idle(
    server: uvicorn.Server, listener: socket.socket, application: Application, folder: Path, idle: float
) -> None:
    serving = asyncio.ensure_future(server.serve(sockets=[listener]))
    while not serving.done():
        await asyncio.wait([serving], timeout=min(5.0, idle / 4))
        if application.busy() or process_lock.living(folder):
            application.last_used = time.monotonic()
        elif time.monotonic() - application.last_used > idle:
            log.info("idle for %.0f s: this process ends, the account stays", idle)
            server.should_exit = True
    await serving


def _idle_seconds() -> float:
    value = os.environ.get("LOCAL_AWS_IDLE_SECONDS") or IDLE_SECONDS
    try:
        return max(float(value), 0.0)
    except ValueError:
        raise StateError(Path("LOCAL_AWS_IDLE_SECONDS"), f"must be a number of seconds, not '{value}'.") from None


def _listen(last_port: int) -> socket.socket:
    """A socket on loopback: on ``LOCAL_AWS_PORT``, else on the last port if it is free, else on any."""
    value = os.environ.get("LOCAL_AWS_PORT")
    if value and not (re.fullmatch("[0-9]{1,5}", value) and int(value) < 65536):
        raise StateError(Path("LOCAL_AWS_PORT"), f"must be a port's number, not '{value}'.")
    ports = [int(value)] if value else [last_port, 0]
    for port in ports:
        # asyncio turns off Nagle's algorithm, which costs an answer 40 ms, only on sockets that say they are TCP.
        listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind(("127.0.0.1", port))
        except OSError as error:
            listener.close()
            if error.errno not in (errno.EADDRINUSE, errno.EACCES) or port == 0:
                raise
            continue
        listener.listen(1024)
        return listener
    raise StateError(
        Path("LOCAL_AWS_PORT"),
        f"the port {ports[0]} cannot be used: another program has it, or it is the system's. "
        "Name another one, or unset it to have one chosen.",
    )


def main() -> int:
    """Be the account of the folder that the command line names; the exit code, 2 if its folder cannot be used."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s", stream=sys.stderr)
    logging.getLogger("uvicorn").setLevel(logging.WARNING)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C in a user's terminal is not meant for the account
    try:
        return serve(Path(sys.argv[1]))
    except StateError as error:
        print(f"local_aws: {error}", file=sys.stderr)
        return 2


if __name__ == "__main__":
    sys.exit(main())
