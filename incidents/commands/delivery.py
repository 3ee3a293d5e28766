"""A webhook body: stored first, judged second, and turned into alerts by a job.

A body that is malformed is answered with what was wrong and kept; a job that dies leaves it STORED,
and the sweep wakes it again.
"""

import hashlib
from dataclasses import dataclass
from datetime import timedelta

from django.contrib.auth.models import User
from django.db import IntegrityError, transaction
from django.db.models import F

from airra.lib import clock, heartbeat, metrics
from airra.lib.db import Conflict, compare_and_set
from airra.lib.jobs import Job, enqueue
from incidents.commands import alert as alerts
from incidents.commands import audit, timeline
from incidents.ingest.alerts import Batch, Malformed, Message
from incidents.ingest.reading import read
from incidents.models import Delivery, Incident, Integration, TimelineEvent, Workspace
from incidents.permissions import Permission
from incidents.queries.access import require

_LOST_AFTER = timedelta(seconds=5)


@dataclass(frozen=True)
class Receipt:
    """What became of a body. `malformed` says what was wrong; the delivery is kept all the same."""

    delivery: Delivery
    is_repeat: bool = False
    malformed: Malformed | None = None


def receive(
    *, integration: Integration, body: bytes, content_type: str = "", idempotency_key: str = ""
) -> Receipt:
    """Store a body, then judge it, then wake the job that reads its alerts."""
    identity = _identity(integration, body, idempotency_key)
    delivery, is_new = _store(integration, identity, body, content_type)
    if not is_new:
        Delivery.objects.filter(pk=delivery.pk).update(repeats=F("repeats") + 1)
    if is_new or delivery.state == Delivery.State.REFUSED:
        try:
            _read(delivery)
        except Malformed as wrong:
            _refuse(delivery, wrong)
            _count(integration, "refused")
            return Receipt(delivery, is_repeat=not is_new, malformed=wrong)
        _accept(delivery)
    _count(integration, "accepted" if is_new else "repeated")
    if delivery.state == Delivery.State.STORED:
        enqueue(Job.PROCESS_DELIVERY, delivery_id=str(delivery.pk))
    return Receipt(delivery, is_repeat=not is_new)


class CannotReplay(Exception):
    """This delivery cannot be read again; the message says why."""


def replay(*, delivery: Delivery, by: User) -> Receipt:
    """Read a refused or failed delivery again, with the mapping of today. Raises `CannotReplay`."""
    require(by, Permission.RESPOND, delivery.integration.workspace)
    if delivery.state not in {Delivery.State.REFUSED, Delivery.State.FAILED}:
        msg = f"it is {delivery.get_state_display().lower()}: there is nothing to read again"
        raise CannotReplay(msg)
    with transaction.atomic():
        compare_and_set(
            delivery,
            "state",
            expect=delivery.state,
            to=Delivery.State.STORED,
            replayed_at=clock.now(),
            replayed_by=by,
            error="",
            error_field="",
        )
        audit.record("delivery.replayed", target=delivery, by=by)
    try:
        _read(delivery)
    except Malformed as wrong:
        _refuse(delivery, wrong)
        return Receipt(delivery, malformed=wrong)
    enqueue(Job.PROCESS_DELIVERY, delivery_id=str(delivery.pk))
    return Receipt(delivery)


@dataclass(frozen=True)
class Replayed:
    """How many refused deliveries could be read at last, and how many still cannot."""

    read: int
    refused: int


def replay_all_refused(*, integration: Integration, by: User) -> Replayed:
    """Read every refused delivery of a sender again, the oldest first, at most 500 at a time."""
    refused = integration.deliveries.filter(state=Delivery.State.REFUSED)
    oldest = refused.select_related("integration__workspace").order_by("received_at", "id")[:500]
    receipts = [replay(delivery=delivery, by=by) for delivery in oldest]
    good = sum(receipt.malformed is None for receipt in receipts)
    return Replayed(good, len(receipts) - good)


