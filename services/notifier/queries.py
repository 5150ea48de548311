"""Reads for the edges and actions."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from pydantic import TypeAdapter
from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from services.notifier.links import sha256
from services.notifier.matcher import Matcher
from services.notifier.rules import LinkNotValid, Notice, Target
from services.notifier.tables import (
    attempt,
    beginning,
    delivery,
    directory,
    letter,
    notice,
    subscriber,
    subscription,
    told,
    webhook,
)
from services.notifier.words import say
from shared.events.record import CatalogueEntry, DepartmentState, SiteSettings
from shared.web.dates import Lang


async def refresh_matcher(session: AsyncSession, matcher: Matcher) -> None:
    """Bring *matcher* to what is committed: every change of a subscription bumps one clock in its transaction."""
    clock = await session.scalar(select(beginning.c.clock)) or 0
    if clock == matcher.clock:
        return
    rows = (
        await session.execute(
            select(
                subscription.c.subscription_id,
                subscription.c.department,
                subscription.c.catalogue,
                subscription.c.phrase,
                (
                    subscription.c.confirmed_at.is_not(None) & subscription.c.ended_at.is_(None)
                ).label("counts"),
            ).where(subscription.c.clock > matcher.clock)
        )
    ).all()
    await asyncio.to_thread(_apply, matcher, rows)
    matcher.clock = clock


def _apply(matcher: Matcher, rows: Sequence[Any]) -> None:
    for row in rows:
        matcher.drop(row.subscription_id)
    matcher.put_all(
        {r.subscription_id: Target(r.department, r.catalogue, r.phrase) for r in rows if r.counts}
    )


# --- names


@dataclass(frozen=True)
class Directory:
    """The names of bodies and entries, and the site's own settings."""

    departments: Mapping[str, DepartmentState]
    entries: Mapping[str, CatalogueEntry]
    settings: SiteSettings | None

    def label(self, target: Target, lang: Lang) -> str:
        """Return what *target* follows, as its owner reads it."""
        parts = []
        if target.department:
            known = self.departments.get(target.department)
            parts.append(known.names.of(lang) if known else target.department)
        if target.catalogue:
            entry = self.entries.get(target.catalogue)
            parts.append(entry.names.of(lang) if entry else target.catalogue)
        if target.phrase:
            parts.append(say("phrase", lang, phrase=target.phrase))
        return " · ".join(parts)


_ENTRIES = TypeAdapter(list[CatalogueEntry])


async def directory_of(session: AsyncSession) -> Directory:
    """Return all names, bodies in the order of lists."""
    rows = await session.execute(select(directory.c.key, directory.c.state))
    states = dict(rows.all())
    bodies = [
        DepartmentState.model_validate(state)
        for key, state in states.items()
        if key.startswith("department:")
    ]
    bodies.sort(key=lambda body: (body.position, body.code))
    entries = _ENTRIES.validate_python(
        states.get("catalogue", {}).get("value", {}).get("entries", [])
    )
    settings = states.get("settings", {}).get("value")
    return Directory(
        {body.code: body for body in bodies},
        {entry.code: entry for entry in entries},
        SiteSettings.model_validate(settings) if settings else None,
    )


# --- a person's own page


@dataclass(frozen=True)
class Person:
    """A subscriber, without the address; of the channel `webhook` it is a program's."""

    subscriber_id: UUID
    channel: str
    language: Lang
    confirmed_at: datetime | None
    left_at: datetime | None
    left_because: str | None


@dataclass(frozen=True)
class Followed:
    """One subscription."""

    subscription_id: UUID
    target: Target
    confirmed_at: datetime | None


async def person_of(session: AsyncSession, token: str) -> Person:
    """Return whose page *token* opens, or refuse."""
    row = (
        await session.execute(
            select(
                subscriber.c.subscriber_id,
                subscriber.c.channel,
                subscriber.c.language,
                subscriber.c.confirmed_at,
                subscriber.c.left_at,
                subscriber.c.left_because,
            ).where(subscriber.c.token_sha256 == sha256(token))
        )
    ).one_or_none()
    if row is None:
        raise LinkNotValid
    return Person(*row)


