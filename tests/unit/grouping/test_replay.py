"""Alerts of the past decided once more, as intake would have."""

from collections import Counter
from uuid import UUID

import pytest

from benchmarks.storm.scoring import score
from incidents.ingest.grouping.decide import Scene
from incidents.ingest.grouping.replay import Happening, Replay
from incidents.ingest.grouping.types import Rule
from tests.unit.grouping.making import SHOP, alert


def told(name: str, service: str, *, min_ago: float, is_firing: bool = True) -> Happening:
    subject = alert(service, name, min_ago=min_ago, key=f"{service} {name}")
    return Happening(f"{name} {service} {min_ago}", subject, subject.at, is_firing)


def replay(*happenings: Happening, rules: list[Rule] | None = None) -> Replay:
    return Replay(Scene(SHOP, rules=rules or [])).run(happenings)


def test_repeats_and_neighbours_are_one_and_strangers_another() -> None:
    done = replay(
        told("A", "payments", min_ago=9),
        told("A", "payments", min_ago=8),
        told("B", "checkout", min_ago=8),
        told("C", "search", min_ago=8),
    )
    assert list(done.placed.values()) == [1, 1, 1, 2]
    assert [len(group.alerts) for group in done.groups] == [3, 1]


def test_an_incident_whose_alerts_are_over_takes_nothing_more() -> None:
    done = replay(
        told("A", "payments", min_ago=9),
        told("A", "payments", min_ago=8, is_firing=False),
        told("A", "payments", min_ago=7),
    )
    assert [g.is_live for g in done.groups] == [False, True]


def turns(name: str, *min_ago: float) -> list[Happening]:
    """It fires, is over, fires and so on."""
    return [
        told(name, "payments", min_ago=ago, is_firing=turn % 2 == 0)
        for turn, ago in enumerate(min_ago)
    ]


def test_what_flaps_keeps_its_incident_open_until_it_is_quiet() -> None:
    flapping = turns("A", 60, 58, 56, 54)
    back = replay(*turns("A", 60, 58), *turns("A", 56, 54))
    assert len(back.groups) == 2  # not flapping yet when its first incident ended
    other = told("B", "payments", min_ago=61)
    end = told("B", "payments", min_ago=53, is_firing=False)
    done = replay(other, *flapping, end, told("A", "payments", min_ago=40))
    assert set(done.placed.values()) == {1}
    quiet = replay(other, *flapping, end, told("A", "payments", min_ago=30))
    assert [group.is_live for group in quiet.groups] == [False, True]


def test_what_flaps_goes_to_the_incident_that_explains_it_now() -> None:
    """And the one that waited for it alone is over."""
    first = [told("B", "payments", min_ago=61), *turns("A", 60, 58, 56, 54)]
    end = told("B", "payments", min_ago=53, is_firing=False)
    apart = told("own", "disks", min_ago=42)
    done = replay(*first, end, apart, told("A", "payments", min_ago=41))
    assert done.placed["A payments 41"] == 1
    near = [told("own", "ledger", min_ago=n) for n in (42,)]
    done = replay(*first, end, *near, told("A", "payments", min_ago=41))
    assert done.placed["A payments 41"] == done.placed["own ledger 42"]


def test_what_a_rule_holds_back_joins_when_there_are_enough() -> None:
    rule = Rule(UUID(int=1), "three", (), False, (), 10, 3)
    steps = [told(name, "payments", min_ago=9 - n) for n, name in enumerate("ABC")]
    waiting = replay(*steps[:2], rules=[rule])
    assert (waiting.groups, set(waiting.placed.values())) == ([], {None})
    done = replay(*steps, rules=[rule])
    assert Counter(done.placed.values()) == {1: 3}
    reasons = [done.decisions[step.id].reason for step in steps]
    assert all(reason.startswith("it waited, until C came; rule “three”") for reason in reasons[:2])
    assert reasons[2].endswith("3 of 3 alerts within 10 min, so an incident opens")
    cleared = told("A", "payments", min_ago=7.5, is_firing=False)
    assert replay(steps[0], steps[1], cleared, steps[2], rules=[rule]).groups == []


def test_precision_and_recall_of_pairs() -> None:
    found = score([(1, "a"), (1, "a"), (1, "b"), (2, "b")])
    assert (found.alerts, found.incidents, found.reduction) == (4, 2, 0.5)
    assert found.precision == pytest.approx(1 / 3)
    assert found.recall == pytest.approx(1 / 2)
    assert score([]).precision == score([]).recall == 1


def test_a_rule_sees_the_newest_alert_of_an_incident_however_old_it_is() -> None:
    """Longer ago than anything is alike, and not longer than the rule's own window."""
    rule = Rule(UUID(int=1), "an hour", (), False, (), 60, 1)
    steps = [told(name, "payments", min_ago=min_ago) for name, min_ago in
             (("A", 200), ("B", 150), ("C", 100), ("D", 50))]  # fmt: skip
    assert Counter(replay(*steps, rules=[rule]).placed.values()) == {1: 4}


def test_old_members_leave_no_more_than_their_onset() -> None:
    steps = [told(f"A{n}", "payments", min_ago=2 * (300 - n)) for n in range(300)]
    all_of_them = Rule(UUID(int=1), "all", (), False, (), 10, 1)
    group = replay(*steps, rules=[all_of_them]).groups[0]
    assert len(group.alerts) == 300
    assert len(group.members) <= 17
    assert group.onsets == {"payments": steps[0].at}
