"""The whole site at once: the pages of 10,000 items by two workers beside Hugo on the same pages. Goal: at most 1.0 × Hugo's time.

Hugo (0.165 was used; `go install github.com/gohugoio/hugo@v0.165.0`) is found on the PATH or named by `HUGO`. Both write the same
three files of an item (page, JSON, version page) and no list. Hugo reads the finished bodies from files, has templates made of one
of our own pages, uses both cores and syncs nothing; ours reads the database and syncs to the disk. The build of the whole tree,
lists and feeds included, is reported beside. Bodies and rates are of this machine: quote the ratio.
"""

from __future__ import annotations

import asyncio
import html
import json
import os
import shutil
import subprocess
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from datetime import UTC, datetime
from multiprocessing import get_context
from pathlib import Path
from uuid import UUID
from zoneinfo import ZoneInfo

from rich.progress import track
from rich.table import Table
from sqlalchemy import text

from benchmarks.harness import PAIRS, console, event, folder, keep, postgres, row
from services.catalog.actions.accept_items import accept_items
from services.catalog.actions.add_department import NewDepartment, add_department
from services.catalog.actions.prepare_events import Received, prepare_events
from services.catalog.doors import open_doors
from services.catalog.numbering import DEFAULT_RULE
from services.catalog.reading import Sender
from services.publisher.actions.build_trees import begin_tree, first_tree
from services.publisher.files.items import item_files
from services.publisher.inbox import on_record
from services.publisher.pages import paths
from services.publisher.reads.frame import Surroundings, site_view
from services.publisher.reads.item_pages import item_parts
from services.publisher.renderer import Renderer
from services.publisher.store import FolderStore
from shared.db import Database
from shared.events.record import ItemState, parse_record
from shared.outbox import with_sequence

ITEMS = int(os.environ.get("BENCH_ITEMS", "10000"))
BATCH = 250
GROUP = 64
"""Items that are written, and synced, together: what the renderer takes at a time."""
AROUND = Surroundings("https://www.bench.test")
HUGO = os.environ.get("HUGO") or shutil.which("hugo")
ZONE = ZoneInfo("Asia/Shanghai")


def main() -> None:
    """Fill a database, then build its pages in turns with Hugo."""
    with folder() as path, postgres(path / "pg") as url:
        ids = asyncio.run(_fill(url, path))
        ours, theirs = [], []
        with ProcessPoolExecutor(2, mp_context=get_context("spawn")) as workers:
            list(workers.map(_warm, [url] * 2))
            if HUGO:
                asyncio.run(_hugo_site(url, ids, path / "hugo"))
            for number in track(range(PAIRS), "building", console=console):
                site = path / f"site{number}"
                # nothing is removed in between: ext4 makes files many times slower after that
                ours.append(_timed(lambda site=site: _build(workers, url, ids, site)))  # type: ignore[misc]
                if HUGO:
                    built = path / f"hugo{number}"
                    theirs.append(_timed(lambda built=built: _run_hugo(path / "hugo", built)))  # type: ignore[misc]
                    _check(built)
            whole = _timed(lambda: _build_tree(workers, url, path / "tree"))
    _show(ours, theirs, whole)


def _timed(work: Callable[[], object]) -> float:
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


# --- the record, by the way that every item takes


async def _fill(url: str, path: Path) -> list[UUID]:
    catalog, publisher = Database(url, "catalog", size=1), Database(url, "publisher", size=1)
    store = FolderStore(path / "first")
    await first_tree(publisher.sessions, store, digest="bench")
    now = datetime.now(UTC)
    doors = open_doors(timezone=str(ZONE), index_number_rule=DEFAULT_RULE, blobs=path / "blobs")
    async with catalog.sessions.begin() as session:
        await add_department(session, NewDepartment(code="bench"), now=now)
    for start in track(range(0, ITEMS, BATCH), "accepting", console=console):
        received = [Received(event(n), "bench") for n in range(start, min(start + BATCH, ITEMS))]
        read = prepare_events(received, {"bench": Sender()}, now=now)
        async with catalog.sessions.begin() as session:
            await accept_items(session, read, now=now, doors=doors)
    await _hear(catalog, publisher)
    async with publisher.sessions() as session:
        ids = (await session.execute(text("SELECT item_id FROM publisher.item"))).scalars().all()
    await catalog.close()
    await publisher.close()
    store.close()
    return list(ids)


