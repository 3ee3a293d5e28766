"""Fixes that only mask: the same deed for the same trouble again and again, or ever more of it.

Pure. A fix that holds for a while and is needed once more has not mended anything; the third in a
row is not AIRRA's to take, and whoever reads the refusal is told what to look for instead.
"""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

WINDOW_S = 24 * 3600.0
THIRD = 3

_DOING = {
    "restart": "restarting",
    "rollback": "rolling back",
    "set_flag": "switching the flag",
    "scale": "scaling up",
}
_FIND = {
    "leak": "find the leak",
    "saturation": "find what uses it up",
    "traffic": "find where the load comes from",
    "change": "find what the change broke",
    "config": "find who changes it back",
    "dependency": "mend the dependency",
    "db_lock": "find what holds the lock",
}
_ORDINALS = ("", "first", "second", "third", "fourth", "fifth", "sixth")
_SIZE = re.compile(
    r"replicas|memory|cpu|limit|quota|pool|connections|storage|heap|workers", re.IGNORECASE
)
_QUANTITY = re.compile(r"^(\d+(?:\.\d+)?)(m|[kKMGT]i?)?B?$")
_TIMES = {
    "": 1.0, "m": 1e-3, "k": 1e3, "K": 1e3, "M": 1e6, "G": 1e9, "T": 1e12,
    "ki": 1024.0, "Ki": 1024.0, "Mi": 1024.0**2, "Gi": 1024.0**3, "Ti": 1024.0**4,
}  # fmt: skip


@dataclass(frozen=True)
class Deed:
    """One action on one target, done or proposed.

    `sizes` are the limits it changes, by name: from and to, in any unit that is the same for both.
    """

    action: str
    mechanism: str  # of the cause it acted on; empty when nobody named one
    at: float  # Unix seconds
    sizes: Mapping[str, tuple[float, float]] = field(default_factory=dict)

    @property
    def grown(self) -> dict[str, tuple[float, float]]:
        return {name: (a, b) for name, (a, b) in self.sizes.items() if b > a}


def masks(proposed: Deed, past: Iterable[Deed], *, window_s: float = WINDOW_S) -> str:
    """Why the proposed deed would only hide the trouble, as a sentence; empty when it would not.

    `past` are the deeds on the same target that reached it, in any order.
    """
    recent = sorted(
        (deed for deed in past if proposed.at - window_s <= deed.at <= proposed.at),
        key=lambda deed: (deed.at, deed.action, deed.mechanism),
    )
    if proposed.sizes:
        return _ever_more(proposed, recent)
    row = _row(recent, partial(_is_same, proposed))
    if len(row) + 1 < THIRD:
        return ""
    doing = _DOING.get(proposed.action, proposed.action.replace("_", " "))
    return f"{doing} only hides it: {_counted(row, proposed)}; {_find(proposed)}"


def _ever_more(proposed: Deed, recent: Sequence[Deed]) -> str:
    for name in sorted(proposed.grown):
        row = _row(recent, partial(_grew, name))
        if len(row) + 1 < THIRD:
            continue
        steps = [deed.grown[name] for deed in (*row, proposed)]
        course = " → ".join(f"{value:g}" for value in (steps[0][0], *(to for _, to in steps)))
        what = name.rsplit(".", 1)[-1].replace("_", " ")
        return (
            f"ever more only hides it: {what} {course}, {_counted(row, proposed)}; "
            f"{_find(proposed, 'find what grows')}"
        )
    return ""


def _row(recent: Sequence[Deed], belongs: Callable[[Deed], bool]) -> list[Deed]:
    """The newest deeds that belong, without another one between them; oldest first."""
    row: list[Deed] = []
    for deed in reversed(recent):
        if not belongs(deed):
            break
        row.append(deed)
    return row[::-1]


def _is_same(proposed: Deed, deed: Deed) -> bool:
    """The same action for the same cause; a cause that nobody named may be the same."""
    causes = {deed.mechanism, proposed.mechanism} - {""}
    return deed.action == proposed.action and not deed.sizes and len(causes) <= 1


def _grew(name: str, deed: Deed) -> bool:
    return name in deed.grown


def _counted(row: Sequence[Deed], proposed: Deed) -> str:
    count = len(row) + 1
    word = _ORDINALS[count] if count < len(_ORDINALS) else f"{count}th"
    return f"{word} time in {_span(proposed.at - row[0].at)}"


def _span(seconds: float) -> str:
    minutes = max(round(seconds / 60), 1)
    if minutes >= 120:
        return f"{round(minutes / 60)} hours"
    return "1 minute" if minutes == 1 else f"{minutes} minutes"


def _find(proposed: Deed, otherwise: str = "find the cause") -> str:
    return _FIND.get(proposed.mechanism, otherwise)


def sizes(before: Mapping[str, Any], after: Mapping[str, Any]) -> dict[str, tuple[float, float]]:
    """The limits a dry run changes, by dotted path: numbers and quantities such as `512Mi`."""
    old, new = dict(_leaves(before)), dict(_leaves(after))
    found: dict[str, tuple[float, float]] = {}
    for name in old.keys() & new.keys():
        a, b = _number(old[name]), _number(new[name])
        if _SIZE.search(name) and a is not None and b is not None and a != b:
            found[name] = a, b
    return found


def _leaves(data: Mapping[str, Any], prefix: str = "") -> Iterable[tuple[str, Any]]:
    for name, value in data.items():
        path = f"{prefix}{name}"
        if isinstance(value, Mapping):
            yield from _leaves(value, f"{path}.")
        else:
            yield path, value


def _number(value: Any) -> float | None:
    if isinstance(value, bool):
        return None
    if isinstance(value, int | float):
        return float(value)
    found = _QUANTITY.match(value) if isinstance(value, str) else None
    return float(found[1]) * _TIMES[found[2] or ""] if found else None
