"""What becomes of a mail: real SMTP, crashes, several workers."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from uuid import UUID, uuid4

import pytest
from sqlalchemy import select, update

from services.notifier.actions.advance_deliveries import advance_deliveries
from services.notifier.actions.claim_deliveries import LEASE, claim_deliveries
from services.notifier.actions.recover_deliveries import recover_deliveries
from services.notifier.channels import ChannelDown
from services.notifier.channels.folder import FolderChannel, newest_mails
from services.notifier.channels.mail import MailChannel, MailServer
from services.notifier.rules import Verdict
from services.notifier.tables import notice, subscriber
from tests.notifier.house import House, html_of, read, state, text_of
from tests.notifier.smtp import Script, smtp_server

ITEM = UUID("00000000-0000-4000-8000-00000000000b")


async def mailed(house: House, script: Script, *, rounds: int = 1) -> None:
    """Send what is due over a fresh connection to *script*, *rounds* times with a day's steps between."""
    async with smtp_server(script) as url:
        channel = MailChannel(MailServer.of(url))
        for n in range(rounds):
            if n:
                house.pass_time(hours=17)
            await house.deliver(channel)
        await channel.close()


async def test_mails_go_one_by_one_over_one_connection(house: House) -> None:
    """Each reader gets a message of their own, all over one connection."""
    for n in range(5):
        await house.follow(f"reader{n}@example.org")
    await house.hear(state(ITEM))
    script = Script()
    await mailed(house, script)
    assert script.recipients == [[f"reader{n}@example.org"] for n in range(5)] or sorted(
        script.recipients
    ) == [[f"reader{n}@example.org"] for n in range(5)]
    assert script.connections == 1
    assert [len(read(raw).get_all("To", [])) for raw in script.taken] == [1] * 5
    assert await house.states() == ["sent"] * 5


@pytest.mark.parametrize(
    "script",
    [
        Script(mail=["421 4.3.2 closing"]),
        Script(rcpt=["450 4.2.0 greylisted"]),
        Script(rcpt=["drop"]),
        Script(data=["451 4.3.0 later"]),
    ],
    ids=["421 at MAIL", "450 at RCPT", "drop at RCPT", "451 after DATA"],
)
async def test_a_refusal_for_now_is_tried_again_and_arrives_once(
    house: House, script: Script
) -> None:
    """4xx and a break before DATA wait a minute; then the mail arrives, once."""
    await house.follow()
    await house.hear(state(ITEM))
    async with smtp_server(script) as url:
        channel = MailChannel(MailServer.of(url))
        await house.deliver(channel)
        (row,) = await house.deliveries()
        assert (row.state, row.next_at) == ("deferred", house.now + timedelta(minutes=1))
        await house.deliver(channel)
        assert script.taken == []
        house.pass_time(minutes=1)
        await house.deliver(channel)
        await channel.close()
    assert len(script.taken) == 1
    assert await house.states() == ["sent"]


async def test_a_final_refusal_ends_the_address_with_a_reason(house: House) -> None:
    """After 550 nothing more goes to this address; the reason is a code, without the server's words."""
    person = await house.follow()
    await house.hear(state(ITEM), state(uuid4()))
    script = Script(rcpt=["550 5.1.1 <{address}> unknown"])
    await mailed(house, script, rounds=2)
    await house.hear(state(uuid4()))
    await mailed(house, script)
    assert script.taken == []
    assert await house.states() == ["failed", "failed"]
    async with house.db.sessions() as session:
        row = (
            await session.execute(select(subscriber).where(subscriber.c.subscriber_id == person))
        ).one()
    assert (row.left_because, row.left_at is None) == ("550 5.1.1", False)
    assert [each.reason for each in await house.deliveries()] == ["550 5.1.1", "subscriber left"]


async def test_a_policy_refusal_does_not_end_the_address(house: House) -> None:
    """A relay that does not let us send (5.7.x) says nothing about the reader."""
    await house.follow()
    await house.hear(state(ITEM))
    script = Script(rcpt=["550 5.7.1 relaying denied"])
    await mailed(house, script)
    await house.hear(state(uuid4()))
    await mailed(house, script)
    assert len(script.taken) == 1
    assert await house.states() == ["failed", "sent"]


