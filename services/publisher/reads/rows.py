"""Rows of lists, read by index: never counted, never more than asked for."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from services.publisher.pages.views import (
    Bucket,
    Correction,
    DepartmentLine,
    EntryLine,
    Pair,
    Row,
    SiteView,
)
from services.publisher.rules.dirt import ALL, YEAR
from services.publisher.rules.items import Scope, badges
from shared.events.intake import Period
from shared.events.record import Names

COLUMNS = (
    "i.item_id, i.title, i.url, i.day, i.department, d.names, i.catalogue, i.genre, i.document_number, i.language, "
    "i.standing, i.validity, i.on_application, i.attachments, i.period, i.phone, i.updated_at, i.corrected_version, "
    "i.sequence, EXISTS (SELECT 1 FROM publisher.link l WHERE l.target = i.key AND l.type = 'interprets' AND l.visible) "
    "AS explained"
)
_ITEMS = "publisher.item i JOIN publisher.department d ON d.code = i.department"


def row_of(found: Any, site: SiteView) -> Row:
    """Return one row as pages take it."""
    return Row(
        title=found.title or "",
        url=found.url,
        published_on=found.day,
        department_code=found.department,
        department=Names.model_validate(found.names),
        catalogue=found.catalogue,
        genre=found.genre,
        document_number=found.document_number,
        language=found.language,
        badges=badges(found, now=site.now, explained=found.explained),
        attachments=found.attachments,
        period=Period.model_validate(found.period) if found.period else None,
        phone=found.phone,
        updated_at=found.updated_at,
    )


@dataclass(frozen=True)
class Stretch:
    """A part of a scope's list."""

    first: date = date.min
    last: date = date.max
    from_turn: int = -1
    before_sequence: int = 2**62
    limit: int = 10_000


async def rows_in(
    session: AsyncSession, scope: Scope, stretch: Stretch, site: SiteView
) -> tuple[Row, ...]:
    """Return the rows that readers see of a stretch, newest first."""
    found = await session.execute(
        text(
            f"SELECT {COLUMNS} FROM publisher.member m JOIN {_ITEMS} ON i.item_id = m.item_id "
            "WHERE m.department = :department AND m.entry = :entry AND m.listed AND m.day BETWEEN :first AND :last "
            "AND m.turn >= :low AND m.turn < :high "
            "ORDER BY m.day DESC, m.turn DESC, m.item_id DESC LIMIT :limit"
        ),
        {
            "department": scope[0],
            "entry": scope[1],
            "first": stretch.first,
            "last": stretch.last,
            "low": stretch.from_turn,
            "high": stretch.before_sequence,
            "limit": stretch.limit,
        },
    )
    return tuple(row_of(row, site) for row in found)


async def newest_of_bodies(
    session: AsyncSession, codes: Sequence[str], limit: int, site: SiteView
) -> tuple[Row, ...]:
    """Return the newest rows of several bodies together."""
    found = await session.execute(
        text(
            f"SELECT {COLUMNS} FROM unnest(CAST(:codes AS text[])) AS c (code), LATERAL ("
            "SELECT m.item_id, m.day, m.turn FROM publisher.member m WHERE m.department = c.code "
            "AND m.entry = '' AND m.listed ORDER BY m.day DESC, m.turn DESC, m.item_id DESC LIMIT :limit) m "
            f"JOIN {_ITEMS} ON i.item_id = m.item_id ORDER BY m.day DESC, m.turn DESC, m.item_id DESC LIMIT :limit"
        ),
        {"codes": list(codes), "limit": limit},
    )
    return tuple(row_of(row, site) for row in found)


async def ongoing(
    session: AsyncSession,
    site: SiteView,
    limit: int,
    *,
    codes: Sequence[str] | None = None,
    urgent: bool = False,
) -> tuple[Row, ...]:
    """Return rows whose period is open now, soonest closing first; of *codes* only, if given."""
    if site.now is None:
        return ()
    found = await session.execute(
        text(
            f"SELECT {COLUMNS} FROM {_ITEMS} JOIN publisher.listing p ON p.item_id = i.item_id AND p.listed "
            "WHERE i.period IS NOT NULL AND i.standing = 'published' "
            "AND ((i.closes_at > :now AND i.closes_at > i.updated_at) OR i.closes_at IS NULL) "
            "AND (i.opens_at <= greatest(:now, i.updated_at) OR i.opens_at IS NULL) "
            "AND (NOT :urgent OR i.urgent) AND (CAST(:codes AS text[]) IS NULL OR i.department = ANY(:codes)) "
            "ORDER BY i.closes_at NULLS LAST, i.item_id LIMIT :limit"
        ),
        {
            "now": site.now,
            "urgent": urgent,
            "codes": list(codes) if codes is not None else None,
            "limit": limit,
        },
    )
    return tuple(row_of(row, site) for row in found)


