"""Atomic batches of JetStream (ADR-50 of NATS): many messages are stored, and synced to the disk, as one."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass
from typing import Any

import structlog
from nats.aio.client import Client
from pydantic_core import from_json
from uuid_utils import uuid7

log = structlog.get_logger()

MOST = 500
"""Messages of one batch; the server allows 1,000."""


@dataclass(frozen=True)
class Message:
    """What is published."""

    subject: str
    payload: bytes
    headers: dict[str, str]


async def publish_atomically(
    client: Client,
    messages: Iterable[Message],
    count: int,
    *,
    halfway: Callable[[], Awaitable[None]] | None = None,
) -> bool:
    """Publish *count* messages, two or more, to one stream; False when the server did not take them: none is stored then.

    Raises what nats-py raises when no answer comes: they may be stored or not.
    """
    batch_id = uuid7().hex
    inbox = client.new_inbox()
    answers = await client.subscribe(inbox)
    try:
        for number, message in enumerate(messages, start=1):
            headers = message.headers | {
                "Nats-Batch-Id": batch_id,
                "Nats-Batch-Sequence": str(number),
            }
            if number == count:
                headers["Nats-Batch-Commit"] = "1"
            reply = inbox if number in (1, count) else ""
            await client.publish(message.subject, message.payload, reply=reply, headers=headers)
            if number == 1 and not await _taken(answers):
                return False
            if halfway and number * 2 == count:
                await halfway()
            if number % 32 == 0:
                await asyncio.sleep(0)  # what is written goes out while the rest is encoded
        return await _taken(answers)
    finally:
        await answers.unsubscribe()


async def _taken(answers: Any) -> bool:
    """Read one ack of the batch: empty for "go on", a PubAck for the commit."""
    message = await answers.next_msg(timeout=10)
    if not message.data:
        return (message.headers or {}).get("Status") != "503"
    answer = from_json(message.data)
    if "error" in answer:
        log.info("atomic_batch_refused", reason=str(answer["error"])[:200])
        return False
    return True
