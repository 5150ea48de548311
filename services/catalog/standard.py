"""The standard catalogue of disclosure, the genres and the topics: data beside the code, read once.

The codes never change; `standard_catalogue.toml` holds names, basis, limits and frequencies.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

from shared.events.record import CatalogueEntry, Names

_FILE = Path(__file__).with_name("standard_catalogue.toml")


@cache
def _tables() -> dict[str, Any]:
    return tomllib.loads(_FILE.read_text(encoding="utf-8"))


@cache
def entries() -> tuple[CatalogueEntry, ...]:
    """Return the entries of the standard catalogue 政府信息公开目录, in the order of a menu."""
    return tuple(CatalogueEntry.model_validate(row) for row in _tables()["entry"])


def plain() -> list[dict[str, Any]]:
    """Return the entries as `record._site.catalogue` carries them."""
    return [entry.model_dump(mode="json", by_alias=True, exclude_none=True) for entry in entries()]


def with_own(
    standing: Sequence[Mapping[str, Any]], held: Sequence[Mapping[str, Any]]
) -> list[dict[str, Any]]:
    """Return the entries *standing* with what an operator has made of them in *held*.

    Entries that were added stay, each behind those of its parent; of one with the mark `own` names and `hidden` stay.
    """
    own = {entry["code"]: entry for entry in held}
    found = []
    for entry in standing:
        mine = own.pop(entry["code"], {})
        kept = ("names", "hidden", "own") if mine.get("own") else ()
        found.append({**entry, **{name: mine[name] for name in kept if name in mine}})
    for entry in own.values():
        above = str(entry.get("parent"))
        family = [
            place
            for place, one in enumerate(found)
            if one["code"] == above or one["code"].startswith(f"{above}.")
        ]
        found.insert(family[-1] + 1 if family else len(found), dict(entry))
    return found


@cache
def codes() -> frozenset[str]:
    """Return the codes that every department may use, whatever it switched off in its menu."""
    return frozenset(entry.code for entry in entries())


@cache
def genres() -> dict[str, Names]:
    """Return the labels of the genres 体裁; other genres are allowed and show as they are written."""
    return {code: Names.model_validate(names) for code, names in _tables()["genre"].items()}


@cache
def topics() -> dict[str, Names]:
    """Return the labels of the topics 主题分类, keyed by their Simplified names."""
    return {row["zh-Hans"]: Names.model_validate(row) for row in _tables()["topic"]}


def vocabulary() -> dict[str, dict[str, dict[str, str]]]:
    """Return what `record._site.vocabulary` carries: labels of genres and topics in three languages."""
    return {"genres": _labels(genres()), "topics": _labels(topics())}


def _labels(names: dict[str, Names]) -> dict[str, dict[str, str]]:
    return {code: name.model_dump(by_alias=True, exclude_none=True) for code, name in names.items()}
