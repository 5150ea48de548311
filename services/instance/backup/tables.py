"""Tables out and in by COPY, whatever PostgreSQL there is: no dump program, no version of one.

One read-only REPEATABLE READ transaction is one instant of the record, while events go on flowing. Of the
projections only the plumbing is kept (what they have shown, so that a restore announces nothing as new): the rest
they read from the record. A table goes in at the revision it came out of, and is migrated afterwards.
"""

from __future__ import annotations

import gzip
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from graphlib import TopologicalSorter
from typing import Any

import psycopg
from psycopg import sql

from services.instance.backup.archive import CHUNK, Archive, Manifest, TableCopy, Writer
from shared.leader import plain_url

Connection = psycopg.Connection[tuple[Any, ...]]

OWNERS = ("catalog", "notifier")
"""Services with data of their own: every table of theirs is kept."""
PROJECTIONS = ("publisher", "search")
PLUMBING = ("position", "parked", "shown")
SERVICES = (*OWNERS, *PROJECTIONS)
VERSION_TABLE = "alembic_version"
QUICK = 3
"""Level of compression: the record is text and shrinks to a fifth at once."""


@contextmanager
def snapshot(url: str) -> Iterator[Connection]:
    """Enter one instant of the database."""
    with psycopg.connect(plain_url(url), application_name="backup") as connection:
        connection.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
        connection.read_only = True
        with connection.transaction():
            yield connection


def revisions(connection: Connection) -> dict[str, str]:
    """Return each service's revision; services without a schema are left out."""
    found: dict[str, str] = {}
    for service in SERVICES:
        name = f"{service}.{VERSION_TABLE}"
        if connection.execute("SELECT to_regclass(%s)", [name]).fetchone() != (None,):
            table = sql.Identifier(service, VERSION_TABLE)
            query = sql.SQL("SELECT version_num FROM {}").format(table)
            if row := connection.execute(query).fetchone():
                found[service] = row[0]
    return found


def kept_tables(connection: Connection) -> list[tuple[str, str]]:
    """Return service and name of every table that a backup keeps, those that others refer to first."""
    rows = connection.execute(
        "SELECT table_schema::text, table_name::text FROM information_schema.tables "
        "WHERE table_type = 'BASE TABLE' AND table_name <> %s "
        "AND (table_schema = ANY(%s) OR table_schema = ANY(%s) AND table_name = ANY(%s)) ORDER BY 1, 2",
        [VERSION_TABLE, list(OWNERS), list(PROJECTIONS), list(PLUMBING)],
    ).fetchall()
    order: TopologicalSorter[tuple[str, str]] = TopologicalSorter(dict.fromkeys(rows, ()))
    for schema, table, other_schema, other in connection.execute(
        "SELECT n.nspname::text, c.relname::text, fn.nspname::text, f.relname::text FROM pg_constraint k "
        "JOIN pg_class c ON c.oid = k.conrelid JOIN pg_namespace n ON n.oid = c.relnamespace "
        "JOIN pg_class f ON f.oid = k.confrelid JOIN pg_namespace fn ON fn.oid = f.relnamespace "
        "WHERE k.contype = 'f' AND k.conrelid <> k.confrelid"
    ):
        if (schema, table) in rows:
            order.add((schema, table), (other_schema, other))
    return list(order.static_order())


def counters(connection: Connection) -> dict[str, int]:
    """Return the last number that each sequence gave; one that is never reused may be ahead of the snapshot."""
    rows = connection.execute(
        "SELECT schemaname || '.' || sequencename, last_value FROM pg_sequences "
        "WHERE schemaname = ANY(%s) AND last_value IS NOT NULL ORDER BY 1",
        [list(SERVICES)],
    )
    return dict(rows.fetchall())


def copy_out(
    connection: Connection, writer: Writer, told: Callable[[int, int], None]
) -> list[TableCopy]:
    """Add every kept table to the archive; *told* hears how many of how many are done."""
    tables = kept_tables(connection)
    copies: list[TableCopy] = []
    for number, (service, table) in enumerate(tables):
        told(number, len(tables))
        copies.append(_copy_one(connection, writer, service, table))
    told(len(tables), len(tables))
    return copies


