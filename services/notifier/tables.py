"""The notifier's own schema: who asked for what, what was to be told, and what became of each mail."""

from __future__ import annotations

from sqlalchemy import (
    ARRAY,
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    DateTime,
    ForeignKey,
    Identity,
    Index,
    Integer,
    LargeBinary,
    SmallInteger,
    Table,
    Text,
    UniqueConstraint,
    Uuid,
    func,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB

from shared.db import metadata
from shared.plumbing import plumbing
from shared.purging import purge_table

SCHEMA = "notifier"
meta = metadata(SCHEMA)
plumbed = plumbing(meta)
purge = purge_table(meta)

_CHANNEL = "channel IN ('mail', 'webhook')"
_LANGUAGE = "language IN ('zh-Hans', 'zh-Hant', 'en')"

beginning = Table(
    "beginning",
    meta,
    Column("single", Boolean, primary_key=True, server_default=text("true")),
    Column("started_at", DateTime(timezone=True), nullable=False),
    Column("key_sha256", LargeBinary),
    Column("clock", BigInteger, nullable=False, server_default=text("0")),
    CheckConstraint("single", name="one_row"),
)
"""One row: since when we tell, the fingerprint of the key of our links, and the count of changes to subscriptions."""

told = Table(
    "told",
    meta,
    Column("item_id", Uuid, primary_key=True),
    Column("notice_version", Integer, nullable=False),
    Column("noticed_at", DateTime(timezone=True), nullable=False),
    Column("sequence", BigInteger, nullable=False),
    Column("epoch", Uuid),
    Column("sha256", Text, nullable=False),
    Column("since", DateTime(timezone=True), nullable=False),
    CheckConstraint("notice_version >= 0", name="version"),
)
"""Up to which notice each item counts as told; one row per item, for ever."""

directory = Table(
    "directory",
    meta,
    Column("key", Text, primary_key=True),
    Column("version", Integer, nullable=False),
    Column("sequence", BigInteger, nullable=False),
    Column("epoch", Uuid),
    Column("state", JSONB, nullable=False),
    CheckConstraint(
        "key IN ('catalogue', 'settings') OR starts_with(key, 'department:')", name="key"
    ),
)
"""Names of bodies and entries and the site's own, from the record: `department:<code>`, `catalogue`, `settings`."""

subscriber = Table(
    "subscriber",
    meta,
    Column("subscriber_id", Uuid, primary_key=True),
    Column("channel", Text, nullable=False, server_default="mail"),
    Column("address", Text),
    Column("address_key", Text, unique=True),
    Column("token_sha256", LargeBinary, unique=True),
    Column("language", Text, nullable=False),
    Column("created_at", DateTime(timezone=True), nullable=False),
    Column("confirmed_at", DateTime(timezone=True)),
    Column("left_at", DateTime(timezone=True)),
    Column("left_because", Text),
    Column("erased_at", DateTime(timezone=True)),
    CheckConstraint(_LANGUAGE, name="language"),
    CheckConstraint("(address IS NULL) = (erased_at IS NOT NULL)", name="erased"),
    CheckConstraint(
        "(address IS NULL) = (address_key IS NULL) AND (address IS NULL) = (token_sha256 IS NULL)",
        name="whole",
    ),
    CheckConstraint("(left_at IS NULL) = (left_because IS NULL)", name="left"),
    CheckConstraint(_CHANNEL, name="channel"),
    CheckConstraint(
        "address IS NULL OR length(address) BETWEEN 6 AND 254"
        " OR channel = 'webhook' AND length(address) BETWEEN 6 AND 1000",
        name="address",
    ),
)
"""A person's address, or the URL of a program's webhook (its `address_key` is its id: an URL may be given twice).

Erased 28 days after leaving; the row stays so that no delivery is made twice.
"""

webhook = Table(
    "webhook",
    meta,
    Column(
        "subscriber_id",
        Uuid,
        ForeignKey(subscriber.c.subscriber_id, ondelete="CASCADE"),
        primary_key=True,
    ),
    Column("host", Text, nullable=False, index=True),
    Column("secret", Text, nullable=False),
    Column("earlier_secret", Text),
    Column("earlier_until", DateTime(timezone=True)),
    Column("failures", Integer, nullable=False, server_default=text("0")),
    Column("failing_since", DateTime(timezone=True)),
    Column("next_at", DateTime(timezone=True), nullable=False),
    Column("leased_until", DateTime(timezone=True)),
    CheckConstraint("(earlier_secret IS NULL) = (earlier_until IS NULL)", name="earlier"),
    CheckConstraint("(failures = 0) = (failing_since IS NULL)", name="failing"),
)
"""What a subscriber of the channel `webhook` has besides: its secret, and how its receiver has been doing.

The secret stands here as it is: without it nothing can be signed. It is deleted with the address.
"""

subscription = Table(
    "subscription",
    meta,
    Column("subscription_id", Uuid, primary_key=True, server_default=func.gen_random_uuid()),
    Column(
        "subscriber_id",
        Uuid,
        ForeignKey(subscriber.c.subscriber_id, ondelete="CASCADE"),
        nullable=False,
    ),
    Column("department", Text, nullable=False, server_default=""),
    Column("catalogue", Text, nullable=False, server_default=""),
    Column("phrase", Text, nullable=False, server_default=""),
    Column("created_at", DateTime(timezone=True), nullable=False),
    Column("confirmed_at", DateTime(timezone=True)),
    Column("ended_at", DateTime(timezone=True)),
    Column("clock", BigInteger, nullable=False, server_default=text("0")),
    CheckConstraint("department || catalogue || phrase <> ''", name="target"),
    CheckConstraint("length(phrase) <= 60", name="phrase"),
    Index(
        "uq_subscription_living",
        "subscriber_id",
        "department",
        "catalogue",
        "phrase",
        unique=True,
        postgresql_where=text("ended_at IS NULL"),
    ),
    Index("ix_subscription_clock", "clock"),
)
"""One thing that a subscriber follows; it counts from `confirmed_at` to `ended_at`."""

letter = Table(
    "letter",
    meta,
    Column("letter_id", Uuid, primary_key=True),
    Column(
        "subscriber_id",
        Uuid,
        ForeignKey(subscriber.c.subscriber_id, ondelete="CASCADE"),
        nullable=False,
    ),
    Column("kind", Text, nullable=False),
    Column("token_sha256", LargeBinary, nullable=False, unique=True),
    Column("created_at", DateTime(timezone=True), nullable=False, index=True),
    Column("expires_at", DateTime(timezone=True), nullable=False),
    Column("used_at", DateTime(timezone=True)),
    CheckConstraint("kind IN ('confirm', 'link')", name="kind"),
    CheckConstraint("expires_at > created_at", name="expires"),
    Index("ix_letter_subscriber", "subscriber_id", "created_at"),
)
"""A mail that somebody asked for with a form: please confirm, or the link to one's own page."""

notice = Table(
    "notice",
    meta,
    Column("notice_id", Uuid, primary_key=True),
    Column("item_id", Uuid, nullable=False),
    Column("notice_version", Integer, nullable=False),
    Column("noticed_at", DateTime(timezone=True), nullable=False),
    Column("created_at", DateTime(timezone=True), nullable=False),
    Column("department", Text, nullable=False),
    Column("important", Boolean, nullable=False),
    Column("content", JSONB(none_as_null=True)),
    Column("first_sent_at", DateTime(timezone=True)),
    Column("traceparent", Text),
    UniqueConstraint("item_id", "notice_version"),
    CheckConstraint("notice_version >= 1", name="version"),
)
"""One thing to tell; `content` is emptied by a later withdrawal and when nothing waits for it any more."""

delivery = Table(
    "delivery",
    meta,
    Column("delivery_id", BigInteger, Identity(), primary_key=True),
    Column("notice_id", Uuid, ForeignKey(notice.c.notice_id)),
    Column("letter_id", Uuid, ForeignKey(letter.c.letter_id, ondelete="CASCADE")),
    Column(
        "subscriber_id",
        Uuid,
        ForeignKey(subscriber.c.subscriber_id, ondelete="CASCADE"),
        nullable=False,
    ),
    Column("channel", Text, nullable=False, server_default="mail"),
    Column("because", ARRAY(Uuid), nullable=False, server_default=text("'{}'")),
    Column("state", Text, nullable=False, server_default="pending"),
    Column("priority", SmallInteger, nullable=False, server_default=text("1")),
    Column("attempts", Integer, nullable=False, server_default=text("0")),
    Column("generation", Integer, nullable=False, server_default=text("0")),
    Column("created_at", DateTime(timezone=True), nullable=False),
    Column("next_at", DateTime(timezone=True), nullable=False),
    Column("leased_until", DateTime(timezone=True)),
    Column("first_tried_at", DateTime(timezone=True)),
    Column("sent_at", DateTime(timezone=True)),
    Column("reason", Text),
    UniqueConstraint("notice_id", "subscriber_id", "channel"),
    UniqueConstraint("letter_id", "channel"),
    CheckConstraint("(notice_id IS NULL) <> (letter_id IS NULL)", name="of_one"),
    CheckConstraint(_CHANNEL, name="channel"),
    CheckConstraint(
        "state IN ('pending', 'sending', 'sent', 'unknown', 'deferred', 'failed')", name="state"
    ),
    CheckConstraint("(state = 'sent') = (sent_at IS NOT NULL)", name="sent"),
    CheckConstraint(
        "state NOT IN ('unknown', 'deferred', 'failed') OR reason IS NOT NULL", name="reason"
    ),
    CheckConstraint("state <> 'sending' OR leased_until IS NOT NULL", name="leased"),
    CheckConstraint("notice_id IS NULL OR cardinality(because) > 0", name="because"),
    Index(
        "ix_delivery_waiting",
        "channel",
        "priority",
        "next_at",
        postgresql_where=text("state IN ('pending', 'deferred')"),
    ),
    Index("ix_delivery_sending", "leased_until", postgresql_where=text("state = 'sending'")),
    Index("ix_delivery_subscriber", "subscriber_id"),
)
"""One mail or webhook to one subscriber: at most one per notice, subscriber and channel, ever."""

attempt = Table(
    "attempt",
    meta,
    Column("attempt_id", BigInteger, Identity(), primary_key=True),
    Column(
        "subscriber_id",
        Uuid,
        ForeignKey(subscriber.c.subscriber_id, ondelete="CASCADE"),
        nullable=False,
    ),
    Column("delivery_id", BigInteger, ForeignKey(delivery.c.delivery_id, ondelete="CASCADE")),
    Column("at", DateTime(timezone=True), nullable=False, index=True),
    Column("took_ms", Integer),
    Column("status", SmallInteger),
    Column("reason", Text),
    CheckConstraint("status BETWEEN 100 AND 999", name="status"),
    Index("ix_attempt_subscriber", "subscriber_id", "attempt_id"),
    Index("ix_attempt_delivery", "delivery_id"),
)
"""One call of a webhook; without a delivery it was the question whether the receiver wants to be called.

`reason` says why it failed, in our words: nothing of an answer is kept. Without `took_ms` it is still under way.
"""
