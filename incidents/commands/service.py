"""Services and the edges between them, as they become known."""

from datetime import datetime

from django.db import transaction

from airra.lib import clock
from incidents.models import Service, ServiceDependency, Workspace


def ensure(*, workspace: Workspace, name: str) -> Service:
    """The service of this name, made when new."""
    service, _ = Service.objects.get_or_create(workspace=workspace, name=name[:120])
    return service


@transaction.atomic
def link(
    *, caller: Service, callee: Service, source: str, seen_at: datetime | None = None
) -> ServiceDependency:
    """Record that `caller` calls `callee`, or refresh when it was last seen."""
    edge, _ = ServiceDependency.objects.update_or_create(
        caller=caller,
        callee=callee,
        defaults={"source": source, "last_seen_at": seen_at or clock.now()},
    )
    return edge
