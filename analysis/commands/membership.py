"""Which anomalies an incident has, why, and what they say of it together."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from airra.lib.quantities import count, quantity
from analysis.models import Anomaly, Investigation
from analysis.perception.correlate import describe
from analysis.perception.graph import Graph
from analysis.queries import anomalies as queries
from incidents.commands import incident as incidents
from incidents.commands import timeline
from incidents.commands.service import ensure
from incidents.lifecycle import State
from incidents.models import Incident, TimelineEvent

_MOVABLE = (State.OPEN, State.ACKNOWLEDGED, State.ANALYSING)
_TOLD = 20  # anomalies of one look that get a line of their own
_BATCH = 500
_MAX_REASON = 300


@dataclass(frozen=True)
class Told:
    """An anomaly, and why it belongs to its incident."""

    anomaly: Anomaly
    why: str


def explain_silence(loose: Iterable[queries.Loose]) -> None:
    """Note on each anomaly that may not open an incident why it does not."""
    changed: dict[str, list[UUID]] = defaultdict(list)
    for one in loose:
        if one.anomaly.reason != one.why_silent[:_MAX_REASON]:
            changed[one.why_silent[:_MAX_REASON]].append(one.anomaly.pk)
    for reason, keys in changed.items():
        _update(keys, reason=reason)


def file_quietly(incident: Incident, told: Iterable[Told]) -> None:
    """Make anomalies part of an incident with their reasons; nobody is told."""
    by_reason: dict[str, list[UUID]] = defaultdict(list)
    for one in told:
        by_reason[one.why[:_MAX_REASON]].append(one.anomaly.pk)
    for reason, keys in by_reason.items():
        _update(keys, incident=incident, reason=reason)


def _update(keys: Sequence[UUID], **fields: Any) -> None:
    """Rows that say the same are written together: an incident may have thousands."""
    for first in range(0, len(keys), _BATCH):
        Anomaly.objects.filter(pk__in=keys[first : first + _BATCH]).update(**fields)


def attach(incident: Incident, told: Sequence[Told]) -> None:
    """Make anomalies part of an incident; its timeline hears of each series once."""
    of = {one.anomaly.detector_id for one in told}
    known = set(incident.anomalies.filter(detector__in=of).values_list("detector_id", "series_key"))
    file_quietly(incident, told)
    fresh: dict[tuple[object, str], Told] = {}
    for one in sorted(told, key=lambda t: (t.anomaly.started_at, t.anomaly.pk)):
        key = (one.anomaly.detector_id, one.anomaly.series_key)
        if key not in known:
            fresh.setdefault(key, one)
    for one in list(fresh.values())[:_TOLD]:
        _tell(incident, one)
    more = list(fresh.values())[_TOLD:]
    if more:
        services = len({one.anomaly.service_id for one in more})
        text = (
            f"saw {count(len(more), 'more anomaly', 'more anomalies')} at the same time, "
            f"at {count(services, 'service')}"
        )
        timeline.record(incident, TimelineEvent.Kind.ANOMALY, text)


def _tell(incident: Incident, told: Told) -> None:
    anomaly = told.anomaly
    detector = anomaly.detector
    value, expected = (quantity(v, detector.unit) for v in (anomaly.value, anomaly.expected))
    timeline.record(
        incident,
        TimelineEvent.Kind.ANOMALY,
        f"saw {detector.name.lower()} of {anomaly.service} at {value}, expected {expected} "
        f"({told.why})",
        at=anomaly.started_at,
        payload={"anomaly": str(anomaly.pk), "detector": str(detector.pk)},
    )


def reconsider(incident: Incident, graph: Graph, tiers: Mapping[str, int]) -> None:
    """With all its anomalies in sight: is the incident worse, or rather somewhere else.

    It never becomes less severe, and is moved only while nobody has drawn conclusions from where
    it stands.
    """
    members = queries.members(incident)
    if not members:
        return
    group = describe(members, graph, tiers)
    incidents.raise_severity(incident=incident, to=group.severity, reason=group.severity_reason)
    is_settled = incident.investigations.filter(state=Investigation.State.SETTLED).exists()
    is_ours = incident.source == Incident.Source.DETECTOR
    if is_ours and incident.state in _MOVABLE and not is_settled:
        incidents.attribute(
            incident=incident,
            service=ensure(workspace=incident.workspace, name=group.service),
            reason=group.reason,
        )
