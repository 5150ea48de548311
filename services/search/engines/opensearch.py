"""The engine of a cluster: OpenSearch without plugins; terms come to it cut, and are never analysed again.

What differs from an index in a folder, and why:

- No deletes: a delete is forgotten after a while, and an older event would bring the item back. A tombstone is a
  document like any other (`gone`), hidden by the filter of the reading alias; external versions keep older ones out.
- Every document has every scored field (`FILLER` where a card's is empty): OpenSearch counts only documents that have
  a field, Tantivy all of them. Its BM25 lacks the factor k1 + 1 besides: `UNIT` makes the scores equal.
- A batch is several documents: each has its own answer, and each answer is read.
"""

from __future__ import annotations

import json
import time
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from services.search.engines.engine import HitGone, SearchDown
from services.search.engines.wire import NotThere, Wire, patient
from services.search.rules.ask import ENOUGH, Ask, Filters, Found, Hit, Need, Term, Way
from services.search.rules.card import TOMBSTONE, Card, Stored
from services.search.rules.telling import ALWAYS, COMMON, Scored, telling

FILLER = "∅"
"""Stands in an empty text field; no question cuts to it."""
UNIT = 2.2
"""k1 + 1, by which Tantivy's BM25 is greater than OpenSearch's."""
DEEPEST = 10_000
"""Hits that one request reaches; those after them are reached in steps of so many."""
_BULK_BYTES = 8_000_000
_BULK_CARDS = 500
_OVERLOADED = (0.5, 1.0, 2.0, 4.0)
"""Seconds between tries while the cluster takes no more."""
_IDS = 5_000
_COUNTED_FOR = 30.0
"""Seconds for which the size of the index counts as known."""
_CUT = ("words", "bigrams", "characters", "title")
_EXACT = ("title_key", "numbers", "cited", "marks")
_FACETS = ("department", "catalogue", "genre", "topic", "validity")
_LONGS = ("order", "version", "sequence")

Query = dict[str, Any]


def layout(shards: int = 1) -> dict[str, Any]:
    """Return settings and mapping of an index of cards."""
    cut = {"type": "text", "analyzer": "cut", "index_options": "freqs"}
    return {
        "settings": {
            "index": {
                "number_of_shards": shards,
                "auto_expand_replicas": "0-1",  # a copy on another node as soon as there is one
                "refresh_interval": "-1",  # a batch becomes visible as a whole, when we say so
                "max_result_window": DEEPEST,
                "similarity": {"default": {"type": "BM25", "k1": 1.2, "b": 0.75}},
                "analysis": {"analyzer": {"cut": {"type": "custom", "tokenizer": "whitespace"}}},
            }
        },
        "mappings": {
            "dynamic": "strict",
            "_source": {"excludes": list(_CUT)},  # the record makes them anew; nothing reads them
            "properties": {
                "item_id": {"type": "keyword"},
                **dict.fromkeys(_CUT, cut),
                "characters": {**cut, "index_options": "positions"},
                **{name: {"type": "keyword", "doc_values": False} for name in _EXACT},
                **{name: {"type": "keyword"} for name in _FACETS},
                "year": {"type": "integer"},
                "day": {"type": "integer"},
                **{name: {"type": "long"} for name in _LONGS},
                "spent": {"type": "boolean"},
                "gone": {"type": "boolean"},
                "kept": {"type": "object", "enabled": False},
            },
        },
    }


class CardRefused(ValueError):
    """OpenSearch does not take this card, and never will."""


@dataclass(frozen=True)
class Names:
    """Where an engine reads and writes: aliases of the living index, or one index that is being made."""

    found: str
    """What searches see: without tombstones."""
    held: str
    """Everything, tombstones included."""
    written: str
    """An alias."""
    building: bool = False
    """Nobody reads yet, so nothing has to become visible before the end."""


