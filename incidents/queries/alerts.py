"""Alerts, page by page: as many queries for a hundred thousand of them as for one."""

import hashlib
import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass, fields
from uuid import UUID

from django.db.models import Q, TextField
from django.db.models.fields.json import KeyTextTransform
from django.db.models.functions import Cast
from django.shortcuts import get_object_or_404
from django.utils.http import urlencode

from incidents.lifecycle import AlertStatus, Severity
from incidents.models import (
    Alert,
    AlertQuerySet,
    GroupingDecision,
    Incident,
    Integration,
    Service,
    Workspace,
)
from incidents.queries.access import AnyUser, workspaces_of

PAGE_SIZE = 50
MOST_NEW = 99  # more are "99+"
SHOWN_EPISODES = 20
_SHOWN = (
    "pk",
    "status",
    "ends_at",
    "severity",
    "times_seen",
    "last_seen_at",
    "incident_id",
    "is_flapping",
    "silenced_by_id",
)

# In the search: region=eu-1, or region="eu 1"; names may hold dots, dashes and slashes.
_LABEL = re.compile(r"""(?<!\S)([A-Za-z_][\w.\-/]*)=("[^"]*"|\S+)""")
_MOST_LABELS = 5

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
    incident: str = ""

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
            incident=values["incident"] if uuid_of(values["incident"]) else "",
        )

    @property
    def labels(self) -> list[tuple[str, str]]:
        """The labels that the search names, with their values."""
        return [(name, value.strip('"')) for name, value in _LABEL.findall(self.q)][:_MOST_LABELS]

    @property
    def words(self) -> str:
        """What the search holds beside labels."""
        return " ".join(_LABEL.sub(" ", self.q).split())

    @property
    def is_narrowed(self) -> bool:
        narrowing = (self.status, self.severity, self.service, self.integration, self.incident)
        return bool(self.q) or any(narrowing)

    def as_query(self, **changed: str) -> str:
        values = {f.name: getattr(self, f.name) for f in fields(self)} | changed
        return urlencode({name: value for name, value in values.items() if value})


def moving_parts(alert: Alert) -> list[object]:
    """What may change of an alert while somebody looks at it."""
    state = alert.incident.state if alert.incident else ""
    return [*(getattr(alert, name) for name in _SHOWN), state]


@dataclass(frozen=True)
class AlertPage:
    """`new` counts what a reload would show above or among these rows."""

    rows: list[Alert]
    next_cursor: str
    new: int = 0

    @property
    def shown(self) -> str:
        """Which rows these are, for `held`."""
        return "".join(alert.pk.hex for alert in self.rows)

    @property
    def tag(self) -> str:
        """Changes when anything that the page shows does."""
        shown = [moving_parts(alert) for alert in self.rows]
        return hashlib.sha256(repr([self.new, shown]).encode()).hexdigest()[:16]


def page(
    filters: AlertFilters,
    user: AnyUser,
    *,
    before: str = "",
    limit: int = PAGE_SIZE,
    workspace: Workspace | None = None,
) -> AlertPage:
    """Newest first: an id tells the time.

    Each workspace is asked for its newest by itself, because an index can hand out the rows of one
    in order, and those of several only after sorting them all.
    """
    found = _as_rows(_narrowed(_of_view(Alert.objects.all(), filters.view), filters))
    cursor = uuid_of(before)
    if cursor is not None:
        found = found.filter(pk__lt=cursor)
    found = found.order_by("-pk")
    listed: list[Alert] = []
    for place in workspaces_of(user, only=workspace).values_list("pk", flat=True):
        listed += found.filter(workspace=place)[: limit + 1]
    listed.sort(key=lambda alert: alert.pk, reverse=True)
    shown = listed[:limit]
    return AlertPage(shown, shown[-1].pk.hex if len(listed) > limit else "")


def held(
    filters: AlertFilters, user: AnyUser, *, shown: str, before: str = "", has_more: bool = False
) -> AlertPage:
    """The same rows as they are now, in their places, however the list has changed meanwhile.

    A list that moves while somebody reads it, or reaches for a box, is worse than one that waits.
    """
    ids = [found for part in _parts(shown) if (found := uuid_of(part)) is not None][:PAGE_SIZE]
    if not ids:
        return page(filters, user, before=before)
    now = {a.pk: a for a in _as_rows(Alert.objects.visible_to(user).filter(pk__in=ids))}
    rows = [now[pk] for pk in ids if pk in now]
    new = 0 if before else _new(filters, user, ids, has_more=has_more)
    return AlertPage(rows, ids[-1].hex if has_more else "", new)


def _parts(shown: str) -> list[str]:
    return [shown[at : at + 32] for at in range(0, len(shown), 32)]


def _new(filters: AlertFilters, user: AnyUser, ids: list[UUID], *, has_more: bool) -> int:
    matching = _narrowed(_of_view(Alert.objects.all(), filters.view), filters).order_by("-pk")
    if has_more:
        matching = matching.filter(pk__gt=ids[-1])
    listed: set[UUID] = set()
    for place in workspaces_of(user).values_list("pk", flat=True):
        here = matching.filter(workspace=place).values_list("pk", flat=True)
        listed |= set(here[: PAGE_SIZE + MOST_NEW + 1])
    return len(listed - set(ids))


def _as_rows(found: AlertQuerySet) -> AlertQuerySet:
    found = found.select_related("service", "integration", "incident", "silenced_by")
    return found.defer("description", "annotations")


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
    if (incident := uuid_of(filters.incident)) is not None:
        found = found.of_incident(incident)
    return _that_say(found, filters) if filters.q else found


def _that_say(found: AlertQuerySet, filters: AlertFilters) -> AlertQuerySet:
    """With the labels and the words of the search; or whose key the whole of it is."""
    said = Q()
    for number, (name, value) in enumerate(filters.labels):
        as_text = Cast(KeyTextTransform(name, "labels"), TextField())  # or SQLite compares JSON
        found = found.alias(**{f"label_{number}": as_text})
        said &= Q(**{f"label_{number}": value})
    if words := filters.words:
        said &= Q(title__icontains=words) | Q(service__name__icontains=words)
    return found.filter(said | Q(dedup_key=filters.q))


def has_any(user: AnyUser) -> bool:
    return Alert.objects.visible_to(user).exists()


def services(user: AnyUser) -> list[Service]:
    """What the list can be narrowed to."""
    here = Service.objects.filter(workspace__in=workspaces_of(user), retired_at__isnull=True)
    return list(here.only("pk", "name"))


def key_of_incident(filters: AlertFilters, user: AnyUser) -> str:
    """What the incident that the list is narrowed to is called, if this user may see it."""
    if not filters.incident:
        return ""
    found = Incident.objects.visible_to(user).filter(pk=filters.incident).only("number").first()
    return found.key if found is not None else ""


def senders(user: AnyUser) -> list[Integration]:
    here = Integration.objects.visible_to(user).exclude(kind=Integration.Kind.OTLP)
    return list(here.order_by("name"))


def visible_alert(user: AnyUser, alert_id: UUID, *, workspace: Workspace | None = None) -> Alert:
    """An alert of a workspace of this user, or of just this one; 404 otherwise."""
    found = Alert.objects.filter(workspace__in=workspaces_of(user, only=workspace)).select_related(
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


def decisions_of(alert: Alert) -> list[GroupingDecision]:
    return list(alert.decisions.select_related("incident", "moved_from", "rule", "by"))
