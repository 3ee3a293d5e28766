"""Every call to a model is put on record: a row in a hash chain, and its payload under seal."""

import hashlib
import json
import math
from datetime import UTC, datetime, timedelta
from typing import Any

import structlog
from django.conf import settings
from django.db import IntegrityError, transaction

from airra.lib import clock, metrics
from airra.lib.sealed import seal
from analysis.commands.model_budget import MICRO
from analysis.models import Investigation, ModelCall, ModelPayload
from analysis.types import Call, CallStatus, Recorded

log = structlog.get_logger(__name__)
_MAX_TRIES = 50  # parallel calls of one investigation may ask for the same number
_HASHED = (
    "seq", "attempt", "provider", "model", "sdk", "prompt_version", "status", "reason",
    "input_tokens", "output_tokens", "cache_read_tokens", "cache_write_tokens", "cost_microusd",
    "stop_reason", "request_id", "request_sha", "response_sha",
)  # fmt: skip


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


def hash_of(row: ModelCall, previous: str) -> str:
    """SHA-256 over the hash before and what this row says; payloads enter by their digest."""
    body = json.dumps([previous, *(getattr(row, name) for name in _HASHED)])
    return hashlib.sha256(body.encode()).hexdigest()


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
