"""What many pages of a batch ask for alike, read once: counters, bodies, the calendar of years and months."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from sqlalchemy import or_, select, text, tuple_
from sqlalchemy.ext.asyncio import AsyncSession

from services.publisher.pages.views import DepartmentLine, SiteView
from services.publisher.reads import rows
from services.publisher.rules.dirt import ALL, DAY, EVER, MONTH, YEAR
from services.publisher.rules.items import Scope
from services.publisher.tables import bucket, department
from shared.events.record import DepartmentState

Key = tuple[str, str, int, date, int]


@dataclass
class Batch:
    """The rows of the queue that are drawn together; all of them are locked before anything is read."""

    session: AsyncSession
    site: SiteView
    counters: dict[Key, Any] = field(default_factory=dict)
    bodies: dict[str, DepartmentState] = field(default_factory=dict)
    calendars: dict[Scope, list[Any]] = field(default_factory=dict)
    """Counters of years and months that have items, newest first, of the scopes that have calendar lists here."""
    lines: dict[str, tuple[DepartmentLine, ...]] = field(default_factory=dict)

    def counter(self, scope: Scope, step: int = ALL, start: date = EVER, part: int = 0) -> Any:
        """Return a counter, or None; parts are asked for with `part_counter`."""
        return self.counters.get((*scope, step, start, part))

    async def part_counter(self, scope: Scope, start: date, part: int) -> Any:
        """Return the counter of a part of a day, or None."""
        found = await self.session.execute(
            select(bucket).where(
                tuple_(bucket.c.department, bucket.c.entry) == scope,
                bucket.c.step == DAY + 1,
                bucket.c.start == start,
                bucket.c.part == part,
            )
        )
        return found.first()

    async def department_lines(self, entry: str = "") -> tuple[DepartmentLine, ...]:
        """Return all bodies in their order, with what they have in *entry*."""
        if entry not in self.lines:
            self.lines[entry] = await rows.department_lines(self.session, entry)
        return self.lines[entry]


async def read_batch(session: AsyncSession, site: SiteView, queued: Sequence[Any]) -> Batch:
    """Read what the pages of *queued* rows share."""
    batch = Batch(session, site)
    arguments = [row.args for row in queued if row.kind != "item"]
    await _bodies(batch, {args["department"] for args in arguments if args.get("department")})
    await _counters(batch, set(_keys(arguments)))
    scopes = {
        (args["department"], args.get("entry", ""))
        for row in queued
        if row.kind in {"calendar", "entry"} and (args := row.args)
    }
    await _calendars(batch, scopes)
    return batch


def _keys(arguments: Iterable[dict[str, Any]]) -> Iterable[tuple[str, str, int, date]]:
    """Yield the counters that pages with these arguments ask for."""
    yield ("", "", ALL, EVER)
    for args in arguments:
        scope = (args.get("department", ""), args.get("entry", ""))
        yield (*scope, ALL, EVER)
        if args.get("start") and args["step"] > ALL:
            start = date.fromisoformat(args["start"])
            yield (*scope, YEAR, date(start.year, 1, 1))
            yield (*scope, MONTH, start.replace(day=1))
            yield (*scope, DAY, start)


async def _bodies(batch: Batch, codes: set[str]) -> None:
    if codes:
        found = await batch.session.execute(
            select(department.c.code, department.c.state).where(department.c.code.in_(codes))
        )
        batch.bodies = {row.code: DepartmentState.model_validate_json(row.state) for row in found}


async def _counters(batch: Batch, keys: set[tuple[str, str, int, date]]) -> None:
    order = sorted(keys)
    found = await batch.session.execute(
        text(
            "SELECT b.* FROM publisher.bucket b JOIN unnest(CAST(:departments AS text[]), CAST(:entries AS text[]), "
            "CAST(:steps AS smallint[]), CAST(:starts AS date[])) AS k (department, entry, step, start) "
            "USING (department, entry, step, start) WHERE b.part = 0"
        ),
        {
            "departments": [key[0] for key in order],
            "entries": [key[1] for key in order],
            "steps": [key[2] for key in order],
            "starts": [key[3] for key in order],
        },
    )
    for row in found:
        batch.counters[row.department, row.entry, row.step, row.start, 0] = row


async def _calendars(batch: Batch, scopes: set[Scope]) -> None:
    if not scopes:
        return
    found = await batch.session.execute(
        select(
            bucket.c.department,
            bucket.c.entry,
            bucket.c.step,
            bucket.c.start,
            bucket.c.part,
            bucket.c.listed,
        )
        .where(
            tuple_(bucket.c.department, bucket.c.entry).in_(sorted(scopes)),
            or_(bucket.c.step == YEAR, bucket.c.step == MONTH),
            bucket.c.listed > 0,
        )
        .order_by(bucket.c.start.desc())
    )
    for row in found:
        batch.calendars.setdefault((row.department, row.entry), []).append(row)
