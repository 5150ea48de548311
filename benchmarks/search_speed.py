"""How long a search takes in an index of 100,000 documents, with real texts and real questions.

    python benchmarks/search_speed.py ../shared/data [--documents 100000] [--queries 400] [--keep FOLDER]
                                                     [--engine tantivy|opensearch]

Each search is what `GET /api/search` does: the number of hits, the best ten with snippets, six facets. Baseline
beside it, in turns: the engine alone with one OR query over words, top 10 with its count. Budget at 100,000:
p99 <= 40 ms on Tantivy. OpenSearch is a real server beside us, fetched from Maven.
"""

from __future__ import annotations

import argparse
import itertools
import random
import resource
import statistics
import tempfile
import time
import uuid
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

from benchmarks.harness import keep
from benchmarks.search_quality import ENGINES, MOMENT, ZONE, as_intake, lines, state_of
from services.search.engines.engine import Engine
from services.search.queries import Wanted, search
from services.search.rules.ask import Ask, Filters, Term
from services.search.rules.card import card_of
from shared.events.record import ItemState
from shared.text import words

PIECE = 1000
"""Characters of a document made from a long one: the median of real notices."""
BATCH = 500
BODIES = 40
DAYS = 3650


def main() -> None:
    """Build the index (or open the kept one), ask, print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("data", type=Path)
    parser.add_argument("--documents", type=int, default=100_000)
    parser.add_argument("--queries", type=int, default=400)
    parser.add_argument(
        "--keep", type=Path, help="folder of a Tantivy index to make once and use again"
    )
    parser.add_argument("--engine", choices=sorted(ENGINES), default="tantivy")
    given = parser.parse_args()
    with (
        tempfile.TemporaryDirectory() as temporary,
        ENGINES[given.engine](given.keep or Path(temporary)) as engine,
    ):
        if engine.size() < given.documents:
            build(engine, given.data, given.documents)
        print(f"{engine.size()} documents, peak memory {_peak():.0f} MB")
        times = ask(engine, questions(given.data, given.queries))
        keep(f"search-{given.engine}", documents=engine.size(), **times)


def _peak() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


# --- documents


def build(engine: Engine, data: Path, wanted: int) -> None:
    """Index *wanted* documents cut from the real ones, spread over bodies, entries and ten years."""
    started, done = time.perf_counter(), 0
    for batch in _batched(itertools.islice(texts(data), wanted), BATCH):
        engine.write([card_of(state, ZONE) for state in batch])
        done += len(batch)
    spent = time.perf_counter() - started
    print(f"indexed {done} documents in {spent:.0f} s, {done / spent:.0f} a second")


def _batched(states: Iterator[ItemState], size: int) -> Iterator[list[ItemState]]:
    while batch := list(itertools.islice(states, size)):
        yield batch


def texts(data: Path) -> Iterator[ItemState]:
    """Yield states for ever: pieces of real documents, each time begun at another place."""
    make = as_intake(data)
    sources = [make.line(doc, history=False) for doc in lines(data / "documents.jsonl")]
    random.Random(1).shuffle(sources)
    number = 0
    for turn in itertools.count():
        for line in sources:
            content = line["data"]["body"]["content"]
            for start in range((turn * 137) % PIECE, max(len(content), 1), PIECE):
                number += 1
                piece = {**line["data"], "body": {"content": content[start : start + PIECE]}}
                yield _spread({**line, "data": piece}, number)


def _spread(line: dict[str, Any], number: int) -> ItemState:
    state = state_of(line, number, f"body-{number % BODIES}")
    moment = MOMENT - timedelta(days=number % DAYS, seconds=number)
    return state.model_copy(
        update={
            "item_id": uuid.uuid5(uuid.NAMESPACE_OID, str(number)),
            "published_at": moment,
            "genre": ("notice", "decision", "reply", "report")[number % 4],
        }
    )


# --- questions


def questions(data: Path, number: int) -> list[str]:
    """Return real query texts: laypeople's questions, document numbers, titles, words of two or three."""
    rng = random.Random(2)
    asked = [q["text"] for q in lines(data / "retrieval-statutes" / "queries.jsonl")]
    numbers = [q["text"] for q in lines(data / "number-lookup" / "queries.jsonl")]
    titles = [d["title"] for d in lines(data / "documents.jsonl")]
    short = ["".join(words(text)[:2]) for text in asked]
    return [
        rng.choice(kind)
        for kind in itertools.islice(
            itertools.cycle((asked, short, numbers, asked, titles)), number
        )
    ]


def ask(engine: Engine, asked: list[str]) -> dict[str, list[float]]:
    """Time each way of asking over the same questions, in turns; return milliseconds."""
    chosen = Filters(exact={"department": ("body-7",)})
    ways: dict[str, Callable[[str], object]] = {
        "search": lambda q: search(engine, Wanted(q=q)),
        "with a filter": lambda q: search(engine, Wanted(q=q, filters=chosen)),
        "newest first": lambda q: search(engine, Wanted(q=q, newest=True)),
        "page 30": lambda q: search(engine, Wanted(q=q, page=30)),
        "everything": lambda _: search(engine, Wanted()),
        "baseline": lambda q: baseline(engine, q),
    }
    times: dict[str, list[float]] = {name: [] for name in ways}
    for q in asked[:20]:
        search(engine, Wanted(q=q))
    for q in asked:
        for name, way in ways.items():
            started = time.perf_counter()
            way(q)
            times[name].append((time.perf_counter() - started) * 1000)
    for name, measured in times.items():
        cuts = statistics.quantiles(measured, n=100)
        figures = f"p50 {cuts[49]:6.1f}  p90 {cuts[89]:6.1f}  p99 {cuts[98]:6.1f}  max {max(measured):6.1f} ms"
        print(f"{name:14} {len(measured)} x  {figures}")
    return times


def baseline(engine: Engine, q: str) -> object:
    """Return what the bare engine finds for any of the words."""
    terms = [Term("words", word) for word in words(q)]
    bare = Ask(score=tuple((term, 1.0) for term in terms))
    return engine.search(bare, offset=0, limit=10, newest=False)


if __name__ == "__main__":
    main()
