"""What people have settled of the past: a yardstick for what a detector would have said of it."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from analysis.models import Anomaly, Detector, Hypothesis
from incidents.models import Incident

_EARLY_S = 900.0  # an alarm may come before the moment at which an incident is said to have begun
Feedback = Anomaly.Feedback


@dataclass(frozen=True)
class Confirmed:
    """An incident whose cause somebody confirmed, and the services it touched."""

    key: str
    services: frozenset[str]
    started_at: float
    ended_at: float

    def covers(self, service: str, at: float) -> bool:
        return service in self.services and self.started_at - _EARLY_S <= at <= self.ended_at


@dataclass(frozen=True)
class Judged:
    """An anomaly of the detector that somebody called real, or not an anomaly."""

    series_key: str
    is_real: bool
    started_at: float
    ended_at: float

    def covers(self, series_key: str, at: float) -> bool:
        return series_key == self.series_key and self.started_at <= at <= self.ended_at


@dataclass(frozen=True)
class Verdicts:
    confirmed: Sequence[Confirmed]
    judged: Sequence[Judged]


def between(detector: Detector, start: float, end: float, *, services: Collection[str]) -> Verdicts:
    """What is settled of these services and of this detector from `start` to `end`, Unix s."""
    since, until = datetime.fromtimestamp(start, UTC), datetime.fromtimestamp(end, UTC)
    incidents = Incident.objects.filter(
        workspace=detector.workspace_id,
        investigations__hypotheses__verdict=Hypothesis.Verdict.CONFIRMED,
        started_at__gte=since,
        started_at__lte=until,
    ).distinct()
    found = [
        _confirmed(incident, end)
        for incident in incidents.select_related("service").prefetch_related("anomalies__service")
    ]
    anomalies = detector.anomalies.filter(started_at__gte=since, started_at__lte=until)
    return Verdicts(
        confirmed=[one for one in found if one.services & set(services)],
        judged=[_judged(one, detector.step_s) for one in anomalies.exclude(feedback="")],
    )


def _confirmed(incident: Incident, end: float) -> Confirmed:
    services = {a.service.name for a in incident.anomalies.all() if a.service}
    if incident.service:
        services.add(incident.service.name)
    resolved = incident.resolved_at
    return Confirmed(
        key=incident.key,
        services=frozenset(services),
        started_at=incident.started_at.timestamp(),
        ended_at=resolved.timestamp() if resolved else end,
    )


def _judged(anomaly: Anomaly, step_s: int) -> Judged:
    """With room for the alarm that a coarser step, or another sensitivity, raises later."""
    room = max(10.0 * step_s, 300.0)
    last = anomaly.ended_at or anomaly.last_at
    return Judged(
        series_key=anomaly.series_key,
        is_real=anomaly.feedback == Feedback.REAL,
        started_at=anomaly.started_at.timestamp() - room,
        ended_at=last.timestamp() + room,
    )
