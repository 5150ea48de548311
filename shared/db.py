"""PostgreSQL: one engine and schema per service, migrations, advisory locks."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

from alembic import command, context
from alembic.config import Config
from sqlalchemy import Connection, MetaData, create_engine, pool, text
from sqlalchemy.exc import DBAPIError, InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker, create_async_engine

from shared import arrays
from shared.errors import StoreUnreachable
from shared.session import Session

_ROOT = Path(__file__).resolve().parent.parent

_NAMES = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(column_0_N_name)s_%(referred_table_name)s",
    "pk": "pk_%(table_name)s",
}


def metadata(schema: str) -> MetaData:
    """Return the metadata of one service's own schema, with named constraints."""
    return MetaData(schema=schema, naming_convention=_NAMES)


class Database:
    """One service's way to its schema: `async with db.sessions.begin() as session`."""

    def __init__(self, url: str, schema: str, *, size: int = 2) -> None:
        arrays.register()  # a connection knows only what was registered before it was opened
        self.url = url
        self.schema = schema
        self.engine = create_async_engine(
            url,
            pool_size=size,
            max_overflow=8,  # closed when idle: a backend costs PostgreSQL some megabytes
            pool_timeout=10,
            hide_parameters=True,
            connect_args={"connect_timeout": 5, "application_name": schema},
        )
        self.sessions: async_sessionmaker[AsyncSession] = async_sessionmaker(
            self.engine, expire_on_commit=False, class_=Session
        )

    async def close(self) -> None:
        """Close every connection."""
        await self.engine.dispose()


def unreachable(error: BaseException) -> bool:
    """Say whether *error* means that the database cannot be reached now (wait), not that a statement is wrong."""
    if isinstance(error, (PoolTimeout, InterfaceError, ConnectionError, TimeoutError)):
        return True
    if isinstance(error, DBAPIError) and error.connection_invalidated:
        return True
    return isinstance(error, OperationalError) and _class(error) in {
        "",
        "08",
        "57",
        "53",
        "58",
        "40",
    }


def who_is_away(error: BaseException) -> str:
    """Return the log event of an error that is waited for: which server cannot be reached."""
    return "store_unreachable" if isinstance(error, StoreUnreachable) else "database_unreachable"


def why(error: BaseException) -> str:
    """Return why, without what a driver says: it may quote parameters."""
    return str(error) if isinstance(error, StoreUnreachable) else type(error).__name__


def _class(error: DBAPIError) -> str:
    """Return the SQLSTATE class (first two characters), empty when the server never answered."""
    return (getattr(error.orig, "sqlstate", None) or "")[:2]


def lock_key(name: str) -> int:
    """Return the 63-bit key of the advisory lock called *name*."""
    return int.from_bytes(hashlib.sha256(name.encode()).digest()[:8], "big", signed=True)


def migrate(url: str, services: list[str], *, revision: str = "head") -> None:
    """Bring the schemas of *services* to *revision*; blocking, safe to run twice and by two at once."""
    for name in services:
        config = Config()
        config.set_main_option("script_location", str(_ROOT / "services" / name / "migrations"))
        config.attributes.update(url=url, schema=name)
        if revision == "base":
            command.downgrade(config, "base")
        else:
            command.upgrade(config, revision)


def migrate_together(url: str, services: list[str]) -> None:
    """Bring the schemas of all *services* to the newest revision, or none of them: one transaction."""
    engine = create_engine(url, poolclass=pool.NullPool, hide_parameters=True)
    try:
        with engine.begin() as connection:
            for name in services:
                config = Config()
                config.set_main_option(
                    "script_location", str(_ROOT / "services" / name / "migrations")
                )
                config.attributes.update(connection=connection, schema=name)
                command.upgrade(config, "head")
    finally:
        engine.dispose()


def run_migrations(target: MetaData) -> None:
    """The whole body of every service's `migrations/env.py`."""
    attributes: dict[str, Any] = context.config.attributes
    if shared := attributes.get("connection"):
        _migrate_on(shared, attributes["schema"], target)
        return
    engine = create_engine(attributes["url"], poolclass=pool.NullPool, hide_parameters=True)
    try:
        with engine.begin() as connection:
            _migrate_on(connection, attributes["schema"], target)
    finally:
        engine.dispose()


def _migrate_on(connection: Connection, schema: str, target: MetaData) -> None:
    connection.execute(
        text("SELECT pg_advisory_xact_lock(:key)"), {"key": lock_key(f"migrate {schema}")}
    )
    connection.execute(text(f'CREATE SCHEMA IF NOT EXISTS "{schema}"'))
    context.configure(
        connection=connection,
        target_metadata=target,
        version_table_schema=schema,
        include_schemas=True,
        include_name=lambda name, kind, _parents: kind != "schema" or name == schema,
    )
    with context.begin_transaction():
        context.run_migrations()
