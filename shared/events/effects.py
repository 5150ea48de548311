"""EFFECTS: what became visible where (`effects.<service>.<department>.<item_id>`)."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from pydantic import BaseModel, ConfigDict

from shared.events.envelope import Event

VISIBLE = "org.opengazette.effect.visible.v1"


class Visible(BaseModel):
    """A version was visible in one projection for the first time; rebuilds send none."""

    model_config = ConfigDict(extra="allow")

    service: str
    department: str
    item_id: UUID
    version: int
    visible_at: datetime


class VisibleEvent(Event[Visible]):
    """One first visibility."""
