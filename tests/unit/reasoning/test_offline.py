"""The reasoner without a model: plain scenes, and that names mean nothing to it."""

from dataclasses import replace

import pytest

from analysis.reasoning.loop import investigate
from analysis.reasoning.reasoners.base import Reasoners
from analysis.reasoning.reasoners.offline import OfflineReasoner
from analysis.types import (
    ChangeFact,
    ClaimVerdict,
    Edge,
    Fact,
    HypothesisState,
    Mechanism,
    Settlement,
    State,
    Weight,
)
from tests.unit.reasoning.outside import outside
from tests.unit.reasoning.world import EDGES, T0, change, context, edge, onset, steady


def concluded(
    *onsets: Fact,
    changes: tuple[ChangeFact, ...] = (),
    edges: tuple[Edge, ...] = EDGES,
    states: tuple[State, ...] = (),
    service: str = "front",
) -> Settlement:
    """Through the whole loop, with tools that answer from these facts."""
    answers = {
        "get_topology": edges,
        "list_changes": changes,
        "get_onsets": onsets,
        "get_resource_state": states,
        "search_logs": (),
        "get_traces": edges,
    }
    scene = context(service, edges)
    answering = outside(answers, suspects=lambda *_: [service])
    found = investigate(scene, reasoners=Reasoners(OfflineReasoner()), outside=answering)
    return found.settlement


def calm(*signals: str) -> list[Fact]:
    return [steady(s, signal) for s in ("front", "middle", "store") for signal in signals]


def test_a_leak_below_explains_the_errors_above() -> None:
    found = concluded(
        onset("store", "memory", -60),
        onset("front", "errors"),
        *calm("traffic", "cpu"),
        edges=(edge("front", "middle", slow=True), edge("middle", "store", slow=True)),
    )
    best = found.hypotheses[0]
    assert (best.draft.entity, best.draft.mechanism) == ("store", Mechanism.LEAK)
    assert best.draft.path == ("store", "middle", "front")


def test_a_release_just_before_is_the_cause() -> None:
    found = concluded(
        onset("front", "errors"), *calm("traffic", "cpu"), changes=(change("front", -40),)
    )
    best = found.hypotheses[0]
    assert (best.draft.entity, best.draft.mechanism) == ("front", Mechanism.CHANGE)
    assert best.draft.trigger is not None


def test_an_old_release_is_not() -> None:
    found = concluded(
        onset("front", "errors"), *calm("traffic", "cpu"), changes=(change("front", -3500),)
    )
    assert found.hypotheses[0].draft.mechanism is not Mechanism.CHANGE


@pytest.mark.parametrize(
    "shift", [onset("front", "memory"), onset("front", "errors"), onset("store", "cpu")]
)
def test_there_are_always_rivals_and_they_were_tested(shift: Fact) -> None:
    found = concluded(shift, *calm("traffic"))
    assert len(found.hypotheses) >= 2
    ruled_out = [h for h in found.hypotheses if h.state is HypothesisState.REFUTED]
    assert {h.draft.mechanism for h in ruled_out} >= {Mechanism.CHANGE, Mechanism.TRAFFIC}


def test_nothing_shifted_nothing_claimed() -> None:
    assert concluded(*calm("errors", "cpu")).hypotheses == ()


def test_names_of_services_mean_nothing() -> None:
    """The same scene under other names has the same conclusion, entity for entity."""

    def scene(front: str, middle: str, store: str) -> Settlement:
        return concluded(
            onset(store, "memory", -60),
            onset(front, "errors"),
            *(steady(name, "cpu") for name in (front, middle, store)),
            edges=(edge(front, middle), edge(middle, store)),
            service=front,
        )

    one, other = scene("front", "middle", "store"), scene("zz", "a", "front")
    names = {"front": "zz", "middle": "a", "store": "front"}
    assert [(names[h.draft.entity], h.confidence) for h in one.hypotheses] == [
        (h.draft.entity, h.confidence) for h in other.hypotheses
    ]


@pytest.mark.parametrize(
    ("field", "value", "mechanism"),
    [
        ("certificate_days_left", "-0.50", Mechanism.EXPIRY),
        ("deadlocks_10m", "4", Mechanism.DB_LOCK),
        ("dns_resolves", "0", Mechanism.NETWORK),
    ],
)
def test_a_state_that_names_a_fault_is_decisive(
    field: str, value: str, mechanism: Mechanism
) -> None:
    told = State("store", field, value, T0)
    found = concluded(onset("front", "errors"), *calm("cpu"), states=(told,))
    best = found.hypotheses[0]
    assert (best.draft.entity, best.draft.mechanism) == ("store", mechanism)
    assert (best.claims[0].draft.kind, best.claims[0].weight) == ("state", Weight.DECISIVE)


@pytest.mark.parametrize(
    ("field", "value"),
    [("certificate_days_left", "30.00"), ("deadlocks_10m", "0"), ("dns_resolves", "1")],
)
def test_a_state_of_health_names_none(field: str, value: str) -> None:
    told = State("store", field, value, T0)
    found = concluded(onset("front", "errors"), *calm("cpu"), states=(told,))
    assert {h.draft.entity for h in found.hypotheses} == {"front"}


