"""Claims about what came first: shifts, changes, the way of a trouble, and its end."""

import itertools
from dataclasses import replace

from analysis.reasoning.checkers.look import CAUSES, SLACK_S, Checked, Look
from analysis.reasoning.checkers.words import absence
from analysis.types import ChangeFact, ClaimVerdict, Onset

ANY_CHANGE = "any"  # as the change of a claim: whichever, not one in particular
MAX_GAP_S = 1800.0  # a change longer ago than this did not trigger it
_V = ClaimVerdict


def onset_before(look: Look) -> Checked:
    """Of two shifts the first came first, by more than the errors of both and `min_gap_s`."""
    first, then = look.onset(*look.operands["first"]), look.onset(*look.operands["then"])
    if first is None and look.steady(*look.operands["first"]):
        return _V.FAILS, "{1} of {0} stayed steady".format(*look.operands["first"])
    if first is None or then is None:
        return _V.UNCHECKABLE, "one of the two shifts is not in the cited evidence"
    gap = then.at - first.at
    margin = first.error_s + then.error_s
    if gap > max(margin, look.number("min_gap_s", 0.0)):
        return _V.HOLDS, f"{gap:.0f} s apart, more than the ±{margin:.0f} s of the two onsets"
    if gap < -margin:
        return _V.FAILS, f"it is the other way round, by {-gap:.0f} s"
    return _V.UNCHECKABLE, f"{gap:.0f} s apart, within the ±{margin:.0f} s of the two onsets"


def change_preceded(look: Look) -> Checked:
    """A change of the entity, or of one it is linked to, came at most `max_gap_s` before a shift.

    With `any` as the change it fails only when the change system answered in full and named none.
    """
    wanted = look.text("change")
    if wanted == ANY_CHANGE:
        return _any_change_preceded(look)
    change = look.first(ChangeFact, lambda c: c.id == wanted)
    onset = look.onset(look.text("entity"), look.text("signal"))
    if change is None or onset is None:
        return _V.UNCHECKABLE, "the change or the shift is not in the cited evidence"
    if onset.entity != change.entity and not look.is_linked(change.entity, onset.entity):
        return _V.FAILS, f"no known edge leads from {change.entity} to {onset.entity}"
    gap = onset.at - change.at
    if -onset.error_s <= gap <= look.number("max_gap_s", MAX_GAP_S):
        return _V.HOLDS, f"{onset.signal} shifted {gap:.0f} s after it (±{onset.error_s:.0f} s)"
    if -onset.error_s - SLACK_S <= gap < 0:
        return _V.UNCHECKABLE, f"{-gap:.0f} s apart: too close to tell which came first"
    word = "before it" if gap < 0 else "too long after it"
    return _V.FAILS, f"{onset.signal} of {onset.entity} shifted {abs(gap):.0f} s {word}"


def _any_change_preceded(look: Look) -> Checked:
    entity = look.text("entity")
    for change in look.found(
        ChangeFact, lambda c: c.entity == entity and c.change in CAUSES and bool(c.before)
    ):
        named = replace(look.claim, operands={**look.operands, "change": change.id})
        verdict, why = change_preceded(Look(named, look.ledger, look.ctx, look.used))
        if verdict is _V.HOLDS:
            return verdict, why
    verdict, why = absence(look)
    return (_V.FAILS, why) if verdict is _V.HOLDS else (_V.UNCHECKABLE, why)


def path(look: Look) -> Checked:
    """Fresh edges join the names the way trouble goes, and the shifts are in order along them.

    Trouble goes up to callers that wait; load goes down to callees, and from one that has too much
    of it up again. From a caller that fails it does not come down to another callee. The last name
    has shifted, and none before the one before it.
    """
    names = [str(name) for name in look.operands["path"]]
    if not names:
        return _V.UNCHECKABLE, "an empty path leads nowhere"
    wrong = _wrong_way(look, names)
    if wrong:
        return _V.FAILS, wrong
    onsets = [_first_of(look, name) for name in names]
    if onsets[-1] is None:
        return _V.UNCHECKABLE, f"no shift of {names[-1]} is in the cited evidence"
    known = [o for o in onsets if o is not None]
    for early, late in itertools.pairwise(known):
        if late.at + late.error_s < early.at - early.error_s - SLACK_S:
            return _V.FAILS, f"{late.entity} shifted before {early.entity}"
    return _V.HOLDS, "every edge is known and fresh, and the shifts are in order along it"


def _wrong_way(look: Look, names: list[str]) -> str:
    """Which step of the path nothing takes; empty when every one is taken."""
    went_up = False
    for here, there in itertools.pairwise(names):
        if not went_up and look.calls(here, there):
            continue
        if look.calls(there, here):
            went_up = True
        elif look.calls(here, there):
            return f"{here} waits for others on this path, which does {there} no harm"
        else:
            return f"no fresh edge joins {here} and {there}"
    return ""


def _first_of(look: Look, entity: str) -> Onset | None:
    found = look.found(Onset, lambda o: o.entity == entity)
    return min(found, key=lambda o: (o.at, o.signal), default=None)


def recovered_after(look: Look) -> Checked:
    """A shift ended after a change, at most `max_gap_s` later; without a change, that it ended."""
    entity, signal = look.text("entity"), look.text("signal")
    shifts = look.found(Onset, lambda o: (o.entity, o.signal) == (entity, signal))
    if not shifts:
        is_steady = look.steady(entity, signal) is not None and "change" not in look.operands
        return (_V.HOLDS, "it is steady") if is_steady else (_V.UNCHECKABLE, "no such shift")
    ends = [o.until for o in shifts if o.until is not None]
    if len(ends) < len(shifts):
        return _V.FAILS, f"{signal} of {entity} is still shifted"
    if "change" not in look.operands:
        return _V.HOLDS, f"{signal} of {entity} is back where it was"
    return _ended_after(look, max(ends), max(o.error_s for o in shifts))


def _ended_after(look: Look, end: float, error_s: float) -> Checked:
    wanted = look.text("change")
    change = look.first(ChangeFact, lambda c: c.id == wanted)
    if change is None:
        return _V.UNCHECKABLE, "the change is not in the cited evidence"
    gap = end - change.at
    if gap < -error_s:
        return _V.FAILS, f"it was over {-gap:.0f} s before the change"
    if gap <= look.number("max_gap_s", MAX_GAP_S):
        return _V.HOLDS, f"it was over {gap:.0f} s after the change (±{error_s:.0f} s)"
    return _V.FAILS, f"it was over only {gap:.0f} s after the change"
