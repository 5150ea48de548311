"""Watch a folder for dropped packages: send each once, write what became of it beside it.

A package is a `.zip` of `gazette pack`, a `.json` or `.jsonl` file with the files it names, or a folder with one of
those. What became of `X` stands in `X.outcome.json`: whole or not at all, and only after the catalog has answered.
A restart between the answer and the file sends again under the same ids, which changes nothing.
"""

from __future__ import annotations

import asyncio
import json
import os
import tempfile
import time
from collections.abc import Awaitable, Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import lru_cache
from hashlib import file_digest, sha256
from pathlib import Path
from typing import Any

from services.sender.packages import BadPackage, HalfWritten, read_package
from services.sender.pushing import FINE, Result, UploadRefused
from services.sender.reading import Line, UnreadableFile, read_paths
from shared.errors import Problem, Refused

LISTS = (".json", ".jsonl", ".ndjson")
OUTCOME = ".outcome.json"
_UNFINISHED = (".part", ".partial", ".tmp", ".temp", ".crdownload", ".filepart", ".swp", "~")
SETTLE = 2.0
"""Seconds that nothing of a package may change before it is read."""
PATIENCE = 60.0
"""Seconds after which a package that still makes no sense is refused."""

Fingerprint = tuple[tuple[str, int, int], ...]
Send = Callable[[Sequence[Line]], Awaitable[Result]]


class OutsideTheFolder(Refused):
    """清单里的附件不在投递文件夹里。 / An attachment lies outside the folder."""


class OtherDepartment(Refused):
    """这是别的单位的信息。 / This belongs to another department."""


