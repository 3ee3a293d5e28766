"""Validate and fit the alert-storm path: `python -m benchmarks.rca.storms [--write] [--misses]`.

Cross-validation never trains on the storm it judges. `by service` also never trains on a fault of
the same service (all replicas), which is nearest to services not seen; `random` is plain 10-fold.
Both are repeated over shuffles. Calibration is fitted on inner out-of-fold predictions of the
training part only.
"""

import argparse
import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

import analysis.reasoning.rootcause as engine
from analysis.reasoning.rootcause.storms import diagnose, fault_type, posterior
from benchmarks.rca.folder import folders, load
from benchmarks.rca.storm_fit import Labelled, fit_calibration, fit_storms, labelled, weights_of

Row = dict[str, Any]
REPEATS = 3  # shuffles; with a fold for every service there is nothing to shuffle


def main() -> None:
    options = _options()
    storms = read(options.cases)
    print(f"{len(storms)} storms, {len({s.group for s in storms})} services with faults")
    every = len({s.group for s in storms})
    for name, by_service, folds, repeats in (
        ("by service", True, every, 1),
        ("by service, 4 folds", True, 4, REPEATS),
        ("random, 10 folds", False, 10, REPEATS),
    ):
        rows = [
            row
            for seed in range(repeats)
            for row in judged(storms, split(storms, folds, by_service=by_service, seed=seed))
        ]
        print(f"{name:20} {summary(rows)}")
        if options.misses and folds == every:
            _print_misses(rows)
    fitted = fit_storms(storms, **fit_calibration(out_of_fold(storms)))
    if options.write:
        path = Path(engine.__file__).with_name("storm_weights.json")
        path.write_text(json.dumps(fitted, indent=1, sort_keys=True) + "\n")
        print(f"wrote {path.name}")


def read(root: Path) -> list[Labelled]:
    """The labelled cases that have alerts, and no series or objects beside them."""
    labels = json.loads((root / "labels.json").read_text())
    cases = [load(folder) for folder in folders(root) if (folder / "alerts.json").exists()]
    return [labelled(case, labels[case.id]) for case in cases if case.id in labels]


def split(
    storms: Sequence[Labelled], folds: int, *, by_service: bool, seed: int
) -> list[list[int]]:
    """Indices of each fold; with `by_service` all faults of a service are in one fold."""
    names = [one.group if by_service else one.case.id for one in storms]
    order = np.random.default_rng(seed).permutation(sorted(set(names)))
    fold_of = {name: i % folds for i, name in enumerate(order)}
    members = [[i for i, name in enumerate(names) if fold_of[name] == k] for k in range(folds)]
    return [fold for fold in members if fold]


def out_of_fold(storms: Sequence[Labelled]) -> list[tuple[Any, Labelled]]:
    """Each storm with weights that saw no fault of its service."""
    pairs = []
    for fold in split(storms, 4, by_service=True, seed=7):
        weights = weights_of(fit_storms([s for i, s in enumerate(storms) if i not in fold]))
        pairs += [(weights, storms[i]) for i in fold]
    return pairs


def judged(storms: Sequence[Labelled], folds: Sequence[Sequence[int]]) -> list[Row]:
    rows = []
    for fold in folds:
        train = [s for i, s in enumerate(storms) if i not in fold]
        fitted = fit_storms(train, **fit_calibration(out_of_fold(train)))
        weights = weights_of(fitted)
        for one in (storms[i] for i in fold):
            said = diagnose(one.case, weights)
            shares, _ = posterior(one.table, weights, missing=one.found.missing)
            names = [suspect.component for suspect in said.suspects]
            rows.append(
                {
                    "one": one,
                    "said": said,
                    "rank": names.index(one.found.components[one.true]),
                    "confidence": said.suspects[0].probability,
                    "fault_given": fault_type(one.found, one.true, shares[one.true], weights)
                    == one.fault,
                    "fault": said.suspects[0].fault_type == one.fault,
                    "without": diagnose(_without(one), weights),
                }
            )
    return rows


def _without(one: Labelled) -> Any:
    """The storm with its cause struck from the candidates: nobody is to blame."""
    cause = one.found.components[one.true]
    return replace(one.case, candidates=tuple(c for c in one.case.candidates if c != cause))


def summary(rows: Sequence[Row]) -> str:
    rank = np.array([row["rank"] for row in rows])
    sure = np.array([row["confidence"] for row in rows])
    right = (rank == 0).astype(float)
    answered = np.array([not row["said"].is_abstained for row in rows])
    absent = [row["without"] for row in rows]
    parts = {
        "AC@1": right.mean(),
        "AC@3": (rank < 3).mean(),
        "MRR": (1 / (rank + 1)).mean(),
        "fault|cause": np.mean([row["fault_given"] for row in rows]),
        "fault": np.mean([row["fault"] for row in rows]),
        "conf": sure.mean(),
        "ECE": _ece(sure, right),
        "AUROC": _auroc(sure, right),
        "answered": answered.mean(),
        "right of these": right[answered].mean() if answered.any() else np.nan,
        "abstained without cause": np.mean([said.is_abstained for said in absent]),
    }
    return "  ".join(f"{name} {value:.3f}" for name, value in parts.items())


def _ece(sure: Any, right: Any) -> float:
    bins = np.minimum((sure * 10).astype(int), 9)
    return float(
        sum(
            (bins == b).mean() * abs(sure[bins == b].mean() - right[bins == b].mean())
            for b in set(bins)
        )
    )


def _auroc(sure: Any, right: Any) -> float:
    good, bad = sure[right == 1], sure[right == 0]
    if not len(good) or not len(bad):
        return float("nan")
    ahead = good[:, None] > bad[None]
    return float((ahead + 0.5 * (good[:, None] == bad[None])).mean())


def _print_misses(rows: Sequence[Row]) -> None:
    for row in rows:
        if row["rank"]:
            one = row["one"]
            print(f"  {one.case.id} {one.fault} at rank {row['rank'] + 1}")
            for i in (0, row["rank"]):
                suspect = row["said"].suspects[i]
                clues = " ".join(f"{c.feature} {c.value:.2f}" for c in suspect.clues)
                print(f"    {suspect.component} {suspect.probability:.2f} {clues}")


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cases", type=Path, default=Path("../shared/data/rca/dev"))
    parser.add_argument("--write", action="store_true", help="store weights fitted on all cases")
    parser.add_argument("--misses", action="store_true", help="print what was missed, and why")
    return parser.parse_args()


if __name__ == "__main__":
    main()
