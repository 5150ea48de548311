"""The search service's own schema: what it shows, and the names of bodies and lists."""

from __future__ import annotations

from sqlalchemy import BigInteger, CheckConstraint, Column, Integer, Table, Text, Uuid

from shared.db import metadata as metadata_of
from shared.plumbing import plumbing
from shared.purging import purge_table

SCHEMA = "search"
metadata = metadata_of(SCHEMA)
tables = plumbing(metadata)
purge = purge_table(metadata)

directory = Table(
    "directory",
    metadata,
    Column("key", Text, primary_key=True),
    Column("version", Integer, nullable=False),
    Column("sequence", BigInteger, nullable=False),
    Column("epoch", Uuid),
    Column("state", Text, nullable=False),
    CheckConstraint("key ~ '^(department|site):.+'", name="key"),
)
"""The newest state of each body (`department:<code>`) and list of the site (`site:<key>`), as JSON text."""
