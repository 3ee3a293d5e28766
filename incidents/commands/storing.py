"""The row of a delivery: committed before anything judges it, and once however often it comes."""

import hashlib
from functools import cache
from typing import Any

from django.conf import settings
from django.db import DEFAULT_DB_ALIAS, connections
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.backends.utils import CursorWrapper
from django.db.models import F, Field

from airra.lib import clock
from airra.lib.ids import uuid7
from incidents.commands.proving import Envelope, distrust, verdict_on
from incidents.ingest.alerts import Message
from incidents.ingest.life import PRESENT
from incidents.ingest.reading import identity
from incidents.ingest.trust.claims import Untrusted
from incidents.lifecycle import AlertStatus
from incidents.models import Delivery, Integration

_State = Delivery.State
_TRIES = 20
# Who tells what fires over and over, in the same words.
_RESTATING = frozenset({Integration.Kind.ALERTMANAGER, Integration.Kind.GRAFANA})
# What a new delivery brings along; in the other columns stands the default.
_BROUGHT = frozenset(
    {
        "id",
        "integration",
        "identity",
        "body",
        "headers",
        "content_type",
        "channel",
        "remote",
        "received_at",
    }
)


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
            if not _is_past(known):
                return known, False
            made.identity = hashlib.sha256(f"{made.identity} {known.pk}".encode()).hexdigest()
    return keep_apart(integration, body, envelope), True


def _insert(made: Delivery) -> bool:
    """Whether the row went in; not when there is one of its identity.

    Every delivery waits for this one statement. It is written once, with what is the same in every
    new row, for the ORM takes longer over it than PostgreSQL (`benchmarks.ingest`).
    """
    database = connections[DEFAULT_DB_ALIAS]  # `connection` would look it up at every use
    sql, brought = _insert_sql(database.vendor)
    values = [field.get_db_prep_save(getattr(made, field.attname), database) for field in brought]
    with _cursor(database) as cursor:
        cursor.execute(sql, values)
        is_new = bool(cursor.rowcount == 1)
    made._state.adding, made._state.db = not is_new, database.alias
    return is_new


def _cursor(database: BaseDatabaseWrapper) -> CursorWrapper:
    """PostgreSQL is sent the values beside the statement: in it, a body would be twice as long."""
    if database.vendor != "postgresql":
        return database.cursor()
    # Its driver need not be there where SQLite is used; the stubs do not know the class.
    from django.db.backends.postgresql.base import ServerBindingCursor  # type: ignore[attr-defined] # noqa: PLC0415

    database.ensure_connection()
    wrap = database.make_debug_cursor if database.queries_logged else database.make_cursor
    return wrap(ServerBindingCursor(database.connection))


@cache
def _insert_sql(_vendor: str) -> tuple[str, list["Field[Any, Any]"]]:
    """The statement, and the fields whose values it takes."""
    quote = connections[DEFAULT_DB_ALIAS].ops.quote_name
    fresh, fields = Delivery(), Delivery._meta.concrete_fields
    brought = [field for field in fields if field.name in _BROUGHT]
    names = ", ".join(quote(str(field.column)) for field in fields)
    places = ", ".join(
        "%s" if field in brought else _literal(getattr(fresh, field.attname)) for field in fields
    )
    into = f"{quote(Delivery._meta.db_table)} ({names}) VALUES ({places})"
    return f"INSERT INTO {into} ON CONFLICT DO NOTHING", brought


def _literal(default: str | int | None) -> str:
    """A default of a column as SQL; no default of ours holds a quote or a percent sign."""
    if default is None:
        return "NULL"
    return f"'{default}'" if isinstance(default, str) else str(default)


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
        most_alerts=settings.MAX_ALERTS_PER_DELIVERY,
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


def _is_past(known: Delivery) -> bool:
    """Whether an alert that it told to fire has ended since: told again, that is news.

    What waits to be read may hold that end.
    """
    if known.integration.kind not in _RESTATING or "idempotency-key" in known.headers:
        return False
    if known.state != _State.PROCESSED:
        return False
    ended = known.touches.filter(status__in=sorted(PRESENT), alert__status=AlertStatus.RESOLVED)
    waiting = Delivery.objects.filter(integration=known.integration, state=_State.STORED)
    return ended.exists() or waiting.exists()


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
