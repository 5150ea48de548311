"""Everything a batch of intake events changes, written with one statement a table."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from datetime import date, datetime
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from services.catalog import rules
from services.catalog.tables import item, outbox, version, waiting
from shared.arrays import Texts, inserting, renewing
from shared.events.intake import IntakeData
from shared.outbox import Outgoing, announcing
from shared.session import Statement


@dataclass(frozen=True)
class Waits:
    """An event that waits for a person or for its time."""

    department: str
    source_id: str
    event_id: str
    kind: str
    because: list[str]
    event: str
    content_sha256: str
    sourceversion: int | None
    attributes: Mapping[str, Any] | None
    publish_at: datetime | None
    received_at: datetime

    @classmethod
    def of(cls, row: Any) -> Waits:
        """Return what a row of `catalog.waiting` says."""
        return cls(**{each.name: getattr(row, each.name) for each in fields(cls)})


@dataclass(frozen=True)
class Acting:
    """One relation that acts on its target."""

    type: str
    department: str
    source_id: str
    title: str
    effective_on: date | None


@dataclass
class Changes:
    """What is written at the end of a batch; an item changed twice is written once."""

    items: dict[UUID, dict[str, Any]] = field(default_factory=dict)
    versions: list[dict[str, Any]] = field(default_factory=list)
    said: list[Outgoing] = field(default_factory=list)
    receipts: list[tuple[str, str, str, str]] = field(default_factory=list)
    waiting: list[Waits] = field(default_factory=list)
    closed: list[tuple[str, str, str]] = field(default_factory=list)
    """(department, source_id, decision) of waiting events that are over."""
    raised: list[tuple[str, str, int]] = field(default_factory=list)
    """(department, source_id, sourceversion) of waiting events that came again under a higher revision."""
    sourceversions: list[tuple[UUID, int]] = field(default_factory=list)
    numbers: list[tuple[str, UUID]] = field(default_factory=list)
    """Index numbers that an item had until now."""
    files: set[tuple[str, str]] = field(default_factory=set)
    """(department, sha256) of attachments that became public."""
    relations: dict[tuple[str, str], list[Acting]] = field(default_factory=dict)
    """What items do to others now, by department and `source_id`, where that may differ from before."""
    touched: set[tuple[str, str]] = field(default_factory=set)
    """Items whose validity may change by it."""
    purges: list[tuple[UUID, int]] = field(default_factory=list)
    """Versions whose text goes for good."""
    vanished: list[UUID] = field(default_factory=list)
    """Items that a leak takes away: what waited of them goes as well, also when nothing was ever public."""
    hidden: list[UUID] = field(default_factory=list)
    """Items that fell: what they refer to leaves the web, unless others refer to it."""

    def wait(
        self,
        event: rules.Incoming,
        kind: str,
        because: Sequence[str],
        *,
        at: datetime,
        replaces: Waits | None,
    ) -> None:
        """Put *event* on the waiting list, in place of an earlier one of the same item."""
        if replaces is not None:
            self._close(event.department, event.source_id, "replaced")
        publish_at = event.data.publish_at if isinstance(event.data, IntakeData) else None
        self.waiting.append(
            Waits(
                event.department,
                event.source_id,
                event.event_id,
                kind,
                list(because),
                event.data.model_dump_json(exclude_unset=True),
                event.content_sha256,
                event.sourceversion or (replaces.sourceversion if replaces else None),
                event.attributes,
                publish_at,
                at,
            )
        )

    def raise_waiting(self, waits: Waits, sourceversion: int | None) -> Waits:
        """Give the waiting event *waits* a higher revision: it keeps its number and its place in the queue."""
        higher = replace(waits, sourceversion=sourceversion)
        if waits in self.waiting:
            self.waiting[self.waiting.index(waits)] = higher
        elif sourceversion is not None:
            self.raised.append((waits.department, waits.source_id, sourceversion))
        return higher

    def _close(self, department: str, source_id: str, decision: str) -> None:
        same = [w for w in self.waiting if (w.department, w.source_id) == (department, source_id)]
        if same:
            self.waiting.remove(same[-1])
        else:
            self.closed.append((department, source_id, decision))

    def apply(
        self,
        event: rules.Incoming,
        after: rules.Standing,
        following: rules.NextState,
        outgoing: Outgoing,
        *,
        zone: ZoneInfo,
        closes: Any | None,
        now: datetime,
    ) -> None:
        """Note a new version of an item."""
        if closes is not None and not event.released:
            self._close(event.department, event.source_id, "replaced")
        data = event.data if isinstance(event.data, IntakeData) else None
        period = data.period if data else None
        self.items[after.item_id] = {
            "item_id": after.item_id,
            "department": event.department,
            "source_id": event.source_id,
            "version": after.version,
            "state": after.state,
            "content_sha256": after.content_sha256,
            "sourceversion": after.sourceversion,
            "url": after.url,
            "index_number": after.index_number,
            "first_published_on": after.first_published_on,
            "published_at": after.published_at,
            "updated_at": now,
            "notice_version": after.notice_version,
            "notice_note": after.notice_note,
            "history": after.history,
            "outbox_id": after.outbox_id,
            "opens_at": period.opens_at if period else None,
            "closes_at": period.closes_at if period else None,
            "expires_on": data.expires_on if data else None,
            "declared": data.validity if data else None,
            "remove_after": rules.day_end(data.remove_after, zone)
            if data and data.remove_after
            else None,
        }
        self.versions.append(
            {
                "item_id": after.item_id,
                "version": after.version,
                "at": now,
                "change": following.change,
                "sha256": following.sha256,
                "outbox_id": after.outbox_id,
                "by_event": event.event_id,
                "review": data.review.model_dump_json() if data and data.review else None,
                "attributes": event.attributes,
            }
        )
        self.said.append(outgoing)
        self.purges += [(after.item_id, sealed) for sealed in following.sealed]
        if following.state == "vanish":
            self.vanished.append(after.item_id)
        if following.change == "withdrawal":
            self.hidden.append(after.item_id)
        if data:
            self.files.update((event.department, a.sha256) for a in data.attachments)


_KEPT = ("item_id", "department", "source_id", "url", "published_at")
_WRITE_ITEM = inserting(item, tail="ON CONFLICT (item_id) " + renewing(item, *_KEPT))
_WRITE_VERSION = inserting(version)
_WRITE_WAITING = inserting(
    waiting,
    "department source_id event_id kind because event content_sha256 sourceversion attributes publish_at received_at",
)


def writing(changes: Changes, *, now: datetime) -> list[Statement]:
    """Return the statements that write *changes*; the outbox first, since items and versions refer to it."""
    statements = announcing(outbox, sorted(changes.said, key=lambda said: said.outbox_id), now=now)
    if changes.items:
        statements += [
            _WRITE_ITEM(list(changes.items.values())),
            _WRITE_VERSION(changes.versions),
        ]
    if changes.receipts:
        receipts = zip(*changes.receipts, strict=True)
        statements.append(
            (_WRITE_RECEIPT, {"now": now} | dict(zip("deco", map(Texts, receipts), strict=True)))
        )
    statements += _writing_waiting(changes, now)
    if changes.sourceversions:
        ids, versions = zip(*changes.sourceversions, strict=True)
        statements.append((_RAISE_SOURCEVERSION, {"ids": list(ids), "v": list(versions)}))
    if changes.numbers:
        numbers, ids = zip(*changes.numbers, strict=True)
        statements.append((_KEEP_NUMBER, {"n": Texts(numbers), "ids": list(ids)}))
    if changes.files:
        departments, files = zip(*changes.files, strict=True)
        statements.append((_REFER_TO_FILE, {"d": Texts(departments), "s": Texts(files)}))
    return statements + _relating(changes, now) + purging(changes, now)


def _relating(changes: Changes, now: datetime) -> list[Statement]:
    """Write what items do to others; what a body says of its own items, or of bodies below it, acts at once."""
    if not changes.relations:
        return []
    said = [
        (
            department,
            source_id,
            one.type,
            one.department,
            one.source_id,
            one.title,
            one.effective_on,
        )
        for (department, source_id), acting in changes.relations.items()
        for one in acting
    ]
    columns = list(zip(*said, strict=True)) or [()] * 7
    values = dict(zip("dstxyne", (list(column) for column in columns), strict=True))
    touched = sorted(changes.touched)
    return [
        (
            _DROP_RELATIONS,
            {
                "kd": [key[0] for key in changes.relations],
                "ks": [key[1] for key in changes.relations],
                **{name: values[name] for name in "dstxy"},
            },
        ),
        (_WRITE_RELATIONS, values | {"now": now}),
        (_UNSETTLE, {"d": [key[0] for key in touched], "s": [key[1] for key in touched]}),
    ]


_PLACES = "unnest(CAST(:d AS text[]), CAST(:s AS text[]), CAST(:t AS text[]), CAST(:x AS text[]), CAST(:y AS text[])"
_DROP_RELATIONS = (
    "DELETE FROM catalog.relation r USING unnest(CAST(:kd AS text[]), CAST(:ks AS text[])) AS k(d, s) "
    "WHERE r.department = k.d AND r.source_id = k.s AND NOT EXISTS ("
    f"SELECT 1 FROM {_PLACES}) AS n(d, s, t, x, y) WHERE (n.d, n.s, n.t, n.x, n.y) = "
    "(r.department, r.source_id, r.type, r.target_department, r.target_source_id))"
)
_WRITE_RELATIONS = (
    "INSERT INTO catalog.relation (department, source_id, type, target_department, target_source_id, title, "
    "effective_on, said_at, decision, decided_at) SELECT n.d, n.s, n.t, n.x, n.y, n.n, n.e, :now, "
    "CASE WHEN o.own THEN 'own' END, CASE WHEN o.own THEN CAST(:now AS timestamptz) END "
    f"FROM {_PLACES}, CAST(:n AS text[]), CAST(:e AS date[])) AS n(d, s, t, x, y, n, e), LATERAL ("
    "WITH RECURSIVE above(code) AS (SELECT n.x UNION SELECT c.parent FROM catalog.department c "
    "JOIN above a ON c.code = a.code WHERE c.parent IS NOT NULL) "
    "SELECT EXISTS (SELECT 1 FROM above WHERE code = n.d) AS own) o "
    "ON CONFLICT (department, source_id, type, target_department, target_source_id) DO UPDATE "
    "SET title = excluded.title, effective_on = excluded.effective_on"
)
_UNSETTLE = "INSERT INTO catalog.unsettled (department, source_id) SELECT * FROM unnest(CAST(:d AS text[]), CAST(:s AS text[]))"


def purging(changes: Changes, now: datetime) -> list[Statement]:
    """Take texts out of the record at once; what that leaves in files and streams is `actions/purge_texts.py`'s."""
    statements: list[Statement] = []
    if changes.purges:
        ids, versions = zip(*changes.purges, strict=True)
        sealed = {"ids": list(ids), "versions": list(versions), "now": now}
        statements += [(_NOTE_PURGES, sealed), (_EMPTY_OUTBOX, sealed), (_FORGET_HASHES, sealed)]
    if changes.vanished:
        values = {"ids": changes.vanished, "version": NEVER_PUBLIC, "now": now}
        statements.append((_NOTE_WAITING, values))
    if changes.hidden:
        statements.append((_NOTE_FILES, {"ids": changes.hidden, "now": now}))
    return statements


