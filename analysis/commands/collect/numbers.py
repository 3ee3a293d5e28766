"""A closer look at one signal: as numbers, and instance by instance beside its peers."""

import math
import re
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from airra.lib.quantities import quantity
from analysis.commands.collect import metrics
from analysis.commands.collect.metrics import MARGIN_S, Signal
from analysis.commands.collect.reading import Reading
from analysis.commands.collect.scope import Scope
from analysis.connectors import promql
from analysis.connectors.base import ConnectorError, Problem, refuse_too_many
from analysis.models import Connector, Detector
from analysis.queries.sources import open_metrics
from analysis.reasoning.toolbox import ComparePeers, QueryMetrics
from analysis.types import EvidenceStatus, Fact, Floats, Onset, Points, Series, Steady

KINDS = metrics.KINDS
MAX_SERIES = 20
MAX_POINTS = 60
_BY_SERVICE = re.compile(r"\bby\s*\(\s*(\w+)\s*\)")
_LABELS = 100


def query_metrics(scope: Scope, asked: QueryMetrics) -> Reading:
    """A watched signal, or an expression from the small grammar, from before until now."""
    if bool(asked.promql) == bool(asked.signal):
        msg = "give a signal or an expression, one of the two"
        raise ConnectorError(Problem.REJECTED, msg)
    start = scope.ctx.started_at - asked.minutes * 60.0
    if asked.promql:
        source, signals = _free(scope, asked, start)
    else:
        source, signals = _watched(scope, asked, start)
    refuse_too_many("series", len(signals), MAX_SERIES, "naming a service, or with sum by (…)")
    facts: list[Fact] = []
    rows: list[str] = []
    for signal in signals:
        shift = metrics.judged(signal, scope.ctx.started_at)
        points = _points(signal)
        facts += [*([shift] if shift else []), points]
        rows += [_told(scope, signal, shift), _drawn(scope, points)]
    shares = [float(np.isfinite(s.series.values).mean()) for s in signals if len(s.series.values)]
    shifted = sum(isinstance(fact, Onset) for fact in facts)
    what = asked.promql or asked.signal
    return Reading(
        source=source,
        native_query="\n".join(dict.fromkeys(signal.query for signal in signals)) or what,
        window=(start, scope.ctx.now),
        summary=f"{what[:120]}: {len(signals)} series, {shifted} of them shifted",
        facts=facts,
        rows=rows,
        status=EvidenceStatus.OK if shares else EvidenceStatus.NO_DATA,
        coverage=sum(shares) / len(shares) if shares else 0.0,
        raw=[signal.series for signal in signals],
        narrow="naming a service, or fewer minutes",
    )


def _watched(scope: Scope, asked: QueryMetrics, start: float) -> tuple[str, list[Signal]]:
    detectors = [d for d in metrics.watched(scope) if _is_of(d, asked.signal)]
    if not detectors:
        names = sorted({metrics.name_of(d) for d in metrics.watched(scope)})
        msg = f"no detector watches {asked.signal[:40]!r}; there are {', '.join(names)}"
        raise ConnectorError(Problem.REJECTED, msg)
    found = [
        signal
        for detector in detectors
        for signal in metrics.signals_of(detector, start=start, end=scope.ctx.now)
        if signal.name == asked.signal and asked.service in {"", signal.entity}
    ]
    return detectors[0].connector.name, found


def _is_of(detector: Detector, signal: str) -> bool:
    name = metrics.name_of(detector)
    return signal == name or signal.startswith(f"{name} calling ")


def _free(scope: Scope, asked: QueryMetrics, start: float) -> tuple[str, list[Signal]]:
    """Series of an expression that somebody wrote: judged first, with our window and step."""
    try:
        promql.check(asked.promql)
    except promql.NotAllowed as error:
        raise ConnectorError(Problem.REJECTED, str(error)) from error
    connector = scope.connector(Connector.Kind.PROMETHEUS)
    step = max(5.0, math.ceil((scope.ctx.now - start) / (4 * MAX_POINTS)))
    series = open_metrics(connector).query_range(
        asked.promql, start=start // step * step, end=scope.ctx.now // step * step, step_s=step
    )
    found = [
        Signal(
            entity=_entity(scope, one),
            name=asked.promql[:60],
            unit="",
            direction="both",
            floor=0.0,
            query=asked.promql,
            series=one,
        )
        for one in series
    ]
    return connector.name, [s for s in found if asked.service in {"", s.entity}]


def _entity(scope: Scope, series: Series) -> str:
    """The service a series names, where one of its labels is a known one; else its labels."""
    known = {*scope.ctx.services, scope.ctx.service}
    named = [value for _, value in sorted(series.labels.items()) if value in known]
    return named[0] if named else (series.key[:_LABELS] or "all")


