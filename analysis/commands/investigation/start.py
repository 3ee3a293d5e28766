"""An investigation begins: because incidents were opened, or because a person asks.

What belongs together is looked into once. AIRRA waits until the signals of a group have settled,
leaves it alone for a while once it has been looked into, and begins only so many a minute; what
waits keeps its place, for the sweep asks again.
"""

from datetime import datetime, timedelta

from django.contrib.auth.models import User
from django.db import IntegrityError, transaction
from django.db.models import F

from airra.lib import clock
from airra.lib.jobs import Job, enqueue
from analysis.commands.investigation import course, share
from analysis.models import Investigation, InvestigationEvent
from analysis.perception.companions import ready_at
from analysis.queries import companions, source_reports
from analysis.types import ProgressKind
from incidents.commands import audit, timeline
from incidents.lifecycle import TRANSITIONS, State
from incidents.models import Incident, TimelineEvent, Workspace
from incidents.permissions import Permission
from incidents.queries.access import require

STARTS_A_MINUTE = 5
_MINUTE = timedelta(minutes=1)
_MAY_START = frozenset(s for s, after in TRANSITIONS.items() if State.ANALYSING in after) | {
    State.ANALYSING
}


class CannotInvestigate(Exception):
    """The incident is past it; the message says why."""


def consider(incident: Incident) -> Investigation | None:
    """Begin the investigation of the incident's group, or join the one that it has.

    Returns what has begun, and nothing when it is too soon, when there are too many at once, or
    when another investigation answers for this incident.
    """
    now = clock.now()
    with transaction.atomic():
        _take_turn(incident.workspace)
        if incident.investigations.exists() or companions.is_shared(incident):
            return None
        try:
            _check(incident)
        except CannotInvestigate:
            return None
        group = companions.group(incident)
        if now.timestamp() < ready_at(group.members):
            return None
        known = companions.of_group([m.arrival.incident for m in group.members], now)
        if known is not None:
            share.join(incident, known, group)
            return None
        if companions.started_since(incident.workspace, now - _MINUTE) >= STARTS_A_MINUTE:
            return None
        return _begin(group)


def _take_turn(workspace: Workspace) -> None:
    """An UPDATE holds the row until commit on both databases: one decision at a time."""
    Workspace.objects.filter(pk=workspace.pk).update(last_incident_number=F("last_incident_number"))


def _begin(group: companions.Group) -> Investigation | None:
    """The first of the group that nobody has looked into leads, and answers for the others."""
    free = [m for m in group.members if _is_free(group.incidents[m.arrival.incident])]
    leader = group.incidents[free[0].arrival.incident]
    made = Investigation.objects.create(incident=leader)
    audit.record("investigation.started", target=made)
    for member in free[1:]:
        share.share(made, group.incidents[member.arrival.incident], member.why)
    if len(free) > 1:
        others = ", ".join(member.arrival.key for member in free[1:][:5])
        more = f" and {len(free) - 6} more" if len(free) > 6 else ""
        timeline.record(
            leader, TimelineEvent.Kind.ANALYSIS, f"looks into it together with {others}{more}"
        )
    return made


def _is_free(incident: Incident) -> bool:
    try:
        _check(incident)
    except CannotInvestigate:
        return False
    return not incident.investigations.exists() and not companions.is_shared(incident)


def _check(incident: Incident) -> None:
    if source_reports.is_about_a_source(incident):
        msg = f"{incident.key} is about a source that AIRRA cannot read: mend the connection"
        raise CannotInvestigate(msg)
    if State(incident.state) not in _MAY_START:
        msg = f"{incident.key} is {incident.state.replace('_', ' ')}: nothing to investigate now"
        raise CannotInvestigate(msg)


def start(*, incident: Incident, by: User, note: str = "") -> Investigation:
    """Queue an investigation because a person asks, or return the one that is live.

    It carries on what people have put forward before, and `note` as guidance. Raises
    `CannotInvestigate`.
    """
    _check(incident)
    require(by, Permission.RESPOND, incident.workspace)
    try:
        with transaction.atomic():
            made = Investigation.objects.create(incident=incident, requested_by=by)
            audit.record("investigation.started", target=made, by=by)
            share.release_one(incident, f"{by.get_username()} asked for one of its own")
            _carry_on(made)
    except IntegrityError:
        made = incident.investigations.get(state__in=Investigation.LIVE)
        if made.cancel_requested_at is not None:
            msg = f"the investigation of {incident.key} is just being cancelled: ask again"
            raise CannotInvestigate(msg) from None
    if note.strip():
        course.append(made, ProgressKind.NOTE, note.strip(), by=by)
    enqueue(Job.INVESTIGATE, incident_id=str(incident.pk))
    return made


@transaction.atomic
def again(*, incident: Incident, since: datetime, why: str) -> Investigation | None:
    """Queue one more, by itself: what was done about the last one has not held.

    None where something has looked into it since, is about to, or the incident is past it.
    """
    shared = incident.shared_investigations.filter(released_at__isnull=True)
    is_known = incident.investigations.filter(created_at__gt=since).exists()
    if is_known or shared.filter(investigation__created_at__gt=since).exists():
        return None
    try:
        _check(incident)
        with transaction.atomic():
            made = Investigation.objects.create(incident=incident)
    except (CannotInvestigate, IntegrityError):
        return None
    audit.record("investigation.started", target=made, reason=why)
    share.release_one(incident, why)
    _carry_on(made)
    enqueue(Job.INVESTIGATE, incident_id=str(incident.pk))
    return made


def _carry_on(made: Investigation) -> None:
    """Hypotheses that people added to the one before are tested again."""
    before = made.incident.investigations.exclude(pk=made.pk).order_by("-created_at").first()
    if before is None:
        return
    for added in InvestigationEvent.objects.filter(
        investigation=before, kind=ProgressKind.HYPOTHESIS_ADDED, author__isnull=False
    ).select_related("author"):
        course.append(
            made, ProgressKind.HYPOTHESIS_ADDED, added.text, payload=added.payload, by=added.author
        )
