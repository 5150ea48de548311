"""The forms that anybody can fill in: subscribe, have one's link mailed, confirm."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Form, Request
from fastapi.responses import Response
from uuid_utils.compat import uuid7

from services.notifier.actions.confirm_subscriptions import confirm_subscriptions
from services.notifier.actions.request_subscription import Wish, request_subscription
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
from services.notifier.queries import Directory, directory_of, letter_of, waiting_of
from services.notifier.rules import (
    NotOurTarget,
    Target,
    as_typed,
    mail_address,
    one_line,
    target,
)
from shared.errors import Refused
from shared.web.dates import Lang
from shared.web.frame import LANGUAGE_PREFIX

router = APIRouter()

Field = Annotated[str, Form(max_length=500)]
FORM_PATHS = ("/subscribe", "/zh-tw/subscribe", "/en/subscribe")


def chosen_target(names: Directory, department: str, catalogue: str, phrase: str) -> Target:
    """Return what a form's fields follow; only bodies and entries that exist."""
    wanted = target(department, catalogue, phrase)
    if wanted.department and wanted.department not in names.departments:
        raise NotOurTarget
    if wanted.catalogue and wanted.catalogue not in names.entries:
        raise NotOurTarget
    return wanted


async def show_form(
    request: Request,
    notifier: Here,
    department: str = "",
    catalogue: str = "",
    q: str = "",
    sent: str = "",
) -> Response:
    """Show the form, its target filled in by the query; after sending, say the same to everybody."""
    lang = frame_of(request)
    async with notifier.db.sessions() as session:
        names = await directory_of(session)
    if sent:
        return page(
            notifier,
            names,
            "message.html",
            lang,
            title="check_mail_title",
            text="check_mail",
            path="/subscribe",
        )
    filled = as_typed(department, catalogue, q)
    return _form(notifier, names, lang, filled)


def _form(
    notifier: Notifier,
    names: Directory,
    lang: Lang,
    filled: Target,
    *,
    address: str = "",
    problem: str = "",
    status: int = 200,
) -> Response:
    return page(
        notifier,
        names,
        "subscribe.html",
        lang,
        status=status,
        filled=filled,
        address=address,
        problem=problem,
        path="/subscribe",
    )


async def take_form(
    request: Request,
    notifier: Here,
    now: Now,
    address: Field = "",
    department: Field = "",
    catalogue: Field = "",
    q: Field = "",
    link: Field = "",
) -> Response:
    """Queue a letter to the address, or say what is wrong with the form; never whether the address is known."""
    lang = frame_of(request)
    async with notifier.db.sessions() as session:
        names = await directory_of(session)
    try:
        wanted = None if link else chosen_target(names, department, catalogue, q)
        wish = Wish(mail_address(address), lang, wanted)
        async with notifier.db.sessions.begin() as session:
            await request_subscription(
                session,
                wish,
                links=notifier.links,
                letters_per_minute=notifier.settings.letters_per_minute,
                ids=(uuid7(), uuid7()),
                now=now,
            )
    except Refused as refusal:
        if not word_of(refusal):
            raise
        filled = as_typed(department, catalogue, q)
        typed = one_line(address, 254)
        answer = _form(
            notifier,
            names,
            lang,
            filled,
            address=typed,
            problem=word_of(refusal),
            status=refusal.status,
        )
        if refusal.status == 503:
            answer.headers["Retry-After"] = "60"
        return answer
    notifier.postman.wake()
    return redirect(notifier, f"{LANGUAGE_PREFIX[lang]}/subscribe?sent=1")


for _path in FORM_PATHS:
    router.add_api_route(_path, show_form, methods=["GET"])
    router.add_api_route(_path, take_form, methods=["POST"], dependencies=[FromHere])


@router.get("/subscription/confirm/{token}")
async def show_confirmation(notifier: Here, now: Now, token: str) -> Response:
    """Show what waits and a button: a mail scanner that opens the link confirms nothing."""
    async with notifier.db.sessions() as session:
        letter = await letter_of(session, token, now)
        names = await directory_of(session)
        waiting = await waiting_of(session, letter.subscriber_id)
    if letter.used or not waiting:
        return redirect(
            notifier, f"/subscription/{notifier.links.page_token(letter.subscriber_id)}"
        )
    return page(notifier, names, "confirm.html", letter.language, waiting=waiting)


@router.post("/subscription/confirm/{token}", dependencies=[FromHere])
async def confirm(
    notifier: Here,
    now: Now,
    token: str,
    chosen: Annotated[list[UUID] | None, Form()] = None,
    form: Field = "",
) -> Response:
    """Let the ticked subscriptions begin (without the page's form: all), then show the person's own page."""
    which = set(chosen or ()) if form else None
    async with notifier.db.sessions.begin() as session:
        letter = await confirm_subscriptions(session, token, which, now=now)
    return redirect(notifier, f"/subscription/{notifier.links.page_token(letter.subscriber_id)}")
