"""The catalog's domain, pure: values in, a verdict or the next public state out."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from hashlib import sha256
from typing import Any, Literal
from uuid import UUID
from zoneinfo import ZoneInfo

from pydantic_core import to_json

from shared.errors import Problem
from shared.events.intake import IntakeData, WithdrawalData

Verdict = Literal["apply", "unchanged", "ignored", "conflict", "held", "scheduled"]
NOT_PUBLIC = {"review", "publish_at", "change", "change_reason", "body", "remove_after", "validity"}
"""Intake fields that are not copied into the record as they are."""


@dataclass(frozen=True)
class Office:
    """What the rules need to know of a department."""

    code: str
    names: dict[str, str]
    policy: Literal["direct", "review"] = "direct"
    history: bool = False


@dataclass(frozen=True)
class Incoming:
    """One readable intake event with everything that was computed from it beforehand."""

    event_id: str
    department: str
    source_id: str
    data: IntakeData | WithdrawalData
    content_sha256: str
    """Of the data alone; the order of keys, the event's id and the `sourceversion` do not count."""
    event_sha256: str
    """Of kind, data and `sourceversion`: what "the same id, other content" compares."""
    raw: str
    """The data as JSON, for an item that has to wait."""
    sourceversion: int | None = None
    body_html: str | None = None
    findings: tuple[str, ...] = ()
    """Codes of the gate: `resident_id`, `secrecy_mark`."""
    remembered: bool = True
    """Whether the event has an id of its own sender (else it is idempotent by content alone)."""
    traceparent: str | None = None
    released: Literal["", "person", "clock"] = ""
    """Who has let it out of the waiting list; what a person lets out still waits for its `publish_at`."""


@dataclass(frozen=True)
class Standing:
    """What the record holds of an item, the waiting event included."""

    item_id: UUID
    version: int
    state: str
    content_sha256: str
    sourceversion: int | None
    url: str
    index_number: str | None
    first_published_on: date | None
    published_at: datetime
    notice_version: int
    notice_note: str | None
    history: list[dict[str, Any]] = field(default_factory=list)
    outbox_id: int = 0
    public: dict[str, Any] | None = None
    """The current public data; read only where a withdrawal needs it."""


@dataclass(frozen=True)
class Decision:
    """What becomes of an event."""

    verdict: Verdict
    because: tuple[str, ...] = ()


def judge(
    event: Incoming, standing: Standing | None, waiting: Any | None, office: Office, now: datetime
) -> Decision:
    """Decide about *event* (contract, "Rules of intake")."""
    order = _by_sourceversion(event, standing, waiting)
    if order:
        return Decision(order)
    if standing and waiting is None and standing.content_sha256 == event.content_sha256:
        return Decision("unchanged")
    if isinstance(event.data, WithdrawalData):
        return Decision("apply")
    if (
        waiting is not None
        and not event.released
        and waiting.content_sha256 == event.content_sha256
    ):
        return Decision(waiting.kind, tuple(waiting.because))
    if event.released == "clock":
        return Decision("apply")
    because = () if event.released else holding_reasons(event, event.data, office)
    if because:
        return Decision("held", because)
    embargoed = event.data.publish_at is not None and event.data.publish_at > now
    return Decision("scheduled" if embargoed else "apply")


def _by_sourceversion(
    event: Incoming, standing: Standing | None, waiting: Any | None
) -> Verdict | None:
    """Apply "older → ignored, equal → unchanged or conflict, higher → applied"; None when it does not decide."""
    if event.sourceversion is None or event.released:
        return None
    known = [
        (s.sourceversion, s.content_sha256)
        for s in (standing, waiting)
        if s and s.sourceversion is not None
    ]
    if not known:
        return None
    newest, content = max(known, key=lambda pair: pair[0])
    if event.sourceversion < newest:
        return "ignored"
    if event.sourceversion > newest:
        return None
    if content != event.content_sha256:
        return "conflict"
    return None if waiting is not None else "unchanged"


def holding_reasons(event: Incoming, data: IntakeData, office: Office) -> tuple[str, ...]:
    """Return why an item must wait for a person, most serious first; empty when it may go out."""
    reasons = list(dict.fromkeys(event.findings))
    if office.policy == "review":
        reasons.append("policy_review")
    if data.review is None or not data.review.complete():
        reasons.append("review_incomplete")
    return tuple(reasons)


def conflict(path: str) -> Problem:
    """Return the problem of the same id or sourceversion with other content."""
    return Problem(
        path=path,
        code="conflict",
        message="同一编号已用于另一内容。 / This id or version was already used for other content.",
        fix="请换一个新的 id，或把 sourceversion 加一后重发。 / Send it under a new id, or with a higher sourceversion.",
    )


