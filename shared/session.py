"""A session whose textual statements go straight to psycopg: the same transaction, less than half the CPU.

SQLAlchemy spends 0.23 ms on a statement that costs psycopg 0.08 ms, and a pushed item needs some sixty of them
(decision 0010). Everything else of the session (transactions, pool, Core statements, errors) stays SQLAlchemy's.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any, cast

import psycopg
from sqlalchemy import Dialect, Executable, Result, TextClause, text
from sqlalchemy.dialects.postgresql.psycopg import PGDialectAsync_psycopg
from sqlalchemy.engine import IteratorResult
from sqlalchemy.engine.result import SimpleResultMetaData
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncSession

Driver = psycopg.AsyncConnection[Any]
Cursor = psycopg.AsyncCursor[Any]
Statement = tuple[str, Mapping[str, Any]]
"""SQL with `:name` places, and what to put there."""

_DIALECT: Dialect = PGDialectAsync_psycopg()  # type: ignore[no-untyped-call]


class Session(AsyncSession):
    """An `AsyncSession`; `execute(text(…), {…})` takes the short way."""

    _within: object = None
    _driver: Driver

    async def execute(
        self, statement: Executable, params: Any = None, **options: Any
    ) -> Result[Any]:
        """Run *statement*; a textual one with one set of parameters goes to the driver itself."""
        if not isinstance(statement, TextClause) or isinstance(params, Sequence) or options:
            return await super().execute(statement, params, **options)
        driver = await self.begun()
        sql = _driver_sql(statement.text)
        try:
            cursor = await driver.execute(sql, params or {})
            return _result(cursor, await cursor.fetchall() if cursor.description else [])
        except psycopg.Error as error:
            raise await self.told(error, sql) from error

    async def begun(self) -> Driver:
        """Return the driver's connection of the transaction under way, beginning one as SQLAlchemy does."""
        within = self.sync_session.get_transaction()
        if within is None or within is not self._within:
            raw = await (await self.connection()).get_raw_connection()
            self._driver = cast("Driver", raw.driver_connection)
            self._within = self.sync_session.get_transaction()
        return self._driver

    async def told(self, error: psycopg.Error, sql: str) -> BaseException:
        """Return *error* as SQLAlchemy's, without parameters; a lost connection leaves the pool."""
        lost = self._driver.closed
        if lost:
            await (await self.connection()).invalidate(error)
        return DBAPIError.instance(
            sql, None, error, psycopg.Error, hide_parameters=True, connection_invalidated=lost
        )


async def together(session: AsyncSession, *statements: Statement) -> list[Result[Any]]:
    """Run *statements* one after the other in a single round trip and return the result of each."""
    ours = cast("Session", session)
    driver = await ours.begun()
    sqls = [_driver_sql(sql) for sql, _ in statements]
    try:
        async with driver.pipeline():
            cursors = [
                await driver.execute(sql, params or {})
                for sql, (_, params) in zip(sqls, statements, strict=True)
            ]
        return [_result(c, await c.fetchall() if c.description else []) for c in cursors]
    except psycopg.Error as error:
        raise await ours.told(error, "; ".join(sqls)) from error


@lru_cache(maxsize=1000)
def _driver_sql(sql: str) -> str:
    """Return *sql* with psycopg's places for parameters."""
    return str(text(sql).compile(dialect=_DIALECT))


def _result(cursor: Cursor, rows: list[Any]) -> Result[Any]:
    names = [column.name for column in cursor.description or ()]
    return IteratorResult(SimpleResultMetaData(names), iter(rows))
