"""One more item costs the same in a large site as in a small one: files written, statements, rows read."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import psycopg
import pytest
from sqlalchemy import text

from services.publisher.store import FolderStore
from tests.publisher.conftest import Press
from tests.publisher.test_long_lists import short_lists
from tests.publisher.world import CATALOGUE, World

__all__ = ["short_lists"]


@dataclass
class Cost:
    """What was done since."""

    statements: int = 0
    files: int = 0
    written: int = 0


@contextmanager
def counted(monkeypatch: pytest.MonkeyPatch) -> Iterator[Cost]:
    """Count statements and bytes written."""
    cost = Cost()
    real = FolderStore.write

    execute = psycopg.AsyncCursor.execute

    async def statement(self: psycopg.AsyncCursor[Any], *args: Any, **options: Any) -> Any:
        cost.statements += 1
        return await execute(self, *args, **options)

    def write(self: FolderStore, tree: int, files: dict[str, bytes | None]) -> object:
        done = real(self, tree, files)
        cost.files += done.changed
        cost.written += sum(len(content) for content in files.values() if content)
        return done

    with monkeypatch.context() as patch:
        patch.setattr(FolderStore, "write", write)
        patch.setattr(psycopg.AsyncCursor, "execute", statement)
        yield cost


@pytest.mark.timeout(300)
async def test_one_more_item(press: Press, monkeypatch: pytest.MonkeyPatch) -> None:
    """At ten times the items one more writes as many files, as many bytes within a tenth, with as many statements."""
    world = World()
    world.site("catalogue", CATALOGUE)

    def publish(number: int) -> None:
        world.publish("transport", f"n-{number:05}", first_published_on="2026-11-09")

    for number in range(70):
        publish(number)
    await press.print(*world.events)
    publish(70)
    with counted(monkeypatch) as small:
        await press.print(world.events[-1])
    for number in range(71, 710):
        publish(number)
    for start in range(0, 640, 128):
        await press.hear(*world.events[72 + start : 72 + start + 128])
    await press.renderer.drain()
    publish(710)
    with counted(monkeypatch) as large:
        await press.print(world.events[-1])
    assert small.files > 5
    assert small.statements > 10
    assert large.files <= small.files * 1.05
    assert large.statements <= small.statements * 1.05
    assert large.written <= small.written * 1.1


async def test_no_list_scans_a_table(press: Press) -> None:
    """The reads of home, lists and feeds run on indexes when sequential scans are forbidden to be cheap."""
    world = World()
    world.site("catalogue", CATALOGUE)
    for number in range(40):
        world.publish("transport", f"n-{number}")
    await press.print(*world.events)
    queries = (
        "SELECT item_id FROM publisher.member WHERE department = '' AND entry = '' AND listed ORDER BY day DESC, turn DESC LIMIT 9",
        "SELECT item_id FROM publisher.member m WHERE department = '' AND entry = '' ORDER BY sequence DESC LIMIT 50",
        "SELECT path FROM publisher.dirty WHERE tree_id = 1 AND rank BETWEEN 0 AND 3 ORDER BY rank, queued LIMIT 64",
    )
    async with press.db.sessions.begin() as session:
        await session.execute(text("SET LOCAL enable_seqscan = off"))
        await session.execute(text("SET LOCAL enable_sort = off"))
        for query in queries:
            plan = "\n".join((await session.execute(text(f"EXPLAIN {query}"))).scalars())
            assert "Sort" not in plan, plan
            assert "Seq Scan" not in plan, plan
