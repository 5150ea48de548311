"""Sockets on every wanted address with one port, and the HTTP server on them."""

from __future__ import annotations

import contextlib
import errno
import socket
from collections.abc import Iterator

import uvicorn
from starlette.types import ASGIApp

from shared.errors import Refused

LOOPBACKS = ("127.0.0.1", "::1")
NAMES_OF_LOOPBACK = {None, "localhost", *LOOPBACKS}
EVERYWHERE = {"0.0.0.0": ("0.0.0.0", "::"), "::": ("0.0.0.0", "::")}  # noqa: S104 - on demand only
IPV6 = {"::1", "::"}
BACKLOG = 1024

Sockets = list[socket.socket]


class PortTaken(Refused):
    """这个端口已被占用。 / This port is taken."""


class NoSuchAddress(Refused):
    """不能在这个地址上监听。 / This address cannot be listened on."""


def bind(host: str | None, port: int) -> Sockets:
    """Bind one port on the loopback and on *host*; port 0 takes a free one, the same for all.

    A machine without IPv6 gets IPv4 alone. Refuses with the way out.
    """
    sockets: Sockets = []
    for address in addresses(host):
        try:
            sockets.append(_bind_one(address, sockets[0].getsockname()[1] if sockets else port))
        except OSError as error:
            if address in IPV6 and error.errno in {errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT}:
                continue
            for bound in sockets:
                bound.close()
            raise _refusal(error, address, port) from error
    return sockets


def addresses(host: str | None) -> tuple[str, ...]:
    """Return where to listen: our own services speak over the loopback, so it is always among them."""
    if host is None or host in NAMES_OF_LOOPBACK:
        return LOOPBACKS
    return EVERYWHERE.get(host, (*LOOPBACKS, host))


def _bind_one(address: str, port: int) -> socket.socket:
    """Bind and listen on one address."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    bound = socket.socket(family, socket.SOCK_STREAM)
    try:
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            bound.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        bound.bind((address, port))
        bound.listen(BACKLOG)
    except OSError:
        bound.close()
        raise
    return bound


def _refusal(error: OSError, address: str, port: int) -> Refused:
    """Say in a sentence why it does not go, and what would."""
    if error.errno == errno.EADDRINUSE:
        return PortTaken(
            f"{address}:{port}：请用 --port 另选端口，或停止占用它的程序。 / "
            f"{address}:{port}: choose another with --port, or stop the program that has it."
        )
    return NoSuchAddress(f"{address}:{port}: {error.strerror}")


class _Server(uvicorn.Server):
    """uvicorn without signal handlers of its own: the instance has them."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leave signals alone."""
        yield


def server(app: ASGIApp, *, grace: int) -> uvicorn.Server:
    """Return an HTTP server; requests that run at its end get *grace* seconds."""
    return _Server(
        uvicorn.Config(
            app,
            lifespan="off",
            interface="asgi3",
            log_config=None,
            access_log=False,
            server_header=False,
            timeout_keep_alive=30,
            timeout_graceful_shutdown=grace,
        )
    )
