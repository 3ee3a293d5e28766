"""Changes that senders told AIRRA about: read as from any other source, without leaving it."""

from datetime import UTC, datetime

from django.db.models import Q

from analysis.types import Change
from incidents.models import ChangeEvent, Integration, Workspace

_MAX_CHANGES = 10_000
_TELLS_CHANGES = (Integration.Kind.CHANGES, Integration.Kind.GITHUB)


def tellers(workspace: Workspace) -> list[str]:
    """Who tells of changes here, whether or not there were any: their silence says something."""
    told = Q(pk__in=ChangeEvent.objects.filter(workspace=workspace).values("integration"))
    here = Integration.objects.filter(workspace=workspace, is_active=True)
    return list(here.filter(told | Q(kind__in=_TELLS_CHANGES)).values_list("name", flat=True))


def told(workspace: Workspace, *, start: float, end: float) -> list[Change]:
    """Those of [start, end] (Unix seconds), the newest of very many."""
    window = datetime.fromtimestamp(start, UTC), datetime.fromtimestamp(end, UTC)
    found = ChangeEvent.objects.filter(workspace=workspace, at__range=window)
    return [_change(row) for row in found.select_related("service").order_by("-at")[:_MAX_CHANGES]]


def _change(row: ChangeEvent) -> Change:
    return Change(
        id=f"{row.integration_id.hex}:{row.dedup_key}",
        at=row.at.timestamp(),
        kind=row.kind,
        service=row.service.name if row.service else "",
        title=row.title,
        actor=row.actor,
        before=row.before,
        after=row.after,
        revision=row.revision,
    )
