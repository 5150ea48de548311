"""Composition root of the notifier: settings → database → bus → postman → HTTP."""

from __future__ import annotations

import asyncio
import os
import secrets
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from pathlib import Path

from fastapi import FastAPI

from services.notifier.actions.begin_telling import begin_telling
from services.notifier.actions.forget_mails import forget_mails
from services.notifier.actions.note_first_sent import FirstSent
from services.notifier.channels import Channel
from services.notifier.channels.folder import FolderChannel
from services.notifier.channels.mail import MailChannel, MailServer
from services.notifier.channels.webhook import WebhookChannel
from services.notifier.courier import Courier
from services.notifier.http import internal, own_page, subscribe, webhook
from services.notifier.http.edge import Notifier, install_refusals, now
from services.notifier.inbox import on_record
from services.notifier.links import Links
from services.notifier.matcher import Matcher
from services.notifier.postman import Postman, mail_from_default
from services.notifier.settings import Settings
from services.notifier.tables import SCHEMA, plumbed
from services.notifier.writer import Writer
from shared.background import background
from shared.bus import Bus, Listener
from shared.db import Database
from shared.events.effects import visible
from shared.feed import RecordFeed
from shared.http import install
from shared.purging import Purger

TEXTS = ("notifier.notice", "notifier.parked")
"""Tables with texts, for a leak."""


def create_app(settings: Settings) -> FastAPI:
    """Return the notifier's app; its lifespan hears the record, sends mail and calls webhooks."""
    links = Links(link_key(settings), settings.site_url + settings.path_prefix)
    db = Database(settings.database_url, SCHEMA, size=6 + settings.mail_workers)
    bus = Bus(settings.nats_url, name="notifier")
    feed = RecordFeed(settings.catalog_url)
    postman = Postman(
        db,
        Writer(links, settings.mail_from or mail_from_default(links), settings.timezone),
        channel_factory(settings),
        now,
        first_sent=lambda first: say_visible(bus, first),
        workers=settings.mail_workers if settings.smtp_url else 1,
    )
    courier = Courier(
        db,
        WebhookChannel.over(settings.outgoing, now),
        links.site_url,
        now,
        first_sent=lambda first: say_visible(bus, first),
    )

    def wake() -> None:
        postman.wake()
        courier.wake()

    listener = Listener(
        bus,
        on_record,
        db,
        plumbed,
        feed=feed,
        resources={"matcher": Matcher(), "timezone": settings.timezone},
        after_commit=wake,
    )

    async def hear() -> None:
        """Hear the record; forms and mails go on while NATS is down."""
        async with bus, listener:
            await asyncio.Event().wait()

    @asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
        async with AsyncExitStack() as stack:
            stack.push_async_callback(db.close)
            stack.push_async_callback(feed.close)
            async with db.sessions.begin() as session:
                await begin_telling(session, links=links, now=now())
            await stack.enter_async_context(postman)
            await stack.enter_async_context(courier)
            await stack.enter_async_context(background(hear, _purger(settings, db).run))
            yield

    app = FastAPI(
        title="Open Gazette: notifier",
        lifespan=lifespan,
        docs_url=None,
        redoc_url=None,
        openapi_url=None,
    )
    install(app)
    install_refusals(app)
    app.state.notifier = Notifier(settings, db, links, postman, courier, listener)
    for resource in (subscribe, webhook, own_page, internal):
        app.include_router(resource.router)
    return app


def _purger(settings: Settings, db: Database) -> Purger:
    """Return what takes a leak out of notices and out of the folder of mails."""
    folder = None if settings.smtp_url else mail_folder(settings)

    async def forget() -> bool:
        async with db.sessions.begin() as session:
            return await forget_mails(session, folder)

    return Purger(db, TEXTS, forget)


def channel_factory(settings: Settings) -> Callable[[], Channel]:
    """Return what opens a worker's channel: the mail server, else the folder."""
    if settings.smtp_url:
        server = MailServer.of(settings.smtp_url)
        return lambda: MailChannel(server)
    folder = mail_folder(settings)
    if folder is None:
        raise ValueError("set GAZETTE_SMTP_URL, or a data folder that mail can be written to")
    return lambda: FolderChannel(folder)


def mail_folder(settings: Settings) -> Path | None:
    """Return where mail goes when there is no mail server."""
    return settings.mail_folder or (settings.data / "mail" if settings.data else None)


def link_key(settings: Settings) -> bytes:
    """Return the key of the secret links: as set, else the one in the data folder, made at the first start."""
    if settings.link_secret:
        return settings.link_secret.get_secret_value().encode()
    if settings.data is None:
        raise ValueError("set GAZETTE_LINK_SECRET: the links in mails are made with it")
    path = settings.data / "notifier.key"
    path.parent.mkdir(parents=True, exist_ok=True)
    with suppress(FileExistsError):
        _make_key(path)
    return path.read_bytes()


def _make_key(path: Path) -> None:
    """Write a new key whole or not at all; an existing one stays."""
    unfinished = path.with_name(f".{path.name}.{os.getpid()}")
    descriptor = os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(secrets.token_urlsafe(48).encode())
        file.flush()
        os.fsync(file.fileno())
    try:
        path.hardlink_to(unfinished)
    finally:
        unfinished.unlink()


async def say_visible(bus: Bus, first: FirstSent) -> None:
    """Tell the catalog that the first mail about a version has left: the last step of its delivery passport."""
    effect = visible(
        "notifier",
        first.item_id,
        first.notice_version,
        department=first.department,
        at=first.at,
        trace=first.trace,
    )
    await bus.say_visible([effect])
