"""A webhook body: stored first, judged second, and turned into alerts by a job.

What senders write themselves is answered with what was wrong; a vendor, who would give up or try
for days, is answered that it was taken, and what was wrong is listed. A job that dies leaves the
delivery STORED, and the sweep wakes it again.
"""

from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

from django.contrib.auth.models import User
from django.db import transaction
from django.db.models import F, Q, QuerySet

from airra.lib import clock, heartbeat
from airra.lib.db import compare_and_set
from airra.lib.jobs import Alone, Job, enqueue, enqueue_once
from incidents.commands import alert as alerts
from incidents.commands import audit, retention, sns, storing
from incidents.commands.proving import (
    CUT_FROM,
    PROVEN,
    Envelope,
    distrust,
    note_use,
    prove,
    verdict_on,
)
from incidents.commands.setting_aside import NOT_ASIDE
from incidents.commands.taking import (
    MAX_ATTEMPTS,
    count,
    give_up,
    is_of_the_database,
    read_batch,
    refuse,
    take_all,
)
from incidents.commands.turn import take_turn
from incidents.ingest.alerts import Batch, Malformed
from incidents.ingest.trust.claims import Arrival, Trusted, Undecided, Untrusted, Verdict
from incidents.models import Delivery, Integration
from incidents.permissions import Permission
from incidents.queries.access import require

State = Delivery.State
Kind = Integration.Kind

# Whose senders are people's own scripts, or tell people what they were answered.
TOLD_AT_ONCE = frozenset({Kind.GENERIC, Kind.CHANGES, Kind.CLOUDEVENTS, Kind.PAGERDUTY_EVENTS})
_LOST_AFTER = timedelta(seconds=5)
_AT_ONCE = 50
_DRAIN_FOR = timedelta(seconds=20)
_UNDECIDED_FOR = timedelta(hours=1)


@dataclass(frozen=True)
class Receipt:
    """What became of a body.

    `malformed` and `untrusted` say what was wrong; the delivery is kept all the same, but for a
    flood of forgeries. `batch` is what it holds, where that was read at once.
    """

    delivery: Delivery
    is_repeat: bool = False
    malformed: Malformed | None = None
    untrusted: Untrusted | None = None
    batch: Batch | None = None


class CannotReplay(Exception):
    """This delivery cannot be read again; the message says why."""


def receive(
    *,
    integration: Integration,
    body: bytes,
    envelope: Envelope | None = None,
    may_keep_untrusted: bool = True,
) -> Receipt:
    """Store a body, then judge it, then wake the job that reads it.

    Without an envelope it is AIRRA's own, such as a test alert. In a flood of forgeries
    (`may_keep_untrusted` False) it is judged first, and no more of them are kept.
    """
    envelope = envelope or Envelope()
    if not may_keep_untrusted:
        verdict = _verdict(integration, body, envelope)
        if isinstance(verdict, Untrusted):
            return Receipt(Delivery(integration=integration), untrusted=verdict)
    delivery, is_new = storing.store(integration, body, envelope)
    verdict = _verdict(integration, body, envelope)
    if isinstance(verdict, Untrusted):
        kept = delivery if is_new else storing.keep_apart(integration, body, envelope)
        distrust(kept, verdict)
        count(kept, "untrusted")
        return Receipt(kept, untrusted=verdict)
    if isinstance(verdict, Trusted):
        note_use(integration, verdict)
    return _accept(delivery, is_new=is_new)


def _verdict(integration: Integration, body: bytes, envelope: Envelope) -> Verdict:
    if envelope.token_mark is None:
        return Trusted()
    headers = envelope.headers or {}
    return prove(integration, Arrival(body, clock.now(), headers, token_mark=envelope.token_mark))