async def test_a_break_after_data_is_unknown_and_not_sent_again(house: House) -> None:
    """When the server may have taken an ordinary mail, no mail is better than two."""
    await house.follow()
    await house.hear(state(ITEM))
    script = Script(data=["drop"])
    await mailed(house, script, rounds=3)
    assert len(script.taken) == 1
    assert await house.states() == ["unknown"]


async def test_an_important_mail_goes_again_under_the_same_message_id(house: House) -> None:
    """When it is unknown whether a warning arrived it is sent again, known as a copy by its Message-ID."""
    await house.follow()
    await house.hear(state(ITEM, important=True))
    script = Script(data=["drop"])
    await mailed(house, script, rounds=2)
    first, second = map(read, script.taken)
    assert first["Message-ID"] == second["Message-ID"]
    assert await house.states() == ["sent"]


async def test_a_server_that_is_down_costs_no_try(house: House) -> None:
    """While nobody listens the mail waits as it was, and goes as soon as somebody does."""
    await house.follow()
    await house.hear(state(ITEM))
    with pytest.raises(ChannelDown):
        await house.postman().deliver_due(MailChannel(MailServer.of("smtp://127.0.0.1:9")))
    (row,) = await house.deliveries()
    assert (row.state, row.attempts, row.leased_until) == ("pending", 0, None)
    house.pass_time(seconds=2)
    script = Script()
    await mailed(house, script)
    assert len(script.taken) == 1


async def test_a_crash_while_sending_is_unknown(house: House) -> None:
    """What a dead worker left in `sending` is settled after its lease: urgent again, the rest `unknown`."""
    await house.follow()
    await house.hear(state(ITEM), state(uuid4(), important=True))
    async with house.db.sessions.begin() as session:
        claims = await claim_deliveries(session, limit=10, now=house.now)
    async with house.db.sessions.begin() as session:
        assert [
            await advance_deliveries(session, sent=None, begin=claim, now=house.now)
            for claim in claims
        ] == [
            True,
            True,
        ]
    await house.deliver()
    assert house.mails() == []
    house.now += LEASE
    async with house.db.sessions.begin() as session:
        assert await recover_deliveries(session, now=house.now) == 2
    await house.deliver()
    assert sorted(await house.states()) == ["sent", "unknown"]
    assert len(house.mails()) == 1


async def test_a_worker_that_was_overtaken_sends_nothing(house: House) -> None:
    """A lease that ran out is worthless: only its new holder may begin."""
    await house.follow()
    await house.hear(state(ITEM))
    async with house.db.sessions.begin() as session:
        (slow,) = await claim_deliveries(session, limit=10, now=house.now)
    house.now += LEASE
    async with house.db.sessions.begin() as session:
        (quick,) = await claim_deliveries(session, limit=10, now=house.now)
    async with house.db.sessions.begin() as session:
        assert not await advance_deliveries(session, sent=None, begin=slow, now=house.now)
        assert await advance_deliveries(session, sent=None, begin=quick, now=house.now)


async def test_workers_do_not_wait_for_each_other(house: House) -> None:
    """While one worker's claim is not committed, another takes the rest at once."""
    for n in range(10):
        await house.follow(f"reader{n}@example.org")
    await house.hear(state(ITEM))
    async with house.db.sessions.begin() as one:
        first = await claim_deliveries(one, limit=4, now=house.now)
        async with asyncio.timeout(10), house.db.sessions.begin() as two:
            second = await claim_deliveries(two, limit=10, now=house.now)
    assert (len(first), len(second)) == (4, 6)
    assert not {c.delivery_id for c in first} & {c.delivery_id for c in second}


class Slow:
    """Counts, and lets others run in between."""

    def __init__(self, taken: list[str]) -> None:
        self.taken = taken

    async def send(self, message: bytes, *, sender: str, to: str, name: str) -> Verdict:
        """Take the message after a moment."""
        await asyncio.sleep(0.001)
        self.taken.append(to)
        return Verdict("sent")

    async def close(self) -> None:
        """Nothing is held."""


