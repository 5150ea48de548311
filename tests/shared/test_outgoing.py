"""The one way out, on real sockets: what is connected to, for how long, and how much is read."""

from __future__ import annotations

import asyncio
import ipaddress
import ssl
import time
from collections.abc import AsyncIterator, Iterable, Sequence
from typing import Any

import httpcore
import pytest
import trustme

from shared.addresses import AddressRefused, Rules
from shared.outgoing import LARGEST_ANSWER, GuardedClient, Unanswered
from tests.shared.receiver import Received, Receiver, plain, receiving
from tests.shared.test_addresses import PRIVATE_4, PRIVATE_6, TRICKS

LOOPBACK = (ipaddress.ip_network("127.0.0.1/32"),)


def resolver(*answers: Sequence[str]) -> Any:
    """Return a resolver that gives *answers* in turn, the last for ever, and counts what it is asked."""

    async def resolve(host: str, port: int) -> Sequence[str]:
        asked.append((host, port))
        return answers[min(len(asked), len(answers)) - 1]

    asked: list[tuple[str, int]] = []
    resolve.asked = asked  # type: ignore[attr-defined]
    return resolve


class Watched(httpcore.AsyncNetworkBackend):
    """The real network, with a list of what was connected to."""

    def __init__(self) -> None:
        self.opened: list[tuple[str, int]] = []
        self._real = httpcore.AnyIOBackend()

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        self.opened.append((host, port))
        return await self._real.connect_tcp(host, port, timeout, local_address, socket_options)


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    """A receiver on the loopback."""
    async with receiving() as running:
        yield running


def outgoing(*receivers: Receiver, **changes: Any) -> GuardedClient:
    """Return a client that may reach 127.0.0.1, as an operator's setting allows."""
    ports = frozenset(receiver.port for receiver in receivers) | {80, 443}
    rules = Rules(networks=LOOPBACK, http=True, ports=ports)
    own: dict[str, Any] = {"rules": rules, "agent": "Test/1", "deadline": 1.0}
    return GuardedClient(**(own | changes))


async def test_a_post_arrives_as_it_was_meant(receiver: Receiver) -> None:
    """Body, our headers, host with port, no kept connection, and the answer come through."""
    receiver.answer = plain(202, b"thanks", "X-Thing: a")
    answer = await outgoing(receiver).post(
        receiver.url + "/中?x=1",
        "正文".encode(),
        {"webhook-id": "1", "content-type": "application/json"},
    )
    assert (answer.status, answer.body, answer.headers["x-thing"]) == (202, b"thanks", "a")
    (got,) = receiver.got
    assert got.target == "/hook/%E4%B8%AD?x=1"
    assert got.body == "正文".encode()
    assert got.headers == {
        "host": f"127.0.0.1:{receiver.port}",
        "user-agent": "Test/1",
        "content-length": "6",
        "accept-encoding": "identity",
        "connection": "close",
        "webhook-id": "1",
        "content-type": "application/json",
    }


async def test_a_name_is_resolved_once_and_the_connection_goes_there(receiver: Receiver) -> None:
    """The second answer of a name that changes its mind is never asked for: one look, one connection, to that."""
    resolve, network = resolver(["127.0.0.1"], ["10.9.9.9"]), Watched()
    client = outgoing(receiver, resolve=resolve, network=network)
    assert (await client.post(f"http://hooks.example:{receiver.port}/", b"", {})).status == 200
    assert resolve.asked == [("hooks.example", receiver.port)]
    assert network.opened == [("127.0.0.1", receiver.port)]
    assert receiver.got[0].headers["host"] == f"hooks.example:{receiver.port}"
    with pytest.raises(AddressRefused):
        await client.post(f"http://hooks.example:{receiver.port}/", b"", {})
    assert len(network.opened) == 1


@pytest.mark.parametrize(
    "answers",
    [
        ["10.0.0.1"],
        ["169.254.169.254"],
        ["::1"],
        ["::ffff:127.0.0.1"],
        ["100.64.0.1"],
        ["fe80::1%2"],
        ["64:ff9b::7f00:1"],
        ["127.0.0.1", "10.0.0.1"],
        ["8.8.8.8", "192.168.1.1"],
    ],
    ids=",".join,
)
async def test_one_private_address_refuses_the_name(receiver: Receiver, answers: list[str]) -> None:
    """Every address that a name has must be allowed; otherwise no socket is opened, not even to the good one."""
    network = Watched()
    client = outgoing(receiver, resolve=resolver(answers), network=network)
    with pytest.raises(AddressRefused, match="address not public"):
        await client.post(f"http://hooks.example:{receiver.port}/", b"", {})
    assert network.opened == []


