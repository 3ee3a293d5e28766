"""`python -m benchmarks.scan`: what a scan of thousands of series costs, beside what it must not.

In one run, on the same series with six hours of history: AIRRA judging the newest points, a plain
numpy z-score over the same array, a real Prometheus evaluating a band of recording rules over it,
and one statsmodels STL a series (a sample). Then whole looks (query, parse, judge, store) against
that Prometheus, and one and two Celery workers sharing the work. Read the figures as ratios.
"""

import argparse
import json
import sys
import time
import warnings
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from analysis.perception.bank import Bank
from analysis.perception.settings import DetectorSettings
from analysis.types import Floats
from benchmarks import looks, prometheus, workers

STEP_S = 60
HOURS = 6
NEWEST = 10  # points judged one by one once the history is known
STL_SAMPLE, STL_PERIOD = 30, 60
RULE_ROUNDS = 4
SETTINGS = DetectorSettings(direction="both")


@dataclass(frozen=True)
class Pass:
    """Seconds for the newest point of all series; for AIRRA also what it remembers."""

    series: int
    airra_s: float
    history_s: float
    bytes_each: float
    plain_s: float


def metrics_like(rows: int, points: int) -> Floats:
    """Noise around levels of many sizes and an hourly swing; every hundredth ends in a step."""
    rng = np.random.default_rng(7)
    levels = 10 ** rng.uniform(-3, 6, (rows, 1))
    swing = 0.2 * np.sin(np.arange(points) * 2 * np.pi * STEP_S / 3600)
    values: Floats = levels * (1 + swing + 0.05 * rng.standard_normal((rows, points)))
    values[::100, -NEWEST // 2 :] *= 3
    return values


def z_score(values: Floats, *, threshold: float = 3.0) -> int:
    """The plain pass: mean and deviation of all that came before, one comparison."""
    history = values[:, :-1]
    away = np.abs(values[:, -1] - history.mean(axis=1)) / history.std(axis=1)
    return int((away > threshold).sum())


def stl_s(values: Floats) -> float:
    """Seconds of one decomposition a series, judged by its newest residual."""
    from statsmodels.tsa.seasonal import STL  # noqa: PLC0415 - a second to import, timed apart

    began = time.perf_counter()
    for row in values:
        residual = STL(row, period=STL_PERIOD, robust=False).fit().resid
        _ = abs(residual[-1]) > 3 * residual[:-1].std()
    return (time.perf_counter() - began) / len(values)


def best_s(work: Callable[[], object], rounds: int = 3) -> float:
    times = []
    for _ in range(rounds):
        began = time.perf_counter()
        work()
        times.append(time.perf_counter() - began)
    return min(times)


def judge(values: Floats) -> Pass:
    """Learn the history of all series, then judge their newest points one by one."""
    rows, points = values.shape
    times = STEP_S * np.arange(points, dtype=np.float64)
    bank = Bank.new(rows, step_s=STEP_S)
    known = points - NEWEST
    began = time.perf_counter()
    bank.advance(times[:known], values[:, :known], SETTINGS)
    history_s = time.perf_counter() - began
    each = []
    for i in range(known, points):
        began = time.perf_counter()
        bank.advance(times[i : i + 1], values[:, i : i + 1], SETTINGS)
        each.append(time.perf_counter() - began)
    return Pass(
        series=rows,
        airra_s=float(np.median(each)),
        history_s=history_s,
        bytes_each=len(bank.to_bytes()) / rows,
        plain_s=best_s(lambda: z_score(values)),
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--series", type=int, nargs="*", default=[5_000, 50_000])
    parser.add_argument("--workers", action="store_true", help="needs PostgreSQL and Redis")
    args = parser.parse_args()
    warnings.simplefilter("ignore")
    points = HOURS * 3600 // STEP_S
    passes = [judge(metrics_like(rows, points)) for rows in args.series]
    values = metrics_like(args.series[0], points)
    times = prometheus.now_on_grid(STEP_S) - STEP_S * np.arange(points, dtype=np.float64)[::-1]
    with prometheus.running(values, times) as server:
        rules_s = server.cpu_s_of_rules(RULE_ROUNDS)
        whole = looks.measure(server.url, times)
    a_stl = stl_s(values[:STL_SAMPLE])
    found = {
        "benchmark": "scan",
        "passes": [vars(p) for p in passes],
        "growth": _growth(passes),
        "stl_s_each": a_stl,
        "prometheus_rules_cpu_s": rules_s,
        "look": vars(whole),
        "workers": vars(workers.measure()) if args.workers else None,
    }
    sys.stdout.write(table(passes, a_stl, rules_s, whole))
    if found["workers"]:
        sys.stdout.write(f"\none worker and two: {found['workers']}\n")
    sys.stdout.write(f"\n{json.dumps(found)}\n")


def _growth(passes: list[Pass]) -> float | None:
    """Cost of a series among the most over cost of a series among the fewest; 1 is linear."""
    if len(passes) < 2:
        return None
    each = [p.airra_s / p.series for p in passes]
    return each[-1] / each[0]


def table(passes: list[Pass], a_stl: float, rules_s: float, whole: "looks.Whole") -> str:
    lines = [
        f"{HOURS} h of history, a point every {STEP_S} s; the newest point of every series\n",
        "| series | pass | seconds | series/s and core | AIRRA takes of it |",
        "|---|---|---|---|---|",
    ]
    for p in passes:
        rivals = {
            f"AIRRA ({p.bytes_each:.0f} bytes a series)": p.airra_s,
            "numpy z-score over the same array": p.plain_s,
            f"statsmodels STL (sample of {STL_SAMPLE})": a_stl * p.series,
        }
        if p is passes[0]:
            rivals["Prometheus: band rules, CPU"] = rules_s
            rivals["AIRRA, whole look, CPU"] = whole.cpu_s
        lines += [
            f"| {p.series:,} | {name} | {s:.4f} | {p.series / s:,.0f} | {p.airra_s / s:.3f} |"
            for name, s in rivals.items()
        ]
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    main()
