"""The way to a cluster: one event loop in a thread of its own, one client, errors that say what to do."""

from __future__ import annotations

import asyncio
import logging
import re
import threading
import time
from collections.abc import Awaitable, Callable
from concurrent.futures import CancelledError
from dataclasses import dataclass
from typing import Any, TypeVar
from urllib.parse import parse_qs, unquote, urlsplit

from services.search.engines.engine import SearchDown

T = TypeVar("T")

NAME = "gazette"
_NAME = re.compile(r"[a-z][a-z0-9_-]{0,60}")
_HOST = re.compile(r"(\[[0-9a-f:]+\]|[^:\[\]]+)(?::(\d{1,5}))?", re.IGNORECASE)
_PATIENCE = 5
"""Seconds that a read may take; a slower cluster is a 503, not a thread that hangs."""
_BREATH = 2.0
"""Seconds after such a slow answer in which nothing more is asked, so that readers do not queue behind each other."""
_WRITING = 120
_AGAIN = 0.2
_WAIT = {401, 403, 429, 502, 503, 504}
"""Not our request is wrong: who may write, a full disk, an overload, a cluster without a leader."""


@dataclass(frozen=True)
class Address:
    """`http[s]://[user:password@]host[:port][,host…][/name][?shards=&ca=]`, as `GAZETTE_SEARCH_URL` says it."""

    hosts: tuple[tuple[str, int], ...]
    secure: bool
    name: str
    """What our aliases and indices begin with: several instances may share a cluster."""
    user: str
    password: str
    shards: int
    authority: str | None
    """File of the certificate authority of the cluster's TLS; None: the well-known ones."""


def address_of(url: str) -> Address:
    """Read an address; raises `ValueError` that says what is wrong with it, without its password."""
    parts = urlsplit(url)
    if parts.scheme not in {"http", "https"}:
        raise ValueError("要以 http:// 或 https:// 开头 / must begin with http:// or https://")
    account, _, hosts = parts.netloc.rpartition("@")
    user, _, password = account.partition(":")
    name = parts.path.strip("/") or NAME
    if not _NAME.fullmatch(name):
        raise ValueError(
            "路径是索引名，只用小写字母、数字、- 和 _ / "
            "the path names the index: lower-case letters, digits, - and _"
        )
    given = {key: values[-1] for key, values in parse_qs(parts.query).items()}
    if unknown := set(given) - {"shards", "ca"}:
        raise ValueError(f"没有这个参数 / no such parameter: {', '.join(sorted(unknown))}")
    shards = given.get("shards", "1")
    if not shards.isdigit() or not 1 <= int(shards) <= 1000:
        raise ValueError("shards 要是 1 到 1000 的整数 / shards must be from 1 to 1000")
    return Address(
        hosts=tuple(_host(host, parts.scheme) for host in hosts.split(",")),
        secure=parts.scheme == "https",
        name=name,
        user=unquote(user),
        password=unquote(password),
        shards=int(shards),
        authority=given.get("ca"),
    )


def _host(host: str, scheme: str) -> tuple[str, int]:
    found = _HOST.fullmatch(host)
    if found is None:
        raise ValueError("主机写成 host:9200 / write hosts as host:9200")
    return found[1], int(found[2] or (443 if scheme == "https" else 9200))


class NotThere(SearchDown):
    """搜索正在重建索引，请稍后再试。 / The index is being made; please try again shortly."""


class Wire:
    """Calls the cluster from any thread; each call blocks its caller and nobody else."""

    def __init__(self, address: Address) -> None:
        self._address = address
        self._quiet_until = 0.0
        self._closed = False
        self._door = threading.Lock()
        """Held while a call begins: none begins behind the end."""
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(
            target=self._loop.run_forever, name="opensearch", daemon=True
        )
        self._thread.start()
        self._client: Any = asyncio.run_coroutine_threadsafe(self._connect(), self._loop).result()

    def call(self, work: Callable[[Any], Awaitable[T]]) -> T:
        """Run *work* with the client (an `AsyncOpenSearch`); raises `SearchDown` while the cluster cannot answer."""
        with self._door:
            if self._closed or time.monotonic() < self._quiet_until:
                raise SearchDown
            calling = asyncio.run_coroutine_threadsafe(self._called(work), self._loop)
        try:
            return calling.result()
        except CancelledError:
            raise SearchDown from None  # closed meanwhile

    def read(self, work: Callable[[Any], Awaitable[T]]) -> T:
        """Run *work*, once more when its index was swapped for another in that moment."""
        try:
            return self.call(work)
        except SearchDown as error:
            if not (isinstance(error, NotThere) or error.moment):
                raise
            time.sleep(_AGAIN)
            return self.call(work)

    def close(self) -> None:
        """End what is under way, close the connections and end the thread."""
        with self._door:
            if self._closed:
                return
            self._closed = True
        asyncio.run_coroutine_threadsafe(self._end(), self._loop).result()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    async def _end(self) -> None:
        """Let nobody wait for an answer that cannot come any more."""
        calls = asyncio.all_tasks() - {asyncio.current_task()}
        for call in calls:
            call.cancel()
        await asyncio.gather(*calls, return_exceptions=True)
        await self._client.close()

    async def _connect(self) -> Any:
        """Make the client, in its loop. The library is read here: without a cluster nobody pays its 40 MB."""
        from opensearchpy import AsyncOpenSearch

        logging.getLogger("opensearch").setLevel(
            logging.ERROR
        )  # what fails is raised, and said once
        address = self._address
        return AsyncOpenSearch(
            hosts=[{"host": host, "port": port} for host, port in address.hosts],
            use_ssl=address.secure,
            http_auth=(address.user, address.password) if address.user else None,
            timeout=_PATIENCE,
            max_retries=len(address.hosts) - 1,  # another node, not the same one again
            retry_on_status=(),
            ca_certs=address.authority,
        )

    async def _called(self, work: Callable[[Any], Awaitable[T]]) -> T:
        from opensearchpy import exceptions

        try:
            return await work(self._client)
        except exceptions.NotFoundError as error:
            raise NotThere from error
        except exceptions.ConnectionError as error:
            if isinstance(error, exceptions.ConnectionTimeout):
                self._quiet_until = time.monotonic() + _BREATH
            raise SearchDown from error
        except exceptions.TransportError as error:
            if error.status_code in _WAIT or error.status_code == 500:
                raise SearchDown.for_a_moment(error.status_code) from error
            raise


def patient(params: dict[str, Any] | None = None) -> dict[str, Any]:
    """Return the parameters of a call that may take long: writing, merging, making an index."""
    return {"request_timeout": _WRITING, **(params or {})}
