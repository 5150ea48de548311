"""The catalog's ears: INTAKE from the departments, EFFECTS from the projections."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from nats.aio.msg import Msg
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from services.catalog import standard
from services.catalog.actions.accept_items import accept_items
from services.catalog.actions.note_visible import note_visible
from services.catalog.actions.prepare_events import Received, prepare_in_turns
from services.catalog.doors import Doors
from services.catalog.reading import Sender
from shared import failpoints
from shared.bus import hears
from shared.events.effects import VisibleEvent
from shared.http import traceparent_of


def received(message: Msg) -> Received:
    """Take an intake message as it is: reading is the catalog's own, strict and told to the sender."""
    return Received(
        message.data, message.subject.split(".")[1], traceparent_of(message.headers or {})
    )


@hears("INTAKE", durable="catalog", parse_message=received)
async def on_intake(
    events: Sequence[Received], session: AsyncSession, now: datetime, *, doors: Doors
) -> None:
    """Judge a batch; every event gets its outcome, whatever is wrong with it."""
    await failpoints.reach("intake.received")
    senders = await senders_of(session, {event.department for event in events if event.department})
    read = await prepare_in_turns(events, senders, now=now)
    await accept_items(session, read, now=now, doors=doors)


@hears("EFFECTS", durable="catalog-effects", parse=VisibleEvent.model_validate_json, pace=0.25)
async def on_effect(events: Sequence[VisibleEvent], session: AsyncSession, now: datetime) -> None:  # noqa: ARG001
    """Note first visibilities for the delivery passport."""
    await note_visible(session, [event.data for event in events])


async def senders_of(session: AsyncSession, codes: set[str]) -> dict[str, Sender]:
    """Return what reading must know of the departments *codes*."""
    rows = await session.execute(
        text(
            "SELECT d.code, d.history, ARRAY(SELECT e ->> 'code' FROM catalog.site_list l, "
            "jsonb_array_elements(l.value -> 'entries') AS e WHERE l.key = 'catalogue' "
            "AND e ->> 'code' <> ALL(:standard)) AS added FROM catalog.department d WHERE d.code = ANY(:codes)"
        ),
        {"codes": sorted(codes), "standard": sorted(standard.codes())},
    )
    return {row.code: Sender(frozenset(row.added), history=row.history) for row in rows}