class OpenSearchEngine:
    """Cards on a cluster; see `Engine` for what each call promises."""

    def __init__(self, wire: Wire, names: Names, *, shards: int = 1) -> None:
        self._wire = wire
        self._names = names
        # With several shards each would count its own documents only.
        self._scoring = {"search_type": "dfs_query_then_fetch"} if shards > 1 else {}
        self._counted = (0, 0.0)

    # --- writing

    def write(self, cards: Sequence[Card]) -> None:
        """Put the cards there; one that is not newer than what is held changes nothing."""
        newest = {card.item_id: card for card in cards}
        for actions in _bulks(list(newest.values())):
            self._put(actions)
        if newest and not self._names.building:
            self.refresh()

    def refresh(self) -> None:
        """Let searches see what was written."""
        self._wire.call(lambda c: c.indices.refresh(index=self._names.written, params=patient()))

    def _put(self, actions: list[str]) -> None:
        """Send one request and read the answer for each card; wait while the cluster takes no more."""
        for seconds in (*_OVERLOADED, None):
            left = self._wire.call(partial(self._sent, actions=actions))
            if not left:
                return
            if seconds is None:
                raise SearchDown
            actions = left
            time.sleep(seconds)

    async def _sent(self, client: Any, actions: list[str]) -> list[str]:
        """Send pairs of action and card; return the pairs that must be sent again."""
        # an index that somebody removed is missing then, not made anew with guessed fields
        wanted = patient({"require_alias": "true"})
        answer = await client.bulk(
            body="\n".join(actions) + "\n", index=self._names.written, params=wanted
        )
        left: list[str] = []
        for n, item in enumerate(answer["items"]):
            status = item["index"]["status"]
            if status == 429:
                left += actions[2 * n : 2 * n + 2]
            elif status not in {200, 201, 409}:  # 409: what is held is as new, or newer
                raise _refusal(status, item["index"])
        return left

    # --- reading

    def search(self, ask: Ask, *, offset: int, limit: int, newest: bool) -> Found:
        """Return hits in the order of their score (or newest first) and their exact number."""
        order = [{"order": "desc"}] if newest else [{"_score": "desc"}]
        body: dict[str, Any] = {
            "query": self._query(ask),
            "sort": [*order, {"item_id": "asc"}],
            "track_total_hits": True,
            **_columns("item_id", "day", "spent"),
        }
        after = None
        while (
            offset + limit > DEEPEST
        ):  # the window of one request is bounded: step over what comes before
            step = min(DEEPEST, offset)
            found = self._searched({**body, **_from(after, 0, step), "docvalue_fields": []}, ask)
            hits = found["hits"]["hits"]
            offset -= step
            if len(hits) < step or not step:
                return Found(found["hits"]["total"]["value"], [])
            after = hits[-1]["sort"]
        found = self._searched({**body, **_from(after, offset, limit)}, ask)
        page = found["hits"]["hits"][offset if after else 0 :]
        return Found(found["hits"]["total"]["value"], [_hit(hit, newest=newest) for hit in page])

    def count(self, ask: Ask) -> int:
        """Return the exact number of hits."""
        gated = ask.phrases or (ask.needs and ask.at_least)
        body = {"query": self._query(replace(ask, score=()) if gated else ask)}
        return int(self._wire.read(lambda c: c.count(index=self._names.found, body=body))["count"])

    def facets(
        self, ask: Ask, names: Sequence[str], *, size: int
    ) -> dict[str, list[tuple[str, int]]]:
        """Return the *size* most frequent values of each field with their exact counts, equal counts by value."""
        if not names:
            return {}
        order = [{"_count": "desc"}, {"_key": "asc"}]
        wanted = {
            name: {"terms": {"field": name, "size": size, "shard_size": 50_000, "order": order}}
            for name in names
        }
        body = {"query": self._query(ask), "size": 0, "track_total_hits": False, "aggs": wanted}
        answer = self._searched(body, ask)["aggregations"]
        return {
            name: [(str(each["key"]), int(each["doc_count"])) for each in answer[name]["buckets"]]
            for name in names
        }

    def read(self, hits: Sequence[Hit]) -> list[Stored]:
        """Return what the cards keep for showing, in the order of *hits*; one that is gone by now is a `HitGone`."""
        if not hits:
            return []
        ids = [str(hit.handle) for hit in hits]
        body = {"query": {"ids": {"values": ids}}, "size": len(ids), "_source": ["kept"]}
        found = self._wire.read(
            lambda c: c.search(index=self._names.found, body=body, params=_WHOLE)
        )
        kept = {hit["_id"]: hit["_source"]["kept"] for hit in found["hits"]["hits"]}
        if len(kept) < len(set(ids)):
            raise HitGone
        return [Stored(each, kept[each]["facts"], kept[each]["text"]) for each in ids]

    def versions(self, item_ids: Sequence[str]) -> dict[str, int]:
        """Return the version of each of these items that is held, tombstones included."""
        held: dict[str, int] = {}
        for n in range(0, len(item_ids), _IDS):
            ids = list(item_ids[n : n + _IDS])
            columns = _columns("item_id", "version")
            found = self._all_held({"query": {"ids": {"values": ids}}, "size": len(ids), **columns})
            for hit in found["hits"]["hits"]:
                held[hit["fields"]["item_id"][0]] = int(hit["fields"]["version"][0])
        return held

    def size(self) -> int:
        """Return the number of cards, tombstones included."""
        return int(self._wire.read(lambda c: c.count(index=self._names.held))["count"])

    def newest_sequence(self) -> int:
        """Return the highest sequence of any card; 0 without one."""
        found = self._all_held({"size": 0, "aggs": {"top": {"max": {"field": "sequence"}}}})
        return int(found["aggregations"]["top"]["value"] or 0)

    def close(self) -> None:
        """Do nothing: the way to the cluster is the shelf's."""

    # --- from a question to OpenSearch's

    def _searched(self, body: dict[str, Any], ask: Ask) -> Any:
        # The same question goes to the same copies of the shards: copies differ a little in what they still count.
        same = str(zlib.crc32(repr((ask.score, ask.needs)).encode()))
        params = {**_WHOLE, **self._scoring, "preference": f"q{same}"}
        return self._wire.read(
            lambda c: c.search(index=self._names.found, body=body, params=params)
        )

    def _all_held(self, body: dict[str, Any]) -> Any:
        return self._wire.read(lambda c: c.search(index=self._names.held, body=body, params=_WHOLE))

    def _query(self, ask: Ask) -> Query:
        must = _filters(ask.filters)
        gate = _gate(ask)
        scored = [_scored(*each) for each in self._telling(ask.score)]
        scored += [_fixed(need, weight) for need, weight in ask.firsts]
        if gate is not None:
            must.append(gate)
        if not must and not scored:
            return {"match_all": {"boost": 0.0}}
        least = {"minimum_should_match": 0 if must else 1}
        return {"bool": {"filter": must, "should": scored, **(least if scored else {})}}

    def _telling(self, scored: Scored) -> list[tuple[Term, float]]:
        if len(scored) <= ALWAYS:
            return list(scored)
        return telling(scored, self._held_by(scored))

    def _size_of_late(self) -> int:
        """Return about how many documents there are."""
        size, until = self._counted
        if time.monotonic() > until:
            size = self.size()
            self._counted = (size, time.monotonic() + _COUNTED_FOR)
        return size

    def _held_by(self, scored: Scored) -> list[int]:
        """Return how many documents hold each term; in a small index it matters not, and nothing is asked."""
        if self._size_of_late() <= COMMON:
            return [0] * len(scored)
        document: dict[str, list[str]] = {}
        for term, _ in scored:
            document.setdefault(term.field, []).append(term.value)
        body = {
            "doc": {field: " ".join(values) for field, values in document.items()},
            "fields": list(document),
            "term_statistics": True,
            "field_statistics": False,
            "positions": False,
            "offsets": False,
        }
        answer = self._wire.read(lambda c: c.termvectors(index=self._names.held, body=body))
        vectors = answer["term_vectors"]

        def held(term: Term) -> int:
            known = vectors.get(term.field, {}).get("terms", {}).get(term.value, {})
            return int(known.get("doc_freq", 0))

        return [held(term) for term, _ in scored]


