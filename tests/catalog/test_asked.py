"""What is held because its sender asks, or because a Word file shows how it came about."""

from __future__ import annotations

from collections.abc import AsyncIterator
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

from services.sender.reading import MEDIA_TYPES
from tests.catalog.desk import Desk, data, event, open_desk
from tests.sender import word_files


@pytest.fixture
async def desk(database_url: str, tmp_path: Path) -> AsyncIterator[Desk]:
    """Open a catalog with an empty record."""
    async with open_desk(database_url, tmp_path / "blobs") as opened:
        yield opened


@pytest.mark.parametrize(
    ("hold", "because"),
    [
        ("tracked_changes comments", ["tracked_changes", "comments"]),
        ("see_me", ["see_me"]),
        ("<b>", ["sender_asked"]),
        ("", None),
    ],
)
async def test_a_sender_can_ask_for_a_look(
    desk: Desk, hold: str, because: list[str] | None
) -> None:
    """The extension `hold` holds an item of a direct department for its reasons; what is no word is not repeated."""
    sender = await desk.department()
    answer = await desk.client.post(
        "/api/events", json=event(sender.code, "a", hold=hold), headers=sender.headers
    )
    result = answer.json()["results"][0]
    assert result["outcome"] == ("held" if because else "accepted")
    assert result["held_because"] == (because or [])
    if because:
        assert (await desk.client.get(f"/api/items/{sender.code}/a")).status_code == 404
        number = (await desk.rows("SELECT waiting_id FROM catalog.waiting"))[0][0]
        assert (await desk.decide(number, approve=True)).outcome == "accepted"


@pytest.mark.parametrize(
    ("change", "because"),
    [
        (word_files.tracked, ["tracked_changes"]),
        (word_files.commented, ["comments"]),
        (lambda _: None, []),
    ],
)
async def test_an_attached_word_file_with_traces_is_held(
    desk: Desk, tmp_path: Path, change: Any, because: list[str]
) -> None:
    """Whatever way a Word file comes, with tracked changes or comments in it the item waits for a person."""
    sender = await desk.department()
    content = word_files.notice(tmp_path / "a.docx", change).read_bytes()
    sha, kind = sha256(content).hexdigest(), MEDIA_TYPES[".docx"]
    answer = await desk.client.put(
        f"/api/blobs/{sha}", content=content, headers=sender.headers | {"Content-Type": kind}
    )
    assert answer.status_code == 201
    attachment = {"name": "a.docx", "media_type": kind, "sha256": sha, "size": len(content)}
    answer = await desk.client.post(
        "/api/events",
        json=event(sender.code, "a", data(attachments=[attachment])),
        headers=sender.headers,
    )
    result = answer.json()["results"][0]
    assert result["outcome"] == ("held" if because else "accepted"), result
    assert result["held_because"] == because
