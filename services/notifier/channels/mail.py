"""Mail by SMTP: one connection, kept open from message to message, one recipient per message."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from typing import Literal
from urllib.parse import parse_qs, unquote, urlsplit

from aiosmtplib import SMTP
from aiosmtplib.errors import (
    SMTPAuthenticationError,
    SMTPException,
    SMTPResponseException,
    SMTPServerDisconnected,
    SMTPTimeoutError,
)

from services.notifier.channels import ChannelDown
from services.notifier.rules import Verdict, judged

_TIMEOUT = 60.0
"""Seconds for each reply of the server; the lease of a delivery is longer."""
_LOOPBACK = frozenset({"127.0.0.1", "::1", "localhost"})
_SERVICE_CLOSES = 421


@dataclass(frozen=True)
class MailServer:
    """Where mail goes, as `GAZETTE_SMTP_URL` says."""

    host: str
    port: int
    username: str | None
    password: str | None
    use_tls: bool
    start_tls: bool

    @classmethod
    def of(cls, url: str) -> MailServer:
        """Read `smtp://user:password@host:587` (STARTTLS is required, but not on loopback) or `smtps://…:465`.

        `?starttls=off` is for a relay in the same machine room.
        """
        parts = urlsplit(url)
        if parts.scheme not in ("smtp", "smtps") or not parts.hostname:
            raise ValueError("GAZETTE_SMTP_URL must look like smtp://host:587 or smtps://host:465")
        secure = parts.scheme == "smtps"
        plain = (
            secure
            or parts.hostname in _LOOPBACK
            or parse_qs(parts.query).get("starttls") == ["off"]
        )
        return cls(
            host=parts.hostname,
            port=parts.port or (465 if secure else 587),
            username=unquote(parts.username) if parts.username else None,
            password=unquote(parts.password) if parts.password else None,
            use_tls=secure,
            start_tls=not plain,
        )


class MailChannel:
    """One connection to the mail server; reopened when it breaks."""

    def __init__(self, server: MailServer) -> None:
        self._server = server
        self._smtp: SMTP | None = None

    async def send(self, message: bytes, *, sender: str, to: str, name: str) -> Verdict:  # noqa: ARG002 - the Message-ID names it
        """Send over the open connection; a connection that died while idle is opened once more.

        A break after DATA leaves it `unknown` whether the server took the message: it is not sent again here.
        """
        try:
            return await self._try(message, sender, to)
        except _DiedIdle:
            return await self._try(message, sender, to, fresh=True)

    async def close(self) -> None:
        """Say goodbye, if anybody listens."""
        if self._smtp is not None:
            with suppress(SMTPException, OSError):
                await self._smtp.quit()
            self._forget()

    async def _try(self, message: bytes, sender: str, to: str, *, fresh: bool = False) -> Verdict:
        reused = self._smtp is not None and not fresh
        smtp = await self._connected(fresh=fresh)
        phase: Literal["mail", "rcpt", "data"] = "mail"
        try:
            await smtp.mail(sender)
            phase = "rcpt"
            await smtp.rcpt(to)
            phase = "data"
            reply = await smtp.data(message)
        except SMTPResponseException as error:
            await self._settle(error.code)
            return judged(error.code, error.message, phase)
        except (SMTPException, OSError) as error:
            self._forget()
            return _broken(error, phase, reused=reused)
        return judged(reply.code, reply.message, "data")

    async def _connected(self, *, fresh: bool) -> SMTP:
        if fresh:
            self._forget()
        if self._smtp is not None and self._smtp.is_connected:
            return self._smtp
        server = self._server
        smtp = SMTP(
            hostname=server.host,
            port=server.port,
            username=server.username,
            password=server.password,
            use_tls=server.use_tls,
            start_tls=server.start_tls,
            timeout=_TIMEOUT,
        )
        try:
            await smtp.connect()
        except SMTPAuthenticationError as error:
            raise ChannelDown(f"login refused: {error.code}") from error
        except (SMTPException, OSError) as error:
            raise ChannelDown(type(error).__name__) from error
        self._smtp = smtp
        return smtp

    async def _settle(self, code: int) -> None:
        """Make the connection ready for the next message after a refusal."""
        smtp = self._smtp
        if smtp is None or code == _SERVICE_CLOSES:
            self._forget()
            return
        try:
            await smtp.rset()
        except (SMTPException, OSError):
            self._forget()

    def _forget(self) -> None:
        if self._smtp is not None:
            self._smtp.close()
        self._smtp = None


class _DiedIdle(Exception):
    """The reused connection was gone before the recipient was named."""


def _broken(error: Exception, phase: Literal["mail", "rcpt", "data"], *, reused: bool) -> Verdict:
    lost = isinstance(error, (SMTPServerDisconnected, OSError)) and not isinstance(
        error, SMTPTimeoutError
    )
    if phase == "mail" and reused and lost:
        raise _DiedIdle
    if phase == "data":
        return Verdict("unknown", "connection lost after DATA")
    return Verdict("deferred", "connection lost")
