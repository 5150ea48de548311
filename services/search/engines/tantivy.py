"""The embedded engine: Tantivy, one folder, one writer with one thread."""

from __future__ import annotations

import json
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import tantivy
from tantivy import FieldType, Occur, Query

from services.search.rules.ask import ENOUGH, Ask, Filters, Found, Hit, Need, Term, Way
from services.search.rules.card import TOMBSTONE, Card, Stored
from services.search.rules.telling import ALWAYS, Scored, telling
from shared import failpoints

_HEAP = 32_000_000
"""Bytes that uncommitted documents may take; Tantivy's least is 15 MB a thread."""
_CUT = ("words", "bigrams", "characters", "title")
_EXACT = ("item_id", "title_key", "numbers", "cited", "marks")
_FACETS = ("department", "catalogue", "genre", "topic", "validity")
_NUMBERS = ("year", "day", "order", "version", "sequence", "spent")
_ALL_BUCKETS = 65_000


def _schema() -> tantivy.Schema:
    builder = tantivy.SchemaBuilder()
    for name in _CUT:
        option = "position" if name == "characters" else "freq"
        builder.add_text_field(name, tokenizer_name="whitespace", index_option=option)
    for name in _EXACT:
        builder.add_text_field(name, tokenizer_name="raw", index_option="basic")
    for name in _FACETS:
        builder.add_text_field(name, tokenizer_name="raw", index_option="basic", fast=True)
    for name in _NUMBERS:
        builder.add_integer_field(name, indexed=name in {"year", "day"}, fast=True)
    for name in ("facts", "text"):
        builder.add_bytes_field(name, stored=True)
    return builder.build()


class TantivyEngine:
    """Cards in one folder; see `Engine` for what each call promises."""

    def __init__(self, folder: Path) -> None:
        """Open the index in *folder*, or make an empty one."""
        folder.mkdir(parents=True, exist_ok=True)
        self._schema = _schema()
        self._index = tantivy.Index(self._schema, path=str(folder), reuse=True)
        self._index.config_reader(reload_policy="manual", num_warmers=0)
        self._index.reload()
        self._writer: tantivy.IndexWriter | None = self._index.writer(
            heap_size=_HEAP, num_threads=1
        )
        self._turn = threading.Lock()

    def write(self, cards: Sequence[Card]) -> None:
        """Replace or add the cards in one commit: all of them or none."""
        newest = {card.item_id: card for card in cards}
        if not newest:
            return
        with self._turn:
            writer = self._writer
            if writer is None:
                raise RuntimeError("the index is closed")
            try:
                for card in newest.values():
                    writer.delete_documents_by_term("item_id", card.item_id)
                    writer.add_document(_document(card))
                failpoints.hit("index.added")
                writer.commit()
                failpoints.hit("index.committed")
            except BaseException:
                writer.rollback()
                raise
            self._index.reload()

    def search(self, ask: Ask, *, offset: int, limit: int, newest: bool) -> Found:
        """Return hits in the order of their score (or newest first) and their exact number."""
        searcher = self._index.searcher()
        query = self._query(ask)
        order = "order" if newest else None
        result = searcher.search(
            query, limit=max(limit, 1), offset=offset, order_by_field=order, count=True
        )
        found = result.hits[:limit]
        addresses = [address for _, address in found]
        days = searcher.fast_field_values("day", addresses) if addresses else []
        spent = searcher.fast_field_values("spent", addresses) if addresses else []
        hits = [
            Hit((searcher, address), 0.0 if newest else float(score), int(day or 0), bool(over))
            for (score, address), day, over in zip(found, days, spent, strict=True)
        ]
        return Found(_counted(result), hits)

    def count(self, ask: Ask) -> int:
        """Return the exact number of hits."""
        return _counted(self._index.searcher().search(self._query(ask), limit=1, count=True))

    def facets(
        self, ask: Ask, names: Sequence[str], *, size: int
    ) -> dict[str, list[tuple[str, int]]]:
        """Return the *size* most frequent values of each field with their exact counts, equal counts by value."""
        if not names:
            return {}
        wanted = {name: {"terms": {"field": name, "size": _ALL_BUCKETS}} for name in names}
        answer = self._index.searcher().aggregate(self._query(ask), wanted)
        return {name: _most_frequent(answer[name]["buckets"], size) for name in names}

    def read(self, hits: Sequence[Hit]) -> list[Stored]:
        """Return what the cards keep for showing, in the order of *hits*."""
        return [_stored(hit.handle) for hit in hits]

    def versions(self, item_ids: Sequence[str]) -> dict[str, int]:
        """Return the version of each of these items that is held, tombstones included."""
        searcher = self._index.searcher()
        held: dict[str, int] = {}
        for item_id in item_ids:
            found = searcher.search(self._term(Term("item_id", item_id)), limit=1, count=False).hits
            if found:
                held[item_id] = int(searcher.fast_field_values("version", [found[0][1]])[0] or 0)
        return held

    def size(self) -> int:
        """Return the number of cards, tombstones included."""
        return self._index.searcher().num_docs

    def newest_sequence(self) -> int:
        """Return the highest sequence of any card; 0 without one."""
        answer = self._index.searcher().aggregate(
            Query.all_query(), {"top": {"max": {"field": "sequence"}}}
        )
        return int(answer["top"]["value"] or 0)

    def close(self) -> None:
        """End the writer and free the folder."""
        with self._turn:
            if self._writer is not None:
                self._writer.wait_merging_threads()
                self._writer = None

    def _query(self, ask: Ask) -> Query:
        musts = self._musts(ask.filters)
        scored = [(Occur.Should, self._scored(*each)) for each in self._telling(ask.score)]
        scored += [
            (Occur.Should, Query.const_score_query(self._need(need), weight))
            for need, weight in ask.firsts
        ]
        gate = self._gate(ask)
        if gate is not None:
            musts.append((Occur.Must, Query.const_score_query(gate, 0.0)))
        if not musts and not scored:
            musts.append((Occur.Must, Query.all_query()))
        return Query.boolean_query(
            [*musts, *scored, (Occur.MustNot, self._term(Term("marks", TOMBSTONE)))]
        )

    def _telling(self, scored: Scored) -> list[tuple[Term, float]]:
        if len(scored) <= ALWAYS:
            return list(scored)
        searcher = self._index.searcher()
        return telling(scored, [searcher.doc_freq(term.field, term.value) for term, _ in scored])

    def _gate(self, ask: Ask) -> Query | None:
        """Return what makes a document a hit by its words; None when everything is one."""
        parts = [(Occur.Must, self._phrase(phrase)) for phrase in ask.phrases]
        if ask.needs and ask.at_least:
            needs = [(Occur.Should, self._need(need)) for need in ask.needs]
            parts.append(
                (Occur.Must, Query.boolean_query(needs, minimum_number_should_match=ask.at_least))
            )
        ways = [self._need(need) for need, weight in ask.firsts if weight >= ENOUGH]
        if parts:
            ways.append(Query.boolean_query(parts))
        return _any(ways) if ways else None

    def _need(self, need: Need) -> Query:
        return _any([self._way(way) for way in need])

    def _way(self, way: Way) -> Query:
        return _all([self._term(term) for term in way])

    def _phrase(self, phrase: tuple[str, ...]) -> Query:
        if len(phrase) == 1:
            return self._term(Term("characters", phrase[0]))
        return Query.phrase_query(self._schema, "characters", list(phrase))

    def _term(self, term: Term) -> Query:
        return Query.term_query(self._schema, term.field, term.value, "basic")

    def _scored(self, term: Term, weight: float) -> Query:
        query = Query.term_query(self._schema, term.field, term.value, "freq")
        return query if weight == 1.0 else Query.boost_query(query, weight)

    def _musts(self, filters: Filters) -> list[tuple[Occur, Query]]:
        queries = [
            _any([self._term(Term(name, value)) for value in values])
            for name, values in filters.exact.items()
        ]
        if filters.year is not None:
            queries.append(Query.term_query(self._schema, "year", filters.year, "basic"))
        if filters.first_day is not None or filters.last_day is not None:
            bounds = (filters.first_day, filters.last_day)
            queries.append(Query.range_query(self._schema, "day", FieldType.Integer, *bounds))
        return [(Occur.Must, Query.const_score_query(query, 0.0)) for query in queries]


