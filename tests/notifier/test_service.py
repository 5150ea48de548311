"""The whole notifier: forms in, events from a real NATS in, mails out."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import nats
import pytest
from pydantic_core import to_json
from sqlalchemy import select, update

from services.notifier.app import create_app
from services.notifier.channels.folder import StoredMail, newest_mails
from services.notifier.http.edge import Notifier
from services.notifier.settings import Settings
from services.notifier.tables import delivery, letter, subscriber, subscription
from shared.events.effects import VisibleEvent
from shared.events.record import DEPARTMENT, SITE, ItemState
from tests.notifier.house import event, state

SITE_URL = "https://www.qinghe.example"
ADDRESS = "reader@example.org"
TOKEN = "an internal token"


@dataclass
class Service:
    """A running notifier, a browser on it, and the folder that its mails go to."""

    browser: httpx.AsyncClient
    notifier: Notifier
    folder: Path
    nats_url: str

    async def say(self, *events: dict[str, Any]) -> None:
        """Put record events into the stream, as the relay does."""
        connection = await nats.connect(self.nats_url)
        for each in events:
            data = each["data"]
            subject = (
                f"record.{each.get('department', 'transport')}.{data.get('item_id', '_department')}"
            )
            await connection.jetstream().publish(subject, to_json(each), stream="RECORD")
        await connection.close()

    async def publish(self, data: ItemState) -> None:
        """Put one item's state into the stream."""
        await self.say(event(data).model_dump(mode="json", by_alias=True))

    async def mails(self, count: int) -> list[StoredMail]:
        """Wait until the folder holds *count* mails and a moment more; return them, oldest first."""
        async with asyncio.timeout(20):
            while len(newest_mails(self.folder)) < count:
                await asyncio.sleep(0.02)
        await asyncio.sleep(0.3)
        found = list(reversed(newest_mails(self.folder)))
        assert len(found) == count, [mail.subject for mail in found]
        return found

    async def subscribe(self, **fields: str) -> httpx.Response:
        """Send the form as a browser does."""
        return await self.browser.post(
            "/subscribe", data={"address": ADDRESS} | fields, headers={"Origin": SITE_URL}
        )

    async def confirmed(self, **fields: str) -> str:
        """Subscribe, confirm by the mailed link, and return the path of the own page."""
        before = len(newest_mails(self.folder))
        assert (await self.subscribe(**fields)).status_code == 303
        path = link_in((await self.mails(before + 1))[-1].text, "/subscription/confirm/")
        answer = await self.browser.post(path)
        assert answer.status_code == 303
        return answer.headers["location"]


def link_in(text: str, start: str) -> str:
    """Return the first address in *text* that begins with *start*, as a path."""
    found = re.search(re.escape(SITE_URL + start) + r"\S*", text)
    assert found, text
    return found.group().removeprefix(SITE_URL)


def fresh(item: Any = None, **changes: Any) -> ItemState:
    """Return a state that was published a moment from now, after every confirmation."""
    at = datetime.now(UTC) + timedelta(seconds=30)
    history = [{"version": 1, "at": at, "change": "major"}]
    return state(item or uuid4(), published_at=at, updated_at=at, history=history, **changes)


def named(code: str, hans: str, english: str, sequence: int) -> dict[str, Any]:
    """Return the event of a body's names."""
    data = {
        "code": code,
        "version": 1,
        "names": {"zh-Hans": hans, "en": english},
        "sequence": sequence,
    }
    return {
        "id": str(uuid4()),
        "source": f"/departments/{code}",
        "type": DEPARTMENT,
        "data": data,
        "department": code,
    }


def entries(sequence: int) -> dict[str, Any]:
    """Return the event of a catalogue with two entries."""
    codes = {"notice": ("公示公告", "Notices"), "budget": ("财政预算", "Budgets")}
    value = {
        "entries": [
            {"code": code, "names": {"zh-Hans": hans, "en": english}, "frequency": "real_time"}
            for code, (hans, english) in codes.items()
        ]
    }
    data = {"key": "catalogue", "version": 1, "value": value, "sequence": sequence}
    return {
        "id": str(uuid4()),
        "source": "/site",
        "type": SITE,
        "data": data,
        "department": "_site",
    }


