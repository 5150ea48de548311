"""A clerk with a Word file, a folder that is watched, a stick that is carried: as processes on a whole instance."""

from __future__ import annotations

import io
import json
import os
import pty
import select
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import docx
import pytest

from services.sender.documents import id_of
from services.sender.watching import outcome_path, read_outcome
from tests.flow.conftest import Gazette, item, write_lines
from tests.instance.conftest import environment, eventually, program
from tests.sender import word_files

pytestmark = pytest.mark.timeout(300)
REVIEWED = ("--reviewed-by", "王科员", "--cleared-by", "李主任")


def test_a_word_file_becomes_a_page(gazette: Gazette, tmp_path: Path) -> None:
    """One command: what was read is shown, the page has table and facts, the original is clean, a repeat changes nothing."""
    gazette.department("clerk-a", "--name", "卫生健康局")
    path = word_files.notice(tmp_path / "接种通知.docx", word_files.pictured)
    done = gazette.run("push", path, "--department", "clerk-a", *REVIEWED)
    for shown in (
        "禾卫发〔2026〕12号",
        "2026-11-20",
        "青禾县卫生健康局",
        "已公开",
        id_of("接种通知"),
    ):
        assert shown in done.stdout, done.stdout
    answer = gazette.visible("clerk-a", id_of("接种通知"), 1)
    public = answer["public"]
    page = gazette.get(public["url"]).text
    assert "<h1" in page
    assert "禾卫发〔2026〕12号" in page
    assert '<th scope="col">接种点</th>' in page
    hits = gazette.search("禾卫发〔2026〕12号")["hits"]
    assert public["url"] in [hit["url"] for hit in hits[:3]]  # other tests push the same file
    original, picture = public["attachments"]
    assert (original["name"], original["role"]) == ("接种通知.docx", "original")
    assert gazette.get(f"/files/{picture['sha256']}/{picture['name']}").status_code == 200
    content = gazette.get(f"/files/{original['sha256']}/{original['name']}").content
    assert docx.Document(io.BytesIO(content)).core_properties.author == ""
    again = gazette.run("push", path, "--department", "clerk-a", *REVIEWED)
    assert "未变" in again.stdout


def test_a_file_with_tracked_changes_is_held(gazette: Gazette, tmp_path: Path) -> None:
    """It is held with a sentence that says what to do; nothing of it is public; mended, it is published."""
    gazette.department("clerk-b")

    def change(document: Any) -> None:
        word_files.tracked(document)
        word_files.commented(document)

    path = word_files.notice(tmp_path / "稿.docx", change)
    done = gazette.run("push", path, "--department", "clerk-b", *REVIEWED)
    said = "".join(done.stdout.split())
    assert "4处修订、1条批注" in said
    assert "接受或拒绝全部修订" in said
    assert "待审" in said
    assert gazette.get(f"/api/items/clerk-b/{id_of('稿')}").status_code == 404
    assert "clerk-b" in gazette.run("review", "list").stdout
    word_files.notice(path)
    assert "已公开" in gazette.run("push", path, "--department", "clerk-b", *REVIEWED).stdout


def test_options_go_before_the_layout(gazette: Gazette, tmp_path: Path) -> None:
    """Each field that was read can be given; without a review the item waits, and that is said."""
    gazette.department("clerk-c")
    path = word_files.notice(tmp_path / "a.docx")
    done = gazette.run(
        "push", path, "--department", "clerk-c", "--title", "另一标题", "--document-number", "甲〔2026〕1号",
        "--issuing-body", "青禾县", "--formed-on", "2026-11-02", "--catalogue", "welfare", "--source-id", "x/1",
        "--genre", "notice", "--summary", "摘要", *REVIEWED,
    )  # fmt: skip
    assert "选项" in done.stdout
    public = gazette.visible("clerk-c", "x/1", 1)["public"]
    assert {
        name: public[name]
        for name in ("title", "document_number", "issuing_body", "formed_on", "catalogue", "summary")
    } == {
        "title": "另一标题", "document_number": "甲〔2026〕1号", "issuing_body": "青禾县",
        "formed_on": "2026-11-02", "catalogue": "welfare", "summary": "摘要",
    }  # fmt: skip
    unreviewed = gazette.run("push", path, "--department", "clerk-c")
    assert "没有审核记录" in unreviewed.stdout
    assert "待审" in unreviewed.stdout


