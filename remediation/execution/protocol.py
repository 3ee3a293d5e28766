"""The transition function of an execution: the only place that says what may follow what. Pure.

The database commands ask it before every compare-and-set, and the tests search every interleaving
of it with crashes, pauses, duplicate messages, edits and the kill switch (`remediation.md` §2.6).
What it guarantees together with compare-and-set: at most one effect per approval, only of the
approved hash, one in flight per target, and none after AIRRA has said that there was none.
"""

from dataclasses import dataclass
from enum import StrEnum

from remediation.types import ExecutionState

_S = ExecutionState


class Event(StrEnum):
    CLAIM = "claim"  # a worker wants to begin
    CANCEL = "cancel"  # nobody wants it any more
    STOP = "stop"  # the claimant itself gives up before it sent anything
    APPLIED = "applied"  # the target answered: done
    REFUSED = "refused"  # certainly not sent, or the target answered: not done
    MOVED = "moved"  # refused, because the target had changed since the approval
    NO_ANSWER = "no_answer"  # sent, and nobody knows
    LEASE_OVER = "lease_over"  # the claimant has gone silent
    PROBE_APPLIED = "probe_applied"
    PROBE_ABSENT = "probe_absent"
    PROBE_SILENT = "probe_silent"
    MATCH = "match"
    DEVIATION = "deviation"
    UNPROVEN = "unproven"  # verification ended without a match
    UNDO_DONE = "undo_done"  # the undo of this one has landed


@dataclass(frozen=True)
class Facts:
    """What is true at the moment of the event. The defaults are the good facts."""

    hash_matches: bool = True
    is_expired: bool = False
    is_stopped: bool = False  # kill switch or freeze window
    is_wanted: bool = True  # the incident is live and the plan stands
    target_is_free: bool = True
    fence_matches: bool = True
    lease_is_over: bool = False
    quarantine_is_over: bool = False
    is_undo: bool = False
    is_unwinding: bool = False  # another step of the plan did harm


def next_state(state: ExecutionState, event: Event, facts: Facts) -> ExecutionState | None:
    """The state that follows, or None when the event changes nothing here."""
    if state is _S.APPROVED:
        return _from_approved(event, facts)
    if state is _S.INTENT:
        return _from_intent(event, facts)
    if state is _S.UNKNOWN:
        return _from_unknown(event, facts)
    if state is _S.VERIFYING:
        return _VERDICTS.get(event)
    return _from_end(state, event, facts)


def _from_end(state: ExecutionState, event: Event, facts: Facts) -> ExecutionState | None:
    """An end is an end, but for what was done and is undone."""
    if event is not Event.UNDO_DONE:
        return None
    was_done = {_S.SUCCEEDED, _S.INCONCLUSIVE} if facts.is_unwinding else set()
    return _S.UNDONE if state in {_S.DEVIATED, *was_done} else None


_VERDICTS = {
    Event.MATCH: _S.SUCCEEDED,
    Event.DEVIATION: _S.DEVIATED,
    Event.UNPROVEN: _S.INCONCLUSIVE,
}


def _from_approved(event: Event, facts: Facts) -> ExecutionState | None:
    if event is Event.CANCEL:
        return _S.CANCELLED
    if event is not Event.CLAIM:
        return None
    if not facts.is_wanted or facts.is_stopped:
        return _S.CANCELLED
    if facts.is_expired:
        return _S.EXPIRED
    if not facts.hash_matches:
        return _S.STALE
    return _S.INTENT if facts.target_is_free else None


def _from_intent(event: Event, facts: Facts) -> ExecutionState | None:
    if event is Event.LEASE_OVER:
        return _S.UNKNOWN if facts.lease_is_over else None
    if not facts.fence_matches:
        return None
    if event is Event.STOP:
        return _S.CANCELLED
    return _answered(event, facts)


def _answered(event: Event, facts: Facts) -> ExecutionState | None:
    """What the claimant's own answer means; an undo has no metric of its own to wait for."""
    if event is Event.APPLIED:
        return _S.SUCCEEDED if facts.is_undo else _S.VERIFYING
    return {
        Event.REFUSED: _S.FAILED,
        Event.MOVED: _S.STALE,
        Event.NO_ANSWER: _S.UNKNOWN,
    }.get(event)


def _from_unknown(event: Event, facts: Facts) -> ExecutionState | None:
    """Only knowledge leads out: a probe, or the claimant's answer that came after its lease."""
    if event is Event.PROBE_APPLIED:
        return _S.SUCCEEDED if facts.is_undo else _S.VERIFYING
    if event is Event.PROBE_ABSENT:
        return _S.FAILED if facts.quarantine_is_over else None
    if event in {Event.APPLIED, Event.REFUSED, Event.MOVED} and facts.fence_matches:
        return _answered(event, facts)
    return None
