"""Named places at which a test can make this process fail, and defences that a test can take away.

Off, and next to free (one comparison), unless the process was started with `GAZETTE_FAILPOINTS`:

    relay.sent=kill@3                third hit: kill -9 ourselves
    bus.committed:search=raise@p0.1  of the listener `search`: one hit in ten fails, by `seed=…`
    bus.handled=sleep 2@1+           every hit from the first on takes two seconds
    without=late_ack,feed            these defences are away (control runs: the test must see the loss)

Parts are joined by `;`. A name that is not in `POINTS` or `DEFENCES` ends the process at its start.
"""

from __future__ import annotations

import asyncio
import os
import random
import re
import signal
import time
from dataclasses import dataclass, field

VARIABLE = "GAZETTE_FAILPOINTS"

POINTS = frozenset(
    # the catalog
    "intake.received intake.loaded intake.written intake.moved events.judged events.committed "
    "release.judged blob.received blob.settled blob.noted "
    # the relay
    "relay.numbered relay.begun relay.half relay.sent relay.marked "
    # every listener
    "bus.received bus.handled bus.noted bus.committed bus.acked bus.parked feed.read feed.handled feed.marked "
    # the publisher
    "render.locked render.drawn render.settled render.shown render.committed "
    "store.drafted store.synced store.renamed tree.begun tree.switching tree.served "
    # search
    "index.added index.committed index.noted rebuild.filled "
    # the notifier
    "mail.queued mail.claimed mail.begun mail.sent mail.marked call.begun call.answered call.finished".split()
)
"""Every place there is; most names say what has just been done."""

DEFENCES = frozenset("late_ack feed begun_before_sent".split())
"""What a control run can take away.

`late_ack`: events are acked after the commit; `feed`: what JetStream lost is read from the record feed;
`begun_before_sent`: a mail is noted as under way before it is handed over.
"""

_PART = re.compile(
    r"(?P<point>[a-z.]+)(:(?P<who>[a-z-]+))?=(?P<action>kill|raise|sleep (?P<seconds>[\d.]+))"
    r"(@(?P<when>\d+\+?|p[\d.]+))?"
)


class Failed(Exception):
    """A failpoint was told to raise."""


@dataclass
class _Rule:
    action: str
    seconds: float
    when: str
    chance: random.Random
    hits: int = 0

    def fires(self) -> bool:
        """Count a hit, and say whether it is one to act on."""
        self.hits += 1
        if not self.when:
            return True
        if self.when.startswith("p"):
            return self.chance.random() < float(self.when[1:])
        if self.when.endswith("+"):
            return self.hits >= int(self.when[:-1])
        return self.hits == int(self.when)


@dataclass
class Plan:
    """What `GAZETTE_FAILPOINTS` says."""

    rules: dict[str, _Rule] = field(default_factory=dict)
    without: frozenset[str] = frozenset()

    @classmethod
    def read(cls, text: str) -> Plan:
        """Read the variable; raises `ValueError` that names the part which is wrong."""
        plan, seed = cls(), 0
        for part in filter(None, map(str.strip, text.split(";"))):
            name, _, value = part.partition("=")
            if name == "seed":
                seed = int(value)
            elif name == "without":
                plan.without = frozenset(value.split(","))
            else:
                plan._add(part, seed)
        if unknown := plan.without - DEFENCES:
            raise ValueError(f"{VARIABLE}: no such defence: {', '.join(sorted(unknown))}")
        return plan

    def _add(self, part: str, seed: int) -> None:
        found = _PART.fullmatch(part)
        if found is None or found["point"] not in POINTS:
            raise ValueError(f"{VARIABLE}: cannot be read, or no such place: {part}")
        key = found["point"] + (f":{found['who']}" if found["who"] else "")
        chance = random.Random(f"{seed} {key}")  # noqa: S311 - it shall be foreseeable
        seconds = float(found["seconds"] or 0)
        self.rules[key] = _Rule(found["action"].split()[0], seconds, found["when"] or "", chance)

    def due(self, point: str, who: str) -> float:
        """Kill or raise if that is due; return the seconds to sleep."""
        rule = self.rules.get(f"{point}:{who}") or self.rules.get(point)
        if rule is None or not rule.fires():
            return 0.0
        if rule.action == "kill":
            os.write(2, f"failpoint {point} {who} kill\n".encode())
            os.kill(os.getpid(), signal.SIGKILL)
        if rule.action == "raise":
            raise Failed(point)
        return rule.seconds


_given = os.environ.get(VARIABLE)  # noqa: TID251 - for tests alone; no setting of the product
_plan = Plan.read(_given) if _given else None


def hit(point: str, who: str = "") -> None:
    """Pass a named place in blocking code."""
    if _plan is not None and (seconds := _plan.due(point, who)):
        time.sleep(seconds)


async def reach(point: str, who: str = "") -> None:
    """Pass a named place in a coroutine; a sleep leaves the loop to others."""
    if _plan is not None and (seconds := _plan.due(point, who)):
        await asyncio.sleep(seconds)


def without(defence: str) -> bool:
    """Say whether a control run took this defence away."""
    return _plan is not None and defence in _plan.without
