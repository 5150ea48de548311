"""Texts that must leave every byte; no samples of texts in the planner's statistics."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

TEXTS = (
    "item.state",
    "item.title",
    "item.summary",
    "item.reason",
    "item.correction_note",
    "item_version.state",
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
        sa.PrimaryKeyConstraint("item_id", "version", name=op.f("pk_purge")),
        schema="publisher",
    )
    op.create_index(
        "ix_purge_due",
        "purge",
        ["noted_at"],
        unique=False,
        schema="publisher",
        postgresql_where=sa.text("done_at IS NULL"),
    )
    for column in TEXTS:
        table, name = column.split(".")
        op.execute(f"ALTER TABLE publisher.{table} ALTER COLUMN {name} SET STATISTICS 0")


def downgrade() -> None:
    op.drop_index(
        "ix_purge_due",
        table_name="purge",
        schema="publisher",
        postgresql_where=sa.text("done_at IS NULL"),
    )
    op.drop_table("purge", schema="publisher")
    for column in TEXTS:
        table, name = column.split(".")
        op.execute(f"ALTER TABLE publisher.{table} ALTER COLUMN {name} SET STATISTICS -1")
