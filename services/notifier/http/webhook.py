"""Webhooks for people: enter a URL, verify it, see what was sent, send it again, change the secret."""

from __future__ import annotations

import secrets
from collections.abc import Awaitable, Callable

from fastapi import APIRouter, Request
from fastapi.responses import Response
from sqlalchemy.ext.asyncio import AsyncSession
from uuid_utils.compat import uuid7

from services.notifier.actions.add_webhook import NewWebhook, add_webhook
from services.notifier.actions.renew_secret import renew_secret
from services.notifier.actions.send_again import send_again
from services.notifier.http.edge import (
    FromHere,
    Here,
    Notifier,
    Now,
    frame_of,
    page,
    redirect,
    word_of,
)
from services.notifier.http.subscribe import Field, chosen_target
from services.notifier.queries import (
    Directory,
    Person,
    directory_of,
    last_question,
    log_of,
    person_of,
    wanted_by,
    webhook_of,
)
from services.notifier.rules import ERASE_AFTER, LinkNotValid, Target, as_typed, one_line
from services.notifier.webhooks import UrlNotUsable, checked_secret, secret_of
from shared.addresses import AddressRefused, Rules, place_of
from shared.errors import Refused
from shared.web.dates import Lang

router = APIRouter()

FORM_PATHS = ("/subscribe/webhook", "/zh-tw/subscribe/webhook", "/en/subscribe/webhook")


def new_secret() -> str:
    """Return a secret of our own."""
    return secret_of(secrets.token_bytes(32))


def new_webhook(rules: Rules, url: str, secret: str, language: Lang, target: Target) -> NewWebhook:
    """Return what may be stored, or refuse the URL or the secret."""
    try:
        place = place_of(url.strip(), rules)
    except AddressRefused as error:
        raise UrlNotUsable from error
    given = checked_secret(secret) if secret.strip() else new_secret()
    return NewWebhook(place.url, place.host, given, language, target)


# --- the form


async def show_form(
    request: Request, notifier: Here, department: str = "", catalogue: str = "", q: str = ""
) -> Response:
    """Show the form, its target filled in by the query."""
    async with notifier.db.sessions() as session:
        names = await directory_of(session)
    filled = as_typed(department, catalogue, q)
    return _form(notifier, names, frame_of(request), filled)


async def take_form(
    request: Request,
    notifier: Here,
    now: Now,
    url: Field = "",
    secret: Field = "",
    department: Field = "",
    catalogue: Field = "",
    q: Field = "",
) -> Response:
    """Store the webhook and show its own page; nothing is sent to it before it is verified there."""
    lang = frame_of(request)
    person = uuid7()
    async with notifier.db.sessions() as session:
        names = await directory_of(session)
    try:
        wanted = chosen_target(names, department, catalogue, q)
        new = new_webhook(notifier.settings.outgoing, url, secret, lang, wanted)
        async with notifier.db.sessions.begin() as session:
            await add_webhook(session, new, person=person, links=notifier.links, now=now)
    except Refused as refusal:
        if not word_of(refusal):
            raise
        filled = as_typed(department, catalogue, q)
        answer = _form(notifier, names, lang, filled, url=one_line(url, 500), problem=refusal)
        if refusal.status == 503:
            answer.headers["Retry-After"] = "60"
        return answer
    return redirect(notifier, f"/subscription/{notifier.links.page_token(person)}")


def _form(
    notifier: Notifier,
    names: Directory,
    lang: Lang,
    filled: Target,
    *,
    url: str = "",
    problem: Refused | None = None,
) -> Response:
    return page(
        notifier,
        names,
        "webhook_new.html",
        lang,
        status=problem.status if problem else 200,
        filled=filled,
        url_typed=url,
        problem=word_of(problem) if problem else "",
        path="/subscribe/webhook",
    )


for _path in FORM_PATHS:
    router.add_api_route(_path, show_form, methods=["GET"])
    router.add_api_route(_path, take_form, methods=["POST"], dependencies=[FromHere])


# --- its own page, behind the secret link


async def webhook_page(
    notifier: Notifier,
    session: AsyncSession,
    token: str,
    person: Person,
    *,
    problem: Refused | None = None,
) -> Response:
    """Render the page of one webhook: how it stands, what it follows, what was sent."""
    return page(
        notifier,
        await directory_of(session),
        "webhook.html",
        person.language,
        status=problem.status if problem else 200,
        token=token,
        person=person,
        hook=await webhook_of(session, person.subscriber_id),
        asked=await last_question(session, person.subscriber_id),
        followed=await wanted_by(session, person.subscriber_id),
        log=await log_of(session, person.subscriber_id),
        erased_on=person.left_at + ERASE_AFTER if person.left_at else None,
        timezone=notifier.settings.timezone,
        problem=word_of(problem) if problem else "",
    )


async def _do(
    notifier: Notifier, token: str, work: Callable[[Person], Awaitable[object]]
) -> Response:
    """Do something to the webhook behind *token*, then show its page; with what was refused at its head."""
    async with notifier.db.sessions() as session:
        person = await person_of(session, token)
    if person.channel != "webhook":
        raise LinkNotValid
    try:
        await work(person)
    except Refused as refusal:
        if not word_of(refusal):
            raise
        async with notifier.db.sessions() as session:
            person = await person_of(session, token)
            return await webhook_page(notifier, session, token, person, problem=refusal)
    return redirect(notifier, f"/subscription/{token}")


@router.post("/subscription/{token}/verify", dependencies=[FromHere])
async def verify(notifier: Here, token: str) -> Response:
    """Ask the receiver whether it wants to be called; its answer stands on the page afterwards."""

    async def ask(person: Person) -> None:
        await notifier.courier.verify(person.subscriber_id)

    return await _do(notifier, token, ask)


@router.post("/subscription/{token}/secret", dependencies=[FromHere])
async def change_secret(notifier: Here, now: Now, token: str, secret: Field = "") -> Response:
    """Sign with another secret, given or new; for a day with the one before as well."""

    async def renew(person: Person) -> None:
        given = checked_secret(secret) if secret.strip() else new_secret()
        async with notifier.db.sessions.begin() as session:
            await renew_secret(session, person.subscriber_id, given, now=now)

    return await _do(notifier, token, renew)


@router.post("/subscription/{token}/again/{delivery_id}", dependencies=[FromHere])
async def again(notifier: Here, now: Now, token: str, delivery_id: int) -> Response:
    """Send one message again, under the id that it had."""

    async def send(person: Person) -> None:
        async with notifier.db.sessions.begin() as session:
            await send_again(session, person.subscriber_id, delivery_id, now=now)
        notifier.courier.wake()

    return await _do(notifier, token, send)
