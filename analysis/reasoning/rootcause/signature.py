"""The kind of fault, given the component: the signature its clues make up."""

from collections.abc import Sequence

from analysis.types import Case, Clue

# How much a full clue of a kind speaks for a fault, and for which. A resource outweighs the delays
# it causes, and a change of what the code does the delays and failures that come of it.
_SIGNATURES: dict[str, tuple[str, float]] = {
    "cpu": ("cpu", 4.0),
    "memory": ("memory", 3.0),
    "disk": ("disk", 2.0),
    "sockets": ("connections", 2.0),
    "network_errors": ("loss", 2.0),
    "restarts": ("crash", 2.0),
    "rpc_gap": ("network_delay", 1.0),
    "self_time": ("latency", 0.3),
    "slow_impact": ("latency", 1.0),
    "failed_impact": ("errors", 1.2),
    "only_stopped": ("exception", 1.4),
    "stopped_calls": ("exception", 1.4),
    "quick_answer": ("exception", 1.0),
    "skipped_part": ("return", 1.5),
    "vanished_request": ("return", 1.4),
    "new_error": ("return", 1.0),
    "new_event": ("return", 1.0),
}
UNKNOWN = "unknown"
_LEAST = 0.03  # a clue below this is noise


def fault_type(case: Case, component: str, clues: Sequence[Clue]) -> str:
    """The fault its clues speak for most; a slow store that only answers others is overloaded."""
    votes: dict[str, float] = {}
    is_cut = any(clue.feature == "stopped_event" for clue in clues)
    for clue in clues:
        if clue.feature in _SIGNATURES and clue.value >= _LEAST:
            fault, weight = _SIGNATURES[clue.feature]
            if clue.feature == "new_error" and not is_cut:
                fault = "exception"  # raised beside an unchanged flow: nothing was led elsewhere
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
