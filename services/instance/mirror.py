"""The IPv6 loopback of a server that listens on one address only, as nats-server does."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from functools import partial

LOOPBACK_4 = "127.0.0.1"
LOOPBACK_6 = "::1"
CHUNK = 64 * 1024


async def mirror(port: int) -> asyncio.Server | None:
    """Pass connections to [::1]:port on to 127.0.0.1:port; None on a machine without IPv6."""
    try:
        return await asyncio.start_server(partial(_pass_on, port), LOOPBACK_6, port)
    except OSError:
        return None


async def _pass_on(port: int, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Pass one connection on, in both directions, until either side ends."""
    try:
        answers, asks = await asyncio.open_connection(LOOPBACK_4, port)
    except OSError:
        writer.close()
        return
    await asyncio.gather(_copy(reader, asks), _copy(answers, writer))


async def _copy(source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
    """Copy one direction."""
    with suppress(OSError):
        while chunk := await source.read(CHUNK):
            sink.write(chunk)
            await sink.drain()
    sink.close()
