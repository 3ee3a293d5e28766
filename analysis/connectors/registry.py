"""From the kind an operator chose to the class that speaks it."""

from collections.abc import Sequence
from pathlib import Path

from analysis.connectors.changes import Changes
from analysis.connectors.elasticsearch import Elasticsearch
from analysis.connectors.jaeger import Jaeger
from analysis.connectors.kubernetes import Kubernetes
from analysis.connectors.logfiles import LogFiles
from analysis.connectors.loki import Loki
from analysis.connectors.prometheus import Prometheus
from analysis.connectors.tempo import Tempo
from analysis.types import EventSource, LogSource, MetricSource, TraceSource

AnySource = MetricSource | LogSource | TraceSource | EventSource
_OverHttp = Prometheus | Loki | Elasticsearch | Jaeger | Tempo | Kubernetes | Changes

OVER_HTTP: dict[str, type[_OverHttp]] = {
    "prometheus": Prometheus,
    "loki": Loki,
    "elasticsearch": Elasticsearch,
    "jaeger": Jaeger,
    "tempo": Tempo,
    "kubernetes": Kubernetes,
    "changes": Changes,
}


def build(
    kind: str,
    *,
    url: str,
    bearer: str = "",
    tenant: str = "",
    timeout_s: float = 10.0,
    log_dirs: Sequence[Path] = (),
) -> AnySource:
    """A source of this kind. Nothing is read yet. `log_dirs` are where log files may be.

    Raises KeyError on an unknown kind, `ConnectorError` when URL or secret can be none.
    """
    if kind == "logfiles":
        return LogFiles(url, log_dirs=log_dirs, timeout_s=timeout_s)
    return OVER_HTTP[kind](url, bearer=bearer, tenant=tenant, timeout_s=timeout_s)
