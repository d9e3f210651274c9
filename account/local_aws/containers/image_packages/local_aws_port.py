"""A container's own port 8080: a Python program that listens on it listens on the container's Unix socket.

AWS asks a model's container at port 8080, and each container has a network of its own.  Here all share this machine's,
where a port is taken by the first, and open to every user.  So where a TCP socket is bound to the port, on whatever
address, it becomes a Unix socket at the path that the account asks (in a private folder), and keeps its file
descriptor.  Its addresses are shown as pairs of a host and a port, which is what servers expect.  What the program
connects to at the port on this machine is the same socket.

That is done in the methods of ``socket.socket``, on which ``socketserver``, ``asyncio``, gunicorn, waitress and their
like rest, and in uvloop, which binds in C.  ``sitecustomize`` imports it where a variable names the port.
"""

from __future__ import annotations

import _socket
import errno
import importlib.util
import os
import socket
import sys
from collections.abc import Callable, Sequence
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import Any

LOOPBACK = "127.0.0.1"
OF_TCP = (socket.IPPROTO_IP, socket.IPPROTO_TCP, socket.IPPROTO_IPV6)


class Port:
    """A port of TCP, the only one of its number in its container, and the Unix socket at ``path`` that stands for it.

    A socket of IPv6 alone may be bound beside one of IPv4: it is one at ``other``, which nobody asks.
    """

    def __init__(self, number: int, path: str) -> None:
        self.number, self.path = number, path
        self.other = os.path.join(os.path.dirname(path), "6")

    def bind(self, sock: socket.socket, address: Any) -> None:
        """``socket.bind``."""
        if not self._meant(sock, address):
            _socket.socket.bind(sock, address)
            return
        path = self.path
        if _answers(path):
            if sock.family != socket.AF_INET6 or not sock.getsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY):
                raise OSError(errno.EADDRINUSE, os.strerror(errno.EADDRINUSE))
            path = self.other
        if os.path.exists(path):  # of a server that has ended
            os.unlink(path)
        _exchange(sock)
        _socket.socket.bind(sock, path)

    def connect(self, sock: socket.socket, address: Any) -> None:
        """``socket.connect``."""
        if self._meant(sock, address) and _is_local(address[0]):
            _exchange(sock)
            address = self.path
        _socket.socket.connect(sock, address)

    def connect_ex(self, sock: socket.socket, address: Any) -> int:
        """``socket.connect_ex``."""
        if self._meant(sock, address) and _is_local(address[0]):
            _exchange(sock)
            address = self.path
        return _socket.socket.connect_ex(sock, address)

    def accept(self, sock: socket.socket) -> tuple[socket.socket, Any]:
        """``socket.accept``."""
        connection, address = accept_of_socket(sock)
        return connection, _peer(connection) if self._is(sock) else address

    def getsockname(self, sock: socket.socket) -> Any:
        """``socket.getsockname``."""
        name = _socket.socket.getsockname(sock)
        return ("0.0.0.0", self.number) if sock.family == socket.AF_UNIX and name in (self.path, self.other) else name

    def getpeername(self, sock: socket.socket) -> Any:
        """``socket.getpeername``."""
        name = _socket.socket.getpeername(sock)
        if name == self.path:
            return LOOPBACK, self.number
        return _peer(sock) if self._is(sock) else name

    def setsockopt(self, sock: socket.socket, level: int, *option: Any) -> None:
        """``socket.setsockopt``: what is asked of TCP and IP has no meaning here, and changes nothing."""
        if not (level in OF_TCP and self._is(sock)):
            _socket.socket.setsockopt(sock, level, *option)

    def _meant(self, sock: socket.socket, address: Any) -> bool:
        """Whether an address that a socket is given is the port."""
        return (
            sock.family in (socket.AF_INET, socket.AF_INET6)
            and sock.type == socket.SOCK_STREAM
            and isinstance(address, tuple)
            and address[1:2] == (self.number,)
        )

    def _is(self, sock: socket.socket) -> bool:
        """Whether a socket is the port's, or a connection to it."""
        try:
            name = _socket.socket.getsockname(sock) if sock.family == socket.AF_UNIX else ""
            return name in (self.path, self.other) or (
                sock.family == socket.AF_UNIX and _socket.socket.getpeername(sock) == self.path
            )
        except OSError:
            return False


