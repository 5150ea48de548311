"""What the catalog does about a leak once the record is without it: tables, attachments, streams."""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field
from typing import Any

from services.catalog.actions.purge_texts import (
    Leak,
    due_leaks,
    purge_files,
    purge_texts,
    source_of,
)
from services.catalog.blobs import BlobStore
from shared.bus import Bus
from shared.db import Database
from shared.erasing import Stored, erase

Doomed = Callable[[Stored], bool]


@dataclass
class Heard:
    """Remembers between looks up to where INTAKE may hold a leak."""

    last: dict[Leak, int] = field(default_factory=dict)
    """The newest sequence when we first looked."""


async def take_out(db: Database, blobs: BlobStore, nats_url: str, heard: Heard) -> bool:
    """Take what is due out of attachments, tables and streams.

    False while its successor is not sent yet, or INTAKE has not been judged as far as the leak may lie. Attachments do not wait for that: they leave the web also while the message server is away.
    """
    async with db.sessions.begin() as session:
        leaks = await due_leaks(session)
        await purge_files(session, leaks, blobs=blobs)
        texts = [leak for leak in leaks if leak.versions]
        if not all(leak.replaced for leak in texts):
            return False
        if texts:
            await purge_texts(session, texts)
    return not texts or await _erase(nats_url, texts, heard)


async def _erase(nats_url: str, leaks: Sequence[Leak], heard: Heard) -> bool:
    """Erase what the streams hold of *leaks*; False: look again.

    INTAKE only up to where it has been judged: what came later is none of this leak's. An older event that is not
    judged yet keeps that below the leak: then it is erased at the first look and again when all is judged.
    """
    async with Bus(nats_url, name="purge") as bus:
        last = (await bus.js.stream_info("INTAKE")).state.last_seq
        through = await _judged(bus, last)
        first = any(leak not in heard.last for leak in leaks)
        heard.last = {leak: heard.last.get(leak, last) for leak in leaks}
        done = through >= max(heard.last.values())
        if not first and not done:
            return False
        for leak in leaks:
            subject = f"record.{leak.department}.{leak.item_id}"
            await erase(bus.client, "RECORD", subject, _of_versions(leak))
            await erase(bus.client, "PARKED", "parked.*", _that_names(subject))
        for department in sorted({leak.department for leak in leaks}):
            mine = {leak.source_id for leak in leaks if leak.department == department}
            intake, outcomes = f"intake.{department}.items", f"outcomes.{department}.items"
            await erase(bus.client, "INTAKE", intake, _about(mine), through=through)
            await erase(bus.client, "OUTCOMES", outcomes, _rejections_of(mine))
    return done


async def _judged(bus: Bus, last: int) -> int:
    """Return up to where all of INTAKE has been judged: *last* where nothing is left."""
    intake = await bus.js.consumer_info("INTAKE", "catalog")
    if not intake.num_pending and not intake.num_ack_pending:
        return last
    return intake.ack_floor.stream_seq if intake.ack_floor else 0


def _of_versions(leak: Leak) -> Doomed:
    def doomed(message: Stored) -> bool:
        data = _read(message).get("data")
        return isinstance(data, dict) and data.get("version") in leak.versions

    return doomed


def _that_names(subject: str) -> Doomed:
    return lambda message: subject.encode() in message.data


def _about(sources: Collection[str]) -> Doomed:
    return lambda message: source_of(message.data) in sources


def _rejections_of(sources: Collection[str]) -> Doomed:
    """Only rejections quote what was sent."""
    about = _about(sources)
    return lambda message: b"intake.rejected.v1" in message.data and about(message)


def _read(message: Stored) -> dict[str, Any]:
    """Return the event, or nothing where it is none."""
    try:
        found = json.loads(message.data)
    except (ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}
