"""Texts that must leave every byte of the index."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


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
        schema="search",
    )
    op.create_index(
        "ix_purge_due",
        "purge",
        ["noted_at"],
        unique=False,
        schema="search",
        postgresql_where=sa.text("done_at IS NULL"),
    )


def downgrade() -> None:
    op.drop_index(
        "ix_purge_due",
        table_name="purge",
        schema="search",
        postgresql_where=sa.text("done_at IS NULL"),
    )
    op.drop_table("purge", schema="search")
