"""TrainingInputMode Pipe: a channel's objects as one stream, in a FIFO for each pass that the program makes.

The program opens ``input/data/CHANNEL_0``, reads it to its end, and may go on with ``CHANNEL_1``.  Reference: the
developer guide, "How Amazon SageMaker Provides Training Information".
"""

from __future__ import annotations

import errno
import gzip
import os
import select
import struct
import threading
import zlib
from collections.abc import Iterator, Sequence
from pathlib import Path

from local_aws.core.job_failure import JobFailure

_MAGIC = 0xCED7230A
_MAX_RECORD = (1 << 29) - 1  # bytes: the length of a RecordIO record has 29 bits
_CHUNK = 1 << 16
_POLL_INTERVAL = 0.05  # seconds between two looks at whether somebody reads, or the job has ended


class Pipe(threading.Thread):
    """Feeds the FIFOs of a channel until it is closed.

    ``error`` then says why a stream was not whole, if its objects are the reason; ``bug`` is what else has ended it.
    """

    def __init__(
        self, folder: Path, channel: str, files: Sequence[tuple[Path, str]], gzipped: bool, wrapped: bool
    ) -> None:
        """``files`` make the stream, decompressed if ``gzipped``, each a RecordIO record of its own if ``wrapped``.

        The text beside a file is its description for errors.
        """
        super().__init__(name=f"pipe of the channel {channel}", daemon=True)
        self.error: str | None = None
        self.bug: Exception | None = None
        self._folder, self._channel = folder, channel
        self._files, self._open, self._wrapped = files, gzip.open if gzipped else open, wrapped
        self._closed = threading.Event()
        os.mkfifo(self._path(0))

    def close(self) -> None:
        """End, whoever still reads."""
        self._closed.set()
        self.join()

    def run(self) -> None:
        """Feed the FIFOs in this thread; ``error`` or ``bug`` says what has ended it, if not ``close``."""
        try:
            self._feed()
        except JobFailure as failure:
            self.error = str(failure)
        except Exception as bug:  # raised again by the job, which would take a cut stream for a whole one
            self.bug = bug

    def _feed(self) -> None:
        number = 0
        while (fifo := self._opened(self._path(number))) is not None:
            try:
                # A program may look for the next pass as soon as it has this one.
                os.mkfifo(self._path(number + 1))
                for chunk in self._stream():
                    if not self._write(fifo, chunk):
                        break
            finally:
                os.close(fifo)
            self._path(number).unlink(missing_ok=True)
            number += 1

    def _path(self, number: int) -> Path:
        return self._folder / f"{self._channel}_{number}"

    def _opened(self, path: Path) -> int | None:
        """A FIFO's writing end, once somebody reads; None if the pipe is closed before."""
        while not self._closed.is_set():
            try:
                return os.open(path, os.O_WRONLY | os.O_NONBLOCK)
            except OSError as error:
                if error.errno != errno.ENXIO:  # nobody reads yet
                    return None
            self._closed.wait(_POLL_INTERVAL)
        return None

    def _write(self, fifo: int, chunk: bytes) -> bool:
        """Write all of ``chunk``; False if nobody reads any more."""
        poll, left = select.poll(), memoryview(chunk)
        poll.register(fifo, select.POLLOUT)
        while len(left):
            if self._closed.is_set():
                return False
            if not poll.poll(1000 * _POLL_INTERVAL):
                continue
            try:
                left = left[os.write(fifo, left) :]
            except BlockingIOError:
                continue
            except BrokenPipeError:
                return False
        return True

    def _stream(self) -> Iterator[bytes]:
        """The stream in chunks.  JobFailure if an object cannot be read to its end."""
        for path, description in self._files:
            try:
                if self._wrapped:
                    length = sum(map(len, self._chunks(path)))
                    if length > _MAX_RECORD:
                        raise OSError(f"its {length} bytes are too many for a RecordIO record")
                    yield struct.pack("<II", _MAGIC, length)
                yield from self._chunks(path)
                if self._wrapped:
                    yield b"\0" * (-length % 4)
            except (OSError, EOFError, zlib.error) as error:
                raise JobFailure(f"{description}: {getattr(error, 'strerror', None) or error}.") from None

    def _chunks(self, path: Path) -> Iterator[bytes]:
        with self._open(path, "rb") as file:
            while chunk := file.read(_CHUNK):
                yield chunk
