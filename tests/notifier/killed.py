"""A postman in a process of its own, for tests that kill it: address of the database, of SMTP, seconds to add to the clock."""

from __future__ import annotations

import asyncio
import sys
from datetime import UTC, datetime, timedelta

from services.notifier.channels.mail import MailChannel, MailServer
from services.notifier.links import Links
from services.notifier.postman import Postman
from services.notifier.writer import Writer
from shared.db import Database
from tests.notifier.house import KEY


async def main(database_url: str, smtp_url: str, ahead: float) -> None:
    """Deliver until killed."""
    server = MailServer.of(smtp_url)
    postman = Postman(
        Database(database_url, "notifier"),
        Writer(Links(KEY, "https://www.qinghe.example"), "notices@qinghe.example", "Asia/Shanghai"),
        lambda: MailChannel(server),
        lambda: datetime.now(UTC) + timedelta(seconds=ahead),
        workers=3,
    )
    async with postman:
        await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], sys.argv[2], float(sys.argv[3])))
