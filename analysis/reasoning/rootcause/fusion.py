"""Fusion of clues by a conditional logit: P(cause = s) = softmax(w . f(s)), with a "none of these".

A component's features are, for each kind of clue, its value and its dominance: by how much it
exceeds the best other component's. No name of a service, system or case is a feature, and none of
the arithmetic depends on the order of the candidates. After McFadden's choice model, 1974; the
features after `root-cause.md` §3.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from importlib import resources
from typing import Any

import numpy as np
from numpy.typing import NDArray

from analysis.types import Clue

Matrix = NDArray[np.float64]
LAPSE = 0.02  # incidents of a kind that no clue was made for: nothing is surer than that


@dataclass(frozen=True)
class Weights:
    """Of one evidence path, per kind of clue; `none` weighs the features of the null candidate.

    Scores are divided by `temperature`; an answer below `abstain_below` is held back.
    """

    value: Mapping[str, float]
    dominance: Mapping[str, float]
    none: Mapping[str, float]
    temperature: float = 1.0
    abstain_below: float = 0.5

    @property
    def features(self) -> tuple[str, ...]:
        return tuple(sorted(set(self.value) | set(self.dominance)))


@dataclass(frozen=True)
class Posterior:
    """Probabilities of the candidates, in their order, and of none of them; they sum to 1."""

    of: Mapping[str, float]
    none: float
    scores: Mapping[str, float] = field(default_factory=dict)  # log-odds before normalising


def fuse(
    clues: Sequence[Clue],
    candidates: Sequence[str],
    weights: Weights,
    *,
    null: Mapping[str, float] | None = None,
) -> Posterior:
    """The posterior over candidates. `null` are the features of "none of these" (see `Weights`)."""
    table = features(clues, candidates, weights.features)
    kinds = weights.features
    slopes = np.array(
        [weights.value.get(kind, 0.0) for kind in kinds]
        + [weights.dominance.get(kind, 0.0) for kind in kinds]
    )
    facts = {"bias": 1.0, **(null or {})}
    nothing = sum(weights.none.get(name, 0.0) * value for name, value in facts.items())
    nothing += crowd(len(candidates))
    scores = np.append(table @ slopes, nothing) / weights.temperature
    shares = np.exp(scores - scores.max())
    shares = (1.0 - LAPSE) * shares / shares.sum() + LAPSE / len(shares)
    return Posterior(
        of={name: float(shares[i]) for i, name in enumerate(candidates)},
        none=float(shares[-1]),
        scores={name: float(scores[i]) for i, name in enumerate(candidates)},
    )


def crowd(candidates: int) -> float:
    """The log-odds "none of these" gains from their number: a cause is spread over all of them."""
    return float(np.log(max(candidates, 1)))


def features(clues: Sequence[Clue], candidates: Sequence[str], kinds: Sequence[str]) -> Matrix:
    """Candidates x (values of `kinds`, then dominances); the strongest clue of a kind counts."""
    row = {name: i for i, name in enumerate(candidates)}
    column = {kind: j for j, kind in enumerate(kinds)}
    values = np.zeros((len(candidates), len(kinds)))
    for clue in clues:
        if clue.component in row and clue.feature in column:
            at = row[clue.component], column[clue.feature]
            values[at] = max(values[at], clue.value)
    return np.hstack([values, _dominance(values)])


def _dominance(values: Matrix) -> Matrix:
    """How far the best of each column is ahead of the second; 0 for the others and for ties."""
    if len(values) < 2:
        return values.copy()
    second: Matrix = np.sort(values, axis=0)[-2]
    ahead: Matrix = np.maximum(values - second, 0.0)
    return ahead


@cache
def weights(path: str) -> Weights:
    """The weights shipped for an evidence path (`python -m benchmarks.rca.fit` makes the file)."""
    text = resources.files(__package__).joinpath("weights.json").read_text()
    return as_weights(json.loads(text)["paths"][path])


def as_weights(row: Mapping[str, Any]) -> Weights:
    return Weights(
        value=dict(row["value"]),
        dominance=dict(row["dominance"]),
        none=dict(row["none"]),
        temperature=float(row["temperature"]),
        abstain_below=float(row["abstain_below"]),
    )
