"""Erase single messages of streams so that their bytes are overwritten, not only forgotten.

A purge leaves the bytes in the block files until these are compacted; `STREAM.MSG.DELETE` overwrites them.
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass

from nats.aio.client import Client
from nats.aio.msg import Msg

BATCH = 500
PATIENCE = 10.0
"""Seconds that the server may take for the next message."""


@dataclass(frozen=True)
class Stored:
    """One message of a stream."""

    sequence: int
    subject: str
    data: bytes


async def erase(
    client: Client,
    stream: str,
    subject: str,
    doomed: Callable[[Stored], bool],
    *,
    through: int | None = None,
) -> int:
    """Overwrite the messages on *subject* that are *doomed*, up to the sequence *through*; return how many."""
    found = [
        message.sequence
        async for message in stored(client, stream, subject)
        if (through is None or message.sequence <= through) and doomed(message)
    ]
    js = client.jetstream(timeout=10)
    for sequence in found:
        await js.delete_msg(stream, sequence)
    return len(found)


async def stored(client: Client, stream: str, subject: str) -> AsyncIterator[Stored]:
    """Yield every message of *stream* on *subject*, oldest first, without a consumer."""
    following = 1
    while True:
        page = await _page(client, stream, subject, following)
        for message in page:
            yield message
        if not page:
            return
        following = page[-1].sequence + 1


async def _page(client: Client, stream: str, subject: str, following: int) -> list[Stored]:
    """Return the next messages (batched direct get, ADR-31 of NATS); none at the end."""
    inbox = client.new_inbox()
    answers = await client.subscribe(inbox)
    asked = {"seq": following, "batch": BATCH, "next_by_subj": subject, "max_bytes": 8 << 20}
    found: list[Stored] = []
    try:
        await client.publish(
            f"$JS.API.DIRECT.GET.{stream}", json.dumps(asked).encode(), reply=inbox
        )
        while True:
            message = await answers.next_msg(timeout=PATIENCE)
            if _ends(message):
                return found
            headers = message.headers or {}
            found.append(
                Stored(int(headers["Nats-Sequence"]), headers["Nats-Subject"], message.data)
            )
    finally:
        await answers.unsubscribe()


def _ends(message: Msg) -> bool:
    """Say whether this is the end of a page (204), or of all there is (404)."""
    status = (message.headers or {}).get("Status")
    if status not in (None, "204", "404"):
        raise ConnectionError(f"the stream cannot be read: status {status}")
    return status is not None
