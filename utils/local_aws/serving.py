"""A model at the service of an endpoint or of a batch transform: in the account's own process, or in a container.

A container's program is an HTTP server, as AWS's containers are: ``GET /ping`` answers 200 when it is ready,
``POST /invocations`` scores, ``GET /execution-parameters`` may say what batch transform is to ask of it.  It
listens on a Unix socket in a private folder: a port would be open to every user of the machine.

Reference: the developer guide, "Use Your Own Inference Code with Hosting Services" and "… with Batch Transform".
"""

from __future__ import annotations

import contextlib
import errno
import logging
import lzma
import shutil
import socket
import tarfile
import tempfile
import threading
import time
import zlib
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from . import clock, script_container
from .containers import Container
from .disk import has_room
from .errors import AwsError
from .images import Image, LoadedModel, find_image
from .job_failure import JobFailure
from .job_inputs import fetch_code
from .protocols import request_id
from .role_sessions import Sessions
from .s3 import ObjectStore, copy_file
from .state import CHECKOUT
from .uris import split_uri

if TYPE_CHECKING:
    import httpx

SOCKET = "LOCAL_AWS_SOCKET"  # the variable that names the socket to the program
STARTUP_TIMEOUT = 480  # seconds that AWS gives a container to answer GET /ping with 200
PING_TIMEOUT = 2
RECONNECT = 0.05  # seconds between a program's death and another attempt to reach one
ENDING = 0.5  # seconds that a program which has broken off an answer is given to be seen ending
INVOCATION_TIMEOUT = 60  # seconds; AWS's for a model on an endpoint
STOP_GRACE = 30  # seconds between SIGTERM and SIGKILL, AWS's own
LONGEST_PAUSE = 60  # seconds between two attempts to start a container that ends again and again
ATTRIBUTES = "X-Amzn-SageMaker-Custom-Attributes"
PARAMETERS = {"MaxConcurrentTransforms": int, "BatchStrategy": str, "MaxPayloadInMB": int}
TIMED_OUT = (
    "Your invocation timed out while waiting for a response from container primary. Review the latency metrics for "
    "each container in Amazon CloudWatch, resolve the issue, and try again."
)
BROKE_OFF = (
    "An exception occurred while sending request to model. Please contact customer support regarding request {}."
)
Lines = Callable[[list[tuple[float, str]]], None]

log = logging.getLogger("local_aws")


class Unhealthy(JobFailure):
    """A model that cannot be loaded, or whose container never answers; the log says why."""

    container = "primary"


@dataclass(frozen=True)
class Answer:
    """What a model answers to one request; the status 0 is of one that gave no answer at all."""

    status: int
    content_type: str
    body: bytes
    attributes: str | None = None  # the header X-Amzn-SageMaker-Custom-Attributes
    container: str = "primary"  # which of the model's

    @property
    def good(self) -> bool:
        return 200 <= self.status < 300


class ServedModel(Protocol):
    """A model that answers."""

    waits: bool  # whether a call may take long without using a processor

    def wait_until_ready(self) -> None:
        """Return when it can be asked; Unhealthy if it never can."""

    def invoke(self, body: bytes, content_type: str | None, accept: str | None, attributes: str | None) -> Answer: ...

    def stop(self, grace: float) -> None:
        """End it and remove its folder; no call follows."""


class BatchModel(ServedModel, Protocol):
    """A model that batch transform may ask."""

    def execution_parameters(self) -> dict:
        """What it says of itself: any of MaxConcurrentTransforms, BatchStrategy, MaxPayloadInMB."""


class ModelInProcess:
    """A model that an image's loader made: this project's code, which executes nothing from an artifact."""

    waits = False

    def __init__(self, model: LoadedModel, write: Lines) -> None:
        self._model = model
        self._write = write

    def wait_until_ready(self) -> None:
        pass

    def invoke(self, body: bytes, content_type: str | None, accept: str | None, attributes: str | None) -> Answer:
        answer = self._model.invoke(body, content_type, accept)
        if answer.log_line:
            self._write([(clock.now(), answer.log_line)])
        return Answer(answer.status, answer.content_type, answer.body)

    def execution_parameters(self) -> dict:
        return self._model.execution_parameters()

    def stop(self, grace: float) -> None:
        pass


