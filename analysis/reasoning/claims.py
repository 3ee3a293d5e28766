"""Typed claims and their checkers: what a reasoner asserts, code re-computes over stored facts.

A claim names evidence by number and its operands by name; the checker finds the facts itself and
answers holds, fails or uncheckable with one line of why. Weight is set here by kind and custody,
never by whoever claims (`reasoning.md` §3.3).
"""

import itertools
import operator
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from analysis.reasoning.ledger import Ledger
from analysis.types import (
    ChangeFact,
    CheckedClaim,
    ClaimDraft,
    ClaimVerdict,
    Custody,
    Edge,
    EvidenceStatus,
    IncidentContext,
    Onset,
    State,
    Steady,
    TemplateSpike,
    Weight,
)

_V = ClaimVerdict
Checked = tuple[ClaimVerdict, str]
Check = Callable[[ClaimDraft, Ledger, IncidentContext], Checked]

ANY_CHANGE = "any"  # as the change of a claim: whichever, not one in particular
_CAUSES = frozenset({"deploy", "config", "flag"})
FRESH_S = 7 * 24 * 3600.0  # an edge not seen for longer cannot carry a claim
MAX_GAP_S = 1800.0  # a change longer ago than this did not trigger it
MIN_PEERS = 2
_FULL_COVERAGE = 0.9
_TEXT = frozenset({Custody.APP_TEXT, Custody.USER_INFLUENCED})
_OPS: Mapping[str, Callable[[float, float], bool]] = {
    ">": operator.gt,
    ">=": operator.ge,
    "<": operator.lt,
    "<=": operator.le,
}
# Platform states that name a fault by themselves, and from which value on.
_TELLING = {"disk_of_size": 0.95, "memory_of_limit": 0.95, "restarts_10m": 2.0}


def check(claim: ClaimDraft, ledger: Ledger, ctx: IncidentContext) -> CheckedClaim | None:
    """Re-compute one claim. None when it cites nothing that exists: then it does not exist."""
    cited = ledger.cited(claim.evidence)
    if not cited:
        return None
    checker = _CHECKERS.get(claim.kind)
    if checker is None:
        verdict, why = _V.UNCHECKABLE, f"no checker for a claim of kind {claim.kind[:30]!r}"
    else:
        try:
            verdict, why = checker(claim, ledger, ctx)
        except (KeyError, TypeError, ValueError) as error:
            verdict, why = _V.UNCHECKABLE, f"its operands do not say what to check: {error}"
    return CheckedClaim(
        draft=claim,
        verdict=verdict,
        weight=_weight(claim, verdict, ledger),
        explanation=why[:300],
        sources=tuple(sorted({e.draft.source for e in cited})),
        custody=tuple(sorted({e.draft.custody for e in cited})),
    )


def _weight(claim: ClaimDraft, verdict: ClaimVerdict, ledger: Ledger) -> Weight:
    custody = {e.draft.custody for e in ledger.cited(claim.evidence)}
    if claim.kind in {"judgement", "template_spike", "quote", "absence"} or custody <= _TEXT:
        return Weight.WEAK
    if verdict is _V.UNCHECKABLE:
        return Weight.WEAK
    telling = _TELLING.get(str(claim.operands.get("field")))
    if claim.kind == "state" and telling is not None and Custody.PLATFORM_API in custody:
        wanted = float(claim.operands["value"])
        return Weight.DECISIVE if wanted >= telling else Weight.STRONG
    return Weight.STRONG


def _onset(ledger: Ledger, claim: ClaimDraft, entity: str, signal: str) -> Onset | None:
    found = ledger.facts(Onset, claim.evidence)
    return next((o for o in found if o.entity == entity and o.signal == signal), None)


def _is_steady(ledger: Ledger, claim: ClaimDraft, entity: str, signal: str) -> bool:
    found = ledger.facts(Steady, claim.evidence)
    return any((s.entity, s.signal) == (entity, signal) for s in found)


