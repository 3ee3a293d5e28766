"""The engine on what a running installation sees: series of the watched signals, one look at all.

The signals go by the detectors' names (cpu, latency, errors …), which are words the roles know, so
the same clues come out as from a recorded case. They are stored as facts; the reasoner weighs the
facts, never the series.
"""

from collections.abc import Iterable, Mapping, Sequence

import numpy as np

from analysis.reasoning.rootcause import impact, resources
from analysis.reasoning.rootcause.fusion import Posterior, fuse, weights
from analysis.reasoning.rootcause.telemetry import PATH
from analysis.types import Case, Clue, ClueFact, IncidentContext, Series

_LEAST = 0.05  # what a clue must be worth to be kept as a fact
_BEFORE_S = 60.0  # before the incident's start, in which a cause may already show


def clues(
    ctx: IncidentContext, signals: Mapping[tuple[str, str], Series], *, since: float
) -> list[ClueFact]:
    """Clues from (service, signal) -> series read from `since` (Unix seconds), the plainest first.

    Series on grids of their own are brought to the finest one; a series of no samples is left out.
    """
    case = as_case(ctx, signals, since=since)
    found = [*resources.clues(case), *impact.clues(case)] if case.series else []
    kept = sorted(
        (clue for clue in found if clue.value >= _LEAST),
        key=lambda clue: (-clue.value, clue.component, clue.feature),
    )
    return [_fact(clue) for clue in kept]


def as_case(
    ctx: IncidentContext, signals: Mapping[tuple[str, str], Series], *, since: float
) -> Case:
    """The incident as a case: before is what was read up to a minute before it was opened.

    What a service sees of one callee is left out: it is the callee's.
    """
    there = {
        key: series
        for key, series in signals.items()
        if " calling " not in key[1] and np.isfinite(series.values).any()
    }
    times = max((s.times for s in there.values()), key=len, default=np.empty(0))
    split = ctx.started_at - _BEFORE_S
    step = float(np.median(np.diff(times))) if len(times) > 1 else 60.0
    return Case(
        id=ctx.key,
        candidates=tuple(sorted({ctx.service, *ctx.services} - {""})),
        started_at=ctx.started_at,
        window=(split, ctx.now + step),
        baseline=(since, split),
        interval_s=step,
        alert_service=ctx.service,
        times=times,
        series={key: _on(times, s, step) for key, s in there.items()},
        edges=tuple((edge.src, edge.dst) for edge in ctx.edges),
    )


def weigh(facts: Iterable[ClueFact], candidates: Sequence[str]) -> Posterior:
    """How likely each candidate is the cause by these facts alone, with the shipped weights."""
    told = [
        Clue(f.entity, f.feature, f.value, before=f.before, during=f.during, detail=f.signal)
        for f in facts
    ]
    return fuse(told, candidates, weights(PATH))


def _on(times: np.ndarray, series: Series, step: float) -> np.ndarray:
    """The last sample at or before each time, no older than a step; NaN where there is none."""
    at = np.searchsorted(series.times, times, side="right") - 1
    known = at >= 0
    found = np.full(len(times), np.nan)
    fresh = known & (times - series.times[np.maximum(at, 0)] < step)
    found[fresh] = series.values[at[fresh]]
    return found


def _fact(clue: Clue) -> ClueFact:
    return ClueFact(
        entity=clue.component,
        feature=clue.feature,
        value=round(clue.value, 4),
        before=clue.before or 0.0,
        during=clue.during or 0.0,
        signal=clue.detail,
    )
