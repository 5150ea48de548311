"""A notifier without its edges, and states of the record for it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email import message_from_bytes, policy
from email.message import EmailMessage
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

from sqlalchemy import select

from services.notifier.actions.add_subscription import add_subscription
from services.notifier.channels import Channel
from services.notifier.channels.folder import FolderChannel
from services.notifier.inbox import on_record
from services.notifier.links import Links, sha256
from services.notifier.matcher import Matcher
from services.notifier.postman import Postman
from services.notifier.rules import Target
from services.notifier.tables import delivery, subscriber
from services.notifier.writer import Writer
from shared.db import Database
from shared.events.record import PUBLISHED, UPDATED, WITHDRAWN, ItemState, RecordEvent
from shared.web.dates import Lang

NOON = datetime(2026, 11, 23, 4, 0, tzinfo=UTC)
"""The notifier of these tests began at this instant."""
EPOCH = UUID("00000000-0000-4000-8000-000000000001")
KEY = b"a key for tests, long enough to be one"


def state(item_id: UUID, version: int = 1, **changes: Any) -> ItemState:
    """Return a state whose versions were made one minute apart, from a minute after noon on; all major."""
    at = NOON + timedelta(minutes=version)
    history = [
        {"version": n, "at": NOON + timedelta(minutes=n), "change": "major", "note": None}
        for n in range(1, version + 1)
    ]
    data: dict[str, Any] = {
        "item_id": item_id,
        "source_id": f"s/{item_id}",
        "department": {
            "code": "transport",
            "names": {"zh-Hans": "交通运输局", "en": "Transport Bureau"},
        },
        "version": version,
        "notice_version": version,
        "change": "major",
        "history": history,
        "url": "/transport/2026/12/",
        "published_at": NOON + timedelta(minutes=1),
        "updated_at": at,
        "state": "published",
        "title": "关于S207石桥段封闭施工的公告",
        "summary": "石桥段封闭施工，请绕行县道X012。",
        "body": {"content": "<p>因路面改造，S207石桥段全封闭施工。</p>"},
        "catalogue": "notice",
        "sequence": version,
        "epoch": EPOCH,
    }
    return ItemState.model_validate(data | changes)


def withdrawn(
    item_id: UUID, version: int = 2, kind: str = "withdrawn", **changes: Any
) -> ItemState:
    """Return the tombstone that follows `state(item_id, version - 1)`."""
    before = state(item_id, version)
    history = [entry.model_dump() for entry in before.history]
    history[-1]["change"] = "withdrawal"
    kept = {"title": before.title} if kind == "withdrawn" else {"title": None}
    own = {
        "state": kind,
        "change": "withdrawal",
        "reason": "数据有误",
        "summary": None,
        "body": None,
        "history": history,
    }
    return state(item_id, version, **(own | kept | changes))


def event(data: ItemState) -> RecordEvent:
    """Wrap a state as the relay sends it."""
    kinds = {"published": PUBLISHED if data.version == 1 else UPDATED}
    kind = kinds.get(data.state, WITHDRAWN)
    return RecordEvent.model_validate(
        {
            "id": str(uuid4()),
            "source": "/departments/transport",
            "subject": data.source_id,
            "type": kind,
            "data": data,
            "statesha256": "0" * 64,
        }
    )


@dataclass
class House:
    """One notifier without its edges: a database, a clock that the test moves, and what was mailed."""

    db: Database
    links: Links
    folder: Path
    now: datetime = NOON
    matcher: Matcher = field(default_factory=Matcher)

    async def follow(
        self,
        address: str = "reader@example.org",
        *targets: Target,
        lang: Lang = "zh-Hans",
        at: datetime | None = None,
    ) -> UUID:
        """Let somebody follow *targets* (nothing given: the transport bureau), confirmed at *at* or now."""
        moment = at or self.now
        async with self.db.sessions.begin() as session:
            person = await session.scalar(
                select(subscriber.c.subscriber_id).where(subscriber.c.address == address)
            )
            if person is None:
                person = uuid4()
                row = {
                    "subscriber_id": person,
                    "address": address,
                    "address_key": address,
                    "token_sha256": sha256(self.links.page_token(person)),
                    "language": lang,
                    "created_at": moment,
                }
                await session.execute(subscriber.insert().values(row))
            for target in targets or (Target(department="transport"),):
                await add_subscription(session, person, target, now=moment)
        return person

    async def hear(self, *states: ItemState, matcher: Matcher | None = None) -> None:
        """Hand the handler a batch, as the bus does."""
        async with self.db.sessions.begin() as session:
            events = [event(each) for each in states]
            await on_record(
                events, session, self.now, matcher=matcher or self.matcher, timezone="Asia/Shanghai"
            )

    def postman(self, channel: Channel | None = None, **changes: Any) -> Postman:
        """Return a postman over this house's clock."""
        return Postman(
            self.db,
            Writer(self.links, "notices@qinghe.example", "Asia/Shanghai"),
            lambda: channel or FolderChannel(self.folder),
            lambda: self.now,
            **changes,
        )

    async def deliver(self, channel: Channel | None = None) -> None:
        """Send everything that is due."""
        while await self.postman().deliver_due(channel or FolderChannel(self.folder)):
            pass

    def mails(self) -> list[EmailMessage]:
        """Return the mails in the folder, oldest first."""
        return [read(path.read_bytes()) for path in sorted(self.folder.glob("*.eml"))]

    async def deliveries(self) -> Sequence[Any]:
        """Return all delivery rows, oldest first."""
        async with self.db.sessions() as session:
            return (await session.execute(select(delivery).order_by(delivery.c.delivery_id))).all()

    async def states(self) -> list[str]:
        """Return the states of all deliveries, oldest first."""
        return [row.state for row in await self.deliveries()]

    def pass_time(self, **amount: float) -> None:
        """Move the clock on."""
        self.now += timedelta(**amount)


def read(raw: bytes) -> EmailMessage:
    """Parse a mail as a mail program does; defects fail the test."""
    message = message_from_bytes(raw, policy=policy.default)
    for part in message.walk():
        assert not part.defects
    return message


def text_of(message: EmailMessage) -> str:
    """Return the plain text of a mail."""
    part = message.get_body(("plain",))
    assert part is not None
    return str(part.get_content()).replace("\r\n", "\n")


def html_of(message: EmailMessage) -> str:
    """Return the HTML of a mail."""
    part = message.get_body(("html",))
    assert part is not None
    return str(part.get_content())