async def _hear(catalog: Database, publisher: Database) -> None:
    """Give the publisher what the catalog's outbox says."""
    async with catalog.sessions() as session:
        head = (await session.execute(text("SELECT epoch FROM catalog.head"))).scalar_one()
        rows = (
            await session.execute(
                text("SELECT body FROM catalog.outbox WHERE stream = 'RECORD' ORDER BY outbox_id")
            )
        ).scalars().all()  # fmt: skip
    events = [
        parse_record(with_sequence(body.encode(), number, head))
        for number, body in enumerate(rows, start=1)
    ]
    for start in track(range(0, len(events), BATCH), "hearing", console=console):
        async with publisher.sessions.begin() as session:
            await on_record(events[start : start + BATCH], session, datetime.now(UTC), zone=ZONE)


# --- ours


def _warm(url: str) -> None:
    """Import and compile what a running publisher has ready."""
    asyncio.run(_warmed(url))


async def _warmed(url: str) -> None:
    db = Database(url, "publisher", size=1)
    async with db.sessions() as session:
        site = await site_view(session, AROUND)
        one = (await session.execute(text("SELECT item_id FROM publisher.item LIMIT 1"))).scalars()
        for parts in (await item_parts(session, list(one))).values():
            item_files(parts, site)
    await db.close()


def _build(workers: ProcessPoolExecutor, url: str, ids: list[UUID], site: Path) -> None:
    FolderStore(site).begin(1)
    list(workers.map(_pages, [url] * 2, [ids[::2], ids[1::2]], [site] * 2))


def _pages(url: str, ids: list[UUID], site: Path) -> None:
    asyncio.run(_write_pages(url, ids, site))


async def _write_pages(url: str, ids: list[UUID], folder_of_site: Path) -> None:
    db, store = Database(url, "publisher", size=1), FolderStore(folder_of_site)
    async with db.sessions() as session:
        site = await site_view(session, AROUND)
        for start in range(0, len(ids), GROUP):
            files: dict[str, bytes | None] = {}
            for parts in (await item_parts(session, ids[start : start + GROUP])).values():
                files |= item_files(parts, site)
            store.write(1, files)
    store.close()
    await db.close()


def _build_tree(workers: ProcessPoolExecutor, url: str, site: Path) -> None:
    """Build everything there is into a new tree, as `gazette rebuild publisher` does, with two copies."""
    asyncio.run(_begin(url, site))
    list(workers.map(_render, [url] * 2, [site] * 2))


async def _begin(url: str, site: Path) -> None:
    db, store = Database(url, "publisher", size=1), FolderStore(site)
    async with db.sessions.begin() as session:
        await session.execute(text("DELETE FROM publisher.dirty"))
    await begin_tree(db.sessions, store, digest="whole")
    store.close()
    await db.close()


def _render(url: str, site: Path) -> None:
    asyncio.run(_drain(url, site))


async def _drain(url: str, site: Path) -> None:
    db, store = Database(url, "publisher"), FolderStore(site)
    await Renderer(db.sessions, store, AROUND).drain()
    store.close()
    await db.close()


# --- Hugo's


