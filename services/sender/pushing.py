"""Push lines: upload what they refer to, send them, wait until they are accepted or visible."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import quote

import httpx
import stamina

from services.sender.reading import Line
from services.sender.wire import CannotReach, HttpWire, NotAuthorised, Wire, problem_of
from shared.errors import Problem, Refused
from shared.events import intake
from shared.events.outcomes import Outcome

PROJECTIONS = ("publisher", "search")
FINE = ("accepted", "scheduled", "held")


class NeedsApi(Refused):
    """附件、试运行和等待公开都要经过 HTTP 接口。 / Attachments, a dry run and waiting need the HTTP interface."""


class UploadRefused(Refused):
    """附件没有收下。 / The attachment was refused."""


@dataclass
class Progress:
    """What is told while it goes on."""

    settled: Callable[[Line, Outcome], None] = lambda _line, _outcome: None
    uploaded: Callable[[int, int], None] = lambda _done, _all: None
    visible: Callable[[int, int], None] = lambda _done, _all: None


@dataclass
class Result:
    """Every line with its outcome, in the order of the lines."""

    outcomes: list[tuple[Line, Outcome]] = field(default_factory=list)
    invisible: list[str] = field(default_factory=list)
    """Source ids that were accepted and not visible in time."""

    @property
    def good(self) -> bool:
        """Say whether all are accepted, scheduled, held or unchanged; what a later line overtook counts as well."""
        newest = {line.source_id: line.sourceversion or 0 for line, _ in self.outcomes}
        for line, _ in self.outcomes:
            newest[line.source_id] = max(newest[line.source_id], line.sourceversion or 0)
        overtaken = (
            outcome.outcome == "ignored" and newest[line.source_id] > (line.sourceversion or 0)
            for line, outcome in self.outcomes
        )
        fine = (outcome.outcome in FINE for _, outcome in self.outcomes)
        return not self.invisible and all(a or b for a, b in zip(fine, overtaken, strict=True))


async def push(
    lines: Sequence[Line],
    department: str,
    *,
    wire: Wire,
    api: httpx.AsyncClient | None,
    visible_within: float | None,
    progress: Progress,
) -> Result:
    """Push *lines* of one department; *visible_within* seconds are waited for page and hit (None: not at all)."""
    await upload(lines, api, progress)
    found: dict[int, Outcome] = {}
    order = {id(line): number for number, line in enumerate(lines)}

    def heard(line: Line, outcome: Outcome) -> None:
        found[order[id(line)]] = outcome
        progress.settled(line, outcome)

    await wire.send(lines, department, heard)
    result = Result([(lines[number], found[number]) for number in sorted(found)])
    if visible_within is not None and api is not None:
        result.invisible = await wait_visible(
            result, department, api, within=visible_within, progress=progress
        )
    return result


async def upload(lines: Sequence[Line], api: httpx.AsyncClient | None, progress: Progress) -> None:
    """Upload every attachment once; raises `UploadRefused`, `NeedsApi`."""
    files = {sha: path for line in lines for sha, path in line.files.items()}
    kinds = {
        a["sha256"]: a["media_type"]
        for line in lines
        for a in line.data.get("attachments") or []
        if "sha256" in a
    }
    if files and api is None:
        raise NeedsApi(
            "有附件：请加 --api 和 --key。 / There are attachments: give --api and --key."
        )
    for number, (sha, path) in enumerate(files.items(), start=1):
        if api is not None:
            await _upload_one(api, sha, path, kinds[sha])
        progress.uploaded(number, len(files))


async def _upload_one(api: httpx.AsyncClient, sha: str, path: Path, kind: str) -> None:
    async def content() -> AsyncIterator[bytes]:
        with path.open("rb") as file:
            while chunk := await asyncio.to_thread(file.read, 1 << 18):
                yield chunk

    answer = httpx.Response(503)
    async for attempt in stamina.retry_context(on=httpx.TransportError, attempts=5):
        with attempt:
            answer = await api.put(
                f"/api/blobs/{sha}", content=content(), headers={"Content-Type": kind}
            )
    if answer.status_code in (401, 403):
        raise NotAuthorised(problem_of(answer))
    if answer.status_code != 201:
        problems = [Problem.model_validate(p) for p in answer.json().get("problems", [])]
        raise UploadRefused(f"{path}: {problem_of(answer)}", problems)


async def wait_visible(
    result: Result, department: str, api: httpx.AsyncClient, *, within: float, progress: Progress
) -> list[str]:
    """Wait until page and index show each accepted version; return the source ids that are not visible in time."""
    wanted: dict[str, int] = {}
    for line, outcome in result.outcomes:
        if outcome.outcome == "accepted" and outcome.version:
            wanted[line.source_id] = max(outcome.version, wanted.get(line.source_id, 0))
    total, left = len(wanted), dict(wanted)
    deadline = asyncio.get_running_loop().time() + within
    while left and asyncio.get_running_loop().time() < deadline:
        before = len(left)
        for source_id in list(left):
            if not await _is_visible(api, department, source_id, left[source_id]):
                break
            del left[source_id]
            progress.visible(total - len(left), total)
        if len(left) == before:
            await asyncio.sleep(0.05)
            left = {**dict(list(left.items())[1:]), **dict(list(left.items())[:1])}
    return list(left)


def _address(department: str, source_id: str) -> str:
    """Return the path of an item; a source id may hold `?`, `#` and `%`."""
    return f"/api/items/{department}/{quote(source_id)}"


async def _is_visible(
    api: httpx.AsyncClient, department: str, source_id: str, version: int
) -> bool:
    answer = await api.get(_address(department, source_id))
    if answer.status_code != 200:
        return False
    delivery = answer.json().get("delivery", {})
    return all(
        any(seen["version"] >= version for seen in delivery.get(name, [])) for name in PROJECTIONS
    )


async def dry_run(
    lines: Sequence[Line], department: str, api: httpx.AsyncClient, progress: Progress
) -> Result:
    """Have each line validated against what the record holds; nothing is stored, nothing is uploaded."""
    result = Result()
    for line in lines:
        method = "DELETE" if line.type == intake.WITHDRAWN else "PUT"
        answer = await api.request(
            method,
            _address(department, line.source_id),
            params={"dry_run": 1}
            | ({"sourceversion": line.sourceversion} if line.sourceversion else {}),
            json=line.data,
        )
        if answer.status_code in (401, 403):
            raise NotAuthorised(problem_of(answer))
        if "results" not in answer.json():
            raise CannotReach(problem_of(answer))
        outcome = Outcome.model_validate(answer.json()["results"][0])
        problems = [
            p for p in outcome.problems if not (p.code == "unknown_attachment" and line.files)
        ]
        if outcome.outcome == "rejected" and not problems:
            outcome = outcome.model_copy(update={"outcome": "accepted"})
        if line.hold and outcome.outcome in FINE and not outcome.unchanged:
            because = list(dict.fromkeys([*line.hold, *outcome.held_because]))
            outcome = outcome.model_copy(update={"outcome": "held", "held_because": because})
        outcome = outcome.model_copy(update={"problems": problems})
        result.outcomes.append((line, outcome))
        progress.settled(line, outcome)
    return result


def http_wire(api: httpx.AsyncClient) -> Wire:
    """Return the HTTP way over *api*."""
    return HttpWire(api)
