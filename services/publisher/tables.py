"""The publisher's own schema: what the record says now, what lists count, and which paths are dirty."""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    Date,
    DateTime,
    Identity,
    Index,
    Integer,
    SmallInteger,
    Table,
    Text,
    Uuid,
    func,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB

from shared.db import metadata as metadata_of
from shared.plumbing import plumbing
from shared.purging import purge_table

metadata = metadata_of("publisher")
tables = plumbing(metadata)
purge = purge_table(metadata)

item = Table(
    "item",
    metadata,
    Column("item_id", Uuid, primary_key=True),
    Column("key", Text, nullable=False),  # <department>/<source_id>, what relations name
    Column("department", Text, nullable=False),
    Column("url", Text, nullable=False),
    Column("version", Integer, nullable=False),
    Column("sequence", BigInteger, nullable=False),
    Column("sha256", Text, nullable=False),
    Column("standing", Text, nullable=False),
    Column("scopes", JSONB, nullable=False),  # [[department, entry], …], sorted
    Column("state", Text, nullable=False),  # the newest state as JSON text
    Column("title", Text),
    Column("summary", Text),
    Column("catalogue", Text, nullable=False),
    Column("genre", Text),
    Column("language", Text, nullable=False),
    Column("document_number", Text),
    Column("validity", Text),
    Column("on_application", Boolean, nullable=False),
    Column("urgent", Boolean, nullable=False),
    Column("attachments", Integer, nullable=False),
    Column("phone", Text),
    Column("period", JSONB(none_as_null=True)),
    Column("opens_at", DateTime(timezone=True)),
    Column("closes_at", DateTime(timezone=True)),
    Column("day", Date, nullable=False),
    Column("turn", BigInteger, nullable=False),  # order within a day, see rules/items.py
    Column("published_at", DateTime(timezone=True), nullable=False),
    Column("updated_at", DateTime(timezone=True), nullable=False),
    Column("effective_on", Date),
    Column("reason", Text),
    Column("redirect_to", Text),
    Column("corrected_version", Integer),
    Column("corrected_at", DateTime(timezone=True)),
    Column("corrected_year", Integer),
    Column("correction_note", Text),
    CheckConstraint(
        "standing IN ('published', 'withdrawn', 'gone', 'redirect', 'vanish')",
        name="standing_known",
    ),
    CheckConstraint("version >= 1", name="version_counts"),
    CheckConstraint(
        "(corrected_version IS NULL) = (corrected_at IS NULL)", name="correction_whole"
    ),
    Index("uq_item_key", "key", unique=True),
    Index("ix_item_url", "url"),
    Index("ix_item_department", "department"),
    Index("ix_item_redirect_to", "redirect_to", postgresql_where=text("redirect_to IS NOT NULL")),
    Index(
        "ix_item_corrected",
        "corrected_at",
        "item_id",
        postgresql_where=text("corrected_at IS NOT NULL"),
    ),
    Index(
        "ix_item_corrected_in",
        "corrected_year",
        "corrected_at",
        postgresql_where=text("corrected_at IS NOT NULL"),
    ),
    Index("ix_item_closing", "closes_at", "item_id", postgresql_where=text("period IS NOT NULL")),
)
"""The newest state of each item, and of it the values that lists and queries read."""

item_version = Table(
    "item_version",
    metadata,
    Column("item_id", Uuid, primary_key=True),
    Column("version", Integer, primary_key=True),
    Column("sequence", BigInteger, nullable=False),
    Column("sha256", Text, nullable=False),
    Column("standing", Text, nullable=False),
    Column("state", Text),  # NULL once purged: gone and vanish leave no text behind
)
"""Every version seen, for the version pages."""

link = Table(
    "link",
    metadata,
    Column("item_id", Uuid, primary_key=True),
    Column("type", Text, primary_key=True),
    Column("target", Text, primary_key=True),
    Column("place", Integer, nullable=False),
    Column(
        "visible", Boolean, nullable=False, server_default=text("false")
    ),  # the item that says it is in lists
    Column("day", Date),
    Column("turn", BigInteger),
    Index("ix_link_target", "target", "type"),
    Index("ix_link_newest", "type", "day", "turn", postgresql_where=text("visible")),
)
"""What items say of each other; read backwards it is the index of back links."""

department = Table(
    "department",
    metadata,
    Column("code", Text, primary_key=True),
    Column("version", Integer, nullable=False),  # 0: known only from its items
    Column("sequence", BigInteger, nullable=False),
    Column("state", Text, nullable=False),
    Column("names", JSONB, nullable=False),
    Column("parent", Text),
    Column("kind", Text, nullable=False),
    Column("position", Integer, nullable=False),
    Index("ix_department_parent", "parent"),
)

