"""Erasing personal data from audit rows: the chain covers digests, so it still holds after."""

from collections.abc import Sequence

from django.db import connection, transaction

from airra.lib.appendonly import changeable
from incidents.commands import audit
from incidents.models import AuditEvent, AuditHead, AuditLink
from incidents.models.audit import ERASED, SEALED

_JSON = ("before", "after")


@transaction.atomic
def erase(*, rows: Sequence[int], fields: Sequence[str], reason: str, actor: str) -> int:
    """Put a mark in place of `fields` of the rows with these numbers; how many rows.

    What is erased is gone for good. Recorded, without what was erased. For the console alone: it
    takes away the table's refusal of an UPDATE for this transaction, which needs its owner's right.
    """
    unknown = [name for name in fields if name not in SEALED]
    if unknown or not fields or not reason.strip():
        msg = f"say why, and which of {', '.join(SEALED)}"
        raise ValueError(msg)
    found = dict(AuditLink.objects.filter(seq__in=rows).values_list("seq", "event_id"))
    if missing := sorted(set(rows) - set(found)):
        msg = f"there is no row {missing[0]}"
        raise ValueError(msg)
    with changeable("incidents_auditevent", connection):
        for event in AuditEvent.objects.filter(pk__in=found.values()):
            for name in fields:
                setattr(event, name, {ERASED: True} if name in _JSON else ERASED)
                event.salts.pop(name, None)
            event.save(update_fields=[*fields, "salts"])
    head = AuditHead.objects.get(pk=1)
    after = {"rows": sorted(found), "fields": list(fields)}
    audit.record("audit.erased", target=head, actor=actor, after=after, reason=reason)
    return len(found)