def _accept(delivery: Delivery, *, is_new: bool) -> Receipt:
    """A delivery whose sender is known: told at once what is wrong with it, or read later."""
    if not is_new:
        storing.count_repeat(delivery)
    batch = None
    is_open = is_new or delivery.state in {State.REFUSED, State.FAILED}
    if is_open and delivery.integration.kind in TOLD_AT_ONCE:
        try:
            batch = read_batch(delivery)
        except Malformed as wrong:
            refuse(delivery, wrong)
            return Receipt(delivery, is_repeat=not is_new, malformed=wrong)
    if is_open and not is_new:
        _open_again(delivery)
    count(delivery, "accepted" if is_new else "repeated")
    if delivery.state == State.STORED:
        wake(delivery.integration.workspace_id)
    return Receipt(delivery, is_repeat=not is_new, batch=batch)


def _open_again(delivery: Delivery) -> None:
    """What was refused until its mapping was mended, or failed until we were, is sent again."""
    fresh = {"state": State.STORED, "error_field": "", "error": "", "attempts": 0, **NOT_ASIDE}
    if Delivery.objects.filter(pk=delivery.pk, state=delivery.state).update(**fresh):
        delivery.state = State.STORED


def replay(*, delivery: Delivery, by: User) -> Receipt:
    """Read it again, with the mapping of today; judge it again where it was not trusted.

    What was signed is judged by the keys of today, at the time it arrived. Raises `CannotReplay`.
    """
    require(by, Permission.RESPOND, delivery.integration.workspace)
    receipt = open_again(delivery, by=by)
    if receipt.malformed is None:
        enqueue(Job.PROCESS_DELIVERY, delivery_id=str(delivery.pk))
    return receipt


def open_again(delivery: Delivery, *, by: User) -> Receipt:
    """What `replay` does before it wakes the job that reads; who may was asked already."""
    require_replayable(delivery)
    with transaction.atomic():
        compare_and_set(
            delivery,
            "state",
            expect=delivery.state,
            to=State.STORED,
            headers={**delivery.headers, PROVEN: delivery.headers.get(PROVEN, "before")},
            replayed_at=clock.now(),
            replayed_by=by,
            error="",
            error_field="",
            note="",
            attempts=0,
            **NOT_ASIDE,
        )
        audit.record("delivery.replayed", target=delivery, by=by)
    try:
        batch = read_batch(delivery)
    except Malformed as wrong:
        refuse(delivery, wrong)
        return Receipt(delivery, malformed=wrong)
    return Receipt(delivery, batch=batch)


def require_replayable(delivery: Delivery) -> None:
    """Raises `CannotReplay`, which says why it cannot be read again."""
    if delivery.state == State.STORED:
        msg = "it waits to be read already"
        raise CannotReplay(msg)
    if delivery.state not in {State.REFUSED, State.FAILED, State.UNTRUSTED}:
        msg = "it has been read: there is nothing to read again"
        raise CannotReplay(msg)
    if delivery.body_dropped_at is not None:
        msg = "its body was dropped when its keeping time was over"
        raise CannotReplay(msg)
    if delivery.state != State.UNTRUSTED:
        return
    if CUT_FROM in delivery.headers:
        msg = f"only the beginning of its {delivery.headers[CUT_FROM]} bytes is kept"
        raise CannotReplay(msg)
    verdict = verdict_on(delivery)
    if isinstance(verdict, Untrusted) and not verdict.is_signed:
        msg = "the token it came with is not kept: have its sender send it again"
        raise CannotReplay(msg)
    if not isinstance(verdict, Trusted):
        msg = f"it is still not proven: {verdict.reason}"
        raise CannotReplay(msg)


def process(*, delivery_id: str) -> None:
    """Turn a stored delivery into alerts, once, however often it is called."""
    found = Delivery.objects.select_related("integration__workspace")
    delivery = found.get(pk=delivery_id)
    if delivery.state == State.STORED and _is_ready(delivery):
        _attempt([delivery])