async def pairs(session: AsyncSession, limit: int, site: SiteView) -> tuple[Pair, ...]:
    """Return the policies that were explained last, each with what explains it."""
    newest = await session.execute(
        text(
            f"SELECT {COLUMNS}, l.target FROM (SELECT * FROM publisher.link WHERE type = 'interprets' AND visible "
            "ORDER BY day DESC, turn DESC, item_id DESC LIMIT 40) l JOIN publisher.item i ON i.item_id = l.item_id "
            "JOIN publisher.department d ON d.code = i.department ORDER BY l.day DESC, l.turn DESC, l.item_id DESC, l.target"
        )
    )
    explainers: dict[str, list[Row]] = {}
    for row in newest:
        explainers.setdefault(row.target, []).append(row_of(row, site))
    policies = await session.execute(
        text(
            f"SELECT {COLUMNS}, i.key FROM {_ITEMS} JOIN publisher.listing p ON p.item_id = i.item_id AND p.listed "
            "WHERE i.key = ANY(:keys) AND i.standing = 'published'"
        ),
        {"keys": list(explainers)},
    )
    found = {row.key: row_of(row, site) for row in policies}
    return tuple(Pair(found[key], tuple(rows)) for key, rows in explainers.items() if key in found)[
        :limit
    ]


@dataclass(frozen=True)
class Corrections:
    """Corrections with the newest record event they reflect."""

    rows: tuple[Correction, ...]
    sequence: int
    at: datetime | None


async def corrections(
    session: AsyncSession, limit: int, year: int | None = None, *, titled: bool = False
) -> Corrections:
    """Return the newest corrections and withdrawals of items whose pages say so, of a year if given.

    *titled*: only those that a list may show, without what is gone, redirected or vanished.
    """
    found = await session.execute(
        text(
            "SELECT i.item_id, i.title, i.url, i.standing, i.department, d.names, i.corrected_at, i.corrected_version, "
            f"i.correction_note, i.sequence, i.updated_at FROM {_ITEMS} "
            "JOIN publisher.listing p ON p.item_id = i.item_id WHERE i.corrected_at IS NOT NULL "
            "AND (CAST(:year AS integer) IS NULL OR i.corrected_year = :year) "
            "AND (NOT :titled OR i.standing IN ('published', 'withdrawn')) "
            "ORDER BY i.corrected_at DESC, i.item_id LIMIT :limit"
        ),
        {"year": year, "limit": limit, "titled": titled},
    )
    rows = list(found)
    newest = max(rows, key=lambda row: row.sequence, default=None)
    return Corrections(
        tuple(_correction(row) for row in rows),
        newest.sequence if newest else 0,
        newest.updated_at if newest else None,
    )


async def correction_years(session: AsyncSession) -> list[Bucket]:
    """Return the years that have corrections, newest first."""
    found = await session.execute(
        text(
            "SELECT start, listed FROM publisher.bucket WHERE department = '' AND entry = '~corrections' AND step = :year "
            "AND listed > 0 ORDER BY start DESC"
        ),
        {"year": YEAR},
    )
    return [Bucket(row.start.year, count=row.listed) for row in found]


def _correction(row: Any) -> Correction:
    return Correction(
        kind="corrected" if row.standing == "published" else row.standing,
        at=row.corrected_at,
        url=row.url,
        department_code=row.department,
        department=Names.model_validate(row.names),
        title=row.title if row.standing in {"published", "withdrawn"} else None,
        note=row.correction_note,
        version=row.corrected_version,
    )


_LATEST = (
    "(SELECT m.day FROM publisher.member m WHERE m.department = b.department AND m.entry = b.entry AND m.listed "
    "ORDER BY m.day DESC LIMIT 1)"
)


async def department_lines(session: AsyncSession, entry: str = "") -> tuple[DepartmentLine, ...]:
    """Return all bodies in their order, with what they have in *entry*."""
    found = await session.execute(
        text(
            f"SELECT d.code, d.names, d.kind, coalesce(b.listed, 0) AS listed, {_LATEST} AS latest "
            "FROM publisher.department d LEFT JOIN publisher.bucket b ON (b.department, b.entry, b.step, b.part) = "
            "(d.code, :entry, :all, 0) ORDER BY d.position, d.code"
        ),
        {"entry": entry, "all": ALL},
    )
    return tuple(
        DepartmentLine(row.code, Names.model_validate(row.names), row.kind, row.listed, row.latest)
        for row in found
    )


async def entry_lines(
    session: AsyncSession, code: str, entries: Sequence[str]
) -> tuple[EntryLine, ...]:
    """Return *entries* with what the body *code* ('' = all bodies) has in them."""
    found = await session.execute(
        text(
            f"SELECT b.entry, b.listed, {_LATEST} AS latest FROM publisher.bucket b "
            "WHERE b.department = :code AND b.step = :all AND b.entry = ANY(:entries)"
        ),
        {"code": code, "entries": list(entries), "all": ALL},
    )
    counted = {row.entry: EntryLine(row.entry, row.listed, row.latest) for row in found}
    return tuple(counted.get(entry, EntryLine(entry)) for entry in entries)