def test_a_dry_run_shows_and_sends_nothing(gazette: Gazette, tmp_path: Path) -> None:
    """The clerk sees what would be sent, a file with changes as held; the platform keeps nothing."""
    gazette.department("clerk-d")
    path = word_files.notice(tmp_path / "a.docx", word_files.tracked)
    done = gazette.run("push", path, "--department", "clerk-d", "--dry-run", *REVIEWED)
    assert "禾卫发〔2026〕12号" in done.stdout
    assert "待审" in done.stdout
    assert gazette.get("/api/items/clerk-d/a").status_code == 404


def test_wrong_use_is_wrong_use(gazette: Gazette, tmp_path: Path) -> None:
    """A Word file without a department, and Word options for other files, are told apart from failures (code 2)."""
    path = word_files.notice(tmp_path / "a.docx")
    assert gazette.run("push", path, check=False).returncode == 2
    lines = write_lines(tmp_path / "a.jsonl", [])
    for words in (
        ("push", lines, "-d", "x", "--title", "t"),
        ("push", path, path, "-d", "x", "--title", "t"),
    ):
        assert gazette.run(*words, check=False).returncode == 2
    (tmp_path / "b.docx").write_bytes(b"no zip")
    broken = gazette.run("push", tmp_path / "b.docx", "-d", "x", check=False)
    assert broken.returncode == 1
    assert "另存为 .docx" in "".join(broken.stderr.split("\n"))


def test_at_a_terminal_the_clerk_agrees_first(gazette: Gazette, tmp_path: Path) -> None:
    """Asked at a terminal, `n` sends nothing; with the reviewers' names and a return it is published."""
    gazette.department("clerk-e")
    path = word_files.notice(tmp_path / "会议.docx")
    refused = _at_a_terminal(gazette, path, ["", "n"])
    assert "没有报送" in refused
    assert gazette.get(f"/api/items/clerk-e/{id_of('会议')}").status_code == 404
    agreed = _at_a_terminal(gazette, path, ["王科员", "李主任", ""])
    assert "已公开" in agreed
    gazette.visible("clerk-e", id_of("会议"), 1)


def _at_a_terminal(gazette: Gazette, path: Path, answers: list[str]) -> str:
    """Run the push at a pseudo-terminal, answer each question when it is asked, return what was shown."""
    ours, theirs = pty.openpty()
    command = program("push", path, "--department", "clerk-e", "--data", gazette.folder)
    process = subprocess.Popen(
        command, stdin=theirs, stdout=theirs, stderr=theirs, env=environment() | {"COLUMNS": "100"}
    )
    os.close(theirs)
    shown, deadline = "", time.monotonic() + 60
    questions = ("reviewed by", "cleared by", "send it")
    answered: set[str] = set()
    while time.monotonic() < deadline:
        if select.select([ours], [], [], 0.2)[0]:
            try:
                shown += os.read(ours, 65536).decode("utf-8", "replace")
            except OSError:
                break
        asked = next((q for q in questions if q in shown and q not in answered), None)
        if asked and answers:
            answered.add(asked)
            os.write(ours, (answers.pop(0) + "\n").encode())
        if process.poll() is not None and not select.select([ours], [], [], 0)[0]:
            break
    process.wait(10)
    os.close(ours)
    return shown


# --- folders


@contextmanager
def watcher(
    gazette: Gazette, folder: Path, code: str, *options: str
) -> Iterator[subprocess.Popen[str]]:
    """Run `gazette watch` as a process; it is killed with signal 9 at the end, as by a power cut."""
    command = program(
        "watch", folder, "--department", code, "--settle", "0.3", *options, "--data", gazette.folder
    )
    process = subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=environment()
    )
    try:
        yield process
    finally:
        process.kill()
        process.wait()
        if process.stdout:
            process.stdout.close()


