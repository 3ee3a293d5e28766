"""An alert storm as a table: which component has which alert, who its replicas are, who calls whom.

Names serve only to tell components apart and to see which are replicas of one another (an id less
its trailing number or pod hash). Log templates count; their text is not read.
"""

import re
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray

from analysis.reasoning.rootcause.alert_roles import REQUESTS, Signal, rises, signal
from analysis.types import Case, CaseAlert

Vector = NDArray[np.float64]
_POD_HASH = re.compile(r"-[0-9a-f]{6,10}-[a-z0-9]{5}$")
_NUMBER = re.compile(r"[-_.]?\d+$")


@cache
def group(component: str) -> str:
    """The id without what tells replicas apart: `web-0`, `web1`, `web-5d8f9c7b6d-x2x4z` are `web`.

    An id that is nothing but a number is its own group.
    """
    return _NUMBER.sub("", _POD_HASH.sub("", component)) or component


@dataclass(frozen=True)
class Storm:
    """Vectors run over `components`. `ups`, `downs` are 1 where a component has such an alert."""

    components: tuple[str, ...]
    ups: Mapping[Signal, Vector]
    downs: Mapping[Signal, Vector]
    quantiles: Vector  # share of the storm's latency quantiles of calls that rose here
    templates: Vector  # alerting log templates
    slow_calls: Vector  # kinds of slow calls it answers or makes inside
    failed_calls: Vector
    replicas: tuple[tuple[int, ...], ...]  # the others of its group
    callees: Mapping[str, frozenset[str]]  # group -> groups below it, at any depth
    missing: int  # kinds of alert (metric, trace, log) the storm has none of

    def up(self, kind: Signal) -> Vector:
        return self.ups.get(kind, np.zeros(len(self.components)))

    def down(self, kind: Signal) -> Vector:
        return self.downs.get(kind, np.zeros(len(self.components)))

    @property
    def has_request_metrics(self) -> bool:
        return any(kind in self.ups or kind in self.downs for kind in REQUESTS)

    def sign(self, kind: Signal) -> Vector:
        """1 up, -1 down, 0 neither or both."""
        return self.up(kind) - self.down(kind)


def storm(case: Case) -> Storm:
    """The table of a case; alerts on what is no candidate are left out.

    Without candidates the components with alerts are the candidates. An alert on a whole group
    counts for each of its replicas, and one on a replica for a candidate that is its group.
    """
    named = case.candidates or tuple(sorted({alert.component for alert in case.alerts} - {""}))
    rows = {name: i for i, name in enumerate(named)}
    homes = _homes(case, rows)
    metrics = [alert for alert in case.alerts if alert.kind == "metric"]
    calls = [alert for alert in case.alerts if alert.kind == "trace"]
    logs = [alert for alert in case.alerts if alert.kind == "log"]
    slow = [call for call in calls if not _is_failed(call)]
    return Storm(
        components=tuple(named),
        ups=_presence([m for m in metrics if rises(m)], homes, len(named)),
        downs=_presence([m for m in metrics if not rises(m)], homes, len(named)),
        quantiles=_quantiles(metrics, homes, len(named)),
        templates=_count(logs, homes, len(named)),
        slow_calls=_count(slow, homes, len(named)),
        failed_calls=_count([call for call in calls if _is_failed(call)], homes, len(named)),
        replicas=_replicas(named),
        callees=_callees(calls),
        missing=sum(not part for part in (metrics, calls, logs)),
    )


def _homes(case: Case, rows: Mapping[str, int]) -> dict[str, tuple[int, ...]]:
    homes: dict[str, tuple[int, ...]] = {}
    for name in {alert.component for alert in case.alerts}:
        if name in rows:
            homes[name] = (rows[name],)
        else:
            homes[name] = tuple(
                i for other, i in rows.items() if group(other) == name or group(name) == other
            )
    return homes


def _is_failed(call: CaseAlert) -> bool:
    sense = call.sense.lower()
    return sense[:1] in ("4", "5") or sense.startswith(("err", "fail", "exc"))


def _presence(
    alerts: list[CaseAlert], homes: Mapping[str, tuple[int, ...]], size: int
) -> dict[Signal, Vector]:
    found: dict[Signal, Vector] = defaultdict(lambda: np.zeros(size))
    for alert in alerts:
        found[signal(alert.name)][list(homes[alert.component])] = 1.0
    return dict(found)


def _quantiles(alerts: list[CaseAlert], homes: Mapping[str, tuple[int, ...]], size: int) -> Vector:
    """Of as many latency metrics as any component has alerts on, at either end of its calls."""
    names: dict[Signal, list[set[str]]] = {
        kind: [set() for _ in range(size)] for kind in (Signal.LATENCY, Signal.CALL_LATENCY)
    }
    for alert in alerts:
        if (kind := signal(alert.name)) in names and rises(alert):
            for i in homes[alert.component]:
                names[kind][i].add(alert.name)
    most = max((len(found) for row in names.values() for found in row), default=0)
    return np.array([len(found) / max(most, 1) for found in names[Signal.CALL_LATENCY]])


def _count(alerts: list[CaseAlert], homes: Mapping[str, tuple[int, ...]], size: int) -> Vector:
    counts = np.zeros(size)
    for alert in alerts:
        counts[list(homes[alert.component])] += 1.0
    return counts


def _replicas(named: tuple[str, ...]) -> tuple[tuple[int, ...], ...]:
    members: dict[str, list[int]] = defaultdict(list)
    for i, name in enumerate(named):
        members[group(name)].append(i)
    return tuple(tuple(j for j in members[group(n)] if j != i) for i, n in enumerate(named))


def _callees(calls: list[CaseAlert]) -> dict[str, frozenset[str]]:
    """Everything below a group, but for what is above it too: a ring has no below."""
    direct: dict[str, set[str]] = defaultdict(set)
    for call in calls:
        if call.caller and call.component and group(call.caller) != group(call.component):
            direct[group(call.caller)].add(group(call.component))
    below = {name: _below(name, direct) for name in direct}
    return {
        name: frozenset(g for g in found if name not in below.get(g, set()))
        for name, found in below.items()
    }


def _below(name: str, direct: Mapping[str, set[str]]) -> set[str]:
    seen: set[str] = set()
    waiting = [name]
    while waiting:
        for callee in direct.get(waiting.pop(), ()):
            if callee not in seen:
                seen.add(callee)
                waiting.append(callee)
    return seen
