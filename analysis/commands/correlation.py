"""From anomalies to incidents: join what belongs together, and leave what is over alone.

Detectors run as separate jobs, on several workers. One trouble still ends in one incident: nobody
correlates while a run of the round is under way, so the last to finish sees all of it; and whoever
does holds the workspace's row, so the next one sees what was written. The number of queries does
not grow with the number of open anomalies.
"""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import F

from airra.lib import clock
from analysis.commands import membership
from analysis.models import Anomaly, Detector
from analysis.perception.correlate import Group, correlate, describe, link, places_of
from analysis.perception.graph import Graph
from analysis.perception.homes import Home, Homes
from analysis.queries import anomalies as queries
from analysis.queries import topology
from analysis.types import Observation
from incidents.commands import incident as incidents
from incidents.commands import timeline
from incidents.commands.service import ensure
from incidents.lifecycle import RESOLVABLE
from incidents.models import Incident, TimelineEvent, Workspace

_RESIDUE = timedelta(minutes=15)  # after an incident's end, what began before it is its residue
_SHOWN = 20  # anomalies in the snapshot of an incident
_PATIENCE = timedelta(seconds=10)  # with the detectors that a scan has claimed at once


@dataclass(frozen=True)
class _Scene:
    """What one correlation looks at."""

    workspace: Workspace
    graph: Graph
    tiers: dict[str, int]
    rows: dict[str, Anomaly]  # by the id of their observation
    now: datetime

    def told(self, members: Sequence[Observation], whys: Sequence[str]) -> list[membership.Told]:
        return [
            membership.Told(self.rows[seen.id], why)
            for seen, why in zip(members, whys, strict=True)
        ]


def correlate_open(*, workspace: Workspace) -> list[Incident]:
    """Give every open anomaly of the workspace its incident; returns those newly opened.

    Nothing happens while a detector of the workspace is still running: its end comes back here.
    """
    now = clock.now()
    with transaction.atomic():
        _take_turn(workspace)
        if _is_a_round_under_way(workspace, now):
            return []
        loose = queries.loose(workspace, now=now)
        membership.explain_silence(loose)
        seen = [one.observation for one in loose if not one.is_excused]
        if not seen:
            return []
        calls = [(o.victim, o.service) for o in seen if o.victim]
        scene = _Scene(
            workspace=workspace,
            graph=Graph([*topology.edges_of(workspace), *calls]),
            tiers=dict(topology.tiers_of(workspace)),
            rows={str(one.anomaly.pk): one.anomaly for one in loose},
            now=now,
        )
        return _settle_all(_without_residue(seen, scene), scene)


def _is_a_round_under_way(workspace: Workspace, now: datetime) -> bool:
    """Whether more may be seen in a moment. A slow source is not waited for."""
    running = Detector.objects.filter(workspace=workspace, lease_until__gte=now)
    return running.filter(
        claimed_at__gte=now - _PATIENCE, connector__failing_since__isnull=True
    ).exists()


def _take_turn(workspace: Workspace) -> None:
    """An UPDATE holds the row until commit on both databases: one correlation at a time."""
    Workspace.objects.filter(pk=workspace.pk).update(last_incident_number=F("last_incident_number"))


def _without_residue(seen: Sequence[Observation], scene: _Scene) -> list[Observation]:
    """File what began before the end of an incident just over under it, without a word."""
    ended = Incident.objects.filter(
        workspace=scene.workspace, is_predicted=False, resolved_at__gte=scene.now - _RESIDUE
    )
    over = {str(i.pk): i for i in ended.exclude(pk__in=Incident.objects.live())}
    if not over:
        return list(seen)
    homes = Homes(queries.places(list(over.values())), scene.graph)
    rest: list[Observation] = []
    filed: dict[str, list[membership.Told]] = defaultdict(list)
    for one in seen:
        home = homes.nearest(one)
        of = over[home.incident] if home else None
        if home and of and of.resolved_at and one.started_at <= of.resolved_at.timestamp():
            why = f"began before {of.key} ended ({home.why})"
            filed[home.incident].append(membership.Told(scene.rows[one.id], why))
        else:
            rest.append(one)
    for key, told in filed.items():
        membership.file_quietly(over[key], told)
    return rest


