"""The index on a cluster: which one answers, what it was made with, and its successor during a rebuild.

All of it stands on the cluster, so that every copy of the service sees the same: an index notes in its mapping what it
was made with, and aliases say which one lives.

| alias | leads to | for |
| --- | --- | --- |
| `<name>` | the living index, tombstones filtered out | searching |
| `<name>-held` | the same, unfiltered | versions and counts of what is held |
| `<name>-write-<layout>` | the same | writing, by code of this layout: a copy of older code cannot spoil a newer index |
"""

from __future__ import annotations

import asyncio
import hashlib
import re
from functools import partial
from typing import Any
from uuid import UUID

import structlog
from uuid_utils import uuid7

from services.search.engines.engine import Engine
from services.search.engines.opensearch import Names, OpenSearchEngine, layout
from services.search.engines.wire import Address, NotThere, Wire, patient
from services.search.rules.card import CARD
from shared.text import ANALYSER

log = structlog.get_logger()

_LAYOUT = hashlib.sha256(f"{CARD} {ANALYSER}".encode()).hexdigest()[:8]
_STANDING = {"filter": {"term": {"gone": False}}}


def _build(index: str) -> str:
    """Return the alias under which *index* is written while it is made."""
    return f"{index}-build"


class ClusterShelf:
    """Holds the living index of a cluster and swaps it for a new one; reads go on all the time.

    Making it asks the cluster nothing, so that a service starts without one; `look` says how things stand.
    """

    shared = True

    def __init__(self, address: Address) -> None:
        self._name = address.name
        self._shards = address.shards
        self._wire = Wire(address)
        self._mine = re.compile(rf"{re.escape(address.name)}-[0-9a-f]{{12}}")
        self._written = f"{self._name}-write-{_LAYOUT}"
        self.turn = asyncio.Lock()
        self.rebuilding = asyncio.Lock()
        self.stale = True
        """Missing, made by other code than this, or not looked at yet."""
        self.epoch: UUID | None = None
        names = Names(self._name, f"{self._name}-held", self._written)
        self.engine: Engine = OpenSearchEngine(self._wire, names, shards=self._shards)

    def look(self) -> None:
        """See which index lives, and whether this code made it; one of other code may be written until a rebuild."""
        living = self._living()
        if living is None:
            self.stale, self.epoch = True, None
            return
        index, note = living
        self.epoch = UUID(note["epoch"]) if note.get("epoch") else None
        self.stale = (note.get("card"), note.get("analyser")) != (CARD, ANALYSER)
        if self.stale:
            self._open_to_us(index)

    def belong_to(self, epoch: UUID | None) -> None:
        """Do nothing: an index on a cluster is made from the record, and has its epoch from birth."""

    def begin(self) -> tuple[str, Engine]:
        """Make an empty index beside the living one."""
        name = f"{self._name}-{uuid7().hex[-12:]}"
        body = layout(self._shards) | {"aliases": {_build(name): {}}}
        self._wire.call(lambda c: c.indices.create(index=name, body=body, params=patient()))
        return name, self._alone(name)

    def swap(self, name: str, engine: Engine, epoch: UUID) -> Engine:
        """Let the new index answer from now on, in one step for every copy; return the one before."""
        note = {"card": CARD, "analyser": ANALYSER, "epoch": str(epoch)}
        living = self._living()
        self._wire.call(lambda c: c.indices.refresh(index=name, params=patient()))
        self._wire.call(lambda c: c.indices.put_mapping(index=name, body={"_meta": note}))
        actions = [
            *([{"remove": {"index": living[0], "alias": f"{self._name}*"}}] if living else []),
            {"remove": {"index": name, "alias": _build(name)}},
            {"add": {"index": name, "alias": self._name, **_STANDING}},
            {"add": {"index": name, "alias": f"{self._name}-held"}},
            {"add": {"index": name, "alias": self._written, "is_write_index": True}},
        ]
        self._wire.call(lambda c: c.indices.update_aliases(body={"actions": actions}))
        self.stale, self.epoch = False, epoch
        return self._alone(living[0]) if living else engine

    def drop(self, engine: Engine) -> None:
        """Remove every index of ours that no alias leads to, or only that of its making.

        Only one copy at a time may rebuild, and so drop.
        """
        engine.close()
        ours = self._wire.call(
            lambda c: c.indices.get_alias(
                index=f"{self._name}-*", params={"expand_wildcards": "all"}
            )
        )
        for index, held in ours.items():
            if self._mine.fullmatch(index) and not held["aliases"].keys() - {_build(index)}:
                self._wire.call(partial(_delete, index=index))

    def close(self) -> None:
        """Close the way to the cluster."""
        self._wire.close()

    def _alone(self, index: str) -> Engine:
        names = Names(index, index, _build(index), building=True)
        return OpenSearchEngine(self._wire, names, shards=self._shards)

    def _living(self) -> tuple[str, dict[str, Any]] | None:
        """Return the living index and what it was made with."""
        try:
            found = self._wire.call(lambda c: c.indices.get_mapping(index=self._name))
        except NotThere:
            return None
        [(index, made)] = found.items()
        return index, made["mappings"].get("_meta", {})

    def _open_to_us(self, index: str) -> None:
        """Let this code write to an index of older code, so that a withdrawal need not wait for the rebuild."""
        from opensearchpy.exceptions import RequestError

        wanted = {"properties": layout()["mappings"]["properties"]}
        try:
            self._wire.call(lambda c: c.indices.put_mapping(index=index, body=wanted))
            self._wire.call(
                lambda c: c.indices.put_alias(
                    index=index, name=self._written, body={"is_write_index": True}
                )
            )
        except RequestError as error:
            log.warning("writes_wait_for_rebuild", service="search", reason=str(error)[:300])


async def _delete(client: Any, index: str) -> None:
    await client.indices.delete(index=index, params=patient())
