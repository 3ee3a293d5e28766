"""How much hangs on a service."""

from collections import defaultdict
from collections.abc import Iterable
from uuid import UUID

from incidents.ingest.weight import Standing
from incidents.models import Service, ServiceDependency


def standing(service: Service) -> Standing:
    return Standing(service.name, service.tier, len(dependants(service)))


def dependants(service: Service) -> set[UUID]:
    """The services that call it, directly or through others; by calls seen lately. One query."""
    edges = ServiceDependency.objects.fresh().filter(callee__workspace_id=service.workspace_id)
    callers: dict[UUID, list[UUID]] = defaultdict(list)
    for caller, callee in edges.values_list("caller_id", "callee_id"):
        callers[callee].append(caller)
    return _reached(service.pk, callers)


def _reached(start: UUID, callers: dict[UUID, list[UUID]]) -> set[UUID]:
    found: set[UUID] = set()
    waiting: list[Iterable[UUID]] = [callers[start]]
    while waiting:
        for caller in waiting.pop():
            if caller not in found and caller != start:
                found.add(caller)
                waiting.append(callers.get(caller, ()))
    return found
