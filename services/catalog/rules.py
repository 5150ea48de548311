"""The catalog's domain, pure: values in, a verdict or the next public state out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime, time, timedelta
from hashlib import sha256
from typing import Any, Literal
from uuid import UUID
from zoneinfo import ZoneInfo

from pydantic_core import from_json, to_json

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
    sourceversion: int | None = None
    body_html: str | None = None
    findings: tuple[str, ...] = ()
    """Codes of the gate: `resident_id`, `secrecy_mark`."""
    remembered: bool = True
    """Whether the event has an id of its own sender (else it is idempotent by content alone)."""
    traceparent: str | None = None
    attributes: Mapping[str, Any] | None = None
    """What else the envelope said, kept as it is: the sender's `time`, and extensions that we do not know."""
    released: Literal["", "person", "clock"] = ""
    """Who has let it out of the waiting list; what a person lets out still waits for its `publish_at`."""
    sealing: tuple[int, ...] = ()
    """Earlier versions whose text goes for good with this withdrawal, whatever its kind."""


@dataclass(frozen=True)
class Unreadable:
    """An event that could not be read: all its problems, and what could be made out of it."""

    event_id: str
    department: str
    problems: list[Problem]
    source_id: str | None = None


Read = Incoming | Unreadable


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
    public: bytes | None = None
    """The current public data as JSON; read only where a withdrawal needs it."""
    settled: frozenset[int] = frozenset()
    """Versions that we made ourselves (`settled`): each repeats the text of the one before it."""


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
    same = standing is not None and standing.content_sha256 == event.content_sha256
    if same and waiting is None and not event.sealing:
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


ACTING = {"amends": "amended", "repeals": "repealed", "replaces": "repealed"}
"""Relations that act on their targets, and what these become."""
_SEVERITY = ("in_force", "amended", "expired", "repealed")


@dataclass(frozen=True)
class Effect:
    """What another published item does to this one, confirmed or by right."""

    type: str
    source: str
    """`<department>/<source_id>` of the other item."""
    title: str
    effective_on: date | None = None

    def acts(self, today: date) -> bool:
        """Say whether the other item is in effect on *today*."""
        return self.effective_on is None or self.effective_on <= today


def validity_of(
    declared: str | None,
    fields: Mapping[str, Any],
    today: date,
    effects: Sequence[Effect] = (),
) -> str | None:
    """Return the public validity: the severest of what is declared, its dates and what other items do to it.

    *fields* is the public state; None where the question makes no sense.
    """
    expires_on = fields.get("expires_on")
    found = [ACTING[effect.type] for effect in effects]
    if declared:
        found.append(declared)
    if expires_on and date.fromisoformat(str(expires_on)) < today:
        found.append("expired")
    dated = fields.get("document_number") or fields.get("effective_on") or expires_on
    if dated or fields["catalogue"].startswith("regulation"):
        found.append("in_force")
    return max(found, key=_SEVERITY.index) if found else None


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
    sealed: tuple[int, ...] = ()
    """Earlier versions whose text goes for good with this one."""


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
    effects: Sequence[Effect] = ()
    """What other items do to this one, today or later."""

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
        **_validity(data.validity, fields | {"catalogue": data.catalogue}, turn, zone),
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
    sealing = _replaced(turn.standing) if data.change_reason else ()
    return _next(turn, event.source_id, change, data.change_note, fields, kind, sealing=sealing)


def _validity(
    declared: str | None, fields: Mapping[str, Any], turn: Turn, zone: ZoneInfo
) -> dict[str, Any]:
    today = turn.now.astimezone(zone).date()
    acting = [effect for effect in turn.effects if effect.acts(today)]
    return {
        "validity": validity_of(declared, fields, today, acting),
        "validity_by": [{"type": e.type, "source": e.source} for e in acting] or None,
    }


_ISSUED = {
    "item_id", "source_id", "department", "version", "notice_version", "notice_note", "change", "change_note",
    "history", "index_number", "url", "published_at", "updated_at",
}  # fmt: skip
"""Members of the public state that every version gets anew."""
_BECAUSE = {"amends": "修改", "repeals": "废止", "replaces": "代替"}


def settled(
    turn: Turn, source_id: str, declared: str | None, zone: ZoneInfo, *, sealing: Sequence[int] = ()
) -> NextState | None:
    """Return the minor version that a change of validity makes of an item as it stands, None without a change.

    *sealing*: versions that name what has vanished since; the text goes on in the new one.
    """
    public = turn.standing.public if turn.standing else None
    before = from_json(public) if public else {}
    fields = {name: value for name, value in before.items() if name not in _ISSUED}
    validity = _validity(declared, fields, turn, zone)
    changed = any(before.get(name) != value for name, value in validity.items())
    if not changed and not sealing:
        return None
    note = _why(turn, before, validity, zone) if changed else None
    kind = "org.opengazette.record.updated.v1"
    return _next(turn, source_id, "minor", note, fields | validity, kind, sealing=tuple(sealing))


