"""Many rows as one array a column: a statement for any number of rows; texts go in PostgreSQL's binary form.

psycopg's own dumper escapes every quote of a JSON text in Python.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import psycopg
from psycopg.abc import Buffer
from psycopg.adapt import Dumper
from psycopg.pq import Format
from pydantic_core import to_json
from sqlalchemy import Column, Table
from sqlalchemy.dialects.postgresql import JSONB, dialect
from sqlalchemy.types import Text

from shared.session import Statement

_TEXT, _TEXT_ARRAY = 25, 1009
_HEADER = struct.Struct("!iiIii")
_LENGTH = struct.Struct("!i")
_NULL = _LENGTH.pack(-1)


class Texts(list[str | bytes | None]):
    """A one-dimensional `text[]`, sent in PostgreSQL's binary form; bytes are text in UTF-8 already."""


class _TextsDumper(Dumper):
    format = Format.BINARY
    oid = _TEXT_ARRAY

    def dump(self, obj: Texts) -> Buffer:
        """Return the array as `array_recv` reads it: dimensions, null flag, element type, then each element."""
        if not obj:
            return _HEADER.pack(0, 0, _TEXT, 0, 0)[:12]
        parts = [_HEADER.pack(1, int(None in obj), _TEXT, len(obj), 1)]
        add, length = parts.append, _LENGTH.pack
        for text in obj:
            if text is None:
                add(_NULL)
            else:
                encoded = text if isinstance(text, bytes) else text.encode()
                add(length(len(encoded)))
                add(encoded)
        return b"".join(parts)


def register() -> None:
    """Teach psycopg to send `Texts`, on connections that are opened from now on."""
    psycopg.adapters.register_dumper(Texts, _TextsDumper)


_DIALECT = dialect()  # type: ignore[no-untyped-call]


def inserting(
    table: Table, names: str = "", tail: str = ""
) -> Callable[[Sequence[Mapping[str, Any]]], Statement]:
    """Return what makes the INSERT of rows into the columns *names* of *table* (all, when empty), ending in *tail*.

    JSON values are objects, or text that is JSON already.
    """
    columns = [table.c[name] for name in names.split()] or list(table.c)
    sql = _insert(table, columns, tail)

    def statement(rows: Sequence[Mapping[str, Any]]) -> Statement:
        return sql, {column.name: _array(column, rows) for column in columns}

    return statement


def renewing(table: Table, *kept: str) -> str:
    """Return the end of an upsert that renews every column of *table* but those *kept*."""
    names = [column.name for column in table.c if column.name not in kept]
    return "DO UPDATE SET " + ", ".join(f"{name} = excluded.{name}" for name in names)


def _insert(table: Table, columns: Sequence[Column[Any]], tail: str) -> str:
    kinds = {column.name: str(column.type.compile(_DIALECT)) for column in columns}
    names = ", ".join(kinds)
    picked = ", ".join(f"CAST({n} AS {k})" if k == "JSONB" else n for n, k in kinds.items())
    arrays = ", ".join(f"CAST(:{n} AS {'TEXT' if k == 'JSONB' else k}[])" for n, k in kinds.items())
    return f"INSERT INTO {table.fullname} ({names}) SELECT {picked} FROM unnest({arrays}) AS r({names}) {tail}"


def _array(column: Column[Any], rows: Sequence[Mapping[str, Any]]) -> list[Any]:
    values = (row[column.name] for row in rows)
    if isinstance(column.type, JSONB):
        return Texts(
            value if value is None or isinstance(value, str) else to_json(value) for value in values
        )
    return Texts(values) if isinstance(column.type, Text) else list(values)
