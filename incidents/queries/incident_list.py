"""The incident list: a filter read from the URL, the tabs with their counts, a page of rows."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, fields
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from django.contrib.auth.models import User
from django.db.models import Count, Q
from django.utils.http import urlencode

from incidents.lifecycle import LIVE_STATES, Severity, State
from incidents.models import Incident, Service, TimelineEvent
from incidents.permissions import Permission
from incidents.queries.access import AnyUser
from incidents.queries.shell import Desk

PAGE_SIZE = 25

TABS: dict[str, str] = {
    "open": "Open",
    "predicted": "Predicted",
    "needs-me": "Needs me",
    "critical": "Critical",
    "resolved": "Resolved",
    "all": "All",
}


@dataclass(frozen=True)
class Filters:
    """What the URL asks for. Unknown values are dropped, so that any URL shows a list."""

    view: str = "open"
    q: str = ""
    severity: str = ""
    service: str = ""
    owner: str = ""
    state: str = ""

    @classmethod
    def parse(cls, given: Mapping[str, str]) -> "Filters":
        values = {f.name: str(given.get(f.name, "")).strip()[:100] for f in fields(cls)}
        return cls(
            view=values["view"] if values["view"] in TABS else "open",
            q=values["q"],
            severity=values["severity"] if values["severity"] in set(Severity) else "",
            service=values["service"],
            owner=values["owner"],
            state=values["state"] if values["state"] in set(State) else "",
        )

    @property
    def is_narrowed(self) -> bool:
        return any((self.q, self.severity, self.service, self.owner, self.state))

    def as_query(self, **changed: str) -> str:
        values = {f.name: getattr(self, f.name) for f in fields(self)} | changed
        return urlencode({name: value for name, value in values.items() if value})


@dataclass(frozen=True)
class Cursor:
    """Where the next page begins: after this row, newest first."""

    opened_at: datetime
    pk: UUID

    @classmethod
    def parse(cls, text: str) -> "Cursor | None":
        moment, _, key = text.partition("~")
        try:
            return cls(datetime.fromisoformat(moment).astimezone(UTC), UUID(key))
        except (ValueError, OverflowError):
            return None

    def condition(self) -> Q:
        """The rows of the pages after this one."""
        return Q(opened_at__lt=self.opened_at) | Q(opened_at=self.opened_at, id__lt=self.pk)

    def __str__(self) -> str:
        return f"{self.opened_at.isoformat()}~{self.pk.hex}"


@dataclass(frozen=True)
class Tab:
    key: str
    label: str
    count: int


@dataclass(frozen=True)
class IncidentPage:
    rows: list[Incident]
    next_cursor: str


def _holding(desks: Collection[Desk], permission: Permission) -> list[UUID]:
    return [d.workspace.pk for d in desks if permission in d.permissions]


def _needs(user: AnyUser, desks: Collection[Desk]) -> Q:
    """Mine; or waiting for a decision I may take; or stuck where I may respond."""
    decide = Q(state=State.AWAITING_APPROVAL, workspace__in=_holding(desks, Permission.APPROVE))
    stuck = Q(state=State.NO_SAFE_ACTION, workspace__in=_holding(desks, Permission.RESPOND))
    return Q(state__in=sorted(LIVE_STATES)) & (Q(owner_id=user.pk) | decide | stuck)


def _tab_conditions(user: AnyUser, desks: Collection[Desk]) -> dict[str, Q]:
    live = Q(state__in=sorted(LIVE_STATES))
    there = live & Q(is_predicted=False)
    return {
        "open": there,
        "predicted": live & Q(is_predicted=True),
        "needs-me": _needs(user, desks),
        "critical": there & Q(severity=Severity.CRITICAL),
        "resolved": Q(state__in=[State.RESOLVED, State.CLOSED]),
        "all": Q(),
    }


def tabs(user: AnyUser, desks: Collection[Desk]) -> list[Tab]:
    conditions = _tab_conditions(user, desks)
    counts = {
        key.replace("-", "_"): Count("pk", filter=condition) if condition else Count("pk")
        for key, condition in conditions.items()
    }
    found = Incident.objects.visible_to(user).order_by().aggregate(**counts)
    return [Tab(key, label, found[key.replace("-", "_")]) for key, label in TABS.items()]


def _condition(filters: Filters, user: AnyUser) -> Q:
    found = Q()
    if filters.q:
        number = filters.q.upper().removeprefix("INC-")
        found &= (
            Q(title__icontains=filters.q)
            | Q(service__name__icontains=filters.q)
            | Q(number=int(number) if number.isdecimal() and len(number) < 10 else -1)
        )
    if filters.severity:
        found &= Q(severity=filters.severity)
    if filters.service:
        found &= Q(service__name=filters.service)
    if filters.state:
        found &= Q(state=filters.state)
    if filters.owner == "none":
        found &= Q(owner__isnull=True)
    elif filters.owner:
        found &= Q(owner__username=filters.owner) if filters.owner != "me" else Q(owner_id=user.pk)
    return found


def page(
    filters: Filters, user: AnyUser, desks: Collection[Desk], *, after: Cursor | None
) -> IncidentPage:
    found = (
        Incident.objects.visible_to(user)
        .filter(_tab_conditions(user, desks)[filters.view], _condition(filters, user))
        .select_related("service", "owner")
        .order_by("-opened_at", "-id")
    )
    if after is not None:
        found = found.filter(after.condition())
    rows = list(found[: PAGE_SIZE + 1])
    shown = rows[:PAGE_SIZE]
    has_more = len(rows) > PAGE_SIZE
    last = Cursor(shown[-1].opened_at, shown[-1].pk) if has_more else None
    return IncidentPage(shown, str(last or ""))


def newest_event_id(user: AnyUser) -> int:
    """The polling tag of the list: every change to an incident leaves an event behind."""
    visible = TimelineEvent.objects.order_by("-id").values_list("id", flat=True)
    if not getattr(user, "is_superuser", False):
        key: Any = user.pk
        visible = visible.filter(incident__workspace__memberships__user_id=key)
    return visible.first() or 0


def last_resolved_at(user: AnyUser) -> datetime | None:
    return (
        Incident.objects.visible_to(user)
        .filter(resolved_at__isnull=False, is_predicted=False)
        .order_by("-resolved_at")
        .values_list("resolved_at", flat=True)
        .first()
    )


def service_names(desks: Collection[Desk]) -> list[str]:
    here = [d.workspace.pk for d in desks]
    names = Service.objects.filter(workspace__in=here, retired_at__isnull=True)
    return sorted(set(names.values_list("name", flat=True)))


def people(desks: Collection[Desk]) -> list[User]:
    """Who works in these workspaces, by name."""
    here = [d.workspace.pk for d in desks]
    found = User.objects.filter(memberships__workspace__in=here, is_active=True)
    return list(found.distinct().order_by("first_name", "username"))
