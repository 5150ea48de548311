"""A real SMTP server whose answers are scripted."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from aiosmtpd.smtp import SMTP


@dataclass
class Script:
    """Answers by step; each is used once, then the default takes the mail."""

    rcpt: list[str] = field(default_factory=list)
    data: list[str] = field(default_factory=list)
    """A reply; `drop` takes the message and cuts the connection before any reply."""
    mail: list[str] = field(default_factory=list)
    taken: list[bytes] = field(default_factory=list)
    recipients: list[list[str]] = field(default_factory=list)
    connections: int = 0
    pause: float = 0.0
    """Seconds between taking a message and saying so."""

    async def handle_MAIL(  # noqa: N802 - aiosmtpd's name
        self, server: Any, session: Any, envelope: Any, address: str, options: list[str]
    ) -> str:
        """Answer MAIL FROM."""
        if self.mail:
            return self.mail.pop(0)
        envelope.mail_from = address
        return "250 2.1.0 OK"

    async def handle_RCPT(  # noqa: N802 - aiosmtpd's name
        self, server: Any, session: Any, envelope: Any, address: str, options: list[str]
    ) -> str:
        """Answer RCPT TO."""
        if self.rcpt:
            reply = self.rcpt.pop(0)
            if reply == "drop":
                server.transport.abort()
                return "421 gone"
            return reply.format(address=address)
        envelope.rcpt_tos.append(address)
        return "250 2.1.5 OK"

    async def handle_DATA(  # noqa: N802 - aiosmtpd's name
        self, server: Any, session: Any, envelope: Any
    ) -> str:
        """Answer after the message."""
        reply = self.data.pop(0) if self.data else "250 2.0.0 OK"
        if reply.startswith("250") or reply == "drop":
            self.taken.append(envelope.original_content)
            self.recipients.append(list(envelope.rcpt_tos))
        await asyncio.sleep(self.pause)
        if reply == "drop":
            server.transport.abort()
            await asyncio.sleep(0.05)
            return "421 gone"
        return reply


@asynccontextmanager
async def smtp_server(script: Script) -> AsyncIterator[str]:
    """Serve *script* on loopback; yields the address for `GAZETTE_SMTP_URL`."""
    loop = asyncio.get_running_loop()

    def connection() -> SMTP:
        script.connections += 1
        return SMTP(script, enable_SMTPUTF8=False, loop=loop)

    server = await loop.create_server(connection, "127.0.0.1", 0)
    try:
        yield f"smtp://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    finally:
        server.close()
        await server.wait_closed()