async def test_no_trick_resolves_or_opens_anything() -> None:
    """Over 300 odd URLs, called with the default rules: no name is looked up and no socket opened."""
    resolve, network = resolver(["127.0.0.1"]), Watched()
    client = GuardedClient(Rules(), agent="Test/1", resolve=resolve, network=network)
    for url in TRICKS:
        with pytest.raises(AddressRefused):
            await client.post(url, b"x", {})
    assert resolve.asked == []
    assert network.opened == []


@pytest.mark.parametrize("address", [*PRIVATE_4, *PRIVATE_6])
async def test_no_name_leads_to_a_private_address(address: str) -> None:
    """A name that leads to any special-purpose address opens no socket, alone or beside a public one."""
    network = Watched()
    for found in ([address], ["8.8.8.8", address]):
        client = GuardedClient(Rules(), agent="Test/1", resolve=resolver(found), network=network)
        with pytest.raises(AddressRefused):
            await client.post("https://hooks.example/", b"x", {})
    assert network.opened == []


async def test_without_the_setting_the_loopback_is_refused(receiver: Receiver) -> None:
    """The control of the tests here: it is the operator's setting alone that lets them reach 127.0.0.1."""
    network = Watched()
    rules = Rules(http=True, ports=frozenset({receiver.port}))
    client = outgoing(receiver, rules=rules, network=network, resolve=resolver(["127.0.0.1"]))
    for url in (receiver.url, f"http://hooks.example:{receiver.port}/"):
        with pytest.raises(AddressRefused):
            await client.post(url, b"", {})
    assert network.opened == []
    assert receiver.connections == 0


async def test_a_redirect_is_an_answer(receiver: Receiver) -> None:
    """A redirect, to a private address or anywhere, is not followed."""
    async with receiving() as inner:
        receiver.answer = plain(307, b"", f"Location: {inner.url}")
        answer = await outgoing(receiver, inner).post(receiver.url, b"x", {})
        assert answer.status == 307
        assert inner.connections == 0


