"""Clues from the series of a running installation, kept as facts and weighed from them."""

import numpy as np

from analysis.reasoning.rootcause import live
from analysis.types import ClueFact, IncidentContext, Series, fact_from_json
from tests.unit.rootcause import shop

STEP_S = 10.0
SINCE = shop.STARTED_AT - 900.0


def context() -> IncidentContext:
    return IncidentContext(
        key="INC-1",
        title="web: latency",
        service="web",
        severity="high",
        started_at=shop.STARTED_AT,
        now=shop.STARTED_AT + 120.0,
        services=("web", "pay"),
        edges=(),
    )


def series(level: float, during: float) -> Series:
    times = np.arange(SINCE, shop.STARTED_AT + 120.0, STEP_S)
    wiggle = 1 + 0.02 * np.sin(np.arange(len(times)))
    return Series(
        labels={},
        times=times,
        values=np.where(times < shop.STARTED_AT - 20.0, level, during) * wiggle,
    )


def test_the_service_whose_cpu_jumped_is_blamed_from_facts_alone() -> None:
    seen = {
        ("web", "cpu (ratio)"): series(0.2, 0.21),
        ("pay", "cpu (ratio)"): series(0.2, 0.9),
    }
    facts = live.clues(context(), seen, since=SINCE)
    stored = [fact_from_json(fact.to_json()) for fact in facts]
    assert stored == facts
    told = [fact for fact in stored if isinstance(fact, ClueFact)]
    assert (told[0].entity, told[0].feature) == ("pay", "cpu")
    blame = live.weigh(told, ("web", "pay"))
    assert blame.of["pay"] > 0.9 > blame.of["web"]


def test_quiet_series_and_no_series_give_no_clue() -> None:
    quiet = {("web", "cpu (ratio)"): series(0.2, 0.2)}
    assert live.clues(context(), quiet, since=SINCE) == []
    assert live.clues(context(), {}, since=SINCE) == []
