"""Begin the notifier's own schema."""

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
        "beginning",
        sa.Column("single", sa.Boolean(), server_default=sa.text("true"), nullable=False),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("key_sha256", sa.LargeBinary(), nullable=True),
        sa.Column("clock", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
        sa.CheckConstraint("single", name=op.f("ck_beginning_one_row")),
        sa.PrimaryKeyConstraint("single", name=op.f("pk_beginning")),
        schema="notifier",
    )
    op.create_table(
        "directory",
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("sequence", sa.BigInteger(), nullable=False),
        sa.Column("epoch", sa.Uuid(), nullable=True),
        sa.Column("state", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.CheckConstraint(
            "key IN ('catalogue', 'settings') OR starts_with(key, 'department:')",
            name=op.f("ck_directory_key"),
        ),
        sa.PrimaryKeyConstraint("key", name=op.f("pk_directory")),
        schema="notifier",
    )
    op.create_table(
        "notice",
        sa.Column("notice_id", sa.Uuid(), nullable=False),
        sa.Column("item_id", sa.Uuid(), nullable=False),
        sa.Column("notice_version", sa.Integer(), nullable=False),
        sa.Column("noticed_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("department", sa.Text(), nullable=False),
        sa.Column("important", sa.Boolean(), nullable=False),
        sa.Column(
            "content", postgresql.JSONB(none_as_null=True, astext_type=sa.Text()), nullable=True
        ),
        sa.Column("first_sent_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint("notice_version >= 1", name=op.f("ck_notice_version")),
        sa.PrimaryKeyConstraint("notice_id", name=op.f("pk_notice")),
        sa.UniqueConstraint(
            "item_id", "notice_version", name=op.f("uq_notice_item_id_notice_version")
        ),
        schema="notifier",
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
        schema="notifier",
    )
    op.create_table(
        "position",
        sa.Column("consumer", sa.Text(), nullable=False),
        sa.Column("epoch", sa.Uuid(), nullable=True),
        sa.Column(
            "seen", postgresql.INT8MULTIRANGE(), server_default=sa.text("'{}'"), nullable=False
        ),
        sa.PrimaryKeyConstraint("consumer", name=op.f("pk_position")),
        schema="notifier",
    )
    op.create_table(
        "shown",
        sa.Column("item_id", sa.Uuid(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("sequence", sa.BigInteger(), nullable=False),
        sa.Column("sha256", sa.Text(), nullable=False),
        sa.Column("since", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("item_id", name=op.f("pk_shown")),
        schema="notifier",
    )
    op.create_table(
        "subscriber",
        sa.Column("subscriber_id", sa.Uuid(), nullable=False),
        sa.Column("address", sa.Text(), nullable=True),
        sa.Column("address_key", sa.Text(), nullable=True),
        sa.Column("token_sha256", sa.LargeBinary(), nullable=True),
        sa.Column("language", sa.Text(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("confirmed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("left_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("left_because", sa.Text(), nullable=True),
        sa.Column("erased_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint(
            "language IN ('zh-Hans', 'zh-Hant', 'en')", name=op.f("ck_subscriber_language")
        ),
        sa.CheckConstraint(
            "(address IS NULL) = (address_key IS NULL) AND (address IS NULL) = (token_sha256 IS NULL)",
            name=op.f("ck_subscriber_whole"),
        ),
        sa.CheckConstraint(
            "(address IS NULL) = (erased_at IS NOT NULL)", name=op.f("ck_subscriber_erased")
        ),
        sa.CheckConstraint(
            "(left_at IS NULL) = (left_because IS NULL)", name=op.f("ck_subscriber_left")
        ),
        sa.CheckConstraint(
            "address IS NULL OR length(address) BETWEEN 6 AND 254",
            name=op.f("ck_subscriber_address"),
        ),
        sa.PrimaryKeyConstraint("subscriber_id", name=op.f("pk_subscriber")),
        sa.UniqueConstraint("address_key", name=op.f("uq_subscriber_address_key")),
        sa.UniqueConstraint("token_sha256", name=op.f("uq_subscriber_token_sha256")),
        schema="notifier",
    )
    op.create_table(
        "told",
        sa.Column("item_id", sa.Uuid(), nullable=False),
        sa.Column("notice_version", sa.Integer(), nullable=False),
        sa.Column("noticed_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("sequence", sa.BigInteger(), nullable=False),
        sa.Column("epoch", sa.Uuid(), nullable=True),
        sa.Column("sha256", sa.Text(), nullable=False),
        sa.Column("since", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("notice_version >= 0", name=op.f("ck_told_version")),
        sa.PrimaryKeyConstraint("item_id", name=op.f("pk_told")),
        schema="notifier",
    )
    op.create_table(
        "letter",
        sa.Column("letter_id", sa.Uuid(), nullable=False),
        sa.Column("subscriber_id", sa.Uuid(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("token_sha256", sa.LargeBinary(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("used_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint("kind IN ('confirm', 'link')", name=op.f("ck_letter_kind")),
        sa.CheckConstraint("expires_at > created_at", name=op.f("ck_letter_expires")),
        sa.ForeignKeyConstraint(
            ["subscriber_id"],
            ["notifier.subscriber.subscriber_id"],
            name=op.f("fk_letter_subscriber_id_subscriber"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("letter_id", name=op.f("pk_letter")),
        sa.UniqueConstraint("token_sha256", name=op.f("uq_letter_token_sha256")),
        schema="notifier",
    )
    op.create_index(
        op.f("ix_letter_created_at"), "letter", ["created_at"], unique=False, schema="notifier"
    )
    op.create_index(
        "ix_letter_subscriber",
        "letter",
        ["subscriber_id", "created_at"],
        unique=False,
        schema="notifier",
    )
    op.create_table(
        "subscription",
        sa.Column(
            "subscription_id",
            sa.Uuid(),
            server_default=sa.text("gen_random_uuid()"),
            nullable=False,
        ),
        sa.Column("subscriber_id", sa.Uuid(), nullable=False),
        sa.Column("department", sa.Text(), server_default="", nullable=False),
        sa.Column("catalogue", sa.Text(), server_default="", nullable=False),
        sa.Column("phrase", sa.Text(), server_default="", nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("confirmed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("clock", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
        sa.CheckConstraint(
            "department || catalogue || phrase <> ''", name=op.f("ck_subscription_target")
        ),
        sa.CheckConstraint("length(phrase) <= 60", name=op.f("ck_subscription_phrase")),
        sa.ForeignKeyConstraint(
            ["subscriber_id"],
            ["notifier.subscriber.subscriber_id"],
            name=op.f("fk_subscription_subscriber_id_subscriber"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("subscription_id", name=op.f("pk_subscription")),
        schema="notifier",
    )
    op.create_index(
        "ix_subscription_clock", "subscription", ["clock"], unique=False, schema="notifier"
    )
    op.create_index(
        "uq_subscription_living",
        "subscription",
        ["subscriber_id", "department", "catalogue", "phrase"],
        unique=True,
        schema="notifier",
        postgresql_where=sa.text("ended_at IS NULL"),
    )
    op.create_table(
        "delivery",
        sa.Column("delivery_id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("notice_id", sa.Uuid(), nullable=True),
        sa.Column("letter_id", sa.Uuid(), nullable=True),
        sa.Column("subscriber_id", sa.Uuid(), nullable=False),
        sa.Column("channel", sa.Text(), server_default="mail", nullable=False),
        sa.Column("because", sa.ARRAY(sa.Uuid()), server_default=sa.text("'{}'"), nullable=False),
        sa.Column("state", sa.Text(), server_default="pending", nullable=False),
        sa.Column("priority", sa.SmallInteger(), server_default=sa.text("1"), nullable=False),
        sa.Column("attempts", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("generation", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("next_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("leased_until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("first_tried_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("sent_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.CheckConstraint(
            "(state = 'sent') = (sent_at IS NOT NULL)", name=op.f("ck_delivery_sent")
        ),
        sa.CheckConstraint("channel IN ('mail')", name=op.f("ck_delivery_channel")),
        sa.CheckConstraint(
            "state <> 'sending' OR leased_until IS NOT NULL", name=op.f("ck_delivery_leased")
        ),
        sa.CheckConstraint(
            "state IN ('pending', 'sending', 'sent', 'unknown', 'deferred', 'failed')",
            name=op.f("ck_delivery_state"),
        ),
        sa.CheckConstraint(
            "state NOT IN ('unknown', 'deferred', 'failed') OR reason IS NOT NULL",
            name=op.f("ck_delivery_reason"),
        ),
        sa.CheckConstraint(
            "(notice_id IS NULL) <> (letter_id IS NULL)", name=op.f("ck_delivery_of_one")
        ),
        sa.CheckConstraint(
            "notice_id IS NULL OR cardinality(because) > 0", name=op.f("ck_delivery_because")
        ),
        sa.ForeignKeyConstraint(
            ["letter_id"],
            ["notifier.letter.letter_id"],
            name=op.f("fk_delivery_letter_id_letter"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["notice_id"], ["notifier.notice.notice_id"], name=op.f("fk_delivery_notice_id_notice")
        ),
        sa.ForeignKeyConstraint(
            ["subscriber_id"],
            ["notifier.subscriber.subscriber_id"],
            name=op.f("fk_delivery_subscriber_id_subscriber"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("delivery_id", name=op.f("pk_delivery")),
        sa.UniqueConstraint("letter_id", "channel", name=op.f("uq_delivery_letter_id_channel")),
        sa.UniqueConstraint(
            "notice_id",
            "subscriber_id",
            "channel",
            name=op.f("uq_delivery_notice_id_subscriber_id_channel"),
        ),
        schema="notifier",
    )
    op.create_index(
        "ix_delivery_sending",
        "delivery",
        ["leased_until"],
        unique=False,
        schema="notifier",
        postgresql_where=sa.text("state = 'sending'"),
    )
    op.create_index(
        "ix_delivery_subscriber", "delivery", ["subscriber_id"], unique=False, schema="notifier"
    )
    op.create_index(
        "ix_delivery_waiting",
        "delivery",
        ["priority", "next_at"],
        unique=False,
        schema="notifier",
        postgresql_where=sa.text("state IN ('pending', 'deferred')"),
    )


def downgrade() -> None:
    op.drop_index(
        "ix_delivery_waiting",
        table_name="delivery",
        schema="notifier",
        postgresql_where=sa.text("state IN ('pending', 'deferred')"),
    )
    op.drop_index("ix_delivery_subscriber", table_name="delivery", schema="notifier")
    op.drop_index(
        "ix_delivery_sending",
        table_name="delivery",
        schema="notifier",
        postgresql_where=sa.text("state = 'sending'"),
    )
    op.drop_table("delivery", schema="notifier")
    op.drop_index(
        "uq_subscription_living",
        table_name="subscription",
        schema="notifier",
        postgresql_where=sa.text("ended_at IS NULL"),
    )
    op.drop_index("ix_subscription_clock", table_name="subscription", schema="notifier")
    op.drop_table("subscription", schema="notifier")
    op.drop_index("ix_letter_subscriber", table_name="letter", schema="notifier")
    op.drop_index(op.f("ix_letter_created_at"), table_name="letter", schema="notifier")
    op.drop_table("letter", schema="notifier")
    op.drop_table("told", schema="notifier")
    op.drop_table("subscriber", schema="notifier")
    op.drop_table("shown", schema="notifier")
    op.drop_table("position", schema="notifier")
    op.drop_table("parked", schema="notifier")
    op.drop_table("notice", schema="notifier")
    op.drop_table("directory", schema="notifier")
    op.drop_table("beginning", schema="notifier")
