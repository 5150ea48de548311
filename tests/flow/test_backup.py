"""Backup and restore: one file holds what cannot be rebuilt, and on an empty folder it becomes the same gazette again."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from services.notifier.channels.folder import newest_mails
from tests.flow.conftest import Gazette, item
from tests.instance.conftest import eventually

pytestmark = [pytest.mark.timeout(300), pytest.mark.slow, pytest.mark.long]

FORM = "填写说明：请用黑色墨水。".encode()
DIGEST = hashlib.sha256(FORM).hexdigest()
LEAK = "泄露的原文丙七四一"
LATE = "后来才撤的原文丁九二二"
SEALED = "后来才封存的原文戊三五六"
WAITING = "待审时就撤的原文己六一七"


def upload(gazette: Gazette, code: str, content: bytes) -> dict[str, Any]:
    """Upload a file, and return how an item names it."""
    digest = hashlib.sha256(content).hexdigest()
    answer = httpx.put(
        f"{gazette.url}/api/blobs/{digest}",
        content=content,
        headers={"Authorization": f"Bearer {gazette.keys[code]}", "Content-Type": "text/plain"},
        trust_env=False,
    )
    assert answer.status_code == 201, answer.text
    named = {"sha256": digest, "size": len(content), "media_type": "text/plain", "role": "annex"}
    return {"name": f"{digest[:4]}.txt"} | named


def fill(gazette: Gazette) -> None:
    """Make a small gazette with something of every kind."""
    gazette.department("roads", "--name", "公路局")
    gazette.subscribe("one@example.org", department="roads")
    attachment = upload(gazette, "roads", FORM)
    secret = upload(gazette, "roads", b"not for the public yet")
    items = {
        "plain": item("关于青石桥封闭的通告", attachments=[attachment]),
        "withdrawn": item("已撤回的通告"),
        "leak": item("泄密件", LEAK),
        "late": item("后来泄密件", LATE),
        "sealed": item("后来封存件", SEALED),
        "waiting": item("待审泄密件", f"身份证号110101190001010014。{WAITING}"),
        "held": item("待审件", "身份证号110101190001010014。", attachments=[secret]),
        "embargoed": item("未到时间的通告", publish_at="2099-01-01T00:00:00+08:00"),
    }
    for source_id, data in items.items():
        outcome = gazette.put("roads", source_id, data)
        assert outcome["outcome"] in ("accepted", "held", "scheduled"), outcome
    gazette.put("roads", "plain", item("关于青石桥封闭的通告", "延期。", attachments=[attachment]))
    gazette.withdraw("roads", "withdrawn", {"kind": "withdrawn", "reason": "已修好。"})
    gazette.withdraw("roads", "leak", {"kind": "vanish", "reason": "保密法"})
    gazette.visible("roads", "plain", 2)
    gazette.visible("roads", "withdrawn", 2)
    eventually(lambda: len(mails(gazette, "后来泄密件")) == 1)


def mails(gazette: Gazette, words: str = "") -> list[str]:
    """Return the subjects of the mails that left, those with *words*."""
    return [mail.subject for mail in newest_mails(gazette.folder / "mail") if words in mail.subject]


def bytes_below(folder: Path) -> Iterator[bytes]:
    """Yield every file below a folder."""
    for path in folder.rglob("*"):
        if path.is_file() and not path.is_symlink():
            try:
                yield path.read_bytes()
            except FileNotFoundError:
                continue


def holds(folder: Path, words: str) -> bool:
    """Say whether these words lie somewhere below a folder."""
    return any(words.encode() in content for content in bytes_below(folder))


def push_until(gazette: Gazette, stop: threading.Event, accepted: list[str]) -> None:
    """Push one item after another."""
    while not stop.is_set():
        name = f"flow-{len(accepted)}"
        assert gazette.put("roads", name, item(f"不停的通告 {name}"))["outcome"] == "accepted"
        accepted.append(name)


def test_a_backup_becomes_the_same_gazette_on_an_empty_folder(
    fresh: Gazette, tmp_path: Path
) -> None:
    """Taken while events flow: equal after a restore, nobody told, withdrawn and vanished things stay so, keys work."""
    fresh.start()
    fill(fresh)
    accepted: list[str] = []
    stop = threading.Event()
    pushing = threading.Thread(target=push_until, args=(fresh, stop, accepted))
    pushing.start()
    try:
        eventually(lambda: len(accepted) > 3)
        file = tmp_path / "monday.gazette"
        before = len(accepted)
        fresh.run("backup", file)
        assert file.stat().st_mode & 0o777 == 0o600
        eventually(lambda: len(accepted) > before)
    finally:
        stop.set()
        pushing.join()
    for source_id in ("late", "waiting"):
        fresh.withdraw("roads", source_id, {"kind": "vanish", "reason": "保密法"})
    fixed = item("后来封存件", "改正后的正文。", change_reason="personal_data")
    assert fresh.put("roads", "sealed", fixed)["version"] == 2
    newer = fresh.run("backup", tmp_path / "tuesday.gazette")
    assert "monday.gazette" in newer.stderr  # it still holds what was vanished since
    again = fresh.run("backup", file, check=False)
    assert again.returncode == 1
    assert "已经存在" in again.stderr
    sound = fresh.run("backup", "--check", file)
    assert "完好" in sound.stdout
    address = (fresh.folder / "nats" / "port").read_text()
    fresh.stop()

    back = Gazette(tmp_path / "elsewhere", tmp_path / "log2", keys=fresh.keys)
    done = back.run("restore", file)
    for name in ("roads/late", "roads/waiting", "roads/sealed v1"):
        assert name in done.stdout
    back.start()
    try:
        assert (back.folder / "nats" / "port").read_text() == address
        back.equal(90)
        shown = back.visible("roads", "plain", 2, seconds=60)
        page = back.get(shown["url"])
        assert "延期" in page.text
        assert DIGEST in page.text
        assert back.get(back.get("/api/items/roads/withdrawn").json()["url"]).status_code == 410
        for hidden in ("held", "embargoed"):
            assert back.get(f"/api/items/roads/{hidden}").status_code == 404
        secret = hashlib.sha256(b"not for the public yet").hexdigest()
        assert (back.folder / "blobs" / "held" / secret[:2] / secret).exists()
        assert (back.folder / "blobs" / "public" / DIGEST[:2] / DIGEST).exists()
        assert "待审件" in back.run("review", "list").stdout
        purged = (LEAK, LATE, SEALED, WAITING)
        eventually(lambda: not any(holds(back.folder, words) for words in purged), seconds=90)
        assert back.put("roads", "sealed", fixed)["outcome"] == "accepted"
        assert "改正后" in back.get(back.visible("roads", "sealed", 3, seconds=60)["url"]).text
        assert mails(back) == []  # nobody is told again …
        back.put("roads", "after", item("恢复之后的通告"))
        eventually(lambda: mails(back, "恢复之后") != [], seconds=60)  # … and news are told
        assert len(mails(back)) == 1
        names = {f"flow-{number}" for number in range(before)}
        found = back.search("不停的通告", size=100)["hits"]
        assert names <= {hit["source_id"] for hit in found}
    finally:
        back.stop()