NEVER_PUBLIC = 0
"""Stands in `purge` for what of an item was held, scheduled or refused: it had no version."""
_SEALED = (
    "unnest(CAST(:ids AS uuid[]), CAST(:versions AS int[])) AS k(id, n) "
    "JOIN catalog.version v ON v.item_id = k.id AND v.version = k.n"
)
_FILES = "jsonb_path_query_array(CAST(o.body AS jsonb), '$.data.attachments[*].sha256')"
_NOTE_PURGES = (
    "INSERT INTO catalog.purge AS p (item_id, version, noted_at, files) "
    f"SELECT v.item_id, v.version, CAST(:now AS timestamptz), {_FILES} FROM {_SEALED} "
    "JOIN catalog.outbox o USING (outbox_id) WHERE o.body <> '' ON CONFLICT (item_id, version) DO UPDATE "
    "SET noted_at = excluded.noted_at, files = excluded.files, only_files = false, done_at = NULL"
)
_NOTE_WAITING = (
    "INSERT INTO catalog.purge (item_id, version, noted_at, files) "
    "SELECT i.item_id, CAST(:version AS int), CAST(:now AS timestamptz), (SELECT jsonb_agg(DISTINCT f) FROM catalog.waiting w, "
    "jsonb_path_query(CAST(w.event AS jsonb), '$.attachments[*].sha256') AS f "
    "WHERE w.department = i.department AND w.source_id = i.source_id) "
    "FROM catalog.item i WHERE i.item_id = ANY(:ids) ON CONFLICT (item_id, version) DO UPDATE "
    "SET noted_at = excluded.noted_at, files = excluded.files, done_at = NULL"
)
_EMPTY_OUTBOX = (
    # `sent`: an empty body is never sent, and what was not sent takes no sequence
    f"UPDATE catalog.outbox o SET body = '', sent = true FROM {_SEALED} WHERE o.outbox_id = v.outbox_id"
)
_FORGET_HASHES = (
    "UPDATE catalog.version v SET sha256 = '', attributes = NULL FROM unnest(CAST(:ids AS uuid[]), CAST(:versions AS int[])) AS k(id, n) "
    "WHERE v.item_id = k.id AND v.version = k.n"
)
_NOTE_FILES = (
    "INSERT INTO catalog.purge (item_id, version, noted_at, files, only_files) "
    f"SELECT v.item_id, v.version, CAST(:now AS timestamptz), {_FILES}, true FROM catalog.version v "
    "JOIN catalog.outbox o USING (outbox_id) WHERE v.item_id = ANY(:ids) AND o.body LIKE '%\"attachments\":[{%' "
    "ON CONFLICT (item_id, version) DO UPDATE SET noted_at = excluded.noted_at, files = excluded.files, done_at = NULL "
    "WHERE purge.only_files"
)


