"""A leak is taken out of every byte below the data folder, and nothing brings it back."""

from __future__ import annotations

import asyncio
import base64
import json
import secrets
import time
from hashlib import sha256
from typing import Any

import httpx
import nats
import pytest

from services.instance.find import find
from tests.flow.conftest import Gazette, item
from tests.flow.scan import occurrences
from tests.instance.conftest import eventually

pytestmark = pytest.mark.slow

SECONDS = 60.0
"""What the promise allows from the outcome to the last byte."""


def upload(gazette: Gazette, code: str, content: bytes) -> dict[str, Any]:
    """Upload a text and return the attachment that refers to it."""
    digest = sha256(content).hexdigest()
    answer = httpx.put(
        f"{gazette.url}/api/blobs/{digest}",
        content=content,
        headers={"Authorization": f"Bearer {gazette.keys[code]}", "Content-Type": "text/plain"},
        trust_env=False,
    )
    assert answer.status_code == 201, answer.text
    return {"name": "a.txt", "media_type": "text/plain", "sha256": digest, "size": len(content)}


def push_over_nats(gazette: Gazette, code: str, source_id: str, data: dict[str, Any]) -> None:
    """Push one item as a department's system does over NATS."""
    url = find(gazette.folder).settings["nats_url"]
    event = {
        "specversion": "1.0",
        "id": secrets.token_hex(8),
        "source": f"/departments/{code}",
        "subject": source_id,
        "type": "org.opengazette.item.published.v1",
        "data": data,
    }

    async def send() -> None:
        client = await nats.connect(url)
        content = json.dumps(event, ensure_ascii=False).encode()
        await client.jetstream().publish(f"intake.{code}.items", content, stream="INTAKE")
        await client.close()

    asyncio.run(send())


def gone_within(gazette: Gazette, *what: str, seconds: float) -> float:
    """Wait until nothing of *what* stands below the data folder; return when the look began that found nothing."""
    began = time.monotonic()
    left: list[str] = []
    while (looked := time.monotonic() - began) < seconds:
        left = occurrences(gazette.folder, *what)
        if not left:
            return looked
        time.sleep(1)
    raise AssertionError(f"after {seconds:.0f} s there are still {left[:20]}")


def places(gazette: Gazette, mark: str) -> set[str]:
    """Return the folders below the data folder in which *mark* stands."""
    return {place.split("/", 1)[0] for place in occurrences(gazette.folder, mark)}


def test_a_vanished_text_leaves_every_byte(fresh: Gazette) -> None:
    """Title, body, attachment, note, hash, mail: 60 s after `vanish` no byte below the data folder holds them."""
    gazette = fresh
    gazette.start()
    gazette.department("leaky")
    gazette.subscribe("reader@example.org", department="leaky")
    core = secrets.token_hex(10)
    marks = {name: f"泄{name}{core}" for name in ("title", "body", "file", "note", "large")}
    held = upload(gazette, "leaky", f"附件 {marks['file']}".encode())
    noise = base64.b64encode(secrets.token_bytes(30_000)).decode()  # too random to be compressed
    first = item(
        marks["title"], f"{marks['body']} {noise[:20000]} {marks['large']}", attachments=[held]
    )
    push_over_nats(gazette, "leaky", "s-1", first)
    gazette.visible("leaky", "s-1", 1)
    second = first | {"change": "major", "change_note": marks["note"]}
    assert gazette.put("leaky", "s-1", second)["outcome"] == "accepted"
    url = gazette.visible("leaky", "s-1", 2)["url"]
    eventually(lambda: len(gazette.mails()) >= 3, seconds=30)
    assert {"jetstream", "postgres", "site", "search", "blobs", "mail"} <= places(gazette, core)
    assert gazette.get(f"/files/{held['sha256']}/a.txt").status_code == 200

    outcome = gazette.withdraw("leaky", "s-1", {"kind": "vanish", "reason": "涉及个人信息"})
    assert outcome["outcome"] == "accepted"
    gone_within(gazette, core, held["sha256"], noise[500:540], seconds=SECONDS)

    assert gazette.get(f"/files/{held['sha256']}/a.txt").status_code == 404
    assert "涉及个人信息" in gazette.get(url).text
    assert gazette.get(f"{url}v1/").status_code == 404
    assert gazette.search(marks["title"])["total"] == 0
    gazette.equal()
    for what in ("site", "search"):
        gazette.run("rebuild", what)
    gazette.stop()
    gazette.start()
    gazette.equal()
    assert occurrences(gazette.folder, core, held["sha256"], noise[500:540]) == []


def test_a_leak_that_was_only_held_leaves_every_byte(fresh: Gazette) -> None:
    """What never was public stands in the stream, the waiting list and the uploads: 60 s after `vanish` in none of them."""
    gazette = fresh
    gazette.start()
    gazette.department("leaky")
    core = secrets.token_hex(10)
    held = upload(gazette, "leaky", f"附件 {core}".encode())
    unreviewed = item(f"泄露 {core}", core, attachments=[held]) | {"review": None}
    push_over_nats(gazette, "leaky", "s-1", unreviewed)
    eventually(lambda: "leaky" in gazette.run("review", "list").stdout, seconds=30)
    assert {"jetstream", "postgres", "blobs"} <= places(gazette, core)
    outcome = gazette.withdraw("leaky", "s-1", {"kind": "vanish", "reason": "涉及个人信息"})
    assert outcome["outcome"] == "accepted"
    gone_within(gazette, core, held["sha256"], seconds=SECONDS)
