"""Openings and closings are looked for every second: they have indexes, as removals do."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

COLUMNS = ("opens_at", "closes_at")


def upgrade() -> None:
    for column in COLUMNS:
        op.create_index(
            f"ix_item_{column}",
            "item",
            [column],
            unique=False,
            schema="catalog",
            postgresql_where=sa.text(f"{column} IS NOT NULL"),
        )


def downgrade() -> None:
    for column in COLUMNS:
        op.drop_index(
            f"ix_item_{column}",
            table_name="item",
            schema="catalog",
            postgresql_where=sa.text(f"{column} IS NOT NULL"),
        )
