"""The folder of the index: which engine answers now, what it was made with, and its successor during a rebuild."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from uuid import UUID

import structlog

from services.search.engines.engine import Engine
from services.search.engines.tantivy import TantivyEngine
from services.search.rules.card import CARD
from shared.text import ANALYSER

log = structlog.get_logger()

_NOTE = "current.json"


@dataclass(frozen=True)
class Note:
    """What the living index was made with."""

    folder: str
    card: str = CARD
    analyser: str = ANALYSER
    epoch: str | None = None


class FolderShelf:
    """Holds the living index and swaps it for a new one; reads go on all the time.

    `current.json` names the living folder and is replaced by rename, so a crash leaves the old index or the new one,
    never half of either.
    """

    shared = False

    def __init__(self, folder: Path, make: Callable[[Path], Engine] = TantivyEngine) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._folder = folder
        self._make = make
        self.turn = asyncio.Lock()
        """Held while the living index is written or swapped."""
        self.rebuilding = asyncio.Lock()
        note = self._read_note()
        self.stale = note is not None and (note.card, note.analyser) != (CARD, ANALYSER)
        """Made by other code than this: it answers until a rebuild is done, if it can be read at all."""
        self._note = note or Note("index-1")
        self.engine: Engine = self._open()
        self._drop_others()

    @property
    def epoch(self) -> UUID | None:
        """The epoch of the record that the living index shows; None before the first event."""
        return UUID(self._note.epoch) if self._note.epoch else None

    def look(self) -> None:
        """Do nothing: nobody but us changes the folder."""

    def belong_to(self, epoch: UUID | None) -> None:
        """Note the epoch at the first event of an empty index."""
        if epoch is not None and self._note.epoch is None:
            self._write_note(Note(**{**asdict(self._note), "epoch": str(epoch)}))

    def begin(self) -> tuple[str, Engine]:
        """Make an empty index beside the living one."""
        taken = {path.name for path in self._folder.iterdir()}
        name = next(name for n in range(1, len(taken) + 2) if (name := f"index-{n}") not in taken)
        return name, self._make(self._folder / name)

    def swap(self, name: str, engine: Engine, epoch: UUID) -> Engine:
        """Let *engine* answer from now on; return the one before, which the caller drops."""
        before, self.engine = self.engine, engine
        self._write_note(Note(name, epoch=str(epoch)))
        self.stale = False
        return before

    def drop(self, engine: Engine) -> None:
        """Close an index that no longer answers, and remove every folder that is not the living one."""
        engine.close()
        self._drop_others()

    def close(self) -> None:
        """Close the living index."""
        self.engine.close()

    def _open(self) -> Engine:
        """Open the index that the note names; one that cannot be read gives way to an empty one, and is rebuilt."""
        try:
            return self._make(self._folder / self._note.folder)
        except ValueError as error:
            if "LockBusy" in str(error) or "lock" in str(error).lower():
                raise
            log.warning("index_unreadable", service="search", reason=str(error)[:300])
            self.stale = True
            name, engine = self.begin()
            self._write_note(Note(name, card=self._note.card, analyser="none"))
            return engine

    def _drop_others(self) -> None:
        for path in self._folder.glob("index-*"):
            if path.name != self._note.folder:
                shutil.rmtree(path, ignore_errors=True)

    def _read_note(self) -> Note | None:
        try:
            return Note(**json.loads((self._folder / _NOTE).read_bytes()))
        except FileNotFoundError:
            return None
        except (ValueError, TypeError):
            return Note("index-1", analyser="unreadable")

    def _write_note(self, note: Note) -> None:
        unfinished = self._folder / f".{_NOTE}"
        with unfinished.open("w", encoding="utf-8") as file:
            json.dump(asdict(note), file)
            file.flush()
            os.fsync(file.fileno())
        unfinished.replace(self._folder / _NOTE)
        self._note = note
