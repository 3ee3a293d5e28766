"""Alerts, page by page: as many queries for a hundred thousand of them as for one."""

import hashlib
from collections.abc import Collection, Mapping
from dataclasses import dataclass, fields
from uuid import UUID

from django.db.models import Q, QuerySet
from django.shortcuts import get_object_or_404
from django.utils.http import urlencode

from incidents.lifecycle import AlertStatus, Severity
from incidents.models import Alert, AlertQuerySet, GroupingDecision, Integration, Service
from incidents.queries.access import AnyUser, workspaces_of

PAGE_SIZE = 50
SHOWN_EPISODES = 20
_SHOWN = (
    "pk",
    "status",
    "severity",
    "times_seen",
    "last_seen_at",
    "incident_id",
    "is_flapping",
    "silenced_by_id",
)

VIEWS: dict[str, str] = {
    "live": "Live",
    "flapping": "Flapping",
    "silenced": "Silenced",
    "resolved": "Resolved",
    "all": "All",
}


def uuid_of(text: str) -> UUID | None:
    try:
        return UUID(text)
    except ValueError:
        return None


@dataclass(frozen=True)
class AlertFilters:
    """What the URL asks for. Unknown values are dropped, so that any URL shows a list."""

    view: str = "live"
    q: str = ""
    status: str = ""
    severity: str = ""
    service: str = ""
    integration: str = ""

    @classmethod
    def parse(cls, given: Mapping[str, str]) -> "AlertFilters":
        values = {f.name: str(given.get(f.name, "")).strip()[:100] for f in fields(cls)}
        return cls(
            view=values["view"] if values["view"] in VIEWS else "live",
            q=values["q"].replace("\x00", ""),
            status=values["status"] if values["status"] in set(AlertStatus) else "",
            severity=values["severity"] if values["severity"] in set(Severity) else "",
            service=values["service"] if uuid_of(values["service"]) else "",
            integration=values["integration"] if uuid_of(values["integration"]) else "",
        )

    @property
    def is_narrowed(self) -> bool:
        return any((self.q, self.status, self.severity, self.service, self.integration))

    def as_query(self, **changed: str) -> str:
        values = {f.name: getattr(self, f.name) for f in fields(self)} | changed
        return urlencode({name: value for name, value in values.items() if value})


@dataclass(frozen=True)
class AlertPage:
    rows: list[Alert]
    next_cursor: str

    @property
    def tag(self) -> str:
        """Changes when anything that the page shows does."""
        shown = [
            [getattr(alert, name) for name in _SHOWN]
            + [alert.incident.state if alert.incident else ""]
            for alert in self.rows
        ]
        return hashlib.sha256(repr(shown).encode()).hexdigest()[:16]


def page(filters: AlertFilters, user: AnyUser, *, before: str = "") -> AlertPage:
    """Newest first: an id tells the time.

    Each workspace is asked for its newest by itself, because an index can hand out the rows of one
    in order, and those of several only after sorting them all.
    """
    found = _narrowed(_of_view(Alert.objects.all(), filters.view), filters)
    cursor = uuid_of(before)
    if cursor is not None:
        found = found.filter(pk__lt=cursor)
    found = found.select_related("service", "integration", "incident", "silenced_by")
    found = found.defer("description", "annotations").order_by("-pk")
    listed: list[Alert] = []
    for place in workspaces_of(user).values_list("pk", flat=True):
        listed += found.filter(workspace=place)[: PAGE_SIZE + 1]
    listed.sort(key=lambda alert: alert.pk, reverse=True)
    shown = listed[:PAGE_SIZE]
    return AlertPage(shown, shown[-1].pk.hex if len(listed) > PAGE_SIZE else "")


def _of_view(alerts: AlertQuerySet, view: str) -> AlertQuerySet:
    match view:
        case "live":
            return alerts.live()
        case "flapping":
            return alerts.filter(is_flapping=True)
        case "silenced":
            return alerts.filter(silenced_by__isnull=False, incident__isnull=True)
        case "resolved":
            return alerts.filter(status=AlertStatus.RESOLVED)
        case _:
            return alerts


def _narrowed(found: AlertQuerySet, filters: AlertFilters) -> AlertQuerySet:
    equal = {
        "status": filters.status,
        "severity": filters.severity,
        "service_id": filters.service,
        "integration_id": filters.integration,
    }
    found = found.filter(**{name: value for name, value in equal.items() if value})
    if filters.q:
        found = found.filter(
            Q(title__icontains=filters.q)
            | Q(dedup_key=filters.q)
            | Q(service__name__icontains=filters.q)
        )
    return found


def has_any(user: AnyUser) -> bool:
    return Alert.objects.visible_to(user).exists()


def services(user: AnyUser) -> list[Service]:
    """What the list can be narrowed to."""
    here = Service.objects.filter(workspace__in=workspaces_of(user), retired_at__isnull=True)
    return list(here.only("pk", "name"))


def senders(user: AnyUser) -> list[Integration]:
    here = Integration.objects.visible_to(user).exclude(kind=Integration.Kind.OTLP)
    return list(here.order_by("name"))


def visible_alert(user: AnyUser, alert_id: UUID) -> Alert:
    found = Alert.objects.visible_to(user).select_related(
        "workspace", "service", "integration", "incident__merged_into", "silenced_by", "delivery"
    )
    return get_object_or_404(found.defer("delivery__body", "delivery__headers"), pk=alert_id)


def visible_alerts(user: AnyUser, ids: Collection[str]) -> list[Alert]:
    """Those of these that the user may see; what is no id is left out."""
    wanted = [found for text in list(ids)[:PAGE_SIZE] if (found := uuid_of(text)) is not None]
    return list(Alert.objects.visible_to(user).filter(pk__in=wanted).select_related("service"))


def episodes_of(alert: Alert) -> list[Alert]:
    """The newest episodes of the same alert, itself among them."""
    same = Alert.objects.filter(integration=alert.integration_id, dedup_key=alert.dedup_key)
    return list(same.select_related("incident").order_by("-starts_at")[:SHOWN_EPISODES])


def decisions_of(alert: Alert) -> QuerySet[GroupingDecision]:
    return alert.decisions.select_related("incident", "moved_from", "rule", "by")
