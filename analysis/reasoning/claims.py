"""Typed claims: what a reasoner asserts, code re-computes over stored facts (`reasoning.md` §3.3).

A claim names evidence by number and its operands by name; its checker looks at the cited entries
alone and answers holds, fails or uncheckable with one line of why. Weight is set here by kind and
custody, never by whoever claims. A claim that rests on what is gone or unanswered is open; one that
rests on what outsiders can write is tainted; neither ever counts for a hypothesis.
"""

from collections.abc import Callable, Mapping
from typing import Any

from analysis.reasoning.checkers import level, order, words
from analysis.reasoning.checkers.look import Checked, Look
from analysis.reasoning.checkers.order import MAX_GAP_S
from analysis.reasoning.ledger import SILENT, Ledger
from analysis.types import (
    BROKEN,
    CheckedClaim,
    ClaimDraft,
    ClaimVerdict,
    Custody,
    IncidentContext,
    LedgerEntry,
    Weight,
)

_V = ClaimVerdict
_WEAK = frozenset({"judgement", "template_spike", "quote", "absence"})
# Platform states that name a fault by themselves: numbers from which value on, or up to which.
_FROM = {"disk_of_size": 0.95, "memory_of_limit": 0.95, "restarts_10m": 2.0, "deadlocks_10m": 1.0}
_UP_TO = {"certificate_days_left": 0.0, "dns_resolves": 0.0}
_WORDS = frozenset(
    {
        "oomkilled",
        "crashloopbackoff",
        "imagepullbackoff",
        "errimagepull",
        "createcontainerconfigerror",
        "invalidimagename",
        "evicted",
        "notready",
        "failedscheduling",
        "unschedulable",
    }
)

_CHECKERS: Mapping[str, Callable[[Look], Checked]] = {
    "onset_before": order.onset_before,
    "change_preceded": order.change_preceded,
    "threshold": level.threshold,
    "path": order.path,
    "peer_normal": level.peer_normal,
    "template_spike": level.template_spike,
    "state": level.state,
    "absence": words.absence,
    "recovered_after": order.recovered_after,
    "quote": words.quote,
    "judgement": words.judgement,
}
KINDS: tuple[str, ...] = tuple(_CHECKERS)


def check(claim: ClaimDraft, ledger: Ledger, ctx: IncidentContext) -> CheckedClaim | None:
    """Re-compute one claim. None when it cites no number that was ever given: it does not exist."""
    numbers = sorted({n for n in claim.evidence if ledger.was_issued(n)})
    if not numbers:
        return None
    look = Look(claim, ledger, ctx)
    cited = look.cited
    verdict, why = _answer(look)
    used = [e for e in cited if e.seq in look.used] or cited
    custody = {e.draft.custody for e in used}
    return CheckedClaim(
        draft=claim,
        verdict=verdict,
        weight=_weight(claim, verdict, custody),
        explanation=why[:300],
        sources=_sources(numbers, cited),
        custody=tuple(sorted(custody)),
        is_open=len(cited) < len(numbers) or any(e.draft.status in SILENT for e in cited),
    )


def _answer(look: Look) -> Checked:
    kind = look.claim.kind
    if look.cited and all(e.draft.custody is Custody.HUMAN_GUIDANCE for e in look.cited):
        return words.guidance(look)
    checker = _CHECKERS.get(kind)
    if checker is None:
        return _V.UNCHECKABLE, f"no checker for a claim of kind {kind[:30]!r}"
    try:
        return checker(look)
    except (KeyError, TypeError, ValueError, AttributeError, OverflowError) as error:
        return _V.UNCHECKABLE, f"its operands do not say what to check: {error}"


def _sources(numbers: list[int], cited: list[LedgerEntry]) -> tuple[str, ...]:
    """Of the cited entries; one that is gone keeps a name of its own."""
    known = {e.seq: e.draft.source for e in cited}
    return tuple(sorted({known.get(number, f"E{number}") for number in numbers}))


def _weight(claim: ClaimDraft, verdict: ClaimVerdict, custody: set[Custody]) -> Weight:
    is_tainted = any(one.is_theirs for one in custody)
    if claim.kind in _WEAK or is_tainted or verdict is _V.UNCHECKABLE:
        return Weight.WEAK
    if claim.kind == "state" and custody == {Custody.PLATFORM_API} and _names_a_fault(claim):
        return Weight.DECISIVE
    return Weight.STRONG


def _names_a_fault(claim: ClaimDraft) -> bool:
    """Whether the claimed state says by itself what is broken."""
    field, wanted = str(claim.operands.get("field")), claim.operands.get("value")
    op = str(claim.operands.get("op", ">="))
    try:
        number = float(wanted)  # type: ignore[arg-type]  # whatever a model wrote; TypeError below
    except (TypeError, ValueError):
        is_known = field.startswith(BROKEN) or str(wanted).strip().casefold() in _WORDS
        return op == "==" and is_known
    from_, up_to = _FROM.get(field), _UP_TO.get(field)
    is_over = from_ is not None and op in {">", ">="} and number >= from_
    is_under = up_to is not None and op in {"<", "<=", "=="} and number <= up_to
    return is_over or is_under


def most(kind: str) -> Weight:
    """The most that a claim of this kind can weigh, whatever it rests on."""
    if kind == "state":
        return Weight.DECISIVE
    return Weight.WEAK if kind in _WEAK or kind not in _CHECKERS else Weight.STRONG


def operands_help() -> dict[str, dict[str, Any]]:
    """What each kind's operands are called, as a model is told."""
    return {
        "onset_before": {"first": ["entity", "signal"], "then": ["entity", "signal"]},
        "change_preceded": {"change": "id", "entity": "", "signal": "", "max_gap_s": MAX_GAP_S},
        "threshold": {"entity": "", "signal": "", "op": ">", "value": 0, "for_s": 0},
        "path": {"path": ["cause", "…", "symptom"]},
        "peer_normal": {"entity": "", "signal": "", "peers": ["", ""]},
        "template_spike": {"entity": "", "template": "", "ratio": 2},
        "state": {"entity": "", "field": "", "op": "== or >=", "value": 0},
        "absence": {"entity": "", "what": "change | template | shift", "signal": "", "text": ""},
        "recovered_after": {"entity": "", "signal": "", "change": "id, optional"},
        "quote": {"text": ""},
        "judgement": {},
    }
