"""Webhooks: subscribers that are programs, their secrets, and the log of calls."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

WAITING = sa.text("state IN ('pending', 'deferred')")


def upgrade() -> None:
    op.add_column(
        "subscriber",
        sa.Column("channel", sa.Text(), server_default="mail", nullable=False),
        schema="notifier",
    )
    op.create_check_constraint(
        op.f("ck_subscriber_channel"),
        "subscriber",
        "channel IN ('mail', 'webhook')",
        schema="notifier",
    )
    op.drop_constraint(op.f("ck_subscriber_address"), "subscriber", schema="notifier")
    op.create_check_constraint(
        op.f("ck_subscriber_address"),
        "subscriber",
        "address IS NULL OR length(address) BETWEEN 6 AND 254"
        " OR channel = 'webhook' AND length(address) BETWEEN 6 AND 1000",
        schema="notifier",
    )
    op.drop_constraint(op.f("ck_delivery_channel"), "delivery", schema="notifier")
    op.create_check_constraint(
        op.f("ck_delivery_channel"), "delivery", "channel IN ('mail', 'webhook')", schema="notifier"
    )
    op.drop_index("ix_delivery_waiting", table_name="delivery", schema="notifier")
    op.create_index(
        "ix_delivery_waiting",
        "delivery",
        ["channel", "priority", "next_at"],
        schema="notifier",
        postgresql_where=WAITING,
    )
    op.create_table(
        "webhook",
        sa.Column("subscriber_id", sa.Uuid(), nullable=False),
        sa.Column("host", sa.Text(), nullable=False),
        sa.Column("secret", sa.Text(), nullable=False),
        sa.Column("earlier_secret", sa.Text(), nullable=True),
        sa.Column("earlier_until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("failures", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("failing_since", sa.DateTime(timezone=True), nullable=True),
        sa.Column("next_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("leased_until", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint(
            "(earlier_secret IS NULL) = (earlier_until IS NULL)", name=op.f("ck_webhook_earlier")
        ),
        sa.CheckConstraint(
            "(failures = 0) = (failing_since IS NULL)", name=op.f("ck_webhook_failing")
        ),
        sa.ForeignKeyConstraint(
            ["subscriber_id"],
            ["notifier.subscriber.subscriber_id"],
            name=op.f("fk_webhook_subscriber_id_subscriber"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("subscriber_id", name=op.f("pk_webhook")),
        schema="notifier",
    )
    op.create_index(op.f("ix_webhook_host"), "webhook", ["host"], schema="notifier")
    op.create_table(
        "attempt",
        sa.Column("attempt_id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("subscriber_id", sa.Uuid(), nullable=False),
        sa.Column("delivery_id", sa.BigInteger(), nullable=True),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("took_ms", sa.Integer(), nullable=True),
        sa.Column("status", sa.SmallInteger(), nullable=True),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.CheckConstraint("status BETWEEN 100 AND 999", name=op.f("ck_attempt_status")),
        sa.ForeignKeyConstraint(
            ["delivery_id"],
            ["notifier.delivery.delivery_id"],
            name=op.f("fk_attempt_delivery_id_delivery"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["subscriber_id"],
            ["notifier.subscriber.subscriber_id"],
            name=op.f("fk_attempt_subscriber_id_subscriber"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("attempt_id", name=op.f("pk_attempt")),
        schema="notifier",
    )
    op.create_index(op.f("ix_attempt_at"), "attempt", ["at"], schema="notifier")
    op.create_index("ix_attempt_delivery", "attempt", ["delivery_id"], schema="notifier")
    op.create_index(
        "ix_attempt_subscriber", "attempt", ["subscriber_id", "attempt_id"], schema="notifier"
    )


def downgrade() -> None:
    op.drop_table("attempt", schema="notifier")
    op.drop_table("webhook", schema="notifier")
    op.execute("DELETE FROM notifier.subscriber WHERE channel = 'webhook'")
    op.drop_index("ix_delivery_waiting", table_name="delivery", schema="notifier")
    op.create_index(
        "ix_delivery_waiting",
        "delivery",
        ["priority", "next_at"],
        schema="notifier",
        postgresql_where=WAITING,
    )
    op.drop_constraint(op.f("ck_delivery_channel"), "delivery", schema="notifier")
    op.create_check_constraint(
        op.f("ck_delivery_channel"), "delivery", "channel IN ('mail')", schema="notifier"
    )
    op.drop_constraint(op.f("ck_subscriber_address"), "subscriber", schema="notifier")
    op.create_check_constraint(
        op.f("ck_subscriber_address"),
        "subscriber",
        "address IS NULL OR length(address) BETWEEN 6 AND 254",
        schema="notifier",
    )
    op.drop_column("subscriber", "channel", schema="notifier")
