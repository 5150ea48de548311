"""The one way out: every request to an address that somebody else chose goes through here.

The name is resolved once, every address that it has must be allowed, and the connection is made to one of exactly
these: a name that changes its mind between the look and the call (DNS rebinding) gains nothing. No redirects, no
proxies, no kept connections, no decompression; one deadline from the name to the last byte, and a bound on what is
read. `httpcore` speaks HTTP and TLS; certificates are checked against the host's name.
"""

from __future__ import annotations

import asyncio
import functools
import ipaddress
import socket
import ssl
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import certifi
import httpcore

from shared.addresses import Address, AddressRefused, Place, Rules, place_of

DEADLINE = 10.0
"""Seconds that one request may take in all."""
LARGEST_ANSWER = 64 * 1024
"""Bytes of an answer's body that are read."""
_TRIES = 3
"""Addresses of one name that are tried."""
_AT_ONCE = 64
"""Names that are looked up at once: threads of our own, so that a slow name server holds up nobody else."""

_BROKEN = (httpcore.NetworkError, httpcore.ProtocolError, httpcore.TimeoutException, OSError)

Resolve = Callable[[str, int], Awaitable[Sequence[str]]]


class Unanswered(Exception):
    """No answer came; the text says why, in a few plain words. Whether the request arrived is not known."""


@dataclass(frozen=True)
class Answer:
    """What came back; the body is cut at `LARGEST_ANSWER` bytes."""

    status: int
    headers: Mapping[str, str]
    """By names in lower case; the last one of a name counts."""
    body: bytes


class GuardedClient:
    """Calls addresses that others chose, and only those that *rules* allow."""

    def __init__(
        self,
        rules: Rules,
        *,
        agent: str,
        deadline: float = DEADLINE,
        resolve: Resolve | None = None,
        network: httpcore.AsyncNetworkBackend | None = None,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        self.rules = rules
        self._agent = agent
        self._deadline = deadline
        self._threads = ThreadPoolExecutor(_AT_ONCE, thread_name_prefix="resolve")
        self._resolve = resolve or self._look_up
        self._network = network or httpcore.AnyIOBackend()
        self._tls = tls

    def close(self) -> None:
        """Let go of the threads."""
        self._threads.shutdown(wait=False, cancel_futures=True)

    async def post(self, url: str, body: bytes, headers: Mapping[str, str]) -> Answer:
        """Post *body* to *url*; raises `AddressRefused` before any connection, `Unanswered` after."""
        place = place_of(url, self.rules)
        try:
            async with asyncio.timeout(self._deadline):
                addresses = await self._addresses(place)
                return await self._post(place, addresses, body, headers)
        except TimeoutError as error:
            raise Unanswered("timed out") from error

    async def _addresses(self, place: Place) -> Sequence[str]:
        """Return the addresses of a place, all of them allowed, or refuse."""
        try:
            found = await self._resolve(place.host, place.port)
            addresses = [ipaddress.ip_address(each) for each in found]
        except (OSError, ValueError) as error:
            raise Unanswered("name not found") from error
        if not addresses:
            raise Unanswered("name not found")
        if not all(self.rules.allow(address) for address in addresses):
            raise AddressRefused("address not public")
        return list(dict.fromkeys(str(address) for address in addresses))[:_TRIES]

    async def _look_up(self, host: str, port: int) -> Sequence[str]:
        ask = functools.partial(socket.getaddrinfo, host, port, type=socket.SOCK_STREAM)
        found = await asyncio.get_running_loop().run_in_executor(self._threads, ask)
        return [str(address[0]) for *_, address in found]

    async def _post(
        self, place: Place, addresses: Sequence[str], body: bytes, headers: Mapping[str, str]
    ) -> Answer:
        own = {
            "Host": place.authority,
            "User-Agent": self._agent,
            "Content-Length": str(len(body)),
            "Accept-Encoding": "identity",
            "Connection": "close",
        }
        if place.scheme == "https" and self._tls is None:
            self._tls = await asyncio.to_thread(_trusting_the_usual)
        try:
            async with (
                httpcore.AsyncConnectionPool(
                    ssl_context=self._tls,
                    max_connections=1,
                    network_backend=_Pinned(self._network, addresses, self._deadline),
                ) as pool,
                pool.stream(
                    "POST", place.url, headers=[*own.items(), *headers.items()], content=body
                ) as response,
            ):
                return await _read(response)
        except (httpcore.ConnectError, ssl.SSLError) as error:
            raise Unanswered(_why(error)) from error
        except _BROKEN as error:
            raise Unanswered("connection broken") from error


def _why(error: BaseException) -> str:
    """Return whether a connection failed for its certificate; more about somebody's network is told to nobody."""
    seen: BaseException | None = error
    while seen is not None:
        if isinstance(seen, ssl.SSLError):
            return (
                "certificate not valid"
                if isinstance(seen, ssl.SSLCertVerificationError)
                else "TLS failed"
            )
        seen = seen.__cause__ or seen.__context__
    return "no connection"


async def _read(response: httpcore.Response) -> Answer:
    body = bytearray()
    async for part in response.aiter_stream():
        body += part[: LARGEST_ANSWER - len(body)]
        if len(body) >= LARGEST_ANSWER:
            break
    headers = {
        name.decode("latin-1").lower(): value.decode("latin-1") for name, value in response.headers
    }
    return Answer(response.status, headers, bytes(body))


@functools.cache
def _trusting_the_usual() -> ssl.SSLContext:
    """Trust what this machine trusts, and the bundle that comes with Python's HTTP clients."""
    context = ssl.create_default_context()
    context.load_verify_locations(certifi.where())
    context.set_alpn_protocols(["http/1.1"])
    return context


class _Pinned(httpcore.AsyncNetworkBackend):
    """Connects to the given addresses, whatever name is asked for."""

    def __init__(
        self, network: httpcore.AsyncNetworkBackend, addresses: Sequence[str], deadline: float
    ) -> None:
        self._network = network
        self._addresses = addresses
        self._share = deadline / len(addresses)

    async def connect_tcp(
        self,
        host: str,  # noqa: ARG002 - the name was resolved already, once
        port: int,
        timeout: float | None = None,  # noqa: ARG002, ASYNC109 - one deadline stands around everything
        local_address: str | None = None,
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        """Open a connection to the first address that takes one."""
        refusal: Exception = httpcore.ConnectError("no address")
        for address in self._addresses:
            try:
                return await self._network.connect_tcp(
                    address, port, self._share, local_address, socket_options
                )
            except (httpcore.ConnectError, httpcore.ConnectTimeout, OSError) as error:
                refusal = error
        raise httpcore.ConnectError("no address took a connection") from refusal

    async def connect_unix_socket(
        self,
        path: str,  # noqa: ARG002 - there is none
        timeout: float | None = None,  # noqa: ARG002, ASYNC109
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,  # noqa: ARG002
    ) -> httpcore.AsyncNetworkStream:
        """Refuse: nothing outside has a socket in our file system."""
        raise httpcore.ConnectError("no such way")

    async def sleep(self, seconds: float) -> None:
        """Wait."""
        await asyncio.sleep(seconds)


__all__ = ["Address", "AddressRefused", "Answer", "GuardedClient", "Rules", "Unanswered"]