def process(*, delivery_id: str) -> None:
    """Turn a stored delivery into alerts, once, however often it is called."""
    delivery = Delivery.objects.select_related("integration__workspace").get(pk=delivery_id)
    try:
        with transaction.atomic():
            _take_turn(delivery.integration.workspace)
            compare_and_set(
                delivery,
                "state",
                expect=Delivery.State.STORED,
                to=Delivery.State.PROCESSED,
                processed_at=clock.now(),
            )
            batch = _read(delivery)
            touched = [alerts.take(alert, delivery=delivery) for alert in batch.alerts]
            _tell_left_out(batch, touched, delivery)
    except Conflict:
        return
    except Malformed as wrong:  # its mapping was changed after it was stored
        _refuse(delivery, wrong)


def sweep() -> None:
    """Wake deliveries whose message was lost; end what its alerts left quiet."""
    late = clock.now() - _LOST_AFTER
    waiting = Delivery.objects.filter(state=Delivery.State.STORED, received_at__lte=late)
    for pk in waiting.order_by("received_at").values_list("pk", flat=True)[:500]:
        enqueue(Job.PROCESS_DELIVERY, delivery_id=str(pk))
    alerts.settle_quiet()
    heartbeat.beat("incidents")


def _identity(integration: Integration, body: bytes, key: str) -> str:
    """What makes two deliveries the same: the sender's key, or the body.

    A generic body need not hold a time: the same words mean something new once the sender has said
    something else in between (it fired, cleared, and fires again).
    """
    if key:
        return hashlib.sha256(b"key:" + key.encode()).hexdigest()
    if integration.kind == Integration.Kind.GENERIC:
        newest = integration.deliveries.order_by("-received_at", "-id").first()
        if newest is not None and bytes(newest.body) == body:
            return newest.identity
        before = newest.pk.bytes if newest else b""
        return hashlib.sha256(body + before).hexdigest()
    return hashlib.sha256(body).hexdigest()


@transaction.atomic
def _store(
    integration: Integration, identity: str, body: bytes, content_type: str
) -> tuple[Delivery, bool]:
    """The row of this delivery, committed on return; the flag says whether it is new."""
    Integration.objects.filter(pk=integration.pk).update(last_seen_at=clock.now())
    known = Delivery.objects.filter(integration=integration, identity=identity).first()
    if known is not None:
        return known, False
    try:
        with transaction.atomic():
            made = Delivery.objects.create(
                integration=integration,
                identity=identity,
                body=body,
                content_type=content_type[:100],
                received_at=clock.now(),
            )
    except IntegrityError:  # the same delivery, on another thread at this very moment
        return Delivery.objects.get(integration=integration, identity=identity), False
    return made, True


def _read(delivery: Delivery) -> Batch:
    message = Message(
        body=bytes(delivery.body),
        received_at=delivery.received_at,
        headers=delivery.headers,
        content_type=delivery.content_type,
        channel=delivery.channel,
    )
    return read(delivery.integration.kind, message, mapping=delivery.integration.mapping)


def _refuse(delivery: Delivery, wrong: Malformed) -> None:
    """Keep it, with what was wrong; after a mapping is mended it can be sent or read again."""
    delivery.state = Delivery.State.REFUSED
    delivery.error_field, delivery.error = wrong.field[:200], str(wrong)
    delivery.save(update_fields=["state", "error_field", "error"])


def _accept(delivery: Delivery) -> None:
    """Let in what was refused until its mapping was mended; nothing to do for a fresh one."""
    fresh = {"state": Delivery.State.STORED, "error_field": "", "error": ""}
    if Delivery.objects.filter(pk=delivery.pk, state=Delivery.State.REFUSED).update(**fresh):
        delivery.state = Delivery.State.STORED


def _take_turn(workspace: Workspace) -> None:
    """One delivery of a workspace at a time: the UPDATE holds the row until commit."""
    Workspace.objects.filter(pk=workspace.pk).update(name=F("name"))


def _tell_left_out(batch: Batch, touched: list[Incident | None], delivery: Delivery) -> None:
    incident = next((found for found in touched if found is not None), None)
    if batch.left_out and incident is not None:
        timeline.record(
            incident,
            TimelineEvent.Kind.PROBLEM,
            f"left {batch.left_out} more alerts out of a delivery, by its own limit",
            actor=delivery.integration.name,
        )


def _count(integration: Integration, fate: str) -> None:
    metrics.DELIVERIES.labels(kind=integration.kind, fate=fate).inc()
