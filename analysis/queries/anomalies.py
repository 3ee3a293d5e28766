"""Anomalies as correlation takes them: who may open an incident, who only joins, who neither."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from django.db.models import Max, Min, OuterRef, Q, QuerySet, Subquery

from analysis.models import Anomaly, Forecast, SeriesTuning
from analysis.perception.correlate import NEAR_S, why_welcome
from analysis.perception.homes import Place
from analysis.types import Observation, Trouble
from incidents.models import Incident, Workspace

_CALLS = (Trouble.EDGE_GAP, Trouble.EDGE_ERRORS, Trouble.EDGE_LATENCY, Trouble.VANISHED_CALLS)
_DEAD = 3  # failures in a row after which the silence of a source says nothing
Feedback = Anomaly.Feedback


@dataclass(frozen=True)
class Loose:
    """An open anomaly without an incident. `why_silent` is why it may not open one, if so."""

    anomaly: Anomaly
    observation: Observation
    why_silent: str
    is_excused: bool  # it may not even join


def loose(workspace: Workspace, *, now: datetime) -> list[Loose]:
    """The open anomalies that have no incident yet, as far as they can matter.

    Evidence that stands for long, with no trouble it could be near to, is left unread.
    """
    waiting = _waiting(workspace, now)
    is_muted = Q(detector__muted_until__gt=now)
    may_open = Q(may_open=True, detector__opens_incident=True, snoozed_until__isnull=True)
    may_open &= ~is_muted
    may_open &= ~Q(feedback=Feedback.NOT_AN_ANOMALY)
    firsts = _first(waiting.filter(may_open)), _first_live(workspace)
    earliest = min(filter(None, firsts), default=None)
    wanted = may_open | Q(reason="")
    if earliest is not None:
        since = datetime.fromtimestamp(earliest.timestamp() - NEAR_S, tz=earliest.tzinfo)
        wanted |= Q(started_at__gte=since)
    # Thousands of rows of a few detectors and services: fetched once each, not joined to each.
    rows = waiting.filter(wanted).prefetch_related("detector__connector", "service")
    return [_loose(row, now) for row in rows.order_by("started_at", "id")]


def _waiting(workspace: Workspace, now: datetime) -> QuerySet[Anomaly]:
    snoozed = SeriesTuning.objects.filter(
        detector=OuterRef("detector"), series_key=OuterRef("series_key"), snoozed_until__gt=now
    )
    found = Anomaly.objects.filter(
        detector__workspace=workspace,
        ended_at__isnull=True,
        incident__isnull=True,
        service__isnull=False,
    )
    # What is only foretold is a forecast, which opens a predicted incident by itself.
    return found.exclude(kind=Trouble.FORECAST_BREACH).annotate(
        snoozed_until=Subquery(snoozed.values("snoozed_until")[:1])
    )


def _first(found: QuerySet[Anomaly]) -> datetime | None:
    first: datetime | None = found.aggregate(first=Min("started_at"))["first"]
    return first


def _first_live(workspace: Workspace) -> datetime | None:
    live = Incident.objects.live().filter(workspace=workspace)
    first: datetime | None = live.aggregate(first=Min("started_at"))["first"]
    return first


def _loose(anomaly: Anomaly, now: datetime) -> Loose:
    seen = observation_of(anomaly)
    if anomaly.feedback == Feedback.NOT_AN_ANOMALY:
        return Loose(anomaly, seen, "a person called it not an anomaly", is_excused=True)
    welcome = why_welcome(seen)
    if welcome:
        return Loose(anomaly, seen, welcome, is_excused=True)
    silent = _why_silent(anomaly, now)
    return Loose(anomaly, replace(seen, opens=not silent), silent, is_excused=False)


def _why_silent(anomaly: Anomaly, now: datetime) -> str:
    """Why it does not open an incident by itself; "" when it does."""
    detector = anomaly.detector
    snoozed_until = anomaly.__dict__["snoozed_until"]
    if not detector.opens_incident:
        return "evidence only: its detector opens no incident by itself"
    if not anomaly.may_open:
        return (
            f"evidence only: {anomaly.details.get('verdict') or 'it opens no incident by itself'}"
        )
    if detector.muted_until is not None and detector.muted_until > now:
        return f"its detector is muted until {detector.muted_until:%d %b %H:%M} UTC"
    if snoozed_until is not None:
        return f"its series is snoozed until {snoozed_until:%d %b %H:%M} UTC"
    if anomaly.kind == Trouble.MISSING and detector.connector.failures >= _DEAD:
        return f"{detector.connector.name} cannot be read, and silence is no trouble"
    return ""


def observation_of(anomaly: Anomaly) -> Observation:
    """The row as the engine takes it. Of a call, the service called is where it counts."""
    detector = anomaly.detector
    callee = str(anomaly.details.get("callee", "")) if anomaly.kind in _CALLS else ""
    name = callee or (anomaly.service.name if anomaly.service else "")
    caller = str(anomaly.details.get("caller", "")) if callee else ""
    rate = _burn_rate(anomaly)
    return Observation(
        id=str(anomaly.pk),
        service=name,
        signal=detector.signal,
        direction=anomaly.direction,
        started_at=anomaly.started_at.timestamp(),
        score=anomaly.score,
        value=anomaly.value if rate is None else rate,
        expected=anomaly.expected,
        kind=Trouble(anomaly.kind),
        unit=detector.unit if rate is None else "times the rate that keeps the objective",
        floor=detector.floor,
        limit=detector.limit,
        victim=caller if caller != name else "",
    )


def _burn_rate(anomaly: Anomaly) -> float | None:
    """How fast the error budget burns, where that is what the anomaly is."""
    rate = anomaly.details.get("rate") if anomaly.kind == Trouble.BURN_RATE else None
    return float(rate) if isinstance(rate, int | float) else None


def members(incident: Incident) -> list[Observation]:
    """Every anomaly of an incident that nobody has called none."""
    rows = incident.anomalies.filter(service__isnull=False)
    counted = rows.exclude(feedback=Feedback.NOT_AN_ANOMALY)
    return [observation_of(row) for row in counted.prefetch_related("detector", "service")]


def places(incidents: Sequence[Incident]) -> list[Place]:
    """Where and when these incidents show trouble: at most one place a service each; two queries.

    The incident's own service counts from its start.
    """
    began = [
        Place(str(i.pk), i.service.name, i.started_at.timestamp(), i.started_at.timestamp())
        for i in incidents
        if i.service
    ]
    rows = Anomaly.objects.filter(incident__in=incidents, service__isnull=False).exclude(
        feedback=Feedback.NOT_AN_ANOMALY
    )
    by_service = rows.values_list("incident_id", "service__name")
    by_caller = rows.filter(kind__in=_CALLS).values_list("incident_id", "details__caller")
    found = [
        *by_service.annotate(start=Min("started_at"), end=Max("last_at")),
        *by_caller.annotate(start=Min("started_at"), end=Max("last_at")),
    ]
    return began + [
        Place(str(pk), str(name), start.timestamp(), end.timestamp())
        for pk, name, start, end in found
        if name
    ]


def foretold(workspace: Workspace) -> dict[tuple[str, str], Incident]:
    """The predicted incidents, by the service and the signal they foretell."""
    pending = Forecast.objects.filter(
        detector__workspace=workspace,
        outcome=Forecast.Outcome.PENDING,
        incident__in=Incident.objects.predicted(),
        service__isnull=False,
    )
    rows = pending.select_related("incident__workspace", "incident__service", "service", "detector")
    return {
        (row.service.name, row.detector.signal): row.incident
        for row in rows
        if row.service and row.incident
    }
