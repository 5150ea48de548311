"""From the sender's lines to the catalog's record, over HTTP and over NATS."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from services.sender import wire as wires
from services.sender.pushing import (
    NeedsApi,
    Progress,
    Result,
    UploadRefused,
    dry_run,
    http_wire,
    push,
)
from services.sender.reading import Line, read_paths
from services.sender.wire import BATCH, CannotReach, NotAuthorised, over_nats, sending
from shared.events import intake
from shared.events.outcomes import Outcome
from tests.catalog.desk import Desk, Sender, data, open_desk
from tests.catalog.house import open_house

pytestmark = pytest.mark.timeout(120)


def line(source_id: str, sourceversion: int | None = None, **changes: Any) -> Line:
    """Return a line of an item that is published at once."""
    return Line(source_id, intake.PUBLISHED, data(**changes), sourceversion)


def withdrawal(source_id: str, sourceversion: int) -> Line:
    """Return a line of a withdrawal."""
    return Line(source_id, intake.WITHDRAWN, {"kind": "withdrawn", "reason": "有误"}, sourceversion)


@pytest.fixture
async def desk(database_url: str, tmp_path: Path) -> AsyncIterator[Desk]:
    """Open a catalog with an empty record."""
    async with open_desk(database_url, tmp_path / "blobs") as opened:
        yield opened


@pytest.fixture
async def sender(desk: Desk) -> Sender:
    """Add a department whose key the client carries."""
    found = await desk.department()
    desk.client.headers.update(found.headers)
    return found


def outcomes(result: Result) -> list[tuple[str, str, int | None]]:
    """Return source id, outcome and version of every line."""
    return [(one.source_id, outcome.outcome, outcome.version) for one, outcome in result.outcomes]


async def over_http(sender: Sender, lines: list[Line], progress: Progress | None = None) -> Result:
    """Push over HTTP."""
    api = sender.desk.client
    return await push(
        lines,
        sender.code,
        wire=http_wire(api),
        api=api,
        visible_within=None,
        progress=progress or Progress(),
    )


# --- over HTTP


async def test_more_than_one_batch_keeps_the_order(sender: Sender) -> None:
    """Two and a half batches, with versions of one item across them, arrive in order."""
    settled: list[str] = []
    many = [line(f"s{n % 200}", n + 1, title=f"第{n}") for n in range(BATCH * 2 + 50)]
    progress = Progress(settled=lambda one, _: settled.append(one.source_id))
    result = await over_http(sender, many, progress)
    assert result.good
    assert settled == [one.source_id for one in many]
    assert await sender.versions("s0") == [1, 2]
    assert (await sender.look("s0")).json()["public"]["title"] == "第200"


async def test_pushing_again_changes_nothing(sender: Sender) -> None:
    """The same lines again are unchanged, and what a later line overtook is fine."""
    lines = [line("s", 1, title="一"), line("s", 2, title="二"), line("t")]
    first = await over_http(sender, lines)
    assert outcomes(first) == [("s", "accepted", 1), ("s", "accepted", 2), ("t", "accepted", 1)]
    again = await over_http(sender, lines)
    assert outcomes(again) == [("s", "ignored", 2), ("s", "accepted", 2), ("t", "accepted", 1)]
    assert [o.unchanged for _, o in again.outcomes] == [False, True, True]
    assert again.good


async def test_large_lines_go_in_parts_by_bytes(monkeypatch: pytest.MonkeyPatch) -> None:
    """No request is larger than the limit by more than one event, and nothing is lost or turned around."""
    monkeypatch.setattr(wires, "BATCH_BYTES", 1000)
    rows = [
        sending(line(f"s{n}", body={"format": "text", "content": "x" * (n * 100)}), "a")
        for n in range(12)
    ]
    parts = list(wires._parts(rows))
    assert [row for part in parts for row in part] == rows
    assert len(parts) > 1
    assert all(len(part) == 1 or sum(len(row.payload) for row in part) <= 1000 for part in parts)


async def test_attachments_are_uploaded_first(sender: Sender, tmp_path: Path) -> None:
    """A folder of Markdown with a file is pushed whole: the file is there before the item that names it."""
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "表.csv").write_text("村,户\n石桥,3\n", "utf-8")
    front = "title: 通告\ncatalogue: notice\nformed_on: 2026-11-20\nattachments: [{file: 表.csv}]"
    (tmp_path / "in" / "a.md").write_text(f"---\n{front}\n---\n正文\n", "utf-8")
    done: list[tuple[int, int]] = []
    result = await over_http(
        sender,
        read_paths([tmp_path / "in"]),
        Progress(uploaded=lambda now, of: done.append((now, of))),
    )
    assert outcomes(result) == [("a", "held", None)]  # no review in the file
    assert done == [(1, 1)]
    assert result.good


async def test_attachments_need_the_interface(tmp_path: Path) -> None:
    """Over NATS alone no file can be uploaded; that is said before anything is sent."""
    file = tmp_path / "a.txt"
    file.write_text("x")
    with_file = Line("s", intake.PUBLISHED, {}, files={"0" * 64: file})

    class Nothing:
        async def send(self, *_: object) -> None:
            pytest.fail("nothing may be sent")

    with pytest.raises(NeedsApi):
        await push(
            [with_file], "a", wire=Nothing(), api=None, visible_within=None, progress=Progress()
        )


async def test_a_refused_upload_is_named(sender: Sender, tmp_path: Path) -> None:
    """When the catalog does not take a file, the refusal names it."""
    file = tmp_path / "a.txt"
    file.write_text("not what the hash says")
    attached = [{"name": "a.txt", "media_type": "text/plain", "sha256": "0" * 64, "size": 1}]
    with_file = Line("s", intake.PUBLISHED, data(attachments=attached), files={"0" * 64: file})
    with pytest.raises(UploadRefused, match=r"a\.txt"):
        await over_http(sender, [with_file])
    assert (await sender.look("s")).status_code == 404


async def test_a_wrong_key_is_said(desk: Desk, sender: Sender) -> None:
    """A key that is none is `NotAuthorised`, for sending and for a dry run."""
    desk.client.headers["Authorization"] = "Bearer ogk_wrong"
    with pytest.raises(NotAuthorised):
        await over_http(sender, [line("s")])
    with pytest.raises(NotAuthorised):
        await dry_run([line("s")], sender.code, desk.client, Progress())


async def test_what_is_no_answer_of_ours_is_said() -> None:
    """A server that refuses a batch, or is none of ours, is `CannotReach` with its sentence."""
    transport = httpx.MockTransport(lambda _: httpx.Response(415, json={"title": "别的"}))
    async with httpx.AsyncClient(transport=transport, base_url="http://x") as client:
        with pytest.raises(CannotReach, match="别的"):
            await http_wire(client).send([line("s")], "a", lambda *_: None)


async def test_a_dry_run_tells_and_stores_nothing(sender: Sender) -> None:
    """Each line is judged by itself; odd source ids are addressed as they are; nothing is stored."""
    lines = [line("a?b#c%20d/e"), line("b", title=""), withdrawal("c", 1)]
    result = await dry_run(lines, sender.code, sender.desk.client, Progress())
    assert [(one.source_id, outcome.outcome) for one, outcome in result.outcomes] == [
        ("a?b#c%20d/e", "accepted"),
        ("b", "rejected"),
        ("c", "accepted"),
    ]
    assert result.outcomes[0][1].source_id == "a?b#c%20d/e"
    assert not result.good
    assert await sender.desk.rows("SELECT * FROM catalog.item") == []


async def test_a_dry_run_tells_what_the_revision_will_do(sender: Sender) -> None:
    """An older line is ignored, an equal one with other content a conflict, a higher one is fine: as the push would be."""
    await over_http(sender, [line("s", 5, title="五")])
    lines = [line("s", 4, title="四"), line("s", 5, title="别"), line("s", 5, title="五")]
    lines += [line("s", 6, title="六"), withdrawal("s", 3)]
    result = await dry_run(lines, sender.code, sender.desk.client, Progress())
    assert [outcome.outcome for _, outcome in result.outcomes] == [
        "ignored",
        "rejected",
        "accepted",
        "accepted",
        "ignored",
    ]
    assert [p.code for p in result.outcomes[1][1].problems] == ["conflict"]
    assert result.outcomes[2][1].unchanged
    assert await sender.versions("s") == [1]


async def test_waiting_ends_when_page_and_hit_show_it(sender: Sender) -> None:
    """A line counts as visible when publisher and search have both shown its version; else it is named in time."""
    api = sender.desk.client
    await over_http(sender, [line("s?", 1)])
    lines = [line("s?", 1), line("t", 1)]
    result = await push(
        lines, sender.code, wire=http_wire(api), api=api, visible_within=0.3, progress=Progress()
    )
    assert set(result.invisible) == {"s?", "t"}
    assert not result.good
    await sender.desk.rows(
        "INSERT INTO catalog.visible SELECT p, item_id, version, now() FROM catalog.item, "
        "unnest(ARRAY['publisher', 'search']) AS p RETURNING 1"
    )
    shown: list[tuple[int, int]] = []
    progress = Progress(visible=lambda done, of: shown.append((done, of)))
    again = await push(
        lines, sender.code, wire=http_wire(api), api=api, visible_within=10, progress=progress
    )
    assert again.good
    assert shown[-1] == (2, 2)


# --- over NATS


async def test_over_nats_only_outcomes_count(
    database_url: str, nats_url: str, tmp_path: Path
) -> None:
    """Items, versions, a bad line and a withdrawal: each line ends with its outcome, versions in order; twice is once."""
    async with open_house(database_url, nats_url, tmp_path / "blobs") as house:
        sender = await house.desk.department()
        lines = [
            line("s", 1, title="一"),
            *(line(f"n{n}") for n in range(20)),
            line("s", 2, title="二"),
            line("bad", title=""),
            withdrawal("s", 3),
        ]
        async with over_nats(nats_url, sender.code) as wire:
            result = await push(
                lines, sender.code, wire=wire, api=None, visible_within=None, progress=Progress()
            )
            found = outcomes(result)
            assert [one.source_id for one, _ in result.outcomes] == [one.source_id for one in lines]
            assert [row for row in found if row[0] == "s"] == [
                ("s", "accepted", 1),
                ("s", "accepted", 2),
                ("s", "accepted", 3),
            ]
            assert ("bad", "rejected", None) in found
            assert not result.good
            again = await push(
                lines[1:21],
                sender.code,
                wire=wire,
                api=None,
                visible_within=None,
                progress=Progress(),
            )
            assert all(outcome.unchanged for _, outcome in again.outcomes)
            assert again.good


async def test_no_nats_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    """A server that is not there is `CannotReach` soon, and no password stands in the message."""
    monkeypatch.setattr(wires, "FIRST_PATIENCE", 0.5)
    with pytest.raises(CannotReach) as refused:
        async with over_nats("nats://user:secret@127.0.0.1:1", "a"):
            pass
    assert "secret" not in refused.value.detail


# --- what counts as good


def judged(*rows: tuple[str, int | None, str], invisible: list[str] | None = None) -> bool:
    """Return whether a push with these lines (source id, sourceversion, outcome) ended well."""
    found = [
        (
            Line(source_id, intake.PUBLISHED, {}, version),
            Outcome.model_validate({"id": "x", "outcome": outcome}),
        )
        for source_id, version, outcome in rows
    ]
    return Result(found, invisible or []).good


@pytest.mark.parametrize("outcome", ["accepted", "scheduled", "held"])
def test_what_was_taken_is_good(outcome: str) -> None:
    """Accepted, scheduled and held end well."""
    assert judged(("s", None, outcome))


def test_what_was_refused_or_overtaken_by_others_is_not() -> None:
    """A rejection, an ignored line that no line of this push overtook, or an invisible item does not end well."""
    assert not judged(("s", None, "accepted"), ("t", None, "rejected"))
    assert not judged(("s", 1, "ignored"))
    assert not judged(("s", 2, "accepted"), ("t", 1, "ignored"))
    assert judged(("s", 1, "ignored"), ("s", 2, "accepted"))
    assert not judged(("s", 2, "ignored"), ("s", 1, "accepted"))
    assert not judged(("s", None, "accepted"), invisible=["s"])
    assert judged()


async def test_a_stream_that_is_gone_is_a_sentence(
    nats_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where nobody makes the stream again the push ends with what to do, not with a trace."""
    monkeypatch.setattr("services.sender.wire.TAKEN_WITHIN", 1.0)
    line = Line("n", intake.PUBLISHED, data())
    async with over_nats(nats_url, "roads") as wire:
        with pytest.raises(CannotReach, match="push again later"):
            await wire.send([line], "roads", lambda *_: None)
