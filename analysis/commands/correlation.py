"""From anomalies to incidents: join what belongs together, and leave what is over alone.

Detectors run as separate jobs, on several workers. One trouble still ends in one incident: nobody
correlates while a run of the round is under way, so the last to finish sees all of it; and whoever
does holds the workspace's row, so the next one sees what was written.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import F, QuerySet

from airra.lib import clock
from airra.lib.quantities import count, quantity
from analysis.models import Anomaly, Detector, Investigation
from analysis.perception.correlate import Graph, Group, Observation, correlate, describe, link
from incidents.commands import incident as incidents
from incidents.commands import timeline
from incidents.commands.service import ensure
from incidents.lifecycle import State
from incidents.models import Incident, ServiceDependency, TimelineEvent, Workspace

_RESIDUE = timedelta(minutes=15)  # after an incident's end, what began before it is its residue
_MOVABLE = (State.OPEN, State.ACKNOWLEDGED, State.ANALYSING)


@dataclass(frozen=True)
class _Place:
    """Where and when an incident shows trouble."""

    service: str
    start: float
    end: float

    def apart_s(self, at: float) -> float:
        return max(self.start - at, at - self.end, 0.0)


def correlate_open(*, workspace: Workspace) -> list[Incident]:
    """Give every open anomaly of the workspace its incident; returns those newly opened.

    Nothing happens while a detector of the workspace is still running: its end comes back here.
    """
    now = clock.now()
    with transaction.atomic():
        _take_turn(workspace)
        if Detector.objects.filter(workspace=workspace, lease_until__gte=now).exists():
            return []
        loose = _loose(workspace)
        if not loose:
            return []
        edges = _edges(workspace)
        graph = Graph(edges)
        loose = _leave_residue(loose, workspace, graph, now)
        loose = _join_live(loose, workspace, graph)
        groups = correlate([_observation(a, now) for a in loose], edges)
        return [_open(group, loose, workspace, graph) for group in groups]


def _take_turn(workspace: Workspace) -> None:
    """An UPDATE holds the row until commit on both databases: one correlation at a time."""
    Workspace.objects.filter(pk=workspace.pk).update(last_incident_number=F("last_incident_number"))


def _loose(workspace: Workspace) -> list[Anomaly]:
    found = Anomaly.objects.filter(
        detector__workspace=workspace,
        ended_at__isnull=True,
        incident__isnull=True,
        service__isnull=False,
    )
    return list(found.select_related("detector", "service").order_by("started_at", "id"))


def _edges(workspace: Workspace) -> list[tuple[str, str]]:
    found = ServiceDependency.objects.fresh().filter(caller__workspace=workspace)
    return list(found.values_list("caller__name", "callee__name"))


def _name(anomaly: Anomaly) -> str:
    return anomaly.service.name if anomaly.service else ""


def _observation(anomaly: Anomaly, now: datetime) -> Observation:
    detector = anomaly.detector
    is_muted = detector.muted_until is not None and detector.muted_until > now
    return Observation(
        id=str(anomaly.pk),
        service=_name(anomaly),
        signal=detector.signal,
        direction=anomaly.direction,
        started_at=anomaly.started_at.timestamp(),
        score=anomaly.score,
        value=anomaly.value,
        expected=anomaly.expected,
        opens=detector.opens_incident and not is_muted,
    )


def _places(incident: Incident) -> list[_Place]:
    """The incident's anomalies, and its own service from its start."""
    began = incident.started_at.timestamp()
    own = [_Place(incident.service.name, began, began)] if incident.service else []
    rows = incident.anomalies.filter(service__isnull=False)
    return own + [
        _Place(name, start.timestamp(), end.timestamp())
        for name, start, end in rows.values_list("service__name", "started_at", "last_at")
    ]


def _why_near(anomaly: Anomaly, places: Iterable[_Place], graph: Graph) -> str:
    """The plainest reason why an anomaly belongs to an incident, or ""."""
    at, name = anomaly.started_at.timestamp(), _name(anomaly)
    for place in sorted(places, key=lambda p: (p.service != name, p.apart_s(at))):
        why = link(name, place.service, place.apart_s(at), graph)
        if why:
            return why if place.service == name else f"{why} from {place.service}"
    return ""


