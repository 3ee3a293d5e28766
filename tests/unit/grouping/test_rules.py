"""Rules that people wrote, and what waits for them."""

from datetime import timedelta
from uuid import UUID

import pytest

from incidents.ingest.grouping.decide import Scene
from incidents.ingest.grouping.rules import first_that_matches, key_of, matches
from incidents.ingest.grouping.types import Candidate, Decision, Held, Means, Rule, Subject
from incidents.ingest.matching import read_lines
from tests.unit.grouping.making import NOW, SHOP, alert, incident, member, place

EU = {"region": "eu"}


def rule(lines: str = "region = eu", **changed: object) -> Rule:
    fields: dict[str, object] = {
        "id": UUID(int=9),
        "name": "a region",
        "matchers": read_lines(lines),
        "is_any": False,
        "group_by": ("region",),
        "window_min": 10,
        "threshold": 1,
    }
    return Rule(**fields | changed)  # type: ignore[arg-type]  # tests name fields of Rule only


def by(one: Rule, subject: Subject, *live: Candidate, held: list[Held] | None = None) -> Decision:
    return place(subject, *live, scene=Scene(SHOP, rules=[one], held=held or []))


def test_a_rule_joins_what_shares_its_labels_however_far_apart() -> None:
    one = rule()
    first = by(one, alert("payments", labels=EU))
    assert (first.means, first.join, first.rule) == (Means.RULE, None, one.id)
    open_for_it = incident(4, member("payments", min_ago=9), grouping_key=first.key)
    found = by(one, alert("disks", labels=EU), open_for_it)
    assert (found.means, found.join) == (Means.RULE, open_for_it.id)
    assert found.reason == (
        "rule “a region”, same region eu: INC-4 is open and had an alert within 10 min"
    )


def test_another_value_of_the_label_is_another_incident() -> None:
    one = rule("region =~ .+")
    here = incident(4, member(), grouping_key=key_of(alert(labels=EU), one))
    assert by(one, alert(labels={"region": "us"}), here).join is None


def test_past_its_window_a_rule_opens_another() -> None:
    one = rule()
    old = incident(4, member(min_ago=11), grouping_key=key_of(alert(labels=EU), one))
    found = by(one, alert(labels=EU), old)
    assert found.join is None
    assert found.key.startswith(old.grouping_key)
    assert found.key != old.grouping_key


@pytest.mark.parametrize(("waiting", "means"), [(0, Means.HELD), (1, Means.HELD), (2, Means.RULE)])
def test_below_its_threshold_an_alert_waits_and_then_all_join(waiting: int, means: Means) -> None:
    one = rule(threshold=3)
    key = key_of(alert(labels=EU), one)
    held = [Held(UUID(int=n), key, NOW - timedelta(minutes=n)) for n in range(1, waiting + 1)]
    found = by(one, alert(labels=EU), held=held)
    assert found.means == means
    assert f"{waiting + 1} of 3 alerts within 10 min" in found.reason
    assert set(found.release) == ({h.id for h in held} if means == Means.RULE else set())


def test_what_waits_too_long_no_longer_counts() -> None:
    one = rule(threshold=2)
    key = key_of(alert(labels=EU), one)
    held = [Held(UUID(int=1), key, NOW - timedelta(minutes=11))]
    assert by(one, alert(labels=EU), held=held).means == Means.HELD


def test_the_first_rule_by_position_decides_in_whatever_order_they_come() -> None:
    rules = [rule(name="b", position=2), rule(name="c", position=1), rule(name="a", position=2)]
    for order in (rules, rules[::-1]):
        found = first_that_matches(alert(labels=EU), order)
        assert found is not None
        assert found.name == "c"


def test_all_or_any_of_the_matchers() -> None:
    lines = "region = eu\nservice = search"
    subject = alert("payments", labels=EU)
    assert not matches(subject, rule(lines))
    assert matches(subject, rule(lines, is_any=True))
    assert matches(subject, rule("", group_by=()))


def test_a_rule_leaves_alerts_without_its_label_alone() -> None:
    assert by(rule(""), alert("payments")).means == Means.ALONE
    assert matches(alert("payments"), rule("", group_by=("service",)))


def test_the_same_alert_comes_before_any_rule() -> None:
    had = incident(4, member(), had_min_ago=5)
    assert by(rule(), alert(labels=EU), had).means == Means.KEY
