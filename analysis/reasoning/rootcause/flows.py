"""Calls, latency and failures of each component, whatever metrics they are read from."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from analysis.reasoning.rootcause.roles import Role, meaning
from analysis.reasoning.rootcause.shifts import Series
from analysis.types import Case

# Impact is a sum over calls, so the mean latency is the right one; a median hides a slow tenth.
_PREFERENCE = {None: 0, 0.5: 2, 0.75: 3, 0.9: 1, 0.95: 4, 0.99: 5, 1.0: 6}


@dataclass(frozen=True)
class Flow:
    """One component's traffic: calls per sample, seconds a call, failed calls per sample.

    `name` of the metric each came from; a part that is not measured is None.
    """

    calls: Series | None = None
    latency_s: Series | None = None
    failed: Series | None = None
    latency_name: str = ""
    failed_name: str = ""


def flows(case: Case) -> dict[str, Flow]:
    by_component: dict[str, dict[str, Series]] = {}
    for (component, name), values in case.series.items():
        by_component.setdefault(component, {})[name] = values
    return {component: _flow(named) for component, named in by_component.items()}


def _flow(named: Mapping[str, Series]) -> Flow:
    calls = next(iter(_of(named, Role.TRAFFIC)), None)
    latency = min(
        _of(named, Role.LATENCY),
        key=lambda name: (
            meaning(name).is_client,
            _PREFERENCE.get(meaning(name).quantile, 4),
            name,
        ),
        default=None,
    )
    rate = named[calls] if calls else None
    failed, failed_name = _failed(named, rate)
    return Flow(
        calls=rate,
        latency_s=named[latency] * meaning(latency).scale if latency else None,
        failed=failed,
        latency_name=latency or "",
        failed_name=failed_name,
    )


def _of(named: Mapping[str, Series], role: Role) -> list[str]:
    return sorted(
        name for name in named if meaning(name).role is role and not meaning(name).is_host
    )


def _failed(named: Mapping[str, Series], calls: Series | None) -> tuple[Series | None, str]:
    """Failed calls from a share of successes, or from errors as a share or a count."""
    unit = np.ones(len(next(iter(named.values())))) if calls is None else calls
    for name in _of(named, Role.SUCCESS):
        share = _share(named[name])
        if np.nanmax(share, initial=0.0) > 0:  # a share that never leaves 0 is not measured
            return np.clip(1.0 - share, 0.0, 1.0) * unit, name
    for name in _of(named, Role.ERRORS):
        values = named[name]
        return (_share(values) * unit if meaning(name).is_share else values), name
    return None, ""


def _share(values: Series) -> Series:
    return values / 100.0 if np.nanmax(values, initial=0.0) > 1.5 else values
