"""The record feed, from the catalog's route to what a projection reads."""

from __future__ import annotations

from collections.abc import AsyncIterator
from hashlib import sha256
from pathlib import Path
from typing import Any

import httpx
import pytest
from pydantic_core import to_json

from services.catalog import queries
from shared.events.record import RecordEvent, parse_record
from shared.feed import FeedUnreachable, RecordFeed
from tests.catalog.desk import Desk, data, open_desk


@pytest.fixture
async def desk(database_url: str, tmp_path: Path) -> AsyncIterator[Desk]:
    """Open a catalog with an empty record."""
    async with open_desk(database_url, tmp_path / "blobs") as opened:
        yield opened


@pytest.fixture
async def feed(desk: Desk) -> RecordFeed:
    """Read that catalog's feed as projections do."""
    opened = RecordFeed("http://catalog")
    await opened._client.aclose()
    opened._client = desk.client
    return opened


def items(page: dict[str, Any]) -> list[tuple[str, int, str]]:
    """Return subject, version and state of the items on a page."""
    return [(r["subject"], r["version"], r["state"]) for r in page["records"] if "state" in r]


async def test_pages_follow_each_other_without_hole_or_overlap(desk: Desk) -> None:
    """Reading after `through` gives each sequence once, in order, until `head`."""
    sender = await desk.department()
    for number in range(7):
        await sender.push(f"s{number}")
    seen: list[int] = []
    after = 0
    while True:
        page = await desk.feed(after=after, limit=3)
        seen += [record["sequence"] for record in page["records"]]
        after = page["through"]
        if after == page["head"]:
            break
    assert seen == list(range(1, 9))  # the department and seven items


async def test_a_page_ends_with_its_bytes(
    desk: Desk, feed: RecordFeed, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Large events make short pages, of one event at least; who reads on misses none."""
    sender = await desk.department()
    for number in range(6):
        await sender.push(f"s{number}", data(body={"format": "text", "content": "长" * 10_000}))
    await desk.number_the_record()
    monkeypatch.setattr(queries, "PAGE_BYTES", 50_000)
    pages: list[int] = []
    after, head = 0, (await feed.head())[1]
    while after < head:
        page = await feed.read(after)
        assert page.through > after
        pages.append(len(page.events))
        after = page.through
    assert pages == [3, 2, 2]  # the department and six items
    assert (await feed.read(0, limit=2)).through == 2
    assert (await feed.read(0, through=2)).through == 2


async def test_through_stops_a_page(desk: Desk) -> None:
    """`through` is the last sequence that is asked for; zero asks for nothing."""
    sender = await desk.department()
    for number in range(4):
        await sender.push(f"s{number}")
    page = await desk.feed(after=1, through=3)
    assert [record["sequence"] for record in page["records"]] == [2, 3]
    assert (page["through"], page["head"]) == (3, 5)
    assert (await desk.feed(through=0))["records"] == []
    beyond = await desk.feed(after=5)
    assert (beyond["records"], beyond["through"], beyond["head"]) == ([], 5, 5)


async def test_an_entry_says_what_a_mirror_needs(desk: Desk) -> None:
    """Without `state` an entry carries sequence, item, version, change and hash, and no text."""
    sender = await desk.department()
    outcome = await sender.push("s")
    [entry] = (await desk.feed(after=1))["records"]
    assert (entry["sequence"], entry["item_id"], entry["version"]) == (2, outcome["item_id"], 1)
    assert (entry["change"], entry["state"], entry["url"]) == ("major", "published", outcome["url"])
    assert len(entry["sha256"]) == 64
    assert not {"event", "body"} & set(entry)


async def test_with_state_it_is_the_event_as_it_was_sent(desk: Desk) -> None:
    """With `state=1` the full event is there, with sequence and epoch, and its hash holds."""
    sender = await desk.department()
    await sender.push("s")
    page = await desk.feed(after=1, state=1)
    [entry] = page["records"]
    event = parse_record(to_json(entry["event"]))
    assert isinstance(event, RecordEvent)
    assert (event.data.sequence, str(event.data.epoch)) == (2, page["epoch"])
    state = {k: v for k, v in entry["event"]["data"].items() if k not in ("sequence", "epoch")}
    assert sha256(to_json(state)).hexdigest() == entry["sha256"]


@pytest.mark.parametrize("kind", ["withdrawn", "gone", "redirect", "vanish"])
async def test_a_tombstone_hides_the_versions_before_it(desk: Desk, kind: str) -> None:
    """After a withdrawal only the tombstone is in the feed, and `through` passes the hidden ones."""
    sender = await desk.department()
    await sender.push("s", data(title="泄露的标题"))
    await sender.push("s", data(title="泄露的标题二"))
    await sender.push("t")
    more = {"redirect_to": f"{sender.code}/t"} if kind == "redirect" else {}
    await sender.withdraw("s", kind, **more)
    page = await desk.feed(state=1)
    assert items(page) == [("t", 1, "published"), ("s", 3, kind)]
    # a text that must go before it was ever sent is given no number at all
    assert page["through"] == page["head"] == (3 if kind == "vanish" else 5)
    if kind != "withdrawn":
        assert "泄露" not in str(page)
    assert (await desk.feed(after=1, limit=2))["through"] == 3


async def test_what_was_withdrawn_stays_out_when_it_is_published_anew(desk: Desk) -> None:
    """A new version after a withdrawal does not bring the earlier ones back into the feed."""
    sender = await desk.department()
    await sender.push("s", data(title="泄露的标题"))
    await sender.withdraw("s", "gone")
    await sender.push("s", data(title="改正后的标题"))
    page = await desk.feed(state=1)
    assert items(page) == [("s", 2, "gone"), ("s", 3, "published")]
    assert "泄露" not in str(page)


async def test_caches_keep_a_full_page_for_a_minute_only(desk: Desk) -> None:
    """A withdrawal reaches readers behind caches within a minute; the newest page is always asked for."""
    sender = await desk.department()
    await sender.push("s")
    await desk.number_the_record()
    full = await desk.client.get("/api/records", params={"limit": 1})
    newest = await desk.client.get("/api/records", params={"after": 1, "limit": 5})
    assert full.headers["cache-control"] == "public, max-age=60"
    assert newest.headers["cache-control"] == "no-cache"


async def test_a_projection_reads_pages_and_head(desk: Desk, feed: RecordFeed) -> None:
    """`RecordFeed` gives events as bytes that parse, what the page covers, and the head."""
    sender = await desk.department()
    for number in range(5):
        await sender.push(f"s{number}")
    await desk.number_the_record()
    epoch, head = await feed.head()
    assert head == 6
    page = await feed.read(1, limit=2)
    assert (page.epoch, page.after, page.through, page.head) == (epoch, 1, 3, 6)
    assert [parse_record(raw).data.sequence for raw in page.events] == [2, 3]
    rest = await feed.read(page.through, through=5)
    assert ([parse_record(raw).data.sequence for raw in rest.events], rest.through) == ([4, 5], 5)


async def test_a_feed_that_does_not_answer_is_unreachable() -> None:
    """No server, or a server in trouble, is `FeedUnreachable` and nothing else."""
    feed = RecordFeed("http://127.0.0.1:1")
    with pytest.raises(FeedUnreachable):
        await feed.read(0)
    with pytest.raises(FeedUnreachable):
        await feed.head()
    await feed.close()
    transport = httpx.MockTransport(lambda _: httpx.Response(503))
    feed._client = httpx.AsyncClient(transport=transport, base_url="http://catalog")
    with pytest.raises(FeedUnreachable):
        await feed.read(0)
    await feed.close()
