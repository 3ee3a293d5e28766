"""Every call to a model is put on record: a row in a hash chain, and its payload under seal."""

import hashlib
import math
from datetime import UTC, datetime, timedelta
from typing import Any

import structlog
from django.conf import settings
from django.contrib.auth.models import User
from django.db import IntegrityError, transaction

from airra.lib import clock, metrics
from airra.lib.sealed import seal, unseal
from analysis.commands.model_budget import MICRO
from analysis.models import Investigation, ModelCall, ModelPayload
from analysis.queries.model_calls import hash_of
from analysis.types import Call, CallStatus, Recorded
from incidents.commands import audit
from incidents.permissions import Permission
from incidents.queries.access import require

log = structlog.get_logger(__name__)
_MAX_TRIES = 50  # parallel calls of one investigation may ask for the same number


def record(*, investigation: Investigation, call: Call) -> ModelCall:
    """Append one call. A blocked one has no payload: what it held must not be kept either."""
    for left in reversed(range(_MAX_TRIES)):
        try:
            with transaction.atomic():
                row = _append(investigation, call)
        except IntegrityError:
            if not left:
                raise
        else:
            _count(call)
            return row
    raise AssertionError


def read_payload(*, call: ModelCall, by: User) -> Recorded | None:
    """Exactly what left and what came back; None once it is deleted. Who read it is on record.

    Raises `CannotUnseal` when it was sealed with another key.
    """
    require(by, Permission.VIEW_LLM_PAYLOAD, call.investigation.incident.workspace)
    payload = ModelPayload.objects.filter(call=call).first()
    if payload is None:
        return None
    recorded = Recorded(
        payload.method,
        payload.path,
        unseal(payload.request),
        payload.http_status,
        payload.headers,
        unseal(payload.response),
        payload.error,
    )
    workspace_id = call.investigation.incident.workspace_id
    audit.record("model_payload.read", target=call, by=by, workspace_id=workspace_id)
    return recorded


def prune(now: datetime | None = None) -> int:
    """Delete payloads whose time is over; the chain stands. Returns how many."""
    gone, _ = ModelPayload.objects.filter(kept_until__lte=now or clock.now()).delete()
    if gone:
        log.info("model_payloads_deleted", count=gone)
    return gone


def _append(investigation: Investigation, call: Call) -> ModelCall:
    last = investigation.model_calls.order_by("-seq").values_list("seq", "hash").first()
    number, previous = last or (0, "")
    recorded = call.recorded
    row = ModelCall(
        investigation=investigation,
        attempt=investigation.attempts,
        seq=number + 1,
        prev_hash=previous,
        at=datetime.fromtimestamp(call.started_at, UTC),
        **_said(call),
    )
    if recorded is not None:
        row.response_sha = hashlib.sha256(recorded.response).hexdigest()
        row.request_bytes, row.response_bytes = len(recorded.request), len(recorded.response)
    row.hash = hash_of(row, previous)
    row.save(force_insert=True)
    if recorded is not None:
        _keep(row, recorded)
    return row


def _said(call: Call) -> dict[str, Any]:
    return {
        "provider": call.provider[:60],
        "model": call.model[:100],
        "sdk": call.sdk[:60],
        "prompt_version": call.prompt_version[:20],
        "latency_ms": call.latency_ms,
        "status": call.status.value,
        "reason": call.reason[:500],
        "cost_microusd": math.ceil(call.cost_usd * MICRO),
        "is_priced": call.is_priced,
        "stop_reason": call.stop_reason[:60],
        "request_id": call.request_id[:100],
        "request_sha": call.request_sha,
        **call.tokens.to_json(),
    }


def _keep(row: ModelCall, recorded: Recorded) -> None:
    ModelPayload.objects.create(
        call=row,
        method=recorded.method,
        path=recorded.path[:300],
        http_status=recorded.status,
        headers=dict(recorded.headers),
        request=seal(recorded.request),
        response=seal(recorded.response),
        error=recorded.error[:500],
        kept_until=clock.now() + timedelta(days=settings.MODEL_PAYLOAD_DAYS),
    )


def _count(call: Call) -> None:
    metrics.MODEL_CALLS.labels(model=call.model, status=call.status).inc()
    if call.status in {CallStatus.BLOCKED, CallStatus.REPLAYED}:
        return
    metrics.MODEL_DOLLARS.labels(model=call.model).inc(call.cost_usd)
    for name, number in call.tokens.to_json().items():
        direction = name.removesuffix("_tokens")
        metrics.MODEL_TOKENS.labels(model=call.model, direction=direction).inc(number)