@asynccontextmanager
async def running(settings: Settings) -> AsyncIterator[Service]:
    """Run a notifier with *settings*."""
    app = create_app(settings)
    transport = httpx.ASGITransport(app=app)
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(transport=transport, base_url=SITE_URL) as browser,
    ):
        assert settings.data
        yield Service(browser, app.state.notifier, settings.data / "mail", settings.nats_url)


@pytest.fixture
def settings(notifier_database_url: str, empty_nats: str, tmp_path: Path) -> Settings:
    """Return the settings of a notifier without a mail server."""
    return Settings(
        database_url=notifier_database_url,
        nats_url=empty_nats,
        catalog_url="http://127.0.0.1:9",
        site_url=SITE_URL,
        data=tmp_path,
        internal_token=TOKEN,
    )


@pytest.fixture
async def service(settings: Settings) -> AsyncIterator[Service]:
    """Run a notifier that knows two bodies and two entries."""
    async with running(settings) as service:
        await service.say(
            named("transport", "交通运输局", "Transport Bureau", 1),
            named("finance", "财政局", "Finance", 2),
            entries(3),
        )
        async with asyncio.timeout(20):
            while "财政预算" not in (await service.browser.get("/subscribe")).text:
                await asyncio.sleep(0.05)
        yield service


async def test_from_the_form_to_a_notice_to_leaving(service: Service) -> None:
    """Subscribe, confirm, be told of an event from NATS, leave with one click, be told nothing more."""
    page = await service.confirmed(department="transport")
    own = await service.browser.get(page)
    assert "交通运输局" in own.text
    await service.publish(fresh(sequence=10))
    _, notice = await service.mails(2)
    assert notice.subject == "[交通运输局] 关于S207石桥段封闭施工的公告"
    assert "因为订阅了「交通运输局」" in notice.text
    one_click = link_in(notice.text, f"{page}/unsubscribe?mail=")
    answer = await service.browser.post(
        one_click,
        content="List-Unsubscribe=One-Click",
        headers={"Content-Type": "application/x-www-form-urlencoded"},
    )
    assert answer.status_code == 200
    await service.publish(fresh(sequence=11))
    await service.mails(2)
    assert (await service.browser.post(one_click)).status_code == 200


async def test_a_first_mail_is_said_on_the_effects_stream(service: Service) -> None:
    """The catalog learns when the first mail about a version left."""
    await service.confirmed(department="transport")
    item = uuid4()
    trace = f"00-{7:032x}-{8:016x}-01"
    published = event(fresh(item, sequence=10)).model_dump(mode="json", by_alias=True)
    await service.say(published | {"traceparent": trace})
    await service.mails(2)
    connection = await nats.connect(service.nats_url)
    subscription = await connection.jetstream().subscribe(
        "effects.notifier.>", ordered_consumer=True
    )
    message = await subscription.next_msg(timeout=10)
    said = VisibleEvent.model_validate_json(message.data)
    await connection.close()
    assert (said.data.service, said.data.item_id, said.data.version) == ("notifier", item, 1)
    assert said.trace == (message.headers or {})["traceparent"] == trace


async def test_opening_the_link_confirms_nothing(service: Service) -> None:
    """A mail scanner that follows the link with GET or HEAD changes nothing; the button does."""
    await service.subscribe(department="transport")
    (mail,) = await service.mails(1)
    path = link_in(mail.text, "/subscription/confirm/")
    answer = await service.browser.get(path)
    assert answer.status_code == 200
    assert "确认订阅" in answer.text
    await service.browser.head(path)
    async with service.notifier.db.sessions() as session:
        assert await session.scalar(select(subscription.c.confirmed_at)) is None
    assert (await service.browser.post(path)).status_code == 303
    async with service.notifier.db.sessions() as session:
        assert await session.scalar(select(subscription.c.confirmed_at)) is not None


