"""The named places themselves: each is in the code once, off without the variable, and does as told with it."""

from __future__ import annotations

import re
import signal
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

from shared import failpoints
from shared.failpoints import DEFENCES, POINTS, Failed, Plan

ROOT = Path(__file__).resolve().parents[2]
PASSED = re.compile(r"failpoints\.(?:hit|reach)\(\s*\"([a-z.]+)\"")
ASKED = re.compile(r"failpoints\.without\(\"([a-z_]+)\"\)")


def code() -> str:
    """Return the whole code of services and what they share."""
    files = [path for folder in ("services", "shared") for path in (ROOT / folder).rglob("*.py")]
    return "\n".join(path.read_text(encoding="utf-8") for path in files)


def run(plan: str, body: str) -> subprocess.CompletedProcess[str]:
    """Run *body* in a process with *plan*."""
    return subprocess.run(
        [sys.executable, "-c", f"import asyncio\nfrom shared import failpoints\n{body}"],
        env={failpoints.VARIABLE: plan, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
        timeout=30,
    )


def test_every_named_place_is_in_the_code_once() -> None:
    """There are at least 25 places; none is named twice, forgotten, or unknown."""
    assert len(POINTS) >= 25
    assert Counter(PASSED.findall(code())) == dict.fromkeys(POINTS, 1)


def test_every_defence_that_can_be_taken_away_is_asked_for() -> None:
    """No control run takes away what nobody asks for."""
    assert set(ASKED.findall(code())) == DEFENCES


async def test_without_the_variable_nothing_happens() -> None:
    """Off is off: a place is passed, a defence is there."""
    failpoints.hit("relay.sent")
    await failpoints.reach("relay.sent")
    assert not failpoints.without("feed")


def test_kill_is_signal_nine_at_the_hit_that_was_asked_for() -> None:
    """The third hit kills the process at once, the second does not."""
    done = run(
        "relay.sent=kill@3",
        "for n in (1, 2, 3): print(n, flush=True); failpoints.hit('relay.sent')",
    )
    assert (done.returncode, done.stdout) == (-signal.SIGKILL, "1\n2\n3\n")
    assert done.stderr == "failpoint relay.sent  kill\n"


def test_a_sleep_holds_a_coroutine_and_not_its_loop() -> None:
    """While one coroutine sleeps at a place another goes on."""
    body = (
        "async def slow():\n    await failpoints.reach('bus.handled', 'search'); print('slow')\n"
        "async def quick():\n    print('quick')\n"
        "async def main(): await asyncio.gather(slow(), quick())\nasyncio.run(main())"
    )
    assert run("bus.handled:search=sleep 0.2", body).stdout == "quick\nslow\n"


def test_what_is_said_of_one_listener_holds_for_it_alone() -> None:
    """`point:who` leaves the others alone, and goes before what is said of all."""
    plan = Plan.read("bus.acked:search=raise; without=feed,late_ack")
    assert plan.due("bus.acked", "publisher") == 0
    with pytest.raises(Failed):
        plan.due("bus.acked", "search")
    assert plan.without == {"feed", "late_ack"}


def test_chance_is_the_same_for_the_same_seed() -> None:
    """A run that failed can be run again: one seed, one pattern of hits."""

    def pattern(seed: int) -> list[bool]:
        plan = Plan.read(f"seed={seed}; relay.sent=sleep 1@p0.3")
        return [plan.due("relay.sent", "") > 0 for _ in range(200)]

    assert pattern(7) == pattern(7) != pattern(8)
    assert 30 < sum(pattern(7)) < 90


@pytest.mark.parametrize(
    "wrong", ["relay.sendt=kill", "relay.sent=explode", "relay.sent=kill@x", "without=hope"]
)
def test_a_plan_with_a_mistake_is_refused(wrong: str) -> None:
    """A misspelt place would make a test that cannot fail: the process does not start."""
    with pytest.raises(ValueError, match="GAZETTE_FAILPOINTS"):
        Plan.read(wrong)
    assert run(wrong, "").returncode == 1
