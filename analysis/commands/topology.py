"""The service graph as traces and client metrics show it."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import numpy as np
import structlog
from django.db.models import Q, QuerySet

from airra.lib import clock
from airra.lib.db import Conflict, compare_and_set
from airra.lib.jobs import Job, enqueue
from analysis.connectors.base import ConnectorError
from analysis.models import Connector
from analysis.perception import spans
from analysis.queries.sources import open_source
from analysis.types import MetricSource, Span, TraceSource
from incidents.commands.service import learn_edges, prune_edges
from incidents.models import ServiceDependency, Workspace

log = structlog.get_logger(__name__)

Pair = tuple[str, str]
_STALE = timedelta(minutes=2)
_WINDOW_S = 300.0
_TRACES_EACH = 30
_MAX_SERVICES = 60
_MAX_EDGES = 2000
_KINDS = (
    Connector.Kind.JAEGER, Connector.Kind.TEMPO, Connector.Kind.OTLP, Connector.Kind.PROMETHEUS,
)  # fmt: skip


@dataclass(frozen=True)
class ClientMetric:
    """A counter of calls that names both ends."""

    name: str
    caller: str
    callee: str

    @property
    def query(self) -> str:
        return f"sum by ({self.caller}, {self.callee}) (rate({self.name}[5m])) > 0"


CLIENT_METRICS = (
    ClientMetric("http_client_requests_total", "service", "peer"),
    ClientMetric("istio_requests_total", "source_workload", "destination_workload"),
    ClientMetric("traces_service_graph_request_total", "client", "server"),
)


def wake_where_stale() -> int:
    """Wake a job for every source whose calls were not read lately; returns how many."""
    prune_edges()
    claimed = _claim(Connector.objects.all())
    for connector in claimed:
        enqueue(Job.LEARN_TOPOLOGY, connector_id=str(connector.pk))
    return len(claimed)


def learn_where_stale(workspace: Workspace) -> None:
    """Read them here and now, for who needs the graph as it is."""
    for connector in _claim(Connector.objects.filter(workspace=workspace)):
        learn(connector_id=str(connector.pk))


def _claim(connectors: QuerySet[Connector]) -> list[Connector]:
    """The stale ones that nobody else reads; each is tried again after two minutes, well or not."""
    now = clock.now()
    is_stale = Q(graph_read_at__isnull=True) | Q(graph_read_at__lt=now - _STALE)
    claimed = []
    for connector in connectors.filter(is_stale, kind__in=_KINDS, is_enabled=True):
        try:
            compare_and_set(connector, "graph_read_at", expect=connector.graph_read_at, to=now)
        except Conflict:
            continue
        claimed.append(connector)
    return claimed


def learn(*, connector_id: str) -> None:
    """Store the calls a source shows. Safe to repeat; an error goes on the row.

    Not on that of a metric source: its detectors say how it fares, and one without such a counter
    is no worse.
    """
    connector = (
        Connector.objects.filter(pk=connector_id, is_enabled=True)
        .select_related("workspace")
        .first()
    )
    if connector is None:
        return
    now = clock.now()
    outcome: dict[str, str | datetime]
    try:
        number = read(connector, now)
    except ConnectorError as error:
        log.warning("topology_not_read", connector=connector.name, error=str(error))
        outcome = {"last_error": str(error), "last_error_at": now}
    else:
        log.info("topology_read", connector=connector.name, edges=number)
        outcome = {"last_ok_at": now}
    if connector.kind != Connector.Kind.PROMETHEUS:
        Connector.objects.filter(pk=connector.pk).update(**outcome)


def read(connector: Connector, now: datetime) -> int:
    """Store the calls of the last minutes; returns how many. Raises `ConnectorError`."""
    opened = open_source(connector)
    if isinstance(opened, TraceSource):
        source, seen = ServiceDependency.Source.TRACES, _traced(opened, now.timestamp())
    elif isinstance(opened, MetricSource):
        source, seen = ServiceDependency.Source.METRICS, _counted(opened, now.timestamp())
    else:
        return 0
    kept = dict(sorted(seen.items())[:_MAX_EDGES])
    learn_edges(workspace=connector.workspace, source=source, seen=kept)
    return len(kept)


def _traced(source: TraceSource, now: float) -> Mapping[Pair, datetime]:
    seen: list[Span] = []
    for service in source.services()[:_MAX_SERVICES]:
        seen += source.spans(service, start=now - _WINDOW_S, end=now, limit=_TRACES_EACH)
    edges = spans.compare(seen, split=now)
    return {(e.src, e.dst): datetime.fromtimestamp(min(e.last_seen, now), UTC) for e in edges}


def _counted(source: MetricSource, now: float) -> Mapping[Pair, datetime]:
    at = datetime.fromtimestamp(now, UTC)
    return {pair: at for metric in CLIENT_METRICS for pair in _pairs(source, metric, now)}


def _pairs(source: MetricSource, metric: ClientMetric, now: float) -> Iterable[Pair]:
    frame = source.query(metric.query, at=now)
    for labels, values in zip(frame.labels, frame.values, strict=True):
        ends = (labels.get(metric.caller, ""), labels.get(metric.callee, ""))
        is_known = not {"", "unknown"} & set(ends) and ends[0] != ends[1]
        if is_known and np.isfinite(values[-1]):
            yield ends
