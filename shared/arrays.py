"""Arrays of text as one binary parameter: psycopg's own dumper escapes every quote of a JSON text in Python."""

from __future__ import annotations

import struct

import psycopg
from psycopg.abc import Buffer
from psycopg.adapt import Dumper
from psycopg.pq import Format

_TEXT, _TEXT_ARRAY = 25, 1009
_HEADER = struct.Struct("!iiIii")
_LENGTH = struct.Struct("!i")
_NULL = _LENGTH.pack(-1)


class Texts(list[str | None]):
    """A one-dimensional `text[]`, sent in PostgreSQL's binary form."""


class _TextsDumper(Dumper):
    format = Format.BINARY
    oid = _TEXT_ARRAY

    def dump(self, obj: Texts) -> Buffer:
        """Return the array as `array_recv` reads it: dimensions, null flag, element type, then each element."""
        if not obj:
            return _HEADER.pack(0, 0, _TEXT, 0, 0)[:12]
        parts = [_HEADER.pack(1, int(None in obj), _TEXT, len(obj), 1)]
        for text in obj:
            if text is None:
                parts.append(_NULL)
            else:
                encoded = text.encode()
                parts += (_LENGTH.pack(len(encoded)), encoded)
        return b"".join(parts)


psycopg.adapters.register_dumper(Texts, _TextsDumper)
