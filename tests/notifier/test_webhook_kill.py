"""kill -9 in the middle of calling receivers."""

from __future__ import annotations

import asyncio
import random
import sys
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path
from uuid import uuid4

import pytest

from services.notifier.actions.claim_webhooks import LEASE
from tests.notifier.hooks import verified
from tests.notifier.house import House, state
from tests.shared.receiver import Received, plain, receiving

ROOT = Path(__file__).resolve().parent.parent.parent
RECEIVERS = 5
MESSAGES = 8


@pytest.mark.parametrize("kills", [2, pytest.param(10, marks=[pytest.mark.slow, pytest.mark.long])])
async def test_a_killed_courier_loses_nothing_and_repeats_only_under_one_id(
    house: House, kills: int
) -> None:
    """Every message arrives; a copy of one that was under way has its id, at most one a receiver and kill."""
    house.now = datetime.now(UTC)
    async with receiving() as receiver:
        for _ in range(RECEIVERS):
            await verified(house, receiver)
        at = datetime.now(UTC)
        history = [{"version": 1, "at": at, "change": "major"}]
        for n in range(MESSAGES):
            await house.hear(state(uuid4(), sequence=n + 1, history=history))

        async def slowly(_: Received, writer: asyncio.StreamWriter) -> None:
            await asyncio.sleep(0.01)
            writer.write(plain(204))
            await writer.drain()

        receiver.answer = slowly
        chance, ahead = random.Random(20261123), 5.0
        for _ in range(kills):
            before = len(receiver.got)
            child = await start(house, receiver.port, ahead)
            async with asyncio.timeout(60):
                while len(receiver.got) < min(before + chance.randint(1, 6), RECEIVERS * MESSAGES):
                    await asyncio.sleep(0.002)
            child.kill()
            await child.wait()
            ahead += LEASE.total_seconds() + 1
        child = await start(house, receiver.port, ahead)
        async with asyncio.timeout(60):
            while set(await house.states()) != {"sent"}:
                await asyncio.sleep(0.05)
        child.kill()
        await child.wait()
    times = Counter(request.headers["webhook-id"] for request in receiver.got)
    bodies = {(request.headers["webhook-id"], request.body) for request in receiver.got}
    assert len(times) == len(bodies) == RECEIVERS * MESSAGES
    assert len(await house.deliveries()) == RECEIVERS * MESSAGES
    assert sum(times.values()) - len(times) <= RECEIVERS * kills


async def start(house: House, port: int, ahead: float) -> asyncio.subprocess.Process:
    """Start a courier of its own process."""
    words = ["-m", "tests.notifier.killed_courier", house.db.url, str(port), str(ahead)]
    return await asyncio.create_subprocess_exec(sys.executable, *words, cwd=ROOT)
