"""A webhook as its owner sees it: the form, the page behind the secret link, without JavaScript."""

from __future__ import annotations

import asyncio
import html
import re
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from sqlalchemy import select

from services.notifier.settings import Settings
from services.notifier.tables import subscriber, webhook
from services.notifier.webhooks import secret_of
from tests.notifier.hooks import echo
from tests.notifier.house import withdrawn
from tests.notifier.test_service import SITE_URL, TOKEN, Service, entries, fresh, named, running
from tests.shared.receiver import Receiver, plain, receiving

FROM_HERE = {"Origin": SITE_URL}


@dataclass
class Owner:
    """Somebody with a browser and a receiver."""

    service: Service
    receiver: Receiver

    async def enter(self, language: str = "", **fields: str) -> Any:
        """Send the form."""
        form = {"url": self.receiver.url, "department": "transport"} | fields
        return await self.service.browser.post(
            f"{language}/subscribe/webhook", data=form, headers=FROM_HERE
        )

    async def entered(self, **fields: str) -> str:
        """Send the form and return the path of the own page."""
        answer = await self.enter(**fields)
        assert answer.status_code == 303, answer.text
        path: str = answer.headers["location"]
        return path

    async def press(self, path: str, **fields: str) -> Any:
        """Press a button on the page; the redirect is followed as a browser does."""
        answer = await self.service.browser.post(path, data=fields, headers=FROM_HERE)
        if answer.status_code != 303:
            return answer
        return await self.service.browser.get(answer.headers["location"])

    async def text(self, path: str) -> str:
        """Return a page."""
        answer = await self.service.browser.get(path)
        assert answer.status_code == 200
        return answer.text

    async def until(self, path: str, fits: Callable[[str], bool]) -> str:
        """Load a page again until it says what is waited for."""
        async with asyncio.timeout(20):
            while not fits(text := await self.text(path)):
                await asyncio.sleep(0.05)
        return text


@pytest.fixture
async def owner(
    notifier_database_url: str, empty_nats: str, tmp_path: Path
) -> AsyncIterator[Owner]:
    """Run a notifier whose operator lets webhooks reach one receiver on the loopback."""
    async with receiving() as receiver:
        settings = Settings(
            database_url=notifier_database_url,
            nats_url=empty_nats,
            catalog_url="http://127.0.0.1:9",
            site_url=SITE_URL,
            data=tmp_path,
            internal_token=TOKEN,
            outgoing_networks="127.0.0.1/32",
            outgoing_ports=str(receiver.port),
            outgoing_http=True,
        )
        async with running(settings) as service:
            await service.say(
                named("transport", "交通运输局", "Transport Bureau", 1),
                named("finance", "财政局", "Finance", 2),
                entries(3),
            )
            found = Owner(service, receiver)
            await found.until("/subscribe/webhook", lambda text: "财政预算" in text)
            yield found


def tokens(text: str) -> list[str]:
    """Return the secrets on a page."""
    return re.findall(r"whsec_[A-Za-z0-9+/=]{20,}", text.replace("&#43;", "+"))


async def test_from_the_form_to_a_message_to_sending_it_again(owner: Owner) -> None:
    """Enter a URL, see the secret, verify, be told of an event, see it in the log, send it again, stop."""
    page = await owner.entered()
    text = await owner.text(page)
    assert "尚未验证" in text
    assert len(tokens(text)) == 1
    assert owner.receiver.connections == 0
    owner.receiver.answer = echo
    text = (await owner.press(f"{page}/verify")).text
    assert "已验证" in text
    assert "通过" in text
    item = uuid4()
    await owner.service.publish(fresh(item, sequence=10))
    text = await owner.until(page, lambda text: "已送达" in text)
    assert "[交通运输局] 关于S207石桥段封闭施工的公告" in text
    assert "尝试 1 次" in text
    (number,) = re.findall(r"/again/(\d+)\"", text)
    await owner.press(f"{page}/again/{number}")
    await owner.until(page, lambda text: "尝试 2 次" in text and "已送达" in text)
    first, second = (request.headers["webhook-id"] for request in owner.receiver.got[1:])
    assert first == second
    await owner.press(f"{page}/unsubscribe")
    text = await owner.text(page)
    assert "没有订阅" in text
    assert "再发一次" not in text
    await owner.service.publish(fresh(sequence=11))
    await asyncio.sleep(0.5)
    assert len(owner.receiver.got) == 3


