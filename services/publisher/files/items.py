"""The files of one item: its page, its versions, its JSON, or the notice that stands in its place."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from typing import Any

from pydantic_core import to_json

from services.publisher.pages import paths, render
from services.publisher.pages.views import ItemView, NoticeView, Related, SiteView, VersionView
from services.publisher.rules.items import visible_versions
from shared.events.record import DepartmentState, ItemState
from shared.web.frame import frame_language

Files = dict[str, bytes | None]

GONE_MARKER = "status"
"""Stands beside a notice's page and holds 410: the status that web servers answer with."""
GONE = b"410\n"
REDIRECT_MARKER = ".redirect"
"""Holds the address that web servers may lead to at once."""
_SAFE = re.compile(r"(/(?!/)|https?://)[^\s\\]+$")


def item_files(parts: Any, site: SiteView) -> Files:
    """Return path → content of everything below the url of *parts* (`reads.item_pages.ItemParts`)."""
    state = ItemState.model_validate_json(parts.state)
    body = DepartmentState.model_validate_json(parts.department) if parts.department else None
    if state.state != "published":
        return _notice_files(parts, state, body, site)
    kept = visible_versions(
        ((row.version, row.standing, row.state is not None) for row in parts.versions), state
    )
    lang = frame_language(state.language)
    view = ItemView(
        state=state,
        sha256=parts.sha256,
        department=body,
        relations=_related(parts.relations),
        back_links=_related(_acting(parts.back_links, state)),
        versions_kept=tuple(kept),
    )
    files = {
        state.url: render.render_item(view, lang, site).encode(),
        paths.item_json(state.url): state_json(parts),
    }
    return files | _version_files(parts, state, body, kept, site)


def _acting(back_links: Iterable[Any], state: ItemState) -> list[Any]:
    """Leave out what others only claim to do to this item: the record names what acts."""
    acting = {(one.type, one.source) for one in state.validity_by}
    return [
        row
        for row in back_links
        if row.type not in {"amends", "repeals", "replaces"} or (row.type, row.key) in acting
    ]


def _version_files(
    parts: Any, current: ItemState, body: DepartmentState | None, kept: list[int], site: SiteView
) -> Files:
    texts = {row.version: row for row in parts.versions if row.version in kept}
    states = {
        number: current
        if number == current.version and row.state == parts.state
        else ItemState.model_validate_json(row.state)
        for number, row in texts.items()
    }
    files: Files = {}
    for number, state in states.items():
        before = [other for other in states if other < number]
        view = VersionView(
            state=state,
            current=number == current.version,
            sha256=texts[number].sha256,
            previous=states[max(before)] if before else None,
            department=body,
        )
        page = render.render_version(view, frame_language(state.language), site)
        files[paths.version(current.url, number)] = page.encode()
    return files


def _notice_files(
    parts: Any, state: ItemState, body: DepartmentState | None, site: SiteView
) -> Files:
    view = NoticeView(
        state=state,
        department=body,
        target_title=parts.target_title,
        published_on=parts.published_on if state.state == "withdrawn" else None,
    )
    files: Files = {
        state.url: render.render_notice(view, frame_language(state.language), site).encode()
    }
    if state.state == "redirect" and state.redirect_to and _SAFE.match(state.redirect_to):
        files[state.url + REDIRECT_MARKER] = _address(state.redirect_to, site).encode() + b"\n"
    else:
        files[state.url + GONE_MARKER] = GONE
    return files


def _address(target: str, site: SiteView) -> str:
    return site.prefix + target if target.startswith("/") else target


def _related(rows: list[Any]) -> tuple[Related, ...]:
    return tuple(
        Related(
            type=row.type,
            title=row.title,
            url=row.url,
            published_on=row.day,
            document_number=row.document_number,
            effective_on=row.effective_on,
        )
        for row in rows
    )


def state_json(parts: Any) -> bytes:
    """Return the JSON beside the page: the public state, and the SHA-256 by which the record knows it."""
    state = json.loads(parts.state)
    state["statesha256"] = parts.sha256
    return to_json(state, indent=1) + b"\n"
