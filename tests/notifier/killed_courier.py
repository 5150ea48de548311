"""A courier in a process of its own, for tests that kill it: address of the database, port allowed, seconds to add to the clock."""

from __future__ import annotations

import asyncio
import ipaddress
import sys
from datetime import UTC, datetime, timedelta

from services.notifier.actions.recover_deliveries import recover_deliveries
from services.notifier.channels.webhook import WebhookChannel
from services.notifier.courier import Courier
from shared.addresses import Rules
from shared.db import Database


async def main(database_url: str, port: int, ahead: float) -> None:
    """Recover as the service does at its start, then deliver until killed."""

    def clock() -> datetime:
        return datetime.now(UTC) + timedelta(seconds=ahead)

    rules = Rules((ipaddress.ip_network("127.0.0.1/32"),), http=True, ports=frozenset({port}))
    db = Database(database_url, "notifier")
    async with db.sessions.begin() as session:
        await recover_deliveries(session, now=clock())
    async with Courier(db, WebhookChannel.over(rules, clock), "https://www.qinghe.example", clock):
        await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], int(sys.argv[2]), float(sys.argv[3])))
