"""The course of an investigation as rows: each step, and each word of an operator, numbered."""

from collections.abc import Mapping, Sequence
from typing import Any

from django.contrib.auth.models import User
from django.db import transaction
from django.db.models import F

from analysis.commands.investigation.lease import still_ours
from analysis.models import Investigation, InvestigationEvent
from analysis.types import Progress, ProgressKind

_MAX_TEXT = 500


@transaction.atomic
def append(
    investigation: Investigation,
    kind: ProgressKind,
    text: str,
    *,
    payload: Mapping[str, Any] | None = None,
    by: User | None = None,
) -> InvestigationEvent:
    """Add one event, whoever runs the investigation."""
    return _rows(investigation, [Progress(kind, text, payload or {})], by)[0]


@transaction.atomic
def tell(investigation: Investigation, *told: Progress) -> None:
    """Add the steps of the attempt that holds the lease, and renew it.

    A stage also becomes the investigation's own. Raises `Cancelled` and `Conflict`, and then
    nothing is added.
    """
    stages = [step.text for step in told if step.kind is ProgressKind.STAGE]
    still_ours(investigation, **({"stage": stages[-1][:40]} if stages else {}))
    _rows(investigation, told, None)


def _rows(
    investigation: Investigation, told: Sequence[Progress], by: User | None
) -> list[InvestigationEvent]:
    """The UPDATE holds the investigation until commit: numbers are handed out one by one."""
    mine = Investigation.objects.filter(pk=investigation.pk)
    mine.update(last_event=F("last_event") + len(told))
    last, attempt = mine.values_list("last_event", "attempts").get()
    first = last - len(told) + 1
    return InvestigationEvent.objects.bulk_create(
        InvestigationEvent(
            investigation=investigation,
            attempt=attempt,
            seq=seq,
            kind=step.kind,
            text=step.text[:_MAX_TEXT],
            payload=dict(step.payload),
            author=by,
        )
        for seq, step in enumerate(told, first)
    )
