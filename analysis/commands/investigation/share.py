"""One investigation for several incidents: who takes part, and who is let go again."""

from datetime import datetime

from airra.lib import clock
from analysis.models import Hypothesis, Investigation, SharedInvestigation
from analysis.perception.companions import STORM
from analysis.perception.graph import Graph
from analysis.queries import companions
from analysis.queries.topology import graph_of
from analysis.types import HypothesisState, Outcome
from incidents.commands import audit, timeline
from incidents.models import Incident, TimelineEvent

Kind = TimelineEvent.Kind
_NAMED = (Outcome.ROOT_CAUSE_IDENTIFIED, Outcome.BEST_EFFORT)


def share(investigation: Investigation, incident: Incident, why: str) -> SharedInvestigation:
    """Let an investigation answer for one more incident."""
    made = SharedInvestigation.objects.create(
        investigation=investigation, incident=incident, reason=why[:300]
    )
    leader = investigation.incident.key
    payload = {"investigation": str(investigation.pk)}
    timeline.record(
        incident, Kind.ANALYSIS, f"is looked into together with {leader} ({why})", payload=payload
    )
    audit.record("investigation.shared", target=incident, after=payload, reason=why)
    return made


def join(incident: Incident, known: Investigation, group: companions.Group) -> None:
    """Take part in the investigation of the group, unless it has settled without a word on this.

    Then the incident waits until the group has had its rest, and is looked into by itself.
    """
    if known.state == Investigation.State.SETTLED:
        why_not = _unanswered(incident, known, group.graph, is_storm=len(group.members) > STORM)
        if why_not:
            return
    share(known, incident, group.why(incident) or "it is worse, and came later")


def conclude(investigation: Investigation) -> None:
    """After the settlement: tell those it answers for, and let the others go.

    Called inside the transaction that settles.
    """
    shared = list(
        investigation.shared_with.filter(released_at__isnull=True).select_related(
            "incident__service", "incident__workspace"
        )
    )
    if not shared:
        return
    graph = graph_of(investigation.incident.workspace)
    leader = investigation.incident.key
    payload = {"investigation": str(investigation.pk), "outcome": investigation.outcome}
    for each in shared:
        why_not = _unanswered(each.incident, investigation, graph, is_storm=len(shared) >= STORM)
        if why_not:
            release(each, why_not)
            continue
        text = f"was looked into together with {leader}. {investigation.summary}"
        timeline.record(each.incident, Kind.HYPOTHESES, text, payload=payload)


def release_all(investigation: Investigation, reason: str) -> None:
    for each in investigation.shared_with.filter(released_at__isnull=True).select_related(
        "incident"
    ):
        release(each, reason)


def release_one(incident: Incident, reason: str) -> None:
    for each in incident.shared_investigations.filter(released_at__isnull=True):
        release(each, reason)


def release(shared: SharedInvestigation, reason: str, at: datetime | None = None) -> None:
    """It waits for an investigation of its own; the sweep finds it."""
    changed = SharedInvestigation.objects.filter(pk=shared.pk, released_at__isnull=True).update(
        released_at=at or clock.now(), release_reason=reason[:300]
    )
    if changed:
        leader = shared.investigation.incident.key
        text = f"is no longer looked into together with {leader}: {reason}"
        timeline.record(shared.incident, Kind.ANALYSIS, text)
        audit.record("investigation.released", target=shared.incident, reason=reason)


def _unanswered(
    incident: Incident, investigation: Investigation, graph: Graph, *, is_storm: bool
) -> str:
    """Why what was found says nothing of this incident; "" when it does.

    Where the topology knows its service, the cause has to reach it; where it does not, a storm is
    taken for one trouble.
    """
    place = incident.service.name if incident.service else ""
    if not graph.knows(place):
        return "" if is_storm else "nobody knows how its service is connected"
    best = _best(investigation)
    if investigation.outcome not in _NAMED or best is None:
        return ""  # the same telemetry would be asked again, and abstaining is an answer
    if place in {best.entity, *best.path} or place in graph.reach(best.entity):
        return ""
    return f"what was found at {best.entity} does not reach {place}"


def _best(investigation: Investigation) -> Hypothesis | None:
    return investigation.hypotheses.exclude(state=HypothesisState.REFUTED).order_by("rank").first()
