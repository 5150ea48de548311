"""PARKED: what could not be processed, and why (`parked.<service>`)."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict

from shared.events.envelope import Event

PARKED = "org.opengazette.parked.v1"


class Parked(BaseModel):
    """One event that a consumer set aside; the row with its bytes lies in that service's `parked` table."""

    model_config = ConfigDict(extra="allow")

    service: str
    parked_id: int
    event_id: str | None = None
    subject: str
    reason: str


class ParkedEvent(Event[Parked]):
    """Something waits for an operator."""