async def followed_by(session: AsyncSession, subscriber_id: UUID) -> list[Followed]:
    """Return what a person follows now, oldest first."""
    return [each for each in await _living(session, subscriber_id) if each.confirmed_at]


async def waiting_of(session: AsyncSession, subscriber_id: UUID) -> list[Followed]:
    """Return what was asked for and not confirmed."""
    return [each for each in await _living(session, subscriber_id) if not each.confirmed_at]


async def wanted_by(session: AsyncSession, subscriber_id: UUID) -> list[Followed]:
    """Return what a subscriber asked for, confirmed or not, oldest first."""
    return await _living(session, subscriber_id)


async def _living(session: AsyncSession, subscriber_id: UUID) -> list[Followed]:
    c = subscription.c
    rows = await session.execute(
        select(c.subscription_id, c.department, c.catalogue, c.phrase, c.confirmed_at)
        .where(c.subscriber_id == subscriber_id, c.ended_at.is_(None))
        .order_by(c.created_at, c.subscription_id)
    )
    return [Followed(key, Target(dep, cat, phrase), at) for key, dep, cat, phrase, at in rows]


async def named_in(session: AsyncSession, subscriber_id: UUID, mail: int | None) -> list[Followed]:
    """Return the living subscriptions that one mail to this person was for; without a mail, all."""
    living = await followed_by(session, subscriber_id)
    if mail is None:
        return living
    because = await session.scalar(
        select(delivery.c.because).where(
            delivery.c.delivery_id == mail, delivery.c.subscriber_id == subscriber_id
        )
    )
    return [each for each in living if each.subscription_id in (because or [])]


@dataclass(frozen=True)
class Letter:
    """A letter whose link was opened."""

    letter_id: UUID
    subscriber_id: UUID
    language: Lang
    used: bool


async def letter_of(session: AsyncSession, token: str, now: datetime) -> Letter:
    """Return the confirmation letter that *token* came in, or refuse."""
    row = (
        await session.execute(
            select(
                letter.c.letter_id,
                letter.c.subscriber_id,
                subscriber.c.language,
                letter.c.used_at.is_not(None),
            )
            .join(subscriber, subscriber.c.subscriber_id == letter.c.subscriber_id)
            .where(
                letter.c.token_sha256 == sha256(token),
                letter.c.kind == "confirm",
                letter.c.expires_at > now,
            )
        )
    ).one_or_none()
    if row is None:
        raise LinkNotValid
    return Letter(*row)


# --- a webhook's page


@dataclass(frozen=True)
class Webhook:
    """How a webhook is set, and how its receiver has been doing."""

    url: str
    secret: str
    earlier_until: datetime | None
    failing_since: datetime | None


async def webhook_of(session: AsyncSession, subscriber_id: UUID) -> Webhook:
    """Return a subscriber's webhook."""
    row = await session.execute(
        select(
            subscriber.c.address,
            webhook.c.secret,
            webhook.c.earlier_until,
            webhook.c.failing_since,
        )
        .join(webhook, webhook.c.subscriber_id == subscriber.c.subscriber_id)
        .where(subscriber.c.subscriber_id == subscriber_id)
    )
    return Webhook(*row.one())


@dataclass(frozen=True)
class Tried:
    """One call, or one question; without `took_ms` it is under way or was cut off."""

    at: datetime
    took_ms: int | None
    status: int | None
    reason: str | None


@dataclass(frozen=True)
class Logged:
    """One message and what became of it."""

    delivery_id: int
    state: str
    reason: str | None
    created_at: datetime
    next_at: datetime
    notice: Notice | None
    """What it says; None once its text was withdrawn or is too old."""
    tries: Sequence[Tried]
    """Oldest first."""


