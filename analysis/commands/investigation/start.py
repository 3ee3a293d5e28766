"""An investigation begins: because an incident was opened, or because a person asks."""

from datetime import timedelta

from django.contrib.auth.models import User
from django.db import IntegrityError, transaction

from airra.lib import clock
from airra.lib.jobs import Job, enqueue
from analysis.models import Investigation
from analysis.queries import source_reports
from incidents.commands import audit
from incidents.lifecycle import TRANSITIONS, State
from incidents.models import Incident
from incidents.permissions import Permission
from incidents.queries.access import require

# Rates are averaged over half a minute: sooner, causes that show late look as if they were well.
SIGNALS_SETTLE = timedelta(seconds=45)
_MAY_START = frozenset(s for s, after in TRANSITIONS.items() if State.ANALYSING in after) | {
    State.ANALYSING
}


class CannotInvestigate(Exception):
    """The incident is past it; the message says why."""


def start(*, incident: Incident, by: User | None = None) -> Investigation:
    """Queue an investigation, or return the one that is live. Raises `CannotInvestigate`.

    One that nobody asked for waits until the signals of the trouble have had time to show.
    """
    if source_reports.is_about_a_source(incident):
        msg = f"{incident.key} is about a source that AIRRA cannot read: mend the connection"
        raise CannotInvestigate(msg)
    wait_until = None
    if by is not None:
        require(by, Permission.RESPOND, incident.workspace)
    elif incident.started_at + SIGNALS_SETTLE > clock.now():
        wait_until = incident.started_at + SIGNALS_SETTLE
    if State(incident.state) not in _MAY_START:
        msg = f"{incident.key} is {incident.state.replace('_', ' ')}: nothing to investigate now"
        raise CannotInvestigate(msg)
    try:
        with transaction.atomic():
            made = Investigation.objects.create(
                incident=incident,
                requested_by=by,
                lease_until=wait_until,
                stage="Letting the signals settle" if wait_until else "",
            )
            audit.record("investigation.started", target=made, by=by)
    except IntegrityError:
        made = incident.investigations.get(state__in=Investigation.LIVE)
        if by is not None:  # a person does not wait
            Investigation.objects.filter(pk=made.pk, state=Investigation.State.QUEUED).update(
                lease_until=None
            )
    enqueue(Job.INVESTIGATE, incident_id=str(incident.pk))
    return made
