"""Distributed training: collective operations between the hosts of a job (all-gather, broadcast, average).

Each host but the first has a socket to the first one, made by the account before it started them: nobody else
can reach it, and it closes with the host that holds it, however that ends.
"""

from __future__ import annotations

import json
import os
import socket
import struct
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from local_aws.containers.lifeline import PEERS

_LENGTH = struct.Struct("<Q")


class PeerLost(Exception):
    """Another host ended before the job did."""


class Peers:
    """This host and the others.  All of them make the same calls in the same order.

    A job of one host has nobody to talk to: every call gives back what it was given.
    """

    def __init__(self, host: str = "algo-1", hosts: Sequence[str] = ("algo-1",)) -> None:
        """ValueError if the account has made no sockets for the ``hosts``."""
        self.host, self.hosts = host, list(hosts)
        self.number = self.hosts.index(host)
        numbers = [int(number) for number in os.environ.get(PEERS, "").split(",") if number]
        others = len(hosts) - 1
        if len(numbers) != (min(others, 1) if self.number else others):
            raise ValueError(f"the host {host} has {len(numbers)} sockets for a job on {len(hosts)} hosts")
        self._sockets = [socket.socket(fileno=number) for number in numbers]

    @property
    def first(self) -> bool:
        """Whether this host evaluates, decides, and writes the model."""
        return self.number == 0

    def all_gather(self, value: Any) -> list[Any]:
        """The JSON values of all hosts, in their order."""
        if self.first:
            values: list[Any] = self.broadcast([value, *(json.loads(self._receive(peer)) for peer in self._sockets)])
        else:
            self._send(self._sockets[0], json.dumps(value).encode())
            values = self.broadcast(None)
        return values

    def broadcast(self, value: Any) -> Any:
        """The first host's JSON value."""
        if not self.first:
            return json.loads(self._receive(self._sockets[0]))
        body = json.dumps(value).encode() if self._sockets else b""
        for peer in self._sockets:
            self._send(peer, body)
        return value

    def average(self, array: NDArray[Any], taking_part: Sequence[bool]) -> None:
        """Put into ``array`` the mean of those that the hosts ``taking_part`` have brought; the others get it too."""
        if not self._sockets:
            return
        if not self.first:
            if taking_part[self.number]:
                self._send(self._sockets[0], array.data.cast("B"))
            self._fill(self._sockets[0], array)
            return
        total = array if taking_part[0] else np.zeros_like(array)
        other = np.empty_like(array)
        for peer, takes_part in zip(self._sockets, taking_part[1:], strict=True):
            if takes_part:
                self._fill(peer, other)
                total += other
        np.divide(total, sum(taking_part), out=array)
        for peer in self._sockets:
            self._send(peer, array.data.cast("B"))

    def _send(self, to: socket.socket, body: bytes | memoryview) -> None:
        try:
            to.sendall(_LENGTH.pack(len(body)))
            to.sendall(body)
        except OSError:
            raise self._lost(to) from None

    def _receive(self, source: socket.socket) -> bytearray:
        body = bytearray(self._read_length(source))
        self._read(source, body)
        return body

    def _read_length(self, source: socket.socket) -> int:
        head = bytearray(_LENGTH.size)
        self._read(source, head)
        length: int = _LENGTH.unpack(head)[0]
        return length

    def _fill(self, source: socket.socket, array: NDArray[Any]) -> None:
        length = self._read_length(source)
        if length != array.nbytes:
            raise ValueError(f"{length} bytes came for an array of {array.nbytes}: the hosts are not in step")
        self._read(source, array.data.cast("B"))

    def _read(self, source: socket.socket, space: bytearray | memoryview) -> None:
        view, filled = memoryview(space), 0
        while filled < len(view):
            try:
                count = source.recv_into(view[filled:])
            except OSError:
                count = 0
            if not count:
                raise self._lost(source)
            filled += count

    def _lost(self, whom: socket.socket) -> PeerLost:
        number = 1 + self._sockets.index(whom) if self.first else 0
        return PeerLost(f"The host {self.hosts[number]} has ended before the training did.")
