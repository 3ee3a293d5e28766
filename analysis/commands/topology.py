"""The service graph as traces show it."""

from datetime import UTC, datetime, timedelta

import structlog
from django.db import transaction
from django.db.models import Q

from airra.lib import clock
from analysis.connectors.base import ConnectorError
from analysis.models import Connector
from analysis.perception import spans
from analysis.queries.sources import open_traces
from analysis.types import Edge, Span
from incidents.commands.service import ensure, link

log = structlog.get_logger(__name__)

_STALE = timedelta(minutes=2)
_RETRY = timedelta(minutes=1)
_WINDOW_S = 300.0
_TRACES_EACH = 30
_MAX_SERVICES = 60


def learn_where_stale() -> None:
    """Read the graph anew from every trace source not read lately. A failing one is put off."""
    now = clock.now()
    is_old = Q(last_ok_at__isnull=True) | Q(last_ok_at__lt=now - _STALE)
    may_try = Q(last_error_at__isnull=True) | Q(last_error_at__lt=now - _RETRY)
    found = Connector.objects.filter(is_old, may_try, kind=Connector.Kind.JAEGER, is_enabled=True)
    for connector in found.select_related("workspace"):
        try:
            edges = learn(connector=connector)
        except ConnectorError as error:
            log.warning("topology_not_read", connector=connector.name, error=str(error))
            Connector.objects.filter(pk=connector.pk).update(
                last_error=str(error), last_error_at=clock.now()
            )
        else:
            Connector.objects.filter(pk=connector.pk).update(last_ok_at=clock.now())
            log.info("topology_read", connector=connector.name, edges=len(edges))


def learn(*, connector: Connector) -> list[Edge]:
    """Store the edges of the last minutes' traces. Raises `ConnectorError`."""
    now = clock.now().timestamp()
    source = open_traces(connector)
    seen: list[Span] = []
    for service in source.services()[:_MAX_SERVICES]:
        seen += source.spans(service, start=now - _WINDOW_S, end=now, limit=_TRACES_EACH)
    edges = spans.compare(seen, split=now)
    with transaction.atomic():
        for edge in edges:
            link(
                caller=ensure(workspace=connector.workspace, name=edge.src),
                callee=ensure(workspace=connector.workspace, name=edge.dst),
                source=edge.source,
                seen_at=datetime.fromtimestamp(edge.last_seen, UTC),
            )
    return edges
