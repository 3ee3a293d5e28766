"""Sources as operators see them: whether they answer, since when not, and who depends on them."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any
from uuid import UUID

from django.db.models import Avg, Count, OuterRef, Q, QuerySet, Subquery
from django.shortcuts import get_object_or_404

from airra.lib import clock
from analysis.models import Connector, Detector, Evidence, Feed
from analysis.queries.source_kinds import KINDS, SourceKind
from incidents.models import Workspace
from incidents.queries.access import AnyUser, workspaces_of

_TIMED_DAYS = 7


class Health(StrEnum):
    ANSWERS = "answers"
    FAILING = "failing"
    NOT_TRIED = "not_tried_yet"
    OFF = "off"


def health_of(connector: Connector) -> Health:
    """What is known of a source by its last answers; a source switched off is not asked."""
    if not connector.is_enabled:
        return Health.OFF
    failed, answered = connector.last_error_at, connector.last_ok_at
    if connector.failing_since or (failed and (answered is None or failed > answered)):
        return Health.FAILING
    return Health.ANSWERS if answered else Health.NOT_TRIED


@dataclass(frozen=True)
class SourceRow:
    connector: Connector
    detectors: int
    answer_ms: float | None  # on average, in the investigations of a week

    @property
    def health(self) -> Health:
        return health_of(self.connector)

    @property
    def kind(self) -> SourceKind:
        return KINDS[self.connector.kind]

    @property
    def can_be_watched(self) -> bool:
        """Whether there are detectors for what it gives."""
        return any(signal in self.kind.gives for signal in ("metrics", "logs", "traces"))

    @property
    def failing_since(self) -> datetime | None:
        """None while it answers; the first failure in a row where that is known."""
        if self.health is not Health.FAILING:
            return None
        return self.connector.failing_since or self.connector.last_error_at


def _visible(user: AnyUser, workspace: Workspace | None = None) -> QuerySet[Connector]:
    places = workspaces_of(user)
    if workspace is not None:
        places = places.filter(pk=workspace.pk)
    recent = Evidence.objects.filter(
        connector=OuterRef("pk"), executed_at__gte=clock.now() - timedelta(days=_TIMED_DAYS)
    )
    mean = recent.order_by().values("connector").annotate(ms=Avg("duration_ms")).values("ms")
    return (
        Connector.objects.filter(workspace__in=places)
        .select_related("workspace")
        .annotate(
            watchers=Count("detectors", filter=Q(detectors__is_enabled=True)),
            answer_ms=Subquery(mean),
        )
    )


def _row(connector: Connector) -> SourceRow:
    counts: dict[str, Any] = connector.__dict__
    return SourceRow(connector, counts["watchers"], counts["answer_ms"])


def rows(user: AnyUser, *, workspace: Workspace | None = None) -> list[SourceRow]:
    """What fails first, then by name."""
    found = [_row(connector) for connector in _visible(user, workspace).order_by("name")]
    return sorted(found, key=lambda row: row.health is not Health.FAILING)


def row(user: AnyUser, source_id: UUID) -> SourceRow:
    return _row(get_object_or_404(_visible(user), pk=source_id))


def push_path(connector: Connector) -> str:
    """Where to push to a source that is pushed; the collector adds /v1/traces and /v1/logs."""
    feed = Feed.objects.filter(connector=connector).first()
    return f"/otlp/{feed.integration_id}" if feed else "/otlp/<integration>"


def dependants(connector: Connector, *, limit: int = 50) -> list[Detector]:
    """The detectors that read from this source, the failing first."""
    return list(connector.detectors.order_by("-is_enabled", "-last_error", "name")[:limit])
