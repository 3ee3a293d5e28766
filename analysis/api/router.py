"""Investigations over the API."""

from typing import Any

from django.http import Http404, HttpRequest
from ninja import Router, Schema, Status

from analysis.api.schemas import EvidenceOut, HypothesisOut, InvestigationOut, hypothesis_out
from analysis.commands import investigation as commands
from analysis.models import Investigation
from analysis.queries import hypotheses
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


def detail(investigation: Investigation, panel: hypotheses.Panel) -> dict[str, Any]:
    return {
        **InvestigationOut.from_orm(investigation).dict(),
        "hypotheses": [hypothesis_out(row) for row in panel.hypotheses],
        "evidence": panel.ledger,
    }
