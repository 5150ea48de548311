"""A reader of the demonstration who subscribes as anybody would: form, mail, confirmation."""

from __future__ import annotations

import asyncio
import re
from pathlib import Path

import httpx
import structlog

from services.instance.find import Instance
from services.notifier.channels.folder import newest_mails

log = structlog.get_logger()

_CONFIRM = re.compile(r"/subscription/confirm/[\w.~-]+")
PATIENCE = 30.0


async def subscribe_reader(instance: Instance, address: str, department: str) -> bool:
    """Subscribe *address* to *department* once; False when no confirmation mail came."""
    mails = Path(instance.settings["mail_folder"])
    kept = Path(instance.settings["data"]) / "demo" / "reader"
    if kept.exists():
        return True
    headers = {"Origin": instance.site_url, "Sec-Fetch-Site": "same-origin"}
    async with httpx.AsyncClient(
        base_url=instance.url, headers=headers, timeout=30, trust_env=False
    ) as client:
        form = {"address": address, "department": department}
        answer = await client.post("/subscribe", data=form)
        if answer.status_code >= 400:
            log.warning("reader_not_subscribed", service="demo", status=answer.status_code)
            return False
        for _ in range(int(PATIENCE * 10)):
            found = [
                m
                for mail in await asyncio.to_thread(newest_mails, mails)
                for m in _CONFIRM.findall(mail.text)
            ]
            if found:
                confirmed = await client.post(found[0])
                kept.write_text(address, encoding="utf-8")
                return confirmed.status_code < 400
            await asyncio.sleep(0.1)
    log.warning("no_confirmation_mail", service="demo")
    return False
