"""What people know: earlier incidents, runbooks, and what was done in this one so far.

Guidance steers and proves nothing: a claim that rests on it alone cannot be checked. What AIRRA
itself did, as its own executions tell, is a fact.
"""

from typing import cast

from analysis.commands.collect.reading import Reading
from analysis.commands.collect.scope import Scope
from analysis.models import Hypothesis, Investigation
from analysis.reasoning.toolbox import Arguments, OfAll, OfOne
from analysis.signals import runbooks_asked
from analysis.types import ChangeFact, Custody, EvidenceStatus
from incidents.lifecycle import State
from incidents.models import Incident, Service, TimelineEvent

_SIMILAR = 8
_STEPS = 60
_TEXT = 300
Book = tuple[str, list[str]]  # title and steps
_Kind = TimelineEvent.Kind
# What was reported and done; notes of operators come to a reasoner by their own way.
_TOLD = (
    _Kind.OPENED, _Kind.ALERT, _Kind.ANOMALY, _Kind.CHANGE, _Kind.SEVERITY, _Kind.EXECUTION,
    _Kind.VERIFICATION, _Kind.RESOLVED, _Kind.REOPENED,
)  # fmt: skip


def similar_incidents(scope: Scope, asked: OfAll) -> Reading:
    """The newest ended incidents of a service, or of the workspace, and what was found."""
    ended = Incident.objects.filter(
        workspace=scope.workspace, state__in=[State.RESOLVED, State.CLOSED]
    ).select_related("service")
    if asked.service:
        ended = ended.filter(service__name=asked.service)
    found = list(ended.order_by("-started_at")[:_SIMILAR])
    leads = _leads(found)
    of = f" of {asked.service}" if asked.service else ""
    return _guidance(
        scope,
        f"ended incidents{of}",
        f"{len(found)} earlier incidents{of}",
        [_incident_row(incident, leads.get(incident.pk, "")) for incident in found],
    )


def _leads(incidents: list[Incident]) -> dict[object, str]:
    """What was held to be the cause of each: what a person confirmed, else what ranked first."""
    settled = Investigation.State.SETTLED
    ranked = Hypothesis.objects.filter(
        investigation__incident__in=incidents, investigation__state=settled
    ).order_by("investigation__created_at", "-rank")
    found: dict[object, str] = {}
    confirmed: dict[object, str] = {}
    for row in ranked.select_related("investigation"):
        words = f"{row.mechanism} of {row.entity}"
        found[row.investigation.incident_id] = words
        if row.verdict == Hypothesis.Verdict.CONFIRMED:
            confirmed[row.investigation.incident_id] = f"{words}, confirmed by a person"
        elif row.verdict == Hypothesis.Verdict.RULED_OUT:
            found[row.investigation.incident_id] = f"not {words}, a person ruled it out"
    return found | confirmed


def _incident_row(incident: Incident, lead: str) -> str:
    began = incident.started_at.strftime("%Y-%m-%d %H:%M")
    how = f"; cause held: {lead}" if lead else ""
    return (
        f"{incident.key} {began} {incident.service}: {incident.title}; {incident.resolution}{how}"
    )


def get_runbook(scope: Scope, asked: OfOne) -> Reading:
    """The owner and notes of a service, and the published runbooks that apply to it."""
    service = Service.objects.filter(workspace=scope.workspace, name=asked.service).first()
    rows = []
    if service is not None and service.owner:
        rows.append(f"owner: {service.owner}")
    if service is not None and service.description:
        rows.append(f"notes: {service.description[:2000]}")
    answers = runbooks_asked.send(Service, workspace=scope.workspace, service=asked.service)
    given = cast("list[tuple[object, list[Book] | None]]", answers)
    books = [book for _, shelf in given for book in shelf or ()]
    for title, steps in books:
        rows.append(f"runbook “{title}”")
        rows += [f"  {number}. {step}" for number, step in enumerate(steps, 1)]
    return _guidance(
        scope,
        f"runbooks of {asked.service}",
        f"{len(books)} runbooks of {asked.service}" + ("" if rows else ", and nothing noted"),
        rows,
    )


def list_steps(scope: Scope, _: Arguments) -> Reading:
    """The timeline of this incident: what was reported, changed and done, oldest first."""
    number = int(scope.ctx.key.rpartition("-")[2])
    events = list(
        TimelineEvent.objects.filter(
            incident__workspace=scope.workspace, incident__number=number, kind__in=_TOLD
        ).order_by("at", "id")[:_STEPS]
    )
    ours = [event for event in events if event.kind == _Kind.EXECUTION]
    facts = [
        ChangeFact(
            id=f"step-{event.pk}",
            entity=scope.ctx.service,
            at=event.at.timestamp(),
            change="action",
            title=event.text[:_TEXT],
            actor=event.actor,
        )
        for event in ours
    ]
    return Reading(
        source="timeline",
        native_query=f"timeline of {scope.ctx.key}",
        window=(scope.ctx.started_at, scope.ctx.now),
        summary=f"{len(events)} steps so far, {len(ours)} of them taken by AIRRA",
        facts=facts,
        rows=[
            f"{scope.when(event.at.timestamp())} {event.kind}: {event.text[:_TEXT]}"
            for event in events
        ],
        status=EvidenceStatus.OK if events else EvidenceStatus.EMPTY,
        raw=[[event.pk, event.kind, event.text] for event in events],
        narrow="nothing: the oldest are shown",
        is_truncated=len(events) == _STEPS,
        custody=Custody.CHANGE_SYSTEM if facts else None,
    )


def _guidance(scope: Scope, query: str, summary: str, rows: list[str]) -> Reading:
    return Reading(
        source="people",
        native_query=query,
        window=(scope.ctx.started_at, scope.ctx.now),
        summary=summary,
        rows=rows,
        status=EvidenceStatus.OK if rows else EvidenceStatus.EMPTY,
        raw=rows,
    )
