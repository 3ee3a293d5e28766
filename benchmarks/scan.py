"""`python -m benchmarks.scan`: how fast the first pass is, beside what it must not cost.

In one run, on the same data: our scan, a plain numpy z-score of the newest points over the same
window (the cheapest thing that could be called detection) and one statsmodels STL a series, on a
sample. Best of several rounds; figures of a shared machine are to be read as ratios.
"""

import argparse
import json
import time
from collections.abc import Callable

import numpy as np
from statsmodels.tsa.seasonal import STL

from analysis.perception.scan import DetectorSettings, scan
from analysis.types import Floats, Series

SERIES, POINTS, STEP_S = 5000, 180, 5.0
STL_SAMPLE, STL_PERIOD = 20, 12
ROUNDS = 5


def metrics_like(rows: int, points: int) -> Floats:
    """Noise around levels of many sizes; every hundredth has a step in its newest points."""
    rng = np.random.default_rng(7)
    levels = 10 ** rng.uniform(-3, 9, (rows, 1))
    values: Floats = levels * (1 + 0.05 * rng.standard_normal((rows, points)))
    values[::100, -6:] *= 3
    return values


def z_score(values: Floats, *, newest: int = 3, threshold: float = 3.0) -> int:
    """The plain pass: mean and deviation of the history, one comparison."""
    history = values[:, :-newest]
    mean, deviation = history.mean(axis=1), history.std(axis=1)
    away = np.abs(values[:, -newest:] - mean[:, None]) / deviation[:, None]
    return int((away > threshold).all(axis=1).sum())


def stl(values: Floats) -> int:
    """One decomposition a series, judged by its newest residual."""
    found = 0
    for row in values:
        residual = STL(row, period=STL_PERIOD, robust=False).fit().resid
        found += bool(abs(residual[-1]) > 3 * residual[:-1].std())
    return found


def best_s(work: Callable[[], object], rounds: int) -> float:
    times = []
    for _ in range(rounds):
        began = time.perf_counter()
        work()
        times.append(time.perf_counter() - began)
    return min(times)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--series", type=int, default=SERIES)
    parser.add_argument("--points", type=int, default=POINTS)
    args = parser.parse_args()
    values = metrics_like(args.series, args.points)
    grid = STEP_S * np.arange(args.points, dtype=np.float64)
    many = [Series({"service": str(i)}, grid, row) for i, row in enumerate(values)]
    rates = {"plain z-score": args.series / best_s(lambda: z_score(values), ROUNDS)}
    found = {}
    for method in ("rolling_z", "robust_z"):
        settings = DetectorSettings(method=method)
        found[method] = len(scan(many, settings))
        seconds = best_s(lambda settings=settings: scan(many, settings), ROUNDS)  # type: ignore[misc]  # a default binds the loop's value
        rates[f"AIRRA {method}"] = args.series / seconds
    sample = values[:STL_SAMPLE]
    rates["STL a series (statsmodels)"] = len(sample) / best_s(lambda: stl(sample), 1)
    print(f"{args.series} series x {args.points} points, one core\n")
    print("| pass | series/s | seconds for all |\n|---|---|---|")
    for name, rate in rates.items():
        print(f"| {name} | {rate:,.0f} | {args.series / rate:.3f} |")
    print(f"\nfound of {len(values[::100])} steps: {found}\n")
    rounded = {name: round(rate) for name, rate in rates.items()}
    print(
        json.dumps(
            {
                "benchmark": "scan",
                "series": args.series,
                "points": args.points,
                "series_per_s": rounded,
                "found": found,
                "steps": len(values[::100]),
            }
        )
    )


if __name__ == "__main__":
    main()
