"""The kind of fault, given the component: the signature its clues make up."""

from collections.abc import Sequence

from analysis.types import Case, Clue

# How much a full clue of a kind speaks for a fault, and for which.
_SIGNATURES: dict[str, tuple[str, float]] = {
    "cpu": ("cpu", 1.5),
    "memory": ("memory", 1.2),
    "disk": ("disk", 1.0),
    "sockets": ("connections", 1.0),
    "network_errors": ("loss", 1.0),
    "restarts": ("crash", 1.0),
    "slow_impact": ("latency", 1.0),
    "failed_impact": ("errors", 1.2),
}
UNKNOWN = "unknown"


def fault_type(case: Case, component: str, clues: Sequence[Clue]) -> str:
    """The fault its clues speak for most; a slow store that only answers others is overloaded."""
    votes: dict[str, float] = {}
    for clue in clues:
        if clue.feature in _SIGNATURES:
            fault, weight = _SIGNATURES[clue.feature]
            votes[fault] = max(votes.get(fault, 0.0), weight * clue.value)
    if not votes:
        return UNKNOWN
    best = min(votes, key=lambda fault: (-votes[fault], fault))
    if best == "latency" and _is_shared_leaf(case, component):
        return "overload"
    return best


def _is_shared_leaf(case: Case, component: str) -> bool:
    """Calls nobody and is called by several: a store or queue, which slows down when it is full."""
    callers = {caller for caller, callee in case.edges if callee == component} - {component}
    calls = {callee for caller, callee in case.edges if caller == component} - {component}
    return not calls and len(callers) > 1
