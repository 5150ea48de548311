"""The comparator of schemas is broken on purpose here: each way of narrowing must be seen."""

from __future__ import annotations

from copy import deepcopy
from typing import Any

import pytest

from tests.contract.comparing import narrowings

OLD: dict[str, Any] = {
    "$ref": "#/$defs/Item",
    "$defs": {
        "Item": {
            "type": "object",
            "additionalProperties": True,
            "required": ["title"],
            "properties": {
                "title": {"type": "string", "maxLength": 500, "minLength": 1},
                "kind": {"enum": ["a", "b"], "type": "string", "default": "a"},
                "note": {"anyOf": [{"type": "string"}, {"type": "null"}], "default": None},
                "number": {"type": "number"},
                "free": {},
                "tags": {"type": "array", "items": {"$ref": "#/$defs/Tag"}, "maxItems": 50},
            },
        },
        "Tag": {
            "type": "object",
            "properties": {"name": {"type": "string", "pattern": "^[a-z]+$"}},
        },
    },
}


def changed(*path: str, to: Any = ...) -> dict[str, Any]:
    """Return the schema with the member at *path* set, or removed."""
    schema = deepcopy(OLD)
    place = schema["$defs"]
    for name in path[:-1]:
        place = place[name]
    if to is ...:
        del place[path[-1]]
    else:
        place[path[-1]] = to
    return schema


ITEM = ("Item", "properties")
BREAKS = {
    "removed property": changed(*ITEM, "note"),
    "removed property below a list": changed("Tag", "properties", "name"),
    "other type": changed(*ITEM, "title", "type", to="integer"),
    "null no longer allowed": changed(*ITEM, "note", to={"type": "string", "default": None}),
    "type where there was none": changed(*ITEM, "free", to={"type": "string"}),
    "number becomes integer": changed(*ITEM, "number", "type", to="integer"),
    "enum value removed": changed(*ITEM, "kind", "enum", to=["a"]),
    "enum where there was none": changed(*ITEM, "title", "enum", to=["x"]),
    "constant where there was none": changed(*ITEM, "title", "const", to="x"),
    "lower upper limit": changed(*ITEM, "title", "maxLength", to=499),
    "higher lower limit": changed(*ITEM, "title", "minLength", to=2),
    "new limit": changed(*ITEM, "number", "maximum", to=3),
    "fewer items": changed(*ITEM, "tags", "maxItems", to=49),
    "newly required": changed("Item", "required", to=["title", "kind"]),
    "further members refused": changed("Item", "additionalProperties", to=False),
    "further members typed": changed("Item", "additionalProperties", to={"type": "string"}),
    "other pattern": changed("Tag", "properties", "name", "pattern", to="^[a-y]+$"),
    "new format": changed(*ITEM, "title", "format", to="date"),
    "keyword that is not weighed": changed(*ITEM, "tags", "uniqueItems", to=True),
    "other default": changed(*ITEM, "kind", "default", to="b"),
    "default gone": changed(*ITEM, "kind", "default"),
}
ADDITIONS = {
    "nothing": deepcopy(OLD),
    "new optional property": changed(*ITEM, "fresh", to={"type": "string"}),
    "new enum value": changed(*ITEM, "kind", "enum", to=["a", "b", "c"]),
    "higher upper limit": changed(*ITEM, "title", "maxLength", to=900),
    "limit gone": changed(*ITEM, "title", "minLength"),
    "pattern gone": changed("Tag", "properties", "name", "pattern"),
    "other words": changed("Item", "description", to="An item."),
}
LOOSER = {
    "no longer required": changed("Item", "required", to=[]),
    "another type as well": changed(
        *ITEM,
        "title",
        to={"anyOf": [OLD["$defs"]["Item"]["properties"]["title"], {"type": "null"}]},
    ),
}


@pytest.mark.parametrize("name", BREAKS)
@pytest.mark.parametrize("said", [False, True])
def test_each_way_of_narrowing_is_seen(name: str, said: bool) -> None:
    """A schema that takes less than before is told, whoever writes the event."""
    assert narrowings(OLD, BREAKS[name], said=said)


@pytest.mark.parametrize("name", ADDITIONS)
@pytest.mark.parametrize("said", [False, True])
def test_additions_pass(name: str, said: bool) -> None:
    """What only adds is no narrowing."""
    assert narrowings(OLD, ADDITIONS[name], said=said) == []


@pytest.mark.parametrize("name", LOOSER)
def test_what_we_say_may_not_become_looser_for_its_readers(name: str) -> None:
    """A writer may be given more freedom; a reader may not lose what it relies on."""
    assert narrowings(OLD, LOOSER[name]) == []
    assert narrowings(OLD, LOOSER[name], said=True)


def test_the_place_is_named() -> None:
    """A narrowing says where it is."""
    assert narrowings(OLD, BREAKS["other pattern"]) == ["$.tags[].name: pattern is now '^[a-y]+$'"]