_WRITE_RECEIPT = (
    "INSERT INTO catalog.receipt (department, event_id, content_sha256, outcome, received_at) "
    "SELECT d, e, c, CAST(o AS jsonb), CAST(:now AS timestamptz) FROM unnest(CAST(:d AS text[]), "
    "CAST(:e AS text[]), CAST(:c AS text[]), CAST(:o AS text[])) AS r(d, e, c, o)"
)
_RAISE_SOURCEVERSION = (
    "UPDATE catalog.item i SET sourceversion = k.v FROM unnest(CAST(:ids AS uuid[]), CAST(:v AS bigint[])) "
    "AS k(id, v) WHERE i.item_id = k.id"
)
_KEEP_NUMBER = (
    "INSERT INTO catalog.former_number (number, item_id) "
    "SELECT * FROM unnest(CAST(:n AS text[]), CAST(:ids AS uuid[])) ON CONFLICT DO NOTHING"
)
_REFER_TO_FILE = (
    "UPDATE catalog.blob b SET referenced = true FROM unnest(CAST(:d AS text[]), CAST(:s AS text[])) AS k(d, s) "
    "WHERE b.department = k.d AND b.sha256 = k.s"
)


def _writing_waiting(changes: Changes, now: datetime) -> list[Statement]:
    statements: list[Statement] = []
    if changes.raised:
        departments, sources, versions = zip(*changes.raised, strict=True)
        raised = {"d": Texts(departments), "s": Texts(sources), "v": list(versions)}
        statements.append((_RAISE_WAITING, raised))
    if changes.closed:
        closed = zip(*changes.closed, strict=True)
        statements.append(
            (_CLOSE_WAITING, {"now": now} | dict(zip("dsx", map(Texts, closed), strict=True)))
        )
    if changes.waiting:
        statements.append(_WRITE_WAITING([vars(waits) for waits in changes.waiting]))
    return statements


_RAISE_WAITING = (
    "UPDATE catalog.waiting w SET sourceversion = k.v FROM (SELECT d, s, max(v) AS v FROM unnest("
    "CAST(:d AS text[]), CAST(:s AS text[]), CAST(:v AS bigint[])) AS r(d, s, v) GROUP BY 1, 2) AS k "
    "WHERE w.department = k.d AND w.source_id = k.s AND w.decision IS NULL"
)
_CLOSE_WAITING = (
    "UPDATE catalog.waiting w SET decision = k.x, decided_at = :now FROM unnest(CAST(:d AS text[]), "
    "CAST(:s AS text[]), CAST(:x AS text[])) AS k(d, s, x) "
    "WHERE w.department = k.d AND w.source_id = k.s AND w.decision IS NULL"
)