def _settle_all(seen: Sequence[Observation], scene: _Scene) -> list[Incident]:
    """Each group joins the live incident it is near to, or makes one if it may."""
    live = {
        str(i.pk): i
        for i in Incident.objects.open()
        .filter(workspace=scene.workspace)
        .select_related("service", "workspace")
    }
    homes = Homes(queries.places(list(live.values())), scene.graph)
    foretold = queries.foretold(scene.workspace)
    opened: list[Incident] = []
    joining: dict[str, list[membership.Told]] = defaultdict(list)
    for group in correlate(seen, scene.graph):
        found = [homes.nearest(one) for one in group]
        best = next((home for home in found if home), None)
        predicted = _foretold_by(group, foretold, scene)
        if best is not None:
            _join(group, found, best, joining, scene)
            _take_in(predicted, live[best.incident])
        elif any(one.opens for one in group):
            opened.append(_open(group, predicted, scene))
        elif predicted:
            whys = [f"was foretold by {predicted[0].key}"] * len(group)
            membership.attach(predicted[0], scene.told(group, whys))
    for key, told in joining.items():
        membership.attach(live[key], told)
        membership.reconsider(live[key], scene.graph, scene.tiers)
    return opened


def _join(
    group: Sequence[Observation],
    found: Sequence[Home | None],
    best: Home,
    joining: dict[str, list[membership.Told]],
    scene: _Scene,
) -> None:
    """Each member to the incident it is near to itself; the others follow their group."""
    for one, home in zip(group, found, strict=True):
        to = home or Home(best.incident, "near through its neighbours")
        joining[to.incident].append(membership.Told(scene.rows[one.id], to.why))


def _foretold_by(
    group: Sequence[Observation], foretold: dict[tuple[str, str], Incident], scene: _Scene
) -> list[Incident]:
    """The predicted incidents that foretold this trouble: the same signal of the same service."""
    found = (foretold.get((one.service, one.signal)) for one in group)
    return list({i.pk: i for i in found if i is not None}.values())


def _take_in(predicted: Sequence[Incident], into: Incident) -> None:
    """What was foretold goes into the incident that is there; not while its action runs."""
    for incident in predicted:
        if incident.is_live and incident.state in RESOLVABLE:
            incidents.merge(incident=incident, into=into, reason="what it foretold is there")


def _open(group: Sequence[Observation], predicted: Sequence[Incident], scene: _Scene) -> Incident:
    """Make the incident of a group: the one that foretold it, or a new one."""
    told = describe(group, scene.graph, scene.tiers)
    members = told.observations
    whys = [_why(one, told, scene) for one in members]
    if predicted:
        first, *others = predicted
        incidents.turn_live(incident=first, reason=f"{told.title}, which was foretold, is there")
        membership.attach(first, scene.told(members, whys))
        membership.reconsider(first, scene.graph, scene.tiers)
        _take_in(others, first)
        return first
    rows = [scene.rows[one.id] for one in members]
    incident, _ = incidents.open_or_join(
        workspace=scene.workspace,
        title=told.title,
        severity=told.severity,
        source=Incident.Source.DETECTOR,
        grouping_key=f"anomaly:{members[0].id}",
        grouping_reason=told.reason,
        service=ensure(workspace=scene.workspace, name=told.service),
        started_at=min(row.started_at for row in rows),
        metrics_snapshot=_snapshot(rows[:_SHOWN]),
    )
    text = f"set severity {told.severity}: {told.severity_reason}"
    timeline.record(incident, TimelineEvent.Kind.SEVERITY, text)
    membership.attach(incident, scene.told(members, whys))
    return incident


def _why(one: Observation, group: Group, scene: _Scene) -> str:
    apart_s = one.started_at - group.started_at
    found = (link(place, group.service, apart_s, scene.graph) for place in places_of(one))
    return next(filter(None, found), "near through its neighbours")


def _snapshot(rows: Sequence[Anomaly]) -> dict[str, object]:
    return {
        f"{a.detector.name} of {a.service}": {
            "value": a.value,
            "expected": a.expected,
            "unit": a.detector.unit,
        }
        for a in rows
    }