async def test_what_is_unticked_on_the_confirmation_page_is_forgotten(service: Service) -> None:
    """Two wishes wait behind one letter; only the ticked one begins."""
    await service.subscribe(department="transport")
    await service.subscribe(department="finance")
    (mail,) = await service.mails(1)
    path = link_in(mail.text, "/subscription/confirm/")
    page = (await service.browser.get(path)).text
    boxes = re.findall(r'value="([0-9a-f-]{36})" checked> ([^<]+)<', page)
    assert [label.strip() for _, label in boxes] == ["交通运输局", "财政局"]
    answer = await service.browser.post(path, data={"form": "1", "chosen": boxes[1][0]})
    own = (await service.browser.get(answer.headers["location"])).text
    assert "<h2>财政局</h2>" in own
    assert "<h2>交通运输局</h2>" not in own


async def test_unticking_everything_confirms_nothing(service: Service) -> None:
    """Who unticks all and presses the button follows nothing, and is no confirmed subscriber."""
    await service.subscribe(department="transport")
    (mail,) = await service.mails(1)
    answer = await service.browser.post(
        link_in(mail.text, "/subscription/confirm/"), data={"form": "1"}
    )
    assert "现在没有订阅" in (await service.browser.get(answer.headers["location"])).text
    async with service.notifier.db.sessions() as session:
        assert await session.scalar(select(subscriber.c.confirmed_at)) is None


async def test_nobody_can_be_bombed(service: Service) -> None:
    """Twenty requests for one address give one letter in ten minutes."""
    for n in range(20):
        assert (await service.subscribe(q=f"石桥 {n}")).status_code == 303
    await service.mails(1)


async def test_five_letters_a_day_at_most(service: Service) -> None:
    """Whoever waits ten minutes between requests still causes no more than five unanswered letters a day."""
    for n in range(8):
        await service.subscribe(q=f"石桥 {n}")
        async with service.notifier.db.sessions.begin() as session:
            await session.execute(
                update(letter).values(created_at=letter.c.created_at - timedelta(minutes=11))
            )
    await service.mails(5)


async def test_a_rush_is_refused_alike_for_all(settings: Settings) -> None:
    """Over the global rate the form says so before it looks at the address."""
    async with running(settings.model_copy(update={"letters_per_minute": 2})) as service:
        codes = [
            (await service.subscribe(address=f"reader{n}@example.org", q="石桥封闭")).status_code
            for n in range(4)
        ]
    assert codes == [303, 303, 503, 503]