@dataclass
class Watch:
    """One folder of one department. `look` is called again and again; it forgets nothing that matters."""

    folder: Path
    department: str
    send: Send
    clock: Callable[[], datetime]
    trusted: set[str] = field(default_factory=set)
    signed_only: bool = False
    settle: float = SETTLE
    patience: float = PATIENCE
    told: Callable[[Path, dict[str, Any]], None] = lambda _path, _outcome: None
    _seen: dict[Path, tuple[Fingerprint, float]] = field(default_factory=dict)
    _done: dict[Path, Fingerprint] = field(default_factory=dict)

    async def look(self) -> int:
        """Send what is whole and new; return how many packages still wait to settle or to become whole."""
        waiting = 0
        for entry in await asyncio.to_thread(lambda: list(self._entries())):
            waiting += not await self._one(entry)
        return waiting

    async def _one(self, entry: Path) -> bool:
        """Return whether this package is dealt with."""
        print_ = await asyncio.to_thread(fingerprint, entry)
        if self._done.get(entry) == print_:
            return True
        known, since = self._seen.get(entry, ((), 0.0))
        now = time.monotonic()
        if known != print_:
            self._seen[entry] = (print_, now)
            known, since = print_, now
        earlier = read_outcome(entry)
        digest = await asyncio.to_thread(digest_of, entry)
        if earlier.get("sha256") == digest:
            self._done[entry] = print_
            return True
        if now - since < self.settle:
            return False
        outcome = await self._sent(entry, digest, earlier, late=now - since > self.patience)
        if outcome is None:
            return False
        if await asyncio.to_thread(digest_of, entry) != digest:
            return False  # it changed under our hands: what was sent is safe to send again
        await asyncio.to_thread(write_outcome, entry, outcome)
        self._done[entry] = print_
        self.told(entry, outcome)
        return True

    async def _sent(
        self, entry: Path, digest: str, earlier: dict[str, Any], *, late: bool
    ) -> dict[str, Any] | None:
        """Return what became of *entry*, or None when it is not whole yet."""
        turn = int(earlier.get("round") or 0) + 1
        outcome: dict[str, Any] = {
            "package": entry.name,
            "sha256": digest,
            "round": turn,
            "at": self.clock().isoformat(timespec="seconds"),
        }
        with tempfile.TemporaryDirectory(prefix="gazette-watch-") as room:
            try:
                lines, signed_by = await asyncio.to_thread(self._read, entry, Path(room), turn)
                result = await self.send(lines)
            except (UnreadableFile, HalfWritten) as refusal:
                return outcome | _refused(refusal, "unreadable") if late else None
            except RecursionError:
                return outcome | _refused(_too_deep(entry), "unreadable") if late else None
            except (BadPackage, OutsideTheFolder, OtherDepartment, UploadRefused) as refusal:
                return outcome | _refused(refusal, refusal.kind().replace("-", "_"))
        results = [one.model_dump(mode="json", exclude_none=True) for _, one in result.outcomes]
        return outcome | {
            "good": all(one["outcome"] in {*FINE, "ignored"} for one in results),
            **({"signed_by": signed_by} if signed_by else {}),
            "results": results,
        }

    def _read(self, entry: Path, room: Path, turn: int) -> tuple[list[Line], str | None]:
        signed_by: str | None = None
        if entry.suffix.lower() == ".zip":
            contents = read_package(entry, room, self.trusted)
            lines, signed_by = contents.lines, contents.signed_by
        elif self.signed_only:
            raise BadPackage(
                f"{entry.name}：这里只收签名的包。 / {entry.name}: only signed packages are taken here."
            )
        else:
            listed = _list_of(entry)
            _names.cache_clear()  # whoever writes a list can set its time as well
            _stay_inside(listed, self.folder)
            lines = read_paths([listed])
            _files_inside(lines, self.folder)  # it may have been written anew since
        if not lines:
            raise UnreadableFile(f"{entry.name}：没有信息。 / {entry.name}: it holds no item.")
        for line in lines:
            if line.department not in {None, self.department}:
                raise OtherDepartment(
                    f"{entry.name}：属于 {line.department}，这里报送的是 {self.department}。 / "
                    f"{entry.name}: it is of {line.department}, this folder of {self.department}."
                )
        return [self._named(line, entry, turn, n) for n, line in enumerate(lines)], signed_by

    def _named(self, line: Line, entry: Path, turn: int, number: int) -> Line:
        """Give *line* the same id whenever this package is read again."""
        if line.event_id:
            return line
        said = json.dumps(
            [self.department, entry.name, turn, number, line.source_id, line.sourceversion, line.type, line.data],
            sort_keys=True,
        )  # fmt: skip
        return replace(line, event_id=f"watch-{sha256(said.encode()).hexdigest()[:40]}")

    def _entries(self) -> Iterator[Path]:
        """Yield the packages in the folder, oldest first, whatever became of them."""
        listed = [path for path in self.folder.iterdir() if is_package(path)]
        named = {name for path in listed if path.is_file() for name in _names_in(path)}
        yield from sorted(
            (path for path in listed if path.name not in named),
            key=lambda path: (path.stat().st_mtime_ns, path.name),
        )


def is_package(path: Path) -> bool:
    """Say whether *path* may be a package: no outcome, nothing hidden, nothing that its name calls unfinished."""
    name = path.name.lower()
    if name.startswith((".", "~")) or name.endswith((OUTCOME, *_UNFINISHED)):
        return False
    if path.is_dir():
        return any(_lists(path))
    return path.is_file() and path.suffix.lower() in {".zip", *LISTS}


def _lists(folder: Path) -> list[Path]:
    found = [
        path
        for path in sorted(folder.iterdir())
        if path.is_file()
        and path.suffix.lower() in LISTS
        and not path.name.startswith((".", "~"))
        and not path.name.endswith(OUTCOME)
    ]
    named = {name for path in found for name in _names_in(path)}
    return [path for path in found if path.name not in named]


def _list_of(entry: Path) -> Path:
    """Return the list of items of a package; raises `UnreadableFile` where a folder has several."""
    if entry.is_file():
        return entry
    found = _lists(entry)
    if len(found) != 1:
        names = "、".join(path.name for path in found) or "0"
        raise UnreadableFile(
            f"{entry.name}：文件夹里要有且只有一个 .json 或 .jsonl（现有：{names}）。 / "
            f"{entry.name}: a folder holds exactly one .json or .jsonl (here: {names})."
        )
    return found[0]


def _names_in(path: Path) -> tuple[str, ...]:
    """Return the attachments that a list names: they are no packages of their own."""
    if path.suffix.lower() not in LISTS:
        return ()
    try:
        stat = path.stat()
        return _names(path, stat.st_size, stat.st_mtime_ns)
    except (OSError, ValueError, RecursionError):
        return ()