def _counted(result: tantivy.SearchResult) -> int:
    return int(result.count or 0)  # type: ignore[attr-defined]  # the stubs have forgotten it


def _any(queries: list[Query]) -> Query:
    return (
        queries[0]
        if len(queries) == 1
        else Query.boolean_query([(Occur.Should, query) for query in queries])
    )


def _all(queries: list[Query]) -> Query:
    return (
        queries[0]
        if len(queries) == 1
        else Query.boolean_query([(Occur.Must, query) for query in queries])
    )


def _most_frequent(buckets: list[dict[str, Any]], size: int) -> list[tuple[str, int]]:
    pairs = [(_value(bucket["key"]), int(bucket["doc_count"])) for bucket in buckets]
    return sorted(pairs, key=lambda pair: (-pair[1], pair[0]))[:size]


def _value(key: str | float) -> str:
    return key if isinstance(key, str) else str(int(key))


def _stored(handle: Any) -> Stored:
    searcher, address = handle
    document = searcher.doc(address)
    facts = json.loads(bytes(document.get_first("facts")))
    return Stored(facts.pop("item_id"), facts, bytes(document.get_first("text")).decode())


def _document(card: Card) -> tantivy.Document:
    document = tantivy.Document()
    for name in ("item_id", *_CUT, "title_key", "department"):
        document.add_text(name, getattr(card, name))
    many = {"topic": card.topics, "genre": [card.genre] if card.genre else []}
    for name in ("numbers", "cited", "marks", "catalogue", "validity", *many):
        for value in many[name] if name in many else getattr(card, name):
            document.add_text(name, value)
    for name in _NUMBERS:
        document.add_integer(name, int(getattr(card, name)))
    facts = {"item_id": card.item_id, **card.stored.facts}
    document.add_bytes("facts", json.dumps(facts, ensure_ascii=False).encode())
    document.add_bytes("text", card.stored.text.encode())
    return document