accept_of_socket = socket.socket.accept
init_of_socket = socket.socket.__init__


def _exchange(sock: socket.socket) -> None:
    """Make a TCP socket one of Unix, with its file descriptor and its timeout."""
    timeout, number = sock.gettimeout(), _socket.socket.detach(sock)
    with socket.socket(socket.AF_UNIX) as made:
        os.dup2(made.fileno(), number, inheritable=os.get_inheritable(number))
    # Of the class in C: that in Python would mark it as a new one.
    _socket.socket.__init__(sock, socket.AF_UNIX, socket.SOCK_STREAM, 0, number)
    sock.settimeout(timeout)


def _init(sock: socket.socket, family: int = -1, type: int = -1, proto: int = -1, fileno: int | None = None) -> None:
    """``socket.socket``: who is handed a file descriptor may take the socket for what it was when it was made."""
    if fileno is not None and family in (socket.AF_INET, socket.AF_INET6):
        found = _socket.socket(fileno=fileno)
        if found.family == socket.AF_UNIX:
            family, proto = socket.AF_UNIX, 0
        found.detach()
    init_of_socket(sock, family, type, proto, fileno)


def _peer(sock: socket.socket) -> tuple[str, int]:
    """The address of whoever has connected: another one for each connection that there is."""
    return LOOPBACK, 1024 + sock.fileno()


def _is_local(host: Any) -> bool:
    try:
        return host in ("", "0.0.0.0", "::", "::1") or str(socket.gethostbyname(host)).startswith("127.")
    except OSError:
        return False


def _answers(path: str) -> bool:
    """Whether somebody listens at a path."""
    with socket.socket(socket.AF_UNIX) as probe:
        return _socket.socket.connect_ex(probe, path) == 0


class _AtImport:
    """A finder of modules that lets uvloop's class be changed as soon as it is there."""

    def __init__(self, change: Callable[[ModuleType], None]) -> None:
        self._change = change

    def find_spec(self, name: str, path: Sequence[str] | None = None, target: object = None) -> ModuleSpec | None:
        """The specification of uvloop as others find it, its loader followed by the change."""
        if name != "uvloop":
            return None
        sys.meta_path.remove(self)
        spec = importlib.util.find_spec(name)
        if spec and spec.loader:
            execute = spec.loader.exec_module

            def execute_and_change(module: ModuleType) -> None:
                execute(module)
                self._change(module)

            spec.loader.exec_module = execute_and_change  # type: ignore[method-assign]
        return spec


def _change_uvloop(port: int, uvloop: ModuleType) -> None:
    """Let a server of uvloop's get a socket that Python has bound."""
    create = uvloop.Loop.create_server

    async def create_server(loop: Any, factory: Any, host: Any = None, port_: Any = None, **options: Any) -> Any:
        asked = options.pop("port", port_)
        if asked != port:
            return await create(loop, factory, host, asked, **options)
        sock = socket.socket()
        try:
            sock.bind(("", asked))
            kept = {name: value for name, value in options.items() if name in ("backlog", "ssl", "start_serving")}
            return await create(loop, factory, sock=sock, **kept)
        except BaseException:
            sock.close()
            raise

    uvloop.Loop.create_server = create_server


def install(number: int, path: str) -> None:
    """Exchange the port in this process from now on."""
    port = Port(number, path)
    for name in ("bind", "connect", "connect_ex", "accept", "getsockname", "getpeername", "setsockopt"):
        setattr(socket.socket, name, _method(name, getattr(port, name)))
    socket.socket.__init__ = _init  # type: ignore[assignment, method-assign]
    sys.meta_path.insert(0, _AtImport(lambda uvloop: _change_uvloop(number, uvloop)))


def _method(name: str, function: Callable[..., Any]) -> Callable[..., Any]:
    def method(sock: socket.socket, *args: Any) -> Any:
        return function(sock, *args)

    method.__name__, method.__qualname__ = name, f"socket.{name}"
    method.__doc__ = getattr(_socket.socket, name, accept_of_socket).__doc__
    return method
