"""What senders push: kept in one transaction a request, and thrown away by age and by number."""

from collections.abc import Sequence
from dataclasses import asdict
from datetime import UTC, datetime, timedelta

from django.conf import settings
from django.contrib.auth.models import User
from django.db import IntegrityError, transaction
from django.db.models import F

from airra.lib import clock, metrics
from analysis.models import Connector, Feed, PushedLine, PushedSpan
from analysis.types import LogLine, Span
from incidents.commands.integration import create_integration
from incidents.models import Integration

_SLACK = 1.1  # of the most rows kept: what may come between two sweeps
_BATCH = 5000
_BATCHES = 10  # a sweep deletes: 5,000 rows a second where it runs every ten seconds

_MODELS: tuple[type[PushedSpan | PushedLine], ...] = (PushedSpan, PushedLine)


class Full(Exception):
    """The sender has pushed as much as is kept, faster than it is thrown away."""


def oldest_kept() -> datetime:
    return clock.now() - timedelta(hours=settings.PUSHED_RETENTION_H)


def take_spans(*, integration: Integration, spans: Sequence[Span]) -> None:
    """Keep the spans; one that is known by its ids is passed over. Raises `Full`."""
    feed = _feed_of(integration)
    _require_room(feed.spans + len(spans), "spans")
    with transaction.atomic():
        PushedSpan.objects.bulk_create(
            [PushedSpan(**_common(feed, integration), **_fields(span, "start")) for span in spans],
            batch_size=1000,
            ignore_conflicts=True,
        )
        Feed.objects.filter(pk=feed.pk).update(spans=F("spans") + len(spans))
    metrics.PUSHED.labels(signal="spans").inc(len(spans))


def take_lines(*, integration: Integration, lines: Sequence[LogLine]) -> None:
    """Keep the lines. They have no ids: what is sent twice is there twice. Raises `Full`."""
    feed = _feed_of(integration)
    _require_room(feed.lines + len(lines), "lines")
    with transaction.atomic():
        PushedLine.objects.bulk_create(
            [PushedLine(**_common(feed, integration), **_fields(line, "at")) for line in lines],
            batch_size=1000,
        )
        Feed.objects.filter(pk=feed.pk).update(lines=F("lines") + len(lines))
    metrics.PUSHED.labels(signal="lines").inc(len(lines))


@transaction.atomic
def connect(*, connector: Connector, by: User) -> str:
    """Give a source that is pushed its sender. Returns the sender's token, which is shown once."""
    integration, token = create_integration(
        workspace=connector.workspace,
        name=f"{connector.name[:80]} {str(connector.pk)[-8:]}",
        kind=Integration.Kind.OTLP,
        by=by,
    )
    Feed.objects.create(connector=connector, integration=integration)
    return token


def prune() -> None:
    """Delete what is too old or too much, the oldest first, in bounded batches."""
    for connector in Connector.objects.filter(kind=Connector.Kind.OTLP):
        spans, lines = (_prune(model, connector) for model in _MODELS)
        Feed.objects.filter(connector=connector).update(spans=spans, lines=lines)


def _prune(model: type[PushedSpan | PushedLine], connector: Connector) -> int:
    """Returns how many rows are left."""
    rows = model._default_manager.filter(connector=connector)
    count = rows.count()
    old = rows.filter(received_at__lt=oldest_kept())
    for _ in range(_BATCHES):
        excess = min(max(count - settings.PUSHED_MAX_ROWS, 0), _BATCH)
        candidates = rows.order_by("received_at")[:excess] if excess else old[:_BATCH]
        gone, _ = rows.filter(pk__in=list(candidates.values_list("pk", flat=True))).delete()
        if not gone:
            break
        count -= gone
    return count


def _require_room(count: int, what: str) -> None:
    if count > settings.PUSHED_MAX_ROWS * _SLACK:
        msg = f"{settings.PUSHED_MAX_ROWS:,} {what} are kept of one sender: send less, or sample"
        raise Full(msg)


def _feed_of(integration: Integration) -> Feed:
    """The sender's feed; the first request makes it, with the connector that answers it."""
    Integration.objects.filter(pk=integration.pk).update(last_seen_at=clock.now())
    found = Feed.objects.filter(integration=integration).first()
    if found is not None:
        return found
    try:
        with transaction.atomic():
            return Feed.objects.create(connector=_connector(integration), integration=integration)
    except IntegrityError:  # the first request of another thread, at this very moment
        return Feed.objects.get(integration=integration)


def _connector(integration: Integration) -> Connector:
    """A connector with the sender's name, made unique where that is taken."""
    taken = Connector.objects.filter(
        workspace=integration.workspace, name=integration.name
    ).exists()
    name = f"{integration.name[:80]} {str(integration.pk)[-8:]}" if taken else integration.name
    return Connector.objects.create(
        workspace=integration.workspace,
        name=name,
        kind=Connector.Kind.OTLP,
    )


def _common(feed: Feed, integration: Integration) -> dict[str, object]:
    return {
        "workspace_id": integration.workspace_id,
        "connector_id": feed.connector_id,
        "received_at": clock.now(),
    }


def _fields(record: Span | LogLine, time: str) -> dict[str, object]:
    """The record's fields as those of its row, whose names they share."""
    fields = asdict(record)
    return {**fields, time: datetime.fromtimestamp(fields[time], UTC)}
