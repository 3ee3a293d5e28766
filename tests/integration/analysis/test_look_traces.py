"""A look at calls over real HTTP: what it stores, and what it finds of them."""

import pytest

from airra.lib import clock
from analysis.commands import checkpoint, look_traces
from analysis.models import Connector, Detector
from analysis.types import SignalFinding, Span, Trouble
from tests.integration.analysis.conftest import Watch


@pytest.fixture
def detector(watch: Watch) -> Detector:
    jaeger = Connector.objects.create(
        workspace=watch.workspace, name="jaeger", kind="jaeger", url=watch.fake.url
    )
    return Detector.objects.create(
        workspace=watch.workspace, connector=jaeger, name="calls", rule=Detector.Rule.TRACES
    )


def call(watch: Watch, *, ago_s: float, number: int = 5, bank_s: float = 0.1) -> None:
    at = clock.now().timestamp() - ago_s
    for i in range(number):
        tid, start = f"{at}-{i}", at + i / 10
        watch.fake.traces.spans += [
            Span(tid, "1", "", "payments", "POST /pay", "server", start, bank_s + 0.1, False),
            Span(tid, "2", "1", "payments", "POST", "client", start, bank_s, False, "bank"),
        ]


def look(detector: Detector) -> list[SignalFinding]:
    detector.refresh_from_db()
    return look_traces.look(detector, clock.now())


@pytest.fixture
def learnt(watch: Watch, detector: Detector) -> Detector:
    for ago in range(15, 915, 15):
        call(watch, ago_s=ago)
    assert look(detector) == []
    return detector


def test_a_slow_partner_is_found_on_its_edge(watch: Watch, learnt: Detector) -> None:
    watch.wait(60)
    call(watch, ago_s=40, number=8, bank_s=2.0)
    found = look(learnt)
    slow = {(f.kind, f.labels.get("caller", ""), f.service) for f in found}
    assert slow == {
        (Trouble.EDGE_LATENCY, "payments", "bank"),
        (Trouble.EDGE_LATENCY, "", "payments"),
    }
    watch.wait(1)
    assert {f.key for f in look(learnt)} == {f.key for f in found}


def test_what_is_remembered_survives_a_restart_and_is_small(watch: Watch, learnt: Detector) -> None:
    state = checkpoint.remembered(learnt)
    assert state is not None
    calls = [row for row in state.series if row["subject"][2] == "bank"]
    assert {row["subject"][0] for row in calls} == {
        Trouble.EDGE_ERRORS, Trouble.EDGE_LATENCY, Trouble.VANISHED_CALLS,
    }  # fmt: skip
    assert len(state.arrays) / len(state.series) < 1000


def test_a_span_is_counted_once_however_often_its_trace_is_read(
    watch: Watch, learnt: Detector
) -> None:
    def counted() -> float:
        memory = look_traces._restored(checkpoint.remembered(learnt))
        one = next(
            o for s, o in memory.watched.items() if s.kind is Trouble.EDGE_ERRORS and s.caller
        )
        return float(one.base.sum() + one.pool.sum())

    before = counted()
    watch.wait(1)
    look(learnt)
    assert counted() == before


def test_who_is_overtaken_by_another_worker_finds_nothing(
    watch: Watch, learnt: Detector, monkeypatch: pytest.MonkeyPatch
) -> None:
    watch.wait(60)
    call(watch, ago_s=40, number=8, bank_s=2.0)
    old = checkpoint.remembered(learnt)
    assert look(learnt)
    monkeypatch.setattr(look_traces, "remembered", lambda _: old)
    assert look(learnt) == []


def test_an_empty_source_is_no_trouble(watch: Watch, detector: Detector) -> None:
    assert look(detector) == []