_WHOLE = {"allow_partial_search_results": "false"}
"""An answer of some shards only would be a wrong total."""


def _columns(*names: str) -> dict[str, Any]:
    """Return what asks for these columns and leaves the stored documents alone."""
    return {"_source": False, "stored_fields": "_none_", "docvalue_fields": list(names)}


def _from(after: list[Any] | None, offset: int, limit: int) -> dict[str, Any]:
    """Return the stretch of hits: by number from the top, or by number after a hit."""
    if after is None:
        return {"from": offset, "size": limit}
    return {"search_after": after, "size": offset + limit}


def _hit(found: dict[str, Any], *, newest: bool) -> Hit:
    fields = found["fields"]
    score = 0.0 if newest else float(found["_score"] or 0.0)
    return Hit(fields["item_id"][0], score, int(fields["day"][0]), bool(fields["spent"][0]))


def _gate(ask: Ask) -> Query | None:
    """Return what makes a document a hit by its words; None when everything is one."""
    parts = [_phrase(phrase) for phrase in ask.phrases]
    if ask.needs and ask.at_least:
        needs = [_need(need) for need in ask.needs]
        parts.append({"bool": {"should": needs, "minimum_should_match": ask.at_least}})
    ways = [_need(need) for need, weight in ask.firsts if weight >= ENOUGH]
    if parts:
        ways.append(_all(parts))
    return _any(ways) if ways else None


