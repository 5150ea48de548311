"""Draw the plots of `benchmarks/README.md` from the kept figures of a run.

BENCH_RESULTS=benchmarks/results make bench
python benchmarks/plots.py            reads benchmarks/results, writes benchmarks/images/*.svg
"""

from __future__ import annotations

import json
import statistics
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pygal
from pygal.style import Style

HERE = Path(__file__).parent
QUIET = Style(
    background="white",
    plot_background="white",
    foreground="#1b1b1f",
    foreground_strong="#1b1b1f",
    foreground_subtle="#dcdde3",
    colors=("#134e8f", "#b3261e", "#17683a", "#7a4d00"),
    font_family="system-ui, sans-serif",
    label_font_size=12,
    value_font_size=12,
    title_font_size=16,
    legend_font_size=12,
)
SIZE = {
    "width": 760,
    "height": 380,
    "style": QUIET,
    "js": (),
    "legend_at_bottom": True,
    "truncate_legend": -1,
    "truncate_label": -1,
}


def main() -> None:
    """Draw every plot whose figures are there."""
    results = Path(sys.argv[1]) if len(sys.argv) > 1 else HERE / "results"
    images = HERE / "images"
    images.mkdir(exist_ok=True)
    for name, draw in PLOTS.items():
        chart = draw(lambda kept: _read(results / f"{kept}.json"))
        if chart is None:
            print(f"{name}: no figures")
            continue
        chart.render_to_file(str(images / f"{name}.svg"))
        print(f"{name}: {images / name}.svg")


def _read(path: Path) -> dict[str, Any] | None:
    found: dict[str, Any] | None = json.loads(path.read_text()) if path.exists() else None
    return found


Read = Callable[[str], dict[str, Any] | None]


def ratios(read: Read) -> Any:
    """Draw each stage beside its raw baseline: smallest, median and largest ratio of the pairs, and the goal."""
    chart = pygal.Bar(
        **SIZE, title="Beside the raw baseline of the same run", y_title="ratio, median"
    )
    stages = {
        "intake, two senders": ("intake", 0.35),
        "consumer": ("consumer", 0.6),
        "relay": ("relay", 4.0),
        "bare atomic batches": ("relay_limit", None),
    }
    found = {label: (read(kept), goal) for label, (kept, goal) in stages.items()}
    there = {label: (kept, goal) for label, (kept, goal) in found.items() if kept}
    if not there:
        return None
    chart.x_labels = list(there)
    chart.add("measured", [round(statistics.median(k["ratios"]), 2) for k, _ in there.values()])
    chart.add("goal", [goal for _, goal in there.values()])
    return chart


def latency(read: Read) -> Any:
    """Draw how many of the pushes were on the page, and found, after so many milliseconds."""
    chart = pygal.XY(
        **SIZE,
        title="From push to page and to hit, 20 events a second",
        x_title="milliseconds",
        y_title="part of the events, %",
        show_dots=False,
    )
    for kept, where in (("latency", "one process"), ("latency-processes", "--processes")):
        for name, values in (read(kept) or {}).items():
            if name in ("page", "hit"):
                ordered = sorted(values)
                chart.add(
                    f"{name}, {where}",
                    [(v, 100 * (n + 1) / len(ordered)) for n, v in enumerate(ordered)],
                )
    return chart if chart.raw_series else None


def growth(read: Read) -> Any:
    """Draw what one more item costs as the site grows, beside its cost at the smallest size."""
    found = {k: v for k, v in (read("growth") or {}).items() if k.isdigit()}
    if len(found) < 2:
        return None
    first = next(iter(found.values()))
    chart = pygal.Line(
        **SIZE,
        title="One more item, beside its cost at the smallest site",
        x_title="items",
        y_title="ratio",
        range=(0, 2),
    )
    chart.x_labels = [f"{int(size):,}" for size in found]
    for name in first:
        chart.add(
            name.split(",")[0], [round(costs[name] / first[name], 2) for costs in found.values()]
        )
    chart.add("goal", [1.2] * len(found), stroke_style={"dasharray": "4, 4"}, show_dots=False)
    return chart


def peers(read: Read) -> Any:
    """Draw the site build beside Hugo's."""
    site = read("site")
    if not site or not site["hugo"]:
        return None
    chart = pygal.HorizontalBar(
        **SIZE, title=f"Pages of {site['items']:,} items, two workers, seconds", print_values=True
    )
    chart.value_formatter = lambda value: f"{value:.1f} s"
    chart.add("ours, synced to the disk", statistics.median(site["ours"]))
    chart.add("Hugo", statistics.median(site["hugo"]))
    return chart


def cpu(read: Read) -> Any:
    """Draw the CPU of one item beside Wagtail's."""
    kept = read("cpu")
    if not kept or not kept["wagtail"]:
        return None
    chart = pygal.HorizontalBar(
        **SIZE, title="CPU of one published item, milliseconds", print_values=True
    )
    chart.value_formatter = lambda value: f"{value:.1f} ms"
    chart.add("ours: page, lists, hit; all processes", statistics.median(kept["ours"]))
    chart.add("Wagtail, search off", statistics.median(kept["wagtail"]))
    return chart


def engines(read: Read) -> Any:
    """Draw the times of a search on both engines."""
    chart = pygal.Bar(
        **SIZE, title="A search in 100,000 documents, milliseconds", print_values=True
    )
    chart.value_formatter = lambda value: f"{value:.0f}"
    chart.x_labels = ["p50", "p90", "p99"]
    for engine, label in (("tantivy", "Tantivy, embedded"), ("opensearch", "OpenSearch, one node")):
        if kept := read(f"search-{engine}"):
            cuts = statistics.quantiles(kept["search"], n=100)
            chart.add(label, [cuts[49], cuts[89], cuts[98]])
    return chart if chart.raw_series else None


PLOTS: dict[str, Callable[[Read], Any]] = {
    "ratios": ratios,
    "latency": latency,
    "growth": growth,
    "hugo": peers,
    "wagtail": cpu,
    "engines": engines,
}

if __name__ == "__main__":
    main()