async def test_ones_own_secret_is_taken_and_changed(owner: Owner) -> None:
    """A brought secret is used; after a change the new one is shown and the old one said to sign for a day."""
    mine, other = secret_of(b"m" * 32), secret_of(b"o" * 32)
    page = await owner.entered(secret=mine)
    assert tokens(await owner.text(page)) == [mine]
    text = (await owner.press(f"{page}/secret", secret=other)).text
    assert tokens(text) == [other]
    assert "旧密钥同时签名到" in text
    answer = await owner.press(f"{page}/secret", secret="whsec_short")
    assert answer.status_code == 422
    assert "密钥须为" in answer.text


@pytest.mark.parametrize(
    ("fields", "says"),
    [
        ({"url": "https://10.0.0.1/"}, "这个网址不能使用"),
        ({"url": "https://169.254.169.254/latest/meta-data/"}, "这个网址不能使用"),
        ({"url": "ftp://example.org/"}, "这个网址不能使用"),
        ({"url": "https://a:b@example.org/"}, "这个网址不能使用"),
        ({"url": ""}, "这个网址不能使用"),
        ({"secret": "password"}, "密钥须为"),
        ({"department": ""}, "请至少选择部门或事项"),
        ({"department": "nobody"}, "没有这个部门或事项"),
    ],
)
async def test_a_wrong_form_says_what_is_wrong(
    owner: Owner, fields: dict[str, str], says: str
) -> None:
    """The form comes back with what was typed and a sentence; nothing is stored or called."""
    answer = await owner.enter(**fields)
    assert answer.status_code == 422
    assert says in answer.text
    async with owner.service.notifier.db.sessions() as session:
        assert (await session.execute(select(webhook))).all() == []
    assert owner.receiver.connections == 0


@pytest.mark.parametrize(
    ("prefix", "title", "button"),
    [
        ("", "Webhook 订阅", "验证网址"),
        ("/zh-tw", "Webhook 訂閱", "驗證網址"),
        ("/en", "Follow by webhook", "Verify the URL"),
    ],
)
async def test_form_and_page_speak_three_languages(
    owner: Owner, prefix: str, title: str, button: str
) -> None:
    """The language of the form is that of the page, and can be changed there."""
    assert f"<h1>{title}</h1>" in await owner.text(f"{prefix}/subscribe/webhook")
    answer = await owner.enter(prefix)
    page = answer.headers["location"]
    assert button in await owner.text(page)
    await owner.press(f"{page}/language", language="en")
    assert "Verify the URL" in await owner.text(page)


async def test_the_two_forms_hand_over_what_was_chosen(owner: Owner) -> None:
    """From the mail form to that for programs and back, the target stays filled in, whatever is in it."""
    typed = {"department": "transport", "q": '石桥 "封路" &<x>'}
    page = (await owner.service.browser.get("/subscribe", params=typed)).text
    (link,) = re.findall(r'href="(/subscribe/webhook[^"]*)"', page)
    other = await owner.text(html.unescape(link))
    assert '<option value="transport" selected>' in other
    assert 'value="石桥 &#34;封路&#34; &amp;&lt;x&gt;"' in other
    (back,) = re.findall(r'href="(/subscribe\?[^"]*)"', other)
    assert html.unescape(back).removeprefix("/subscribe") == html.unescape(link).removeprefix(
        "/subscribe/webhook"
    )


