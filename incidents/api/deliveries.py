"""Deliveries over the API: what came, what became of it, read again or set aside."""

from datetime import datetime
from typing import Any, Literal
from uuid import UUID

from django.http import HttpRequest
from ninja import Field, Query, Router, Schema, Status
from ninja.errors import HttpError

from incidents.api.auth import caller, workspace_of
from incidents.api.schemas import Text
from incidents.commands import delivery as commands
from incidents.commands import setting_aside, trial
from incidents.commands.proving import sent_headers
from incidents.lifecycle import AlertStatus, Severity
from incidents.models import ChangeEvent, Delivery, Touch
from incidents.permissions import Permission
from incidents.queries import deliveries as queries
from incidents.queries import touches
from incidents.queries.access import may, require

router = Router(tags=["deliveries"])

Outcome = Literal["not_read", "set_aside", "stored", "processed", "refused", "untrusted", "failed"]
_SHOWN = (
    "id", "state", "received_at", "processed_at", "error", "error_field", "note", "repeats",
    "alerts_read", "changes_read", "replayed_at", "set_aside_at", "body_dropped_at",
)  # fmt: skip


class DeliveryOut(Schema):
    id: UUID
    integration: UUID
    sender: str = Field(description="The name of the integration.")
    state: Delivery.State
    received_at: datetime
    processed_at: datetime | None
    error: str = Field(description="Why it was not read.")
    error_field: str = Field(description="Which field of its body that is about.")
    note: str = Field(description="Why it holds nothing.")
    repeats: int
    alerts_read: int
    changes_read: int
    replayed_at: datetime | None
    set_aside_at: datetime | None
    body_dropped_at: datetime | None = Field(description="Its keeping time was over.")
    incidents: list[str] = Field(description="Those its alerts are in.")


class DeliveryList(Schema):
    items: list[DeliveryOut]
    next: UUID | None = Field(description="Send it as `cursor` for the page after this one.")


class BodyOut(Schema):
    text: str
    size: int = Field(description="In bytes, of all of it.")
    is_cut: bool
    is_json: bool


class TouchedOut(Schema):
    """An alert it told of, what that did, and where the alert stands now."""

    alert: UUID
    title: str
    did: Touch.Did
    detail: str
    status: AlertStatus
    severity: Severity
    incident: str | None

    @staticmethod
    def resolve_alert(touch: Touch) -> UUID:
        return touch.alert_id

    @staticmethod
    def resolve_title(touch: Touch) -> str:
        return touch.alert.title

    @staticmethod
    def resolve_status(touch: Touch) -> str:
        return touch.alert.status

    @staticmethod
    def resolve_severity(touch: Touch) -> str:
        return touch.alert.severity

    @staticmethod
    def resolve_incident(touch: Touch) -> str | None:
        return touch.alert.incident.key if touch.alert.incident else None


class ChangeOut(Schema):
    id: UUID
    at: datetime
    kind: str
    title: str
    service: str | None

    @staticmethod
    def resolve_service(change: ChangeEvent) -> str | None:
        return change.service.name if change.service else None


class DeliveryDetail(DeliveryOut):
    is_test: bool
    content_type: str
    remote: str
    replayed_by: str | None
    set_aside_by: str | None
    why_not_replayed: str = Field(description="Empty when it can be read again.")
    may_be_set_aside: bool
    alerts: list[TouchedOut] = Field(description="The first hundred.")
    changes: list[ChangeOut] = Field(description="The first hundred.")
    body: BodyOut | None = Field(description="Null once dropped, and for who may not respond.")
    headers: dict[str, str] = Field(
        description="Those that its format gives meaning to, never a token; empty like `body`."
    )


class DeliveriesAsked(Schema):
    """What the list is narrowed to."""

    integration: UUID | None = None
    state: Outcome | None = Field(None, description="`not_read` is what asks for somebody.")
    q: Text = Field("", max_length=100, description="In what was wrong, of the newest 5,000.")
    cursor: UUID | None = None
    limit: int = Field(50, ge=1, le=200)


@router.get("", response=DeliveryList, summary="Deliveries, newest first")
def index(request: HttpRequest, given: Query[DeliveriesAsked]) -> dict[str, Any]:
    filters = queries.DeliveryFilters(
        integration=str(given.integration or ""), state=given.state or "", q=given.q
    )
    found = queries.page(
        filters,
        caller(request),
        before=given.cursor.hex if given.cursor else "",
        limit=given.limit,
        workspace=workspace_of(request),
    )
    items = [_told(row.delivery, [each.key for each in row.incidents]) for row in found.rows]
    return {"items": items, "next": found.next_cursor or None}


@router.get("/{delivery_id}", response=DeliveryDetail, summary="One, and what became of it")
def one(request: HttpRequest, delivery_id: UUID) -> dict[str, Any]:
    """The facts for everybody here; body and headers for who may respond."""
    found = _found(request, delivery_id)
    did = touches.of_delivery(found)
    may_read = may(caller(request), Permission.RESPOND, found.integration.workspace)
    is_kept = found.body_dropped_at is None
    homes = dict.fromkeys(each.alert.incident.key for each in did if each.alert.incident)
    return {
        **_told(found, list(homes)),
        "is_test": queries.is_test(found),
        "content_type": found.content_type,
        "remote": found.remote,
        "replayed_by": found.replayed_by and found.replayed_by.get_username(),
        "set_aside_by": found.set_aside_by and found.set_aside_by.get_username(),
        "why_not_replayed": queries.why_not_replayed(found),
        "may_be_set_aside": queries.is_asking(found),
        "alerts": did,
        "changes": queries.changes_of(found),
        "body": queries.body_of(found) if may_read and is_kept else None,
        "headers": sent_headers(found) if may_read else {},
    }


@router.post("/{delivery_id}/replay", response=DeliveryDetail, summary="Read it again")
def replay(request: HttpRequest, delivery_id: UUID) -> dict[str, Any]:
    """With the mapping of today. `state` is `refused` when it still cannot be read."""
    commands.replay(delivery=_found(request, delivery_id), by=caller(request))
    return one(request, delivery_id)


@router.post("/{delivery_id}/set-aside", response=DeliveryDetail, summary="Nobody need read it")
def set_aside(request: HttpRequest, delivery_id: UUID) -> dict[str, Any]:
    """It is kept as long as any, and may still be replayed. 409 when it asks nobody."""
    if not setting_aside.set_aside(delivery=_found(request, delivery_id), by=caller(request)):
        raise HttpError(409, "it asks nobody: it was read, waits, or was set aside")
    return one(request, delivery_id)


@router.post(
    "/{delivery_id}/end-test", response={202: DeliveryDetail}, summary="Send the end of a test"
)
def end_test(request: HttpRequest, delivery_id: UUID) -> Status[dict[str, Any]]:
    """Answers the delivery of the end; 409 when this one is no test."""
    found = _found(request, delivery_id)
    require(caller(request), Permission.RESPOND, found.integration.workspace)
    receipt = trial.end(fired=found, by=caller(request))
    return Status(202, one(request, receipt.delivery.pk))


def _found(request: HttpRequest, delivery_id: UUID) -> Delivery:
    return queries.visible_delivery(caller(request), delivery_id, workspace=workspace_of(request))


def _told(found: Delivery, incidents: list[str]) -> dict[str, Any]:
    return {
        **{name: getattr(found, name) for name in _SHOWN},
        "integration": found.integration_id,
        "sender": found.integration.name,
        "incidents": incidents,
    }