def _onset_before(claim: ClaimDraft, ledger: Ledger, _: IncidentContext) -> Checked:
    first = _onset(ledger, claim, *claim.operands["first"])
    then = _onset(ledger, claim, *claim.operands["then"])
    if first is None and _is_steady(ledger, claim, *claim.operands["first"]):
        return _V.FAILS, "{1} of {0} stayed steady".format(*claim.operands["first"])
    if first is None or then is None:
        return _V.UNCHECKABLE, "one of the two shifts is not in the cited evidence"
    gap = then.at - first.at
    margin = first.error_s + then.error_s
    if gap > margin:
        return _V.HOLDS, f"{gap:.0f} s apart, more than the ±{margin:.0f} s of the two onsets"
    if gap < -margin:
        return _V.FAILS, f"it is the other way round, by {-gap:.0f} s"
    return _V.UNCHECKABLE, f"{gap:.0f} s apart, within the ±{margin:.0f} s of the two onsets"


def _change_preceded(claim: ClaimDraft, ledger: Ledger, ctx: IncidentContext) -> Checked:
    wanted = str(claim.operands["change"])
    if wanted == ANY_CHANGE:
        return _any_change_preceded(claim, ledger, ctx)
    changes = ledger.facts(ChangeFact, claim.evidence)
    change = next((c for c in changes if c.id == wanted), None)
    onset = _onset(ledger, claim, str(claim.operands["entity"]), str(claim.operands["signal"]))
    if change is None or onset is None:
        return _V.UNCHECKABLE, "the change or the shift is not in the cited evidence"
    if onset.entity != change.entity and not _linked(change.entity, onset.entity, ledger, ctx):
        return _V.FAILS, f"no known edge leads from {change.entity} to {onset.entity}"
    gap = onset.at - change.at
    if -onset.error_s <= gap <= float(claim.operands.get("max_gap_s", MAX_GAP_S)):
        return _V.HOLDS, f"{onset.signal} shifted {gap:.0f} s after it (±{onset.error_s:.0f} s)"
    if -onset.error_s - _SLACK_S <= gap < 0:
        return _V.UNCHECKABLE, f"{-gap:.0f} s apart: too close to tell which came first"
    word = "before it" if gap < 0 else "too long after it"
    return _V.FAILS, f"{onset.signal} of {onset.entity} shifted {abs(gap):.0f} s {word}"


def _any_change_preceded(claim: ClaimDraft, ledger: Ledger, ctx: IncidentContext) -> Checked:
    """Some change of the entity, whichever: fails only when the change system answered in full."""
    entity = str(claim.operands["entity"])
    for change in ledger.facts(ChangeFact, claim.evidence):
        if change.entity == entity and change.change in _CAUSES and change.before:
            named = replace(claim, operands={**claim.operands, "change": change.id})
            verdict, why = _change_preceded(named, ledger, ctx)
            if verdict is _V.HOLDS:
                return verdict, why
    verdict, why = _absence(claim, ledger, ctx)
    return (_V.FAILS, why) if verdict is _V.HOLDS else (_V.UNCHECKABLE, why)


def _edges(ledger: Ledger, ctx: IncidentContext) -> set[tuple[str, str]]:
    """Fresh edges, caller to callee, from the ledger and from what the incident was told."""
    known = [*ledger.facts(Edge), *ctx.edges]
    return {(e.src, e.dst) for e in known if ctx.now - e.last_seen <= FRESH_S}


def _linked(one: str, other: str, ledger: Ledger, ctx: IncidentContext) -> bool:
    edges = _edges(ledger, ctx)
    return (one, other) in edges or (other, one) in edges


