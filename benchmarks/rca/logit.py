"""Fitting of a conditional logit: few weights, none negative, drawn towards a stated prior."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize, minimize_scalar

from analysis.reasoning.rootcause.fusion import Weights, crowd, features
from analysis.reasoning.rootcause.telemetry import RANKED
from benchmarks.rca.examples import Example, folds

Vector = NDArray[np.float64]

# What a clue of full strength is worth before any case has been seen, in log-odds.
PRIOR_VALUE = 5.0
PRIOR_DOMINANCE = 4.0
PRIOR_NONE = {"bias": 0.0, "alert_quiet": 2.0}
STIFFNESS = 0.01  # of the pull towards the prior, per squared log-odd and mean case
FALSE_ALARMS = 0.3  # what a set of them counts beside a set of faults
FOLDS = 5
ABSTAIN_BELOW = 0.55  # an answer as likely wrong as right is no answer


@dataclass(frozen=True)
class Choice:
    """One case as arrays: the rows are its candidates, `right` marks those that count."""

    table: NDArray[np.float64]
    null: Vector
    right: NDArray[np.bool_]  # one longer than the table: the last is "none of these"
    weight: float


def fit(
    examples: Sequence[Example], kinds: Sequence[str] = RANKED, *, stiffness: float = STIFFNESS
) -> Weights:
    """Weights at temperature 1. Data sets count alike, however many cases they have."""
    choices = _choices(examples, kinds)
    prior = np.array(
        [PRIOR_VALUE] * len(kinds) + [PRIOR_DOMINANCE] * len(kinds) + list(PRIOR_NONE.values())
    )
    bounds = [(0.0, None)] * (2 * len(kinds)) + [(None, None)] * len(PRIOR_NONE)

    def loss(w: Vector) -> tuple[float, Vector]:
        total = stiffness * float(((w - prior) ** 2).sum())
        slope = 2 * stiffness * (w - prior)
        for choice in choices:
            part, gradient = _loss(choice, w)
            total += choice.weight * part
            slope = slope + choice.weight * gradient
        return total, slope

    best = minimize(loss, prior, jac=True, bounds=bounds, method="L-BFGS-B").x
    n = len(kinds)
    return Weights(
        value=_named(kinds, best[:n]),
        dominance=_named(kinds, best[n : 2 * n]),
        none=_named(tuple(PRIOR_NONE), best[2 * n :]),
        abstain_below=ABSTAIN_BELOW,
    )


def out_of_fold(
    examples: Sequence[Example], kinds: Sequence[str] = RANKED, *, stiffness: float = STIFFNESS
) -> list[Weights]:
    """For every example weights (temperature 1) fitted without its fold."""
    found: dict[int, Weights] = {}
    for fold in folds(examples, FOLDS):
        held = set(fold)
        rest = [example for i, example in enumerate(examples) if i not in held]
        found |= dict.fromkeys(fold, fit(rest, kinds, stiffness=stiffness))
    return [found[i] for i in range(len(examples))]


def temperature(examples: Sequence[Example], weights: Sequence[Weights]) -> float:
    """The one temperature under which these (out-of-fold) weights are likeliest to be right."""
    kinds = weights[0].features
    pairs = [
        (choice, _vector(weighing, kinds))
        for choice, weighing in zip(_choices(examples, kinds), weights, strict=True)
    ]

    def loss(log_temperature: float) -> float:
        scale = float(np.exp(-log_temperature))
        return sum(choice.weight * _loss(choice, w, scale)[0] for choice, w in pairs)

    return float(np.exp(minimize_scalar(loss, bounds=(-2.0, 2.0), method="bounded").x))


def calibrated(
    examples: Sequence[Example], kinds: Sequence[str] = RANKED, *, stiffness: float = STIFFNESS
) -> Weights:
    """Weights of all examples, with the temperature of their out-of-fold predictions."""
    heat = temperature(examples, out_of_fold(examples, kinds, stiffness=stiffness))
    return replace(fit(examples, kinds, stiffness=stiffness), temperature=heat)


def _choices(examples: Sequence[Example], kinds: Sequence[str]) -> list[Choice]:
    sizes: dict[str, int] = {}
    for example in examples:
        sizes[example.label.dataset] = sizes.get(example.label.dataset, 0) + 1
    return [
        Choice(
            table=features(example.clues, example.case.candidates, kinds),
            null=np.array([{"bias": 1.0, **example.null}.get(name, 0.0) for name in PRIOR_NONE]),
            right=np.array(
                [name in example.label.accept for name in example.case.candidates]
                + [not example.label.accept]
            ),
            weight=_share(example) / sizes[example.label.dataset],
        )
        for example in examples
    ]


def _share(example: Example) -> float:
    return 1.0 if example.label.accept else FALSE_ALARMS


def _loss(choice: Choice, w: Vector, scale: float = 1.0) -> tuple[float, Vector]:
    """Negative log-likelihood of what is right, and its slope over `w`."""
    n = choice.table.shape[1]
    nothing = choice.null @ w[n:] + crowd(len(choice.table))
    scores = scale * np.append(choice.table @ w[:n], nothing)
    shares = np.exp(scores - scores.max())
    shares /= shares.sum()
    hit = max(float(shares[choice.right].sum()), 1e-12)
    pull = shares - np.where(choice.right, shares / hit, 0.0)
    return -float(np.log(hit)), np.append(choice.table.T @ pull[:-1], choice.null * pull[-1])


def _vector(weighing: Weights, kinds: Sequence[str]) -> Vector:
    return np.array(
        [weighing.value[kind] for kind in kinds]
        + [weighing.dominance[kind] for kind in kinds]
        + [weighing.none[name] for name in PRIOR_NONE]
    )


def _named(names: Sequence[str], values: Vector) -> Mapping[str, float]:
    return {name: round(float(value), 4) for name, value in zip(names, values, strict=True)}
