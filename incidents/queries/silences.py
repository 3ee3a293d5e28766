"""Silences: which of them covers an alert, and the lists and pages that show them."""

from collections.abc import Iterable, Mapping
from uuid import UUID

from django.db.models import Q

from airra.lib import clock
from incidents.ingest.matching import all_hold, matchers
from incidents.models import Alert, Integration, Service, Silence, Workspace


def covering(
    *, workspace: Workspace, service: Service | None, labels: Mapping[str, str]
) -> Silence | None:
    """The silence that now keeps such an alert quiet; of several, the one that lasts longest."""
    now = clock.now()
    active = Silence.objects.filter(workspace=workspace, starts_at__lte=now, ends_at__gt=now)
    of_service = Q(service__isnull=True) | Q(service=service) if service else Q(service=None)
    for silence in active.filter(of_service).order_by("-ends_at"):
        if all_hold(matchers(silence.matchers), labels):
            return silence
    return None


def words_of(alert: Alert, integration: Integration) -> dict[str, str]:
    """The labels of an alert; where its sender gave none by that name, what AIRRA knows of it."""
    known = {
        "title": alert.title,
        "service": alert.service.name if alert.service else "",
        "severity": alert.severity,
        "integration": integration.name,
    }
    return known | {name: str(value) for name, value in alert.labels.items()}


def shared_words(alerts: Iterable[Alert]) -> dict[str, str]:
    """The labels that all of these agree in."""
    found: dict[str, str] | None = None
    for alert in alerts:
        mine = {name: str(value) for name, value in alert.labels.items()}
        mine = mine or {"title": alert.title}
        found = mine if found is None else dict(found.items() & mine.items())
    return found or {}


def one_service(alerts: Iterable[Alert]) -> UUID | None:
    """The service of all of these, if it is the same."""
    services = {alert.service_id for alert in alerts}
    return services.pop() if len(services) == 1 else None
