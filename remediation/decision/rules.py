"""The part of policy that people may edit: the matrix, the limits, what is allowed. Pure.

A matrix says how many people a risk needs at a confidence. It can only be stored when it tightens
with risk and with doubt, so no edit can make a bad fact loosen a decision.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields
from itertools import pairwise
from typing import Any

from remediation.decision.limits import BOUNDS, Limits
from remediation.types import Decision, RiskBand

# From which confidence on a column of the matrix holds. The first also holds when the reasoner
# abstained; the last two need a confidence that is calibrated here, else the second stands.
COLUMNS = (0.0, 0.45, 0.7, 0.85)
UNCALIBRATED = 1  # the best column of an install that cannot say what its confidence is worth
_ORDER = {decision: rank for rank, decision in enumerate(Decision)}
_D, _B = Decision, RiskBand

Matrix = Mapping[RiskBand, tuple[Decision, ...]]
MATRIX: Matrix = {
    _B.LOW: (_D.ONE, _D.ONE, _D.ONE, _D.ONE),
    _B.MEDIUM: (_D.ESCALATE, _D.ONE, _D.ONE, _D.ONE),
    _B.HIGH: (_D.ESCALATE, _D.TWO, _D.TWO, _D.ONE),
    _B.EXTREME: (_D.ESCALATE, _D.ESCALATE, _D.TWO, _D.TWO),
}
# What no edit goes below.
FLOOR: Mapping[RiskBand, Decision] = {
    _B.LOW: _D.ONE,
    _B.MEDIUM: _D.ONE,
    _B.HIGH: _D.ONE,
    _B.EXTREME: _D.TWO,
}


class BadRules(ValueError):
    """A policy that cannot be stored; the message says which part and why."""


@dataclass(frozen=True)
class Rules:
    """What one workspace allows. Empty `actions` or `environments` allow all of them."""

    matrix: Matrix = field(default_factory=lambda: MATRIX)
    limits: Limits = field(default_factory=Limits)
    actions: frozenset[str] = frozenset()
    environments: frozenset[str] = frozenset()

    def as_json(self) -> dict[str, Any]:
        return {
            "matrix": {str(band): [str(cell) for cell in self.matrix[band]] for band in RiskBand},
            "limits": asdict(self.limits),
            "actions": sorted(self.actions),
            "environments": sorted(self.environments),
        }


def tightest(decisions: Sequence[Decision]) -> Decision:
    """The join on the order one < two < escalate."""
    return max(decisions, key=_ORDER.__getitem__)


def is_tighter(one: Decision, other: Decision) -> bool:
    return _ORDER[one] > _ORDER[other]


def rules_of(data: Mapping[str, Any]) -> Rules:
    """Rules from JSON as `Rules.as_json` writes it; what is left out has its default.

    Raises `BadRules`.
    """
    if unknown := set(data) - {f.name for f in fields(Rules)}:
        msg = f"no such part of a policy: {', '.join(sorted(map(str, unknown)))}"
        raise BadRules(msg)
    return Rules(
        matrix=matrix_of(data["matrix"]) if data.get("matrix") else MATRIX,
        limits=limits_of(data.get("limits") or {}),
        actions=_names("actions", data.get("actions") or []),
        environments=_names("environments", data.get("environments") or []),
    )


def matrix_of(data: object) -> Matrix:
    """A checked matrix from {"low": ["one", …], …}. Raises `BadRules`."""
    if not isinstance(data, Mapping) or set(data) != {str(band) for band in RiskBand}:
        msg = f"matrix: needs exactly the rows {', '.join(RiskBand)}"
        raise BadRules(msg)
    matrix = {band: _row(band, data[str(band)]) for band in RiskBand}
    if problem := problem_of(matrix):
        raise BadRules(problem)
    return matrix


def _row(band: RiskBand, cells: object) -> tuple[Decision, ...]:
    known = {str(decision) for decision in Decision}
    if (
        not isinstance(cells, list | tuple)
        or len(cells) != len(COLUMNS)
        or any(not isinstance(cell, str) or cell not in known for cell in cells)
    ):
        msg = f"matrix: {band} needs {len(COLUMNS)} of {', '.join(Decision)}"
        raise BadRules(msg)
    return tuple(Decision(cell) for cell in cells)


def problem_of(matrix: Matrix) -> str:
    """Why a matrix is no lattice map: looser with more risk or more doubt, or below the floor."""
    for band in RiskBand:
        row = matrix[band]
        if any(is_tighter(surer, doubtful) for doubtful, surer in pairwise(row)):
            return f"matrix: {band} risk may not tighten with more confidence"
        if any(is_tighter(FLOOR[band], cell) for cell in row):
            return f"matrix: {band} risk never goes below {FLOOR[band]}"
    for calmer, worse in pairwise(RiskBand):
        pairs = zip(matrix[calmer], matrix[worse], strict=True)
        if any(is_tighter(above, below) for above, below in pairs):
            return f"matrix: {worse} risk may not be looser than {calmer}"
    return ""


def limits_of(data: object) -> Limits:
    """Checked limits from {"per_hour": 6, …}. Raises `BadRules`."""
    if not isinstance(data, Mapping) or not set(data) <= set(BOUNDS):
        msg = f"limits: only {', '.join(BOUNDS)} can be set"
        raise BadRules(msg)
    for name, value in data.items():
        least, most = BOUNDS[name]
        is_number = isinstance(value, int if name != "fleet_share" else int | float)
        if not is_number or isinstance(value, bool) or not least <= value <= most:
            msg = f"limits: {name} is a number from {least:g} to {most:g}, not {value!r}"
            raise BadRules(msg)
    return Limits(**data)


def _names(what: str, given: object) -> frozenset[str]:
    if not isinstance(given, list | tuple) or not all(isinstance(each, str) for each in given):
        msg = f"{what}: needs a list of names"
        raise BadRules(msg)
    return frozenset(each.strip() for each in given if each.strip())


def loosenings(old: Rules, new: Rules) -> list[str]:
    """What `new` allows and `old` does not, in words; empty when it only tightens."""
    found = [
        f"{band} risk at {COLUMNS[i]:.0%} confidence: {before} becomes {after}"
        for band in RiskBand
        for i, (before, after) in enumerate(zip(old.matrix[band], new.matrix[band], strict=True))
        if is_tighter(before, after)
    ]
    was, now = asdict(old.limits), asdict(new.limits)
    found += [
        f"{name.replace('_', ' ')}: {was[name]:g} becomes {now[name]:g}"
        for name in was
        if now[name] > was[name]
    ]
    for what, before, after in (
        ("actions", old.actions, new.actions),
        ("environments", old.environments, new.environments),
    ):
        if before and not after:
            found.append(f"all {what} are allowed")
        elif before and after - before:
            found.append(f"{what} allowed as well: {', '.join(sorted(after - before))}")
    return found


def is_looser(old: Rules, new: Rules) -> bool:
    """Whether `new` allows anything that `old` does not."""
    return bool(loosenings(old, new))
