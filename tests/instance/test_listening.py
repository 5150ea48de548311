"""Where the one port listens."""

from __future__ import annotations

import socket

import pytest

from services.instance.listening import NoSuchAddress, PortTaken, addresses, bind


@pytest.mark.parametrize(
    ("host", "expected"),
    [
        (None, ("127.0.0.1", "::1")),
        ("localhost", ("127.0.0.1", "::1")),
        ("127.0.0.1", ("127.0.0.1", "::1")),
        ("0.0.0.0", ("0.0.0.0", "::")),
        ("192.0.2.7", ("127.0.0.1", "::1", "192.0.2.7")),
    ],
)
def test_addresses(host: str | None, expected: tuple[str, ...]) -> None:
    """Nothing but the loopback is listened on unless asked for, and the loopback always is."""
    assert addresses(host) == expected


def test_one_port_for_all() -> None:
    """A free port is the same on every address."""
    sockets = bind(None, 0)
    try:
        assert len({bound.getsockname()[1] for bound in sockets}) == 1
    finally:
        for bound in sockets:
            bound.close()


def test_taken_port_leaves_nothing_open() -> None:
    """When one address is taken the others are given back."""
    with socket.create_server(("::1", 0), family=socket.AF_INET6) as other:
        port = other.getsockname()[1]
        with pytest.raises(PortTaken, match="--port"):
            bind(None, port)
        socket.create_server(("127.0.0.1", port)).close()


def test_foreign_address() -> None:
    """An address that this machine does not have is refused in a sentence."""
    with pytest.raises(NoSuchAddress, match=r"192\.0\.2\.7"):
        bind("192.0.2.7", 0)
