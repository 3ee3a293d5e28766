"""What senders pushed, read as from any other source of logs and traces."""

from datetime import UTC, datetime

from django.db.models import Max, QuerySet

from airra.lib import clock
from analysis.connectors.base import ConnectorError, Problem
from analysis.models import Connector, PushedLine, PushedSpan
from analysis.types import LogLine, Span

_MAX_SPANS = 20_000  # of one question: a trace may have thousands


class Pushed:
    """The rows of one connector, as a `LogSource` and a `TraceSource`. Nothing leaves AIRRA."""

    def __init__(self, connector: Connector) -> None:
        self._connector = connector

    def check(self) -> str:
        """What was received of late. Raises `ConnectorError` while that is nothing."""
        spans, lines = self._spans(), self._lines()
        newest = [rows.aggregate(at=Max("received_at"))["at"] for rows in (spans, lines)]
        times = [at for at in newest if at is not None]
        if not times:
            msg = f"nothing has been pushed to {self._connector.name} yet, or all of it is too old"
            raise ConnectorError(Problem.UNAVAILABLE, msg)
        ago = (clock.now() - max(times)).total_seconds()
        return f"{spans.count():,} spans and {lines.count():,} lines, the newest {ago:.0f} s ago"

    def services(self) -> list[str]:
        return list(self._spans().order_by("service").values_list("service", flat=True).distinct())

    def spans(self, service: str, *, start: float, end: float, limit: int = 200) -> list[Span]:
        """Every span of the newest `limit` traces that pass through `service` in [start, end]."""
        passing = self._spans().filter(service=service, start__range=(_at(start), _at(end)))
        traces = passing.values("trace_id").annotate(newest=Max("start")).order_by("-newest")
        ids = [row["trace_id"] for row in traces[:limit]]
        found = self._spans().filter(trace_id__in=ids).order_by("-start")[:_MAX_SPANS]
        return [_span(row) for row in found]

    def lines(
        self, *, start: float, end: float, service: str = "", limit: int = 2000
    ) -> list[LogLine]:
        """The newest `limit` lines of [start, end), oldest first. Times in Unix seconds."""
        found = self._lines().filter(at__gte=_at(start), at__lt=_at(end))
        if service:
            found = found.filter(service=service)
        return [_line(row) for row in reversed(found.order_by("-at", "-pk")[:limit])]

    def _spans(self) -> QuerySet[PushedSpan]:
        return PushedSpan.objects.filter(**self._ours())

    def _lines(self) -> QuerySet[PushedLine]:
        return PushedLine.objects.filter(**self._ours())

    def _ours(self) -> dict[str, object]:
        """Both: a connector that was moved to another workspace does not take its rows along."""
        return {"connector": self._connector, "workspace": self._connector.workspace_id}


def _at(seconds: float) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)


def _span(row: PushedSpan) -> Span:
    return Span(
        trace_id=row.trace_id,
        span_id=row.span_id,
        parent_id=row.parent_id,
        service=row.service,
        operation=row.operation,
        kind=row.kind,
        start=row.start.timestamp(),
        duration_s=row.duration_s,
        is_error=row.is_error,
        peer=row.peer,
    )


def _line(row: PushedLine) -> LogLine:
    return LogLine(
        at=row.at.timestamp(),
        service=row.service,
        instance=row.instance,
        level=row.level,
        message=row.message,
        trace_id=row.trace_id,
    )