async def test_a_form_of_another_site_is_refused(owner: Owner) -> None:
    """No other page can enter a webhook, verify one, change its secret or send again."""
    page = await owner.entered()
    for path in ("/subscribe/webhook", f"{page}/verify", f"{page}/secret", f"{page}/again/1"):
        answer = await owner.service.browser.post(
            path, data={"url": "https://example.org/"}, headers={"Origin": "https://evil.example"}
        )
        assert answer.status_code == 403
    assert owner.receiver.connections == 0


async def test_a_failed_check_says_why_and_can_be_repeated(owner: Owner) -> None:
    """Wrong answers are named in the reader's words; too quick a second press is refused."""
    page = await owner.entered()
    owner.receiver.answer = plain(200, b"ok")
    text = (await owner.press(f"{page}/verify")).text
    assert "回答中没有原样的 challenge" in text
    assert "尚未验证" in text
    answer = await owner.press(f"{page}/verify")
    assert answer.status_code == 429
    assert "太频繁了" in answer.text
    assert len(owner.receiver.got) == 1


async def test_the_page_shows_failures_and_the_end(owner: Owner) -> None:
    """A refused message is shown with its status; after 410 the page says that it stopped, why, and how to go on."""
    page = await owner.entered()
    owner.receiver.answer = echo
    await owner.press(f"{page}/verify")
    owner.receiver.answer = plain(500)
    await owner.service.publish(fresh(sequence=10))
    text = await owner.until(page, lambda text: "HTTP 500" in text)
    assert "暂时送不到" in text
    assert "再试" in text
    owner.receiver.answer = plain(410)
    (number,) = re.findall(r"/again/(\d+)\"", text)
    await owner.press(f"{page}/again/{number}")
    text = await owner.until(page, lambda text: "已停止" in text)
    assert "原因：HTTP 410" in text
    assert "验证网址" in text


async def test_a_withdrawn_text_leaves_the_log(owner: Owner) -> None:
    """What was withdrawn without its title is not named in the log any more, and cannot be sent again."""
    page = await owner.entered()
    owner.receiver.answer = echo
    await owner.press(f"{page}/verify")
    item = uuid4()
    first = fresh(item, sequence=10)
    await owner.service.publish(first)
    await owner.until(page, lambda text: "已送达" in text)
    history = [
        {"version": 1, "at": first.updated_at, "change": "major"},
        {"version": 2, "at": first.updated_at, "change": "withdrawal"},
    ]
    await owner.service.publish(withdrawn(item, kind="vanish", sequence=11, history=history))
    text = await owner.until(page, lambda text: text.count("已送达") == 2)
    assert "S207" not in text
    assert text.count("再发一次") == 1


async def test_a_mail_subscriber_has_no_webhook(owner: Owner) -> None:
    """The buttons of a webhook do nothing on a person's page."""
    page = await owner.service.confirmed(department="transport")
    for part in ("verify", "secret", "again/1"):
        answer = await owner.service.browser.post(f"{page}/{part}", headers=FROM_HERE)
        assert answer.status_code == 404


async def test_forms_are_not_for_robots_and_caches(owner: Owner) -> None:
    """The page holds a secret: nobody may store, index or frame it, and it loads nothing from elsewhere."""
    answer = await owner.service.browser.get(await owner.entered())
    assert answer.headers["cache-control"] == "no-store"
    assert answer.headers["x-robots-tag"] == "noindex"
    assert "frame-ancestors 'none'" in answer.headers["content-security-policy"]


async def test_strangers_cannot_fill_the_table(owner: Owner) -> None:
    """At most thirty new webhooks a minute, all strangers together; then one is asked to wait."""
    for _ in range(30):
        await owner.entered()
    answer = await owner.enter()
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "60")
    async with owner.service.notifier.db.sessions() as session:
        assert len((await session.execute(select(subscriber))).all()) == 30