async def test_proxies_of_the_environment_are_not_used(
    receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What `HTTP_PROXY` and its like say does not matter."""
    async with receiving() as proxy:
        for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "all_proxy"):
            monkeypatch.setenv(name, f"http://127.0.0.1:{proxy.port}")
        assert (await outgoing(receiver).post(receiver.url, b"", {})).status == 200
        assert proxy.connections == 0


async def slow_head(_: Received, writer: asyncio.StreamWriter) -> None:
    """Say one byte of the status line at a time, for ever: no single wait is long."""
    for byte in b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 1000:
        writer.write(bytes([byte]))
        await writer.drain()
        await asyncio.sleep(0.05)


async def slow_body(_: Received, writer: asyncio.StreamWriter) -> None:
    """Promise a body and drop a byte now and then."""
    writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n")
    while True:
        writer.write(b".")
        await writer.drain()
        await asyncio.sleep(0.05)


async def silence(_: Received, writer: asyncio.StreamWriter) -> None:
    """Take the request and say nothing."""
    await asyncio.sleep(60)


async def endless_hints(_: Received, writer: asyncio.StreamWriter) -> None:
    """Say 103 again and again."""
    while True:
        writer.write(b"HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n")
        await writer.drain()
        await asyncio.sleep(0.01)


@pytest.mark.parametrize("answer", [slow_head, slow_body, silence, endless_hints])
async def test_one_deadline_stands_around_everything(receiver: Receiver, answer: Any) -> None:
    """A receiver that trickles, or says nothing, costs the deadline and no more."""
    receiver.answer = answer
    begun = time.monotonic()
    with pytest.raises(Unanswered, match="timed out"):
        await outgoing(receiver, deadline=0.4).post(receiver.url, b"", {})
    assert time.monotonic() - begun < 5


async def test_a_slow_name_server_costs_the_deadline(receiver: Receiver) -> None:
    """Looking the name up is inside the deadline."""

    async def never(host: str, port: int) -> Sequence[str]:
        await asyncio.sleep(60)
        return []

    begun = time.monotonic()
    with pytest.raises(Unanswered, match="timed out"):
        await outgoing(receiver, deadline=0.3, resolve=never).post("http://a.example/", b"", {})
    assert time.monotonic() - begun < 5


async def test_a_huge_answer_is_cut(receiver: Receiver) -> None:
    """Of an endless body 64 KiB are kept, and the connection is closed."""
    ended = asyncio.Event()

    async def huge(_: Received, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\n\r\n")
        try:
            while True:
                writer.write(b"x" * 65536)
                receiver.sent += 65536
                await writer.drain()
        finally:
            ended.set()

    receiver.answer = huge
    answer = await outgoing(receiver, deadline=5.0).post(receiver.url, b"", {})
    assert (answer.status, len(answer.body)) == (200, LARGEST_ANSWER)
    async with asyncio.timeout(5):
        await ended.wait()
    assert receiver.sent < 16 * 1024 * 1024  # what the sockets' buffers hold, not an endless stream


@pytest.mark.parametrize(
    "wire",
    [
        b"not http at all\r\n\r\n",
        b"HTTP/1.1 200 OK\r\n" + b"X-Long: " + b"y" * 300_000 + b"\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nshort",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
        b"",
    ],
    ids=["noise", "huge header", "short body", "bad chunk", "nothing"],
)
async def test_nonsense_is_no_answer(receiver: Receiver, wire: bytes) -> None:
    """What is no HTTP, has a header without end, or breaks off is no answer, and raises nothing else."""
    receiver.answer = wire
    with pytest.raises(Unanswered, match="connection broken"):
        await outgoing(receiver).post(receiver.url, b"", {})


async def test_a_compressed_answer_is_not_unpacked(receiver: Receiver) -> None:
    """A bomb stays as small as it came."""
    receiver.answer = plain(200, b"\x1f\x8b not even gzip", "Content-Encoding: gzip")
    assert (await outgoing(receiver).post(receiver.url, b"", {})).body.startswith(b"\x1f\x8b")


async def test_nobody_there_is_no_connection() -> None:
    """A closed port is told from a broken answer, and every address of the name is tried."""
    async with receiving() as receiver:
        port = receiver.port
    client = outgoing(Receiver(port=port))
    with pytest.raises(Unanswered, match="no connection"):
        await client.post(f"http://127.0.0.1:{port}/", b"", {})


async def test_the_next_address_of_the_name_is_tried(receiver: Receiver) -> None:
    """When the first address takes no connection, the next of the same look-up does."""
    network = Watched()
    rules = Rules(
        (*LOOPBACK, ipaddress.ip_network("::1/128")), http=True, ports=frozenset({receiver.port})
    )
    client = outgoing(
        receiver, rules=rules, resolve=resolver(["::1", "127.0.0.1"]), network=network
    )
    assert (await client.post(f"http://hooks.example:{receiver.port}/", b"", {})).status == 200
    assert [host for host, _ in network.opened] == ["::1", "127.0.0.1"]


async def test_a_name_that_nobody_knows() -> None:
    """A resolver's error, and an empty answer, are the same to the caller."""

    async def unknown(host: str, port: int) -> Sequence[str]:
        raise OSError

    for resolve in (unknown, resolver([])):
        with pytest.raises(Unanswered, match="name not found"):
            await outgoing(resolve=resolve).post("https://nobody.example/", b"", {})


# --- TLS


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    """A certificate authority of our own."""
    return trustme.CA()


def served(authority: trustme.CA, name: str) -> ssl.SSLContext:
    """Return a server's side with a certificate for *name*."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert(name).configure_cert(context)
    return context


def trusting(authority: trustme.CA) -> ssl.SSLContext:
    """Return a client's side that trusts *authority*."""
    context = ssl.create_default_context()
    authority.configure_trust(context)
    return context


async def test_the_certificate_is_that_of_the_name(authority: trustme.CA) -> None:
    """Although we connect to a number, the certificate must be the name's."""
    async with receiving(served(authority, "hooks.example")) as receiver:
        client = outgoing(receiver, resolve=resolver(["127.0.0.1"]), tls=trusting(authority))
        url = f"https://hooks.example:{receiver.port}/"
        assert (await client.post(url, b"x", {})).status == 200
        with pytest.raises(Unanswered, match="certificate not valid"):
            await client.post(f"https://other.example:{receiver.port}/", b"x", {})
    assert len(receiver.got) == 1


async def test_a_certificate_of_nobody_is_refused(authority: trustme.CA) -> None:
    """By default only the usual authorities are trusted."""
    async with receiving(served(authority, "hooks.example")) as receiver:
        client = outgoing(receiver, resolve=resolver(["127.0.0.1"]), deadline=5.0)
        with pytest.raises(Unanswered, match="certificate not valid"):
            await client.post(f"https://hooks.example:{receiver.port}/", b"x", {})
    assert receiver.got == []


async def test_a_stalled_handshake_costs_the_deadline() -> None:
    """A server that takes the connection and never speaks TLS holds nobody up."""
    release = asyncio.Event()

    async def hold(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(1)
        await release.wait()
        writer.close()

    server = await asyncio.start_server(hold, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    begun = time.monotonic()
    with pytest.raises(Unanswered, match="timed out"):
        await outgoing(Receiver(port=port), deadline=0.4, tls=ssl.create_default_context()).post(
            f"https://127.0.0.1:{port}/", b"", {}
        )
    assert time.monotonic() - begun < 5
    release.set()
    server.close()
    await asyncio.sleep(0.1)
