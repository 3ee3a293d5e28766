"""What an incident's story costs: one beginning, and trouble that climbs from there."""

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from incidents.ingest.grouping.story import cost_of, explanation, told_by
from incidents.ingest.grouping.ties import odds, tie
from incidents.ingest.grouping.topology import Topology
from incidents.ingest.grouping.types import Candidate, Means, Member, Params
from tests.unit.grouping.making import SHOP, alert, incident, member, place

PARAMS = Params()
CHAIN = ["ledger", "payments", "checkout", "gateway"]  # each is called by the next
minutes = st.floats(0, 29)


def strength(subject_service: str, *members: Member, title: str = "HighLatency") -> float:
    found = tie(alert(subject_service, title), incident(4, *members), SHOP, PARAMS)
    return found.score if found else 0.0


def root_of(candidate: Candidate) -> str:
    return cost_of(told_by(candidate), SHOP, PARAMS)[1]


@given(minutes, minutes, st.sampled_from(["payments", "checkout"]))
def test_later_never_ties_it_closer(one: float, other: float, service: str) -> None:
    """To the trouble of its own service, and to that of what it calls."""
    soon, late = sorted((one, other))
    there = [member("payments", "HighErrorRate", min_ago=ago) for ago in (soon, late)]
    assert strength(service, there[0]) >= strength(service, there[1])


@given(st.floats(0, 10), st.integers(1, 3), st.integers(1, 3))
def test_more_calls_between_never_tie_it_closer(ago: float, one: int, other: int) -> None:
    near, far = sorted((one, other))
    at_once = min(ago, PARAMS.call_min)  # what is free for one call is free for more
    scores = [strength("gateway", member(CHAIN[3 - hops], min_ago=at_once)) for hops in (near, far)]
    assert scores[0] >= scores[1]


@given(st.floats(0, 29))
def test_what_it_blames_never_loosens_the_tie(ago: float) -> None:
    there = member("ledger", "HighErrorRate", min_ago=ago)
    silent, blames = "QueueBacklog", "CircuitBreakerOpen: has cut off ledger"
    found = [tie(alert("payments", t), incident(4, there), SHOP, PARAMS) for t in (silent, blames)]
    assume(all(found))
    assert found[1].score >= found[0].score  # type: ignore[union-attr]  # assumed just above


@given(st.floats(-700, 700), st.floats(-700, 700))
def test_odds_lie_between_nothing_and_certain_and_fall_with_the_cost(a: float, b: float) -> None:
    assert 0 <= odds(a, b) <= 1
    assert odds(a, b) >= odds(a + 1, b)
    assert odds(a, a) == pytest.approx(0.5)


@given(st.data(), st.lists(minutes, min_size=6, max_size=6))
def test_a_story_costs_the_same_to_the_last_bit_in_whatever_order_it_is_told(
    data: st.DataObject, ago: list[float]
) -> None:
    services = ["ledger", "payments", "checkout", "gateway", "search", "disks"]
    told = [member(name, min_ago=at) for name, at in zip(services, ago, strict=True)]
    other = data.draw(st.permutations(told))
    costs = [cost_of(told_by(incident(4, *these)), SHOP, PARAMS) for these in (told, other)]
    assert costs[0] == costs[1]


def test_a_story_begins_below_and_where_trouble_is_inside() -> None:
    climbing = [member(name, min_ago=4 - n) for n, name in enumerate(CHAIN)]
    assert root_of(incident(4, *climbing)) == "ledger"
    inside = member("payments", "ContainerOOMKilled", min_ago=1)
    assert root_of(incident(4, member("checkout", min_ago=1.5), inside)) == "payments"


def test_two_services_with_trouble_inside_are_two_causes() -> None:
    there = incident(4, member("ledger", "DiskFull", min_ago=2), member("checkout", min_ago=1))
    assert place(alert("payments", "HighErrorRate"), there).join == there.id
    found = place(alert("payments", "ContainerOOMKilled"), there)
    assert found.join is None
    assert found.reason.startswith("trouble inside of payments is a cause of its own, beside INC-4")
    reached = incident(5, *there.members, member("payments", "HighErrorRate", min_ago=1))
    again = place(alert("payments", "ContainerOOMKilled"), reached)
    assert (again.join, again.reason[:35]) == (None, "trouble inside of payments is a cau")


def test_trouble_inside_below_explains_what_is_above() -> None:
    there = incident(4, member("checkout", "HighErrorRate", min_ago=1))
    found = place(alert("payments", "ContainerOOMKilled"), there)
    assert (found.join, found.facts["way"]) == (there.id, "called")


def test_of_two_that_call_each_other_the_earlier_explains() -> None:
    circle = Topology([("a", "b"), ("b", "a")])
    story = told_by(incident(4, member("a", min_ago=3), member("b", min_ago=1)))
    later = explanation("b", story, circle, PARAMS)
    assert later is not None
    assert later.place == "a"
    assert explanation("a", story, circle, PARAMS) is None


def test_a_chore_explains_nothing_and_is_explained_by_nothing() -> None:
    chore = "CertificateExpiresSoon: in 20 days"
    assert place(alert("payments"), incident(4, member("payments", chore))).join is None
    found = place(alert("payments", chore), incident(4, member("payments")))
    assert (found.join, found.reason[:29]) == (None, "it tells of work to be done s")


def test_chores_of_one_kind_at_one_service_go_together() -> None:
    there = incident(4, member("payments", "BackupLate: payments-db-1", min_ago=1))
    found = place(alert("payments", "BackupLate: payments-db-2"), there)
    assert (found.means, found.join) == (Means.SIMILARITY, there.id)


def test_on_one_host_they_are_one_where_only_one_names_its_service() -> None:
    address = {"instance": "10.1.2.3:9100"}
    there = incident(4, member("payments", "HighErrorRate", min_ago=1, labels=address))
    found = place(alert("", "NetworkErrors", labels=address), there)
    assert (found.join, found.facts["way"]) == (there.id, "host")
    other = {"instance": "10.9.9.9:9100"}
    assert place(alert("", "NetworkErrors", labels=other), there).join is None


def test_without_a_place_words_and_time_decide() -> None:
    there = incident(4, member("payments", "QueueBacklog", min_ago=0.5))
    assert place(alert("", "QueueBacklog"), there).facts["way"] == "words"
    assert place(alert("", "QueueBacklog"), there).join == there.id
    assert place(alert("", "FanSpeedLow"), there).join is None
    old = incident(5, member("payments", "QueueBacklog", min_ago=9))
    assert place(alert("", "QueueBacklog"), old).join is None


def test_a_cause_long_open_is_still_one_with_its_own_service() -> None:
    """Onsets of services whose alerts are too old to be compared are still part of the story."""
    fresh = incident(4, member("checkout", min_ago=1))
    older = Candidate(**{**fresh.__dict__, "onsets": {"payments": member(min_ago=2).at}})
    found = place(alert("payments", "QueueBacklog"), older)
    assert (found.join, found.facts["way"]) == (older.id, "same")


def test_an_incident_of_chores_has_no_story_though_it_has_an_onset() -> None:
    chores = incident(4, member("payments", "BackupLate", min_ago=1))
    known = Candidate(**{**chores.__dict__, "onsets": {"payments": member(min_ago=1).at}})
    assert told_by(known) == {}
    assert place(alert("payments", "QueueBacklog"), known).join is None
