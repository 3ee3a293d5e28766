"""Fit the weights of the alert-storm path: a mixture of conditional logits, signs held sensible.

Each labelled storm is one observation: the pair (true component, mechanism of its fault) against
all other pairs and "none of these". The same storm without its true component among the candidates
is one more, in which "none of these" is right; it weighs `NONE_WEIGHT`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize

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
NONE_WEIGHT = 0.25  # enough to learn from; `OUTSIDE` says how often it is so
OUTSIDE = 0.05
SHIFT_L2 = 0.01
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


def fit_storms(
    storms: Sequence[Labelled], *, temperature: float = 1.0, none_shift: float = 0.0
) -> dict[str, Any]:
    """The weights as the file holds them; the same storms give the same weights."""
    mechanisms = sorted({s.mechanism for s in storms})
    slopes, biases, none = _fit_mechanisms(storms, mechanisms)
    return {
        "mechanisms": {
            name: _row(biases[k], dict(zip(CLUES, slopes[k], strict=True)))
            for k, name in enumerate(mechanisms)
        },
        "faults": {name: _fit_faults(storms, name) for name in mechanisms},
        "none": round(none + none_shift, 3),
        "temperature": round(temperature, 3),
        "abstain_below": 0.5,
    }


def fit_calibration(out_of_fold: Sequence[tuple[StormWeights, Labelled]]) -> dict[str, float]:
    """Temperature and a shift of "none of these", fitted on storms never trained on.

    Under them the stated probability of the first suspect best foretells, by log loss, whether it
    is right. A share of `OUTSIDE` of the storms is taken to have its cause outside the candidates,
    where whoever is first is wrong.
    """

    def loss(point: Matrix) -> float:
        temperature, shift = float(np.exp(point[0])), float(point[1])
        losses = [_log_loss(w, s, temperature, shift) for w, s in out_of_fold]
        return float(np.mean(losses)) + SHIFT_L2 * shift**2

    corners = np.array([[0.0, 0.0], [0.7, 0.0], [0.0, -2.0]])
    options = {"xatol": 1e-2, "fatol": 1e-4, "initial_simplex": corners}
    best = minimize(loss, corners[0], method="Nelder-Mead", options=options).x
    return {"temperature": float(np.exp(best[0])), "none_shift": float(best[1])}


def weights_of(row: Mapping[str, Any]) -> StormWeights:
    return as_weights(row)


def _log_loss(weights: StormWeights, one: Labelled, temperature: float, shift: float) -> float:
    at = replace(weights, none=weights.none + shift, temperature=temperature)
    inside = _shares(one.table, at, one)
    outside = _shares(np.delete(one.table, one.true, axis=0), at, one)
    is_right = int(np.argmax(inside)) == one.true
    foretold = float(inside.max()) if is_right else 1 - float(inside.max())
    chances = np.clip([foretold, 1 - float(outside.max())], 1e-9, 1)
    return -float(np.array([1 - OUTSIDE, OUTSIDE]) @ np.log(chances))


def _shares(table: Matrix, weights: StormWeights, one: Labelled) -> Matrix:
    shares, _ = posterior(table, weights, missing=one.found.missing)
    return np.asarray(shares.sum(axis=1))


def _row(bias: float, slopes: Mapping[str, float]) -> dict[str, Any]:
    rounded = {name: round(float(value), 3) for name, value in slopes.items()}
    return {
        "bias": round(float(bias), 3),
        "slopes": {name: value for name, value in rounded.items() if value},
    }


@dataclass(frozen=True)
class Choices:
    """Observations x candidates x clues, padded; a cell outside `open_cells` cannot be chosen."""

    tables: Matrix
    open_cells: NDArray[np.bool_]  # observations x candidates
    target: NDArray[np.intp]  # candidate * mechanisms + mechanism; the last cell is none of these
    weight: Matrix


def _choices(storms: Sequence[Labelled], mechanisms: Sequence[str]) -> Choices:
    """Each storm as it is, then each without its cause."""
    count, most, kinds = len(storms), max(len(s.table) for s in storms), len(mechanisms)
    tables, is_open = np.zeros((count, most, len(CLUES))), np.zeros((count, most), dtype=bool)
    for i, one in enumerate(storms):
        tables[i, : len(one.table)] = one.table
        is_open[i, : len(one.table)] = True
    true = np.array([s.true for s in storms])
    without = is_open.copy()
    without[np.arange(count), true] = False
    chosen = true * kinds + np.array([mechanisms.index(s.mechanism) for s in storms])
    return Choices(
        tables=np.concatenate([tables, tables]),
        open_cells=np.concatenate([is_open, without]),
        target=np.concatenate([chosen, np.full(count, most * kinds)]),
        weight=np.concatenate([np.ones(count), np.full(count, NONE_WEIGHT)]),
    )


def _fit_mechanisms(
    storms: Sequence[Labelled], mechanisms: Sequence[str]
) -> tuple[Matrix, Matrix, float]:
    kinds, width = len(mechanisms), len(CLUES)
    choices = _choices(storms, mechanisms)

    def objective(point: Matrix) -> tuple[float, Matrix]:
        shared, own, biases, none = _unpack(point, kinds, width)
        loss, d_own, d_biases, d_none = _loss_and_slopes(choices, own, biases, none)
        apart = own - shared
        loss += SHARED_L2 * (shared @ shared) + OWN_L2 * ((apart**2).sum() + biases @ biases)
        d_own = d_own + 2 * OWN_L2 * apart
        d_shared = 2 * SHARED_L2 * shared - 2 * OWN_L2 * apart.sum(axis=0)
        d_biases = d_biases + 2 * OWN_L2 * biases
        return float(loss), np.concatenate([d_shared, d_own.ravel(), d_biases, [d_none]])

    signs = [(None, 0.0) if name in _FALLING else (0.0, None) for name in CLUES]
    bounds = [(None, None)] * width + signs * kinds + [(None, None)] * (kinds + 1)
    start = np.zeros(len(bounds))
    best = minimize(objective, start, jac=True, method="L-BFGS-B", bounds=bounds).x
    _, own, biases, none = _unpack(best, kinds, width)
    return own, biases, none


def _unpack(point: Matrix, kinds: int, width: int) -> tuple[Matrix, Matrix, Matrix, float]:
    """What the mechanisms share, slopes of each, biases of each, and the score of none."""
    own = point[width : width + kinds * width].reshape(kinds, width)
    return point[:width], own, point[-kinds - 1 : -1], float(point[-1])


def _loss_and_slopes(
    choices: Choices, own: Matrix, biases: Matrix, none: float
) -> tuple[float, Matrix, Matrix, float]:
    """Weighted negative log-likelihood of what was chosen, and its gradients."""
    count = len(choices.target)
    scores = choices.tables @ own.T + biases
    scores = np.where(choices.open_cells[:, :, None], scores, -np.inf).reshape(count, -1)
    scores = np.column_stack([scores, np.full(count, none)])
    shares = np.exp(scores - scores.max(axis=1, keepdims=True))
    shares /= shares.sum(axis=1, keepdims=True)
    rows = np.arange(count)
    loss = -float(choices.weight @ np.log(shares[rows, choices.target] + 1e-300))
    shares[rows, choices.target] -= 1
    shares *= choices.weight[:, None]
    cells = shares[:, :-1].reshape(count, -1, len(biases))
    d_own = np.einsum("nck,ncf->kf", cells, choices.tables)
    return loss, d_own, cells.sum(axis=(0, 1)), float(shares[:, -1].sum())


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
