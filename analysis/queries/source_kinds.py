"""What an operator needs to know of each kind of source: its address, its credential, its right.

Plain words and plain checks; the sources themselves are read in `analysis.connectors`.
"""

from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from django.conf import settings

from analysis.connectors.base import Problem
from analysis.models import Connector

Kind = Connector.Kind
_HAS_SCHEME = ("http", "https")


@dataclass(frozen=True)
class SourceKind:
    """`gives` names the signals; `address` says what to write; `steps` how to connect it."""

    gives: str
    address: str
    steps: str
    has_tenant: bool = False
    is_pushed: bool = False


_BEARER = "# a token, if it asks for one: name it in the secret reference, e.g. PROM, and set\n"

KINDS: dict[str, SourceKind] = {
    Kind.PROMETHEUS: SourceKind(
        "metrics",
        "Where /api/v1/query_range lies below, e.g. http://prometheus:9090; for Mimir the "
        "address that ends in /prometheus.",
        f"{_BEARER}AIRRA_SECRET_PROM=…\n"
        "# Mimir, Cortex, Thanos with tenants: fill in the tenant, sent as X-Scope-OrgID",
        has_tenant=True,
    ),
    Kind.LOKI: SourceKind(
        "logs",
        "Where /loki/api/v1/query_range lies below, e.g. http://loki:3100.",
        f"{_BEARER}AIRRA_SECRET_LOKI=…\n# streams need the label service (or service_name)",
        has_tenant=True,
    ),
    Kind.ELASTICSEARCH: SourceKind(
        "logs",
        "The cluster, with the index if not every one is meant, e.g. https://search:9200.",
        "# a role that may read the log indices and nothing else\n"
        'POST /_security/role/airra {"indices": [{"names": ["logs-*"], "privileges": ["read"]}]}\n'
        "AIRRA_SECRET_ELASTIC=…",
    ),
    Kind.LOGFILES: SourceKind(
        "logs",
        "A path or pattern on the machine of the worker, e.g. /var/log/shop/*.log.",
        "# the folders AIRRA may read from, on web and worker; mount them read-only\n"
        "AIRRA_LOG_DIRS=/var/log/shop",
    ),
    Kind.JAEGER: SourceKind(
        "traces",
        "Where /api/traces lies below, e.g. http://jaeger:16686.",
        f"{_BEARER}AIRRA_SECRET_JAEGER=…",
    ),
    Kind.TEMPO: SourceKind(
        "traces",
        "Where /api/search lies below, e.g. http://tempo:3200.",
        f"{_BEARER}AIRRA_SECRET_TEMPO=…\n# with tenants: fill in the tenant",
        has_tenant=True,
    ),
    Kind.OTLP: SourceKind(
        "traces, logs",
        "None: services and collectors push to AIRRA.",
        "exporters:\n"
        "  otlphttp/airra:\n"
        "    endpoint: {push}\n"
        "    headers:\n"
        "      authorization: Bearer <the token of this source>",
        is_pushed=True,
    ),
    Kind.KUBERNETES: SourceKind(
        "changes, state of workloads",
        "The API server, e.g. https://kubernetes.default.svc.",
        "kubectl create serviceaccount airra -n monitoring\n"
        "kubectl create clusterrolebinding airra-view --clusterrole=view "
        "--serviceaccount=monitoring:airra\n"
        "AIRRA_SECRET_KUBE=$(kubectl create token airra -n monitoring --duration=8760h)",
    ),
    Kind.CHANGES: SourceKind(
        "changes",
        "Where /changes lies below, e.g. http://deploys.internal.",
        "GET /changes?since=<RFC 3339>&until=<RFC 3339> answers\n"
        '{"changes": [{"id": "c-81", "at": "2026-06-01T12:00:00Z", "kind": "deploy",\n'
        '  "service": "payments", "title": "v2.31.0", "actor": "ci"}]}',
    ),
}

REMEDIES: dict[Problem, str] = {
    Problem.UNREACHABLE: "Check the address and port, and that AIRRA's machine may reach it.",
    Problem.TIMEOUT: "It is slow or swamped. Look at its load, or give it a longer time-out.",
    Problem.DENIED: "Check the secret reference: the variable must hold a token that may read.",
    Problem.REJECTED: "It understood us and said no: check the query, and the tenant if any.",
    Problem.UNAVAILABLE: "It answers with errors of its own: look at its logs. AIRRA tries again.",
    Problem.TOO_LARGE: "Its answer is larger than AIRRA takes: narrow the queries that read it.",
    Problem.MALFORMED: "Check that the address is that of its API, and that the kind is right.",
}


def address_problem(kind: str, address: str) -> str:
    """Why this cannot be the address of such a source, in words; nothing when it can."""
    if KINDS[kind].is_pushed:
        return "Leave it empty: this source is pushed to AIRRA." if address else ""
    return _path_problem(address) if kind == Kind.LOGFILES else _url_problem(address)


def _url_problem(address: str) -> str:
    try:
        parts = urlsplit(address)
        host, _ = parts.hostname, parts.port
    except ValueError:
        return "This is not an address: write http://host:port."
    if parts.scheme not in _HAS_SCHEME or not host:
        return "Write the whole address, beginning with http:// or https://."
    if parts.username or parts.password:
        return "Leave the credential out of the address: name it in the secret reference."
    if parts.query or parts.fragment:
        return "Leave out what follows the ? or #: AIRRA adds its own queries."
    return ""


def _path_problem(path: str) -> str:
    allowed = settings.LOG_DIRS
    if not path.startswith("/") or ".." in path.split("/"):
        return "Write the whole path, beginning with /, without .. in it."
    if not allowed:
        return "No folder may be read yet: set AIRRA_LOG_DIRS to the folders of your logs."
    if not any(folder in Path(path).parents for folder in allowed):
        return f"AIRRA may read below {' and '.join(map(str, allowed))} only (AIRRA_LOG_DIRS)."
    return ""
