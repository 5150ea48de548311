"""A small record to try the publisher with: events as the catalog would say them."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid5

from shared.events.record import (
    DEPARTMENT,
    PUBLISHED,
    SITE,
    UPDATED,
    WITHDRAWN,
    AnyRecord,
    parse_record,
)

EPOCH = UUID("00000000-0000-7000-8000-000000000001")
SPACE = UUID("00000000-0000-7000-8000-0000000000ff")
START = datetime(2026, 11, 2, 1, 0, tzinfo=UTC)
STEP = timedelta(minutes=7)

CATALOGUE = {
    "entries": [
        {"code": code, "names": {"zh-Hans": name}, "frequency": frequency, "hidden": hidden}
        for code, name, frequency, hidden in [
            ("organisation", "机构职能", "on_change", False),
            ("regulation", "法规文件", "real_time", False),
            ("regulation.normative", "规范性文件", "real_time", False),
            ("interpretation", "政策解读", "on_change", False),
            ("statistics", "统计信息", "monthly", False),
            ("notice", "公示公告", "real_time", False),
            ("news", "工作动态", "biweekly", True),
            ("guide", "公开指南", "on_change", False),
            ("annual-report", "公开年报", "yearly", False),
        ]
    ]
}


def item_id(department: str, source_id: str) -> UUID:
    """Return the id that an item has in every run."""
    return uuid5(SPACE, f"{department}/{source_id}")


@dataclass
class World:
    """A record that grows: each call returns the event that the catalog would say."""

    now: datetime = START
    sequence: int = 0
    serial: int = 0
    states: dict[str, dict[str, Any]] = field(default_factory=dict)
    versions: dict[str, int] = field(default_factory=dict)
    events: list[AnyRecord] = field(default_factory=list)

    def publish(self, department: str, source_id: str, **data: Any) -> AnyRecord:
        """Publish an item, or its next version."""
        key = f"{department}/{source_id}"
        before = self.states.get(key)
        change = data.pop("change", "major" if before is None else "minor")
        state = {
            "title": f"关于{source_id}的通知",
            "catalogue": "notice",
            "formed_on": "2026-11-01",
            **data,
        }
        state.setdefault("body", {"format": "html", "content": f"<p>正文{source_id}。</p>"})
        return self._next(department, source_id, before, change, {"state": "published", **state})

    def withdraw(
        self, department: str, source_id: str, kind: str = "withdrawn", **data: Any
    ) -> AnyRecord:
        """Withdraw an item."""
        before = self.states[f"{department}/{source_id}"]
        kept = {
            "withdrawn": ("title", "catalogue", "formed_on", "language", "first_published_on"),
            "vanish": (),
        }.get(kind, ("catalogue", "language"))
        state = {name: before[name] for name in kept if name in before}
        if kind == "vanish":
            at = (self.now + STEP).isoformat()
            sealed = ("version", "change")
            history = [
                {name: entry[name] for name in sealed} | {"at": at, "sealed": True}
                for entry in before["history"]
            ]
            before = before | {"history": history}
            state |= {"catalogue": "other", "published_at": at, "index_number": None}
        return self._next(
            department,
            source_id,
            before,
            "withdrawal",
            {"state": kind, "reason": "内容有误", **state, **data},
        )

    def _next(
        self,
        department: str,
        source_id: str,
        before: dict[str, Any] | None,
        change: str,
        state: dict[str, Any],
    ) -> AnyRecord:
        self._tick()
        at = self.now.isoformat()
        version = before["version"] + 1 if before else 1
        if before is None:
            self.serial += 1
        told = change in {"major", "withdrawal"} or before is None
        entry = {"version": version, "at": at, "change": change, "note": state.get("change_note")}
        full = {
            "item_id": str(item_id(department, source_id)),
            "source_id": source_id,
            "department": {"code": department, "names": {"zh-Hans": f"{department}局"}},
            "version": version,
            "notice_version": version if told else before["notice_version"] if before else version,
            "change": change,
            "history": [*(before["history"] if before else []), entry],
            "index_number": before["index_number"]
            if before
            else f"{department}-2026-{self.serial:05}",
            "url": before["url"] if before else f"/{department}/2026/{self.serial}/",
            "published_at": before["published_at"] if before else at,
            "updated_at": at,
            **state,
        }
        self.states[f"{department}/{source_id}"] = full
        kind = (
            WITHDRAWN if state["state"] != "published" else PUBLISHED if before is None else UPDATED
        )
        return self._said(kind, f"/departments/{department}", full)

    def body(self, code: str, **state: Any) -> AnyRecord:
        """Say the state of a body."""
        self._tick()
        version = self.versions[code] = self.versions.get(code, 0) + 1
        full = {"code": code, "version": version, "names": {"zh-Hans": f"{code}局"}, **state}
        return self._said(DEPARTMENT, f"/departments/{code}", full)

    def site(self, key: str, value: dict[str, Any]) -> AnyRecord:
        """Say the state of a list of the whole site."""
        self._tick()
        version = self.versions[f"_site.{key}"] = self.versions.get(f"_site.{key}", 0) + 1
        return self._said(SITE, "/site", {"key": key, "version": version, "value": value})

    def day(self, day: str, at: str | None = None) -> AnyRecord:
        """Let a day begin."""
        return self.site(
            "day",
            {"today": day, "at": at or f"{day}T00:00:00+08:00", "cause": "midnight", "items": []},
        )

    def _tick(self) -> None:
        self.now += STEP

    def _said(self, kind: str, source: str, data: dict[str, Any]) -> AnyRecord:
        self.sequence += 1
        digest = hashlib.sha256(json.dumps(data, sort_keys=True).encode()).hexdigest()
        event = parse_record(
            json.dumps(
                {
                    "specversion": "1.0",
                    "id": f"event-{self.sequence}",
                    "source": source,
                    "type": kind,
                    "statesha256": digest,
                    "data": {**data, "sequence": self.sequence, "epoch": str(EPOCH)},
                }
            ).encode()
        )
        self.events.append(event)
        return event
