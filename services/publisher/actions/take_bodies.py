"""Take the states of bodies: their names and entries stand on many pages."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from sqlalchemy import select, text
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from services.publisher.actions.queue_paths import queue_paths
from services.publisher.reads.around import ancestors
from services.publisher.reads.frame import entries_of
from services.publisher.rules import dirt
from services.publisher.rules.dirt import LATER, LIST, Dirt
from services.publisher.tables import department, item, site
from shared.events.record import DepartmentState, ItemState


async def take_departments(session: AsyncSession, states: Sequence[DepartmentState]) -> None:
    """Store bodies that are newer than what is held, and queue their pages; a new name reaches all their items."""
    newest: dict[str, DepartmentState] = {}
    for state in states:
        if state.code not in newest or newest[state.code].version < state.version:
            newest[state.code] = state
    if newest:
        await _keep(session, newest, known=department.c.version)


async def know_departments(session: AsyncSession, states: Sequence[ItemState]) -> None:
    """Remember bodies that are known only from their items, at version 0, until their own state comes."""
    newest: dict[str, ItemState] = {}
    for state in states:
        code = state.department.code
        if code not in newest or newest[code].sequence < state.sequence:
            newest[code] = state
    settled = await session.execute(
        text("SELECT code FROM publisher.department WHERE code = ANY(:codes) AND version > 0"),
        {"codes": list(newest)},
    )
    for code in settled.scalars():
        del newest[code]
    made = {code: _unknown(state) for code, state in newest.items()}
    if made:
        await _keep(session, made, known=department.c.sequence)


def _unknown(state: ItemState) -> DepartmentState:
    ref = state.department
    return DepartmentState(code=ref.code, version=0, names=ref.names, sequence=state.sequence)


async def _keep(session: AsyncSession, states: dict[str, DepartmentState], *, known: Any) -> None:
    """Store *states* where they are newer by the column *known*, and queue what shows them."""
    held = await session.execute(
        select(department)
        .where(department.c.code.in_(states))
        .order_by(department.c.code)
        .with_for_update()
    )
    before = {row.code: row for row in held}
    changed: list[DepartmentState] = []
    for code, state in sorted(states.items()):
        row = before.get(code)
        if row is not None and getattr(row, known.name) >= getattr(state, known.name):
            continue
        if row is None or row.version < state.version or row.state != _json(state):
            changed.append(state)
    if not changed:
        return
    statement = insert(department)
    columns = {name: column for name, column in statement.excluded.items() if name != "code"}
    await session.execute(
        statement.on_conflict_do_update(index_elements=[department.c.code], set_=columns),
        [_row(state) for state in changed],
    )
    for state in changed:
        await _queue(session, state, before.get(state.code))


def _json(state: DepartmentState) -> str:
    return state.model_dump_json(by_alias=True, exclude={"epoch", "sequence"}, exclude_none=True)


def _row(state: DepartmentState) -> dict[str, Any]:
    return {
        "code": state.code,
        "version": state.version,
        "sequence": state.sequence,
        "state": _json(state),
        "names": state.names.model_dump(by_alias=True),
        "parent": state.parent,
        "kind": state.kind,
        "position": state.position,
    }


async def _queue(session: AsyncSession, state: DepartmentState, before: Any) -> None:
    """Queue the pages of one body; those of all its items when its name or contact is another."""
    entries = await entry_codes(session)
    found = [*dirt.body_pages(state.code, entries), *dirt.site_pages(LATER - 1)]
    found += [
        dirt.entrance(name, "", LATER)
        for name in ("guide", "system", "content", "annual-reports", "on-application")
    ]
    found += [dirt.entry(("", code), LATER) for code in entries]
    found += [dirt.department(code) for code in await ancestors(session, [state.code])]
    found += [dirt.department(code) for code in await _children(session, state.code)]
    if before is not None and before.parent and before.parent != state.parent:
        found += [
            dirt.department(code)
            for code in [before.parent, *await ancestors(session, [before.parent])]
        ]
    await queue_paths(session, found)
    if before is None:
        return
    former = DepartmentState.model_validate_json(before.state)
    if (former.names, former.contact) != (state.names, state.contact):
        await _queue_items(session, state.code)
    if former.names != state.names:
        await _queue_lists(session, state.code)


async def entry_codes(session: AsyncSession) -> list[str]:
    """Return the codes of the standard catalogue."""
    value = (await session.execute(select(site.c.value).where(site.c.key == "catalogue"))).scalar()
    return list(entries_of(value or {}))


async def _children(session: AsyncSession, code: str) -> Iterable[str]:
    return (
        await session.execute(select(department.c.code).where(department.c.parent == code))
    ).scalars()


async def _queue_items(session: AsyncSession, code: str) -> None:
    """Queue the pages of all items of the body *code*."""
    rows = await session.execute(
        select(item.c.item_id, item.c.url).where(item.c.department == code)
    )
    await queue_paths(session, [dirt.refresh(row.item_id, row.url, LIST) for row in rows])


async def _queue_lists(session: AsyncSession, code: str) -> None:
    """Queue every list and feed that names the body *code*: its own, and those with rows of its items."""
    shown = await session.execute(
        text(
            "SELECT b.department, b.entry, b.step, b.start, b.part FROM publisher.bucket b WHERE b.department = :code "
            "UNION SELECT b.department, b.entry, b.step, b.start, b.part FROM publisher.member mine "
            "JOIN publisher.member m USING (item_id) JOIN publisher.bucket b "
            "ON (b.department, b.entry) = (m.department, m.entry) AND b.step IN (2, 3, 4) "
            "AND date_trunc('month', m.day) = date_trunc('month', b.start) "
            "WHERE mine.department = :code AND mine.entry = ''"
        ),
        {"code": code},
    )
    found: list[Dirt] = []
    for bucket in (dirt.Bucket(*row) for row in shown):
        if dirt.is_calendar(bucket.scope):
            found += [dirt.calendar(bucket, LATER)]
        found += dirt.fronts(bucket.scope, LATER - 1)
    corrected = select(item.c.corrected_year).where(
        item.c.department == code, item.c.corrected_at.is_not(None)
    )
    years = set((await session.execute(corrected)).scalars())
    found += [dirt.corrections(year, LATER) for year in [None, *sorted(years)]]
    await queue_paths(session, found)
