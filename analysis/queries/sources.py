"""The connected sources, opened for reading with the credential their row names."""

from typing import NoReturn

from django.conf import settings

from airra.env import EnvError, referenced_secret
from analysis.connectors.base import ConnectorError, Problem
from analysis.connectors.registry import AnySource, build
from analysis.models import Connector
from analysis.queries.pushed import Pushed
from analysis.types import EventSource, LogSource, MetricSource, PlatformSource, TraceSource
from incidents.models import Workspace


def open_source(connector: Connector) -> AnySource:
    """A client of this source; nothing is sent yet. Raises `ConnectorError` without its secret."""
    if connector.kind == Connector.Kind.OTLP:
        return Pushed(connector)
    bearer = ""
    if connector.secret_ref:
        try:
            bearer = referenced_secret(connector.secret_ref)
        except EnvError as error:
            raise ConnectorError(Problem.DENIED, f"{connector.name}: {error}") from error
    try:
        return build(
            connector.kind,
            url=connector.url,
            bearer=bearer,
            tenant=connector.tenant,
            timeout_s=connector.timeout_s,
            log_dirs=settings.LOG_DIRS,
        )
    except KeyError as error:
        msg = f"{connector.name}: nothing is read from a connector of kind {connector.kind}"
        raise ConnectorError(Problem.MALFORMED, msg) from error


def open_metrics(connector: Connector) -> MetricSource:
    source = open_source(connector)
    return source if isinstance(source, MetricSource) else _refuse(connector, "metrics")


def open_logs(connector: Connector) -> LogSource:
    source = open_source(connector)
    return source if isinstance(source, LogSource) else _refuse(connector, "logs")


def open_traces(connector: Connector) -> TraceSource:
    source = open_source(connector)
    return source if isinstance(source, TraceSource) else _refuse(connector, "traces")


def open_events(connector: Connector) -> EventSource:
    source = open_source(connector)
    return source if isinstance(source, EventSource) else _refuse(connector, "changes")


def open_platform(connector: Connector) -> PlatformSource:
    source = open_source(connector)
    return source if isinstance(source, PlatformSource) else _refuse(connector, "platform")


def _refuse(connector: Connector, wanted: str) -> NoReturn:
    msg = f"{connector.name} is a {connector.kind} connector, which holds no {wanted}"
    raise ConnectorError(Problem.MALFORMED, msg)


def enabled_connectors(workspace: Workspace, *kinds: str) -> list[Connector]:
    """Those of these kinds that are switched on, in the order of the kinds and then by name."""
    found = Connector.objects.filter(workspace=workspace, kind__in=kinds, is_enabled=True)
    return sorted(found, key=lambda connector: (kinds.index(connector.kind), connector.name))
