"""What must be true after an action, read from what alerted; and the samples that judge it."""

import math
from collections.abc import Iterator, Mapping
from dataclasses import fields, replace
from typing import Any

from airra.lib import clock
from analysis.connectors.base import ConnectorError
from analysis.models import Anomaly, Connector, Detector, Forecast, Hypothesis, Investigation
from analysis.queries.sources import open_metrics
from analysis.types import Series
from incidents.models import Incident
from remediation.decision.catalog import spec_of
from remediation.types import Prediction

_LOOK_BACK_S = 60.0
_STEP_S = 5.0
_FELT = frozenset({Detector.Signal.ERRORS, Detector.Signal.LATENCY, Detector.Signal.AVAILABILITY})
_DEMAND = frozenset({Detector.Signal.TRAFFIC})  # no action of ours makes people want less
_LEFTOVER = 0.2  # of the departure from expected may remain, where the band is narrower than that
_TURNED_BACK = 0.25  # of what is left to its limit: so far a series must go back to be turned


def of_incident(
    *, incident: Incident, action: str, hypothesis: Hypothesis | None = None
) -> Prediction | None:
    """The recovery of the metric that alerted, or None when nothing measurable did.

    First the incident's own anomalies, the incident's service before the hypothesis' entity, the
    highest score first; then what was foretold of it; then, for alerts from outside, the onsets
    its investigation measured.
    """
    service = incident.service.name if incident.service else ""
    entity = hypothesis.entity if hypothesis else service
    for name in dict.fromkeys(filter(None, (service, entity))):
        anomaly = _worst_anomaly(incident, name)
        if anomaly is not None:
            return _from_anomaly(anomaly, name, within_s=spec_of(action).within_s)
    foretold = _from_forecast(incident, within_s=spec_of(action).within_s)
    if foretold is not None:
        return foretold
    investigation = hypothesis.investigation if hypothesis else None
    for name in dict.fromkeys(filter(None, (service, entity))):
        found = investigation and _from_onset(investigation, name, spec_of(action).within_s)
        if found:
            return found
    return None


def from_json(stored: Mapping[str, Any]) -> Prediction:
    names = {f.name for f in fields(Prediction)}
    return Prediction(**{k: v for k, v in stored.items() if k in names})


def newest_point(prediction: Prediction) -> tuple[float, float] | None:
    """The newest sample of the predicted metric (Unix seconds, value), or None without data.

    A source that fails is no data too: it is never read as health.
    """
    connector = Connector.objects.filter(pk=prediction.connector_id).first()
    if connector is None:
        return None
    now = clock.now().timestamp()
    try:
        found = open_metrics(connector).query_range(
            prediction.query, start=now - _LOOK_BACK_S, end=now, step_s=_STEP_S
        )
    except ConnectorError:
        return None
    points = [point for series in _of_service(found, prediction) for point in _points(series)]
    if not points:
        return None
    newest = max(at for at, _ in points)
    values = [value for at, value in points if at == newest]
    return newest, max(values) if prediction.direction == "up" else min(values)


def _of_service(found: list[Series], prediction: Prediction) -> Iterator[Series]:
    """The series of the service; several replicas answer with several, the worst one counts."""
    for series in found:
        label = series.labels.get(prediction.service_label)
        if label == prediction.service or (label is None and len(found) == 1):
            yield series


def _points(series: Series) -> Iterator[tuple[float, float]]:
    for at, value in zip(series.times, series.values, strict=True):
        if math.isfinite(value):
            yield float(at), float(value)


def _worst_anomaly(incident: Incident, service: str) -> Anomaly | None:
    """What must recover: what still goes on, then what users feel, then what departs furthest."""
    found = Anomaly.objects.filter(
        incident=incident, service__name=service, detector__rule__in=Detector.MEASURED
    )
    possible = found.exclude(detector__signal__in=_DEMAND, direction="up")
    return max(possible.select_related("detector"), key=_weight, default=None)


