"""Views of the demo county's own texts, for looking at pages and for testing them without servers."""

from __future__ import annotations

import hashlib
import re
import tomllib
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from typing import Any, Literal
from uuid import UUID
from zoneinfo import ZoneInfo

import yaml

from services.catalog.cleaning import clean_body
from services.publisher.pages.views import (
    Badge,
    Correction,
    DepartmentLine,
    EntryLine,
    HomeView,
    ItemView,
    Pair,
    Related,
    Row,
    SiteView,
)
from shared.events.record import CatalogueEntry, DepartmentState, ItemState, Names, SiteSettings

ROOT = Path(__file__).resolve().parent.parent.parent
QINGHE = ROOT / "samples" / "qinghe"
TODAY = date(2026, 11, 23)
ZONE = ZoneInfo("Asia/Shanghai")
_PLACE = re.compile(r"\[\[(day|日|年月日|at)([+-]\d+)(?: (\d+:\d+))?\]\]")


def names(hans: str, hant: str | None = None, en: str | None = None) -> Names:
    """Make a name in up to three languages."""
    return Names.model_validate({"zh-Hans": hans, "zh-Hant": hant, "en": en})


def body(content: str, form: Literal["markdown", "html", "text"] = "markdown") -> str:
    """Turn a sample's text into the cleaned HTML that the record would hold."""
    return clean_body(form, content)


def _dated(text: str) -> str:
    def put(match: re.Match[str]) -> str:
        day = TODAY + timedelta(days=int(match[2]))
        if match[1] == "at":
            hour, minute = map(int, match[3].split(":"))
            return datetime.combine(day, time(hour, minute), ZONE).isoformat()
        if match[1] == "day":
            return day.isoformat()
        return (
            f"{day.year}年{day.month}月{day.day}日"
            if match[1] == "年月日"
            else f"{day.month}月{day.day}日"
        )

    return _PLACE.sub(put, text)


@dataclass
class County:
    """Everything of the sample county as the publisher would hold it."""

    site: SiteView
    departments: dict[str, DepartmentState]
    items: dict[str, list[ItemState]] = field(default_factory=dict)
    """By `<department>/<source id>`: its versions, oldest first."""

    def current(self, key: str) -> ItemState:
        """Return the newest version of an item."""
        return self.items[key][-1]

    def newest(self) -> list[ItemState]:
        """Return all items that have a row, newest first."""
        now = [versions[-1] for versions in self.items.values()]
        return sorted(now, key=lambda s: (published_on(s), s.url), reverse=True)

    def row(self, state: ItemState) -> Row:
        """Return an item's row."""
        shown = (
            state if state.title else self.items[f"{state.department.code}/{state.source_id}"][0]
        )
        return Row(
            title=shown.title or "",
            url=state.url,
            published_on=published_on(state),
            department_code=state.department.code,
            department=self.departments[state.department.code].names,
            catalogue=state.catalogue,
            genre=shown.genre,
            document_number=shown.document_number,
            language=state.language,
            badges=self._badges(state),
            attachments=len(shown.attachments),
            period=state.period,
            phone=state.contact.phone if state.contact else None,
            updated_at=state.updated_at,
        )

    def _badges(self, state: ItemState) -> tuple[Badge, ...]:
        key = f"{state.department.code}/{state.source_id}"
        found: list[Badge] = []
        if any(
            r.type == "interprets" and r.target == key for s in self.newest() for r in s.relations
        ):
            found.append("explained")
        if state.state == "withdrawn":
            found.append("withdrawn")
        elif state.version > 1:
            found.append("corrected")
        if state.validity in {"repealed", "expired"}:
            found.append("repealed" if state.validity == "repealed" else "expired")
        return tuple(found)

    def item_view(self, key: str) -> ItemView:
        """Return the view of an item's page, relations resolved both ways."""
        state = self.current(key)
        out = [self._related(r.type, r.target) for r in state.relations]
        back = [
            self._related(r.type, f"{other.department.code}/{other.source_id}")
            for other in self.newest()
            for r in other.relations
            if r.target == key
        ]
        return ItemView(
            state,
            sha256=hashlib.sha256(key.encode()).hexdigest(),
            department=self.departments[state.department.code],
            relations=tuple(r for r in out if r),
            back_links=tuple(r for r in back if r),
            versions_kept=tuple(range(1, state.version + 1)),
        )

    def _related(self, kind: Any, key: str) -> Related | None:
        if key not in self.items:
            return None
        state = self.current(key)
        return Related(
            kind,
            state.title or "",
            state.url,
            published_on(state),
            state.document_number,
            state.effective_on,
        )

    def department_lines(self) -> tuple[DepartmentLine, ...]:
        """Return all bodies with counts."""
        lines = []
        for code, state in sorted(self.departments.items(), key=lambda d: d[1].position):
            own = [s for s in self.newest() if s.department.code == code]
            lines.append(
                DepartmentLine(
                    code, state.names, state.kind, len(own), published_on(own[0]) if own else None
                )
            )
        return tuple(lines)

    def entry_lines(self, department: str | None = None) -> tuple[EntryLine, ...]:
        """Return the menu's entries with counts."""
        lines = []
        for code, entry in self.site.entries.items():
            own = [
                s
                for s in self.newest()
                if s.catalogue == code and department in {None, s.department.code}
            ]
            if not entry.hidden:
                lines.append(EntryLine(code, len(own), published_on(own[0]) if own else None))
        return tuple(lines)

    def home(self) -> HomeView:
        """Return the home page's view."""
        rows = [self.row(s) for s in self.newest()]
        noon = datetime.combine(TODAY, time(12), ZONE)
        live = [
            r
            for r in rows
            if r.period and (r.period.opens_at or noon) <= noon < (r.period.closes_at or noon)
        ]
        urgent = [r for r in live if r.catalogue == "emergency"]
        explained = [
            (self.current(r.target), s)
            for s in self.newest()
            for r in s.relations
            if r.type == "interprets" and r.target in self.items
        ]
        return HomeView(
            emergencies=tuple(urgent),
            ongoing=tuple(
                sorted(
                    (r for r in live if r not in urgent),
                    key=lambda r: str(r.period and r.period.closes_at),
                )
            ),
            latest=tuple(rows[:10]),
            pairs=tuple(Pair(self.row(policy), (self.row(how),)) for policy, how in explained[:5]),
            departments=self.department_lines(),
            entries=self.entry_lines(),
            corrections=self.corrections()[:5],
        )

    def corrections(self) -> tuple[Correction, ...]:
        """Return what was corrected or withdrawn."""
        lines = []
        for versions in self.items.values():
            state = versions[-1]
            if state.version > 1:
                lines.append(
                    Correction(
                        "corrected" if state.state == "published" else "withdrawn",
                        state.updated_at,
                        state.url,
                        state.department.code,
                        state.department.names,
                        versions[0].title,
                        state.change_note or state.reason,
                        state.version,
                    )
                )
        return tuple(sorted(lines, key=lambda line: line.at, reverse=True))


