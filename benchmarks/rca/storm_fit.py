"""Fit the weights of the alert-storm path: a mixture of conditional logits, signs held sensible.

Each labelled storm is one observation: the pair (true component, mechanism of its fault) against
all other pairs and "none of these". The same storm without its true component among the candidates
is one more, in which "none of these" is right; it weighs `NONE_WEIGHT`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize, minimize_scalar

from analysis.reasoning.rootcause.storm_clues import CLUES, clue_table
from analysis.reasoning.rootcause.storm_table import Storm, storm
from analysis.reasoning.rootcause.storm_weights import StormWeights, as_weights
from analysis.reasoning.rootcause.storms import FAULT_FACTS, fault_facts, posterior
from analysis.types import Case

Matrix = NDArray[np.float64]
# What a fault does to its component. Faults not named here silence it.
MECHANISMS = {"cpu": "cpu", "memory": "memory", "network-delay": "delay"}
SILENCE = "silence"
SHARED_L2 = 0.1  # on what all mechanisms have in common
OWN_L2 = 0.3  # on how a mechanism differs from that
FAULT_L2 = 0.2
NONE_WEIGHT = 0.15
_FALLING = ("explained",)  # the only clue that may speak against a component


@dataclass(frozen=True)
class Labelled:
    """A storm with its answer; `true` is the row of the cause in the table."""

    case: Case
    found: Storm
    table: Matrix
    true: int
    fault: str
    group: str

    @property
    def mechanism(self) -> str:
        return MECHANISMS.get(self.fault, SILENCE)


def labelled(case: Case, label: Mapping[str, Any]) -> Labelled:
    """Raises ValueError where the cause is no candidate."""
    found = storm(case)
    return Labelled(
        case=case,
        found=found,
        table=clue_table(found),
        true=found.components.index(label["root_cause"]),
        fault=label["fault_type"],
        group=label.get("group") or label["root_cause"],
    )


def fit_storms(storms: Sequence[Labelled], *, temperature: float = 1.0) -> dict[str, Any]:
    """The weights as the file holds them; the same storms give the same weights."""
    mechanisms = sorted({s.mechanism for s in storms})
    slopes, biases, none = _fit_mechanisms(storms, mechanisms)
    return {
        "mechanisms": {
            name: _row(biases[k], dict(zip(CLUES, slopes[k], strict=True)))
            for k, name in enumerate(mechanisms)
        },
        "faults": {name: _fit_faults(storms, name) for name in mechanisms},
        "none": round(float(none), 3),
        "temperature": round(temperature, 3),
        "abstain_below": 0.5,
    }


def fit_temperature(out_of_fold: Sequence[tuple[StormWeights, Labelled]]) -> float:
    """The temperature under which predictions of folds never trained on are likeliest."""

    def loss(log_t: float) -> float:
        return float(np.mean([_loss(w, s, float(np.exp(log_t))) for w, s in out_of_fold]))

    return float(np.exp(minimize_scalar(loss, bounds=(-1.5, 1.5), method="bounded").x))


def weights_of(row: Mapping[str, Any]) -> StormWeights:
    return as_weights(row)


def _loss(weights: StormWeights, one: Labelled, temperature: float) -> float:
    at = StormWeights(
        weights.mechanisms, weights.faults, weights.none, temperature, weights.abstain_below
    )
    shares, _ = posterior(one.table, at, missing=one.found.missing)
    return -float(np.log(max(shares[one.true].sum(), 1e-12)))


def _row(bias: float, slopes: Mapping[str, float]) -> dict[str, Any]:
    rounded = {name: round(float(value), 3) for name, value in slopes.items()}
    return {
        "bias": round(float(bias), 3),
        "slopes": {name: value for name, value in rounded.items() if value},
    }


def _fit_mechanisms(
    storms: Sequence[Labelled], mechanisms: Sequence[str]
) -> tuple[Matrix, Matrix, float]:
    kinds, width = len(mechanisms), len(CLUES)
    size = width + kinds * width + kinds + 1  # shared, own, biases, none

    def objective(point: Matrix) -> tuple[float, Matrix]:
        shared, own, biases, none = _unpack(point, kinds, width)
        apart = own - shared
        loss = SHARED_L2 * (shared @ shared) + OWN_L2 * ((apart**2).sum() + biases @ biases)
        d_own = 2 * OWN_L2 * apart
        d_shared = 2 * SHARED_L2 * shared - d_own.sum(axis=0)
        d_biases, d_none = 2 * OWN_L2 * biases, 0.0
        for one in storms:
            at = (one.true, mechanisms.index(one.mechanism))
            for keep, target, weight in (
                (np.ones(len(one.table), dtype=bool), at, 1.0),
                (np.arange(len(one.table)) != one.true, None, NONE_WEIGHT),
            ):
                step = _step(one.table[keep], own, biases, none, target)
                loss += weight * step[0]
                d_own, d_biases = d_own + weight * step[1], d_biases + weight * step[2]
                d_none += weight * step[3]
        return float(loss), np.concatenate([d_shared, d_own.ravel(), d_biases, [d_none]])

    signs = [(None, 0.0) if name in _FALLING else (0.0, None) for name in CLUES]
    bounds = [(None, None)] * width + signs * kinds + [(None, None)] * (kinds + 1)
    best = minimize(objective, np.zeros(size), jac=True, method="L-BFGS-B", bounds=bounds).x
    _, own, biases, none = _unpack(best, kinds, width)
    return own, biases, none


def _unpack(point: Matrix, kinds: int, width: int) -> tuple[Matrix, Matrix, Matrix, float]:
    own = point[width : width + kinds * width].reshape(kinds, width)
    return point[:width], own, point[-kinds - 1 : -1], float(point[-1])


def _step(
    table: Matrix, own: Matrix, biases: Matrix, none: float, target: tuple[int, int] | None
) -> tuple[float, Matrix, Matrix, float]:
    """Loss of one choice and its gradients; a `target` of None is "none of these"."""
    scores = table @ own.T + biases
    peak = max(float(scores.max()), none)
    shares, left = np.exp(scores - peak), float(np.exp(none - peak))
    total = float(shares.sum()) + left
    shares, left = shares / total, left / total
    if target is None:
        loss, left = -np.log(left + 1e-300), left - 1
    else:
        loss = -np.log(shares[target] + 1e-300)
        shares[target] -= 1
    return float(loss), shares.T @ table, shares.sum(axis=0), left


def _fit_faults(storms: Sequence[Labelled], mechanism: str) -> dict[str, Any]:
    ours = [s for s in storms if s.mechanism == mechanism]
    faults = sorted({s.fault for s in ours})
    if len(faults) == 1:
        return {faults[0]: _row(0.0, {})}
    rows = [fault_facts(s.found, s.true) for s in ours]
    x = np.array([[*(row[name] for name in FAULT_FACTS), 1.0] for row in rows])
    truth = np.array([faults.index(s.fault) for s in ours])

    def objective(point: Matrix) -> tuple[float, Matrix]:
        slopes = point.reshape(len(faults), x.shape[1])
        scores = x @ slopes.T
        shares = np.exp(scores - scores.max(axis=1, keepdims=True))
        shares /= shares.sum(axis=1, keepdims=True)
        loss = FAULT_L2 * (slopes**2).sum() - np.log(shares[np.arange(len(x)), truth]).sum()
        shares[np.arange(len(x)), truth] -= 1
        return float(loss), (shares.T @ x + 2 * FAULT_L2 * slopes).ravel()

    start = np.zeros(len(faults) * x.shape[1])
    best = minimize(objective, start, jac=True, method="L-BFGS-B").x.reshape(len(faults), -1)
    return {
        fault: _row(best[k][-1], dict(zip(FAULT_FACTS, best[k], strict=False)))
        for k, fault in enumerate(faults)
    }