def day_end(value: date | datetime, zone: ZoneInfo) -> datetime:
    """Return *value* as an instant: a day means its end in the site's zone."""
    if isinstance(value, datetime):
        return value
    return datetime.combine(value + timedelta(days=1), time(), tzinfo=zone)


def validity_of(data: IntakeData, today: date) -> str | None:
    """Return the public validity: what is declared, else by its dates; None where the question makes no sense."""
    if data.validity:
        return data.validity
    if data.expires_on and data.expires_on < today:
        return "expired"
    if (
        data.document_number
        or data.effective_on
        or data.expires_on
        or data.catalogue.startswith("regulation")
    ):
        return "in_force"
    return None


@dataclass(frozen=True)
class NextState:
    """The next version of an item."""

    item_id: UUID
    version: int
    change: str
    data: bytes
    """The public state as JSON, without `sequence` and `epoch`."""
    sha256: str
    history: list[dict[str, Any]]
    notice_version: int
    notice_note: str | None
    state: str
    type: str


@dataclass(frozen=True)
class Identity:
    """What an item got once and keeps."""

    item_id: UUID
    url: str
    index_number: str | None
    published_at: datetime
    first_published_on: date | None


@dataclass(frozen=True)
class Turn:
    """What a new version of an item is made from, beside the event."""

    who: Identity
    standing: Standing | None
    office: Office
    now: datetime

    @property
    def version(self) -> int:
        """The version to come."""
        return self.standing.version + 1 if self.standing else 1


def publish(event: Incoming, data: IntakeData, turn: Turn, zone: ZoneInfo) -> NextState:
    """Return the version that *event* makes of an item."""
    change = data.change or ("major" if turn.version == 1 else "minor")
    fields = data.model_dump(
        mode="json", exclude=NOT_PUBLIC, exclude_none=True, exclude_defaults=True
    )
    fields |= {
        "title": data.title,
        "catalogue": data.catalogue,
        "validity": validity_of(data, turn.now.astimezone(zone).date()),
        "body": {"format": "html", "content": event.body_html}
        if event.body_html is not None
        else None,
        "remove_after": day_end(data.remove_after, zone) if data.remove_after else None,
        "first_published_on": turn.who.first_published_on,
        "state": "published",
    }
    kind = (
        "org.opengazette.record.published.v1"
        if turn.version == 1
        else "org.opengazette.record.updated.v1"
    )
    return _next(turn, event.source_id, change, data.change_note, fields, kind)


_KEPT = {
    "withdrawn": (
        "title", "language", "catalogue", "genre", "topics", "issuing_body", "document_number", "formed_on",
        "first_published_on", "responsible_office", "contact", "disclosure",
    ),
    "gone": ("catalogue", "language"),
    "redirect": ("catalogue", "language"),
    "vanish": ("catalogue", "language"),
}  # fmt: skip
"""What of the public state stays in a tombstone."""


def withdraw(
    event: Incoming, data: WithdrawalData, turn: Turn, *, target: str | None = None
) -> NextState:
    """Return the tombstone that *event* makes of an item; *target* is the resolved redirection."""
    before = (turn.standing.public if turn.standing else None) or {"catalogue": "other"}
    fields = {name: before[name] for name in _KEPT[data.kind] if name in before}
    fields |= {"state": data.kind, "reason": data.reason, "redirect_to": target}
    kind = "org.opengazette.record.withdrawn.v1"
    return _next(turn, event.source_id, "withdrawal", data.reason, fields, kind)


def _next(
    turn: Turn, source_id: str, change: str, note: str | None, fields: dict[str, Any], kind: str
) -> NextState:
    who, standing, office, now = turn.who, turn.standing, turn.office, turn.now
    version = turn.version
    loud = change in ("major", "withdrawal")
    notice_version = version if loud else (standing.notice_version if standing else 0)
    notice_note = note if loud else (standing.notice_note if standing else None)
    entry = {"version": version, "at": now, "change": change, "note": note}
    history = [
        *(standing.history if standing else []),
        {k: v for k, v in entry.items() if v is not None},
    ]
    public = {
        "item_id": who.item_id,
        "source_id": source_id,
        "department": {"code": office.code, "names": office.names},
        "version": version,
        "notice_version": notice_version,
        "notice_note": notice_note,
        "change": change,
        "change_note": note,
        "history": history,
        "index_number": who.index_number,
        "url": who.url,
        "published_at": who.published_at,
        "updated_at": now,
        **fields,
    }
    data = to_json({name: value for name, value in public.items() if value is not None})
    return NextState(
        item_id=who.item_id,
        version=version,
        change=change,
        data=data,
        sha256=sha256(data).hexdigest(),
        history=history,
        notice_version=notice_version,
        notice_note=notice_note,
        state=str(fields["state"]),
        type=kind,
    )
