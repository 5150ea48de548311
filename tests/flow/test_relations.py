"""A repeal reaches every place that shows validity, and another body's repeal only after its owner's decision."""

from __future__ import annotations

from tests.flow.conftest import Gazette, item


def rule(title: str, **more: object) -> dict[str, object]:
    """Return a normative document."""
    return item(title) | {"catalogue": "regulation.normative"} | more


def test_a_repeal_is_shown_everywhere_once_it_acts(gazette: Gazette) -> None:
    """One's own item changes at once, another's stands in the review list until it is approved by its number."""
    gazette.department("rules")
    gazette.department("others")
    gazette.put("rules", "old", rule("渡口管理办法甲"))
    gazette.put("rules", "theirs", rule("渡口管理办法乙"))
    gazette.visible("rules", "theirs", 1)
    ends = {"relations": [{"type": "repeals", "target": "rules/old"}]}
    gazette.put("rules", "new", rule("渡口管理办法丙", **ends))
    ends = {"relations": [{"type": "repeals", "target": "rules/theirs"}]}
    gazette.put("others", "claim", rule("渡口管理办法丁", **ends))
    gazette.visible("others", "claim", 1)

    found = gazette.visible("rules", "old", 2)
    assert found["public"]["validity"] == "repealed"
    page = gazette.get(found["url"]).text
    assert "已废止" in page
    assert "渡口管理办法丙" in page
    [hit] = [hit for hit in gazette.search("渡口管理办法甲")["hits"] if hit["source_id"] == "old"]
    assert hit["validity"] == "repealed"

    theirs = gazette.get("/api/items/rules/theirs").json()
    assert (theirs["version"], theirs["public"]["validity"]) == (1, "in_force")
    assert "渡口管理办法丁" not in gazette.get(theirs["url"]).text
    listed = gazette.run("review", "list").stdout
    assert "others/claim" in listed
    number = next(word for word in listed.split() if word[:1] == "r" and word[1:].isdecimal())
    assert "others/claim" in gazette.run("review", "show", number).stdout
    gazette.run("review", "approve", number, "--reason", "属实")
    found = gazette.visible("rules", "theirs", 2)
    assert found["public"]["validity"] == "repealed"
    assert "渡口管理办法丁" in gazette.get(found["url"]).text
    assert gazette.run("review", "return", number, "--reason", "x", check=False).returncode == 1
    gazette.equal()