def test_a_watched_folder_survives_kills(gazette: Gazette, tmp_path: Path) -> None:
    """Killed again and again in the middle of twenty packages, each is published once and has its outcome."""
    gazette.department("watch-a")
    folder = tmp_path / "drop"
    folder.mkdir()
    for n in range(20):
        line = {"source_id": f"w{n}", "data": item(f"第{n}号公告")}
        (folder / f"{n:02}.json").write_text(json.dumps(line, ensure_ascii=False), "utf-8")
    for _ in range(3):
        before = len(list(folder.glob("*.outcome.json")))
        with watcher(gazette, folder, "watch-a"):
            eventually(partial(_at_least, folder, min(before + 4, 20)))
    with watcher(gazette, folder, "watch-a"):
        eventually(lambda: len(list(folder.glob("*.outcome.json"))) == 20, seconds=60)
    for n in range(20):
        [result] = read_outcome(folder / f"{n:02}.json")["results"]
        assert (result["outcome"], result["version"]) == ("accepted", 1)
        gazette.visible("watch-a", f"w{n}", 1)
        assert gazette.get(f"/api/items/watch-a/w{n}").json()["public"]["version"] == 1


def _at_least(folder: Path, count: int) -> bool:
    return len(list(folder.glob("*.outcome.json"))) >= count


def test_only_one_watches_a_folder(gazette: Gazette, tmp_path: Path) -> None:
    """A second watch on the same folder is refused."""
    gazette.department("watch-b")
    folder = tmp_path / "drop"
    folder.mkdir()
    with watcher(gazette, folder, "watch-b"):
        eventually((folder / ".gazette-watch.lock").exists)
        time.sleep(0.5)
        second = gazette.run("watch", folder, "-d", "watch-b", "--once", check=False)
        assert second.returncode == 2
        assert "another" in "".join(second.stderr.split())


def test_a_package_crosses_a_gap(gazette: Gazette, tmp_path: Path) -> None:
    """Packed and signed on one side, dropped on the other: published once, by the key the catalog knows; unpack shows it."""
    gazette.department("stick")
    seed = tmp_path / "stick.nk"
    gazette.run("departments", "nkey", "stick", seed)
    folder = tmp_path / "drop"
    folder.mkdir()
    path = word_files.notice(tmp_path / "通知.docx")
    packed = subprocess.run(
        program("pack", path, "--department", "stick", "--nkey", seed, "--out", folder / "p.zip", *REVIEWED),
        capture_output=True, text=True, env=environment(), check=True, timeout=60,
    )  # fmt: skip
    public_key = packed.stdout.split()[-1]
    for name, trusted in (("yes", public_key), ("no", "U" + "A" * 55)):
        done = subprocess.run(
            program("unpack", folder / "p.zip", "--into", tmp_path / name, "--trust", trusted),
            capture_output=True, text=True, env=environment(), check=False, timeout=60,
        )  # fmt: skip
        assert (done.returncode == 0) is (name == "yes"), done.stderr
    assert (tmp_path / "yes" / "items.jsonl").is_file()
    gazette.run("watch", folder, "-d", "stick", "--once", "--signed-only", "--settle", "0.2")
    outcome = read_outcome(folder / "p.zip")
    assert outcome["signed_by"] == public_key
    gazette.visible("stick", id_of("通知"), 1)
    (folder / "second.zip").write_bytes((folder / "p.zip").read_bytes())
    gazette.run("watch", folder, "-d", "stick", "--once", "--signed-only", "--settle", "0.2")
    assert read_outcome(folder / "second.zip")["results"] == outcome["results"]
    assert gazette.get(f"/api/items/stick/{id_of('通知')}").json()["public"]["version"] == 1
    gazette.run("push", tmp_path / "yes" / "items.jsonl", "-d", "stick")
    assert gazette.get(f"/api/items/stick/{id_of('通知')}").json()["public"]["version"] == 1


def test_once_says_how_it_went(gazette: Gazette, tmp_path: Path) -> None:
    """With --once a rejected package ends with code 1 and its reasons beside it."""
    gazette.department("watch-c")
    (tmp_path / "bad.json").write_text(
        json.dumps({"source_id": "x", "data": item("标题", catalogue="nosuch")}), "utf-8"
    )
    done = gazette.run("watch", tmp_path, "-d", "watch-c", "--once", "--settle", "0.1", check=False)
    assert done.returncode == 1
    assert outcome_path(tmp_path / "bad.json").exists()