def _copy_one(connection: Connection, writer: Writer, service: str, table: str) -> TableCopy:
    columns = _columns(connection, service, table)
    statement = sql.SQL("COPY {} ({}) TO STDOUT").format(
        sql.Identifier(service, table), sql.SQL(", ").join(map(sql.Identifier, columns))
    )
    name = f"database/{service}/{table}.copy.gz"
    with writer.spool() as spooled, connection.cursor() as cursor:
        with (
            gzip.GzipFile(fileobj=spooled, mode="wb", compresslevel=QUICK, mtime=0) as packed,
            cursor.copy(statement) as copy,
        ):
            for chunk in copy:
                packed.write(chunk)
        size = spooled.tell()
        spooled.seek(0)
        writer.add(name, spooled, size)
        return TableCopy(
            service=service, table=table, columns=columns, rows=cursor.rowcount, member=name
        )


def _columns(connection: Connection, service: str, table: str) -> list[str]:
    rows = connection.execute(
        "SELECT attname::text FROM pg_attribute WHERE attrelid = %s::regclass AND attnum > 0 "
        "AND NOT attisdropped AND attgenerated = '' ORDER BY attnum",
        [f'"{service}"."{table}"'],
    )
    return [row[0] for row in rows.fetchall()]


def copy_in(url: str, archive: Archive, told: Callable[[int, int], None]) -> None:
    """Replace what the schemas hold by what the archive holds, in one transaction."""
    tables = {(each.service, each.table): each for each in archive.manifest.tables}
    with psycopg.connect(plain_url(url), application_name="restore") as connection:
        order = [tables[name] for name in kept_tables(connection) if name in tables]
        names = sql.SQL(", ").join(sql.Identifier(each.service, each.table) for each in order)
        connection.execute(sql.SQL("TRUNCATE {} CASCADE").format(names))
        for number, each in enumerate(order):
            told(number, len(order))
            _copy_back(connection, archive, each)
        _set_counters(connection, archive.manifest)
        told(len(order), len(order))
    with psycopg.connect(plain_url(url), autocommit=True) as connection:
        connection.execute("ANALYZE")


def _copy_back(connection: Connection, archive: Archive, each: TableCopy) -> None:
    statement = sql.SQL("COPY {} ({}) FROM STDIN").format(
        sql.Identifier(each.service, each.table),
        sql.SQL(", ").join(map(sql.Identifier, each.columns)),
    )
    with (
        gzip.open(archive.open(each.member)) as packed,
        connection.cursor() as cursor,
        cursor.copy(statement) as copy,
    ):
        while chunk := packed.read(CHUNK):
            copy.write(chunk)


def _set_counters(connection: Connection, manifest: Manifest) -> None:
    there = counters_there(connection)
    for name, last in manifest.counters.items():
        if name in there:
            connection.execute("SELECT setval(%s::regclass, %s)", [name, last])


def counters_there(connection: Connection) -> set[str]:
    """Return the names of the sequences that the schemas have."""
    rows = connection.execute(
        "SELECT schemaname || '.' || sequencename FROM pg_sequences WHERE schemaname = ANY(%s)",
        [list(SERVICES)],
    )
    return {row[0] for row in rows.fetchall()}


def head_of(connection: Connection) -> Mapping[str, Any]:
    """Return epoch and newest sequence of the record."""
    row = connection.execute("SELECT epoch, sequence FROM catalog.head").fetchone()
    if row is None:
        raise psycopg.OperationalError("the record has no head: run `gazette migrate`")
    return {"epoch": row[0], "sequence": row[1]}


def rows_of(connection: Connection, query: str) -> Sequence[tuple[Any, ...]]:
    """Return the rows of a query of ours."""
    return connection.execute(query.encode()).fetchall()