async def log_of(session: AsyncSession, subscriber_id: UUID, limit: int = 50) -> list[Logged]:
    """Return a webhook's newest messages, newest first."""
    rows = (
        await session.execute(
            select(
                delivery.c.delivery_id,
                delivery.c.state,
                delivery.c.reason,
                delivery.c.created_at,
                delivery.c.next_at,
                notice.c.content,
            )
            .join(notice, notice.c.notice_id == delivery.c.notice_id)
            .where(delivery.c.subscriber_id == subscriber_id, delivery.c.channel == "webhook")
            .order_by(delivery.c.delivery_id.desc())
            .limit(limit)
        )
    ).all()
    tries = await _tries(session, [row.delivery_id for row in rows])
    return [
        Logged(
            *row[:5],
            Notice.model_validate(row.content) if row.content else None,
            tries.get(row.delivery_id, ()),
        )
        for row in rows
    ]


async def _tries(session: AsyncSession, ids: Sequence[int]) -> Mapping[int, Sequence[Tried]]:
    a = attempt.c
    rows = await session.execute(
        select(a.delivery_id, a.at, a.took_ms, a.status, a.reason)
        .where(a.delivery_id.in_(ids))
        .order_by(a.attempt_id)
    )
    found: dict[int, list[Tried]] = {}
    for key, *rest in rows:
        found.setdefault(key, []).append(Tried(*rest))
    return found


async def last_question(session: AsyncSession, subscriber_id: UUID) -> Tried | None:
    """Return how the last question whether the receiver wants to be called went."""
    a = attempt.c
    row = await session.execute(
        select(a.at, a.took_ms, a.status, a.reason)
        .where(a.subscriber_id == subscriber_id, a.delivery_id.is_(None))
        .order_by(a.attempt_id.desc())
        .limit(1)
    )
    found = row.one_or_none()
    return Tried(*found) if found else None


@dataclass(frozen=True)
class Entered:
    """A webhook in the operator's list."""

    subscriber_id: UUID
    url: str
    confirmed_at: datetime | None
    left_because: str | None
    failing_since: datetime | None
    waiting: int
    sent: int


async def webhooks_entered(session: AsyncSession) -> list[Entered]:
    """Return every webhook whose URL is still kept, oldest first."""
    s = subscriber.c
    count = {
        name: func.count().filter(delivery.c.state.in_(states))
        for name, states in {
            "waiting": ("pending", "deferred", "sending"),
            "sent": ("sent",),
        }.items()
    }
    rows = await session.execute(
        select(
            s.subscriber_id,
            s.address,
            s.confirmed_at,
            s.left_because,
            webhook.c.failing_since,
            count["waiting"],
            count["sent"],
        )
        .join(webhook, webhook.c.subscriber_id == s.subscriber_id)
        .outerjoin(delivery, delivery.c.subscriber_id == s.subscriber_id)
        .where(s.address.is_not(None))
        .group_by(s.subscriber_id, webhook.c.failing_since)
        .order_by(s.created_at, s.subscriber_id)
    )
    return [Entered(*row) for row in rows]


# --- for the operator and `verify`


async def shown_after(
    session: AsyncSession, after: UUID | None, limit: int = 1000
) -> list[dict[str, Any]]:
    """Return up to which notice each item counts as told, in order of item ids."""
    statement = select(told.c.item_id, told.c.notice_version, told.c.sha256, told.c.since)
    if after is not None:
        statement = statement.where(told.c.item_id > after)
    rows = await session.execute(statement.order_by(told.c.item_id).limit(limit))
    return [
        {"item_id": i, "version": version, "sha256": sha, "since": since}
        for i, version, sha, since in rows
    ]


async def deliveries_by_state(session: AsyncSession) -> dict[tuple[str, str], int]:
    """Return how many deliveries of each channel are in each state."""
    kinds = (delivery.c.channel, delivery.c.state)
    rows = await session.execute(select(*kinds, func.count()).group_by(*kinds))
    return {(channel, state): count for channel, state, count in rows}
