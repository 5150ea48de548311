"""How well search finds with the product's defaults: everyday questions on the demo county, and the measured floors."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from pathlib import Path

import pytest

from benchmarks.search_quality import ENGINES, SETS, ZONE, built, finding, state_of
from services.demo.dates import dated
from services.instance.opensearch import can_fetch
from services.search.engines.tantivy import TantivyEngine
from services.search.queries import Wanted, search
from services.search.rules.card import card_of
from services.sender.reading import read_folder

SAMPLES = Path(__file__).resolve().parents[2] / "samples" / "qinghe"


@pytest.fixture(scope="module")
def county(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TantivyEngine]:
    """An index of the demo county, each item in its newest version."""
    engine = TantivyEngine(tmp_path_factory.mktemp("county"))
    put_dates = dated(date(2026, 11, 23), ZONE)
    for folder in sorted(path for path in SAMPLES.iterdir() if path.is_dir()):
        for line in read_folder(folder, transform=put_dates):
            row = {
                "source_id": line.source_id,
                "data": {"review": None, "change": None} | line.data,
            }
            if "title" in line.data and "body" in line.data:
                state = state_of(row, engine.size() + 1, folder.name)
                engine.write([card_of(state, ZONE)])
    yield engine
    engine.close()


@pytest.mark.parametrize(
    ("q", "source_id"),
    [
        ("路为什么封了", "s207-shiqiao-closure"),
        ("石桥那段路什么时候通", "s207-shiqiao-closure"),
        ("老人补贴多少钱", "elderly-allowance-2026"),
        ("怎么申请高龄津贴", "elderly-allowance-2026"),
        ("学区怎么划", "school-districts-2026"),
        ("學區怎麼劃", "school-districts-2026"),
        ("禾政发3号", "elderly-allowance-2026"),
        ("禾政发[2026]3号", "elderly-allowance-2026"),
        ("禾政发〔2019〕11号", "elderly-allowance-2019"),
        ("今天暴雨停课吗", "rainstorm-classes"),
        ("养老院多少钱一个月", "elder-care-fees-2026"),
        ("公租房名单", "public-housing-list-2026-3"),
        ("低保标准", "low-income-standards-2026"),
        ("充电桩电价", "ev-charging-tou-price"),
        ("末班车几点", "bus-winter-timetable"),
    ],
)
def test_everyday_questions_find_the_right_item_first(
    county: TantivyEngine, q: str, source_id: str
):
    """What a resident would type finds what answers it, first."""
    best = search(county, Wanted(q=q)).hits[0]
    assert best.stored.facts["source_id"] == source_id


@pytest.mark.slow
@pytest.mark.long
@pytest.mark.timeout(600)
@pytest.mark.parametrize("engine", ["tantivy", "opensearch"])
@pytest.mark.parametrize(
    ("name", "floors"),
    [
        ("statutes", {"nDCG@10": 0.455}),
        ("numbers", {"recall@10": 1.0, "MRR@10": 1.0}),
        ("titles", {"titles": 1.0, "numbers": 1.0}),
    ],
)
def test_measured_floors(
    shared_data: Path,
    tmp_path: Path,
    name: str,
    floors: dict[str, float],
    engine: str,
):
    """Real questions, numbers and titles: never worse than promised, whichever engine answers."""
    corpus, measure = SETS[name]
    if engine == "opensearch" and not can_fetch():
        pytest.skip("needs Maven (mvn), which brings OpenSearch")
    with ENGINES[engine](tmp_path) as opened:
        figures = measure(shared_data, finding(built(corpus(shared_data), opened)))
    assert {key: figures[key] >= floor for key, floor in floors.items()} == dict.fromkeys(
        floors, True
    ), figures
