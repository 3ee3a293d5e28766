"""The incident page: one response from three apps' queries, at most fourteen of them."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from weakref import WeakKeyDictionary

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django_htmx.http import ptag

from airra.lib.htmx import render_partial
from airra.pages.context import shell_of
from analysis.models import Investigation
from analysis.queries import forecasts, hypotheses, investigations, signals
from analysis.queries.source_reports import is_about_a_source
from incidents.lifecycle import TRANSITIONS, State
from incidents.models import Incident, TimelineEvent
from incidents.permissions import Permission
from incidents.queries import incident_detail, placements, timeline, topology
from incidents.queries.access import visible_incident
from incidents.queries.related import related
from incidents.views.forms import NoteForm
from remediation.queries import plan as plans
from remediation.queries.say import say_of

# Where a person may ask for an action: nothing else is being decided or done.
MAY_REQUEST = (State.ANALYSING, State.NO_SAFE_ACTION)
LIVE_PLAN = ("proposed", "approved")


def _stage_times(panel: hypotheses.Panel, plan: plans.PlanPanel) -> dict[State, Any]:
    run = panel.investigation
    newest = plan.executions[0].execution if plan.executions else None
    return {
        State.ANALYSING: run.started_at or run.created_at if run else None,
        State.AWAITING_APPROVAL: plan.approval.requested_at if plan.approval else None,
        State.EXECUTING: newest.intent_at if newest else None,
        State.VERIFYING: newest.effect_at if newest else None,
    }


@dataclass(frozen=True)
class Look:
    """What both the polling tag and the page need; looked up once a request."""

    incident: Incident
    runs: Sequence[Investigation]
    plan: plans.PlanPanel
    outlook: forecasts.Outlook | None


_looks: WeakKeyDictionary[HttpRequest, Look] = WeakKeyDictionary()


def _look(request: HttpRequest, key: str) -> Look:
    look = _looks.get(request)
    if look is None:
        incident = visible_incident(request.user, key)
        found = forecasts.outlooks([incident.pk]) if incident.is_predicted else {}
        look = Look(
            incident,
            investigations.of(incident),
            plans.panel(incident),
            found.get(incident.pk),
        )
        _looks[request] = look
    return look


def _context(request: HttpRequest, look: Look) -> dict[str, Any]:
    """Everything the live part shows."""
    incident, plan = look.incident, look.plan
    panel = hypotheses.panel_of(look.runs)
    permissions = shell_of(request).permissions.get(incident.workspace_id, frozenset())
    may_respond = Permission.RESPOND in permissions
    may_suggest = (
        may_respond
        and not is_about_a_source(incident)
        and State.ANALYSING in {State(incident.state), *TRANSITIONS[State(incident.state)]}
    )
    rows = timeline.events_for(incident)
    return {
        "incident": incident,
        "outlook": look.outlook,
        "severity_reason": _severity_reason(rows),
        "stages": incident_detail.strip(incident, _stage_times(panel, plan)),
        "steps": incident_detail.next_steps(incident, permissions),
        "may_respond": may_respond,
        "may_investigate": may_suggest and not panel.is_running,
        "may_suggest": may_suggest,
        "panel": panel,
        "is_awaited": hypotheses.is_awaited(incident) and not is_about_a_source(incident),
        "plan": plan,
        "say": plan.approval and say_of(plan.approval, request.user, permissions),
        "rows": rows,
        "refusals": _refusals(rows),
        "may_request_action": may_respond
        and incident.state in MAY_REQUEST
        and not (plan.plan and plan.plan.state in LIVE_PLAN)
        and not plan.is_asking,
        "topology": topology.around(incident.service, path=panel.path),
        "alerts": placements.of(incident),
        "related": related(incident),
        "ranges": list(signals.RANGES),
        "span": signals.DEFAULT_RANGE,
        "tag": _joined(max((row.id for row in rows), default=0), panel, look),
    }


def _severity_reason(rows: list[timeline.TimelineRow]) -> str:
    """Why it is as severe as it is, as the newest change of it says."""
    found = next((row.text for row in rows if row.kind == TimelineEvent.Kind.SEVERITY), "")
    return found[:1].upper() + found[1:]


def _refusals(rows: list[timeline.TimelineRow]) -> list[str]:
    """Why there is no safe action: the reasons of the newest planning, as it recorded them."""
    for row in rows:
        if row.payload.get("reasons"):
            return [str(reason) for reason in row.payload["reasons"]]
    return []


def _joined(newest_event: int, panel: hypotheses.Panel, look: Look) -> str:
    """The polling tag: a stage, a sample, a forecast moves without a timeline event."""
    foretold = f"_{look.outlook.renewed_at:%H%M%S}" if look.outlook else ""
    return f"{newest_event}_{panel.tag}_{look.plan.tag}{foretold}"


def incident_page(request: HttpRequest, key: str) -> HttpResponse:
    context = _context(request, _look(request, key)) | {"note_form": NoteForm()}
    return render(request, "incidents/detail.html", context)


def _tag(request: HttpRequest, key: str) -> str:
    look = _look(request, key)
    newest = incident_detail.newest_event_id(look.incident)
    return _joined(newest, hypotheses.Panel(next(iter(look.runs), None)), look)


@ptag(_tag)
def incident_live(request: HttpRequest, key: str) -> HttpResponse:
    context = _context(request, _look(request, key)) | {"note_form": NoteForm()}
    return render_partial(request, "incidents/detail.html", "live", context)
