"""Evidence from metrics: what shifted and when, what stayed steady, how resources stand."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from airra.lib.quantities import count, quantity
from analysis.connectors.base import ConnectorError
from analysis.models import Connector, Detector
from analysis.perception import changepoint
from analysis.perception.presets import finer_signal
from analysis.queries.sources import open_metrics
from analysis.types import Fact, IncidentContext, Onset, Series, State, Steady

_HISTORY_S = 900.0
_MARGIN_S = 60.0  # before the incident's start, in which a cause may already show
_BASELINE_POINTS = 12
_FAINTER = 0.6  # of the floor that alarms: evidence may be fainter
_DEVIATIONS = 3.6  # from the level before, which an onset must leave
_STATE_S = 60.0

# What the platform reports of each service now: field, query, digits.
_STATES = (
    ("restarts_10m", "sum by (service) (increase(service_restarts_total[10m]))", 0),
    ("replicas_up", "sum by (service) (up)", 0),
    ("replicas", "count by (service) (up)", 0),
    (
        "memory_of_limit",
        "max by (service) (process_resident_memory_bytes / process_memory_limit_bytes)",
        2,
    ),
    ("disk_of_size", "max by (service) (disk_used_bytes / disk_size_bytes)", 2),
)


@dataclass(frozen=True)
class MetricReading:
    """What several queries of metric sources amount to; `problems` name those that failed."""

    source: str
    native_query: str
    window: tuple[float, float]
    summary: str
    facts: Sequence[Fact]
    rows: Sequence[str]
    problems: Sequence[str]
    coverage: float


def onsets(
    detectors: Sequence[Detector], ctx: IncidentContext, *, service: str = ""
) -> MetricReading:
    """Every signal the detectors watch, also those for evidence only: shifted, or steady.

    One fact for each entity and signal: of several series (instances) the plainest shift.
    """
    found: dict[tuple[str, str], Onset | Steady] = {}
    problems: list[str] = []
    shares: list[float] = []
    for detector in detectors:
        try:
            series = _window(detector, ctx)
        except ConnectorError as error:
            problems.append(f"{detector.name}: {error}")
            continue
        for one in series:
            entity = one.labels.get(detector.service_label, "")
            if not entity or (service and entity != service):
                continue
            shares.append(float(np.isfinite(one.values).mean()))
            fact = _judged(one, entity, detector, ctx)
            if fact is not None:
                key = (fact.entity, fact.signal)
                found[key] = _plainer(found.get(key), fact)
    shifted = sorted((f for f in found.values() if isinstance(f, Onset)), key=lambda f: f.at)
    steady = [f for f in found.values() if isinstance(f, Steady)]
    return MetricReading(
        source=detectors[0].connector.name,
        native_query="\n".join(detector.query for detector in detectors),
        window=(ctx.started_at - _HISTORY_S, ctx.now),
        summary=_onset_summary(shifted, steady),
        facts=[*shifted, *steady],
        rows=[*(_onset_row(f, ctx) for f in shifted), *_steady_rows(steady)],
        problems=problems,
        coverage=sum(shares) / len(shares) if shares else 0.0,
    )


def _window(detector: Detector, ctx: IncidentContext) -> list[Series]:
    step = detector.step_s
    end = ctx.now // step * step
    start = (ctx.started_at - _HISTORY_S) // step * step
    source = open_metrics(detector.connector)
    return source.query_range(detector.query, start=start, end=end, step_s=step)


def _judged(
    series: Series, entity: str, detector: Detector, ctx: IncidentContext
) -> Onset | Steady | None:
    shift = changepoint.locate(
        series,
        split=_split(series, ctx.started_at),
        direction=detector.direction,
        floor=detector.floor * _FAINTER,
        threshold=_DEVIATIONS,
    )
    signal = finer_signal(detector.signal, detector.query)
    peer = series.labels.get("peer", "")
    signal = f"{signal} calling {peer}" if peer else signal
    if shift is None:
        return None
    if isinstance(shift, changepoint.Level):
        return Steady(entity=entity, signal=signal, level=shift.level, unit=detector.unit)
    return Onset(
        entity=entity,
        signal=signal,
        at=shift.at,
        error_s=shift.error_s,
        direction=shift.direction,
        magnitude=shift.magnitude,
        before=shift.before,
        during=shift.during,
        unit=detector.unit,
        query=detector.query,
    )


def _split(series: Series, started_at: float) -> float:
    """A minute before the incident, or less where history is so short that none would be left."""
    there = series.times[np.isfinite(series.values)]
    if len(there) <= _BASELINE_POINTS:
        return started_at
    return min(started_at, max(started_at - _MARGIN_S, float(there[_BASELINE_POINTS])))


def _plainer(one: Onset | Steady | None, other: Onset | Steady) -> Onset | Steady:
    if one is None or (isinstance(other, Onset) and not isinstance(one, Onset)):
        return other
    if isinstance(one, Onset) and isinstance(other, Onset):
        return one if one.magnitude >= other.magnitude else other
    return one


def _onset_summary(shifted: Sequence[Onset], steady: Sequence[Steady]) -> str:
    if not shifted:
        return f"no signal shifted; {len(steady)} stayed steady"
    first = ", ".join(f"{f.entity} {f.signal}" for f in shifted[:4])
    return f"{count(len(shifted), 'signal')} shifted, first {first}; {len(steady)} stayed steady"


def _onset_row(fact: Onset, ctx: IncidentContext) -> str:
    at = f"t{fact.at - ctx.started_at:+.0f}s ±{fact.error_s:.0f}"
    return (
        f"{at} {fact.entity} {fact.signal} {fact.direction}: {quantity(fact.before, fact.unit)} -> "
        f"{quantity(fact.during, fact.unit)} ({fact.magnitude:.0f} deviations)"
    )


def _steady_rows(steady: Sequence[Steady]) -> list[str]:
    by_signal: dict[str, list[str]] = {}
    for fact in steady:
        by_signal.setdefault(fact.signal, []).append(fact.entity)
    return [f"steady {signal}: {', '.join(sorted(own))}" for signal, own in by_signal.items()]


def resource_state(connector: Connector, ctx: IncidentContext, service: str = "") -> MetricReading:
    """Restarts, replicas and how near to their limits services are, as of now."""
    source = open_metrics(connector)
    facts: list[State] = []
    problems: list[str] = []
    for field, query, digits in _STATES:
        try:
            series = source.query_range(query, start=ctx.now - _STATE_S, end=ctx.now, step_s=5)
        except ConnectorError as error:
            problems.append(f"{field}: {error}")
            continue
        found = (_state(one, field, digits) for one in series)
        facts += [f for f in found if f and (not service or f.entity == service)]
    by_entity: dict[str, dict[str, str]] = {}
    for fact in facts:
        by_entity.setdefault(fact.entity, {})[fact.field] = fact.value
    return MetricReading(
        source=connector.name,
        native_query="\n".join(query for _, query, _ in _STATES),
        window=(ctx.now - _STATE_S, ctx.now),
        summary=_state_summary(by_entity),
        facts=facts,
        rows=[
            f"{entity}: {', '.join(f'{k}={v}' for k, v in fields.items())}"
            for entity, fields in sorted(by_entity.items())
        ],
        problems=problems,
        coverage=1 - len(problems) / len(_STATES) if facts else 0.0,
    )


def _state(series: Series, field: str, digits: int) -> State | None:
    there = np.flatnonzero(np.isfinite(series.values))
    entity = series.labels.get("service", "")
    if not len(there) or not entity:
        return None
    value = f"{float(series.values[there[-1]]):.{digits}f}"
    return State(entity=entity, field=field, value=value, at=float(series.times[there[-1]]))


def _state_summary(by_entity: Mapping[str, Mapping[str, str]]) -> str:
    restarted = [e for e, f in by_entity.items() if float(f.get("restarts_10m", 0)) > 0]
    short = [
        e
        for e, f in by_entity.items()
        if float(f.get("replicas_up", 0)) < float(f.get("replicas", 0))
    ]
    full = [
        e
        for e, f in by_entity.items()
        if max(float(f.get("memory_of_limit", 0)), float(f.get("disk_of_size", 0))) >= 0.9
    ]
    words = [
        f"{what}: {', '.join(sorted(which))}"
        for what, which in (
            ("restarted lately", restarted),
            ("fewer replicas up than there are", short),
            ("near a limit", full),
        )
        if which
    ]
    return "; ".join(words) or f"{len(by_entity)} services: no restarts, all up, none near a limit"
