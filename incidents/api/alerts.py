"""Alerts over the API: the list, one with why it stands where it does, and moving it."""

from datetime import datetime
from typing import Any, Literal
from uuid import UUID

from django.http import HttpRequest
from ninja import Field, Query, Router, Schema

from incidents.api.auth import caller, incident_of, workspace_of
from incidents.api.schemas import Text
from incidents.commands import regroup
from incidents.lifecycle import AlertStatus, Severity
from incidents.models import Alert, GroupingDecision, Touch
from incidents.queries import alerts as queries
from incidents.queries import services, touches

router = Router(tags=["alerts"])

View = Literal["live", "flapping", "silenced", "resolved", "all"]
NEW = "new"


class AlertOut(Schema):
    id: UUID
    title: str
    status: AlertStatus
    severity: Severity
    severity_reason: str
    service: str | None
    integration: UUID
    sender: str = Field(description="The name of the integration.")
    dedup_key: str
    labels: dict[str, Any]
    url: str
    starts_at: datetime
    ends_at: datetime | None
    received_at: datetime
    last_seen_at: datetime
    times_seen: int
    is_flapping: bool
    came_late: bool = Field(description="Over when it was first heard of: it woke nobody.")
    silenced_by: UUID | None
    incident: str | None

    @staticmethod
    def resolve_service(alert: Alert) -> str | None:
        return alert.service.name if alert.service else None

    @staticmethod
    def resolve_integration(alert: Alert) -> UUID:
        return alert.integration_id

    @staticmethod
    def resolve_sender(alert: Alert) -> str:
        return alert.integration.name

    @staticmethod
    def resolve_silenced_by(alert: Alert) -> UUID | None:
        return alert.silenced_by_id

    @staticmethod
    def resolve_incident(alert: Alert) -> str | None:
        return alert.incident.key if alert.incident else None


class AlertList(Schema):
    items: list[AlertOut]
    next: UUID | None = Field(description="Send it as `cursor` for the page after this one.")


class EpisodeOut(Schema):
    """The same alert, at another time it fired."""

    id: UUID
    status: AlertStatus
    severity: Severity
    starts_at: datetime
    ends_at: datetime | None
    incident: str | None

    @staticmethod
    def resolve_incident(alert: Alert) -> str | None:
        return alert.incident.key if alert.incident else None


class DecisionOut(Schema):
    """Why it was put where it is, or kept out."""

    at: datetime
    means: GroupingDecision.Means
    reason: str
    incident: str | None
    moved_from: str | None
    rule: UUID | None
    score: float | None
    threshold: float | None
    by: str | None

    @staticmethod
    def resolve_incident(decision: GroupingDecision) -> str | None:
        return decision.incident.key if decision.incident else None

    @staticmethod
    def resolve_moved_from(decision: GroupingDecision) -> str | None:
        return decision.moved_from.key if decision.moved_from else None

    @staticmethod
    def resolve_rule(decision: GroupingDecision) -> UUID | None:
        return decision.rule_id

    @staticmethod
    def resolve_by(decision: GroupingDecision) -> str | None:
        return decision.by.get_username() if decision.by else None


class ToldOut(Schema):
    """One delivery that told of it, and what that did."""

    delivery: UUID
    at: datetime = Field(description="When it was true, by its sender's clock if that tells.")
    received_at: datetime
    did: Touch.Did
    detail: str
    status: AlertStatus

    @staticmethod
    def resolve_delivery(touch: Touch) -> UUID:
        return touch.delivery_id

    @staticmethod
    def resolve_received_at(touch: Touch) -> datetime:
        return touch.delivery.received_at


class AlertDetail(AlertOut):
    description: str
    annotations: dict[str, Any]
    decisions: list[DecisionOut] = Field(description="The newest last.")
    episodes: list[EpisodeOut] = Field(description="The newest 20, itself among them.")
    told_by: list[ToldOut] = Field(description="The newest 20 words, the newest first.")

    @staticmethod
    def resolve_decisions(alert: Alert) -> list[GroupingDecision]:
        return queries.decisions_of(alert)

    @staticmethod
    def resolve_episodes(alert: Alert) -> list[Alert]:
        return queries.episodes_of(alert)

    @staticmethod
    def resolve_told_by(alert: Alert) -> list[Touch]:
        return touches.of_alert(alert)


class AlertsAsked(Schema):
    """What the list is narrowed to."""

    view: View = "all"
    status: AlertStatus | None = None
    severity: Severity | None = None
    service: Text = Field("", description="Its name.")
    integration: UUID | None = None
    q: Text = Field(
        "",
        max_length=100,
        description="`region=eu-1` asks for a label; other words for the title or the service.",
    )
    cursor: UUID | None = None
    limit: int = Field(50, ge=1, le=200)


class MoveIn(Schema):
    to: Text = Field(
        min_length=1, max_length=20, description="The key of a live incident, or `new`."
    )
    reason: Text = Field("", max_length=200, description="AIRRA learns from the move itself.")


@router.get("", response=AlertList, summary="Alerts, newest first")
def index(request: HttpRequest, given: Query[AlertsAsked]) -> dict[str, Any]:
    about = given.service and services.named(workspace_of(request), given.service, or_retired=True)
    if about is None:
        return {"items": [], "next": None}
    filters = queries.AlertFilters(
        view=given.view,
        q=given.q,
        status=given.status or "",
        severity=given.severity or "",
        service=str(about.pk) if about else "",
        integration=str(given.integration or ""),
    )
    found = queries.page(
        filters,
        caller(request),
        before=given.cursor.hex if given.cursor else "",
        limit=given.limit,
        workspace=workspace_of(request),
    )
    return {"items": found.rows, "next": found.next_cursor or None}


@router.get("/{alert_id}", response=AlertDetail, summary="One alert, and why it stands there")
def one(request: HttpRequest, alert_id: UUID) -> Alert:
    return queries.visible_alert(caller(request), alert_id, workspace=workspace_of(request))


@router.post("/{alert_id}/move", response=AlertDetail, summary="Put it into another incident")
def move(request: HttpRequest, alert_id: UUID, given: MoveIn) -> Alert:
    """Into the live incident named, or into a `new` one of its own. AIRRA learns from it."""
    alert, by = one(request, alert_id), caller(request)
    if given.to.lower() == NEW:
        regroup.split(alert=alert, by=by, reason=given.reason)
    else:
        regroup.move(alert=alert, to=incident_of(request, given.to), by=by, reason=given.reason)
    return one(request, alert_id)
