"""The life of an incident: states and the one table of allowed moves. Pure."""

from enum import StrEnum


class State(StrEnum):
    OPEN = "open"
    ACKNOWLEDGED = "acknowledged"
    ANALYSING = "analysing"
    AWAITING_APPROVAL = "awaiting_approval"
    EXECUTING = "executing"
    VERIFYING = "verifying"
    NO_SAFE_ACTION = "no_safe_action"
    RESOLVED = "resolved"
    CLOSED = "closed"
    MERGED = "merged"


class Severity(StrEnum):
    CRITICAL = "critical"
    HIGH = "high"
    MEDIUM = "medium"
    LOW = "low"
    INFO = "info"


class AlertStatus(StrEnum):
    """Where an episode of an alert stands. Only RESOLVED ends it, and only its sender says so."""

    FIRING = "firing"
    ACKNOWLEDGED = "acknowledged"  # somebody has taken it on, where it came from
    SUPPRESSED = "suppressed"  # its sender archived it: neither wakes anybody nor resolves
    NO_DATA = "no_data"  # its sender cannot tell: neither escalates nor resolves
    RESOLVED = "resolved"


SEVERITY_ORDER: dict[Severity, int] = {severity: i for i, severity in enumerate(Severity)}

_S = State
_ENDS = frozenset({_S.RESOLVED, _S.MERGED})

# From each state, where an incident may go. RESOLVED is in reach of every live state, because the
# alert itself may clear; NO_SAFE_ACTION means that a person has to take over.
TRANSITIONS: dict[State, frozenset[State]] = {
    _S.OPEN: _ENDS | {_S.ACKNOWLEDGED, _S.ANALYSING},
    _S.ACKNOWLEDGED: _ENDS | {_S.ANALYSING},
    _S.ANALYSING: _ENDS | {_S.AWAITING_APPROVAL, _S.NO_SAFE_ACTION},
    _S.AWAITING_APPROVAL: _ENDS | {_S.ANALYSING, _S.EXECUTING, _S.NO_SAFE_ACTION},
    _S.EXECUTING: _ENDS | {_S.VERIFYING, _S.AWAITING_APPROVAL, _S.NO_SAFE_ACTION},
    _S.VERIFYING: _ENDS | {_S.EXECUTING, _S.ANALYSING, _S.NO_SAFE_ACTION},
    _S.NO_SAFE_ACTION: _ENDS | {_S.ANALYSING, _S.AWAITING_APPROVAL},
    _S.RESOLVED: frozenset({_S.CLOSED, _S.OPEN}),
    _S.CLOSED: frozenset(),
    _S.MERGED: frozenset(),
}

LIVE_STATES: frozenset[State] = frozenset(State) - {_S.RESOLVED, _S.CLOSED, _S.MERGED}

# An alert that clears ends the incident only from here: while an action runs, or is being
# verified, its own proof decides.
RESOLVABLE = (
    _S.OPEN,
    _S.ACKNOWLEDGED,
    _S.ANALYSING,
    _S.AWAITING_APPROVAL,
    _S.NO_SAFE_ACTION,
)

# The strip at the top of an incident, in the order an operator meets the stages.
STAGES: tuple[State, ...] = (
    _S.OPEN,
    _S.ACKNOWLEDGED,
    _S.ANALYSING,
    _S.AWAITING_APPROVAL,
    _S.EXECUTING,
    _S.VERIFYING,
    _S.RESOLVED,
)


class IllegalMove(Exception):
    """The table does not allow this move."""

    def __init__(self, current: State, to: State) -> None:
        allowed = ", ".join(sorted(TRANSITIONS[current])) or "nothing: this state is final"
        super().__init__(f"an incident cannot go from {current} to {to}; allowed: {allowed}")


def check_move(current: State, to: State) -> None:
    """Raise `IllegalMove` unless the table allows it."""
    if to not in TRANSITIONS[current]:
        raise IllegalMove(current, to)
