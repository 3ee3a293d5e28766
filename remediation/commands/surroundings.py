"""The metrics around the one that alerted: guards that must not get worse, peers nobody touches.

Guards are errors, latency, availability and saturation of the target and of the services that call
it. Peers are the alerting metric of services that the action cannot reach: neither callers nor
callees of the target, nothing that shares a dependency with it, nothing of this incident, nothing
that was itself acted upon lately. Both are fixed at plan time, with the level they have then.
"""

from collections.abc import Iterator, Sequence
from datetime import timedelta
from statistics import median

from airra.lib import clock
from analysis.models import Anomaly, Detector
from analysis.types import Series
from incidents.models import Incident, ServiceDependency
from remediation.commands.readings import Points, series_of, worst_points
from remediation.models import Execution
from remediation.types import Mode, Prediction, Schedule, Watched

MAX_GUARDS = 8
MAX_PEERS = 5
_MAX_QUERIES = 8
_LOOK_BACK_S = 60.0
_LEAST_POINTS = 3
_WORSE_SHARE = 0.25  # of the level
_NO_MORE = 1e-6
_ACTED_LATELY = timedelta(hours=1)
_SIGNAL = Detector.Signal
_GUARDING = (_SIGNAL.ERRORS, _SIGNAL.LATENCY, _SIGNAL.AVAILABILITY, _SIGNAL.SATURATION)


class Graph:
    """Who calls whom in one workspace, by name."""

    def __init__(self, incident: Incident) -> None:
        edges = ServiceDependency.objects.visible().filter(caller__workspace=incident.workspace)
        self._calls: dict[str, set[str]] = {}
        self._called_by: dict[str, set[str]] = {}
        for caller, callee in edges.values_list("caller__name", "callee__name"):
            self._calls.setdefault(caller, set()).add(callee)
            self._called_by.setdefault(callee, set()).add(caller)

    def callers(self, service: str) -> list[str]:
        return sorted(self._called_by.get(service, ()))

    def reached_from(self, service: str) -> set[str]:
        """The service, its callers and callees at any distance, and what shares a dependency."""
        below = self._closure({service}, self._calls)
        sharing = {caller for callee in below - {service} for caller in self.callers(callee)}
        return below | sharing | self._closure({service}, self._called_by)

    @staticmethod
    def _closure(start: set[str], edges: dict[str, set[str]]) -> set[str]:
        found, left = set(start), list(start)
        while left:
            new = edges.get(left.pop(), set()) - found
            found |= new
            left += new
        return found


def guards_of(
    prediction: Prediction, *, incident: Incident, target: str, schedule: Schedule
) -> tuple[Watched, ...]:
    """What of the target and its callers must not get worse; only what has data now."""
    places = list(dict.fromkeys([target, prediction.service, *Graph(incident).callers(target)]))
    alerting = prediction.query, prediction.service
    found: dict[tuple[str, str], Watched] = {}
    for detector in _guarding(incident)[:_MAX_QUERIES]:
        answer = _recent(str(detector.connector_id), detector.query)
        for place in places:
            key = detector.query, place
            guard = _watched(detector, place, answer, schedule)
            if guard is not None and key != alerting:
                found.setdefault(key, guard)
    signals = [str(signal) for signal in _GUARDING]
    ordered = sorted(
        found.values(), key=lambda g: (places.index(g.service), signals.index(g.signal), g.name)
    )
    return tuple(_named_apart(ordered[:MAX_GUARDS]))


def peers_of(
    prediction: Prediction, *, incident: Incident, target: str, schedule: Schedule
) -> tuple[Watched, ...]:
    """The alerting metric of services out of the action's reach, in the order of their names."""
    graph = Graph(incident)
    near = graph.reached_from(target) | graph.reached_from(prediction.service)
    near |= _of_incident(incident) | _acted_upon(incident)
    answer = _recent(prediction.connector_id, prediction.query)
    names = {series.labels.get(prediction.service_label) for series in answer} - {None}
    found = [
        _measured(
            prediction.signal,
            prediction,
            _points(answer, prediction.service_label, name, prediction.direction),
            service=name,
            schedule=schedule,
            floor=0.0,
        )
        for name in sorted(str(name) for name in names)
        if name not in near
    ]
    complete = [peer for peer in found if peer is not None]
    return tuple(complete[:MAX_PEERS])


def _guarding(incident: Incident) -> Sequence[Detector]:
    """Detectors that measure one side of a series and may open an incident, errors first."""
    rows = Detector.objects.filter(
        workspace=incident.workspace,
        is_enabled=True,
        opens_incident=True,
        rule__in=Detector.MEASURED,
        signal__in=_GUARDING,
        direction__in=(Detector.Direction.UP, Detector.Direction.DOWN),
        connector__is_enabled=True,
    )
    return sorted(rows, key=lambda d: (_GUARDING.index(Detector.Signal(d.signal)), d.name))


def _watched(
    detector: Detector, service: str, answer: list[Series], schedule: Schedule
) -> Watched | None:
    points = _points(answer, detector.service_label, service, detector.direction)
    return _measured(
        detector.name, detector, points, service=service, schedule=schedule, floor=detector.floor
    )


def _measured(
    name: str,
    like: Detector | Prediction,
    points: Points,
    *,
    service: str,
    schedule: Schedule,
    floor: float,
) -> Watched | None:
    if len(points) < _LEAST_POINTS:
        return None
    values = [value for _, value in points]
    level = median(values)
    swing = max(values) - level if like.direction == "up" else level - min(values)
    return Watched(
        name=name,
        query=like.query,
        connector_id=str(like.connector_id),
        service=service,
        service_label=like.service_label,
        signal=like.signal,
        direction=like.direction,
        unit=like.unit,
        level_before=figure(level),
        margin=figure(max(floor, _WORSE_SHARE * abs(level), swing, _NO_MORE)),
        schedule=schedule,
    )


def _recent(connector_id: str, query: str) -> list[Series]:
    now = clock.now().timestamp()
    return series_of(connector_id, query, start=now - _LOOK_BACK_S, end=now)


def _points(answer: list[Series], label: str, service: str, direction: str) -> Points:
    own = [series for series in answer if series.labels.get(label) == service]
    return worst_points(own, is_up=direction == "up")


def _named_apart(guards: Sequence[Watched]) -> Iterator[Watched]:
    """Two detectors of one name cannot be told apart in the readings: the first one stays."""
    keys: set[str] = set()
    for guard in guards:
        if guard.key not in keys:
            keys.add(guard.key)
            yield guard


def _of_incident(incident: Incident) -> set[str]:
    rows = Anomaly.objects.filter(incident=incident, service__isnull=False)
    return set(rows.values_list("service__name", flat=True))


def _acted_upon(incident: Incident) -> set[str]:
    since = clock.now() - _ACTED_LATELY
    rows = Execution.objects.filter(
        plan__incident__workspace=incident.workspace, mode=Mode.LIVE, intent_at__gte=since
    )
    return set(rows.values_list("target__step__service_name", flat=True))


def figure(value: float) -> float:
    """Six digits: enough to judge by, short enough to read, and the same after storage."""
    return float(f"{value:.6g}") + 0.0
