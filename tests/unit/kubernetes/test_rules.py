"""Every rule has a fixture it fires on, and a near miss it keeps silent about."""

import pytest

from analysis.reasoning.kubernetes.engine import RULES, findings
from analysis.reasoning.kubernetes.findings import Finding, Rule
from tests.unit.kubernetes.collected import FIXTURES, fixture, read

NAMES = [rule.name for rule in RULES]
BACKGROUND = {"pod_not_ready", "warnings_counted"}  # they fire beside rules that say more


def of(rule: str, found: list[Finding]) -> list[Finding]:
    return [finding for finding in found if finding.rule == rule]


def test_every_rule_has_its_fixture_and_no_other_is_there() -> None:
    assert sorted(path.stem for path in FIXTURES.glob("*.yaml")) == sorted(NAMES)
    assert len(set(NAMES)) == len(NAMES)


@pytest.mark.parametrize("name", NAMES)
def test_a_rule_fires_and_joins_two_facts(name: str) -> None:
    told = fixture(name)
    found = findings(read(told.fires))
    own = of(name, found)
    assert own, f"it does not fire; found {[f.rule for f in found]}"
    assert (str(own[0].object), own[0].fault.value) == (told.object, told.fault)
    first, second = own[0].facts
    assert first
    assert second
    assert first != second


@pytest.mark.parametrize("name", NAMES)
def test_a_rule_is_the_strongest_thing_said_of_its_fixture(name: str) -> None:
    (strongest, *_) = findings(read(fixture(name).fires))
    assert strongest.rule == name


@pytest.mark.parametrize("name", NAMES)
def test_a_rule_keeps_silent_about_its_near_miss(name: str) -> None:
    told = fixture(name)
    assert not of(name, findings(read(told.misses))), told.near_miss


@pytest.mark.parametrize("name", sorted(set(NAMES) - BACKGROUND))
def test_counting_is_never_above_a_rule(name: str) -> None:
    found = findings(read(fixture(name).fires))
    counted = max((f.strength for f in of("warnings_counted", found)), default=0.0)
    assert counted < max(f.strength for f in of(name, found))


@pytest.mark.parametrize("rule", RULES, ids=NAMES)
def test_a_rule_says_what_it_joins_and_where_it_is_written(rule: Rule) -> None:
    assert rule.text.endswith(".")
    assert rule.page
    assert 0.0 < rule.strength <= 1.0


def test_a_literal_password_is_never_a_fact() -> None:
    told = fixture("credentials_refused")
    words = " ".join(w for f in findings(read(told.fires)) for w in (*f.facts, f.summary))
    assert "wrong-one" in str(told.fires)
    assert "wrong-one" not in words
