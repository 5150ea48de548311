"""kill -9 in the middle of sending."""

from __future__ import annotations

import asyncio
import random
import sys
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path
from uuid import uuid4

import pytest

from services.notifier.actions.claim_deliveries import LEASE
from tests.notifier.house import House, read, state
from tests.notifier.smtp import Script, smtp_server

ROOT = Path(__file__).resolve().parent.parent.parent
READERS = 60
KILLS = 4


@pytest.mark.slow
@pytest.mark.parametrize("important", [False, True], ids=["ordinary", "important"])
async def test_a_killed_postman_sends_nothing_twice_and_loses_nothing_silently(
    house: House, important: bool
) -> None:
    """Each ordinary mail is taken once at most, each important one at least once, its copies under one Message-ID.

    Every delivery ends in a named state.
    """
    house.now = datetime.now(UTC)
    for n in range(READERS):
        await house.follow(f"reader{n}@example.org")
    history = [{"version": 1, "at": datetime.now(UTC), "change": "major"}]
    item = state(uuid4(), important=important, history=history)
    await house.hear(item)
    script = Script(pause=0.01)
    chance = random.Random(20261123)
    ahead = 0.0
    async with smtp_server(script) as url:
        for _ in range(KILLS):
            before = len(script.taken)
            child = await start(house, url, ahead)
            async with asyncio.timeout(60):
                while len(script.taken) < min(before + chance.randint(2, 9), READERS):
                    await asyncio.sleep(0.002)
            child.kill()
            await child.wait()
            ahead += LEASE.total_seconds() + 61  # leases and the first retry have passed
        child = await start(house, url, ahead)
        async with asyncio.timeout(90):
            while {"pending", "sending", "deferred"} & set(await house.states()):
                await asyncio.sleep(0.05)
        child.kill()
        await child.wait()
    mails = [read(raw) for raw in script.taken]
    ids = {(mail["To"], mail["Message-ID"]) for mail in mails}
    times = Counter(mail["To"] for mail in mails)
    states = Counter(await house.states())
    assert len(ids) == len(times)
    if important:
        assert states == {"sent": READERS}
        assert len(times) == READERS
    else:
        assert set(times.values()) == {1}
        assert states["sent"] + states["unknown"] == READERS
        assert states["unknown"] <= KILLS * 3
        assert len(times) >= states["sent"]


async def start(house: House, smtp_url: str, ahead: float) -> asyncio.subprocess.Process:
    """Start a postman of its own process."""
    return await asyncio.create_subprocess_exec(
        sys.executable, "-m", "tests.notifier.killed", house.db.url, smtp_url, str(ahead), cwd=ROOT
    )
