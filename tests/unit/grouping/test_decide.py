"""Which incident an alert joins, by which means, and the words that say why."""

from itertools import permutations
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from incidents.ingest.grouping.decide import Scene
from incidents.ingest.grouping.types import Candidate, Means, Member, Params, Rule, Subject, Taught
from tests.unit.grouping.making import SHOP, alert, incident, member, place

MAX_GROUPING_KEY = 200  # the column's length
SERVICES = ["gateway", "checkout", "payments", "ledger", "search", "index", "disks", ""]
TITLES = ["HighLatency", "HighErrorRate: 5xx of checkout", "CPUThrottlingHigh", "waits for ledger"]


def test_the_same_alert_goes_back_however_old_and_near_another_is() -> None:
    own = incident(4, member(min_ago=4000), had_min_ago=4000)
    found = place(alert(), own, incident(5, member()))
    assert (found.means, found.join) == (Means.KEY, own.id)
    assert found.reason == "the same alert belongs to INC-4"


def test_where_a_person_put_it_counts_more_than_where_it_was_last() -> None:
    moved = incident(4, had_min_ago=90, chosen_min_ago=80)
    found = place(alert(), moved, incident(5, had_min_ago=3))
    assert found.join == moved.id
    assert "where a person put it" in found.reason


def test_where_all_but_the_flapping_is_over_another_incident_may_explain_it() -> None:
    over = incident(4, member(min_ago=25), had_min_ago=12, is_cleared=True)
    other = incident(5, member(title="HighErrorRate", min_ago=2))
    found = place(alert(), over, other)
    assert (found.means, found.join) == (Means.SIMILARITY, other.id)
    assert found.reason == (
        "every alert of INC-4, where it was, is over; INC-5 is about payments too: opened 2 min ago"
    )
    assert place(alert(), over, incident(5, member("search"))).join == over.id
    chosen = incident(4, member(), had_min_ago=12, chosen_min_ago=12, is_cleared=True)
    assert place(alert(), chosen, other).join == chosen.id
    ruled = Scene(SHOP, rules=[Rule(UUID(int=1), "all", (), False, (), 10, 1)])
    assert place(alert(), over, other, scene=ruled).join == over.id, "likeness undoes no rule"


def test_alerts_of_one_service_within_minutes_are_one() -> None:
    found = place(alert(), incident(4, member(title="HighErrorRate", min_ago=3)))
    assert (found.means, found.join) == (Means.SIMILARITY, UUID(int=4))
    assert found.reason == "INC-4 is about payments too: opened 3 min ago"


def test_trouble_climbs_from_callee_to_caller() -> None:
    found = place(alert("checkout"), incident(4, member("payments", min_ago=2)))
    assert found.join == UUID(int=4)
    assert found.reason.startswith("checkout calls payments, where INC-4 is, 2 min apart (0.")
    assert found.facts["way"] == "calls"


def test_the_cause_may_be_told_last() -> None:
    found = place(alert("ledger"), incident(4, member("payments", min_ago=2)))
    assert found.join == UUID(int=4)
    assert found.reason.startswith("payments of INC-4 calls ledger")


def test_what_one_gateway_calls_is_not_one_trouble() -> None:
    """Two faults at the same minute on two branches, which the gateway alone joins."""
    found = place(alert("search"), incident(4, member("checkout")))
    assert (found.means, found.join) == (Means.ALONE, None)


def test_a_gateway_that_is_explained_draws_nothing_more_in() -> None:
    suffering = incident(4, member("payments", min_ago=4), member("gateway", min_ago=2))
    assert place(alert("payments", "QueueFull"), suffering).join == UUID(int=4)
    assert place(alert("search"), suffering).join is None
    assert place(alert("search"), incident(5, member("gateway", min_ago=2))).join is not None


def test_two_callers_of_a_silent_service_are_near() -> None:
    found = place(
        alert("search", "HighErrorRate"),
        incident(4, member("recommend", "HighErrorRate", min_ago=0.5)),
        scene=Scene(type(SHOP)([("search", "index"), ("recommend", "index")])),
    )
    assert found.join == UUID(int=4)
    assert "both depend on index" in found.reason


def test_an_alert_that_names_a_service_goes_to_its_incident() -> None:
    there, here = incident(4, member("ledger", min_ago=3)), incident(5, member("search"))
    found = place(alert("", "CircuitBreakerOpen: calls to ledger are cut off"), there, here)
    assert found.join == there.id


def test_what_an_alert_names_counts_more_than_another_of_its_kind() -> None:
    """Two breakers of one caller read alike; the second says that it is about the ledger."""
    alike = incident(4, member("payments", "CircuitBreakerOpen: has cut off disks", min_ago=2))
    named = incident(5, member("ledger", "CPUThrottlingHigh", min_ago=0.5))
    breaker = alert("payments", "CircuitBreakerOpen: has cut off ledger")
    found = place(breaker, alike, named)
    assert (found.join, found.facts["way"]) == (named.id, "names")
    assert found.reason.startswith("it names ledger, where INC-5 is, within a minute (1.00")


def test_what_an_incident_names_belongs_to_it() -> None:
    told = incident(4, member("gateway", "CircuitBreakerOpen: has cut off index", min_ago=9))
    found = place(alert("index", "CPUThrottlingHigh"), told)
    assert found.join == told.id
    assert found.reason.startswith("INC-4 names index, 9 min apart (0.")


def test_a_pod_tells_its_service() -> None:
    found = place(
        alert("", "PodRestarting", labels={"pod": "payments-7d9f8b6c-x2x9k"}),
        incident(4, member("payments", min_ago=1)),
    )
    assert found.join == UUID(int=4)


