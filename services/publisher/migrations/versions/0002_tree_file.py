"""Files of a tree that is built beside the served one in a bucket."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "tree_file",
        sa.Column("tree_id", sa.Integer(), nullable=False),
        sa.Column("key", sa.Text(collation="C"), nullable=False),
        sa.Column("lists", sa.Boolean(), nullable=False),
        sa.Column("waits", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("tree_id", "key", name=op.f("pk_tree_file")),
        schema="publisher",
    )
    op.create_index(
        "ix_tree_file_waiting",
        "tree_file",
        ["tree_id", "lists", "key"],
        unique=False,
        schema="publisher",
        postgresql_where=sa.text("waits"),
    )


def downgrade() -> None:
    op.drop_index("ix_tree_file_waiting", table_name="tree_file", schema="publisher")
    op.drop_table("tree_file", schema="publisher")
