"""Take mails about a leak out of the folder that they were written to, when there is no mail server."""

from __future__ import annotations

import asyncio
from pathlib import Path

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession


async def forget_mails(session: AsyncSession, folder: Path | None) -> bool:
    """Delete the mails about versions that are to be purged; False while one of them is being handed over."""
    rows = (
        await session.execute(
            text(
                "SELECT d.delivery_id, d.state FROM notifier.purge p "
                "JOIN notifier.notice n ON n.item_id = p.item_id AND n.notice_version <= p.version "
                "JOIN notifier.delivery d ON d.notice_id = n.notice_id WHERE p.done_at IS NULL AND d.channel = 'mail'"
            )
        )
    ).all()
    if any(row.state == "sending" for row in rows):
        return False
    if folder is not None and rows:
        await asyncio.to_thread(_delete, folder, [row.delivery_id for row in rows])
    return True


def _delete(folder: Path, deliveries: list[int]) -> None:
    for number in deliveries:
        for mail in folder.glob(f"{number:010d}-*.eml"):
            mail.unlink(missing_ok=True)
