"""Items as the record says them, with as little as a test wants to say."""

from __future__ import annotations

import hashlib
import uuid
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from services.search.rules.card import Card, card_of
from shared.events.record import PUBLISHED, ItemState, RecordEvent

ZONE = ZoneInfo("Asia/Shanghai")
BEGIN = datetime(2026, 1, 5, 1, tzinfo=UTC)
NAMES = {"zh-Hans": "县政府", "zh-Hant": "縣政府", "en": "Government"}


def item_id(source_id: str) -> uuid.UUID:
    """Return the id that every test item of this source id has."""
    return uuid.uuid5(uuid.NAMESPACE_URL, source_id)


def state(
    source_id: str,
    title: str | None = None,
    body: str | None = "",
    *,
    version: int = 1,
    sequence: int = 1,
    day: int = 0,
    department: str = "gov",
    **more: Any,
) -> ItemState:
    """Return an item, published *day* days after `BEGIN`."""
    moment = BEGIN + timedelta(days=day)
    fields: Mapping[str, Any] = {
        "item_id": item_id(source_id),
        "source_id": source_id,
        "department": {"code": department, "names": NAMES},
        "version": version,
        "notice_version": version,
        "change": "major",
        "history": [],
        "url": f"/{department}/2026/{source_id}/",
        "published_at": moment,
        "updated_at": moment,
        "state": "published",
        "title": title,
        "body": None if body is None else {"content": body},
        "catalogue": "notice",
        "sequence": sequence,
    }
    return ItemState.model_validate({**fields, **more})


def card(source_id: str, title: str | None = None, body: str | None = "", **more: Any) -> Card:
    """Return the card of an item."""
    return card_of(state(source_id, title, body, **more), ZONE)


def event(item: ItemState) -> RecordEvent:
    """Return the record's event about an item."""
    raw = item.model_dump_json(exclude={"sequence", "epoch"})
    return RecordEvent(
        id=str(uuid.uuid5(item.item_id, str(item.version))),
        source=f"/departments/{item.department.code}",
        subject=item.source_id,
        type=PUBLISHED,
        time=item.updated_at,
        data=item,
        statesha256=hashlib.sha256(raw.encode()).hexdigest(),
    )
