"""A ContainerDefinition at work: a program that is an HTTP server, as AWS's containers are.

``GET /ping`` answers 200 when it is ready, ``POST /invocations`` scores, ``GET /execution-parameters`` may say what
batch transform is to ask of it.  It listens on a Unix socket in a private folder: a port would be open to every user of
the machine.  An image of the user's own listens on port 8080, which is made that socket (``local_aws_port.py``).  Only
an account that serves such models imports this, and httpx with it.

Reference: the developer guide, "Use Your Own Inference Code with Hosting Services" and "… with Batch Transform".
"""

from __future__ import annotations

import contextlib
import logging
import shutil
import socket
import tempfile
import threading
import time
from concurrent.futures import Future
from pathlib import Path
from typing import Any

import httpx

from local_aws.containers import script_container
from local_aws.containers.container import Container
from local_aws.containers.image import Image
from local_aws.containers.rerooted import sitecustomize as rerooted
from local_aws.containers.role_sessions import Sessions
from local_aws.core import clock
from local_aws.core.settings import python_path

from .model_source import ModelSource
from .served_model import ATTRIBUTES, ModelResponse, Unhealthy, WriteLog, broken_off, no_answer

SOCKET = rerooted.SOCKET  # the variable that names the socket to the program
PORT = "8080"  # where an image of the user's own listens
PING_TIMEOUT = 2
RECONNECT = 0.05  # seconds between a program's death and another attempt to reach one
ENDING = 0.5  # seconds that a program which has broken off an answer is given to be seen ending
LONGEST_PAUSE = 60  # seconds between two attempts to start a container that ends again and again
EXECUTION_PARAMETERS = {"MaxConcurrentTransforms": int, "BatchStrategy": str, "MaxPayloadInMB": int}
TIMED_OUT = (
    "Your invocation timed out while waiting for a response from container primary. Review the latency metrics for "
    "each container in Amazon CloudWatch, resolve the issue, and try again."
)

log = logging.getLogger("local_aws")


