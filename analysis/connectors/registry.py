"""From the kind an operator chose to the class that speaks it."""

from analysis.connectors.changes import Changes
from analysis.connectors.jaeger import Jaeger
from analysis.connectors.loki import Loki
from analysis.connectors.prometheus import Prometheus
from analysis.types import EventSource, LogSource, MetricSource, TraceSource

AnySource = MetricSource | LogSource | TraceSource | EventSource

KINDS: dict[str, type[Prometheus | Loki | Jaeger | Changes]] = {
    "prometheus": Prometheus,
    "loki": Loki,
    "jaeger": Jaeger,
    "changes": Changes,
}


def build(
    kind: str, *, url: str, bearer: str = "", tenant: str = "", timeout_s: float = 10.0
) -> AnySource:
    """A source of this kind. Nothing is sent yet.

    Raises KeyError on an unknown kind, `ConnectorError` when URL or secret can be none.
    """
    return KINDS[kind](url, bearer=bearer, tenant=tenant, timeout_s=timeout_s)
