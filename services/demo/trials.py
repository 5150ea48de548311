"""What one can try on the page: each trial is a real push, and its effects are timed as they become visible."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email import message_from_bytes, policy
from pathlib import Path
from typing import Any
from urllib.parse import quote

import httpx
import structlog

from services.demo.county import ZONE, County
from services.instance.compose import Composition
from services.notifier.channels.folder import newest_mails
from services.sender.pushing import PROJECTIONS, Progress
from services.sender.reading import Line
from shared.events import intake
from shared.events.outcomes import Outcome

log = structlog.get_logger()

BODY = "transport"
PATIENCE = 40.0
PAUSE = 10.0
HELD = 1.5
"""Seconds after which an item that is not held would be seen everywhere."""
REVIEWER = "演示"


@dataclass
class Step:
    """One effect, and how long after the push it was there."""

    name: str
    after_ms: float | None = None
    note: str = ""
    link: str = ""


@dataclass
class Trial:
    """One trial, as the page shows it."""

    number: int
    name: str
    title: str
    started_at: datetime
    steps: list[Step] = field(default_factory=list)
    done: bool = False
    failed: str = ""

    def step(
        self, name: str, *, note: str = "", link: str = "", at: datetime | None = None
    ) -> None:
        """Note an effect that is there now, or was at *at*."""
        seconds = ((at or datetime.now(UTC)) - self.started_at).total_seconds()
        self.steps.append(Step(name, max(seconds, 0) * 1000, note, link))
        self.steps.sort(key=lambda step: (step.after_ms is None, step.after_ms))


class Laboratory:
    """Runs the trials of this page; they are forgotten when the demonstration ends, the items stay."""

    def __init__(self, composition: Composition) -> None:
        self._composition = composition
        self.trials: list[Trial] = []
        self._tasks: set[asyncio.Task[None]] = set()
        self._serial = 0

    @property
    def county(self) -> County:
        """The county on this instance."""
        return County(self._composition.instance)

    @property
    def mails(self) -> Path:
        """The folder in which the notifier leaves its mail."""
        return Path(self._composition.instance.settings["mail_folder"])

    def begin(self, kind: str) -> Trial:
        """Start the trial called *kind*; raises `KeyError` for an unknown one."""
        name, work = TRIALS[kind]
        trial = Trial(len(self.trials) + 1, name, "", datetime.now(UTC))
        self.trials.append(trial)
        task = asyncio.create_task(self._run(trial, work))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return trial

    async def _run(
        self, trial: Trial, work: Callable[[Laboratory, Trial], Awaitable[None]]
    ) -> None:
        try:
            await work(self, trial)
        except Exception as error:
            log.exception("trial_failed", service="demo")
            trial.failed = f"{type(error).__name__}: {error}"
        finally:
            trial.done = True

    def fresh(self) -> str:
        """Return the source id of a new item of the trials."""
        self._serial += 1
        return f"demo/{datetime.now(UTC):%Y%m%d%H%M%S}-{self._serial}"

    def newest(self) -> str | None:
        """Return the source id of the newest item that a trial pushed, or None."""
        return self._last

    _last: str | None = None

    async def push(
        self, trial: Trial, source_id: str, data: dict[str, Any], *, kind: str = intake.PUBLISHED
    ) -> Outcome:
        """Push one item as the transport bureau and note receipt and outcome."""
        trial.started_at = datetime.now(UTC)
        line = Line(source_id, kind, data)
        result = await self.county.push(BODY, [line], progress=Progress(), visible_within=None)
        _, outcome = result.outcomes[0]
        trial.step(_OUTCOMES[outcome.outcome], note=_because(outcome), link=outcome.url or "")
        if outcome.outcome == "accepted":
            self._last = source_id
        return outcome

    async def follow(
        self, trial: Trial, source_id: str, outcome: Outcome, *, mail: str | None = None
    ) -> None:
        """Note when page, search and mail have the accepted version."""
        instance = self._composition.instance
        waited = {"publisher": "网页已更新", "search": "可以搜到"}
        async with httpx.AsyncClient(base_url=instance.url, timeout=10, trust_env=False) as client:
            deadline = asyncio.get_running_loop().time() + PATIENCE
            while (waited or mail) and asyncio.get_running_loop().time() < deadline:
                await self._look(client, trial, source_id, outcome, waited)
                if mail and (sent := await asyncio.to_thread(self._mail, mail, trial.started_at)):
                    trial.step("邮件已发出", link="/demo/mail", at=sent)
                    mail = None
                await asyncio.sleep(0.02)
        for name in [*waited.values(), *(["邮件已发出"] if mail else [])]:
            trial.steps.append(Step(name, None, "等待超时"))

    async def _look(
        self,
        client: httpx.AsyncClient,
        trial: Trial,
        source_id: str,
        outcome: Outcome,
        waited: dict[str, str],
    ) -> None:
        answer = await client.get(f"/api/items/{BODY}/{source_id}")
        delivery = answer.json().get("delivery", {}) if answer.status_code == 200 else {}
        for service in [name for name in PROJECTIONS if name in waited]:
            seen = [d for d in delivery.get(service, []) if d["version"] >= (outcome.version or 1)]
            if seen:
                link = outcome.url if service == "publisher" else f"/search?q={quote(trial.title)}"
                trial.step(
                    waited.pop(service),
                    link=link or "",
                    at=datetime.fromisoformat(seen[0]["since"]),
                )

    def _mail(self, words: str, since: datetime) -> datetime | None:
        for path in sorted(self.mails.glob("*.eml"), key=lambda p: p.stat().st_mtime, reverse=True)[
            :10
        ]:
            written = datetime.fromtimestamp(path.stat().st_mtime, UTC)
            if written >= since and words in str(
                message_from_bytes(path.read_bytes(), policy=policy.default)["Subject"]
            ):
                return written
        return None

    def count_mails(self, title: str) -> int:
        """Return how many mails of the newest carry *title*; blocking."""
        return sum(title in mail.subject for mail in newest_mails(self.mails))

    async def seen(self, source_id: str, title: str) -> list[str]:
        """Return where an item is to be seen: site, search, mail."""
        url = self._composition.instance.url
        async with httpx.AsyncClient(base_url=url, timeout=10, trust_env=False) as client:
            public = (await client.get(f"/api/items/{BODY}/{source_id}")).status_code != 404
            hits = (await client.get("/api/search", params={"q": title})).json().get("hits", [])
        found = any(hit["source_id"] == source_id for hit in hits)
        mailed = await asyncio.to_thread(self.count_mails, title) > 0
        return [
            w for w, is_there in (("网页", public), ("检索", found), ("邮件", mailed)) if is_there
        ]

    async def pause_search(self) -> None:
        """Stop search for a while."""
        await self._composition.pause("search")

    async def resume_search(self) -> None:
        """Start search again."""
        await self._composition.resume("search")


_OUTCOMES = {
    "accepted": "已收下并公开",
    "held": "已拦下，待审核",
    "scheduled": "已定时",
    "ignored": "已有更新的版本",
    "rejected": "已退回",
}


def _because(outcome: Outcome) -> str:
    words = {"resident_id": "正文含身份证号码", "secrecy_mark": "含密级标志"}
    if outcome.unchanged:
        return "内容未变，不产生新版本"
    return "；".join(
        [words.get(code, code) for code in outcome.held_because]
        + [p.message for p in outcome.problems]
    )


def notice(title: str, until: datetime, *, note: str = "", extra: str = "") -> dict[str, Any]:
    """Return the data of a road notice; it has no period, so that it does not crowd out what is open on the home page."""
    now = datetime.now(ZONE)
    review = {
        "reviewed_by": REVIEWER,
        "reviewed_at": now.isoformat(),
        "confidentiality": {
            "verdict": "cleared",
            "by": REVIEWER,
            "at": now.isoformat(),
            "basis": "演示",
        },
    }
    hour = f"{until.month}月{until.day}日{until:%H:%M}"
    return {
        "title": title,
        "summary": f"因路面抢修，石桥段半幅封闭到{hour}，请绕行新桥路。",
        "body": {
            "format": "markdown",
            "content": f"因路面抢修，S207线石桥段半幅封闭，预计{hour}恢复通行。\n\n"
            f"**绕行：**小型车走新桥路；货车走环城东路。\n\n咨询电话：0551-60030120。{extra}",
        },
        "catalogue": "notice",
        "genre": "announcement",
        "formed_on": now.date().isoformat(),
        "contact": {"office": "公路养护中心", "phone": "0551-60030120"},
        "places": [{"name": "S207线石桥段"}],
        "review": review,
    } | ({"change": "major", "change_note": note} if note else {})


def _title(lab: Laboratory) -> str:
    return f"石桥段路面抢修半幅封闭（演示 {datetime.now(ZONE):%H:%M:%S}-{len(lab.trials)}）"


def _evening() -> datetime:
    return datetime.now(ZONE) + timedelta(hours=6)


_titles: dict[str, str] = {}


async def publish(lab: Laboratory, trial: Trial) -> None:
    """Push an item."""
    source_id, trial.title = lab.fresh(), _title(lab)
    _titles[source_id] = trial.title
    outcome = await lab.push(trial, source_id, notice(trial.title, _evening()))
    await lab.follow(trial, source_id, outcome, mail=trial.title)


async def correct(lab: Laboratory, trial: Trial) -> None:
    """Correct the newest item."""
    source_id = lab.newest()
    if source_id is None:
        await publish(lab, trial)
        source_id = lab.newest() or ""
    trial.title = _titles[source_id]
    until = _evening() + timedelta(hours=2)
    note = f"恢复通行时间由原定推迟两小时，改为{until:%H:%M}。"
    outcome = await lab.push(
        trial, source_id, notice(trial.title, until, note=note), kind=intake.UPDATED
    )
    await lab.follow(trial, source_id, outcome, mail=trial.title)


async def withdraw(lab: Laboratory, trial: Trial) -> None:
    """Withdraw the newest item."""
    source_id = lab.newest()
    if source_id is None:
        await publish(lab, trial)
        source_id = lab.newest() or ""
    trial.title = _titles[source_id]
    data = {"kind": "withdrawn", "reason": "抢修提前完成，通告不再适用。"}
    outcome = await lab.push(trial, source_id, data, kind=intake.WITHDRAWN)
    await lab.follow(trial, source_id, outcome, mail=trial.title)


async def five_times(lab: Laboratory, trial: Trial) -> None:
    """Push the same item five times: one version, one mail."""
    source_id, trial.title = lab.fresh(), _title(lab)
    _titles[source_id] = trial.title
    data = notice(trial.title, _evening())
    outcome = await lab.push(trial, source_id, data)
    began = trial.started_at
    for _ in range(4):
        outcome = await lab.push(trial, source_id, data)
        trial.started_at = began
    await lab.follow(trial, source_id, outcome, mail=trial.title)
    mails = await asyncio.to_thread(lab.count_mails, trial.title)
    trial.step(f"推送五次：{outcome.version} 个版本，{mails} 封邮件")


async def without_search(lab: Laboratory, trial: Trial) -> None:
    """Stop search, push, and start it again: the page does not wait, search catches up."""
    await lab.pause_search()
    source_id, trial.title = lab.fresh(), _title(lab)
    _titles[source_id] = trial.title
    try:
        outcome = await lab.push(trial, source_id, notice(trial.title, _evening()))
        trial.steps.insert(0, Step(f"检索服务停 {PAUSE:.0f} 秒", 0))
        following = asyncio.create_task(lab.follow(trial, source_id, outcome, mail=trial.title))
        await asyncio.sleep(PAUSE)
    finally:
        await lab.resume_search()
    trial.step("检索服务恢复")
    await following


async def with_id_number(lab: Laboratory, trial: Trial) -> None:
    """Push a text with a (made-up, valid) resident ID number: it is held, and nowhere to be seen."""
    source_id, trial.title = lab.fresh(), _title(lab)
    text = "\n\n联系人身份证号：110101190001010014。"
    await lab.push(trial, source_id, notice(trial.title, _evening(), extra=text))
    await asyncio.sleep(HELD)
    seen = await lab.seen(source_id, trial.title)
    if seen:
        trial.step(f"却看得到：{'、'.join(seen)}")
    else:
        trial.step(
            "查过网页、检索、邮件，都没有", note="用 gazette review list 查看，审核后放行或退回"
        )


TRIALS: dict[str, tuple[str, Callable[[Laboratory, Trial], Awaitable[None]]]] = {
    "publish": ("推送一条", publish),
    "correct": ("更正它", correct),
    "withdraw": ("撤回它", withdraw),
    "five": ("同一条推送五次", five_times),
    "without-search": ("停掉检索再推送", without_search),
    "id-number": ("推送含身份证号的一条", with_id_number),
}