def drain(*, workspace_id: str) -> None:
    """Turn all fresh deliveries of a workspace into alerts, in the order they came.

    What has failed once is left to `sweep`, which takes each on its own: a delivery that kills its
    worker then kills nobody else's.
    """
    alone = Alone(Job.DRAIN_DELIVERIES, workspace_id=workspace_id)
    until = clock.now() + _DRAIN_FOR
    undecided: list[UUID] = []
    try:
        while clock.now() < until:
            batch = _fresh(workspace_id, but=undecided)
            if not batch:
                break
            alone.stay()
            ready = [row for row in batch if _is_ready(row)]
            undecided += [row.pk for row in batch if row not in ready]
            _attempt(ready)
    finally:
        alone.end()
    if _waiting(workspace_id, but=undecided).exists():
        wake(workspace_id)


def sweep() -> None:
    """Wake deliveries whose message was lost or whose attempt failed; drop what is too old."""
    late = Delivery.objects.filter(
        state=State.STORED, received_at__lte=clock.now() - _LOST_AFTER
    ).order_by("received_at")
    of_each = late.order_by().values_list("integration__workspace", flat=True).distinct()
    for workspace in of_each.filter(attempts=0):
        wake(workspace)
    # One without an error was begun: by a drain that still runs, or by one that died.
    running = [w for w in of_each if Alone(Job.DRAIN_DELIVERIES, workspace_id=str(w)).is_held()]
    tried = late.filter(attempts__gt=0).exclude(Q(error="") & Q(integration__workspace__in=running))
    for pk in tried.values_list("pk", flat=True)[:200]:
        enqueue(Job.PROCESS_DELIVERY, delivery_id=str(pk))
    alerts.settle_quiet()
    retention.tend()
    heartbeat.beat("incidents")


def confirm_subscription(*, delivery_id: str) -> None:
    """Do what a proven handshake asks for, and tell on the delivery what came of it."""
    delivery = Delivery.objects.select_related("integration__workspace").get(pk=delivery_id)
    handshake = read_batch(delivery).handshake
    if delivery.state == State.PROCESSED and handshake is not None:
        sns.confirm(delivery, handshake.url)


def wake(workspace_id: object) -> None:
    """Have what waits in a workspace read, in the order it came."""
    enqueue_once(Job.DRAIN_DELIVERIES, workspace_id=str(workspace_id))


def _waiting(workspace_id: str, *, but: list[UUID]) -> QuerySet[Delivery]:
    fresh = Delivery.objects.filter(state=State.STORED, attempts=0)
    return fresh.filter(integration__workspace_id=workspace_id).exclude(pk__in=but)


def _fresh(workspace_id: str, *, but: list[UUID]) -> list[Delivery]:
    found = _waiting(workspace_id, but=but).select_related("integration__workspace")
    oldest = found.order_by("received_at", "id")[:_AT_ONCE]
    return list(oldest.prefetch_related("integration__secrets"))


def _is_ready(delivery: Delivery) -> bool:
    """Whether it is proven and may be tried once more; what may not is told on it."""
    if delivery.attempts >= MAX_ATTEMPTS:
        told = delivery.error or "the worker died each time it was read"
        give_up(delivery, f"given up after {delivery.attempts} attempts: {told}")
        return False
    verdict = verdict_on(delivery)
    if isinstance(verdict, Undecided) and clock.now() - delivery.received_at > _UNDECIDED_FOR:
        verdict = Untrusted(verdict.reason, is_signed=True)
    if isinstance(verdict, Untrusted):
        distrust(delivery, verdict)
        count(delivery, "untrusted")
    return isinstance(verdict, Trusted)


def _attempt(deliveries: list[Delivery]) -> None:
    """Take these in one transaction. The attempt is counted first, for it may kill this process."""
    if not deliveries:
        return
    tried = Delivery.objects.filter(pk__in=[row.pk for row in deliveries], state=State.STORED)
    tried.update(attempts=F("attempts") + 1)
    for row in deliveries:
        row.attempts += 1
    try:
        with transaction.atomic():
            take_all(deliveries, take_turn(deliveries[0].integration.workspace))
    except Exception as error:
        if is_of_the_database(error):
            tried.update(attempts=F("attempts") - 1)
        raise
