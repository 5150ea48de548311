"""The short way to psycopg is the same transaction, with the same rows and the same errors."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import AsyncIterator

import pytest
from sqlalchemy import literal, select, text
from sqlalchemy.exc import DBAPIError, IntegrityError, ProgrammingError

from shared.arrays import Texts
from shared.db import Database, unreachable
from shared.session import together


@pytest.fixture
async def db(database_url: str) -> AsyncIterator[Database]:
    """A database with one table of our own."""
    db = Database(database_url, "public", size=1)
    async with db.sessions.begin() as session:
        await session.execute(text("DROP TABLE IF EXISTS note"))
        await session.execute(text("CREATE TABLE note (n int PRIMARY KEY, said text)"))
    yield db
    async with db.sessions.begin() as session:
        await session.execute(text("DROP TABLE note"))
    await db.close()


async def test_rows_are_read_by_name_and_place(db: Database) -> None:
    """Named columns, one value, no rows, a percent sign and a cast come out as through SQLAlchemy."""
    async with db.sessions.begin() as session:
        rows = await session.execute(
            text("SELECT n, n * 2 AS twice FROM unnest(CAST(:ns AS int[])) AS n ORDER BY n"),
            {"ns": [2, 1]},
        )
        assert [(row.n, row.twice) for row in rows] == [(1, 2), (2, 4)]
        assert (
            await session.execute(text("SELECT '100%' || CAST(:x AS text) || 1::text"), {"x": "%s"})
        ).scalar_one() == "100%%s1"
        assert (await session.execute(text("SELECT '5%'"))).scalar() == "5%"
        assert (await session.execute(text("SELECT 1 WHERE false"))).first() is None
        row = (await session.execute(text("SELECT 1 AS a, NULL AS b"))).mappings().one()
        assert dict(row) == {"a": 1, "b": None}


async def test_both_ways_share_one_transaction(db: Database) -> None:
    """What one way writes the other reads before the commit, and a rollback takes both back."""
    with pytest.raises(ZeroDivisionError):  # noqa: PT012
        async with db.sessions.begin() as session:
            await session.execute(text("INSERT INTO note VALUES (1, 'a')"))
            await together(session, ("INSERT INTO note VALUES (:n, :said)", {"n": 2, "said": "b"}))
            count = select(text("count(*)")).select_from(text("note"))
            assert (await session.execute(count)).scalar_one() == 2
            raise ZeroDivisionError
    async with db.sessions.begin() as session:
        assert (await session.execute(text("SELECT count(*) FROM note"))).scalar_one() == 0


async def test_a_session_goes_on_after_a_commit(db: Database) -> None:
    """The next transaction of one session is begun anew, on whatever connection it gets."""
    async with db.sessions() as session:
        await session.execute(text("INSERT INTO note VALUES (1, 'a')"))
        await session.commit()
        await session.execute(text("INSERT INTO note VALUES (2, 'b')"))
        await session.rollback()
        assert (await session.execute(text("SELECT max(n) FROM note"))).scalar_one() == 1


async def test_statements_together_run_in_order(db: Database) -> None:
    """Each statement sees what the one before it did, and each has its own rows."""
    async with db.sessions.begin() as session:
        written, read, empty = await together(
            session,
            (
                "INSERT INTO note SELECT * FROM unnest(CAST(:n AS int[]), CAST(:s AS text[])) RETURNING n",
                {"n": [1, 2], "s": Texts(["甲", b"\xe4\xb9\x99"])},
            ),
            ("SELECT said FROM note ORDER BY n", {}),
            ("DELETE FROM note WHERE n > :n", {"n": 5}),
        )
        assert list(written.scalars()) == [1, 2]
        assert list(read.scalars()) == ["甲", "乙"]
        assert empty.all() == []
        assert await together(session) == []


async def test_errors_are_sqlalchemys_without_parameters(db: Database) -> None:
    """A constraint and a wrong statement say what they are, and never what was to be stored."""
    for several in (False, True):
        with pytest.raises(IntegrityError) as refusal:  # noqa: PT012
            async with db.sessions.begin() as session:
                insert = "INSERT INTO note VALUES (:n, :said), (:n, :said)"
                values = {"n": 7, "said": "110105194912310"}
                if several:
                    await together(session, ("SELECT 1", {}), (insert, values))
                else:
                    await session.execute(text(insert), values)
        assert "110105194912310" not in str(refusal.value)
        assert not unreachable(refusal.value)
    with pytest.raises(ProgrammingError):
        async with db.sessions.begin() as session:
            await session.execute(text("SELECT nothing FROM nowhere"))


@pytest.mark.parametrize("several", [False, True])
async def test_a_lost_connection_is_replaced(db: Database, several: bool) -> None:
    """A connection that the server ended means "unreachable", and the next session gets a new one."""
    with pytest.raises(DBAPIError) as lost:  # noqa: PT012
        async with db.sessions.begin() as session:
            await session.execute(select(literal(1)))
            end = "SELECT pg_terminate_backend(pg_backend_pid())"
            if several:
                await together(session, (end, {}))
            else:
                await session.execute(text(end))
    assert unreachable(lost.value)
    async with db.sessions.begin() as session:
        assert (await session.execute(text("SELECT 1"))).scalar_one() == 1


def test_a_database_alone_can_send_texts(database_url: str) -> None:
    """A program that imports actions only after it has connected writes the same bytes."""
    program = (
        "import asyncio\nfrom shared.db import Database\n"
        "async def main():\n"
        f"    db = Database({database_url!r}, 'public', size=1)\n"
        "    async with db.sessions.begin() as session:\n"
        "        await session.connection()\n"
        "        from sqlalchemy import text\n        from shared.arrays import Texts\n"
        "        found = await session.execute(text('SELECT unnest(CAST(:t AS text[]))'), {'t': Texts([b'{}', 'x'])})\n"
        "        print([row[0] for row in found])\n"
        "    await db.close()\nasyncio.run(main())\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=False
    )
    assert done.stdout.strip() == "['{}', 'x']", done.stderr
