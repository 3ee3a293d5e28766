"""What an operator may say to an investigation: where to look, and what else it might be."""

from django.contrib.auth.models import User
from django.db import transaction
from django.db.models import F

from airra.lib.db import Conflict
from analysis.commands.investigation import course
from analysis.commands.investigation.start import start
from analysis.models import Investigation, InvestigationEvent
from analysis.types import Mechanism, ProgressKind
from incidents.commands import audit, timeline
from incidents.models import Incident, Service, TimelineEvent
from incidents.permissions import Permission
from incidents.queries.access import require

Kind = TimelineEvent.Kind
_MAX_NOTE = 500


@transaction.atomic
def steer(*, investigation: Investigation, text: str, by: User) -> InvestigationEvent:
    """Give a running investigation a note: guidance, never evidence.

    Raises `Conflict` when it has ended meanwhile, ValueError when the note is empty or too long.
    """
    incident = investigation.incident
    require(by, Permission.RESPOND, incident.workspace)
    said = text.strip()
    if not said or len(said) > _MAX_NOTE:
        msg = f"a note has 1 to {_MAX_NOTE} characters"
        raise ValueError(msg)
    _hold_live(investigation)
    event = course.append(investigation, ProgressKind.NOTE, said, by=by)
    timeline.record(
        incident,
        Kind.NOTE,
        f"steered the investigation: {said}",
        by=by,
        payload={"investigation": str(investigation.pk)},
    )
    audit.record("investigation.steered", target=investigation, by=by, after={"note": said})
    return event


@transaction.atomic
def suggest(
    *, incident: Incident, entity: str, mechanism: Mechanism, statement: str, by: User
) -> Investigation:
    """Add a hypothesis of a person's own; code looks for what speaks for and against it.

    It joins the live investigation, or a new one that carries it. Raises `CannotInvestigate`, and
    ValueError when the service is not known or the statement is empty or too long.
    """
    require(by, Permission.RESPOND, incident.workspace)
    said = statement.strip()
    if not said or len(said) > 300:
        msg = "a hypothesis has 1 to 300 characters"
        raise ValueError(msg)
    known = Service.objects.filter(workspace=incident.workspace, retired_at__isnull=True)
    if not known.filter(name=entity).exists():
        msg = f"there is no service {entity[:120]} here"
        raise ValueError(msg)
    investigation = start(incident=incident, by=by)
    _hold_live(investigation)
    course.append(
        investigation,
        ProgressKind.HYPOTHESIS_ADDED,
        said,
        payload={
            "entity": entity,
            "mechanism": mechanism,
            "statement": said,
            "origin": "human",
            "state": "proposed",
        },
        by=by,
    )
    timeline.record(incident, Kind.HYPOTHESES, f"put forward “{said}” ({entity})", by=by)
    audit.record(
        "hypothesis.suggested",
        target=investigation,
        by=by,
        after={"entity": entity, "mechanism": mechanism, "statement": said},
    )
    return investigation


def _hold_live(investigation: Investigation) -> None:
    """Holds the row until commit, so that it cannot settle in between. Raises `Conflict`."""
    held = Investigation.objects.filter(
        pk=investigation.pk, state__in=Investigation.LIVE, cancel_requested_at__isnull=True
    ).update(last_event=F("last_event"))
    if not held:
        raise Conflict(investigation, "state", Investigation.State.RUNNING)
