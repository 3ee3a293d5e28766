"""States, confidence and abstention: one pure function over checked claims (`reasoning.md` §3.6).

A claim adds an interval to the score of its hypothesis: what it is worth where its evidence
answered, and from nothing to all it could be worth where evidence is gone, unanswered or written by
outsiders. Confidence is the lower end of a softmax over the rivals and "none of these": this one at
its worst, the rivals at their best. So, over fixed drafts and claims:

- taking evidence away, or tainting it, never raises the confidence of a hypothesis that stands, and
  never makes one supported;
- one that was refuted may come back when what refuted it is gone, but never above `_UNTRIED_MAX`,
  which is too little to be named;
- a claim that fails adds nothing, whatever it was for.

Weights are start values, fitted on no data set; the caps say in words why a confidence is no
higher.
"""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property

from analysis.reasoning.claims import most
from analysis.reasoning.ledger import Ledger, is_control
from analysis.types import (
    CheckedClaim,
    ClaimVerdict,
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
_REFUTED_SCORE = -3.0
_REFUTED_MAX = 0.05
_UNTRIED_MAX = 0.40  # below MIN_CONFIDENCE: what it needs was not answered, so it is not named
_WORTHLESS = frozenset({"judgement", "template_spike", "quote"})  # words, whoever wrote them
_HOLDS, _FAILS = ClaimVerdict.HOLDS, ClaimVerdict.FAILS
_S = HypothesisState


@dataclass(frozen=True)
class Candidate:
    """A draft with its claims checked."""

    draft: HypothesisDraft
    claims: tuple[CheckedClaim, ...]

    def holding(self, *, is_for: bool) -> list[CheckedClaim]:
        return [c for c in self.claims if c.verdict is _HOLDS and c.draft.is_for is is_for]

    @cached_property
    def support(self) -> list[CheckedClaim]:
        """What counts for it: holds, over evidence that is all there and not for outsiders."""
        return [c for c in self.holding(is_for=True) if not c.is_open and not c.is_tainted]

    @cached_property
    def strong(self) -> list[CheckedClaim]:
        return [c for c in self.support if c.weight is not Weight.WEAK]

    @cached_property
    def necessary(self) -> list[CheckedClaim]:
        return [c for c in self.claims if c.draft.is_for and c.draft.operands.get("necessary")]

    @cached_property
    def is_refuted(self) -> bool:
        """Something it needs is not so, by evidence that is there and that no outsider wrote."""
        return any(
            c.verdict is _FAILS and not c.is_open and not c.is_tainted for c in self.necessary
        )

    @cached_property
    def is_untried(self) -> bool:
        """Something it needs rests on evidence that is gone, unanswered or tainted."""
        return any(c.is_open or c.is_tainted for c in self.necessary)

    @cached_property
    def is_contradicted(self) -> bool:
        """A strong claim against it stands, or may: only an answer takes it off the table."""
        against = [c for c in self.claims if not c.draft.is_for]
        return any(_worst(c) >= WEIGHTS[Weight.STRONG] for c in against)

    @cached_property
    def has_path(self) -> bool:
        return any(c.draft.kind == "path" for c in self.support)

    @cached_property
    def is_tainted(self) -> bool:
        """Outsiders can write what speaks for it: all of it, or a reason that would be strong."""
        held = self.holding(is_for=True)
        theirs = any(c.is_tainted and most(c.draft.kind) is not Weight.WEAK for c in held)
        return theirs or (bool(held) and not self.strong and any(c.is_tainted for c in held))


def settle(
    candidates: Sequence[Candidate], ledger: Ledger, *, is_offline: bool, was_refuted: bool
) -> Settlement:
    """Rank and judge rivals. `was_refuted`: somebody, or code, tried to break the first one."""
    shares, none = _shares(candidates)
    settled = [
        _settled(c, share, ledger, is_offline=is_offline, was_refuted=was_refuted)
        for c, share in zip(candidates, shares, strict=True)
    ]
    settled.sort(key=_rank)
    ranked = tuple(settled)
    lead = max(shares, default=0.0)
    outcome = _outcome(ranked, ledger, is_none_ahead=none > lead)
    return Settlement(outcome, ranked, _summary(outcome, ranked), _questions(ranked, ledger))


def is_decisive(candidate: Candidate) -> bool:
    """A telling platform state, or a path with a change or own shift and a healthy control."""
    kinds = {c.draft.kind for c in candidate.support}
    if any(c.weight is Weight.DECISIVE for c in candidate.support):
        return True
    return "path" in kinds and (
        {"change_preceded", "threshold"} <= kinds or {"threshold", "peer_normal"} <= kinds
    )


def _rank(settled: SettledHypothesis) -> tuple[float, float, str, str, str]:
    draft = settled.draft
    score = _score(Candidate(draft, settled.claims), at_best=False)
    return -settled.confidence, -score, draft.entity, draft.mechanism, draft.statement


def _worth(claim: CheckedClaim) -> float:
    return 0.0 if claim.draft.kind in _WORTHLESS else WEIGHTS[claim.weight]


def _most(claim: CheckedClaim) -> float:
    return 0.0 if claim.draft.kind in _WORTHLESS else WEIGHTS[most(claim.draft.kind)]


def _worst(claim: CheckedClaim) -> float:
    """The most that a claim may take away or add, given what is not known of it."""
    if claim.is_open or claim.is_tainted:
        return _most(claim)
    return _worth(claim) if claim.verdict is _HOLDS else 0.0


def _sure(claim: CheckedClaim) -> float:
    """The least that it takes away or adds."""
    is_sure = claim.verdict is _HOLDS and not claim.is_open and not claim.is_tainted
    return _worth(claim) if is_sure else 0.0


def _score(candidate: Candidate, *, at_best: bool) -> float:
    """The upper or lower end of its log-odds against the others; low once it is refuted."""
    order = max(-ORDER_CAP, min(ORDER_CAP, candidate.draft.score))
    speaks_for = [c for c in candidate.claims if c.draft.is_for]
    against = [c for c in candidate.claims if not c.draft.is_for]
    if at_best:
        parts = _capped((c.sources, _worst(c)) for c in speaks_for)
        parts += [-p for p in _capped((c.sources, _sure(c)) for c in against)]
    else:
        parts = _capped((c.sources, _sure(c)) for c in speaks_for)
        parts += [-p for p in _capped((c.sources, _worst(c)) for c in against)]
    score = math.fsum([*parts, order])
    return min(score, _REFUTED_SCORE) if candidate.is_refuted else score


def _capped(parts: Iterable[tuple[tuple[str, ...], float]]) -> list[float]:
    """What each source adds, none more than `SOURCE_CAP`."""
    by_source: dict[tuple[str, ...], list[float]] = {}
    for sources, worth in parts:
        by_source.setdefault(sources, []).append(worth)
    return [min(math.fsum(own), SOURCE_CAP) for own in by_source.values()]


def _shares(candidates: Sequence[Candidate]) -> tuple[list[float], float]:
    """Of each rival, itself at its worst and the others at their best; and of none of these."""
    low = [_score(c, at_best=False) for c in candidates]
    high = [_score(c, at_best=True) for c in candidates]
    top = max([*high, NONE_OF_THESE])
    none = math.exp(NONE_OF_THESE - top)
    best = [math.exp(score - top) for score in high]
    shares = []
    for place, score in enumerate(low):
        own = math.exp(score - top)
        others = [other for at, other in enumerate(best) if at != place]
        shares.append(own / math.fsum([own, none, *others]))
    return shares, none / math.fsum([none, *(math.exp(score - top) for score in low)])


def _state(candidate: Candidate, *, was_refuted: bool) -> HypothesisState:
    if candidate.is_refuted:
        return _S.REFUTED
    if all(c.verdict is ClaimVerdict.UNCHECKABLE for c in candidate.claims):
        return _S.PROPOSED
    independent = {source for c in candidate.strong for source in c.sources}
    enough = is_decisive(candidate) or (len(candidate.strong) >= 2 and len(independent) >= 2)
    stands = not candidate.is_contradicted and not candidate.is_untried
    if enough and candidate.has_path and stands and was_refuted:
        return _S.SUPPORTED
    return _S.INCONCLUSIVE


def _settled(
    candidate: Candidate, share: float, ledger: Ledger, *, is_offline: bool, was_refuted: bool
) -> SettledHypothesis:
    sources = {s for c in candidate.support for s in c.sources}
    rules = (
        (candidate.is_refuted, _REFUTED_MAX, "something it needs is not so"),
        (candidate.is_untried, _UNTRIED_MAX, "something it needs could not be checked"),
        (
            not candidate.strong,
            0.40,
            "nothing strong that outsiders cannot write",
        ),
        (not is_decisive(candidate), 0.50, "no decisive claim holds"),
        (not candidate.has_path, 0.55, "no verified path leads to the symptom"),
        (not was_refuted, 0.60, "nobody has tried to break it"),
        (len(sources) < 2, 0.60, "one source only"),
        (ledger.is_short(), 0.65, "a source could not answer"),
        (is_offline, 0.70, "the offline reasoner alone"),
    )
    capped = share
    reasons: list[str] = []
    for applies, limit, reason in rules:
        if applies and share > limit:
            capped = min(capped, limit)
            reasons.append(f"at most {limit:.0%}: {reason}")
    return SettledHypothesis(
        draft=candidate.draft,
        claims=candidate.claims,
        state=_state(candidate, was_refuted=was_refuted),
        confidence=round(capped, 4),
        caps=tuple(reasons),
        is_tainted=candidate.is_tainted,
    )


def _outcome(
    ranked: Sequence[SettledHypothesis], ledger: Ledger, *, is_none_ahead: bool
) -> Outcome:
    answered = len(ledger.entries) - len(ledger.silent())
    if not answered:
        return Outcome.BLOCKED if ledger.issued else Outcome.COULD_NOT_INVESTIGATE
    if not ranked:
        return Outcome.BLOCKED if ledger.is_short() else Outcome.INCONCLUSIVE
    best = ranked[0]
    margin = best.confidence - (ranked[1].confidence if len(ranked) > 1 else 0.0)
    if best.confidence < MIN_CONFIDENCE or margin < MIN_MARGIN or is_none_ahead:
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
    """What would settle it: what was not answered, what hangs on it, what the first predict."""
    missing = [
        f"{e.draft.tool} had no answer ({e.draft.status}: {e.draft.summary[:120]})"
        for e in ledger.silent()
        if not is_control(e)
    ]
    missing += [f"E{number} is gone from the ledger" for number in ledger.removed()]
    hanging = [
        f"Not checked, its evidence had no answer: {c.draft.statement[:200]}"
        for h in ranked[:2]
        for c in h.claims
        if c.is_open
    ]
    asked = [p for h in ranked[:2] for p in h.draft.predictions]
    return tuple(dict.fromkeys([*missing, *hanging[:2], *asked]))[:6]
