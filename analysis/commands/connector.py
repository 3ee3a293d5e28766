"""What people do to sources: save their settings, and try whether they answer."""

import time
from dataclasses import dataclass

from django.contrib.auth.models import User
from django.db import IntegrityError, transaction
from django.db.models import DateTimeField, Value
from django.db.models.functions import Coalesce

from airra.lib import clock
from analysis.connectors.base import ConnectorError
from analysis.models import Connector
from analysis.queries.source_kinds import REMEDIES
from analysis.queries.sources import open_source
from incidents.commands import audit
from incidents.permissions import Permission
from incidents.queries.access import require

_SETTINGS = (
    "name", "kind", "url", "tenant", "secret_ref", "timeout_s", "is_enabled", "leave_policy",
)  # fmt: skip
_IDENTITY = {"url", "tenant", "secret_ref"}


class NameTaken(ValueError):
    """Another source of the workspace has this name."""


@dataclass(frozen=True)
class Trial:
    """What a source said to one real query: what was found, or what is wrong and what to do."""

    is_ok: bool
    text: str
    remedy: str
    took_ms: float


def try_out(connector: Connector) -> Trial:
    """One real query, as a scan sends it, whether or not the row is stored. Writes nothing.

    It takes as long as the source's own time-out lets it, and no longer.
    """
    began = time.perf_counter()
    try:
        text, remedy, is_ok = open_source(connector).check(), "", True
    except ConnectorError as error:
        text, remedy, is_ok = str(error), REMEDIES[error.kind], False
    return Trial(is_ok, text, remedy, (time.perf_counter() - began) * 1000)


def test(*, connector: Connector, by: User) -> Trial:
    """Try a stored source and note on its row how it went."""
    require(by, Permission.RESPOND, connector.workspace)
    trial = try_out(connector)
    now = clock.now()
    row = Connector.objects.filter(pk=connector.pk)
    with transaction.atomic():
        if trial.is_ok:
            row.update(last_ok_at=now, failing_since=None, failures=0, next_try_at=None)
        else:
            row.update(
                last_error=trial.text,
                last_error_at=now,
                failing_since=Coalesce("failing_since", Value(now, DateTimeField())),
            )
        audit.record("connector.tested", target=connector, by=by, after={"answers": trial.is_ok})
    connector.refresh_from_db()
    return trial


@transaction.atomic
def save(*, connector: Connector, by: User) -> Connector:
    """Store a source whose fields have been checked. Raises `NameTaken`.

    With another address or credential it has to prove itself again: what was known of it is
    forgotten. Switched off or on, only its failures are.
    """
    require(by, Permission.ADMINISTER, connector.workspace)
    old = Connector.objects.filter(pk=connector.pk).first()
    changed = [n for n in _SETTINGS if old is None or getattr(old, n) != getattr(connector, n)]
    if _IDENTITY & set(changed):
        connector.last_ok_at = None
    if {"is_enabled", *_IDENTITY} & set(changed):
        connector.failing_since, connector.failures, connector.next_try_at = None, 0, None
        connector.last_error, connector.last_error_at = "", None
    try:
        with transaction.atomic():
            connector.save()
    except IntegrityError as error:
        msg = f"another source is called {connector.name}"
        raise NameTaken(msg) from error
    audit.record(
        "connector.changed" if old else "connector.created",
        target=connector,
        by=by,
        before={name: getattr(old, name) for name in changed} if old else {},
        after={name: getattr(connector, name) for name in changed},
    )
    return connector