class ModelContainer:
    """A model whose image's program serves it; a program that ends is started again, as AWS does."""

    waits = True

    def __init__(self, image: Image, root: Path, source: Source, sessions: Sessions, write: Lines) -> None:
        import httpx  # only an account that serves such models needs it

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
        threading.Thread(target=self._keep_up, name=f"container of {image.name}", daemon=True).start()

    def wait_until_ready(self) -> None:
        failure = self._start.result()
        if failure is not None:
            raise Unhealthy(failure)

    def invoke(self, body: bytes, content_type: str | None, accept: str | None, attributes: str | None) -> Answer:
        import httpx

        given = {"Content-Type": content_type, "Accept": accept, ATTRIBUTES: attributes}
        headers = {name: value.encode("latin-1") for name, value in given.items() if value is not None}
        until = time.monotonic() + self._timeout
        while True:
            # One that is starting is waited for: its caller knows nothing of that.
            try:
                failure = self._start.result(max(until - time.monotonic(), 0))
            except TimeoutError:
                return _no_answer(TIMED_OUT)
            if failure is not None:
                return broken_off()
            try:
                request = self._client.build_request(
                    "POST", "/invocations", content=body, headers=headers, timeout=max(until - time.monotonic(), 0.001)
                )
                response = self._client.send(request, stream=True)
                try:
                    answer = _read(response, until)
                finally:
                    response.close()
                break
            except httpx.TimeoutException:
                return _no_answer(TIMED_OUT)
            except httpx.ConnectError:
                # The program has just died and took no request: the next one gets it.
                time.sleep(RECONNECT)
            except httpx.HTTPError as error:
                log.info("invocation of a container of %s: %r", self._image.name, error)
                self._see_its_end()
                return broken_off()
        media = response.headers.get("content-type", "application/octet-stream")
        return Answer(response.status_code, media, answer, response.headers.get(ATTRIBUTES))

    def execution_parameters(self) -> dict:
        import httpx

        try:
            response = self._client.get("/execution-parameters", timeout=PING_TIMEOUT)
            said = response.json() if response.status_code == 200 else {}
        except (httpx.HTTPError, ValueError):
            return {}
        if not isinstance(said, dict):
            return {}
        return {key: said[key] for key, kind in PARAMETERS.items() if type(said.get(key)) is kind}

    def stop(self, grace: float) -> None:
        with self._changing:
            self._stopped.set()
            container = self._container
        if container:
            container.stop(grace)
        self._sessions.end(self._session)
        self._decide("The container was stopped.")
        for folder in (self._folder, self._root):
            shutil.rmtree(folder, ignore_errors=True)

    def _keep_up(self) -> None:
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
                self._say(f"The container exited with code {code}; it is started again.")
            if time.monotonic() - began > LONGEST_PAUSE:
                pause = 0.0
            if self._stopped.wait(pause):
                return
            pause = min(2 * pause + 1, LONGEST_PAUSE)
            if not served:
                self._await_next()

    def _run_once(self) -> int | None:
        """Start the program, wait until it is ready and until it ends; its exit code."""
        with self._changing:
            if self._stopped.is_set():
                return None
            (self._folder / "s").unlink(missing_ok=True)
            modules = [] if self._image.script_mode else [str(CHECKOUT)]
            self._container = container = script_container.start(
                self._image.serve, self._root, self._environment, self._session, self._write, modules
            )
        until = time.monotonic() + self._startup
        code = None
        while not self._pings():
            code = container.wait(0.05)
            if code is not None:
                self._decide(f"The container exited with code {code} before it answered GET /ping with 200.")
                return code
            if time.monotonic() > until:
                self._decide(f"The container did not answer GET /ping with 200 within {self._startup:g} s.")
                return container.stop(0)
        self._decide(None)
        return container.wait()

    def _pings(self) -> bool:
        import httpx

        try:
            return self._client.get("/ping", timeout=PING_TIMEOUT).status_code == 200
        except httpx.HTTPError:
            return False

    def _see_its_end(self) -> None:
        """Of a program that is ending, notice it before the caller does, whose next request then awaits the next."""
        served, until = self._start, time.monotonic() + ENDING
        if self._container.ends_within(ENDING):
            while self._start is served and not self._stopped.is_set() and time.monotonic() < until:
                time.sleep(RECONNECT)

    def _await_next(self) -> None:
        with self._changing:
            if not self._stopped.is_set():
                self._start = Future()

    def _decide(self, failure: str | None) -> None:
        if failure and not self._stopped.is_set():
            self._say(failure)
        with self._changing:
            if not self._start.done():
                self._start.set_result(failure)

    def _say(self, line: str) -> None:
        self._write([(clock.now(), line)])