class ModelContainer:
    """A model whose image's program serves it; a program that ends is started again, as AWS does."""

    waits = True

    def __init__(self, image: Image, root: Path, source: ModelSource, sessions: Sessions, write: WriteLog) -> None:
        self._image = image
        self._root = root
        self._sessions = sessions
        self._session = sessions.begin(source.role, source.isolated)
        self._write = write
        self._startup = source.startup
        self._timeout = source.timeout
        self._folder = _short_folder()
        self._environment = {
            **source.environment,
            "SAGEMAKER_BASE_DIR": f"{root}/opt/ml",
            SOCKET: str(self._folder / "s"),
        }
        self._client = httpx.Client(
            # A connection of its own for every request: one that is kept may be closed just when it is used again.
            transport=httpx.HTTPTransport(
                uds=str(self._folder / "s"), limits=httpx.Limits(max_connections=None, max_keepalive_connections=0)
            ),
            base_url="http://localhost",
            headers={"Accept-Encoding": "identity"},
            trust_env=False,
        )
        self._container: Container | None = None
        # What became of the program's latest start: None if it was ready, else why not; another one for each start.
        self._start: Future[str | None] = Future()
        self._stopped = threading.Event()
        self._changing = threading.Lock()  # held to start a program, to say that none is to start, and to decide
        threading.Thread(target=self._run_repeatedly, name=f"container of {image.name}", daemon=True).start()

    def wait_until_ready(self) -> None:
        """Return when the program has answered GET /ping with 200; Unhealthy if it never does."""
        failure = self._start.result()
        if failure is not None:
            raise Unhealthy(failure)

    def invoke(
        self, body: bytes, content_type: str | None, accept: str | None, attributes: str | None
    ) -> ModelResponse:
        """The program's answer; a program that is starting is waited for, as long as an invocation may take."""
        values = {"Content-Type": content_type, "Accept": accept, ATTRIBUTES: attributes}
        headers = {name.encode(): value.encode("latin-1") for name, value in values.items() if value is not None}
        deadline = time.monotonic() + self._timeout
        while True:
            # One that is starting is waited for: its caller knows nothing of that.
            try:
                failure = self._start.result(max(deadline - time.monotonic(), 0))
            except TimeoutError:
                return no_answer(TIMED_OUT)
            if failure is not None:
                return broken_off()
            try:
                request = self._client.build_request(
                    "POST",
                    "/invocations",
                    content=body,
                    headers=headers,
                    timeout=max(deadline - time.monotonic(), 0.001),
                )
                response = self._client.send(request, stream=True)
                try:
                    answer = _read(response, deadline)
                finally:
                    response.close()
                break
            except httpx.TimeoutException:
                return no_answer(TIMED_OUT)
            except httpx.ConnectError:
                # The program has just died and took no request: the next one gets it.
                time.sleep(RECONNECT)
            except httpx.HTTPError as error:
                log.info("invocation of a container of %s: %r", self._image.name, error)
                self._notice_its_end()
                return broken_off()
        media = response.headers.get("content-type", "application/octet-stream")
        return ModelResponse(response.status_code, media, answer, response.headers.get(ATTRIBUTES))

    def execution_parameters(self) -> dict[str, Any]:
        """What GET /execution-parameters answers, as far as it is of the right types; nothing if there is no answer."""
        try:
            response = self._client.get("/execution-parameters", timeout=PING_TIMEOUT)
            parameters = response.json() if response.status_code == 200 else {}
        except (httpx.HTTPError, ValueError):
            return {}
        if not isinstance(parameters, dict):
            return {}
        return {
            key: parameters[key]
            for key, value_type in EXECUTION_PARAMETERS.items()
            if type(parameters.get(key)) is value_type
        }

    def stop(self, grace: float) -> None:
        """End the program, by SIGKILL after ``grace`` seconds; void its keys and remove its folders."""
        with self._changing:
            self._stopped.set()
            container = self._container
        if container:
            container.stop(grace)
        self._sessions.end(self._session)
        self._decide("The container was stopped.")
        for folder in (self._folder, self._root):
            shutil.rmtree(folder, ignore_errors=True)

    def _run_repeatedly(self) -> None:
        """Run the program, again and again until it is to stop."""
        pause = 0.0
        while True:
            began, code = time.monotonic(), None
            try:
                code = self._run_once()
            except Exception as error:  # whoever waits must hear of it, whatever went wrong
                log.exception("a container of %s", self._image.name)
                self._decide(str(error))
            if self._stopped.is_set():
                return
            served = self._start.result() is None
            if served:
                self._await_next()  # from now on requests wait for it
                self._log_line(f"The container exited with code {code}; it is started again.")
            if time.monotonic() - began > LONGEST_PAUSE:
                pause = 0.0
            if self._stopped.wait(pause):
                return
            pause = min(2 * pause + 1, LONGEST_PAUSE)
            if not served:
                self._await_next()

    def _run_once(self) -> int | None:
        """Start the program, wait until it is ready and until it ends; its exit code."""
        try:
            with self._changing:
                if self._stopped.is_set():
                    return None
                (self._folder / "s").unlink(missing_ok=True)
                self._container = container = self._start_program()
        except script_container.NoSuchProgram as error:
            self._decide(str(error))
            return None
        deadline = time.monotonic() + self._startup
        code = None
        while not self._pings():
            code = container.wait(0.05)
            if code is not None:
                self._decide(f"The container exited with code {code} before it answered GET /ping with 200.")
                return code
            if time.monotonic() > deadline:
                self._decide(f"The container did not answer GET /ping with 200 within {self._startup:g} s.")
                return container.stop(0)
        self._decide(None)
        return container.wait()

    def _start_program(self) -> Container:
        """Start the image's program: ``docker run IMAGE serve``, if it is one of the user's own."""
        root, session, write, own = self._root, self._session, self._write, self._image.own
        if not own:
            modules = [] if self._image.script_mode else [python_path()]
            return script_container.start(self._image.serve, root, self._environment, session, write, modules)
        command = own.command(arguments=self._image.serve)
        return own.start(command, root, {**self._environment, rerooted.PORT: PORT}, session, write)

    def _pings(self) -> bool:
        try:
            return self._client.get("/ping", timeout=PING_TIMEOUT).status_code == 200
        except httpx.HTTPError:
            return False

    def _notice_its_end(self) -> None:
        """Of a program that is ending, notice it before the caller does, whose next request then awaits the next."""
        start, container, deadline = self._start, self._container, time.monotonic() + ENDING
        if container and container.ends_within(ENDING):
            while self._start is start and not self._stopped.is_set() and time.monotonic() < deadline:
                time.sleep(RECONNECT)

    def _await_next(self) -> None:
        with self._changing:
            if not self._stopped.is_set():
                self._start = Future()

    def _decide(self, failure: str | None) -> None:
        if failure and not self._stopped.is_set():
            self._log_line(failure)
        with self._changing:
            if not self._start.done():
                self._start.set_result(failure)

    def _log_line(self, line: str) -> None:
        self._write([(clock.now(), line)])


def _short_folder() -> Path:
    """A private folder in which a socket can be made: its path is short, and its file system has sockets.

    Raises Unhealthy if there is none.
    """
    for parent in (tempfile.gettempdir(), "/tmp", "/var/tmp", "/dev/shm"):
        with contextlib.suppress(OSError):
            folder = Path(tempfile.mkdtemp(prefix="aws-", dir=parent))
            try:
                with socket.socket(socket.AF_UNIX) as probe:
                    probe.bind(str(folder / "s"))
                (folder / "s").unlink()
                return folder
            except OSError:
                shutil.rmtree(folder)
    raise Unhealthy("No folder for temporary files can hold a Unix socket; the variable TMPDIR names another folder.")


def _read(response: httpx.Response, deadline: float) -> bytes:
    """The body of an answer; httpx.ReadTimeout unless it is there by ``deadline`` (of ``time.monotonic``)."""
    parts = []
    for part in response.iter_raw():
        parts.append(part)
        if time.monotonic() > deadline:
            raise httpx.ReadTimeout("the answer goes on and on")
    return b"".join(parts)