async def test_the_answer_never_says_whether_an_address_is_known(service: Service) -> None:
    """Known, unknown, already following, asking for the link: the same status, headers and page."""
    await service.confirmed(department="transport")
    answers = [
        await service.subscribe(department="transport"),
        await service.subscribe(address="stranger@example.org", department="transport"),
        await service.subscribe(link="1"),
        await service.subscribe(address="nobody@example.org", link="1"),
    ]
    seen = {(answer.status_code, answer.headers["location"], answer.text) for answer in answers}
    assert seen == {(303, "/subscribe?sent=1", "")}
    mails = await service.mails(3)
    assert [(mail.to, "确认" in mail.subject) for mail in mails[1:]] == [
        (ADDRESS, False),
        ("stranger@example.org", True),
    ]


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"address": "reader@example"}, "邮箱地址不正确"),
        ({"address": "a@example.org\r\nBcc: b@example.org"}, "邮箱地址不正确"),
        ({}, "请至少选择部门或事项"),
        ({"q": "路"}, "词语至少要有两个字"),
        ({"department": "nowhere"}, "没有这个部门或事项"),
        ({"catalogue": "'; DROP TABLE"}, "没有这个部门或事项"),
    ],
)
async def test_a_wrong_form_is_answered_with_a_sentence(
    service: Service, fields: dict[str, str], words: str
) -> None:
    """What is wrong stands above the form, what was typed stays in it, nothing is stored."""
    given = {"q": "石桥施工"} | fields if "address" in fields else fields
    answer = await service.subscribe(**given)
    assert answer.status_code == 422
    assert words in answer.text
    if "address" in fields:
        assert "石桥施工" in answer.text
    async with service.notifier.db.sessions() as session:
        assert (await session.execute(select(subscriber))).all() == []


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Origin": "https://evil.example"}, 403),
        ({"Origin": "null"}, 403),
        ({"Sec-Fetch-Site": "cross-site"}, 403),
        ({"Sec-Fetch-Site": "same-site", "Origin": SITE_URL}, 403),
        ({"Sec-Fetch-Site": "same-origin", "Origin": SITE_URL}, 303),
        ({"Origin": SITE_URL}, 303),
        ({"Content-Length": "99999"}, 413),
    ],
)
async def test_forms_come_from_our_own_pages(
    service: Service, headers: dict[str, str], status: int
) -> None:
    """Another site cannot make a reader's browser send our forms, nor anybody a huge one."""
    answer = await service.browser.post(
        "/subscribe", data={"address": ADDRESS, "q": "石桥"}, headers=headers
    )
    assert answer.status_code == status


async def test_the_own_page_lists_changes_and_ends(service: Service) -> None:
    """Add, change the target, change the language, remove one, remove all."""
    page = await service.confirmed(department="transport")
    await service.browser.post(f"{page}/add", data={"q": "石桥 施工"})
    text = (await service.browser.get(page)).text
    assert "<h2>词语：石桥 施工</h2>" in text
    first = re.search(rf"{page}/change/([0-9a-f-]+)", text)
    assert first
    await service.browser.post(
        f"{page}/change/{first[1]}", data={"department": "finance", "catalogue": "budget"}
    )
    await service.browser.post(f"{page}/language", data={"language": "en"})
    text = (await service.browser.get(page)).text
    assert "<h2>Finance · Budgets</h2>" in text
    assert "Transport Bureau</h2>" not in text
    ended = re.findall(rf"{page}/remove/([0-9a-f-]+)", text)
    assert len(ended) == 2
    await service.browser.post(f"{page}/remove/{ended[0]}")
    leaving = await service.browser.get(f"{page}/unsubscribe")
    assert "Unsubscribe" in leaving.text
    await service.browser.post(f"{page}/unsubscribe")
    assert "You follow nothing now." in (await service.browser.get(page)).text


async def test_nobody_ends_what_is_not_theirs(service: Service) -> None:
    """A subscription or mail number of somebody else does nothing under one's own link."""
    mine = await service.confirmed(department="transport")
    theirs = await service.confirmed(address="other@example.org", department="transport")
    foreign = re.search(r"/remove/([0-9a-f-]+)", (await service.browser.get(theirs)).text)
    assert foreign
    await service.browser.post(f"{mine}/remove/{foreign[1]}")
    await service.browser.post(f"{mine}/change/{foreign[1]}", data={"department": "finance"})
    async with service.notifier.db.sessions() as session:
        other = await session.scalar(
            select(delivery.c.delivery_id).order_by(delivery.c.delivery_id.desc())
        )
    await service.browser.post(f"{mine}/unsubscribe", params={"mail": other})
    for page in (mine, theirs):
        assert "<h2>交通运输局</h2>" in (await service.browser.get(page)).text


async def test_a_dead_link_is_explained(service: Service) -> None:
    """An unknown token gives 404 with a way on: a page for readers, a problem for programs."""
    page = await service.browser.get("/subscription/" + "x" * 43, headers={"Accept": "text/html"})
    assert page.status_code == 404
    assert "链接无效" in page.text
    answer = await service.browser.post("/subscription/nothing/unsubscribe")
    assert (answer.status_code, answer.json()["type"]) == (
        404,
        "urn:opengazette:problem:link-not-valid",
    )


