"""The audit record: written inside every other command, in the same transaction."""

import hashlib
import hmac
from collections.abc import Callable, Mapping
from typing import Any
from uuid import UUID

import structlog
from django.conf import settings
from django.contrib.auth.models import AbstractBaseUser
from django.db import DatabaseError, transaction
from django.db.models import Model
from structlog.contextvars import get_contextvars

from airra.lib import hashchain, metrics
from incidents.models import AuditEvent
from incidents.models.audit import SEALED, body_of

log = structlog.get_logger(__name__)

# A value under such a name is never stored: only what tells one value from another.
_SECRET_NAMES = ("password", "passphrase", "secret", "token", "api_key", "private_key")
# disk full, out of resources, read-only transaction; and SQLite's words for the same
_NO_WRITES = ("53100", "53000", "25006")
_SQLITE_FULL = ("disk is full", "readonly database", "disk I/O error")


class Unwritable(DatabaseError):
    """The audit row cannot be written, so what it would tell of must not happen either."""


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
    """Append one row. Who comes from `by`, else `actor`; where from the bound request.

    The database links it into the hash chain as the transaction commits; outside of one, at once.
    Raises `Unwritable`; let it pass, so that the transaction is rolled back.
    """
    bound = get_contextvars()
    event = AuditEvent(
        workspace_id=workspace_id or _workspace_of(target),
        actor_id=str(by.pk) if by else "",
        actor=_word(by.get_username() if by else actor, 150),
        kind=_word(kind, 60),
        target_type=target._meta.model_name or "",
        target_id=_word(target.pk, 40),
        target=_word(target, 200),
        before=hashchain.plain(_without_secrets(before or {})),
        after=hashchain.plain(_without_secrets(after or {})),
        reason=hashchain.plain(str(reason)),
        origin=_word(bound.get("origin", ""), 60),
        request_id=_word(bound.get("request_id", ""), 40),
        salts=hashchain.fresh_salts(SEALED),
    )
    event.body = body_of(event)
    try:
        event.save(force_insert=True)
    except DatabaseError as error:
        metrics.AUDIT_UNWRITABLE.inc()
        msg = f"the audit record cannot be written: {error}"
        raise Unwritable(msg) from error
    return event


def is_unwritable(error: BaseException) -> bool:
    """Whether an error means that the database took no audit row, at once or at the commit.

    A full disk or a read-only database may show at any statement, and stops the row all the same.
    """
    if isinstance(error, Unwritable):
        return True
    if not isinstance(error, DatabaseError):
        return False
    told = str(error)
    state = getattr(error.__cause__, "sqlstate", None) or ""
    return "incidents_audit" in told or state in _NO_WRITES or any(w in told for w in _SQLITE_FULL)


def note_unwritable(error: DatabaseError, *, note: Callable[[str], object]) -> None:
    """Tell people through `note` what waits for the record, as far as a row can be changed."""
    why = f"waits: it cannot be recorded, so it is not done ({str(error).splitlines()[0][:200]})"
    log.error("audit_unwritable", error=str(error))
    try:
        with transaction.atomic():
            note(why)
    except DatabaseError:  # a full disk takes no row at all; the log and the metric have it
        log.warning("audit_unwritable_untold")


def _workspace_of(target: Model) -> UUID | None:
    workspace_id = getattr(target, "workspace_id", None)
    if workspace_id is None and hasattr(target, "incident"):
        workspace_id = target.incident.workspace_id
    return workspace_id


def _word(value: object, length: int) -> str:
    """As the column will hold it, since the chain covers what is stored."""
    return str(hashchain.plain(str(value)))[:length]


def _without_secrets(values: Mapping[str, Any]) -> dict[str, Any]:
    return {name: _masked(value) if _is_secret(name) else value for name, value in values.items()}


def _is_secret(name: object) -> bool:
    return str(name).lower().endswith(_SECRET_NAMES)


def _masked(value: object) -> object:
    """A keyed digest: it shows that a secret changed, and cannot be tried out on a dump."""
    if value in ("", None):
        return value
    key = hashlib.sha256(b"airra audit secrets 1" + settings.SECRET_KEY.encode()).digest()
    return "hmac-sha256:" + hmac.digest(key, str(value).encode(), "sha256").hex()[:32]