@dataclass(frozen=True)
class Source:
    """What a model is made of.

    ``url`` is its artifact's address, None if it has none; ``folder`` keeps the artifact, and the user's code.
    The container has ``startup`` seconds until it must answer GET /ping, and ``timeout`` for each invocation.  Its
    program has keys of ``role``, by its ARN, unless it is isolated from the network.
    """

    image: str
    folder: Path
    url: str | None
    environment: Mapping[str, str]
    startup: float = STARTUP_TIMEOUT
    timeout: float = INVOCATION_TIMEOUT
    role: str | None = None
    isolated: bool = False

    @property
    def artifact(self) -> Path:
        return self.folder / "model.tar.gz"

    @property
    def code(self) -> Path:
        return self.folder / "sourcedir.tar.gz"

    def fetch(self, objects: ObjectStore) -> None:
        """Bring what is in S3, the user's code too; JobFailure with AWS's sentence if there is no artifact."""
        if self.url:
            try:
                objects.link(objects.object(*split_uri(self.url)), self.artifact)
            except AwsError as error:
                if error.code not in ("NoSuchBucket", "NoSuchKey"):
                    raise
                raise JobFailure(f"Could not find model data at {self.url}.") from None
        fetch_code(self.environment.get("SAGEMAKER_SUBMIT_DIRECTORY", ""), objects, self.code)


def begin(source: Source, root: Path, sessions: Sessions, write: Lines) -> BatchModel:
    """Let a model serve, in a container whose root is ``root`` (not there yet) if it needs one.

    ``sessions`` are those of which a container gets one, ``write`` gets the lines of its log.  A container is not
    awaited here: ``wait_until_ready`` does that.

    Raises JobFailure with AWS's sentence if the artifact cannot be unpacked, Unhealthy if it cannot be loaded.
    """
    image = find_image(source.image, "SAGEMAKER_PROGRAM" in source.environment)
    root = script_container.root_folder(root)
    folder = root / "opt" / "ml" / "model"
    try:
        folder.mkdir(parents=True)
        if source.url:
            _unpack(source.artifact, source.url, folder)
        if image.load is None:
            script_container.lay_out(root)
            if source.code.is_file():
                copy_file(source.code, folder.with_name(source.code.name))
            return ModelContainer(image, root, source, sessions, write)
    except BaseException:
        shutil.rmtree(root, ignore_errors=True)
        raise
    write([(clock.now(), "loading model...")])
    try:
        model = ModelInProcess(image.load(folder, source.environment), write)
    except Exception as error:  # an artifact may hold anything
        why = str(error).replace(str(folder), "/opt/ml/model")
        write([(clock.now(), f"The model cannot be loaded: {why}")])
        log.warning("the model at %s cannot be loaded", source.url, exc_info=True)
        raise Unhealthy(why) from None
    finally:
        shutil.rmtree(root, ignore_errors=True)  # what has been loaded is in memory
    write([(clock.now(), "...model loaded.")])
    return model


def _unpack(archive: Path, url: str, folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tarfile.open(archive) as opened:
            for member in opened:
                # An archive of a few kilobytes may hold terabytes.
                if not has_room(folder, member.size):
                    raise OSError(errno.ENOSPC, f"there is no room for the {member.size} bytes of {member.name}")
                opened.extract(member, folder, filter="data")
    except (ValueError, OSError, EOFError, zlib.error, lzma.LZMAError, tarfile.TarError) as error:
        log.warning("%s cannot be unpacked: %s", url, error)
        raise JobFailure(
            f'Failed to extract model data archive from URL "{url}". Please ensure that the object located at '
            "the URL is a valid tar.gz archive."
        ) from None


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


def _read(response: httpx.Response, until: float) -> bytes:
    """The body of an answer that is there by ``until``."""
    import httpx

    parts = []
    for part in response.iter_raw():
        parts.append(part)
        if time.monotonic() > until:
            raise httpx.ReadTimeout("the answer goes on and on")
    return b"".join(parts)


def broken_off() -> Answer:
    """The answer of a model that gave none."""
    return _no_answer(BROKE_OFF.format(request_id()))


def _no_answer(text: str) -> Answer:
    return Answer(0, "text/plain", text.encode())
