"""How right a reasoner was, by ids and enums: no judge but code (`reasoning.md` §3.13)."""

import math
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

BINS = 10


@dataclass(frozen=True)
class Truth:
    """What was done to a world. `causes` are the entities that count; none: nothing was wrong."""

    world: str
    family: str
    causes: frozenset[str]
    mechanisms: frozenset[str] = frozenset()
    is_answerable: bool = True  # False: the evidence left cannot tell, so abstaining is right


@dataclass(frozen=True)
class Answered:
    """What one reasoner said of one world. Confidences are of `ranked`, best first."""

    world: str
    ranked: tuple[str, ...]
    confidences: tuple[float, ...]
    mechanism: str = ""
    outcome: str = ""
    is_abstained: bool = False
    is_path_verified: bool = False
    claims: int = 0
    failed_claims: int = 0
    usd: float = 0.0
    seconds: float = 0.0

    @property
    def confidence(self) -> float:
        return self.confidences[0] if self.confidences else 0.0


@dataclass(frozen=True)
class Scores:
    """Shares in [0, 1]; None where nothing could be counted. `n` worlds with a cause."""

    n: int
    ac1: float | None
    ac3: float | None
    avg5: float | None
    mechanism: float | None
    path_grounded: float | None
    false_cause: float | None
    abstention_precision: float | None
    abstention_recall: float | None
    claim_failures: float | None
    brier: float | None
    ece: float | None
    usd: float
    seconds: float

    def as_json(self) -> dict[str, Any]:
        return {k: round(v, 4) if isinstance(v, float) else v for k, v in asdict(self).items()}


def rank_of(answer: Answered, truth: Truth) -> int | None:
    """The place of the first cause that counts, from 1; None when it is not named."""
    places = (i for i, entity in enumerate(answer.ranked, 1) if entity in truth.causes)
    return next(places, None)


def score(answers: Sequence[Answered], truths: Sequence[Truth]) -> Scores:
    """One row of the table. Raises KeyError when a world has no answer: none may be left out.

    - ac1, ac3, avg5: over worlds with a cause that can be told, abstained or not.
    - false_cause: of the worlds answered at all, how many named a wrong cause (or any, where
      nothing was wrong).
    - abstention_precision: of those abstained, how often nothing was wrong, nothing could be told,
      or the lead was wrong; abstention_recall: of the wrong leads, how many were not sold as one.
    - brier, ece: of the first confidence against whether the first cause is right; 10 bins.
    """
    by_world = {a.world: a for a in answers}
    pairs = [(by_world[t.world], t) for t in truths]
    caused = [(a, t) for a, t in pairs if t.causes and t.is_answerable]
    places = [rank_of(a, t) for a, t in caused]
    answered = [(a, t) for a, t in pairs if not a.is_abstained]
    abstained = [(a, t) for a, t in pairs if a.is_abstained]
    wrong = [(a, t) for a, t in pairs if not t.causes or rank_of(a, t) != 1]
    stated = [(a.confidence, float(rank_of(a, t) == 1)) for a, t in pairs if a.confidences]
    first = [(a, t) for a, t in caused if rank_of(a, t) == 1]
    told = [(a, t) for a, t in first if t.mechanisms and a.mechanism]
    return Scores(
        n=len(caused),
        ac1=_share(place == 1 for place in places),
        ac3=_share(place is not None and place <= 3 for place in places),
        avg5=_mean([_within(places, k) for k in range(1, 6)]) if places else None,
        mechanism=_share(a.mechanism in t.mechanisms for a, t in told),
        path_grounded=_share(a.is_path_verified and rank_of(a, t) == 1 for a, t in caused),
        false_cause=_share(rank_of(a, t) != 1 for a, t in answered),
        abstention_precision=_share(_should_abstain(a, t) for a, t in abstained),
        abstention_recall=_share(a.is_abstained for a, _ in wrong),
        claim_failures=_ratio(
            sum(a.failed_claims for a in answers), sum(a.claims for a in answers)
        ),
        brier=_mean([(said - right) ** 2 for said, right in stated]) if stated else None,
        ece=_ece(stated) if stated else None,
        usd=sum(a.usd for a in answers),
        seconds=sum(a.seconds for a in answers) / max(len(answers), 1),
    )


def _should_abstain(answer: Answered, truth: Truth) -> bool:
    """There was nothing to name, nothing to tell it by, or the lead was not it."""
    return not truth.causes or not truth.is_answerable or rank_of(answer, truth) != 1


def _within(places: Sequence[int | None], k: int) -> float:
    return sum(place is not None and place <= k for place in places) / len(places)


def _share(facts: Iterable[bool]) -> float | None:
    found = list(facts)
    return sum(found) / len(found) if found else None


def _ratio(part: float, whole: float) -> float | None:
    return part / whole if whole else None


def _mean(values: Sequence[float]) -> float:
    return math.fsum(values) / len(values)


def _ece(stated: Sequence[tuple[float, float]]) -> float:
    """Expected calibration error over bins of equal width."""
    total = 0.0
    for number in range(BINS):
        inside = [(s, r) for s, r in stated if min(int(s * BINS), BINS - 1) == number]
        if inside:
            gap = _mean([s for s, _ in inside]) - _mean([r for _, r in inside])
            total += len(inside) / len(stated) * abs(gap)
    return total
