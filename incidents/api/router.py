"""Incidents over the API. The one that spans the apps, GET of one incident, is on the roof."""

from typing import Annotated

from django.http import HttpRequest
from ninja import Query, Router, Status

from incidents.api.auth import caller, incident_of, workspace_of
from incidents.api.schemas import (
    Cursor,
    EventOut,
    IncidentIn,
    IncidentList,
    IncidentOut,
    NoteIn,
    ReasonIn,
    ResolveIn,
    Text,
)
from incidents.commands import incident as commands
from incidents.commands import service as services
from incidents.commands import timeline
from incidents.lifecycle import Severity, State
from incidents.models import Incident, TimelineEvent
from incidents.permissions import Permission
from incidents.queries.access import require
from incidents.queries.api_list import incident_page

router = Router(tags=["incidents"])


@router.post("", response={201: IncidentOut, 200: IncidentOut}, summary="Report an incident")
def create(request: HttpRequest, given: IncidentIn) -> Status[Incident]:
    """201 when it is opened; 200 with the live one when the same is reported again."""
    workspace, by = workspace_of(request), caller(request)
    require(by, Permission.RESPOND, workspace)
    name = given.affected_service.strip()
    service = services.ensure(workspace=workspace, name=name) if name else None
    incident, is_new = commands.open_or_join(
        workspace=workspace,
        title=given.title,
        description=given.description,
        severity=given.severity,
        service=service,
        source=Incident.Source.API,
        grouping_key=commands.reported_key(given.title, name),
        metrics_snapshot=given.metrics_snapshot,
        by=by,
    )
    return Status(201 if is_new else 200, incident)


@router.get("", response=IncidentList, summary="Incidents, newest first")
def index(
    request: HttpRequest,
    state: State | None = None,
    severity: Severity | None = None,
    is_predicted: bool | None = None,  # noqa: FBT001 - its name comes from the query string
    service: Text = "",
    cursor: Cursor = "",
    limit: Annotated[int, Query(ge=1, le=200)] = 50,
) -> dict[str, object]:
    items, following = incident_page(
        caller(request),
        workspace_of(request),
        state=state,
        severity=severity,
        is_predicted=is_predicted,
        service=service,
        cursor=cursor,
        limit=limit,
    )
    return {"items": items, "next": following}


@router.get("/{key}/timeline", response=list[EventOut], summary="What happened, oldest first")
def events(request: HttpRequest, key: str) -> list[TimelineEvent]:
    return list(incident_of(request, key).events.order_by("id"))


@router.post(
    "/{key}/acknowledge", response=IncidentOut, summary="Take it on; 409 when somebody was first"
)
def acknowledge(request: HttpRequest, key: str) -> Incident:
    return commands.acknowledge(incident=incident_of(request, key), by=caller(request))


@router.post("/{key}/resolve", response=IncidentOut, summary="End it")
def resolve(request: HttpRequest, key: str, given: ResolveIn) -> Incident:
    return commands.resolve(
        incident=incident_of(request, key), resolution=given.resolution, by=caller(request)
    )


@router.post("/{key}/reopen", response=IncidentOut, summary="Bring a resolved one back")
def reopen(request: HttpRequest, key: str, given: ReasonIn) -> Incident:
    return commands.reopen(
        incident=incident_of(request, key), reason=given.reason, by=caller(request)
    )


@router.post("/{key}/notes", response={201: EventOut}, summary="Add a note to the timeline")
def note(request: HttpRequest, key: str, given: NoteIn) -> Status[TimelineEvent]:
    incident = incident_of(request, key)
    return Status(201, timeline.add_note(incident=incident, text=given.text, by=caller(request)))