def _leave_residue(
    loose: Sequence[Anomaly], workspace: Workspace, graph: Graph, now: datetime
) -> list[Anomaly]:
    """File what began before the end of an incident just over under it, without a word."""
    over = list(
        Incident.objects.filter(workspace=workspace, resolved_at__gte=now - _RESIDUE)
        .exclude(pk__in=_live(workspace))
        .select_related("service")
    )
    rest = []
    for anomaly in loose:
        before_end = (i for i in over if i.resolved_at and anomaly.started_at <= i.resolved_at)
        of = next((i for i in before_end if _why_near(anomaly, _places(i), graph)), None)
        if of is None:
            rest.append(anomaly)
        else:
            Anomaly.objects.filter(pk=anomaly.pk).update(incident=of)
    return rest


def _live(workspace: Workspace) -> QuerySet[Incident]:
    return Incident.objects.open().filter(workspace=workspace)


def _join_live(loose: Sequence[Anomaly], workspace: Workspace, graph: Graph) -> list[Anomaly]:
    """Add each anomaly to the live incident it is near to; returns those near to none."""
    rest = list(loose)
    for incident in _live(workspace).select_related("service").order_by("-opened_at"):
        joined: list[Anomaly] = []
        is_growing = True
        while is_growing:  # one that joins may bring its neighbours
            places = _places(incident)
            near = [(a, _why_near(a, places, graph)) for a in rest]
            for anomaly, why in ((a, why) for a, why in near if why):
                _attach(anomaly, incident, why)
                joined.append(anomaly)
            is_growing = any(why for _, why in near)
            rest = [a for a, why in near if not why]
        if joined:
            _reconsider(incident, graph)
    return rest


def _attach(anomaly: Anomaly, incident: Incident, why: str) -> None:
    """Make an anomaly part of an incident; the timeline hears of each series once."""
    is_known = incident.anomalies.filter(
        detector=anomaly.detector, series_key=anomaly.series_key
    ).exists()
    Anomaly.objects.filter(pk=anomaly.pk).update(incident=incident)
    if is_known:
        return
    detector = anomaly.detector
    value, expected = (quantity(v, detector.unit) for v in (anomaly.value, anomaly.expected))
    timeline.record(
        incident,
        TimelineEvent.Kind.ANOMALY,
        f"saw {detector.name.lower()} of {_name(anomaly)} at {value}, expected {expected} ({why})",
        at=anomaly.started_at,
        payload={"anomaly": str(anomaly.pk), "detector": str(detector.pk)},
    )


def _reconsider(incident: Incident, graph: Graph) -> None:
    """With all its anomalies in sight: is the incident worse, or rather somewhere else.

    It is moved only while nobody has drawn conclusions from where it stands.
    """
    now = clock.now()
    rows = incident.anomalies.filter(service__isnull=False).select_related("detector", "service")
    group = describe([_observation(a, now) for a in rows], graph)
    incidents.raise_severity(
        incident=incident,
        to=group.severity,
        reason=f"{count(len(rows), 'anomaly', 'anomalies')} belong to it now",
    )
    is_settled = incident.investigations.filter(state=Investigation.State.SETTLED).exists()
    if (
        incident.source == Incident.Source.DETECTOR
        and incident.state in _MOVABLE
        and not is_settled
    ):
        incidents.attribute(
            incident=incident,
            service=ensure(workspace=incident.workspace, name=group.service),
            reason=group.reason,
        )


def _open(group: Group, loose: Sequence[Anomaly], workspace: Workspace, graph: Graph) -> Incident:
    by_id = {str(anomaly.pk): anomaly for anomaly in loose}
    members = [by_id[seen.id] for seen in group.observations]
    incident, _ = incidents.open_or_join(
        workspace=workspace,
        title=group.title,
        severity=group.severity,
        source=Incident.Source.DETECTOR,
        grouping_key=f"anomaly:{members[0].pk}",
        grouping_reason=group.reason,
        service=ensure(workspace=workspace, name=group.service),
        started_at=min(anomaly.started_at for anomaly in members),
        metrics_snapshot={
            f"{a.detector.name} of {_name(a)}": {
                "value": a.value,
                "expected": a.expected,
                "unit": a.detector.unit,
            }
            for a in members
        },
    )
    began = incident.started_at.timestamp()
    for anomaly in members:
        apart_s = anomaly.started_at.timestamp() - began
        why = link(_name(anomaly), group.service, apart_s, graph)
        _attach(anomaly, incident, why or "near through its neighbours")
    return incident
