"""The search service's schema: migrations lead to what the tables say, and back to nothing."""

from __future__ import annotations

import asyncio

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import create_engine, insert, inspect
from sqlalchemy.exc import IntegrityError

from services.search.tables import SCHEMA, directory, metadata
from shared.db import migrate


async def test_migrations_make_what_the_tables_say(empty_database_url: str):
    """Upgraded, nothing differs from the code; downgraded, no table is left; both can be done again."""
    await asyncio.to_thread(migrate, empty_database_url, [SCHEMA])
    engine = create_engine(empty_database_url)
    with engine.connect() as connection:
        options = {
            "include_schemas": True,
            "version_table_schema": SCHEMA,
            "include_name": lambda name, kind, _: kind != "schema" or name == SCHEMA,
        }
        context = MigrationContext.configure(connection, opts=options)
        assert compare_metadata(context, metadata) == []
    await asyncio.to_thread(migrate, empty_database_url, [SCHEMA], revision="base")
    assert inspect(engine).get_table_names(SCHEMA) in ([], ["alembic_version"])
    await asyncio.to_thread(migrate, empty_database_url, [SCHEMA])
    engine.dispose()


async def test_the_directory_holds_bodies_and_lists_only(database_url: str):
    """A key of another kind is refused by the database."""
    engine = create_engine(database_url)
    row = {"key": "item:x", "version": 1, "sequence": 1, "state": "{}"}
    with engine.begin() as connection, pytest.raises(IntegrityError, match="ck_directory_key"):
        connection.execute(insert(directory).values(row))
    engine.dispose()
