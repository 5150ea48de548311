"""How well search finds, with the product's defaults: statutes, document numbers, titles, everyday questions.

    python benchmarks/search_quality.py ../shared/data        offline: builds the index in a temporary folder
    python benchmarks/search_quality.py ../shared/data --engine opensearch
                                                              the same on a real OpenSearch, fetched from Maven
    python benchmarks/search_quality.py ../shared/data --url http://127.0.0.1:8080 --only statutes
                                                              asks a running instance that holds just that corpus

Baseline beside it: BM25 over character bigrams (k1 0.9, b 0.4), statutes nDCG@10 0.431 (../shared/data/README.md).
"""

from __future__ import annotations

import argparse
import html
import importlib.util
import json
import math
import re
import tempfile
import time
import urllib.parse
import urllib.request
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from services.instance.opensearch import OpenSearch
from services.search.engines.cluster import ClusterShelf
from services.search.engines.engine import Engine
from services.search.engines.tantivy import TantivyEngine
from services.search.engines.wire import address_of
from services.search.queries import Wanted, search
from services.search.rules.card import card_of
from shared.events.record import ItemState

ZONE = ZoneInfo("Asia/Shanghai")
MOMENT = datetime(2026, 11, 23, tzinfo=UTC)
Found = list[dict[str, Any]]
Find = Callable[[str], Found]
Figures = dict[str, float]