def _points(signal: Signal) -> Points:
    """At most 60 of them: the medians of stretches of one length, so that a spike stays small."""
    times, values = signal.series.times, signal.series.values
    width = max(1, math.ceil(len(times) / MAX_POINTS))
    cuts = range(0, len(times), width)
    return Points(
        entity=signal.entity,
        signal=signal.name,
        times=tuple(float(times[at]) for at in cuts),
        values=tuple(_median(values[at : at + width]) for at in cuts),
        unit=signal.unit,
    )


def _median(values: Floats) -> float | None:
    there = values[np.isfinite(values)]
    return float(f"{np.median(there):.6g}") if len(there) else None


def _told(scope: Scope, signal: Signal, shift: Onset | Steady | None) -> str:
    if isinstance(shift, Onset):
        return metrics.onset_row(shift, scope.ctx.started_at)
    before, during = _sides(signal.series, scope.ctx.started_at - MARGIN_S)
    levels = f"median {quantity(before, signal.unit)} before, {quantity(during, signal.unit)} since"
    word = "steady" if isinstance(shift, Steady) else "too few points to judge"
    return f"{signal.entity} {signal.name}: {word}, {levels}"


def _sides(series: Series, split: float) -> tuple[float | None, float | None]:
    return _median(series.values[series.times < split]), _median(
        series.values[series.times >= split]
    )


def _drawn(scope: Scope, points: Points) -> str:
    told = (
        f"{at - scope.ctx.started_at:+.0f}s {'-' if value is None else f'{value:.4g}'}"
        for at, value in zip(points.times, points.values, strict=True)
    )
    return f"  {points.entity}: {', '.join(told)}"


def compare_peers(scope: Scope, asked: ComparePeers) -> Reading:
    """One signal over the instances of a service and over all services.

    It tells whether it is one instance, one service, or everybody; instances only where the query
    of a detector can be asked by instance too.
    """
    detectors = [d for d in metrics.watched(scope) if _is_of(d, asked.signal)]
    if not detectors:
        msg = f"no detector watches {asked.signal[:40]!r}: see get_onsets for what there is"
        raise ConnectorError(Problem.REJECTED, msg)
    start = scope.ctx.started_at - metrics.HISTORY_S
    window = start, scope.ctx.now
    signals = _services(detectors, asked.signal, window)
    instances = _instances(detectors, asked, window)
    judged = [(s, metrics.judged(s, scope.ctx.started_at)) for s in (*instances, *signals)]
    facts = [fact for _, fact in judged if fact is not None]
    shares = [float(np.isfinite(signal.series.values).mean()) for signal, _ in judged]
    peers = [fact for fact in facts if fact.entity != asked.service]
    calm = sum(isinstance(fact, Steady) for fact in peers)
    return Reading(
        source=detectors[0].connector.name,
        native_query="\n".join(dict.fromkeys(signal.query for signal, _ in judged)),
        window=window,
        summary=f"{asked.signal} of {asked.service}: {calm} of {len(peers)} peers stayed steady, "
        f"{len(instances)} instances looked at",
        facts=facts,
        rows=[_told(scope, signal, shift) for signal, shift in judged],
        status=EvidenceStatus.OK if facts else EvidenceStatus.NO_DATA,
        coverage=sum(shares) / len(shares) if shares else 0.0,
        raw=[signal.series for signal, _ in judged],
        narrow="another signal",
    )


def _services(
    detectors: Sequence[Detector], name: str, window: tuple[float, float]
) -> list[Signal]:
    """One series a service: of several, which are instances, none is the service's own."""
    found: dict[str, list[Signal]] = {}
    for detector in detectors:
        for signal in metrics.signals_of(detector, start=window[0], end=window[1]):
            if signal.name == name:
                found.setdefault(signal.entity, []).append(signal)
    return [own[0] for own in found.values() if len(own) == 1]


def _instances(
    detectors: Sequence[Detector], asked: ComparePeers, window: tuple[float, float]
) -> list[Signal]:
    """The same query by instance as well: entities are named service/instance."""
    found = []
    for detector in detectors:
        query, changed = _BY_SERVICE.subn(r"by (\1, instance)", detector.query)
        for signal in metrics.signals_of(
            detector, start=window[0], end=window[1], query=query if changed else ""
        ):
            instance = signal.series.labels.get("instance", "")
            if instance and (signal.entity, signal.name) == (asked.service, asked.signal):
                name = f"{signal.entity}/{instance}"
                found.append(replace(signal, entity=name, query=query))
    return found if len(found) > 1 else []
