"""The connected sources, opened for reading with the credential their row names."""

from typing import TypeVar

from airra.env import EnvError, referenced_secret
from analysis.connectors.base import ConnectorError, Problem, Source
from analysis.connectors.changes import Changes
from analysis.connectors.jaeger import Jaeger
from analysis.connectors.loki import Loki
from analysis.connectors.prometheus import Prometheus
from analysis.connectors.registry import AnySource, build
from analysis.models import Connector
from analysis.types import EventSource, LogSource, MetricSource, TraceSource
from incidents.models import Workspace

Reader = TypeVar("Reader", bound=Source)


def open_source(connector: Connector) -> AnySource:
    """A client of this source; nothing is sent yet. Raises `ConnectorError` without its secret."""
    bearer = ""
    if connector.secret_ref:
        try:
            bearer = referenced_secret(connector.secret_ref)
        except EnvError as error:
            raise ConnectorError(Problem.DENIED, f"{connector.name}: {error}") from error
    return build(connector.kind, url=connector.url, bearer=bearer, timeout_s=connector.timeout_s)


def _opened(connector: Connector, reader: type[Reader]) -> Reader:
    source = open_source(connector)
    if not isinstance(source, reader):
        msg = f"{connector.name} is a {connector.kind} connector, not {reader.title}"
        raise ConnectorError(Problem.MALFORMED, msg)
    return source


def open_metrics(connector: Connector) -> MetricSource:
    return _opened(connector, Prometheus)


def open_logs(connector: Connector) -> LogSource:
    return _opened(connector, Loki)


def open_traces(connector: Connector) -> TraceSource:
    return _opened(connector, Jaeger)


def open_events(connector: Connector) -> EventSource:
    return _opened(connector, Changes)


def enabled_connectors(workspace: Workspace, kind: str) -> list[Connector]:
    """The connectors of one kind that are switched on, by name."""
    found = Connector.objects.filter(workspace=workspace, kind=kind, is_enabled=True)
    return list(found.order_by("name"))
