"""One attempt: claim, gather, reason, settle."""

from collections.abc import Mapping
from typing import Any

import structlog
from django.conf import settings

from airra.lib import metrics
from airra.lib.db import Conflict
from analysis.commands import topology
from analysis.commands.collect import Tools
from analysis.commands.investigation.lease import claim, still_ours
from analysis.commands.investigation.ledger import Recorder
from analysis.commands.investigation.scene import context_of
from analysis.commands.investigation.settle import settle
from analysis.commands.investigation.start import CannotInvestigate, start
from analysis.models import Investigation
from analysis.reasoning.loop import Investigated, investigate
from analysis.reasoning.reasoners.factory import reasoners_for
from analysis.reasoning.scene import suspects
from analysis.types import LedgerEntry
from incidents.commands import incident as incidents
from incidents.lifecycle import State
from incidents.models import Incident, TimelineEvent

log = structlog.get_logger(__name__)

Kind = TimelineEvent.Kind


def run_for_incident(*, incident_id: str) -> None:
    """The job: run the live investigation, or the first one of a fresh incident."""
    incident = Incident.objects.select_related("workspace", "service").get(pk=incident_id)
    live = incident.investigations.filter(state__in=Investigation.LIVE).first()
    if live is None and not incident.investigations.exists():
        try:
            live = start(incident=incident)
        except CannotInvestigate:
            return
    if live is not None:
        run(investigation_id=str(live.pk))


def run(*, investigation_id: str) -> None:
    """Claim, gather, reason, settle. Nothing happens while somebody else holds the lease."""
    investigation = Investigation.objects.select_related(
        "incident__workspace", "incident__service"
    ).get(pk=investigation_id)
    if not claim(investigation):
        return
    structlog.contextvars.bind_contextvars(incident=investigation.incident.key)
    try:
        with metrics.INVESTIGATION_SECONDS.time():
            _begin(investigation)
            found = _search(investigation)
            settle(investigation, found)
    except Conflict:
        log.info("investigation_overtaken", investigation=investigation_id)
    finally:
        structlog.contextvars.unbind_contextvars("incident")


def _begin(investigation: Investigation) -> None:
    incident = investigation.incident
    if incident.state == State.ANALYSING:
        return
    by = investigation.requested_by
    incidents.move(
        incident=incident,
        to=State.ANALYSING,
        text="started the investigation",
        kind=Kind.ANALYSIS,
        by=by,
        payload={"investigation": str(investigation.pk)},
    )


def _search(investigation: Investigation) -> Investigated:
    incident = investigation.incident
    topology.learn_where_stale(incident.workspace)
    ctx = context_of(incident)
    tools = Tools(incident.workspace, ctx)
    recorder = Recorder(investigation)

    def run_tool(name: str, arguments: Mapping[str, Any]) -> LedgerEntry:
        return recorder.store(tools.run(name, arguments))

    return investigate(
        ctx,
        reasoners=reasoners_for(
            api_key=settings.ANTHROPIC_API_KEY,
            base_url=settings.ANTHROPIC_BASE_URL,
            model=settings.ANTHROPIC_MODEL,
            effort=settings.ANTHROPIC_EFFORT,
            max_turns=settings.ANTHROPIC_MAX_TURNS,
        ),
        suspects=suspects,
        run_tool=run_tool,
        on_stage=lambda stage: still_ours(investigation, stage=stage),
    )
