"""What one stored delivery does to the record: its alerts, its changes, what it asks to be done.

Called while the workspace's row is held, so one delivery of a workspace at a time.
"""

import structlog
from django.db import DatabaseError, transaction
from django.db.utils import InterfaceError, OperationalError

from airra.lib import clock, metrics
from airra.lib.db import Conflict, compare_and_set
from airra.lib.jobs import Job, enqueue
from incidents.commands import alert as alerts
from incidents.commands import audit, change, timeline
from incidents.commands.storing import message_of
from incidents.ingest.alerts import Batch, Malformed
from incidents.ingest.reading import read
from incidents.models import Delivery, Incident, TimelineEvent

log = structlog.get_logger(__name__)

State = Delivery.State
MAX_ATTEMPTS = 5


def take(delivery: Delivery) -> None:
    """Turn a delivery into alerts and changes, or say on it why not; other deliveries go on.

    What is wrong with the database itself is raised, for it says nothing about the delivery.
    """
    try:
        with transaction.atomic():
            _take(delivery)
    except Malformed as wrong:  # its mapping was changed after it was stored
        refuse(delivery, wrong)
    except Exception as error:
        if is_of_the_database(error):
            raise
        if isinstance(error, Conflict) and not _is_waiting(delivery):
            return  # another process has taken it
        log.exception("delivery_failed", delivery=str(delivery.pk), attempt=delivery.attempts)
        _note_failure(delivery, f"{type(error).__name__}: {error}")


def read_batch(delivery: Delivery) -> Batch:
    """What it holds, by the mapping of today. Raises `Malformed`."""
    integration = delivery.integration
    return read(integration.kind, message_of(delivery), mapping=integration.mapping)


def _take(delivery: Delivery) -> None:
    batch = read_batch(delivery)
    compare_and_set(
        delivery,
        "state",
        expect=State.STORED,
        to=State.PROCESSED,
        processed_at=clock.now(),
        alerts_read=len(batch.alerts),
        changes_read=len(batch.changes),
        note=batch.note[:200],
        error="",
        error_field="",
    )
    touched = [alerts.take(alert, delivery=delivery) for alert in batch.alerts]
    for new in batch.changes:
        change.store(new, delivery=delivery)
    _tell_left_out(batch, touched, delivery)
    if batch.handshake is not None:
        enqueue(Job.CONFIRM_SUBSCRIPTION, delivery_id=str(delivery.pk))


def refuse(delivery: Delivery, wrong: Malformed) -> None:
    """Keep it, with what was wrong; after a mapping is mended it can be sent or read again."""
    delivery.state = State.REFUSED
    delivery.error_field, delivery.error = wrong.field[:200], str(wrong)
    delivery.save(update_fields=["state", "error_field", "error"])
    count(delivery, "refused")


def give_up(delivery: Delivery, error: str) -> None:
    """The last attempt has failed; what it was is kept, and a person can replay it."""
    delivery.state, delivery.error = State.FAILED, error
    Delivery.objects.filter(pk=delivery.pk, state=State.STORED).update(
        state=State.FAILED, error=error
    )
    count(delivery, "failed")


def _is_waiting(delivery: Delivery) -> bool:
    return Delivery.objects.filter(pk=delivery.pk, state=State.STORED).exists()


def _note_failure(delivery: Delivery, error: str) -> None:
    told = error.encode("utf-8", "replace").decode().replace("\x00", "")[:2000]
    if delivery.attempts >= MAX_ATTEMPTS:
        give_up(delivery, told)
    else:
        Delivery.objects.filter(pk=delivery.pk, state=State.STORED).update(error=told)


def is_of_the_database(error: Exception) -> bool:
    """Whether the database is away, full or busy, rather than the delivery a bad one."""
    if isinstance(error, OperationalError | InterfaceError):
        return True
    return isinstance(error, DatabaseError) and audit.is_unwritable(error)


def _tell_left_out(batch: Batch, touched: list[Incident | None], delivery: Delivery) -> None:
    incident = next((found for found in touched if found is not None), None)
    if batch.left_out and incident is not None:
        timeline.record(
            incident,
            TimelineEvent.Kind.PROBLEM,
            f"left {batch.left_out} more alerts out of a delivery, by its own limit",
            actor=delivery.integration.name,
        )


def count(delivery: Delivery, fate: str) -> None:
    metrics.DELIVERIES.labels(kind=delivery.integration.kind, fate=fate).inc()
