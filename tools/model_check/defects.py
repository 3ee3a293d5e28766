"""Defects put into the protocol or the code around it on purpose: the search has to find each.

A search that finds nothing proves nothing, unless it is seen to find what is there.
"""

from dataclasses import dataclass, replace

from remediation.execution.course import Move, Place, Standing, Start, Steps, Undo, next_move
from remediation.execution.protocol import Event, Facts, next_state
from tools.model_check.world import Rules, S, Step

# People and switches off; each defect turns on what it needs, so that the search stays short.
BARE = Rules(may_edit=False, may_edit_policy=False, may_kill=False, may_cancel=False)
EDITS = replace(BARE, may_edit=True)
POLICY = replace(BARE, may_edit_policy=True)
KILL = replace(BARE, may_kill=True)
UNDO = replace(BARE, undo_of=(-1, 0))
# Two steps of one plan on one target, the undo of the second, and then that of the first.
STEPS = replace(BARE, executions=4, undo_of=(-1, -1, 1, 0), step_after=(-1, 0, -1, -1))
# One step on two targets, each with its undo: the canary first, or both in one wave.
FAN_OUT = replace(
    BARE, executions=4, undo_of=(-1, -1, 1, 0), target_of=(0, 1, 1, 0), fan_out=(0, 1)
)
WAVE = replace(FAN_OUT, is_wave=True)


@dataclass(frozen=True)
class Defect:
    name: str
    rules: Rules


def blind(**good: bool) -> Step:
    """The transition function with some facts not looked at."""
    return lambda state, event, facts: next_state(state, event, replace(facts, **good))


def _leads(before: S, wrong: dict[Event, S], **good: bool) -> Step:
    """The transition function with events that lead elsewhere from `before`, where they lead."""
    true = blind(**good)

    def step(state: S, event: Event, facts: Facts) -> S | None:
        to = true(state, event, facts)
        return wrong[event] if to and state is before and event in wrong else to

    return step


def _all_at_once(steps: Steps) -> Move:
    """The course without its ramp."""
    move = next_move(steps)
    waiting = tuple(
        Place(0, at) for at, item in enumerate(steps[0]) if item.standing is Standing.WAITING
    )
    return Start(waiting) if waiting and not isinstance(move, Undo) else move


_LEASE_TO_APPROVED = _leads(S.INTENT, {Event.LEASE_OVER: S.APPROVED})
DEFECTS = (
    Defect("double claim: read, then write", replace(BARE, claim_compares_state=False)),
    Defect(
        "hash not compared",
        replace(EDITS, step=blind(hash_matches=True), claim_compares_hash=False),
    ),
    Defect("expired lease goes back to approved", replace(BARE, step=_LEASE_TO_APPROVED)),
    Defect("absent concluded too early", replace(BARE, step=blind(quarantine_is_over=True))),
    Defect("credential outlives quarantine", replace(BARE, credential=4)),
    Defect("lock dropped on UNKNOWN", replace(BARE, holds=BARE.holds - {S.UNKNOWN})),
    Defect(
        "hash compared before the claim and not in it", replace(EDITS, claim_compares_hash=False)
    ),
    Defect(
        "policy compared before the claim and not in it",
        replace(POLICY, claim_compares_policy=False),
    ),
    Defect(
        "kill switch compared before the claim and not in it",
        replace(KILL, claim_compares_switch=False),
    ),
    Defect("what is sent was read before the hash was", replace(EDITS, loads_first=True)),
    Defect("kill switch not re-read before the effect", replace(KILL, looks_again=False)),
    Defect("quarantine judged when the answer came", replace(BARE, judges_quarantine_late=True)),
    Defect("clocks further apart than the quarantine allows", replace(BARE, skew=1)),
    Defect(
        "expired lease counts as failed",
        replace(BARE, step=_leads(S.INTENT, {Event.LEASE_OVER: S.FAILED})),
    ),
    Defect(
        "no answer counts as failed",
        replace(BARE, step=_leads(S.INTENT, {Event.NO_ANSWER: S.FAILED})),
    ),
    Defect("sent again when no answer came", replace(BARE, sends_again=True)),
    Defect(
        "a late answer is written over the end of the row",
        replace(BARE, write_compares_state=False),
    ),
    Defect(
        "undo runs twice: asked for again by each message",
        replace(UNDO, executions=3, undo_of=(-1, 0, 0), undo_is_unique=False),
    ),
    Defect("a fan-out goes on whatever its canary says", replace(FAN_OUT, move=_all_at_once)),
)

# Guards that another guard covers: taking one away alone changes nothing, and taking both does.
COVERED = (
    (
        Defect("fence not compared", replace(BARE, executions=1, step=blind(fence_matches=True))),
        Defect(
            "fence not compared, and a lease that goes back to approved",
            replace(
                BARE, step=_leads(S.INTENT, {Event.LEASE_OVER: S.APPROVED}, fence_matches=True)
            ),
        ),
    ),
)
