"""What is kept: index numbers that an item had before, and what an event's envelope said beside our attributes."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

TABLES = ("version", "waiting")


def upgrade() -> None:
    op.create_table(
        "former_number",
        sa.Column("number", sa.Text(), nullable=False),
        sa.Column("item_id", sa.Uuid(), nullable=False),
        sa.PrimaryKeyConstraint("number", name=op.f("pk_former_number")),
        schema="catalog",
    )
    op.execute(
        "INSERT INTO catalog.former_number (number, item_id) SELECT n.number, n.item_id FROM ("
        "SELECT CAST(o.body AS jsonb) #>> '{data,index_number}' AS number, i.item_id, i.index_number "
        "FROM catalog.item i JOIN catalog.version v USING (item_id) "
        "JOIN catalog.outbox o ON o.outbox_id = v.outbox_id WHERE v.version < i.version AND o.body <> ''"
        ") n WHERE n.number IS NOT NULL AND n.number IS DISTINCT FROM n.index_number ON CONFLICT DO NOTHING"
    )
    for table in TABLES:
        op.add_column(
            table,
            sa.Column("attributes", postgresql.JSONB(astext_type=sa.Text()), nullable=True),
            schema="catalog",
        )
        # a sender's texts: ANALYZE would keep samples of them where no purge comes
        op.execute(f"ALTER TABLE catalog.{table} ALTER COLUMN attributes SET STATISTICS 0")


def downgrade() -> None:
    for table in TABLES:
        op.drop_column(table, "attributes", schema="catalog")
    op.drop_table("former_number", schema="catalog")
