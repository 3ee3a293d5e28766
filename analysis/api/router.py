"""Investigations over the API."""

from typing import Any

from django.http import Http404, HttpRequest
from ninja import Router, Schema, Status

from analysis.api.schemas import (
    EvidenceOut,
    HypothesisIn,
    HypothesisOut,
    InvestigationOut,
    SteerIn,
    StepOut,
    hypothesis_out,
)
from analysis.commands import investigation as commands
from analysis.models import Investigation, InvestigationEvent
from analysis.queries import hypotheses, investigations
from incidents.api.auth import caller, incident_of

router = Router(tags=["investigations"])


class InvestigationDetail(InvestigationOut):
    hypotheses: list[HypothesisOut]
    evidence: list[EvidenceOut]


class Started(Schema):
    incident: str
    investigation: InvestigationOut


@router.post("/{key}/analyze", response={202: Started}, summary="Look for the cause")
def analyze(request: HttpRequest, key: str) -> Status[dict[str, Any]]:
    """Starts an investigation, or returns the one that is running. Poll `…/investigation`."""
    incident = incident_of(request, key)
    started = commands.start(incident=incident, by=caller(request))
    return Status(202, {"incident": incident.key, "investigation": started})


@router.get("/{key}/investigation", response=InvestigationDetail, summary="The newest one")
def newest(request: HttpRequest, key: str) -> dict[str, Any]:
    panel = hypotheses.panel(incident_of(request, key))
    if panel.investigation is None:
        msg = "nothing has been investigated yet: POST …/analyze starts it"
        raise Http404(msg)
    return detail(panel.investigation, panel)


@router.get("/{key}/investigation/events", response=list[StepOut], summary="How it goes")
def events(request: HttpRequest, key: str, after: int = 0) -> list[InvestigationEvent]:
    """The steps of the newest investigation, oldest first; `after` is the last `seq` you saw."""
    found = _newest(request, key).events.filter(seq__gt=after)
    return list(found.select_related("author").order_by("seq")[:500])


@router.post("/{key}/investigation/notes", response={201: StepOut}, summary="Steer it")
def steer(request: HttpRequest, key: str, given: SteerIn) -> Status[InvestigationEvent]:
    """A hint where to look. It guides and is never evidence; 409 when the investigation is over."""
    run = _newest(request, key)
    return Status(201, commands.steer(investigation=run, text=given.text, by=caller(request)))


@router.post("/{key}/investigation/cancel", response=InvestigationOut, summary="Stop it")
def cancel(request: HttpRequest, key: str) -> Investigation:
    """It stops before its next step, and what was gathered stays; 409 when it is over."""
    return commands.cancel(investigation=_newest(request, key), by=caller(request))


@router.post("/{key}/hypotheses", response={202: Started}, summary="Put a hypothesis to the test")
def suggest(request: HttpRequest, key: str, given: HypothesisIn) -> Status[dict[str, Any]]:
    """Joins the investigation that runs, or starts one. Code finds what speaks for and against."""
    incident = incident_of(request, key)
    started = commands.suggest(
        incident=incident,
        entity=given.service,
        mechanism=given.mechanism,
        statement=given.statement,
        by=caller(request),
    )
    return Status(202, {"incident": incident.key, "investigation": started})


def _newest(request: HttpRequest, key: str) -> Investigation:
    runs = investigations.of(incident_of(request, key))
    if not runs:
        msg = "nothing has been investigated yet: POST …/analyze starts it"
        raise Http404(msg)
    return runs[0]


def detail(investigation: Investigation, panel: hypotheses.Panel) -> dict[str, Any]:
    return {
        **InvestigationOut.from_orm(investigation).dict(),
        "hypotheses": [hypothesis_out(row) for row in panel.hypotheses],
        "evidence": panel.ledger,
    }
