"""Clues from a component's own resources: shifts judged relative to their noise and to a floor.

A shift counts by how much of the resource it took (points of a percentage, or a share of the
largest consumer where the unit is open) and only as far as it stands out of the component's own
noise: either alone misleads (`root-cause.md` §2).
"""

from collections import defaultdict
from collections.abc import Mapping

import numpy as np

from analysis.reasoning.rootcause.roles import RESOURCES, Role, meaning
from analysis.reasoning.rootcause.shifts import Frame, Series, shift
from analysis.types import Case, Clue

_FLOOR = 0.10  # of the whole, where a shift begins to weigh
_NOISE = 3.0  # robust deviations at which half of it is believed


def clues(case: Case) -> list[Clue]:
    """One clue per component and resource, the strongest of its metrics, 0 to 1."""
    frame = Frame.of(case)
    best: dict[tuple[str, Role], Clue] = {}
    for name, fleet in _by_metric(case).items():
        role = meaning(name).role
        whole = _whole(name, fleet, frame)
        for component, values in fleet.items():
            clue = _clue(component, name, values, frame, whole)
            if clue and clue.value > best.get((component, role), clue).value - 1e-12:
                best[component, role] = clue
    return list(best.values())


def _by_metric(case: Case) -> dict[str, dict[str, Series]]:
    """Where a role is measured as a share of the limit, its absolute twin adds nothing."""
    fleets: dict[str, dict[str, Series]] = defaultdict(dict)
    for (component, name), values in case.series.items():
        found = meaning(name)
        if found.role in RESOURCES and not found.is_host:
            fleets[name][component] = values
    shared = {meaning(name).role for name in fleets if meaning(name).is_share}
    return {
        name: fleet
        for name, fleet in fleets.items()
        if meaning(name).is_share or meaning(name).role not in shared
    }


def _whole(name: str, fleet: Mapping[str, Series], frame: Frame) -> float:
    """All of the resource: 1 or 100 for shares, else the level of the largest consumer."""
    levels = [values[part] for values in fleet.values() for part in (frame.before, frame.during)]
    tops = [np.nanquantile(level, 0.9) for level in levels if np.isfinite(level).any()]
    top = float(max(tops, default=0.0))
    if meaning(name).is_share:
        return 100.0 if top > 1.5 or "%" in name else 1.0
    return max(top, 1e-9)


def _clue(component: str, name: str, values: Series, frame: Frame, whole: float) -> Clue | None:
    found = shift(values, frame)
    if found is None or found.rise <= 0:
        return None
    sure = found.rise / found.noise
    size = np.log1p(found.rise / whole / _FLOOR) / np.log1p(1.0 / _FLOOR)
    value = min(float(size), 1.0) * sure / (sure + _NOISE)
    return Clue(
        component=component,
        feature=meaning(name).role.value,
        value=value,
        before=found.before,
        during=found.during,
        detail=name,
    )
