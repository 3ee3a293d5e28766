"""States, confidence and abstention: one pure function over checked claims (`reasoning.md` §3.6).

score(h) = Σ weights of holding claims for it − Σ of those against it, each source capped; then a
softmax over the rivals and "none of these", then the caps. The weights are start values, fitted on
no data set; the caps say in words why a confidence is no higher.
"""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from analysis.reasoning.ledger import Ledger
from analysis.types import (
    CheckedClaim,
    ClaimVerdict,
    Custody,
    HypothesisDraft,
    HypothesisState,
    Outcome,
    SettledHypothesis,
    Settlement,
    Weight,
)

WEIGHTS = {Weight.DECISIVE: 2.2, Weight.STRONG: 1.1, Weight.WEAK: 0.3}
NONE_OF_THESE = 0.8
SOURCE_CAP = 2.5  # ten views of one metric count as little more than two
ORDER_CAP = 2.0  # how far a reasoner's own ordering may move a rival
MIN_CONFIDENCE = 0.45
MIN_MARGIN = 0.10
_REFUTED_MAX = 0.05
_TEXT = frozenset({Custody.APP_TEXT, Custody.USER_INFLUENCED})
_HOLDS = ClaimVerdict.HOLDS
_S = HypothesisState


@dataclass(frozen=True)
class Candidate:
    """A draft with its claims checked."""

    draft: HypothesisDraft
    claims: tuple[CheckedClaim, ...]

    def holding(self, *, is_for: bool) -> list[CheckedClaim]:
        return [c for c in self.claims if c.verdict is _HOLDS and c.draft.is_for is is_for]


def settle(
    candidates: Sequence[Candidate], ledger: Ledger, *, is_offline: bool, was_refuted: bool
) -> Settlement:
    """Rank and judge rivals. `was_refuted`: somebody tried to break the first one."""
    states = [_state(candidate) for candidate in candidates]
    shares = _shares([_score(c) for c in candidates])
    settled = [
        _settled(c, state, share, ledger, is_offline=is_offline, was_refuted=was_refuted)
        for c, state, share in zip(candidates, states, shares, strict=True)
    ]
    settled.sort(key=lambda h: (-h.confidence, -_score_of(h), h.draft.entity, h.draft.mechanism))
    ranked = tuple(settled)
    outcome = _outcome(ranked, ledger)
    return Settlement(outcome, ranked, _summary(outcome, ranked), _questions(ranked, ledger))


def is_decisive(candidate: Candidate) -> bool:
    """A telling platform state, or a path with a change or own shift and a healthy control."""
    kinds = {c.draft.kind for c in candidate.holding(is_for=True)}
    if any(c.weight is Weight.DECISIVE for c in candidate.holding(is_for=True)):
        return True
    return "path" in kinds and (
        {"change_preceded", "threshold"} <= kinds or {"threshold", "peer_normal"} <= kinds
    )


def _capped_sum(claims: Iterable[CheckedClaim]) -> float:
    by_source: dict[tuple[str, ...], float] = {}
    for claim in claims:
        by_source[claim.sources] = by_source.get(claim.sources, 0.0) + WEIGHTS[claim.weight]
    return sum(min(total, SOURCE_CAP) for total in by_source.values())


def _score(candidate: Candidate) -> float:
    order = max(-ORDER_CAP, min(ORDER_CAP, candidate.draft.score))
    return (
        _capped_sum(candidate.holding(is_for=True))
        - _capped_sum(candidate.holding(is_for=False))
        + order
    )


def _score_of(settled: SettledHypothesis) -> float:
    return _score(Candidate(settled.draft, settled.claims))


def _shares(scores: Sequence[float]) -> list[float]:
    """Softmax over the rivals and "none of these"; what is left is the share of the unknown."""
    everything = [*scores, NONE_OF_THESE]
    top = max(everything)
    powers = [math.exp(s - top) for s in everything]
    return [p / sum(powers) for p in powers[:-1]]


