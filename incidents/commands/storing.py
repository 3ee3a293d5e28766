"""The row of a delivery: committed before anything judges it, and once however often it comes."""

import hashlib
from functools import cache

from django.db import connection
from django.db.models import F

from airra.lib import clock
from airra.lib.ids import uuid7
from incidents.commands.proving import Envelope, distrust, verdict_on
from incidents.ingest.alerts import Message
from incidents.ingest.reading import identity
from incidents.ingest.trust.claims import Untrusted
from incidents.models import Delivery, Integration

_State = Delivery.State
_TRIES = 3


def store(integration: Integration, body: bytes, envelope: Envelope) -> tuple[Delivery, bool]:
    """The row of this delivery, committed on return; the flag says whether it is new.

    Whoever guesses an identity and sends it first must not make the true delivery a repeat: a
    forgery gives its identity up.
    """
    made = _row(integration, body, envelope)
    made.identity = _identity(integration, made)
    for _ in range(_TRIES):
        if _insert(made):
            return made, True
        known = _same(made)
        if known is not None and not _is_forged(known):
            return known, False
    return keep_apart(integration, body, envelope), True


def _insert(made: Delivery) -> bool:
    """Whether the row went in; not when there is one of its identity.

    Every delivery waits for this one statement. It is written once, for the ORM takes as long to
    write it as PostgreSQL to carry it out (`benchmarks.ingest`).
    """
    fields = made._meta.concrete_fields
    values = [
        field.get_db_prep_save(field.pre_save(made, add=True), connection) for field in fields
    ]
    with connection.cursor() as cursor:
        cursor.execute(_insert_sql(connection.vendor), values)
        is_new = bool(cursor.rowcount == 1)
    made._state.adding, made._state.db = not is_new, connection.alias
    return is_new


@cache
def _insert_sql(_vendor: str) -> str:
    quote = connection.ops.quote_name
    fields = Delivery._meta.concrete_fields
    names = ", ".join(quote(str(field.column)) for field in fields)
    table, places = quote(Delivery._meta.db_table), ", ".join(["%s"] * len(fields))
    return f"INSERT INTO {table} ({names}) VALUES ({places}) ON CONFLICT DO NOTHING"  # noqa: S608 - names of our own columns


def keep_apart(integration: Integration, body: bytes, envelope: Envelope) -> Delivery:
    """A row that is nobody's repeat, for a body that is not proven."""
    made = _row(integration, body, envelope)
    made.identity = uuid7().hex
    made.save(force_insert=True)
    return made


def count_repeat(delivery: Delivery) -> None:
    Delivery.objects.filter(pk=delivery.pk).update(repeats=F("repeats") + 1)


def message_of(delivery: Delivery) -> Message:
    return Message(
        body=bytes(delivery.body),
        received_at=delivery.received_at,
        headers=delivery.headers,
        content_type=delivery.content_type,
        channel=delivery.channel,
    )


def _row(integration: Integration, body: bytes, envelope: Envelope) -> Delivery:
    return Delivery(
        integration=integration,
        body=body,
        headers=envelope.kept(),
        content_type=envelope.content_type[:100],
        channel=envelope.channel[:20],
        remote=envelope.remote[:45],
        received_at=clock.now(),
    )


def _is_forged(known: Delivery) -> bool:
    """Judge a row that nobody has judged yet, and put it aside when it is not proven."""
    if known.state != _State.STORED:
        return known.state == _State.UNTRUSTED
    verdict = verdict_on(known)
    if isinstance(verdict, Untrusted):
        distrust(known, verdict)
        return True
    return False


def _same(made: Delivery) -> Delivery | None:
    found = Delivery.objects.filter(integration=made.integration, identity=made.identity).first()
    if found is not None:
        found.integration = made.integration
    return found


def _identity(integration: Integration, made: Delivery) -> str:
    """What makes two deliveries the same: the sender's key, what its format says, or the body.

    A body need not hold a time: the same words mean something new once the sender has said
    something else in between (it fired, cleared, and fires again).
    """
    if key := made.headers.get("idempotency-key", ""):
        return hashlib.sha256(b"key:" + key.encode(errors="replace")).hexdigest()
    if told := identity(integration.kind, message_of(made)):
        return told
    newest = (
        Delivery.objects.filter(integration=integration)
        .exclude(state=_State.UNTRUSTED)
        .order_by("-id")
        .values_list("pk", "identity", "body", "channel")
        .first()
    )
    if newest is None:
        return hashlib.sha256(made.body).hexdigest()
    pk, known, body, channel = newest
    if bytes(body) == made.body and channel == made.channel:
        return str(known)
    return hashlib.sha256(bytes(made.body) + pk.bytes).hexdigest()
