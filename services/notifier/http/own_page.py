"""A person's own page behind the secret link: see, add, change, leave."""

from __future__ import annotations

from collections.abc import Collection
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Form, Query
from fastapi.responses import Response

from services.notifier.actions.add_subscription import add_subscription
from services.notifier.actions.change_subscription import change_subscription
from services.notifier.actions.remove_subscriptions import remove_subscriptions
from services.notifier.actions.set_language import set_language
from services.notifier.http.edge import FromHere, Here, Notifier, Now, page, redirect, word_of
from services.notifier.http.subscribe import Field, chosen_target
from services.notifier.http.webhook import webhook_page
from services.notifier.queries import Followed, directory_of, followed_by, named_in, person_of
from services.notifier.rules import ERASE_AFTER
from shared.errors import Refused
from shared.web.dates import Lang

router = APIRouter(prefix="/subscription/{token}")

Mail = Annotated[int | None, Query(ge=1, le=2**62)]


async def _mine(notifier: Notifier, token: str, *, problem: Refused | None = None) -> Response:
    async with notifier.db.sessions() as session:
        person = await person_of(session, token)
        names = await directory_of(session)
        if person.channel == "webhook":
            return await webhook_page(notifier, session, token, person, problem=problem)
        followed = await followed_by(session, person.subscriber_id)
    return page(
        notifier,
        names,
        "mine.html",
        person.language,
        status=problem.status if problem else 200,
        token=token,
        person=person,
        followed=followed,
        erased_on=person.left_at + ERASE_AFTER if person.left_at else None,
        problem=word_of(problem) if problem else "",
    )


@router.get("")
async def show_mine(notifier: Here, token: str) -> Response:
    """Show what this person follows."""
    return await _mine(notifier, token)


@router.post("/add", dependencies=[FromHere])
async def add(
    notifier: Here,
    now: Now,
    token: str,
    department: Field = "",
    catalogue: Field = "",
    q: Field = "",
) -> Response:
    """Follow one thing more; who holds the link needs no further letter."""
    try:
        async with notifier.db.sessions.begin() as session:
            person = await person_of(session, token)
            wanted = chosen_target(await directory_of(session), department, catalogue, q)
            await add_subscription(session, person.subscriber_id, wanted, now=now)
    except Refused as refusal:
        if not word_of(refusal):
            raise
        return await _mine(notifier, token, problem=refusal)
    return redirect(notifier, f"/subscription/{token}")


@router.post("/change/{subscription_id}", dependencies=[FromHere])
async def change(
    notifier: Here,
    now: Now,
    token: str,
    subscription_id: UUID,
    department: Field = "",
    catalogue: Field = "",
    q: Field = "",
) -> Response:
    """Let one subscription follow something else from now on."""
    try:
        async with notifier.db.sessions.begin() as session:
            person = await person_of(session, token)
            wanted = chosen_target(await directory_of(session), department, catalogue, q)
            await change_subscription(
                session, person.subscriber_id, subscription_id, wanted, now=now
            )
    except Refused as refusal:
        if not word_of(refusal):
            raise
        return await _mine(notifier, token, problem=refusal)
    return redirect(notifier, f"/subscription/{token}")


@router.post("/remove/{subscription_id}", dependencies=[FromHere])
async def remove(notifier: Here, now: Now, token: str, subscription_id: UUID) -> Response:
    """End one subscription."""
    async with notifier.db.sessions.begin() as session:
        person = await person_of(session, token)
        await remove_subscriptions(session, person.subscriber_id, {subscription_id}, now=now)
    return redirect(notifier, f"/subscription/{token}")


@router.post("/language", dependencies=[FromHere])
async def choose_language(
    notifier: Here, token: str, language: Annotated[Lang, Form()]
) -> Response:
    """Write and show everything in another language."""
    async with notifier.db.sessions.begin() as session:
        person = await person_of(session, token)
        await set_language(session, person.subscriber_id, language)
    return redirect(notifier, f"/subscription/{token}")


@router.get("/unsubscribe")
async def show_leaving(notifier: Here, token: str, mail: Mail = None) -> Response:
    """Ask once before leaving what one mail was for, or everything: a link that is only opened changes nothing."""
    async with notifier.db.sessions() as session:
        person = await person_of(session, token)
        names = await directory_of(session)
        named = await named_in(session, person.subscriber_id, mail)
    if not named:
        return page(notifier, names, "left.html", person.language, token=token, person=person)
    return page(
        notifier,
        names,
        "leave.html",
        person.language,
        token=token,
        person=person,
        named=named,
        mail=mail,
    )


@router.post("/unsubscribe")
async def leave(notifier: Here, now: Now, token: str, mail: Mail = None) -> Response:
    """Leave at once what one mail was for, or everything (RFC 8058: mail programs post this, from anywhere).

    It needs no cookie, no origin and no body; doing it again changes nothing.
    """
    async with notifier.db.sessions.begin() as session:
        person = await person_of(session, token)
        named = await named_in(session, person.subscriber_id, mail)
        await remove_subscriptions(session, person.subscriber_id, _which(named, mail), now=now)
        names = await directory_of(session)
    return page(notifier, names, "left.html", person.language, token=token, person=person)


def _which(named: Collection[Followed], mail: int | None) -> set[UUID] | None:
    return None if mail is None else {each.subscription_id for each in named}
