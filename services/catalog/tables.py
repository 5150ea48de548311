"""The catalog's own schema."""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    Date,
    DateTime,
    ForeignKey,
    Identity,
    Index,
    Integer,
    Table,
    Text,
    UniqueConstraint,
    Uuid,
    func,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB

from shared.db import metadata as schema_metadata
from shared.outbox import outbox_tables
from shared.plumbing import plumbing
from shared.purging import purge_table

metadata = schema_metadata("catalog")
tables = plumbing(metadata)
said = outbox_tables(metadata)
outbox, head = said.outbox, said.head
purge = purge_table(
    metadata,
    Column(
        "files", JSONB
    ),  # SHA-256 of the attachments of a version; emptied when they are dealt with
    Column("only_files", Boolean, nullable=False, server_default=text("false")),
)
"""Versions whose text must leave every byte, and (`only_files`) those whose attachments leave the web."""

_NOW = func.now()
_STATES = "'published', 'withdrawn', 'gone', 'redirect', 'vanish'"

department = Table(
    "department",
    metadata,
    Column("code", Text, primary_key=True),
    Column("names", JSONB, nullable=False),
    Column("kind", Text, nullable=False, server_default="bureau"),
    Column("parent", Text, ForeignKey("catalog.department.code")),
    Column("position", Integer, nullable=False, server_default=text("0")),
    Column("policy", Text, nullable=False, server_default="direct"),
    Column("history", Boolean, nullable=False, server_default=text("false")),
    Column("contact", JSONB),
    Column("about", Text),
    Column("entries", JSONB, nullable=False, server_default=text("'[]'")),
    Column("nkey", Text),
    Column("version", Integer, nullable=False, server_default=text("1")),
    Column("created_at", DateTime(timezone=True), nullable=False, server_default=_NOW),
    CheckConstraint("policy IN ('direct', 'review')", name="policy"),
    CheckConstraint(
        "kind IN ('government', 'bureau', 'township', 'village', 'institution')", name="kind"
    ),
    CheckConstraint("code ~ '^[a-z][a-z0-9-]{1,39}$'", name="code"),
    CheckConstraint("parent <> code", name="own_parent"),
)

api_key = Table(
    "api_key",
    metadata,
    Column("key_id", BigInteger, Identity(), primary_key=True),
    Column("department", Text, ForeignKey("catalog.department.code"), nullable=False),
    Column("sha256", Text, nullable=False, unique=True),
    Column("created_at", DateTime(timezone=True), nullable=False, server_default=_NOW),
    Column("revoked_at", DateTime(timezone=True)),
    Index("ix_api_key_department", "department"),
)

item = Table(
    "item",
    metadata,
    Column("item_id", Uuid, primary_key=True),
    Column("department", Text, ForeignKey("catalog.department.code"), nullable=False),
    Column("source_id", Text, nullable=False),
    Column("version", Integer, nullable=False),
    Column("state", Text, nullable=False),
    Column("content_sha256", Text, nullable=False),
    Column("sourceversion", BigInteger),
    Column("url", Text, nullable=False, unique=True),
    Column("index_number", Text),
    Column("first_published_on", Date),
    Column("published_at", DateTime(timezone=True), nullable=False),
    Column("updated_at", DateTime(timezone=True), nullable=False),
    Column("notice_version", Integer, nullable=False),
    Column("notice_note", Text),
    Column("history", JSONB, nullable=False),
    Column("outbox_id", BigInteger, ForeignKey("catalog.outbox.outbox_id"), nullable=False),
    Column("opens_at", DateTime(timezone=True)),
    Column("closes_at", DateTime(timezone=True)),
    Column("expires_on", Date),
    Column("declared", Text),  # the validity that the department itself says
    Column("remove_after", DateTime(timezone=True)),
    UniqueConstraint("department", "source_id"),
    CheckConstraint(f"state IN ({_STATES})", name="state"),
    Index("ix_item_outbox_id", "outbox_id"),
    CheckConstraint("version >= 1 AND notice_version BETWEEN 0 AND version", name="version"),
    Index(
        "uq_item_index_number",
        "index_number",
        unique=True,
        postgresql_where=text("index_number IS NOT NULL"),
    ),
    Index(
        "ix_item_remove_after", "remove_after", postgresql_where=text("remove_after IS NOT NULL")
    ),
    Index("ix_item_opens_at", "opens_at", postgresql_where=text("opens_at IS NOT NULL")),
    Index("ix_item_closes_at", "closes_at", postgresql_where=text("closes_at IS NOT NULL")),
)

version = Table(
    "version",
    metadata,
    Column("item_id", Uuid, primary_key=True),
    Column("version", Integer, primary_key=True),
    Column("at", DateTime(timezone=True), nullable=False),
    Column("change", Text, nullable=False),
    Column("sha256", Text, nullable=False),
    Column("outbox_id", BigInteger, ForeignKey("catalog.outbox.outbox_id"), nullable=False),
    Column("by_event", Text),
    Column("review", JSONB),
    Column("attributes", JSONB),  # of the event: its sender's time, extensions that we do not know
    Index("ix_version_outbox_id", "outbox_id"),
    CheckConstraint("change IN ('major', 'minor', 'withdrawal', 'republish')", name="change"),
)

