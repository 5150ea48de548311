"""The first tables."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "bucket",
        sa.Column("department", sa.Text(), nullable=False),
        sa.Column("entry", sa.Text(), nullable=False),
        sa.Column("step", sa.SmallInteger(), nullable=False),
        sa.Column("start", sa.Date(), nullable=False),
        sa.Column("part", sa.Integer(), nullable=False),
        sa.Column("slots", sa.Integer(), nullable=False),
        sa.Column("listed", sa.Integer(), nullable=False),
        sa.Column("sequence", sa.BigInteger(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("from_turn", sa.BigInteger(), nullable=True),
        sa.CheckConstraint(
            "listed BETWEEN 0 AND slots", name=op.f("ck_bucket_listed_within_slots")
        ),
        sa.PrimaryKeyConstraint(
            "department", "entry", "step", "start", "part", name=op.f("pk_bucket")
        ),
        schema="publisher",
    )
    op.create_index(
        "ix_bucket_entry", "bucket", ["entry", "step"], unique=False, schema="publisher"
    )
    op.create_table(
        "department",
        sa.Column("code", sa.Text(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("sequence", sa.BigInteger(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("names", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("parent", sa.Text(), nullable=True),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("code", name=op.f("pk_department")),
        schema="publisher",
    )
    op.create_index(
        "ix_department_parent", "department", ["parent"], unique=False, schema="publisher"
    )
    op.create_table(
        "dirty",
        sa.Column("tree_id", sa.Integer(), nullable=False),
        sa.Column("path", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("args", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("rank", sa.SmallInteger(), nullable=False),
        sa.Column("queued", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column(
            "created_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.Column("tries", sa.SmallInteger(), server_default=sa.text("0"), nullable=False),
        sa.Column("next_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("error", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("tree_id", "path", name=op.f("pk_dirty")),
        schema="publisher",
    )
    op.create_index(
        "ix_dirty_next", "dirty", ["tree_id", "rank", "queued"], unique=False, schema="publisher"
    )
    op.create_table(
        "item",
        sa.Column("item_id", sa.Uuid(), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("department", sa.Text(), nullable=False),
        sa.Column("url", sa.Text(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("sequence", sa.BigInteger(), nullable=False),
        sa.Column("sha256", sa.Text(), nullable=False),
        sa.Column("standing", sa.Text(), nullable=False),
        sa.Column("scopes", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("title", sa.Text(), nullable=True),
        sa.Column("summary", sa.Text(), nullable=True),
        sa.Column("catalogue", sa.Text(), nullable=False),
        sa.Column("genre", sa.Text(), nullable=True),
        sa.Column("language", sa.Text(), nullable=False),
        sa.Column("document_number", sa.Text(), nullable=True),
        sa.Column("validity", sa.Text(), nullable=True),
        sa.Column("on_application", sa.Boolean(), nullable=False),
        sa.Column("urgent", sa.Boolean(), nullable=False),
        sa.Column("attachments", sa.Integer(), nullable=False),
        sa.Column("phone", sa.Text(), nullable=True),
        sa.Column(
            "period", postgresql.JSONB(none_as_null=True, astext_type=sa.Text()), nullable=True
        ),
        sa.Column("opens_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("closes_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("turn", sa.BigInteger(), nullable=False),
        sa.Column("published_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("effective_on", sa.Date(), nullable=True),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("redirect_to", sa.Text(), nullable=True),
        sa.Column("corrected_version", sa.Integer(), nullable=True),
        sa.Column("corrected_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("corrected_year", sa.Integer(), nullable=True),
        sa.Column("correction_note", sa.Text(), nullable=True),
        sa.CheckConstraint(
            "standing IN ('published', 'withdrawn', 'gone', 'redirect', 'vanish')",
            name=op.f("ck_item_standing_known"),
        ),
        sa.CheckConstraint(
            "(corrected_version IS NULL) = (corrected_at IS NULL)",
            name=op.f("ck_item_correction_whole"),
        ),
        sa.CheckConstraint("version >= 1", name=op.f("ck_item_version_counts")),
        sa.PrimaryKeyConstraint("item_id", name=op.f("pk_item")),
        schema="publisher",
    )
    op.create_index(
        "ix_item_closing",
        "item",
        ["closes_at", "item_id"],
        unique=False,
        schema="publisher",
        postgresql_where=sa.text("period IS NOT NULL"),
    )
    op.create_index(
        "ix_item_corrected",
        "item",
        ["corrected_at", "item_id"],
        unique=False,
        schema="publisher",
        postgresql_where=sa.text("corrected_at IS NOT NULL"),
    )
    op.create_index(
        "ix_item_corrected_in",
        "item",
        ["corrected_year", "corrected_at"],
        unique=False,
        schema="publisher",
        postgresql_where=sa.text("corrected_at IS NOT NULL"),
    )
    op.create_index("ix_item_department", "item", ["department"], unique=False, schema="publisher")
    op.create_index(
        "ix_item_redirect_to",
        "item",
        ["redirect_to"],
        unique=False,
        schema="publisher",
        postgresql_where=sa.text("redirect_to IS NOT NULL"),
    )
    op.create_index("ix_item_url", "item", ["url"], unique=False, schema="publisher")
    op.create_index("uq_item_key", "item", ["key"], unique=True, schema="publisher")
    op.create_table(
        "item_version",
        sa.Column("item_id", sa.Uuid(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("sequence", sa.BigInteger(), nullable=False),
        sa.Column("sha256", sa.Text(), nullable=False),
        sa.Column("standing", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("item_id", "version", name=op.f("pk_item_version")),
        schema="publisher",
    )
    op.create_table(
        "link",
        sa.Column("item_id", sa.Uuid(), nullable=False),
        sa.Column("type", sa.Text(), nullable=False),
        sa.Column("target", sa.Text(), nullable=False),
        sa.Column("place", sa.Integer(), nullable=False),
        sa.Column("visible", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.Column("day", sa.Date(), nullable=True),
        sa.Column("turn", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("item_id", "type", "target", name=op.f("pk_link")),
        schema="publisher",
    )
    op.create_index(
        "ix_link_newest",
        "link",
        ["type", "day", "turn"],
        unique=False,
        schema="publisher",
        postgresql_where=sa.text("visible"),
    )
    op.create_index("ix_link_target", "link", ["target", "type"], unique=False, schema="publisher")
    op.create_table(
        "listing",
        sa.Column("item_id", sa.Uuid(), nullable=False),
        sa.Column("scopes", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("turn", sa.BigInteger(), nullable=False),
        sa.Column("sequence", sa.BigInteger(), nullable=False),
        sa.Column("listed", sa.Boolean(), nullable=False),
        sa.Column("corrected_year", sa.Integer(), nullable=True),
        sa.Column("face", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("item_id", name=op.f("pk_listing")),
        schema="publisher",
    )
    op.create_table(
        "member",
        sa.Column("department", sa.Text(), nullable=False),
        sa.Column("entry", sa.Text(), nullable=False),
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("turn", sa.BigInteger(), nullable=False),
        sa.Column("item_id", sa.Uuid(), nullable=False),
        sa.Column("sequence", sa.BigInteger(), nullable=False),
        sa.Column("listed", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint(
            "department", "entry", "day", "turn", "item_id", name=op.f("pk_member")
        ),
        schema="publisher",
    )
    op.create_index(
        "ix_member_changed",
        "member",
        ["department", "entry", "sequence"],
        unique=False,
        schema="publisher",
    )
    op.create_index(
        "ix_member_listed",
        "member",
        ["department", "entry", "day", "turn", "item_id"],
        unique=False,
        schema="publisher",
        postgresql_where=sa.text("listed"),
    )
    op.create_table(
        "parked",
        sa.Column("parked_id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("consumer", sa.Text(), nullable=False),
        sa.Column("event_id", sa.Text(), nullable=True),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("raw", sa.LargeBinary(), nullable=False),
        sa.Column("tries", sa.Integer(), nullable=False),
        sa.Column(
            "parked_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False
        ),
        sa.PrimaryKeyConstraint("parked_id", name=op.f("pk_parked")),
        schema="publisher",
    )
    op.create_table(
        "position",
        sa.Column("consumer", sa.Text(), nullable=False),
        sa.Column("epoch", sa.Uuid(), nullable=True),
        sa.Column(
            "seen", postgresql.INT8MULTIRANGE(), server_default=sa.text("'{}'"), nullable=False
        ),
        sa.PrimaryKeyConstraint("consumer", name=op.f("pk_position")),
        schema="publisher",
    )
    op.create_table(
        "shown",
        sa.Column("item_id", sa.Uuid(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("sequence", sa.BigInteger(), nullable=False),
        sa.Column("sha256", sa.Text(), nullable=False),
        sa.Column("since", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("item_id", name=op.f("pk_shown")),
        schema="publisher",
    )
    op.create_table(
        "site",
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("sequence", sa.BigInteger(), nullable=False),
        sa.Column("value", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.PrimaryKeyConstraint("key", name=op.f("pk_site")),
        schema="publisher",
    )
    op.create_table(
        "tree",
        sa.Column("tree_id", sa.Integer(), nullable=False),
        sa.Column("standing", sa.Text(), nullable=False),
        sa.Column("digest", sa.Text(), nullable=False),
        sa.Column(
            "began_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False
        ),
        sa.CheckConstraint(
            "standing IN ('living', 'frozen', 'building', 'old')",
            name=op.f("ck_tree_standing_known"),
        ),
        sa.PrimaryKeyConstraint("tree_id", name=op.f("pk_tree")),
        schema="publisher",
    )
    op.create_index(
        "uq_tree_building",
        "tree",
        [sa.literal_column("(true)")],
        unique=True,
        schema="publisher",
        postgresql_where=sa.text("standing = 'building'"),
    )
    op.create_index(
        "uq_tree_current",
        "tree",
        [sa.literal_column("(true)")],
        unique=True,
        schema="publisher",
        postgresql_where=sa.text("standing IN ('living', 'frozen')"),
    )
    # ### end Alembic commands ###


def downgrade() -> None:
    op.drop_index(
        "uq_tree_current",
        table_name="tree",
        schema="publisher",
        postgresql_where=sa.text("standing IN ('living', 'frozen')"),
    )
    op.drop_index(
        "uq_tree_building",
        table_name="tree",
        schema="publisher",
        postgresql_where=sa.text("standing = 'building'"),
    )
    op.drop_table("tree", schema="publisher")
    op.drop_table("site", schema="publisher")
    op.drop_table("shown", schema="publisher")
    op.drop_table("position", schema="publisher")
    op.drop_table("parked", schema="publisher")
    op.drop_index(
        "ix_member_listed",
        table_name="member",
        schema="publisher",
        postgresql_where=sa.text("listed"),
    )
    op.drop_index("ix_member_changed", table_name="member", schema="publisher")
    op.drop_table("member", schema="publisher")
    op.drop_table("listing", schema="publisher")
    op.drop_index("ix_link_target", table_name="link", schema="publisher")
    op.drop_index(
        "ix_link_newest", table_name="link", schema="publisher", postgresql_where=sa.text("visible")
    )
    op.drop_table("link", schema="publisher")
    op.drop_table("item_version", schema="publisher")
    op.drop_index("uq_item_key", table_name="item", schema="publisher")
    op.drop_index("ix_item_url", table_name="item", schema="publisher")
    op.drop_index(
        "ix_item_redirect_to",
        table_name="item",
        schema="publisher",
        postgresql_where=sa.text("redirect_to IS NOT NULL"),
    )
    op.drop_index("ix_item_department", table_name="item", schema="publisher")
    op.drop_index(
        "ix_item_corrected_in",
        table_name="item",
        schema="publisher",
        postgresql_where=sa.text("corrected_at IS NOT NULL"),
    )
    op.drop_index(
        "ix_item_corrected",
        table_name="item",
        schema="publisher",
        postgresql_where=sa.text("corrected_at IS NOT NULL"),
    )
    op.drop_index(
        "ix_item_closing",
        table_name="item",
        schema="publisher",
        postgresql_where=sa.text("period IS NOT NULL"),
    )
    op.drop_table("item", schema="publisher")
    op.drop_index("ix_dirty_next", table_name="dirty", schema="publisher")
    op.drop_table("dirty", schema="publisher")
    op.drop_index("ix_department_parent", table_name="department", schema="publisher")
    op.drop_table("department", schema="publisher")
    op.drop_index("ix_bucket_entry", table_name="bucket", schema="publisher")
    op.drop_table("bucket", schema="publisher")
    # ### end Alembic commands ###
