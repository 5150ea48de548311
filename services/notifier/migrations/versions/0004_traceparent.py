"""What a notice follows from, for the trace of its first mail."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("notice", sa.Column("traceparent", sa.Text(), nullable=True), schema="notifier")


def downgrade() -> None:
    op.drop_column("notice", "traceparent", schema="notifier")