def main() -> None:
    """Measure what is asked for and print one line each."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("data", type=Path)
    parser.add_argument("--url", help="ask a running instance instead of building an index")
    parser.add_argument("--only", choices=sorted(SETS))
    parser.add_argument("--engine", choices=sorted(ENGINES), default="tantivy")
    arguments = parser.parse_args()
    for name in [arguments.only] if arguments.only else SETS:
        corpus, measure = SETS[name]
        if arguments.url:
            measure(arguments.data, asking(arguments.url))
            continue
        with (
            tempfile.TemporaryDirectory() as folder,
            ENGINES[arguments.engine](Path(folder)) as engine,
        ):
            measure(arguments.data, finding(built(corpus(arguments.data), engine)))


# --- corpora, as `as_intake.py` would push them


def as_intake(data: Path) -> Any:
    """Load the script that turns documents into intake lines."""
    path = data.parent / "tools" / "as_intake.py"
    spec = importlib.util.spec_from_file_location("as_intake", path)
    if spec is None or spec.loader is None:
        raise FileNotFoundError(path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def lines(path: Path) -> Iterator[dict[str, Any]]:
    """Read JSON Lines."""
    with path.open(encoding="utf-8") as file:
        for line in file:
            yield json.loads(line)


def statutes(data: Path) -> list[dict[str, Any]]:
    """Return the articles of law as intake lines."""
    make = as_intake(data)
    return [make.corpus_line(doc) for doc in lines(data / "retrieval-statutes" / "corpus.jsonl")]


def catalogue(data: Path) -> list[dict[str, Any]]:
    """Return the catalogue entries as intake lines."""
    make = as_intake(data)
    return [make.corpus_line(doc) for doc in lines(data / "catalogue.jsonl")]


def documents(data: Path) -> list[dict[str, Any]]:
    """Return the whole documents as intake lines, with their history."""
    make = as_intake(data)
    return [make.line(doc, history=True) for doc in lines(data / "documents.jsonl")]


def state_of(line: dict[str, Any], sequence: int, department: str = "corpus") -> ItemState:
    """Return the state that the record would hold of an intake line."""
    data = {k: v for k, v in line["data"].items() if k not in {"review", "change", "body"}}
    paragraphs = line["data"]["body"]["content"].split("\n")
    content = "".join(f"<p>{html.escape(p)}</p>" for p in paragraphs if p.strip())
    return ItemState.model_validate(
        {
            **data,
            "item_id": uuid.uuid5(uuid.NAMESPACE_URL, line["source_id"]),
            "source_id": line["source_id"],
            "department": {"code": department, "names": {"zh-Hans": "法规库"}},
            "version": 1,
            "notice_version": 1,
            "change": "major",
            "history": [],
            "url": f"/{department}/2026/{sequence}/",
            "published_at": MOMENT,
            "updated_at": MOMENT,
            "state": "published",
            "body": {"content": content},
            "sequence": sequence,
        }
    )


def built(intake: list[dict[str, Any]], engine: Engine) -> Engine:
    """Index the lines in batches, as they come from the record."""
    for n in range(0, len(intake), 256):
        states = [state_of(line, n + i + 1) for i, line in enumerate(intake[n : n + 256])]
        engine.write([card_of(state, ZONE) for state in states])
    return engine


# --- engines, empty


@contextmanager
def tantivy(folder: Path) -> Iterator[Engine]:
    """The embedded engine."""
    engine = TantivyEngine(folder)
    yield engine
    engine.close()


@contextmanager
def opensearch(folder: Path) -> Iterator[Engine]:
    """An index on a real OpenSearch of our own."""
    server = OpenSearch(folder)
    shelf = ClusterShelf(address_of(server.start()))
    try:
        shelf.swap(*shelf.begin(), uuid.UUID(int=1))
        yield shelf.engine
    finally:
        shelf.close()
        server.stop()


ENGINES = {"tantivy": tantivy, "opensearch": opensearch}


# --- asking


def finding(engine: Engine) -> Find:
    """Return what asks the engine just as `GET /api/search` does."""

    def find(q: str) -> Found:
        hits = search(engine, Wanted(q=q), facets=()).hits
        return [hit.stored.facts for hit in hits]

    return find


def asking(url: str) -> Find:
    """Return what asks a running instance."""

    def find(q: str) -> Found:
        address = f"{url}/api/search?{urllib.parse.urlencode({'q': q})}"
        with urllib.request.urlopen(address, timeout=30) as answer:
            found: Found = json.load(answer)["hits"]
        return found

    return find


# --- measures


def judgements(path: Path) -> dict[str, dict[str, int]]:
    """Read qrels: query → document → relevance."""
    judged: dict[str, dict[str, int]] = {}
    for line in path.read_text("utf-8").splitlines()[1:]:
        query, document, relevance = line.split("\t")
        judged.setdefault(query, {})[document] = int(relevance)
    return judged


def ndcg(ranked: list[str], relevant: dict[str, int]) -> float:
    """Return nDCG@10 with gains 2^r - 1."""
    gain = sum(_gain(relevant.get(doc, 0), n) for n, doc in enumerate(ranked[:10]))
    best = sum(_gain(r, n) for n, r in enumerate(sorted(relevant.values(), reverse=True)[:10]))
    return gain / best


def _gain(relevance: int, place: int) -> float:
    return (2**relevance - 1) / math.log2(place + 2)


def measure_judged(name: str, folder: Path, find: Find) -> Figures:
    """Print and return nDCG@10, recall@10, MRR@10 over all queries of a set, and the time of each."""
    judged = judgements(folder / "qrels.tsv")
    sums = {"nDCG@10": 0.0, "recall@10": 0.0, "MRR@10": 0.0}
    queries = list(lines(folder / "queries.jsonl"))
    started = time.perf_counter()
    for query in queries:
        relevant = judged[query["id"]]
        ranked = [hit["source_id"] for hit in find(query["text"])]
        places = [n for n, doc in enumerate(ranked, 1) if doc in relevant]
        sums["nDCG@10"] += ndcg(ranked, relevant)
        sums["recall@10"] += len(places) / len(relevant)
        sums["MRR@10"] += 1 / places[0] if places else 0
    each = (time.perf_counter() - started) / len(queries) * 1000
    means = {key: value / len(queries) for key, value in sums.items()}
    figures = "  ".join(f"{key} {value:.4f}" for key, value in means.items())
    print(f"{name:10} {len(queries)} queries  {figures}  {each:.1f} ms each")
    return means


def measure_statutes(data: Path, find: Find) -> Figures:
    """Questions of laypeople over articles of law."""
    return measure_judged("statutes", data / "retrieval-statutes", find)


def measure_numbers(data: Path, find: Find) -> Figures:
    """Document numbers in six spellings."""
    return measure_judged("numbers", data / "number-lookup", find)


def measure_titles(data: Path, find: Find) -> Figures:
    """Each document's own title, and its own number in nine spellings: the first hit must have it."""
    titles, found, numbers, first = 0, 0, 0, 0
    for document in lines(data / "documents.jsonl"):
        titles += 1
        hits = find(document["title"])
        found += bool(hits) and hits[0]["title"] == document["title"]
        for spelling in spellings(document["document_number"] or ""):
            numbers += 1
            hits = find(spelling)
            first += bool(hits) and hits[0]["document_number"] == document["document_number"]
    print(f"titles     {found} of {titles} first  numbers {first} of {numbers} spellings first")
    return {"titles": found / titles, "numbers": first / numbers}


def spellings(number: str) -> list[str]:
    """Return the ways in which people type a number with a year in brackets."""
    parted = re.fullmatch(r"(.*?)[〔\[（(【](\d{4})[〕\]）)】](\d+号?)", number)
    if not parted:
        return []
    sign, year, serial = parted.groups()
    brackets = ("〔〕", "[]", "()", "（）", "【】", "［］")
    typed = [f"{sign}{b[0]}{year}{b[1]}{serial}" for b in brackets]
    return [
        *typed,
        f"{sign}{year} {serial}",
        f"{sign} 〔{year}〕 {serial}",
        f"{sign}{year}第{serial}",
    ]


SETS: dict[str, tuple[Callable[[Path], list[dict[str, Any]]], Callable[[Path, Find], Figures]]] = {
    "statutes": (statutes, measure_statutes),
    "numbers": (catalogue, measure_numbers),
    "titles": (documents, measure_titles),
}

if __name__ == "__main__":
    main()