async def test_several_copies_share_the_work_and_send_nothing_twice(house: House) -> None:
    """Three postmen with two workers each over 150 mails: each goes exactly once."""
    for n in range(150):
        await house.follow(f"reader{n}@example.org")
    await house.hear(state(ITEM))
    taken: list[str] = []
    postmen = [house.postman(Slow(taken), workers=2) for _ in range(3)]
    async with postmen[0], postmen[1], postmen[2]:
        async with asyncio.timeout(60):
            while len(taken) < 150 or "sending" in await house.states():
                await asyncio.sleep(0.05)
    assert sorted(taken) == sorted({f"reader{n}@example.org" for n in range(150)})
    assert set(await house.states()) == {"sent"}


async def test_one_mail_that_cannot_be_built_holds_up_no_other(house: House) -> None:
    """A broken notice fails with a reason; the next is sent."""
    await house.follow()
    await house.hear(state(ITEM), state(uuid4()))
    postman = house.postman()
    build = postman.writer._shell
    broken = [True]

    async def first_breaks(*args: object) -> object:
        if broken:
            broken.clear()
            raise RuntimeError("a template is broken")
        return await build(*args)  # type: ignore[arg-type]

    postman.writer._shell = first_breaks  # type: ignore[method-assign, assignment]
    await postman.deliver_due(FolderChannel(house.folder))
    rows = await house.deliveries()
    assert [row.state for row in rows] == ["failed", "sent"]
    assert rows[0].reason == "not built: RuntimeError"


async def test_what_cannot_be_read_holds_up_no_mail(house: House) -> None:
    """A notice stored in a form that this version does not know is settled; the next one goes out."""
    await house.follow()
    await house.hear(state(ITEM))
    async with house.db.sessions.begin() as session:
        await session.execute(update(notice).values(content={"kind": "of another time"}))
    await house.hear(state(uuid4()))
    await house.deliver()
    assert [(row.state, row.reason) for row in await house.deliveries()] == [
        ("failed", "not built"),
        ("sent", None),
    ]


# --- what a mail looks like


