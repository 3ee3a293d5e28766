"""One attempt: claim, gather, reason, settle; or stop, because somebody said so."""

import structlog

from airra.lib import metrics
from airra.lib.db import Conflict
from analysis.commands import topology
from analysis.commands.investigation.attempt import Attempt
from analysis.commands.investigation.heartbeat import beating
from analysis.commands.investigation.lease import claim
from analysis.commands.investigation.scene import context_of
from analysis.commands.investigation.settle import settle
from analysis.commands.investigation.start import consider
from analysis.commands.investigation.stop import end_cancelled, is_too_late, withdraw
from analysis.commands.model_budget import ceilings
from analysis.commands.model_gate import open_gate
from analysis.models import Investigation
from analysis.queries.providers import providers_for
from analysis.reasoning.limits import Limits
from analysis.reasoning.loop import Investigated, investigate
from analysis.reasoning.reasoners.factory import reasoners_for
from analysis.types import Cancelled
from incidents.commands import incident as incidents
from incidents.lifecycle import State
from incidents.models import Incident, TimelineEvent

log = structlog.get_logger(__name__)

Kind = TimelineEvent.Kind


def run_for_incident(*, incident_id: str) -> None:
    """The job: run the live investigation, or begin the first one of its group if it is time."""
    incident = Incident.objects.select_related("workspace", "service").get(pk=incident_id)
    live = incident.investigations.filter(state__in=Investigation.LIVE).first()
    if live is None and not incident.investigations.exists():
        live = consider(incident)
    if live is not None:
        run(investigation_id=str(live.pk))


def run(*, investigation_id: str) -> None:
    """Claim, gather, reason, settle. Nothing happens while somebody else holds the lease."""
    investigation = Investigation.objects.select_related(
        "incident__workspace", "incident__service"
    ).get(pk=investigation_id)
    if is_too_late(investigation):
        withdraw(investigation)
        return
    if not claim(investigation):
        return
    structlog.contextvars.bind_contextvars(incident=investigation.incident.key)
    try:
        with metrics.INVESTIGATION_SECONDS.time():
            _begin(investigation)
            topology.learn_where_stale(investigation.incident.workspace)
            attempt = Attempt(investigation, context_of(investigation.incident))
            with beating(investigation):
                found = _search(investigation, attempt)
            settle(investigation, found, missed=attempt.ear.missed())
    except Cancelled:
        end_cancelled(investigation)
    except Conflict:
        log.info("investigation_overtaken", investigation=investigation_id)
    finally:
        structlog.contextvars.unbind_contextvars("incident")


def _begin(investigation: Investigation) -> None:
    incident = investigation.incident
    if incident.state == State.ANALYSING:
        return
    incidents.move(
        incident=incident,
        to=State.ANALYSING,
        text="started the investigation",
        kind=Kind.ANALYSIS,
        by=investigation.requested_by,
        payload={"investigation": str(investigation.pk)},
    )


def _search(investigation: Investigation, attempt: Attempt) -> Investigated:
    chain = providers_for(investigation.incident.workspace)
    gate, scribe = open_gate(investigation=investigation, ctx=attempt.ctx, chain=chain)
    most = ceilings()
    return investigate(
        attempt.ctx,
        reasoners=reasoners_for(chain, gate),
        outside=scribe.listening(attempt.outside()),
        limits=Limits(turns=most.turns, wall_s=most.wall_s, cost_usd=most.cost_usd),
    )
