"""Texts that must leave every byte, and relations that act on their targets."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

TEXTS = (
    "outbox.body",
    "waiting.event",
    "item.history",
    "item.notice_note",
)
"""Columns with texts: ANALYZE would keep samples of them where no purge comes."""


def upgrade() -> None:
    op.create_table(
        "purge",
        sa.Column("item_id", sa.Uuid(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column(
            "noted_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False
        ),
        sa.Column("done_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("files", postgresql.JSONB(astext_type=sa.Text()), nullable=True),
        sa.Column("only_files", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.PrimaryKeyConstraint("item_id", "version", name=op.f("pk_purge")),
        schema="catalog",
    )
    op.create_index(
        "ix_purge_due",
        "purge",
        ["noted_at"],
        unique=False,
        schema="catalog",
        postgresql_where=sa.text("done_at IS NULL"),
    )
    op.create_table(
        "relation",
        sa.Column("department", sa.Text(), nullable=False),
        sa.Column("source_id", sa.Text(), nullable=False),
        sa.Column("type", sa.Text(), nullable=False),
        sa.Column("target_department", sa.Text(), nullable=False),
        sa.Column("target_source_id", sa.Text(), nullable=False),
        sa.Column("title", sa.Text(), nullable=False),
        sa.Column("effective_on", sa.Date(), nullable=True),
        sa.Column("said_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("number", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("decision", sa.Text(), nullable=True),
        sa.Column("decided_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("decided_by", sa.Text(), nullable=True),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.CheckConstraint(
            "decision IN ('own', 'confirmed', 'refused')", name=op.f("ck_relation_decision")
        ),
        sa.CheckConstraint(
            "type IN ('amends', 'repeals', 'replaces')", name=op.f("ck_relation_type")
        ),
        sa.CheckConstraint(
            "(decision IS NULL) = (decided_at IS NULL)", name=op.f("ck_relation_decision_is_whole")
        ),
        sa.PrimaryKeyConstraint(
            "department",
            "source_id",
            "type",
            "target_department",
            "target_source_id",
            name=op.f("pk_relation"),
        ),
        sa.UniqueConstraint("number", name=op.f("uq_relation_number")),
        schema="catalog",
    )
    op.create_index(
        "ix_relation_effective",
        "relation",
        ["effective_on"],
        unique=False,
        schema="catalog",
        postgresql_where=sa.text("effective_on IS NOT NULL"),
    )
    op.create_index(
        "ix_relation_target",
        "relation",
        ["target_department", "target_source_id"],
        unique=False,
        schema="catalog",
    )
    op.create_index(
        "ix_relation_unconfirmed",
        "relation",
        ["number"],
        unique=False,
        schema="catalog",
        postgresql_where=sa.text("decision IS NULL"),
    )
    op.create_table(
        "unsettled",
        sa.Column("department", sa.Text(), nullable=False),
        sa.Column("source_id", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("department", "source_id", name=op.f("pk_unsettled")),
        schema="catalog",
    )
    op.add_column("item", sa.Column("declared", sa.Text(), nullable=True), schema="catalog")
    for column in TEXTS:
        table, name = column.split(".")
        op.execute(f"ALTER TABLE catalog.{table} ALTER COLUMN {name} SET STATISTICS 0")
    op.execute("ALTER TABLE catalog.relation ALTER COLUMN title SET STATISTICS 0")


def downgrade() -> None:
    op.drop_column("item", "declared", schema="catalog")
    op.drop_table("unsettled", schema="catalog")
    op.drop_index(
        "ix_relation_unconfirmed",
        table_name="relation",
        schema="catalog",
        postgresql_where=sa.text("decision IS NULL"),
    )
    op.drop_index("ix_relation_target", table_name="relation", schema="catalog")
    op.drop_index(
        "ix_relation_effective",
        table_name="relation",
        schema="catalog",
        postgresql_where=sa.text("effective_on IS NOT NULL"),
    )
    op.drop_table("relation", schema="catalog")
    op.drop_index(
        "ix_purge_due",
        table_name="purge",
        schema="catalog",
        postgresql_where=sa.text("done_at IS NULL"),
    )
    op.drop_table("purge", schema="catalog")
    for column in TEXTS:
        table, name = column.split(".")
        op.execute(f"ALTER TABLE catalog.{table} ALTER COLUMN {name} SET STATISTICS -1")