def _state(candidate: Candidate) -> HypothesisState:
    for claim in candidate.claims:
        is_necessary = bool(claim.draft.operands.get("necessary"))
        if is_necessary and claim.draft.is_for and claim.verdict is ClaimVerdict.FAILS:
            return _S.REFUTED
    strong = [c for c in candidate.holding(is_for=True) if c.weight is not Weight.WEAK]
    independent = {source for c in strong for source in c.sources}
    contradicted = [c for c in candidate.holding(is_for=False) if c.weight is not Weight.WEAK]
    enough = is_decisive(candidate) or (len(strong) >= 2 and len(independent) >= 2)
    if enough and _has_path(candidate) and not contradicted:
        return _S.SUPPORTED
    return _S.INCONCLUSIVE


def _has_path(candidate: Candidate) -> bool:
    return any(c.draft.kind == "path" for c in candidate.holding(is_for=True))


def _is_tainted(candidate: Candidate) -> bool:
    held = candidate.holding(is_for=True)
    return bool(held) and all(set(c.custody) <= _TEXT for c in held)


def _settled(
    candidate: Candidate,
    state: HypothesisState,
    share: float,
    ledger: Ledger,
    *,
    is_offline: bool,
    was_refuted: bool,
) -> SettledHypothesis:
    tainted = _is_tainted(candidate)
    sources = {s for c in candidate.holding(is_for=True) for s in c.sources}
    rules = (
        (state is _S.REFUTED, _REFUTED_MAX, "something it needs is not so"),
        (tainted, 0.40, "only texts that others can write speak for it"),
        (not is_decisive(candidate), 0.50, "no decisive claim holds"),
        (not _has_path(candidate), 0.55, "no verified path leads to the symptom"),
        (not was_refuted, 0.60, "nobody has tried to break it"),
        (len(sources) < 2, 0.60, "one source only"),
        (bool(ledger.silent()), 0.65, "a source could not answer"),
        (is_offline, 0.70, "the offline reasoner alone"),
    )
    capped = share
    reasons: list[str] = []
    for applies, limit, reason in rules:
        if applies and share > limit:
            capped = min(capped, limit)
            reasons.append(f"at most {limit:.0%}: {reason}")
    return SettledHypothesis(
        candidate.draft, candidate.claims, state, round(capped, 4), tuple(reasons), tainted
    )


def _outcome(ranked: Sequence[SettledHypothesis], ledger: Ledger) -> Outcome:
    answered = len(ledger.entries) - len(ledger.silent())
    if not answered:
        return Outcome.BLOCKED if ledger.entries else Outcome.COULD_NOT_INVESTIGATE
    if not ranked:
        return Outcome.BLOCKED if ledger.silent() else Outcome.INCONCLUSIVE
    best = ranked[0]
    margin = best.confidence - (ranked[1].confidence if len(ranked) > 1 else 0.0)
    unexplained = 1.0 - sum(h.confidence for h in ranked)
    # Caps move confidence to "none of these"; only what no cap explains is a reason to abstain.
    led = unexplained > best.confidence and not best.caps
    if best.confidence < MIN_CONFIDENCE or margin < MIN_MARGIN or led:
        return Outcome.INCONCLUSIVE
    if best.state is _S.SUPPORTED:
        return Outcome.ROOT_CAUSE_IDENTIFIED
    return Outcome.BEST_EFFORT


def _summary(outcome: Outcome, ranked: Sequence[SettledHypothesis]) -> str:
    if outcome is Outcome.BLOCKED:
        return "Nothing established: sources that would tell had no answer."
    if not ranked:
        return "No signal shifted and nothing explains the incident."
    best = ranked[0]
    lead = f"{best.draft.statement} ({best.confidence:.0%})"
    if outcome is Outcome.ROOT_CAUSE_IDENTIFIED:
        return f"Most likely: {lead}."
    if outcome is Outcome.BEST_EFFORT:
        return f"Not proved; the strongest lead: {lead}."
    return f"No cause established. Strongest lead: {lead}."


def _questions(ranked: Sequence[SettledHypothesis], ledger: Ledger) -> tuple[str, ...]:
    """What would settle it: sources that were silent, then what the first two predict."""
    missing = [
        f"{e.draft.tool} had no answer ({e.draft.status}: {e.draft.summary[:120]})"
        for e in ledger.silent()
    ]
    asked = [p for h in ranked[:2] for p in h.draft.predictions]
    return tuple(dict.fromkeys([*missing, *asked]))[:6]