def test_trouble_of_its_own_is_not_what_it_calls() -> None:
    """A full disk is not explained by a callee that is slow."""
    below = incident(4, member("ledger", min_ago=2))
    assert place(alert("payments", "HighErrorRate"), below).join == below.id
    assert place(alert("payments", "DiskFull: filesystem at 100 %"), below).join is None


def test_past_the_time_it_opens_another_under_a_key_of_its_own() -> None:
    old = incident(4, member(title="HighErrorRate", min_ago=25))
    found = place(alert(), old)
    assert (found.join, found.key) == (None, "service:payments:2")
    assert found.reason.startswith("INC-4 of payments is too long ago: ")
    assert found.score is not None
    assert found.threshold == Params().threshold


def test_with_nothing_open_it_opens_the_incident_of_its_service() -> None:
    found = place(alert())
    assert (found.key, found.reason) == ("service:payments", "nothing else is open for payments")


def test_without_a_service_it_stands_alone_under_its_own_key() -> None:
    one, other = place(alert("", key="a")), place(alert("", key="b"))
    assert one.key != other.key
    assert "names no service" in one.reason


def taught(one: Member, other: Subject, *, together: bool) -> Scene:
    pair = Taught(frozenset((one.kind, other.kind)), together, "Ada (2026-02-28)")
    return Scene(SHOP, taught=[pair])


def test_what_a_person_kept_apart_stays_apart() -> None:
    near, new = member("payments", "HighErrorRate", min_ago=1), alert("checkout")
    assert place(new, incident(4, near)).join is not None
    found = place(new, incident(4, near), scene=taught(near, new, together=False))
    assert found.join is None
    assert found.reason.startswith("Ada (2026-02-28) keeps it apart from INC-4; ")
    assert found.facts["kept_apart"] == ["INC-4"]


def test_what_a_person_put_together_joins_across_the_topology() -> None:
    far, new = member("disks", "RaidDegraded", min_ago=10), alert("payments")
    assert place(new, incident(4, far)).join is None
    found = place(new, incident(4, far), scene=taught(far, new, together=True))
    assert (found.means, found.join) == (Means.PERSON, UUID(int=4))
    assert "Ada (2026-02-28) put an alert of this kind together" in found.reason


def test_of_two_that_fit_alike_the_nearest_in_time_takes_it_and_the_other_is_told() -> None:
    begun_before = incident(4, member("index", min_ago=2), member("search", min_ago=0.2))
    opened_after = incident(5, member("checkout", min_ago=1))
    found = place(alert("gateway"), begun_before, opened_after)
    assert found.join == begun_before.id
    assert found.reason.endswith("; INC-5 fits nearly as well (0.95)")
    assert found.facts["nearly"] == {"incident": "INC-5", "score": 0.9526}


def test_what_does_not_fit_is_not_told_as_nearly_fitting() -> None:
    far = incident(5, member("disks", min_ago=1))
    found = place(alert("gateway"), incident(4, member("checkout", min_ago=1)), far)
    assert found.join == UUID(int=4)
    assert "nearly" not in found.reason
    assert "nearly" not in found.facts


def test_the_newest_word_of_people_counts() -> None:
    far, new = member("disks", "RaidDegraded"), alert("payments")
    pair = frozenset((far.kind, new.kind))
    words = [Taught(pair, False, "Ben"), Taught(pair, True, "Ada")]
    assert place(new, incident(4, far), scene=Scene(SHOP, taught=words)).join is None


members = st.builds(
    member,
    st.sampled_from(SERVICES),
    st.sampled_from(TITLES),
    min_ago=st.floats(-5, 45),
)


@st.composite
def several(draw: st.DrawFn) -> list[Candidate]:
    groups = draw(st.lists(st.lists(members, min_size=1, max_size=4), max_size=4))
    had = draw(st.booleans())
    return [
        incident(n, *group, had_min_ago=n if had and n == 1 else None)
        for n, group in enumerate(groups, start=1)
    ]


@given(st.sampled_from(SERVICES), st.sampled_from(TITLES), several())
def test_the_order_of_what_is_live_is_nothing(
    service: str, title: str, live: list[Candidate]
) -> None:
    new = alert(service, title)
    first = place(new, *live)
    for order in list(permutations(live))[:6]:
        turned = [
            incident(int(c.key[4:]), *reversed(c.members), grouping_key=c.grouping_key)
            if c.had_it is None
            else c
            for c in order
        ]
        found = place(new, *turned)
        assert (found.join, found.means, found.score) == (first.join, first.means, first.score)


@given(st.text(max_size=120), st.text(max_size=200), several())
def test_it_joins_something_live_or_names_a_key_that_fits(
    service: str, title: str, live: list[Candidate]
) -> None:
    found = place(alert(service, title), *live)
    assert found.reason
    if found.join is None:
        assert 0 < len(found.key) <= MAX_GROUPING_KEY
        assert found.key not in {c.grouping_key for c in live}
    else:
        assert found.join in {c.id for c in live}


@pytest.mark.parametrize("away", [1, 2, 3])
def test_a_weaker_threshold_never_lets_go_of_what_a_stricter_one_took(away: int) -> None:
    names = ["checkout", "payments", "ledger"]
    new, there = alert("gateway"), incident(4, member(names[away - 1], min_ago=1))
    taken = [
        place(new, there, scene=Scene(SHOP, params=Params(threshold=t))).join is not None
        for t in (0.9, 0.6, 0.35, 0.1)
    ]
    assert taken == sorted(taken)
