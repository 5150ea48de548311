"""A real SMTP server that remembers each message it said 250 to."""

from __future__ import annotations

import asyncio
import re
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from email import message_from_bytes, policy
from typing import Any

from aiosmtpd.smtp import SMTP

NUMBERED = re.compile(r"\w+第\d+号通告")


@dataclass
class Mails:
    """What was taken."""

    taken: list[bytes] = field(default_factory=list)
    url: str = ""

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:  # noqa: N802 - aiosmtpd's name
        """Take the message."""
        self.taken.append(envelope.original_content)
        return "250 2.0.0 OK"

    def told(self) -> Counter[tuple[str, str]]:
        """Return how often each title was mailed to each address."""
        found: Counter[tuple[str, str]] = Counter()
        for raw in self.taken:
            mail = message_from_bytes(raw, policy=policy.default)
            title = NUMBERED.search(str(mail["Subject"]))
            if title:
                found[str(mail["To"]), title[0]] += 1
        return found


@asynccontextmanager
async def mail_server(mails: Mails) -> AsyncIterator[None]:
    """Serve on loopback."""
    loop = asyncio.get_running_loop()
    server = await loop.create_server(
        lambda: SMTP(mails, enable_SMTPUTF8=False, loop=loop), "127.0.0.1", 0
    )
    mails.url = f"smtp://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    try:
        yield
    finally:
        server.close()
        await server.wait_closed()
