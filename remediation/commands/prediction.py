"""What must be true after an action, read from what alerted; and the samples that judge it."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from airra.lib import clock
from analysis.models import Anomaly, Detector, Forecast, Hypothesis, Investigation
from incidents.models import Incident
from remediation.commands.readings import points_of
from remediation.commands.surroundings import figure, guards_of, peers_of
from remediation.decision.catalog import ActionSpec, spec_of
from remediation.models import Execution
from remediation.types import Prediction, Schedule

_LOOK_BACK_S = 60.0
_INTERVAL_S = 10.0
# Seconds before samples count, where harm must show sooner than the catalogue's settling time.
_QUIET = {"scale": 20.0, "flag": 15.0, "rollback": 35.0}
_FELT = frozenset({Detector.Signal.ERRORS, Detector.Signal.LATENCY, Detector.Signal.AVAILABILITY})
_DEMAND = frozenset({Detector.Signal.TRAFFIC})  # no action of ours makes people want less
_LEFTOVER = 0.2  # of the departure from expected may remain, where the band is narrower than that
_TURNED_BACK = 0.25  # of what is left to its limit: so far a series must go back to be turned


def of_incident(
    *, incident: Incident, action: str, hypothesis: Hypothesis | None = None, target: str = ""
) -> Prediction | None:
    """The recovery of the metric that alerted, guarded and with a control group.

    None when nothing measurable alerted. `target` is what the action is aimed at, the service of
    the hypothesis unless given. What must recover: first the incident's own anomalies, the
    incident's service before the hypothesis' entity, the highest score first; then what was
    foretold of it; then, for alerts from outside, the onsets its investigation measured.
    """
    service = incident.service.name if incident.service else ""
    entity = hypothesis.entity if hypothesis else service
    spec = spec_of(action)
    found = _recovery(incident, hypothesis, [n for n in (service, entity) if n], spec.within_s)
    if found is None:
        return None
    target = target or entity or found.service
    return _guarded(found, incident=incident, spec=spec, target=target)


def _recovery(
    incident: Incident, hypothesis: Hypothesis | None, names: list[str], within_s: int
) -> Prediction | None:
    for name in dict.fromkeys(names):
        anomaly = _worst_anomaly(incident, name)
        if anomaly is not None:
            return _from_anomaly(anomaly, name, within_s=within_s)
    foretold = _from_forecast(incident, within_s=within_s)
    if foretold is not None:
        return foretold
    investigation = hypothesis.investigation if hypothesis else None
    for name in dict.fromkeys(names):
        found = investigation and _from_onset(investigation, name, within_s)
        if found:
            return found
    return None


def from_json(stored: Mapping[str, Any]) -> Prediction:
    return Prediction.from_json(stored)


def stored_of(execution: Execution) -> Prediction:
    """The prediction this execution is held against."""
    step = execution.target.step if execution.target else execution.plan
    return from_json(step.prediction)


def newest_point(prediction: Prediction) -> tuple[float, float] | None:
    """The newest sample of the predicted metric (Unix seconds, value), or None without data."""
    now = clock.now().timestamp()
    found = points_of({"": prediction}, start=now - _LOOK_BACK_S, end=now)[""]
    return found[-1] if found else None


def _guarded(
    prediction: Prediction, *, incident: Incident, spec: ActionSpec, target: str
) -> Prediction:
    """With its schedule, its guards and its control group."""
    interval_s = max(_INTERVAL_S, _step_of(prediction))
    schedule = Schedule(
        initial_delay_s=_QUIET.get(spec.klass, spec.settle_s),
        interval_s=interval_s,
        count=max(int(prediction.within_s / interval_s), prediction.hold_points),
    )
    guards = guards_of(prediction, incident=incident, target=target, schedule=schedule)
    peers = peers_of(prediction, incident=incident, target=target, schedule=schedule)
    return replace(prediction, schedule=schedule, guards=guards, peers=peers)


def _step_of(prediction: Prediction) -> float:
    """Seconds between two points of the alerting metric, as its detector knows them."""
    steps = Detector.objects.filter(connector_id=prediction.connector_id, query=prediction.query)
    return float(steps.values_list("step_s", flat=True).first() or 0)


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
    return replace(prediction, level_before=figure(level), threshold=figure(threshold))


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
    return replace(prediction, level_before=figure(level), threshold=figure(threshold))