@lru_cache(maxsize=4096)
def _names(path: Path, _size: int, _time: int) -> tuple[str, ...]:
    text = path.read_text(encoding="utf-8-sig")
    try:
        value = json.loads(text)
        rows = value if isinstance(value, list) else [value]
    except ValueError:
        rows = [json.loads(row) for row in text.split("\n") if row.strip()]
    return tuple(name for row in rows for name in _named_files(row))


def _named_files(row: Any) -> Iterator[str]:
    data = row.get("data") if isinstance(row, dict) else None
    listed = data.get("attachments") if isinstance(data, dict) else None
    for one in listed if isinstance(listed, list) else []:
        if isinstance(one, dict) and "file" in one:
            yield str(one["file"])


def _stay_inside(listed: Path, folder: Path) -> None:
    """Let a list name only what was dropped: whoever may write a list may not read the machine."""
    for name in _names_in(listed):
        if not _is_inside(listed.parent / name, folder):
            raise OutsideTheFolder(f"{listed.name}: {name}")


def _files_inside(lines: Sequence[Line], folder: Path) -> None:
    """Let no line bring a file from elsewhere, whatever its list said when it was looked at."""
    for line in lines:
        for path in line.files.values():
            if not _is_inside(path, folder):
                raise OutsideTheFolder(f"{line.origin}: {path.name}")


def _is_inside(path: Path, folder: Path) -> bool:
    return path.resolve().is_relative_to(folder.resolve())


def _files_of(entry: Path) -> list[Path]:
    """Return the files that belong to a package; what lies outside belongs to none."""
    if entry.is_dir():
        found = sorted(entry.rglob("*"))
    else:
        found = [entry, *sorted(entry.parent / name for name in set(_names_in(entry)))]
    return [path for path in found if path.is_file() and _is_inside(path, entry.parent)]


def fingerprint(entry: Path) -> Fingerprint:
    """Return names, sizes and times of what belongs to a package: cheap, and different after any write."""
    found = []
    for path in _files_of(entry):
        try:
            stat = path.stat()
        except OSError:
            continue
        found.append((str(path), stat.st_size, stat.st_mtime_ns))
    return tuple(found)


def digest_of(entry: Path) -> str:
    """Return the SHA-256 of a package's content: names and bytes of all its files."""
    whole = sha256()
    for path in _files_of(entry):
        try:
            with path.open("rb") as file:
                part = file_digest(file, "sha256").hexdigest()
        except OSError:
            continue
        whole.update(f"{os.path.relpath(path, entry.parent)}\0{part}\n".encode())
    return whole.hexdigest()


def outcome_path(entry: Path) -> Path:
    """Return where the outcome of a package stands."""
    return entry.with_name(entry.name + OUTCOME)


def read_outcome(entry: Path) -> dict[str, Any]:
    """Return what became of a package the last time, or nothing."""
    try:
        found = json.loads(outcome_path(entry).read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def write_outcome(entry: Path, outcome: dict[str, Any]) -> None:
    """Write an outcome so that it is there whole or not at all, also after a power cut."""
    place = outcome_path(entry)
    partial = place.with_name(f".{place.name}.part")
    with partial.open("w", encoding="utf-8") as file:
        json.dump(outcome, file, ensure_ascii=False, indent=1)
        file.write("\n")
        file.flush()
        os.fsync(file.fileno())
    partial.replace(place)
    handle = os.open(place.parent, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _too_deep(entry: Path) -> UnreadableFile:
    return UnreadableFile(
        f"{entry.name}：JSON 嵌套太深。 / {entry.name}: its JSON is nested too deeply."
    )


def _refused(refusal: Refused, code: str) -> dict[str, Any]:
    chinese, _, english = refusal.title().partition(" / ")
    problems = refusal.problems or [
        Problem(
            path="",
            code=code,
            message=refusal.detail or refusal.title(),
            fix="改好后重新放入。 / Mend it and drop it again.",
        )
    ]
    return {
        "good": False,
        "refused": f"{chinese} / {english}",
        "results": [],
        "problems": [problem.model_dump() for problem in problems],
    }