def _filters(filters: Filters) -> list[Query]:
    queries: list[Query] = [
        {"terms": {name: list(values)}} for name, values in filters.exact.items()
    ]
    if filters.year is not None:
        queries.append({"term": {"year": filters.year}})
    bounds = {"gte": filters.first_day, "lte": filters.last_day}
    given = {name: day for name, day in bounds.items() if day is not None}
    return [*queries, {"range": {"day": given}}] if given else queries


def _scored(term: Term, weight: float) -> Query:
    return {"term": {term.field: {"value": term.value, "boost": weight * UNIT}}}


def _fixed(need: Need, weight: float) -> Query:
    return {"constant_score": {"filter": _need(need), "boost": weight}}


def _need(need: Need) -> Query:
    return _any([_way(way) for way in need])


def _way(way: Way) -> Query:
    return _all([{"term": {term.field: term.value}} for term in way])


def _phrase(phrase: tuple[str, ...]) -> Query:
    if len(phrase) == 1:
        return {"term": {"characters": phrase[0]}}
    return {"match_phrase": {"characters": " ".join(phrase)}}


def _any(queries: list[Query]) -> Query:
    return queries[0] if len(queries) == 1 else {"bool": {"should": queries}}


def _all(queries: list[Query]) -> Query:
    return queries[0] if len(queries) == 1 else {"bool": {"filter": queries}}


# --- from a card to OpenSearch's


def document_of(card: Card) -> dict[str, Any]:
    """Return the document of a card; a tombstone's has its version, and nothing else of the item."""
    return {
        "item_id": card.item_id,
        **{name: getattr(card, name) or FILLER for name in _CUT},
        **{name: getattr(card, name) for name in _EXACT},
        "department": card.department,
        "catalogue": card.catalogue,
        "genre": [card.genre] if card.genre else [],
        "topic": card.topics,
        "validity": card.validity,
        **{name: getattr(card, name) for name in ("year", "day", *_LONGS, "spent")},
        "gone": TOMBSTONE in card.marks,
        "kept": {"facts": card.stored.facts, "text": card.stored.text},
    }


def _bulks(cards: list[Card]) -> Iterator[list[str]]:
    """Return requests of bounded size: pairs of an action and its card, as lines."""
    lines: list[str] = []
    size = 0
    for card in cards:
        action = {"_id": card.item_id, "version": card.version, "version_type": "external"}
        pair = [json.dumps({"index": action}), json.dumps(document_of(card), ensure_ascii=False)]
        weight = 3 * len(pair[1])
        if lines and (size + weight > _BULK_BYTES or len(lines) >= 2 * _BULK_CARDS):
            yield lines
            lines, size = [], 0
        lines += pair
        size += weight
    if lines:
        yield lines


def _refusal(status: int, item: dict[str, Any]) -> Exception:
    """Return what to raise for a card that was not taken."""
    reason = item.get("error", {})
    if status == 404:
        return NotThere()
    if status in {403, 408} or status >= 500:
        return SearchDown()
    return CardRefused(f"{item['_id']}: {status} {reason.get('type')}: {reason.get('reason')}")
