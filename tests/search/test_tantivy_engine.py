"""The embedded engine does what every engine must, and keeps it over a restart."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from services.search.engines.engine import Engine
from services.search.engines.tantivy import TantivyEngine
from services.search.rules.ask import Ask
from tests.search.engine_contract import EngineContract, found, words
from tests.search.items import card


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[Engine]:
    """An empty index of Tantivy."""
    opened = TantivyEngine(tmp_path)
    yield opened
    opened.close()


class TestTantivy(EngineContract):
    """Tantivy passes the suite."""


def test_what_was_written_is_there_after_a_restart(tmp_path: Path):
    """A commit is on disk when `write` returns."""
    first = TantivyEngine(tmp_path)
    first.write([card("a", "道路封闭")])
    first.close()
    second = TantivyEngine(tmp_path)
    assert found(second, words("道路")) == ["a"]
    second.close()


def test_a_batch_that_fails_changes_nothing(engine: Engine):
    """All of a batch or none: what was added before the failure is rolled back."""
    engine.write([card("a", "道路")])
    broken = replace(card("c", "道路"), order=2**70)  # no engine's integer holds that
    with pytest.raises(OverflowError):
        engine.write([card("b", "道路"), broken])
    engine.write([card("d", "道路")])
    assert set(found(engine, Ask(), newest=True)) == {"a", "d"}


def test_a_second_writer_is_refused(engine: Engine, tmp_path: Path):
    """Two processes never write one index."""
    with pytest.raises(ValueError, match="LockBusy"):
        TantivyEngine(tmp_path)