def _path(claim: ClaimDraft, ledger: Ledger, ctx: IncidentContext) -> Checked:
    path = [str(name) for name in claim.operands["path"]]
    if not path:
        return _V.UNCHECKABLE, "an empty path leads nowhere"
    edges = _edges(ledger, ctx)
    for here, there in itertools.pairwise(path):
        if (here, there) not in edges and (there, here) not in edges:
            return _V.FAILS, f"no fresh edge joins {here} and {there}"
    onsets = [_first_onset(ledger, name) for name in path]
    if onsets[-1] is None:
        return _V.UNCHECKABLE, f"no shift of {path[-1]} is in the ledger"
    known = [o for o in onsets if o is not None]
    for early, late in itertools.pairwise(known):
        if late.at + late.error_s < early.at - early.error_s - _SLACK_S:
            return _V.FAILS, f"{late.entity} shifted before {early.entity}"
    return _V.HOLDS, "every edge is known and fresh, and the shifts are in order along it"


_SLACK_S = 30.0  # detectors average over half a minute: order within it is no order


def _first_onset(ledger: Ledger, entity: str) -> Onset | None:
    found = [o for o in ledger.facts(Onset) if o.entity == entity]
    return min(found, key=lambda o: o.at, default=None)


def _number(claim: ClaimDraft, ledger: Ledger) -> float | None:
    """The stored number an operand set names: of a signal, or of a call between two services."""
    what = claim.operands
    if "edge" in what:
        src, dst = what["edge"]
        for edge in ledger.facts(Edge, claim.evidence):
            if (edge.src, edge.dst) == (src, dst) and edge.calls_during:
                return float(getattr(edge, str(what["field"])))
        return None
    onset = _onset(ledger, claim, str(what["entity"]), str(what["signal"]))
    if onset is not None:
        return onset.during
    for steady in ledger.facts(Steady, claim.evidence):
        if (steady.entity, steady.signal) == (what["entity"], what["signal"]):
            return steady.level
    return None


def _threshold(claim: ClaimDraft, ledger: Ledger, _: IncidentContext) -> Checked:
    found = _number(claim, ledger)
    if found is None:
        return _V.UNCHECKABLE, "the cited evidence holds no such number"
    op, value = str(claim.operands["op"]), float(claim.operands["value"])
    verdict = _V.HOLDS if _OPS[op](found, value) else _V.FAILS
    return verdict, f"it is {found:.4g}; claimed {op} {value:.4g}"


def _peer_normal(claim: ClaimDraft, ledger: Ledger, _: IncidentContext) -> Checked:
    entity, signal = str(claim.operands["entity"]), str(claim.operands["signal"])
    onsets = {o.entity for o in ledger.facts(Onset, claim.evidence) if o.signal == signal}
    calm = {s.entity for s in ledger.facts(Steady, claim.evidence) if s.signal == signal}
    calm -= {entity, *onsets}
    if entity not in onsets:
        return _V.FAILS, f"{signal} of {entity} itself did not shift"
    if len(calm) >= MIN_PEERS:
        return _V.HOLDS, f"{signal} stayed steady on {', '.join(sorted(calm))}"
    return _V.FAILS, f"only {len(calm)} peers stayed steady; {len(onsets)} shifted"


def _template_spike(claim: ClaimDraft, ledger: Ledger, _: IncidentContext) -> Checked:
    wanted, entity = str(claim.operands["template"]), str(claim.operands["entity"])
    for spike in ledger.facts(TemplateSpike, claim.evidence):
        if spike.template == wanted and spike.entity == entity:
            ratio = spike.count / max(spike.baseline, 1.0)
            holds = spike.is_new or ratio >= float(claim.operands.get("ratio", 2.0))
            was = "never seen before" if spike.is_new else f"expected {spike.baseline:.3g}"
            return _V.HOLDS if holds else _V.FAILS, f"seen {spike.count} times, {was}"
    return _V.UNCHECKABLE, "the cited evidence holds no such template"


