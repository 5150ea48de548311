"""Tidying of the runs of one line: white space, indents, empty marks. The result is canonical."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator

from services.catalog.cleaning.blocks import Marks, Run

_NBSP_INDENT = re.compile(r"(?:\u3000\s*|[\u00a0\u2002\u2003][\u00a0\u2002\u2003 \u3000]*){2,}")
_SPACE = re.compile(r"[ \t\n\r\f\v\u00a0\u2000-\u200a\u202f\u205f]+")
_FORBIDDEN = re.compile(
    "[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u200b\u2028\u2029\ufdd0-\ufdef\ufeff\ufff9-\ufffb\ufffe\uffff]"
)
_EDGE = " \u3000"


def tidy(runs: Iterable[Run]) -> list[Run]:
    """Return *runs* with single spaces, nothing at the edges of a line, and equal neighbours joined."""
    return _joined(_trimmed(_spaced(map(_unmarked, runs))))


def split(runs: list[Run]) -> Iterator[list[Run]]:
    """Yield the paragraphs in *runs*: two line breaks, or one before an indent, begin a new one."""
    current: list[Run] = []
    pending: list[Run] = []
    for run in runs:
        if run.kind == "br":
            pending.append(run)
        elif run.kind == "text" and not run.text.strip() and not _NBSP_INDENT.match(run.text):
            (pending or current).append(run)
        else:
            if _parts(pending, run):
                yield current
                current = []
            else:
                current.extend(pending)
            pending = []
            current.append(run)
    yield current


def _parts(pending: list[Run], run: Run) -> bool:
    breaks = sum(part.kind == "br" for part in pending)
    return breaks > 1 or (breaks == 1 and run.kind == "text" and bool(_NBSP_INDENT.match(run.text)))


def is_all(runs: Iterable[Run], mark: Marks) -> bool:
    """Say whether all text in *runs* has *mark*, and there is some."""
    texts = [run for run in runs if run.kind == "text" and run.text.strip()]
    return bool(texts) and all(mark in run.marks for run in texts)


def with_mark(runs: Iterable[Run], mark: Marks) -> list[Run]:
    """Return *runs* with *mark* on all text."""
    return tidy(run._replace(marks=run.marks | mark) for run in runs)


def without(runs: Iterable[Run], mark: Marks) -> list[Run]:
    """Return *runs* without *mark*."""
    return tidy(run._replace(marks=run.marks & ~mark) for run in runs)


def text_of(runs: Iterable[Run]) -> str:
    """Return the text in *runs*."""
    return "".join(" " if run.kind == "br" else run.text for run in runs if run.kind != "img")


def _unmarked(run: Run) -> Run:
    """Keep marks off white space, but let a blank to be filled in stay visible."""
    if run.kind != "text":
        return run._replace(marks=Marks.NONE)
    text = _FORBIDDEN.sub("", run.text)
    if text.strip():
        return run._replace(text=text)
    if Marks.UNDERLINE in run.marks and len(text) > 1:
        return Run("_" * min(len(text), 20))
    return run._replace(text=text, marks=Marks.NONE)


def _spaced(runs: Iterable[Run]) -> Iterator[Run]:
    """Collapse white space inside and across runs; a break swallows what stands around it."""
    after_space = True
    for run in runs:
        if run.kind == "br":
            after_space = True
            yield run
            continue
        if run.kind == "img":
            after_space = False
            yield run
            continue
        text = _SPACE.sub(" ", run.text)
        if after_space:
            text = text.lstrip(" ")
        if text:
            after_space = text.endswith(" ")
            yield run._replace(text=text)


def _trimmed(runs: Iterable[Run]) -> list[Run]:
    """Take indents and trailing spaces off every line, and breaks off both ends."""
    lines: list[list[Run]] = [[]]
    for run in runs:
        if run.kind == "br":
            lines.append([])
        else:
            lines[-1].append(run)
    for line in lines:
        _strip_edge(line, 0, str.lstrip)
        _strip_edge(line, -1, str.rstrip)
    out: list[Run] = []
    for line in filter(None, lines):
        if out:
            out.append(Run("", kind="br"))
        out.extend(line)
    return out


def _strip_edge(line: list[Run], edge: int, strip: Callable[[str, str], str]) -> None:
    while line and line[edge].kind == "text":
        text = strip(line[edge].text, _EDGE)
        if text:
            line[edge] = line[edge]._replace(text=text)
            return
        line.pop(edge)


def _joined(runs: Iterable[Run]) -> list[Run]:
    """Join neighbours that look alike; a space between two that look alike takes their look."""
    out: list[Run] = []
    for run in runs:
        last = out[-1] if out else None
        if (
            last
            and last.kind == run.kind == "text"
            and (last.marks, last.link) == (run.marks, run.link)
        ):
            out[-1] = last._replace(text=last.text + run.text)
        else:
            out.append(run)
    return out