async def test_the_form_is_filled_in_by_the_query(service: Service) -> None:
    """Links on the site bring the target with them; hostile values are inert."""
    page = await service.browser.get(
        "/en/subscribe", params={"department": "finance", "q": '"><script>x</script>'}
    )
    assert '<option value="finance" selected>Finance</option>' in page.text
    assert "<script>x" not in page.text
    assert 'lang="en"' in page.text


async def test_pages_are_kept_by_nobody(service: Service) -> None:
    """Secret links are not stored, indexed, framed, or sent to other sites."""
    page = await service.confirmed(department="transport")
    headers = (await service.browser.get(page)).headers
    assert headers["cache-control"] == "no-store"
    assert headers["referrer-policy"] == "same-origin"
    assert headers["x-robots-tag"] == "noindex"
    assert "frame-ancestors 'none'" in headers["content-security-policy"]


async def test_no_address_and_no_token_is_stored_or_logged_in_clear(
    service: Service, capsys: pytest.CaptureFixture[str]
) -> None:
    """Logs and events hold no address; the database holds only the SHA-256 of tokens."""
    page = await service.confirmed(department="transport")
    await service.publish(fresh(sequence=10))
    await service.mails(2)
    token = page.rsplit("/", 1)[1]
    output = capsys.readouterr()
    assert ADDRESS not in output.out + output.err
    assert token not in output.out + output.err
    async with service.notifier.db.sessions() as session:
        for table in (subscriber, letter, delivery, subscription):
            for row in (await session.execute(select(table))).all():
                assert token not in repr(row)


async def test_shown_answers_only_ourselves(service: Service) -> None:
    """`/internal/shown` gives item and notice version to who holds the instance's token."""
    item = uuid4()
    await service.publish(fresh(item, sequence=10))
    async with asyncio.timeout(20):
        while not (
            rows := (
                await service.browser.get(
                    "/internal/shown", headers={"Authorization": f"Bearer {TOKEN}"}
                )
            ).json()["shown"]
        ):
            await asyncio.sleep(0.05)
    assert [(row["item_id"], row["version"]) for row in rows] == [(str(item), 1)]
    assert (await service.browser.get("/internal/shown")).status_code == 401


async def test_a_restart_keeps_links_and_tells_nothing_again(settings: Settings) -> None:
    """After a restart old links work, events that come again are known, and the key is not remade."""
    told = fresh(sequence=10)
    async with running(settings) as service:
        await service.say(named("transport", "交通运输局", "Transport Bureau", 1))
        async with asyncio.timeout(20):
            while "交通运输局" not in (await service.browser.get("/subscribe")).text:
                await asyncio.sleep(0.05)
        page = await service.confirmed(department="transport")
        await service.publish(told)
        await service.mails(2)
    async with running(settings) as service:
        assert (await service.browser.get(page)).status_code == 200
        await service.publish(told)
        await service.publish(fresh(sequence=11))
        await service.mails(3)


async def test_forms_work_while_nats_is_down(settings: Settings) -> None:
    """Without NATS the form is taken, the letter sent and the address confirmed; readiness says what is down."""
    async with running(settings.model_copy(update={"nats_url": "nats://127.0.0.1:9"})) as service:
        await service.confirmed(q="石桥施工")
        ready = await service.browser.get("/readyz")
        assert (ready.status_code, ready.json()["nats"], ready.json()["database"]) == (
            503,
            False,
            True,
        )
        assert (await service.browser.get("/livez")).status_code == 200
        assert (
            'gazette_notifier_deliveries{channel="mail",state="sent"} 1.0'
            in (await service.browser.get("/metrics")).text
        )
        assert (
            'gazette_parked{service="notifier"} 0.0' in (await service.browser.get("/metrics")).text
        )
