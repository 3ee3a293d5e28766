"""How services stand now, as the platform tells: by its metrics, and by its own objects."""

from collections.abc import Mapping

import numpy as np

from analysis.commands.collect.reading import Reading, of_problems
from analysis.commands.collect.scope import Scope
from analysis.connectors.base import ConnectorError
from analysis.models import Connector
from analysis.queries.sources import open_metrics, open_platform
from analysis.reasoning.kubernetes import faults
from analysis.reasoning.toolbox import OfAll
from analysis.types import BROKEN, PlatformObject, Series, State

_KIND = Connector.Kind
KINDS = (_KIND.PROMETHEUS, _KIND.KUBERNETES)
_STATE_S = 60.0
_CERTIFICATE = "certificate_days_left"  # the metric is the second at which it ends
_NEAR_LIMIT = 0.9
# What the platform reports of each service now: field, query, digits.
_STATES = (
    ("restarts_10m", "sum by (service) (increase(service_restarts_total[10m]))", 0),
    ("replicas_up", "sum by (service) (up)", 0),
    ("replicas", "count by (service) (up)", 0),
    (
        "memory_of_limit",
        "max by (service) (process_resident_memory_bytes / process_memory_limit_bytes)",
        2,
    ),
    ("disk_of_size", "max by (service) (disk_used_bytes / disk_size_bytes)", 2),
    ("deadlocks_10m", "sum by (service) (increase(pg_stat_database_deadlocks[10m]))", 0),
    (_CERTIFICATE, "min by (service) (probe_ssl_earliest_cert_expiry)", 2),
)


def get_resource_state(scope: Scope, asked: OfAll) -> Reading:
    """Restarts, replicas, how near to their limits services are, and objects in trouble."""
    connectors = scope.connectors(*KINDS)
    facts: list[State] = []
    problems: list[str] = []
    for connector in connectors:
        read = _objects if connector.kind == _KIND.KUBERNETES else _metrics
        found, wrong = read(connector, scope)
        facts += [fact for fact in found if not asked.service or fact.entity == asked.service]
        problems += wrong
    questions = sum(1 if c.kind == _KIND.KUBERNETES else len(_STATES) for c in connectors)
    by_entity: dict[str, dict[str, str]] = {}
    for fact in facts:
        by_entity.setdefault(fact.entity, {})[fact.field] = fact.value
    return Reading(
        source=" + ".join(connector.name for connector in connectors),
        native_query="\n".join(query for _, query, _ in _STATES),
        window=(scope.ctx.now - _STATE_S, scope.ctx.now),
        summary=_summary(by_entity),
        facts=facts,
        rows=[
            *(f"not read: {problem}" for problem in problems),
            *(
                f"{entity}: {', '.join(f'{k}={v}' for k, v in fields.items())}"
                for entity, fields in sorted(by_entity.items())
            ),
        ],
        status=of_problems(facts, problems),
        coverage=1 - len(problems) / questions if facts else 0.0,
        raw=facts,
    )


def _metrics(connector: Connector, scope: Scope) -> tuple[list[State], list[str]]:
    source = open_metrics(connector)
    now = scope.ctx.now
    facts: list[State] = []
    problems: list[str] = []
    for field, query, digits in _STATES:
        try:
            series = source.query_range(query, start=now - _STATE_S, end=now, step_s=5)
        except ConnectorError as error:
            problems.append(f"{field}: {error}")
            continue
        facts += [state for one in series if (state := _state(one, field, digits))]
    return facts, problems


def _state(series: Series, field: str, digits: int) -> State | None:
    there = np.flatnonzero(np.isfinite(series.values))
    entity = series.labels.get("service", "")
    if not len(there) or not entity:
        return None
    number, at = float(series.values[there[-1]]), float(series.times[there[-1]])
    if field == _CERTIFICATE:
        number = (number - at) / 86_400
    return State(entity=entity, field=field, value=f"{number:.{digits}f}", at=at)


def _objects(connector: Connector, scope: Scope) -> tuple[list[State], list[str]]:
    """Workloads short of replicas, and whatever the platform has a word of trouble for."""
    try:
        held = open_platform(connector).inventory()
    except ConnectorError as error:
        return [], [f"{connector.name}: {error}"]
    now = scope.ctx.now
    found = [state for one in held.objects for state in _of_object(one, now)]
    ruled = faults.broken(held, scope.ctx.services, now)
    return [*found, *ruled], []


def _of_object(one: PlatformObject, now: float) -> list[State]:
    """Facts of a service's own object, or of a node by its name."""
    entity = one.service or (one.name if one.kind == "Node" else "")
    if not entity:
        return []
    found = []
    if one.problem:
        found.append(State(entity, "problem", one.problem, now))
    if one.kind in {"Deployment", "StatefulSet", "DaemonSet"}:
        found.append(State(entity, "replicas_desired", str(one.desired), now))
        found.append(State(entity, "replicas_ready", str(one.ready), now))
    return found


def _summary(by_entity: Mapping[str, Mapping[str, str]]) -> str:
    def number(fields: Mapping[str, str], name: str) -> float:
        return float(fields.get(name, 0))

    def is_short(fields: Mapping[str, str]) -> bool:
        desired, ready = number(fields, "replicas_desired"), number(fields, "replicas_ready")
        return number(fields, "replicas_up") < number(fields, "replicas") or ready < desired

    def is_full(fields: Mapping[str, str]) -> bool:
        most = max(number(fields, "memory_of_limit"), number(fields, "disk_of_size"))
        return most >= _NEAR_LIMIT

    tellings = (
        ("restarted lately", lambda fields: number(fields, "restarts_10m") > 0),
        ("fewer replicas up than there are", is_short),
        ("near a limit", is_full),
        ("in trouble", lambda fields: "problem" in fields),
        ("broken", lambda fields: any(name.startswith(BROKEN) for name in fields)),
    )
    words = []
    for what, applies in tellings:
        which = sorted(entity for entity, fields in by_entity.items() if applies(fields))
        if which:
            words.append(f"{what}: {', '.join(which)}")
    return "; ".join(words) or f"{len(by_entity)} services: no restarts, all up, none near a limit"
