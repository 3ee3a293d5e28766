"""The audit record: written inside every other command, in the same transaction."""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from django.contrib.auth.models import AbstractBaseUser
from django.db.models import Model
from structlog.contextvars import get_contextvars

from incidents.models import AuditEvent


def _workspace_of(target: Model) -> UUID | None:
    workspace_id = getattr(target, "workspace_id", None)
    if workspace_id is None and hasattr(target, "incident"):
        workspace_id = target.incident.workspace_id
    return workspace_id


def record(
    kind: str,
    *,
    target: Model,
    by: AbstractBaseUser | None = None,
    actor: str = "AIRRA",
    before: Mapping[str, Any] | None = None,
    after: Mapping[str, Any] | None = None,
    reason: str = "",
    workspace_id: UUID | None = None,
) -> AuditEvent:
    """Append one row. Who comes from `by`, else `actor`; where from the bound request."""
    bound = get_contextvars()
    return AuditEvent.objects.create(
        workspace_id=workspace_id or _workspace_of(target),
        actor_id=str(by.pk) if by else "",
        actor=by.get_username() if by else actor,
        kind=kind,
        target_type=target._meta.model_name or "",
        target_id=str(target.pk),
        target=str(target)[:200],
        before=dict(before or {}),
        after=dict(after or {}),
        reason=reason,
        origin=str(bound.get("origin", "")),
        request_id=str(bound.get("request_id", "")),
    )
