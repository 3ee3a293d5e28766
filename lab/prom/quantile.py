"""histogram_quantile over classic buckets, as Prometheus computes it (promql/quantile.go)."""

import math
from bisect import bisect_left

from lab.prom.columns import Column, Columns, nameless, without
from lab.prom.tsdb import Labels

Bucket = tuple[float, float]


def histogram_quantile(quantiles: Column, columns: Columns) -> Columns:
    """For each label set but `le`, the quantile at each step; series without `le` are left out."""
    groups: dict[Labels, list[tuple[float, Column]]] = {}
    for labels, column in columns.items():
        bound = dict(labels).get("le")
        if bound is not None:
            group = groups.setdefault(without(nameless(labels), ("le",)), [])
            group.append((float(bound), column))
    return {
        labels: _over_steps(quantiles, sorted(buckets, key=lambda pair: pair[0]))
        for labels, buckets in groups.items()
    }


def _over_steps(quantiles: Column, buckets: list[tuple[float, Column]]) -> Column:
    result: Column = []
    for step, wanted in enumerate(quantiles):
        present = [(bound, column[step]) for bound, column in buckets]
        counts = [(bound, count) for bound, count in present if count is not None]
        result.append(quantile(wanted, counts) if counts and wanted is not None else None)
    return result


def quantile(wanted: float, buckets: list[Bucket]) -> float:
    """The quantile of cumulative buckets sorted by bound; NaN where it is not defined."""
    if math.isnan(wanted):
        return math.nan
    if not 0 <= wanted <= 1:
        return math.copysign(math.inf, wanted - 0.5)
    bounds = [bound for bound, _ in buckets]
    counts = _rising([count for _, count in buckets])
    if len(buckets) < 2 or bounds[-1] != math.inf or not counts[-1]:
        return math.nan
    rank = wanted * counts[-1]
    index = bisect_left(counts, rank, 0, len(counts) - 1)
    if index == len(counts) - 1:
        return bounds[-2]
    if index == 0 and bounds[0] <= 0:
        return bounds[0]
    lower = bounds[index - 1] if index else 0.0
    below = counts[index - 1] if index else 0.0
    return lower + (bounds[index] - lower) * ((rank - below) / (counts[index] - below))


def _rising(counts: list[float]) -> list[float]:
    # Buckets scraped or extrapolated apart may dip a little; Prometheus levels them as well.
    level = -math.inf
    result: list[float] = []
    for count in counts:
        level = max(level, count)
        result.append(level)
    return result