def _why(turn: Turn, before: Mapping[str, Any], validity: Mapping[str, Any], zone: ZoneInfo) -> str:
    known = {(one["type"], one["source"]) for one in before.get("validity_by") or ()}
    today = turn.now.astimezone(zone).date()
    fresh = [
        effect
        for effect in turn.effects
        if effect.acts(today) and (effect.type, effect.source) not in known
    ]
    if fresh:
        effect = max(fresh, key=lambda one: _SEVERITY.index(ACTING[one.type]))
        title = effect.title if effect.title.startswith("《") else f"《{effect.title}》"
        return f"被{title}{_BECAUSE[effect.type]}"
    if validity["validity"] == "expired":
        return "有效期届满"
    return "效力状态变更"


def _replaced(standing: Standing | None) -> tuple[int, ...]:
    """Return the versions with the text that a new one replaces: the newest one, and what repeats it.

    That are versions which we made of it, and a tombstone after it: it has the title, and the notes.
    """
    texts = {
        entry["version"]: entry
        for entry in (standing.history if standing else [])
        if entry["change"] != "withdrawal"
    }
    first = max(texts, default=0)
    if standing is None or not first or texts[first].get("sealed"):
        return ()
    while first in standing.settled and first - 1 in texts:
        first -= 1
    return tuple(range(first, standing.version + 1))


_KEPT = {
    "withdrawn": (
        "title", "language", "catalogue", "genre", "topics", "issuing_body", "document_number", "formed_on",
        "first_published_on", "responsible_office", "contact", "disclosure",
    ),
    "gone": ("catalogue", "language"),
    "redirect": ("catalogue", "language"),
    "vanish": (),
}  # fmt: skip
"""What of the public state stays in a tombstone."""
NO_ENTRY = "other"
"""Catalogue entry of a tombstone that does not say which it was in."""


def withdraw(
    event: Incoming, data: WithdrawalData, turn: Turn, *, target: str | None = None
) -> NextState:
    """Return the tombstone that *event* makes of an item; *target* is the resolved redirection.

    Of what vanishes it says version, address, ground, and one date: that of the vanishing, wherever a date must stand.
    """
    public = turn.standing.public if turn.standing else None
    before = from_json(public) if public else {}
    fields = {name: before[name] for name in _KEPT[data.kind] if name in before}
    fields = {"catalogue": NO_ENTRY, **fields}
    fields |= {"state": data.kind, "reason": data.reason, "redirect_to": target}
    earlier = turn.standing.history if turn.standing else []
    sealing = event.sealing
    if data.kind == "vanish":
        sealing = tuple(entry["version"] for entry in earlier)
        earlier = [entry | {"at": turn.now} for entry in earlier]
        fields |= {"published_at": turn.now, "index_number": None}
    if turn.standing and data.kind != "withdrawn":  # a note may repeat the title or the text
        said = [{name: v for name, v in entry.items() if name != "note"} for entry in earlier]
        turn = replace(turn, standing=replace(turn.standing, history=said))
    kind = "org.opengazette.record.withdrawn.v1"
    return _next(turn, event.source_id, "withdrawal", data.reason, fields, kind, sealing=sealing)


def _sealed(entry: dict[str, Any]) -> dict[str, Any]:
    """Return what the history says of a version whose text is gone: neither does its note stay."""
    return {name: entry[name] for name in ("version", "at", "change")} | {"sealed": True}


def _next(
    turn: Turn,
    source_id: str,
    change: str,
    note: str | None,
    fields: dict[str, Any],
    kind: str,
    *,
    sealing: tuple[int, ...] = (),
) -> NextState:
    who, standing, office, now = turn.who, turn.standing, turn.office, turn.now
    version = turn.version
    loud = change in ("major", "withdrawal")
    notice_version = version if loud else (standing.notice_version if standing else 0)
    notice_note = note if loud else (standing.notice_note if standing else None)
    if notice_version in sealing:
        notice_note = None
    entry = {"version": version, "at": now, "change": change, "note": note}
    history = [
        *(
            _sealed(one) if one["version"] in sealing else one
            for one in (standing.history if standing else [])
        ),
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
        sealed=tuple(
            one["version"]
            for one in (standing.history if standing else [])
            if one["version"] in sealing and not one.get("sealed")
        ),
    )
