"""What stored deliveries do to the record: their alerts, their changes, what they ask to be done.

Called while the workspace's turn is held. Deliveries that come at once are taken together, with few
statements for all of them. If anything stands in the way, none of that holds, and each is taken on
its own: what is wrong with one is told on that one, and the others go on.
"""

from collections import defaultdict
from contextlib import suppress

import structlog
from django.db import DatabaseError, transaction
from django.db.utils import InterfaceError, OperationalError

from airra.lib import clock, metrics
from airra.lib.db import Conflict
from airra.lib.jobs import Job, enqueue
from incidents.commands import alert as alerts
from incidents.commands import audit, timeline
from incidents.commands import change as changes
from incidents.commands.storing import message_of
from incidents.commands.turn import Mark, Turn
from incidents.ingest.alerts import Batch, Malformed
from incidents.ingest.reading import read
from incidents.models import Delivery, Incident, TimelineEvent

log = structlog.get_logger(__name__)

State = Delivery.State
MAX_ATTEMPTS = 5
_Read = tuple[Delivery, Batch]


def take_all(deliveries: list[Delivery], turn: Turn) -> None:
    """Turn deliveries into alerts and changes, in this order, or say on each why not."""
    read = _readable(deliveries) if len(deliveries) > 1 else []
    unread = deliveries
    if read and _together(read, turn):
        done = {delivery.pk for delivery, _ in read}
        unread = [delivery for delivery in deliveries if delivery.pk not in done]
    for delivery in unread:
        _take(delivery, turn)


def _readable(deliveries: list[Delivery]) -> list[_Read]:
    found = []
    for delivery in deliveries:
        with suppress(Exception):  # it is read again on its own, and told there
            found.append((delivery, read_batch(delivery)))
    return found


def _together(read: list[_Read], turn: Turn) -> bool:
    """Whether that went well; if not, nothing has happened."""
    mark = turn.mark()
    try:
        with transaction.atomic():
            _do(read, turn)
    except Exception as error:
        _go_back(turn, mark, error)
        if is_of_the_database(error):
            raise
        log.warning("taken_one_by_one", deliveries=len(read), error=str(error), exc_info=True)
        return False
    return True


def _take(delivery: Delivery, turn: Turn) -> None:
    """What is wrong with the database itself is raised, for it says nothing about the delivery."""
    mark = turn.mark()
    try:
        with transaction.atomic():
            _do([(delivery, read_batch(delivery))], turn)
    except Malformed as wrong:  # its mapping was changed after it was stored
        turn.go_back(mark)
        refuse(delivery, wrong)
    except Exception as error:
        _go_back(turn, mark, error)
        if is_of_the_database(error):
            raise
        if isinstance(error, Conflict) and not _is_waiting(delivery):
            return  # another process has taken it
        log.exception("delivery_failed", delivery=str(delivery.pk), attempt=delivery.attempts)
        _note_failure(delivery, f"{type(error).__name__}: {error}")


def _go_back(turn: Turn, mark: Mark, error: Exception) -> None:
    """Only of a conflict is the reason that what was read holds no more."""
    if isinstance(error, Conflict) or is_of_the_database(error):
        turn.forget()
    else:
        turn.go_back(mark)


def read_batch(delivery: Delivery) -> Batch:
    """What it holds, by the mapping of today. Raises `Malformed`."""
    integration = delivery.integration
    return read(integration.kind, message_of(delivery), mapping=integration.mapping)


def _do(read: list[_Read], turn: Turn) -> None:
    _mark(read)
    told = [[alerts.of_sender(new) for new in batch.alerts] for _, batch in read]
    turn.hear(
        (delivery.integration_id, new)
        for (delivery, _), its in zip(read, told, strict=True)
        for new in its
    )
    for (delivery, batch), its in zip(read, told, strict=True):
        sender = delivery.integration
        touched = [
            alerts.tell(new, integration=sender, delivery=delivery, turn=turn) for new in its
        ]
        for change in batch.changes:
            changes.store(change, delivery=delivery)
        _tell_left_out(batch, touched, delivery, turn)
        if batch.handshake is not None:
            enqueue(Job.CONFIRM_SUBSCRIPTION, delivery_id=str(delivery.pk))
    turn.flush()


def _mark(read: list[_Read]) -> None:
    """Whoever changes them from STORED has won: one UPDATE for all that hold as much."""
    alike: dict[tuple[int, int, str], list[Delivery]] = defaultdict(list)
    for delivery, batch in read:
        alike[len(batch.alerts), len(batch.changes), batch.note[:200]].append(delivery)
    for (alerts_read, changes_read, note), deliveries in alike.items():
        waiting = Delivery.objects.filter(
            pk__in=[delivery.pk for delivery in deliveries], state=State.STORED
        )
        changed = waiting.update(
            state=State.PROCESSED,
            processed_at=clock.now(),
            alerts_read=alerts_read,
            changes_read=changes_read,
            note=note,
            error="",
            error_field="",
        )
        if changed != len(deliveries):
            raise Conflict(deliveries[0], "state", State.STORED)


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


def _tell_left_out(
    batch: Batch, touched: list[Incident | None], delivery: Delivery, turn: Turn
) -> None:
    incident = next((found for found in touched if found is not None), None)
    if batch.left_out and incident is not None:
        turn.flush()
        timeline.record(
            incident,
            TimelineEvent.Kind.PROBLEM,
            f"left {batch.left_out} more alerts out of a delivery, by its own limit",
            actor=delivery.integration.name,
        )


def count(delivery: Delivery, fate: str) -> None:
    metrics.DELIVERIES.labels(kind=delivery.integration.kind, fate=fate).inc()