def _weight(anomaly: Anomaly) -> tuple[bool, bool, bool, float]:
    detector = anomaly.detector
    is_felt = detector.signal in _FELT
    return anomaly.ended_at is None, detector.opens_incident, is_felt, anomaly.score


def _from_anomaly(anomaly: Anomaly, service: str, *, within_s: int) -> Prediction:
    detector = anomaly.detector
    is_up = anomaly.direction != Detector.Direction.DOWN
    return _measured(
        Prediction(
            query=detector.query,
            connector_id=str(detector.connector_id),
            service=service,
            service_label=detector.service_label,
            signal=detector.signal,
            direction="up" if is_up else "down",
            threshold=anomaly.high if is_up else anomaly.low,
            level_before=anomaly.value,
            unit=detector.unit,
            within_s=within_s,
        ),
        expected=anomaly.expected,
    )


def _from_forecast(incident: Incident, *, within_s: int) -> Prediction | None:
    """What must turn back: the series on its way to its limit, by a good part of what is left."""
    pending = incident.forecasts.filter(outcome=Forecast.Outcome.PENDING, service__isnull=False)
    # A budget is no series of its own: what its detector reads is the share that fails.
    measurable = pending.exclude(detector__rule=Detector.Rule.BURN_RATE)
    first = measurable.select_related("detector", "service").order_by("newest_expected_at").first()
    if first is None or first.service is None:
        return None
    detector = first.detector
    prediction = Prediction(
        query=detector.query,
        connector_id=str(detector.connector_id),
        service=first.service.name,
        service_label=detector.service_label,
        signal=detector.signal,
        direction="up" if first.limit > first.value else "down",
        threshold=first.value,
        level_before=first.newest_value,
        unit=detector.unit,
        within_s=within_s,
    )
    point = newest_point(prediction)
    level = point[1] if point else first.newest_value
    threshold = level - _TURNED_BACK * (first.limit - level)
    return replace(prediction, level_before=_figure(level), threshold=_figure(threshold))


def _from_onset(investigation: Investigation, service: str, within_s: int) -> Prediction | None:
    best: tuple[float, Prediction] | None = None
    rows = investigation.evidence.filter(connector__isnull=False, status="ok")
    for row in rows.values("connector_id", "facts"):
        for fact in row["facts"]:
            if not _can_prove(fact, service) or (best and abs(fact["magnitude"]) <= best[0]):
                continue
            prediction = Prediction(
                query=fact["query"],
                connector_id=str(row["connector_id"]),
                service=service,
                service_label="service",
                signal=fact["signal"],
                direction=fact["direction"],
                threshold=fact["before"],
                level_before=fact["during"],
                unit=fact.get("unit", ""),
                within_s=within_s,
            )
            best = abs(fact["magnitude"]), _measured(prediction, expected=fact["before"])
    return best[1] if best else None


def _can_prove(fact: Mapping[str, Any], service: str) -> bool:
    is_onset = fact.get("kind") == "onset" and fact.get("entity") == service
    is_demand = fact.get("signal") in _DEMAND and fact.get("direction") == "up"
    return is_onset and not is_demand and bool(fact.get("query"))


def _measured(prediction: Prediction, *, expected: float) -> Prediction:
    """With the level of this moment, and a threshold that leaves room for what may remain."""
    point = newest_point(prediction)
    is_up = prediction.direction == "up"
    worst = max if is_up else min
    level = worst(prediction.level_before, point[1] if point else prediction.level_before)
    relaxed = expected + _LEFTOVER * (level - expected)
    threshold = worst(prediction.threshold, relaxed)
    return replace(prediction, level_before=_figure(level), threshold=_figure(threshold))


def _figure(value: float) -> float:
    """Six digits: enough to judge by, short enough to read, and the same after storage."""
    return float(f"{value:.6g}") + 0.0