async def test_a_mail_can_be_left_with_one_click(house: House) -> None:
    """RFC 8058, RFC 2369, RFC 2919 and RFC 3834 headers stand in every notice, with the site's own address."""
    person = await house.follow()
    await house.hear(state(ITEM))
    await house.deliver()
    (mail,) = house.mails()
    token = house.links.page_token(person)
    assert (
        mail["List-Unsubscribe"]
        == f"<https://www.qinghe.example/subscription/{token}/unsubscribe?mail=1>"
    )
    assert mail["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    assert mail["List-Id"].endswith(".notices.www.qinghe.example>")
    assert mail["Auto-Submitted"] == "auto-generated"
    assert mail["Message-ID"].endswith("@www.qinghe.example>")


async def test_a_mail_loads_nothing_and_follows_nobody(house: House) -> None:
    """HTML without images, styles from elsewhere, scripts or any address that is not the site's."""
    await house.follow()
    await house.hear(state(ITEM))
    await house.deliver()
    html = html_of(house.mails()[0])
    for forbidden in ("<img", "<script", "<link", "url(", "@import", "src="):
        assert forbidden not in html
    addresses = [part.split('"')[0] for part in html.split('href="')[1:]]
    assert len(addresses) == 4
    assert all(address.startswith("https://www.qinghe.example/") for address in addresses)


async def test_hostile_text_stays_text(house: House) -> None:
    """Line breaks, markup and bidirectional tricks in an item's fields change neither headers nor page."""
    hostile = "标题\r\nBcc: victim@example.com\r\n\r\n<script>alert(1)</script>\u202e{{ 7 * 7 }}"
    names = {"code": "transport", "names": {"zh-Hans": "局\r\nX-Evil: 1"}}
    attachment = {
        "name": "附件\u202e<b>.docx",
        "media_type": "text/plain",
        "sha256": "0" * 64,
        "size": 1,
    }
    await house.follow()
    await house.hear(
        state(
            ITEM,
            title=hostile,
            summary=hostile,
            department=names,
            document_number=hostile,
            attachments=[attachment],
        )
    )
    await house.deliver()
    (mail,) = house.mails()
    assert set(mail.keys()) == {
        "To",
        "Message-ID",
        "List-Unsubscribe",
        "List-Unsubscribe-Post",
        "List-Id",
        "From",
        "Subject",
        "Date",
        "Auto-Submitted",
        "MIME-Version",
        "Content-Type",
    }
    assert "<script" not in html_of(mail)
    assert "&lt;script&gt;" in html_of(mail)
    assert "{{ 7 * 7 }}" in text_of(mail)
    assert "\u202e" not in text_of(mail)


@pytest.mark.parametrize(
    ("lang", "words"),
    [
        (
            "zh-Hans",
            ["2026年11月23日发布", "要点", "您收到此信是因为订阅了", "退订本项", "不会索要密码"],
        ),
        (
            "zh-Hant",
            [
                "2026年11月23日發布",
                "要點",
                "您收到此信是因為訂閱了",
                "取消訂閱本項",
                "不會索取密碼",
            ],
        ),
        (
            "en",
            [
                "Published 23 Nov 2026",
                "Text in Chinese only",
                "You get this mail because",
                "never asks for passwords",
            ],
        ),
    ],
)
async def test_each_reads_it_in_their_own_language(
    house: House, lang: str, words: list[str]
) -> None:
    """The frame of a mail is in the reader's language, the text as it was published."""
    await house.follow(lang=lang)  # type: ignore[arg-type]
    await house.hear(state(ITEM))
    await house.deliver()
    (mail,) = house.mails()
    text = text_of(mail)
    assert [word for word in words if word not in text] == []
    assert "关于S207石桥段封闭施工的公告" in text


async def test_the_parts_of_a_mail_stand_in_their_order(house: House) -> None:
    """Title, address, facts, note, time, place, phone, attachments, reason, links, warning."""
    contact = {"office": "路政科", "phone": "0550-1234567"}
    period = {
        "kind": "notice",
        "opens_at": "2026-11-24T00:00:00Z",
        "closes_at": "2026-12-24T10:00:00Z",
    }
    files = [{"name": "绕行表.xlsx", "media_type": "text/plain", "sha256": "0" * 64, "size": 1}]
    more = {
        "places": [{"name": "石桥镇"}],
        "contact": contact,
        "period": period,
        "attachments": files,
    }
    await house.follow()
    await house.hear(
        state(
            ITEM,
            2,
            notice_note="原：3天\n现：5天",
            document_number="禾交〔2026〕3号",
            validity="in_force",
            **more,
        )
    )
    await house.deliver()
    text = text_of(house.mails()[0])
    parts = [
        "关于S207石桥段封闭施工的公告\n",
        "https://www.qinghe.example/transport/2026/12/\n",
        "交通运输局 · 2026年11月23日发布 · 禾交〔2026〕3号 · 有效",
        "更正说明\n原：3天\n现：5天",
        "时间：2026年11月24日（周二）",
        "地点：石桥镇",
        "电话：0550-1234567 路政科",
        "附件：\n  绕行表.xlsx",
        "您收到此信是因为",
        "调整订阅：https://",
        "退订本项：https://",
        "全部退订：https://",
        "本邮件不会索要密码、验证码、身份证号或汇款。",
    ]
    places = [text.find(part) for part in parts]
    assert -1 not in places, [part for part, at in zip(parts, places, strict=True) if at < 0]
    assert places == sorted(places)


async def test_the_folder_shows_the_newest_first(house: House) -> None:
    """What was written is read back, newest first, and a second try replaces the first."""
    await house.follow()
    await house.hear(state(ITEM))
    await house.hear(state(ITEM, 2))
    await house.deliver()
    mails = newest_mails(house.folder)
    assert [mail.subject[:4] for mail in mails] == ["[更正]", "[交通运"]
    assert (mails[0].to, "<h1" in mails[0].html, "退订本项" in mails[0].text) == (
        "reader@example.org",
        True,
        True,
    )
    assert newest_mails(house.folder / "none") == []


@pytest.mark.parametrize(
    ("url", "port", "use_tls", "start_tls"),
    [
        ("smtp://relay.example.org", 587, False, True),
        ("smtps://u%40x:p@relay.example.org", 465, True, False),
        ("smtp://127.0.0.1:25", 25, False, False),
        ("smtp://relay.example.org:25?starttls=off", 25, False, False),
    ],
)
def test_mail_leaves_the_house_encrypted(
    url: str, port: int, use_tls: bool, start_tls: bool
) -> None:
    """STARTTLS is required unless the address says TLS, loopback, or off in so many words."""
    server = MailServer.of(url)
    assert (server.port, server.use_tls, server.start_tls) == (port, use_tls, start_tls)
