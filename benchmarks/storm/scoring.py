"""How a grouping compares with the truth, pair by pair."""

from collections import Counter
from collections.abc import Hashable, Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Score:
    """`precision`: of the pairs put together, how many truly are; `recall` the other way round."""

    alerts: int
    incidents: int
    precision: float
    recall: float

    @property
    def reduction(self) -> float:
        return 1 - self.incidents / self.alerts if self.alerts else 0.0


def score(pairs: Sequence[tuple[Hashable, Hashable]]) -> Score:
    """Of (group, truth) for each alert."""
    together = _pairs(Counter(group for group, _ in pairs))
    true = _pairs(Counter(truth for _, truth in pairs))
    both = _pairs(Counter(pairs))
    return Score(
        alerts=len(pairs),
        incidents=len({group for group, _ in pairs}),
        precision=both / together if together else 1.0,
        recall=both / true if true else 1.0,
    )


def _pairs(sizes: Counter[Hashable] | Counter[tuple[Hashable, Hashable]]) -> int:
    return sum(size * (size - 1) // 2 for size in sizes.values())
