"""Every note that an item is unsettled is a row of its own: one that hides behind another goes with it unseen."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.drop_constraint("pk_unsettled", "unsettled", schema="catalog")
    number = sa.Column("number", sa.BigInteger(), sa.Identity(), nullable=False)
    op.add_column("unsettled", number, schema="catalog")
    op.create_primary_key("pk_unsettled", "unsettled", ["number"], schema="catalog")
    op.create_index("ix_unsettled_item", "unsettled", ["department", "source_id"], schema="catalog")


def downgrade() -> None:
    op.execute(
        "DELETE FROM catalog.unsettled u USING catalog.unsettled o "
        "WHERE (u.department, u.source_id) = (o.department, o.source_id) AND u.number > o.number"
    )
    op.drop_index("ix_unsettled_item", "unsettled", schema="catalog")
    op.drop_column("unsettled", "number", schema="catalog")
    op.create_primary_key(
        "pk_unsettled", "unsettled", ["department", "source_id"], schema="catalog"
    )
