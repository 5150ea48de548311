"""Compare two JSON Schemas: does the newer one still take, and say, everything that the older one did?"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

Schema = dict[str, Any]

ONLY_WORDS = frozenset(
    {"title", "description", "examples", "$schema", "$id", "$defs", "discriminator"}
)
UPPER = frozenset({"maxLength", "maxItems", "maximum", "exclusiveMaximum", "maxProperties"})
LOWER = frozenset({"minLength", "minItems", "minimum", "exclusiveMinimum", "minProperties"})
COMPARED = frozenset(
    {
        "type",
        "const",
        "enum",
        "properties",
        "required",
        "additionalProperties",
        "items",
        "anyOf",
        "$ref",
        "default",
    }
)


def narrowings(old: Schema, new: Schema, *, said: bool = False) -> list[str]:
    """Return what *new* takes away from *old*, one sentence each; empty when only additions were made.

    *said* is for events that we write and others read: then nothing may become looser either that a reader
    relies on (a required member that may be absent, a type that may be another).
    """
    return list(_Comparison(old, new, said=said).of(old, new, "$"))


class _Comparison:
    def __init__(self, old: Schema, new: Schema, *, said: bool) -> None:
        self._old, self._new, self._said = old, new, said

    def of(self, old: Schema, new: Schema, at: str) -> Iterator[str]:
        befores, afters = _branches(old, self._old), _branches(new, self._new)
        yield from _default(old, new, at)
        for before in befores:
            yield from self._nearest(before, afters, at)
        if self._said:
            for after in afters:
                if all(after.get("type") != before.get("type") for before in befores):
                    yield f"{at}: may now be {after.get('type', 'anything')} as well"

    def _nearest(self, before: Schema, afters: list[Schema], at: str) -> Iterator[str]:
        """Yield why *before* fits none of *afters*: the reasons of the one that comes nearest."""
        same = [after for after in afters if _type_fits(before, after)]
        if not same:
            yield f"{at}: {before.get('type', 'anything')} is not allowed any more"
            return
        yield from min(([*self._plain(before, after, at)] for after in same), key=len)

    def _plain(self, old: Schema, new: Schema, at: str) -> Iterator[str]:
        yield from _values(old, new, at)
        yield from _limits(old, new, at)
        yield from _unknown_keywords(old, new, at)
        yield from self._members(old, new, at)
        if "items" in new:
            yield from self.of(old.get("items", {}), new["items"], f"{at}[]")

    def _members(self, old: Schema, new: Schema, at: str) -> Iterator[str]:
        before, after = old.get("properties", {}), new.get("properties", {})
        for name in before:
            if name not in after:
                yield f"{at}.{name}: removed"
            else:
                yield from self.of(before[name], after[name], f"{at}.{name}")
        for name in sorted(set(new.get("required", [])) - set(old.get("required", []))):
            yield f"{at}.{name}: newly required"
        if self._said:
            for name in sorted(set(old.get("required", [])) - set(new.get("required", []))):
                yield f"{at}.{name}: may now be absent"
        yield from self._others(
            old.get("additionalProperties", True), new.get("additionalProperties", True), at
        )

    def _others(self, old: Any, new: Any, at: str) -> Iterator[str]:
        if new is True or old is False:
            return
        if new is False:
            yield f"{at}: further members are refused now"
        else:
            yield from self.of({} if old is True else old, new, f"{at}.*")


def _branches(schema: Schema, root: Schema) -> list[Schema]:
    """Return the alternatives of *schema*, references followed."""
    if "$ref" in schema:
        found: Any = root
        for part in schema["$ref"].removeprefix("#/").split("/"):
            found = found[part]
        return _branches(found, root)
    if "anyOf" in schema:
        return [branch for part in schema["anyOf"] for branch in _branches(part, root)]
    if isinstance(schema.get("type"), list):
        return [{**schema, "type": kind} for kind in schema["type"]]
    return [schema]


def _type_fits(before: Schema, after: Schema) -> bool:
    if "type" not in after:
        return "const" not in after or after["const"] == before.get("const")
    return before.get("type") == after["type"] or (
        before.get("type") == "integer" and after["type"] == "number"
    )


def _default(old: Schema, new: Schema, at: str) -> Iterator[str]:
    if "default" in old and new.get("default", ...) != old["default"]:
        yield f"{at}: the default changed"


def _values(old: Schema, new: Schema, at: str) -> Iterator[str]:
    """Yield the fixed values that are not allowed any more."""
    after = new.get("enum", [new["const"]] if "const" in new else None)
    if after is None:
        return
    before = old.get("enum", [old["const"]] if "const" in old else None)
    if before is None:
        yield f"{at}: only certain values are allowed now"
        return
    for value in before:
        if value not in after:
            yield f"{at}: {value!r} is not allowed any more"


def _limits(old: Schema, new: Schema, at: str) -> Iterator[str]:
    for name in sorted(UPPER):
        if name in new and (name not in old or new[name] < old[name]):
            yield f"{at}: {name} is now {new[name]}"
    for name in sorted(LOWER):
        if name in new and (name not in old or new[name] > old[name]):
            yield f"{at}: {name} is now {new[name]}"


def _unknown_keywords(old: Schema, new: Schema, at: str) -> Iterator[str]:
    """Yield every other keyword that changed: what cannot be weighed counts as narrower (pattern, format, …)."""
    for name in sorted(set(new) - ONLY_WORDS - UPPER - LOWER - COMPARED):
        if old.get(name) != new[name]:
            yield f"{at}: {name} is now {new[name]!r}"
