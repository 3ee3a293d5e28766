"""Silences: which of them covers an alert, and the lists and pages that show them."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from django.db.models import Count, Q
from django.shortcuts import get_object_or_404

from airra.lib import clock
from incidents.ingest.matching import BadMatcher, Matcher, all_hold, matchers
from incidents.models import Alert, Integration, Service, Silence, Workspace
from incidents.queries.access import AnyUser, workspaces_of

SHOWN = 100
_LOOKED_AT = 2000  # live alerts that a form is tried on


def not_over(workspace: Workspace) -> list[Silence]:
    """Those that keep alerts quiet, now or later, the longest first."""
    found = Silence.objects.filter(workspace=workspace, ends_at__gt=clock.now())
    return list(found.order_by("-ends_at"))


def covering(
    silences: Iterable[Silence], *, service: Service | None, labels: Mapping[str, str]
) -> Silence | None:
    """The first of these that now keeps such an alert quiet."""
    now = clock.now()
    places = {None, service.pk if service else None}
    for silence in silences:
        is_active = silence.starts_at <= now < silence.ends_at and silence.service_id in places
        if is_active and _holds(silence, labels):
            return silence
    return None


def _holds(silence: Silence, labels: Mapping[str, str]) -> bool:
    """One that cannot be read, edited by hand in the database, must not stop the intake."""
    try:
        return all_hold(matchers(silence.matchers), labels)
    except BadMatcher:
        return False


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


@dataclass(frozen=True)
class SilenceRow:
    """`standing` is coming, active or over."""

    silence: Silence
    standing: str
    swallowed: int
    matchers: tuple[str, ...]


def _row(silence: Silence, swallowed: int, now: datetime) -> SilenceRow:
    standing = "active" if silence.starts_at <= now else "coming"
    standing = "over" if silence.ends_at <= now else standing
    return SilenceRow(silence, standing, swallowed, _words(silence))


def _words(silence: Silence) -> tuple[str, ...]:
    try:
        return tuple(str(one) for one in matchers(silence.matchers))
    except BadMatcher as error:
        return (f"keeps nothing quiet: {error}",)


def rows(user: AnyUser) -> list[SilenceRow]:
    """The newest by their end, so that what still holds or is to come stands first."""
    here = Silence.objects.filter(workspace__in=workspaces_of(user))
    found = here.select_related("service", "created_by").order_by("-ends_at")
    now = clock.now()
    listed = found.annotate(swallowed=Count("alerts"))[:SHOWN]
    return [_row(silence, silence.swallowed, now) for silence in listed]


def page(
    user: AnyUser, *, workspace: Workspace, standing: str, after: UUID | None, limit: int
) -> tuple[list[SilenceRow], UUID | None]:
    """Those of one workspace, the newest first, and where the next page begins, if there is one.

    The alerts of those shown are counted apart: in one question, those of all would be.
    """
    now = clock.now()
    stands = {
        "coming": Q(starts_at__gt=now),
        "active": Q(starts_at__lte=now, ends_at__gt=now),
        "over": Q(ends_at__lte=now),
    }
    here = Silence.objects.filter(workspace__in=workspaces_of(user, only=workspace))
    found = here.filter(stands.get(standing, Q())).select_related("service", "created_by")
    if after is not None:
        found = found.filter(pk__lt=after)
    listed = list(found.order_by("-pk")[: limit + 1])
    shown = listed[:limit]
    kept = Alert.objects.filter(silenced_by__in=shown).order_by().values_list("silenced_by")
    swallowed = dict(kept.annotate(count=Count("pk")))
    rows_shown = [_row(silence, swallowed.get(silence.pk, 0), now) for silence in shown]
    return rows_shown, shown[-1].pk if len(listed) > limit else None


def visible_silence(
    user: AnyUser, silence_id: UUID, *, workspace: Workspace | None = None
) -> Silence:
    """A silence of a workspace of this user, or of just this one; 404 otherwise."""
    here = Silence.objects.filter(workspace__in=workspaces_of(user, only=workspace))
    return get_object_or_404(
        here.select_related("workspace", "service", "created_by"), pk=silence_id
    )


def row_of(silence: Silence) -> SilenceRow:
    return _row(silence, silence.alerts.count(), clock.now())


def swallowed_by(silence: Silence) -> list[Alert]:
    found = silence.alerts.select_related("service", "integration", "incident")
    return list(found.order_by("-pk")[:SHOWN])


def would_match(
    *, workspace: Workspace, service: Service | None, wanted: Sequence[Matcher]
) -> list[Alert]:
    """The live alerts that such a silence would have kept, the newest first."""
    live = Alert.objects.live().filter(workspace=workspace)
    if service is not None:
        live = live.filter(service=service)
    found = live.select_related("service", "integration").order_by("-pk")[:_LOOKED_AT]
    return [alert for alert in found if all_hold(wanted, words_of(alert, alert.integration))]
