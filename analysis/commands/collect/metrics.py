"""Evidence from metrics: what shifted and when, and what stayed steady, of every watched signal."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from airra.lib.quantities import count, quantity
from analysis.commands.collect.reading import Reading, of_problems
from analysis.commands.collect.scope import Scope
from analysis.connectors.base import ConnectorError, Problem
from analysis.models import Connector, Detector
from analysis.perception import changepoint
from analysis.perception.presets import finer_signal
from analysis.queries.sources import open_metrics
from analysis.reasoning.rootcause import live
from analysis.reasoning.toolbox import GetOnsets
from analysis.types import Background, Fact, Onset, Series, Steady

KINDS = (Connector.Kind.PROMETHEUS,)
HISTORY_S = 900.0
MARGIN_S = 60.0  # before the incident's start, in which a cause may already show
_BASELINE_POINTS = 12
_FAINTER = 0.6  # of the floor that alarms: evidence may be fainter
_DEVIATIONS = 3.6  # from the level before, which an onset must leave


@dataclass(frozen=True)
class Signal:
    """One series as the engines call it. `floor` is the least departure that can matter."""

    entity: str
    name: str
    unit: str
    direction: str
    floor: float
    query: str
    series: Series


def get_onsets(scope: Scope, asked: GetOnsets) -> Reading:
    """Every signal the detectors watch, also those for evidence only: shifted, or steady.

    One fact for each entity and signal: of several series (instances) the plainest shift. Some
    hours earlier it is a control: what shifts then as well is background.
    """
    earlier_s = asked.hours_earlier * 3600.0
    started_at, now = scope.ctx.started_at - earlier_s, scope.ctx.now - earlier_s
    detectors = watched(scope)
    found: dict[tuple[str, str], Onset | Steady] = {}
    problems: list[str] = []
    shares: list[float] = []
    raw: list[Series] = []
    seen: dict[tuple[str, str], Series] = {}
    for detector in detectors:
        try:
            signals = list(signals_of(detector, start=started_at - HISTORY_S, end=now))
        except ConnectorError as error:
            problems.append(f"{detector.name}: {error}")
            continue
        for signal in signals:
            if asked.service and signal.entity != asked.service:
                continue
            raw.append(signal.series)
            shares.append(float(np.isfinite(signal.series.values).mean()))
            seen.setdefault((signal.entity, f"{signal.name} ({signal.unit})"), signal.series)
            fact = judged(signal, started_at)
            if fact is not None:
                key = (fact.entity, fact.signal)
                found[key] = _plainer(found.get(key), fact)
    shifted, steady = _parted(found.values())
    judgements: list[Onset | Steady] = [*shifted, *steady]
    facts: list[Fact] = [_background(f, earlier_s) if earlier_s else f for f in judgements]
    if not earlier_s and not asked.service:
        facts += live.clues(scope.ctx, seen, since=started_at - HISTORY_S)
    return Reading(
        source=detectors[0].connector.name,
        native_query="\n".join(detector.query for detector in detectors),
        window=(started_at - HISTORY_S, now),
        summary=_summary(shifted, steady, asked.hours_earlier),
        facts=facts,
        rows=[
            *(f"not read: {problem}" for problem in problems),
            *(onset_row(f, started_at) for f in shifted),
            *_steady_rows(steady),
        ],
        status=of_problems(judgements, problems),
        coverage=sum(shares) / len(shares) if shares else 0.0,
        raw=raw,
    )


def watched(scope: Scope) -> list[Detector]:
    """The detectors whose series can be held against a level. Raises `ConnectorError` without."""
    enabled = Detector.objects.filter(
        workspace=scope.workspace, is_enabled=True, rule=Detector.Rule.ADAPTIVE
    )
    detectors = list(enabled.select_related("connector").order_by("name"))
    if not detectors:
        raise ConnectorError(Problem.REJECTED, "no detector is switched on")
    return detectors


def signals_of(
    detector: Detector, *, start: float, end: float, query: str = ""
) -> Iterator[Signal]:
    """The series of a detector's query (or of `query`, its like), each with its entity."""
    step = detector.step_s
    read = open_metrics(detector.connector).query_range(
        query or detector.query, start=start // step * step, end=end // step * step, step_s=step
    )
    for series in read:
        entity = series.labels.get(detector.service_label, "")
        if entity:
            yield Signal(
                entity=entity,
                name=name_of(detector, series.labels.get("peer", "")),
                unit=detector.unit,
                direction=detector.direction,
                floor=detector.floor,
                query=detector.query,
                series=series,
            )


