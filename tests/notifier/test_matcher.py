"""Which saved targets fit an item."""

from __future__ import annotations

import random
from uuid import UUID, uuid4

import pytest

from services.notifier.matcher import Matcher, Sight, cuts_of, tokens_of
from services.notifier.rules import Target

TITLE = "关于S207石桥段封闭施工的公告"
BODY = "因路面改造，青禾县高龄老人津贴发放点迁至镇政府，school districts and admissions 另行通知。"


def found(target: Target, department: str = "transport", catalogue: str = "budget.final") -> bool:
    """Say whether *target* fits the item of these tests."""
    matcher = Matcher()
    key = uuid4()
    matcher.put(key, target)
    return matcher.match(Sight(department, catalogue, tokens_of(TITLE, BODY))) == {key}


@pytest.mark.parametrize(
    "target",
    [
        Target(department="transport"),
        Target(catalogue="budget.final"),
        Target(catalogue="budget"),
        Target(phrase="石桥"),
        Target(phrase="石桥 高龄津贴"),
        Target(phrase="石橋段封閉施工"),
        Target(phrase="高齡老人"),
        Target(phrase="S207"),
        Target(phrase="Ｓ２０７　石桥"),
        Target(phrase="School district"),
        Target(phrase="老人津贴发放"),
        Target(department="transport", catalogue="budget", phrase="封闭"),
    ],
)
def test_what_fits(target: Target) -> None:
    """Body, entry or one above it, and phrases in either script, width or case fit; all given parts together."""
    assert found(target)


@pytest.mark.parametrize(
    "target",
    [
        Target(department="finance"),
        Target(catalogue="budget.final.more"),
        Target(catalogue="budg"),
        Target(phrase="石桥 学区"),
        Target(phrase="桥石"),
        Target(department="finance", phrase="石桥"),
        Target(department="transport", catalogue="notice"),
    ],
)
def test_what_does_not_fit(target: Target) -> None:
    """One part or one word that is missing is enough."""
    assert not found(target)


def test_changes_take_effect() -> None:
    """A target that is changed or dropped is not found by what it was."""
    matcher, key = Matcher(), uuid4()
    sight = Sight("transport", "notice", tokens_of(TITLE))
    matcher.put(key, Target(phrase="石桥"))
    matcher.put(key, Target(phrase="学区"))
    assert matcher.match(sight) == set()
    matcher.put(key, Target(department="transport"))
    assert matcher.match(sight) == {key}
    matcher.drop(key)
    matcher.drop(key)
    assert matcher.match(sight) == set()
    assert len(matcher) == 0


def test_anchors_find_exactly_what_comparing_each_finds() -> None:
    """On thousands of random targets the anchored search equals the plain comparison of every one."""
    chance = random.Random(20261123)
    words = "石桥 封闭 施工 公告 学区 津贴 老人 预算 决算 医院 征收 补偿 暴雨 预警 公租房 招聘 水质 执法".split()
    targets: dict[UUID, Target] = {}
    for _ in range(3000):
        department = chance.choice(["", "", "transport", "finance"])
        catalogue = chance.choice(["", "", "budget", "notice"])
        phrase = " ".join(chance.sample(words, chance.randint(0, 2)))
        if department or catalogue or phrase:
            targets[uuid4()] = Target(department, catalogue, phrase)
    matcher = Matcher()
    matcher.put_all(targets)
    for _ in range(50):
        text = "，".join(chance.sample(words, 6))
        sight = Sight(
            chance.choice(["transport", "finance"]),
            chance.choice(["budget.final", "notice"]),
            tokens_of(text),
        )
        plain = {
            key
            for key, t in targets.items()
            if t.department in ("", sight.department)
            and (not t.catalogue or sight.catalogue.startswith(t.catalogue))
            and (not t.phrase or any(cut <= sight.tokens for cut in cuts_of(t.phrase)))
        }
        assert matcher.match(sight) == plain


def test_a_common_word_does_not_make_everything_a_candidate() -> None:
    """Targets wait at their rarest word: an item with only the common word looks at few of them."""
    matcher = Matcher()
    rare = [chr(0x4E00 + n) + chr(0x5E00 + n) for n in range(2000)]
    matcher.put_all({uuid4(): Target(phrase=f"公告 {word}") for word in rare})
    candidates = matcher._candidates(tokens_of("关于施工的公告"), [])
    assert len(candidates) < 20