SEEN = replace(edge("front", "middle", slow=True), self_before_s=0.04, self_during_s=0.04)


def test_time_that_neither_side_spends_is_lost_on_the_way() -> None:
    found = concluded(
        onset("front", "latency"), *calm("cpu"), edges=(SEEN, edge("middle", "store"))
    )
    best = found.hypotheses[0]
    assert (best.draft.entity, best.draft.mechanism) == ("middle", Mechanism.NETWORK)
    assert best.draft.path == ("middle", "front")


@pytest.mark.parametrize(
    "edges",
    [
        (replace(SEEN, self_during_s=1.49), edge("middle", "store")),
        (SEEN, edge("middle", "store", slow=True)),
        (replace(SEEN, self_before_s=0.0, self_during_s=0.0), edge("middle", "store")),
    ],
    ids=["it spends it itself", "what it calls does", "nobody sees into it"],
)
def test_time_that_somebody_spends_is_not(edges: tuple[Edge, ...]) -> None:
    found = concluded(onset("front", "latency"), *calm("cpu"), edges=edges)
    assert Mechanism.NETWORK not in {h.draft.mechanism for h in found.hypotheses}


def test_what_nobody_sees_into_is_outside() -> None:
    edges = (edge("front", "partner", slow=True),)
    found = concluded(onset("front", "latency"), *calm("cpu"), edges=edges)
    assert found.hypotheses[0].draft.mechanism is Mechanism.EXTERNAL
    inside = (edge("front", "middle", slow=True),)
    found = concluded(onset("front", "latency"), *calm("cpu"), edges=inside)
    assert found.hypotheses[0].draft.mechanism is Mechanism.DEPENDENCY


def test_who_has_no_cpu_left_finds_every_call_slow() -> None:
    """The callee answers as ever: neither it nor the way to it is to blame."""
    found = concluded(
        onset("front", "cpu"),
        onset("front", "latency"),
        *(steady(s, "cpu") for s in ("middle", "store")),
        *calm("traffic"),
        edges=(SEEN, edge("middle", "store")),
    )
    best = found.hypotheses[0]
    assert (best.draft.entity, best.draft.mechanism) == ("front", Mechanism.SATURATION)
    assert best.state is HypothesisState.SUPPORTED


def test_more_traffic_than_it_carries() -> None:
    found = concluded(
        onset("front", "traffic", -30), onset("front", "queue"), onset("front", "latency"),
        *(steady(s, signal) for s in ("middle", "store") for signal in ("traffic", "queue")),
    )  # fmt: skip
    best = found.hypotheses[0]
    assert (best.draft.entity, best.draft.mechanism) == ("front", Mechanism.TRAFFIC)
    assert any(c.draft.statement.startswith("traffic of front rose") for c in best.claims)


def test_a_queue_that_waits_for_somebody_else_is_a_victim() -> None:
    """What it waits for shifted first, and holds the resource that ran out."""
    found = concluded(
        onset("store", "disk", -90), onset("front", "queue"), onset("front", "latency"),
        *calm("cpu", "traffic"),
        edges=(edge("front", "store", slow=True), edge("front", "middle")),
        states=(State("store", "disk_of_size", "1.00", T0),),
    )  # fmt: skip
    best = found.hypotheses[0]
    assert (best.draft.entity, best.draft.signal) == ("store", "disk")
    assert best.state is HypothesisState.SUPPORTED
    assert {c.draft.kind for c in best.claims if c.weight is Weight.DECISIVE} == {"state"}


def test_a_crash_after_a_release_is_the_release() -> None:
    found = concluded(
        onset("front", "restarts"), onset("front", "errors"), *calm("cpu", "traffic"),
        changes=(change("front", -60),),
        states=(State("front", "restarts_10m", "5", T0),),
    )  # fmt: skip
    best = found.hypotheses[0]
    assert (best.draft.mechanism, best.draft.trigger is not None) == (Mechanism.CHANGE, True)


def test_a_change_of_many_services_at_once_tells_less() -> None:
    alone = concluded(onset("front", "errors"), *calm("cpu"), changes=(change("front", -60),))
    together = concluded(
        onset("front", "errors"),
        *calm("cpu"),
        changes=tuple(change(n, -60, id=n) for n in ("front", "middle", "store")),
    )
    assert alone.hypotheses[0].draft.score > together.hypotheses[0].draft.score


def test_a_call_that_fails_fast_is_told_by_its_errors() -> None:
    failing = replace(edge("front", "partner"), error_share_during=0.8)
    found = concluded(onset("front", "errors"), *calm("cpu"), edges=(failing,))
    claims = [c for c in found.hypotheses[0].claims if "edge" in c.draft.operands]
    assert [c.draft.operands["field"] for c in claims] == ["error_share_during"]
    assert all(c.verdict is ClaimVerdict.HOLDS for c in claims)
