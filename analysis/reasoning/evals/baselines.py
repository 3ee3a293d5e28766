"""What anybody would try first, as rows to beat: the newest change, the largest deviation."""

from collections.abc import Iterable

from analysis.reasoning.ledger import Ledger
from analysis.types import ChangeFact, IncidentContext, Onset

_CAUSING = frozenset({"deploy", "config", "flag"})
_SLACK_S = 60.0  # an incident is noticed a little after it began


def newest_change(
    ctx: IncidentContext, ledger: Ledger
) -> tuple[tuple[str, ...], tuple[float, ...]]:
    """Entities by their newest change before the incident. It is always sure of itself."""
    changes = [
        c
        for c in ledger.facts(ChangeFact)
        if c.change in _CAUSING and c.at <= ctx.started_at + _SLACK_S
    ]
    ranked = _distinct(c.entity for c in sorted(changes, key=lambda c: (-c.at, c.id)))
    return ranked, _halving(len(ranked))


def robust_z(ctx: IncidentContext, ledger: Ledger) -> tuple[tuple[str, ...], tuple[float, ...]]:
    """Entities by their largest shift in robust deviations."""
    del ctx
    found = sorted(ledger.facts(Onset), key=lambda o: (-o.magnitude, o.entity, o.signal))
    ranked = _distinct(o.entity for o in found)
    return ranked, _halving(len(ranked))


def _distinct(names: Iterable[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(names))


def _halving(count: int) -> tuple[float, ...]:
    """Half for the first, half of the rest for the next …: they have no better idea."""
    return tuple(0.5 ** (place + 1) for place in range(count))