site = Table(
    "site",
    metadata,
    Column("key", Text, primary_key=True),
    Column("version", Integer, nullable=False),
    Column("sequence", BigInteger, nullable=False),
    Column("value", JSONB, nullable=False),
)
"""Catalogue, vocabulary, settings and day, each at its newest version."""

listing = Table(
    "listing",
    metadata,
    Column("item_id", Uuid, primary_key=True),
    Column("scopes", JSONB, nullable=False),
    Column("day", Date, nullable=False),
    Column("turn", BigInteger, nullable=False),
    Column("sequence", BigInteger, nullable=False),
    Column("listed", Boolean, nullable=False),
    Column("corrected_year", Integer),
    Column("face", Text, nullable=False),  # digest of what other items' pages show of this one
)
"""What lists have counted of an item; there is a row exactly when its page has been written."""

member = Table(
    "member",
    metadata,
    Column("department", Text, primary_key=True),
    Column("entry", Text, primary_key=True),
    Column("day", Date, primary_key=True),
    Column("turn", BigInteger, primary_key=True),
    Column("item_id", Uuid, primary_key=True),
    Column("sequence", BigInteger, nullable=False),
    Column("listed", Boolean, nullable=False),
    Index("ix_member_changed", "department", "entry", "sequence"),
    Index(
        "ix_member_listed",
        "department",
        "entry",
        "day",
        "turn",
        "item_id",
        postgresql_where=text("listed"),
    ),
)
"""Which list scopes an item is in ('' = all departments, all entries), in their order."""

bucket = Table(
    "bucket",
    metadata,
    Column("department", Text, primary_key=True),
    Column("entry", Text, primary_key=True),
    Column(
        "step", SmallInteger, primary_key=True
    ),  # 0 all, 1 year, 2 month, 3 day, 4 part of a day
    Column("start", Date, primary_key=True),
    Column("part", Integer, primary_key=True),
    Column("slots", Integer, nullable=False),  # places taken for ever: decides where a list splits
    Column("listed", Integer, nullable=False),  # rows that readers see
    Column("sequence", BigInteger, nullable=False),  # newest record event that the list reflects
    Column("at", DateTime(timezone=True), nullable=False),
    Column("from_turn", BigInteger),  # parts: turn of the first place
    CheckConstraint("listed BETWEEN 0 AND slots", name="listed_within_slots"),
    Index("ix_bucket_entry", "entry", "step"),
)
"""Counters, so that no list counts rows."""

tree = Table(
    "tree",
    metadata,
    Column("tree_id", Integer, primary_key=True),
    Column("standing", Text, nullable=False),
    Column(
        "digest", Text, nullable=False
    ),  # of templates, page code and settings it is written with
    Column("began_at", DateTime(timezone=True), nullable=False, server_default=func.now()),
    CheckConstraint("standing IN ('living', 'frozen', 'building', 'old')", name="standing_known"),
    Index(
        "uq_tree_current",
        text("(true)"),
        unique=True,
        postgresql_where=text("standing IN ('living', 'frozen')"),
    ),
    Index(
        "uq_tree_building",
        text("(true)"),
        unique=True,
        postgresql_where=text("standing = 'building'"),
    ),
)
"""Trees of files: the one that is served, and the one that is being built beside it."""

tree_file = Table(
    "tree_file",
    metadata,
    Column("tree_id", Integer, primary_key=True),
    Column("key", Text(collation="C"), primary_key=True),
    Column("lists", Boolean, nullable=False),  # what leads to other pages is moved after them
    Column(
        "waits", Boolean, nullable=False
    ),  # it differs from what is served, and is not moved yet
    Index("ix_tree_file_waiting", "tree_id", "lists", "key", postgresql_where=text("waits")),
)
"""Files of a tree that is built beside the served one in a bucket; there are none in a folder, or when none is built."""

dirty = Table(
    "dirty",
    metadata,
    Column("tree_id", Integer, primary_key=True),
    Column("path", Text, primary_key=True),
    Column("kind", Text, nullable=False),
    Column("args", JSONB, nullable=False),
    Column("rank", SmallInteger, nullable=False),
    Column("queued", BigInteger, Identity(), nullable=False),
    Column("created_at", DateTime(timezone=True), nullable=False, server_default=func.now()),
    Column("tries", SmallInteger, nullable=False, server_default=text("0")),
    Column("next_at", DateTime(timezone=True)),
    Column("error", Text),
    Index("ix_dirty_next", "tree_id", "rank", "queued"),
)
"""Paths whose file is not what the record says any more."""