async def _hugo_site(url: str, ids: list[UUID], site: Path) -> None:
    """Write the same items as Hugo's content, and one of our pages as its template."""
    (site / "content").mkdir(parents=True)
    (site / "layouts" / "_default").mkdir(parents=True)
    settings = {
        "baseURL": AROUND.site_url,
        "disableKinds": ["taxonomy", "term", "home", "section", "rss", "sitemap", "404"],
        "markup": {"goldmark": {"renderer": {"unsafe": True}}},
        "security": {"allowContent": ["text/html"]},  # by default it refuses content in HTML
    }
    (site / "hugo.json").write_text(json.dumps(settings))
    (site / "layouts" / "_default" / "single.json").write_text("{{ .Params.public }}\n")
    db = Database(url, "publisher", size=1)
    async with db.sessions() as session:
        surroundings = await site_view(session, AROUND)
        for start in range(0, len(ids), GROUP):
            found = await item_parts(session, ids[start : start + GROUP])
            for number, parts in enumerate(found.values(), start=start):
                state = ItemState.model_validate_json(parts.state)
                _write_content(site, number, state, parts.sha256)
                if number == 0:
                    files = item_files(parts, surroundings)
                    _write_layout(site, "single.html", files[state.url], state, parts.sha256)
                    version = files[paths.version(state.url, 1)]
                    _write_layout(site, "version.html", version, state, parts.sha256)
    await db.close()


def _facts(state: ItemState, sha256: str) -> dict[str, str]:
    return {
        "sha256": sha256,
        "itemid": str(state.item_id),
        "title": state.title or "",
        "summary": state.summary or "",
        "number": state.document_number or "",
        "indexnumber": state.index_number or "",
        "sourceid": state.source_id,
        "url": state.url,
    }


def _write_content(site: Path, number: int, state: ItemState, sha256: str) -> None:
    """Write what Hugo makes an item's page, its JSON and its version's page of."""
    body = state.body.content if state.body else ""
    facts = _facts(state, sha256)
    public = state.model_dump_json(indent=1)
    page = facts | {"outputs": ["html", "json"], "public": public}
    version = facts | {"url": paths.version(state.url, 1), "layout": "version"}
    for name, head in ((f"{number}.html", page), (f"{number}-v1.html", version)):
        text = f"{json.dumps(head, ensure_ascii=False, indent=1)}\n{body}"
        (site / "content" / name).write_text(text, encoding="utf-8")


def _write_layout(site: Path, name: str, page: bytes | None, state: ItemState, sha256: str) -> None:
    """Turn *page* into a template: what belongs to the item becomes a parameter."""
    layout = (page or b"").decode().replace("{{", '{{ "{{" }}')
    if state.body:
        layout = layout.replace(state.body.content, "{{ .Content }}")
    for key, value in _facts(state, sha256).items():
        if len(value) > 3:
            layout = layout.replace(html.escape(value), f"{{{{ .Params.{key} }}}}")
    (site / "layouts" / "_default" / name).write_text(layout, encoding="utf-8")


def _run_hugo(site: Path, built: Path) -> None:
    subprocess.run([str(HUGO), "--quiet", "--destination", str(built)], cwd=site, check=True)


def _check(built: Path) -> None:
    """Make sure that Hugo built what it was given."""
    pages, data = (sum(1 for _ in built.rglob(f"index.{kind}")) for kind in ("html", "json"))
    if (pages, data) != (2 * ITEMS, ITEMS):
        raise RuntimeError(f"Hugo built {pages} pages and {data} JSON files of {ITEMS} items")


def _show(ours: list[float], theirs: list[float], whole: float) -> None:
    table = Table("", "min", "median", "max", title=f"{ITEMS:,} items", title_justify="left")
    table.add_row("items, two workers, s", *row(ours, "{:,.2f}"))
    if theirs:
        table.add_row("Hugo, s", *row(theirs, "{:,.2f}"))
        ratios = [a / b for a, b in zip(ours, theirs, strict=True)]
        table.add_row(f"ratio, {len(ratios)} pairs — goal ≤ 1.0", *row(ratios, "{:,.2f}"))
    else:
        table.caption = "no Hugo on the PATH: nothing to compare with"
    table.add_row("whole tree with lists and feeds, s", "", f"{whole:,.1f}", "")
    console.print(table)
    keep("site", items=ITEMS, ours=ours, hugo=theirs, whole=whole)


if __name__ == "__main__":
    main()