def name_of(detector: Detector, peer: str = "") -> str:
    """What a signal is called: pool or queue where its query tells, and whom it is about."""
    name = finer_signal(detector.signal, detector.query)
    return f"{name} calling {peer}" if peer else name


def judged(signal: Signal, started_at: float) -> Onset | Steady | None:
    """The shift of a signal against the time before, or its level; None with too few points."""
    shift = changepoint.locate(
        signal.series,
        split=_split(signal.series, started_at),
        direction=signal.direction,
        floor=signal.floor * _FAINTER,
        threshold=_DEVIATIONS,
    )
    if shift is None:
        return None
    if isinstance(shift, changepoint.Level):
        return Steady(signal.entity, signal.name, level=shift.level, unit=signal.unit)
    return Onset(
        entity=signal.entity,
        signal=signal.name,
        at=shift.at,
        error_s=shift.error_s,
        direction=shift.direction,
        magnitude=shift.magnitude,
        before=shift.before,
        during=shift.during,
        unit=signal.unit,
        query=signal.query,
        until=shift.until,
    )


def _split(series: Series, started_at: float) -> float:
    """A minute before the incident, or less where history is so short that none would be left."""
    there = series.times[np.isfinite(series.values)]
    if len(there) <= _BASELINE_POINTS:
        return started_at
    return min(started_at, max(started_at - MARGIN_S, float(there[_BASELINE_POINTS])))


def _plainer(one: Onset | Steady | None, other: Onset | Steady) -> Onset | Steady:
    if one is None or (isinstance(other, Onset) and not isinstance(one, Onset)):
        return other
    if isinstance(one, Onset) and isinstance(other, Onset):
        return one if one.magnitude >= other.magnitude else other
    return one


def _parted(facts: Iterable[Onset | Steady]) -> tuple[list[Onset], list[Steady]]:
    found = list(facts)
    shifted = [fact for fact in found if isinstance(fact, Onset)]
    steady = [fact for fact in found if isinstance(fact, Steady)]
    return sorted(shifted, key=lambda f: (f.at, f.entity, f.signal)), steady


def _background(fact: Onset | Steady, earlier_s: float) -> Background:
    if isinstance(fact, Steady):
        level = fact.level
        return Background(
            fact.entity, fact.signal, earlier_s, did_shift=False, before=level, during=level
        )
    return Background(
        entity=fact.entity,
        signal=fact.signal,
        earlier_s=earlier_s,
        did_shift=True,
        direction=fact.direction,
        before=fact.before,
        during=fact.during,
        unit=fact.unit,
    )


def _summary(shifted: Sequence[Onset], steady: Sequence[Steady], hours: int) -> str:
    then = f"{hours} h earlier: " if hours else ""
    if not shifted:
        return f"{then}no signal shifted; {len(steady)} stayed steady"
    first = ", ".join(f"{f.entity} {f.signal}" for f in shifted[:4])
    told = f"{count(len(shifted), 'signal')} shifted, first {first}"
    return f"{then}{told}; {len(steady)} stayed steady"


def onset_row(fact: Onset, started_at: float) -> str:
    at = f"t{fact.at - started_at:+.0f}s ±{fact.error_s:.0f}"
    back = "" if fact.until is None else f", back at t{fact.until - started_at:+.0f}s"
    return (
        f"{at} {fact.entity} {fact.signal} {fact.direction}: {quantity(fact.before, fact.unit)} -> "
        f"{quantity(fact.during, fact.unit)} ({fact.magnitude:.0f} deviations){back}"
    )


def _steady_rows(steady: Sequence[Steady]) -> list[str]:
    by_signal: dict[str, list[str]] = {}
    for fact in steady:
        by_signal.setdefault(fact.signal, []).append(fact.entity)
    return [f"steady {signal}: {', '.join(sorted(own))}" for signal, own in by_signal.items()]