def published_on(state: ItemState) -> date:
    """Return 发布日期 of an item."""
    return state.first_published_on or state.published_at.astimezone(ZONE).date()


def load() -> County:
    """Read the sample county."""
    described = tomllib.loads((QINGHE / "site.toml").read_text("utf-8"))
    settings = SiteSettings.model_validate(described)
    standard = tomllib.loads((ROOT / "services/catalog/standard_catalogue.toml").read_text("utf-8"))
    entries = {e["code"]: CatalogueEntry.model_validate(e) for e in standard["entry"]}
    departments = {}
    for raw in tomllib.loads((QINGHE / "departments.toml").read_text("utf-8"))["department"]:
        known = {k: v for k, v in raw.items() if k not in {"policy", "history"}}
        departments[raw["code"]] = DepartmentState.model_validate({"version": 1, **known})
    site = SiteView(
        settings,
        "https://www.qinghe.example",
        entries=entries,
        genres={code: Names.model_validate(spoken) for code, spoken in standard["genre"].items()},
        topics={topic["zh-Hans"]: Names.model_validate(topic) for topic in standard["topic"]},
        today=TODAY,
        now=datetime.combine(TODAY, time(0, 0), ZONE),
        sequence=412,
        updated_at=datetime(2026, 11, 23, 3, 15, 42, tzinfo=UTC),
    )
    county = County(site, departments)
    for number, file in enumerate(sorted(QINGHE.glob("*/*.md")), 1):
        _add(county, file, number)
    return county


def _add(county: County, file: Path, number: int) -> None:
    source_id, _, revision = file.stem.partition("@")
    code = file.parent.name
    key = f"{code}/{source_id}"
    _, front, content = _dated(file.read_text("utf-8")).split("---\n", 2)
    front = re.sub(r"^old_urls:.*\n", "", front, flags=re.MULTILINE)
    data: dict[str, Any] = yaml.load(
        front, Loader=yaml.BaseLoader
    )  # numbers such as 12345 stay text
    before = county.items.get(key, [])
    day = date.fromisoformat(str(data.get("first_published_on") or data.get("formed_on") or TODAY))
    at = datetime.combine(min(day + timedelta(days=len(before)), TODAY), time(9, 5), ZONE)
    if data.get("type") == "withdrawn":
        base = before[-1].model_dump(by_alias=True, exclude={"body", "attachments"})
        base |= {"state": data["kind"], "reason": data["reason"]}
        change = "withdrawal"
    else:
        base = {
            k: v
            for k, v in data.items()
            if k not in {"attachments", "review", "remove_after", "change", "format"}
        }
        base |= {
            "body": {"content": body(content, data.get("format", "markdown"))}
            if content.strip()
            else None,
            "attachments": [_attachment(a) for a in data.get("attachments", [])],
        }
        change = data.get("change", "major" if not before else "minor")
    version = int(revision or 1)
    history = [
        *(e.model_dump() for e in (before[-1].history if before else [])),
        {
            "version": version,
            "at": at,
            "change": change,
            "note": data.get("change_note") or data.get("reason"),
        },
    ]
    department = county.departments[code]
    base |= {
        "item_id": UUID(int=int(hashlib.sha256(key.encode()).hexdigest()[:32], 16)),
        "source_id": source_id,
        "department": {"code": code, "names": department.names.model_dump(by_alias=True)},
        "version": version,
        "notice_version": version,
        "change": change,
        "history": history,
        "index_number": before[-1].index_number
        if before
        else f"QH{code[:2].upper()}-{day:%Y%m}-{number:05}",
        "url": before[-1].url if before else f"/{code}/{day.year}/{number}/",
        "published_at": before[-1].published_at if before else at,
        "updated_at": at,
        "state": base.get("state", "published"),
        "sequence": number,
    }
    base.setdefault("validity", "in_force" if data.get("document_number") else None)
    county.items.setdefault(key, []).append(ItemState.model_validate(base))


def _attachment(raw: dict[str, Any]) -> dict[str, Any]:
    name = raw.get("name") or Path(raw["file"]).name
    kinds = {
        "docx": "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
        "pdf": "application/pdf",
    }
    return {
        "name": name,
        "media_type": kinds.get(name.rpartition(".")[2], "application/octet-stream"),
        "sha256": hashlib.sha256(name.encode()).hexdigest(),
        "size": 18_432,
        "role": raw.get("role", "annex"),
        "alt": raw.get("alt"),
    }