def _state(claim: ClaimDraft, ledger: Ledger, _: IncidentContext) -> Checked:
    entity, field = str(claim.operands["entity"]), str(claim.operands["field"])
    for state in ledger.facts(State, claim.evidence):
        if (state.entity, state.field) == (entity, field):
            op, value = str(claim.operands.get("op", ">=")), float(claim.operands["value"])
            holds = _OPS[op](float(state.value), value)
            return _V.HOLDS if holds else _V.FAILS, f"{field} of {entity} is {state.value}"
    return _V.UNCHECKABLE, "the cited evidence holds no such state"


def _absence(claim: ClaimDraft, ledger: Ledger, _: IncidentContext) -> Checked:
    """No change event of an entity: only a change system that answered in full can say so."""
    cited = ledger.cited(claim.evidence)
    asked = [e for e in cited if e.draft.custody is Custody.CHANGE_SYSTEM]
    if not asked:
        return _V.UNCHECKABLE, "no change system is cited"
    for entry in asked:
        answered = entry.draft.status in {EvidenceStatus.OK, EvidenceStatus.EMPTY}
        if not answered or entry.draft.coverage < _FULL_COVERAGE:
            return _V.UNCHECKABLE, f"E{entry.seq} is {entry.draft.status}: silence is no proof"
    entity = str(claim.operands["entity"])
    found = [
        c
        for c in ledger.facts(ChangeFact, claim.evidence)
        if c.entity == entity and c.change in _CAUSES and c.before
    ]
    if found:
        return _V.FAILS, f"there is one: {found[-1].title}"
    return _V.HOLDS, "the change system answered in full and names none"


def _recovered_after(claim: ClaimDraft, ledger: Ledger, _: IncidentContext) -> Checked:
    entity, signal = str(claim.operands["entity"]), str(claim.operands["signal"])
    steady = any(
        (s.entity, s.signal) == (entity, signal) for s in ledger.facts(Steady, claim.evidence)
    )
    if _onset(ledger, claim, entity, signal) is not None:
        return _V.FAILS, f"{signal} of {entity} is still shifted"
    return (_V.HOLDS, "it is steady again") if steady else (_V.UNCHECKABLE, "no such signal")


def _quote(claim: ClaimDraft, ledger: Ledger, _: IncidentContext) -> Checked:
    wanted = " ".join(str(claim.operands["text"])[:200].split())
    views = [" ".join(e.draft.view.split()) for e in ledger.cited(claim.evidence)]
    if wanted and any(wanted in view for view in views):
        return _V.HOLDS, "the words stand in the evidence"
    return _V.FAILS, "the words do not stand in the evidence"


def _judgement(_: ClaimDraft, __: Ledger, ___: IncidentContext) -> Checked:
    return _V.UNCHECKABLE, "a judgement: no code can check it"


_CHECKERS: Mapping[str, Check] = {
    "onset_before": _onset_before,
    "change_preceded": _change_preceded,
    "threshold": _threshold,
    "path": _path,
    "peer_normal": _peer_normal,
    "template_spike": _template_spike,
    "state": _state,
    "absence": _absence,
    "recovered_after": _recovered_after,
    "quote": _quote,
    "judgement": _judgement,
}
KINDS: tuple[str, ...] = tuple(_CHECKERS)


def operands_help() -> dict[str, dict[str, Any]]:
    """What each kind's operands are called, as a model is told."""
    return {
        "onset_before": {"first": ["entity", "signal"], "then": ["entity", "signal"]},
        "change_preceded": {"change": "id", "entity": "", "signal": "", "max_gap_s": MAX_GAP_S},
        "threshold": {"entity": "", "signal": "", "op": ">", "value": 0},
        "path": {"path": ["cause", "…", "symptom"]},
        "peer_normal": {"entity": "", "signal": ""},
        "template_spike": {"entity": "", "template": "", "ratio": 2},
        "state": {"entity": "", "field": "", "op": ">=", "value": 0},
        "absence": {"entity": ""},
        "recovered_after": {"entity": "", "signal": ""},
        "quote": {"text": ""},
        "judgement": {},
    }