former_number = Table(
    "former_number",
    metadata,
    Column("number", Text, primary_key=True),
    Column("item_id", Uuid, nullable=False),
)
"""Index numbers that an item had before: issued once, they never become another item's."""

receipt = Table(
    "receipt",
    metadata,
    Column("department", Text, primary_key=True),
    Column("event_id", Text, primary_key=True),
    Column("content_sha256", Text, nullable=False),
    Column("outcome", JSONB, nullable=False),
    Column("received_at", DateTime(timezone=True), nullable=False),
)

waiting = Table(
    "waiting",
    metadata,
    Column("waiting_id", BigInteger, Identity(), primary_key=True),
    Column("department", Text, ForeignKey("catalog.department.code"), nullable=False),
    Column("source_id", Text, nullable=False),
    Column("event_id", Text, nullable=False),
    Column("kind", Text, nullable=False),
    Column("because", JSONB, nullable=False, server_default=text("'[]'")),
    Column("event", Text, nullable=False),
    Column("content_sha256", Text, nullable=False),
    Column("sourceversion", BigInteger),
    Column("attributes", JSONB),  # as in `version`
    Column("publish_at", DateTime(timezone=True)),
    Column("received_at", DateTime(timezone=True), nullable=False),
    Column("decision", Text),
    Column("decided_at", DateTime(timezone=True)),
    Column("decided_by", Text),
    Column("reason", Text),
    CheckConstraint("kind IN ('held', 'scheduled')", name="kind"),
    CheckConstraint(
        "decision IN ('approved', 'returned', 'replaced', 'released')", name="decision"
    ),
    CheckConstraint("(decision IS NULL) = (decided_at IS NULL)", name="decision_is_whole"),
    CheckConstraint(
        "decision IS DISTINCT FROM 'approved' OR reason IS NOT NULL", name="release_has_a_reason"
    ),
    CheckConstraint("kind = 'held' OR publish_at IS NOT NULL", name="scheduled_has_a_time"),
    Index(
        "uq_waiting_open",
        "department",
        "source_id",
        unique=True,
        postgresql_where=text("decision IS NULL"),
    ),
    Index(
        "ix_waiting_due",
        "publish_at",
        postgresql_where=text("decision IS NULL AND kind = 'scheduled'"),
    ),
)

serial = Table(
    "serial",
    metadata,
    Column("department", Text, primary_key=True),
    Column("year", Integer, primary_key=True),
    Column("last", BigInteger, nullable=False),
)

blob = Table(
    "blob",
    metadata,
    Column("department", Text, primary_key=True),
    Column("sha256", Text, primary_key=True),
    Column("size", BigInteger, nullable=False),
    Column("media_type", Text),
    Column("findings", JSONB, nullable=False, server_default=text("'[]'")),
    Column("referenced", Boolean, nullable=False, server_default=text("false")),
    Column("uploaded_at", DateTime(timezone=True), nullable=False, server_default=_NOW),
    Index("ix_blob_unreferenced", "uploaded_at", postgresql_where=text("NOT referenced")),
)

visible = Table(
    "visible",
    metadata,
    Column("service", Text, primary_key=True),
    Column("item_id", Uuid, primary_key=True),
    Column("version", Integer, primary_key=True),
    Column("visible_at", DateTime(timezone=True), nullable=False),
)

site_list = Table(
    "site_list",
    metadata,
    Column("key", Text, primary_key=True),
    Column("version", Integer, nullable=False),
    Column("value", JSONB, nullable=False),
    CheckConstraint("key IN ('catalogue', 'vocabulary', 'settings', 'day')", name="key"),
)

relation = Table(
    "relation",
    metadata,
    Column("department", Text, primary_key=True),
    Column("source_id", Text, primary_key=True),
    Column("type", Text, primary_key=True),
    Column("target_department", Text, primary_key=True),
    Column("target_source_id", Text, primary_key=True),
    Column("title", Text, nullable=False),  # of the item that says it
    Column("effective_on", Date),  # from then on it acts; at once without a day
    Column("said_at", DateTime(timezone=True), nullable=False),
    Column("number", BigInteger, Identity(), nullable=False, unique=True),
    Column("decision", Text),  # NULL: the target's owner has not said yet
    Column("decided_at", DateTime(timezone=True)),
    Column("decided_by", Text),
    Column("reason", Text),
    CheckConstraint("type IN ('amends', 'repeals', 'replaces')", name="type"),
    CheckConstraint("decision IN ('own', 'confirmed', 'refused')", name="decision"),
    CheckConstraint("(decision IS NULL) = (decided_at IS NULL)", name="decision_is_whole"),
    Index("ix_relation_target", "target_department", "target_source_id"),
    Index("ix_relation_unconfirmed", "number", postgresql_where=text("decision IS NULL")),
    Index(
        "ix_relation_effective", "effective_on", postgresql_where=text("effective_on IS NOT NULL")
    ),
)
"""What published items do to others: the relations that act on their targets' validity."""

unsettled = Table(
    "unsettled",
    metadata,
    Column("number", BigInteger, Identity(), primary_key=True),
    Column("department", Text, nullable=False),
    Column("source_id", Text, nullable=False),
    Index("ix_unsettled_item", "department", "source_id"),
)
"""Items whose validity has to be looked at again; each note is a row, so that none hides behind one that is settled."""
