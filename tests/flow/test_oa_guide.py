"""docs/guides/oa.md: every program in it is taken from the page, compiled and run against a real instance."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from services.instance.find import find
from tests.flow.conftest import Gazette, item
from tests.instance.conftest import ROOT, environment

pytestmark = pytest.mark.timeout(300)
GUIDE = (ROOT / "docs" / "guides" / "oa.md").read_text("utf-8")
JNATS = "2.21.4"
POM = f"""<project xmlns="http://maven.apache.org/POM/4.0.0"><modelVersion>4.0.0</modelVersion>
<groupId>guide</groupId><artifactId>guide</artifactId><version>1</version><dependencies><dependency>
<groupId>io.nats</groupId><artifactId>jnats</artifactId><version>{JNATS}</version>
</dependency></dependencies></project>"""
needs_java = pytest.mark.skipif(shutil.which("javac") is None, reason="needs a JDK")


def block(language: str, mark: str) -> str:
    """Return the program in the guide that holds *mark*."""
    found = [b for b in re.findall(rf"```{language}\n(.*?)```", GUIDE, re.DOTALL) if mark in b]
    assert len(found) == 1, f"{len(found)} blocks of {language} with {mark}"
    return found[0]


def run(*words: object, folder: Path, **env: str) -> str:
    """Run a program in *folder* and return what it printed."""
    done = subprocess.run(
        [str(word) for word in words],
        cwd=folder,
        env=environment() | env,
        capture_output=True,
        text=True,
        timeout=200,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def java(folder: Path, *names: str, classpath: str = ".") -> None:
    """Write and compile classes of the guide as Java 8, as far as this JDK still can."""
    for name in names:
        (folder / f"{name}.java").write_text(block("java", f"public class {name} "), "utf-8")
    sources = [f"{name}.java" for name in names]
    run("javac", "-encoding", "UTF-8", *_as_java_8(), "-cp", classpath, *sources, folder=folder)


def _as_java_8() -> list[str]:
    said = subprocess.run(["javac", "-version"], capture_output=True, text=True, check=True)
    version = (said.stdout + said.stderr).split()[-1]
    if version.startswith("1.8"):
        return []
    # the first JDK that no longer knows 8 is told the oldest release it knows
    return ["--release", "8" if int(version.split(".")[0]) < 26 else "11", "-Xlint:-options"]


def published(gazette: Gazette, code: str, source_id: str) -> dict[str, Any]:
    """Return what the public sees, once its third version is on page and index."""
    return gazette.visible(code, source_id, 3)["public"]


@needs_java
def test_the_java_class_is_short() -> None:
    """The class without dependencies has at most 60 lines and imports nothing but the JDK."""
    source = block("java", "public class Gazette ")
    assert source.count("\n") <= 60
    assert set(re.findall(r"import ([a-z]+)\.", source)) == {"java"}


@needs_java
def test_java_8_publishes_corrects_and_withdraws(gazette: Gazette, tmp_path: Path) -> None:
    """Compiled for Java 8 and run: three outcomes, two versions in public before the withdrawal, its reason shown."""
    key = gazette.department("oa-java")
    java(tmp_path, "Gazette", "Demo")
    answers = run("java", "-cp", ".", "Demo", gazette.url, "oa-java", key, folder=tmp_path)
    results = [json.loads(line)["results"][0] for line in answers.splitlines()]
    assert [(r["outcome"], r["version"]) for r in results] == [("accepted", n) for n in (1, 2, 3)]
    public = published(gazette, "oa-java", "oa/2026/0815")
    assert (public["state"], public["title"]) == ("withdrawn", "关于“石桥”片区停水的通知")
    assert public["reason"] == "抢修提前完成，不再停水。"
    assert public["history"][1]["note"] == "停水日期由11月25日改为11月26日。"


@needs_java
def test_java_is_told_of_a_wrong_key(gazette: Gazette, tmp_path: Path) -> None:
    """A wrong key is told, not tried for ever: the answer of the platform is what the class returns."""
    gazette.department("oa-wrong")
    java(tmp_path, "Gazette", "Demo")
    answers = run("java", "-cp", ".", "Demo", gazette.url, "oa-wrong", "ogk_wrong", folder=tmp_path)
    assert all(json.loads(line)["status"] == 401 for line in answers.splitlines())


@pytest.fixture(scope="session")
def jnats() -> str:
    """The class path of jnats, fetched with Maven once."""
    folder = (
        Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / f"gazette-jnats-{JNATS}"
    )
    if not list(folder.glob("lib/jnats-*.jar")):
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "pom.xml").write_text(POM, "utf-8")
        plugin = "org.apache.maven.plugins:maven-dependency-plugin:3.6.1:copy-dependencies"
        run("mvn", "-q", "-B", plugin, "-DoutputDirectory=lib", folder=folder)
    return ":".join([".", *map(str, sorted(folder.glob("lib/*.jar")))])


@needs_java
@pytest.mark.skipif(shutil.which("mvn") is None, reason="needs Maven")
def test_java_over_nats_hears_its_outcome(gazette: Gazette, tmp_path: Path, jnats: str) -> None:
    """With jnats and the department's nkey an event is accepted, and its outcome heard; again it is the same."""
    gazette.department("oa-nats")
    gazette.run("departments", "nkey", "oa-nats", tmp_path / "seed.nk")
    event = {
        "specversion": "1.0", "id": "oa-1", "source": "/departments/oa-nats", "subject": "oa/1",
        "type": "org.opengazette.item.published.v1", "sourceversion": 1, "data": item("经NATS的公告"),
    }  # fmt: skip
    (tmp_path / "event.json").write_text(json.dumps(event, ensure_ascii=False), "utf-8")
    java(tmp_path, "GazetteNats", classpath=jnats)
    address = find(gazette.folder).nats_public_url
    words = (
        "java",
        "-cp",
        jnats,
        "GazetteNats",
        address,
        "oa-nats",
        "seed.nk",
        "event.json",
        "oa-1",
    )
    for _ in range(2):
        outcome = json.loads(run(*words, folder=tmp_path))["data"]
        assert (outcome["id"], outcome["outcome"], outcome["version"]) == ("oa-1", "accepted", 1)
    gazette.visible("oa-nats", "oa/1", 1)


def test_python_publishes_corrects_and_withdraws(gazette: Gazette, tmp_path: Path) -> None:
    """The program with the standard library alone runs as it stands."""
    key = gazette.department("oa-python")
    (tmp_path / "oa.py").write_text(block("python", "oa.py"), "utf-8")
    shown = run(sys.executable, "-I", "oa.py", gazette.url, "oa-python", key, folder=tmp_path)
    assert shown.split() == ["accepted"] * 3
    assert published(gazette, "oa-python", "oa/2026/0816")["state"] == "withdrawn"


def test_curl_publishes_corrects_and_withdraws(gazette: Gazette, tmp_path: Path) -> None:
    """The lines of curl run as they stand."""
    key = gazette.department("oa-curl")
    script = block("sh", "curl -sS -X PUT")
    shown = run(
        "sh", "-ec", script, folder=tmp_path, SITE=gazette.url, DEPARTMENT="oa-curl", KEY=key
    )
    assert shown.count('"outcome":"accepted"') == 3, shown
    public = published(gazette, "oa-curl", "oa/2026/0817")
    assert public["state"] == "withdrawn"
    assert public["history"][1]["note"] == "打烊时间由18时改为19时。"
