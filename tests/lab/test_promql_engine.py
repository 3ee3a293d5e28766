"""PromQL values against numbers worked out by hand from Prometheus's own rules."""

import math

import pytest

from lab.prom.engine import LOOKBACK_MS, Engine
from lab.prom.lexer import QueryError
from lab.prom.nodes import SCALAR, type_of
from lab.prom.parser import parse
from lab.prom.quantile import quantile
from lab.prom.ranges import Window, extrapolated
from lab.prom.tsdb import STALE, Database

T0 = 1_000_000_000


def make(samples: dict[str, list[tuple[float, float]]]) -> Database:
    """A database of `name{k=v,...}` to (seconds after T0, value) pairs."""
    database = Database(retention_s=3600)
    for identity, points in samples.items():
        name, _, inside = identity.partition("{")
        labels = dict(pair.split("=") for pair in inside.rstrip("}").split(",") if pair)
        series = database.series(name, labels)
        for after_s, value in points:
            series.append(T0 + round(after_s * 1000), value)
    return database


def ask(database: Database, query: str, at_s: float) -> dict[str, float]:
    """The instant vector, keyed by its labels as `k=v,k=v`."""
    engine = Engine(database, [T0 + round(at_s * 1000)])
    node = parse(query)
    if type_of(node) == SCALAR:
        return {"": engine.scalar(node)[0] or 0.0}
    return {
        ",".join(f"{key}={value}" for key, value in labels): column[0]
        for labels, column in engine.vector(node).items()
        if column[0] is not None
    }


def window(points: list[tuple[float, float]], start_s: float, end_s: float) -> Window:
    return Window(
        round(start_s * 1000), round(end_s * 1000),
        [round(at * 1000) for at, _ in points], [value for _, value in points],
    )  # fmt: skip


def test_rate_extrapolates_to_both_ends_of_a_well_filled_range() -> None:
    # 10 a second every 15 s, from 5 s to 50 s of a minute: growth 450 in 45 s; both gaps (5 s and
    # 10 s) are shorter than 1.1 x 15 s, so the whole minute is covered: 450 x 60/45 / 60.
    points = [(5.0, 1000.0), (20.0, 1150.0), (35.0, 1300.0), (50.0, 1450.0)]
    assert extrapolated(window(points, 0, 60), is_counter=True, is_rate=True) == pytest.approx(10)
    total = extrapolated(window(points, 0, 60), is_counter=True, is_rate=False)
    assert total == pytest.approx(600)


def test_a_series_that_began_inside_the_range_gets_half_a_gap_only() -> None:
    # 30 s missing at the start is more than 1.1 x 10 s, so 5 s are added; 5 s at the end.
    points = [(30.0, 1000.0), (40.0, 1010.0), (50.0, 1020.0), (55.0, 1025.0)]
    gap = 25 / 3
    covered = 25 + gap / 2 + 5
    expected = 25 * covered / 25
    result = extrapolated(window(points, 0, 60), is_counter=True, is_rate=False)
    assert result == pytest.approx(expected)


def test_a_counter_is_not_extrapolated_below_zero() -> None:
    # It would have been zero 4 s before the first sample (2 / (10 in 20 s)).
    points = [(10.0, 2.0), (20.0, 7.0), (30.0, 12.0)]
    result = extrapolated(window(points, 0, 30), is_counter=True, is_rate=False)
    assert result == pytest.approx(10 * 24 / 20)


def test_a_reset_counts_what_was_there_before_it() -> None:
    points = [(0.0, 100.0), (10.0, 110.0), (20.0, 4.0), (30.0, 14.0)]
    result = extrapolated(window(points, 0, 30), is_counter=True, is_rate=False)
    assert result == pytest.approx(24)


def test_delta_may_fall_and_ignores_resets() -> None:
    points = [(0.0, 100.0), (15.0, 80.0), (30.0, 40.0)]
    result = extrapolated(window(points, 0, 30), is_counter=False, is_rate=False)
    assert result == pytest.approx(-60)


def test_one_sample_has_no_rate() -> None:
    database = make({"m": [(10, 1)]})
    assert ask(database, "rate(m[1m])", 20) == {}


def test_a_range_includes_both_ends() -> None:
    database = make({"m": [(0, 1), (30, 2), (60, 3)]})
    assert ask(database, "count_over_time(m[1m])", 60) == {"": 3}


@pytest.mark.parametrize(
    ("wanted", "expected"),
    [
        (0.0, 0.0), (0.2, 0.05), (0.5, 0.15), (0.8, 0.35), (0.9, 0.425), (1.0, 0.5),
        (-1, -math.inf), (2, math.inf),
    ],
)  # fmt: skip
def test_quantile_interpolates_inside_a_bucket(wanted: float, expected: float) -> None:
    buckets = [(0.1, 40.0), (0.2, 60.0), (0.5, 100.0), (math.inf, 100.0)]
    assert quantile(wanted, buckets) == pytest.approx(expected)


def test_quantile_beyond_the_last_bound_is_that_bound() -> None:
    assert quantile(0.9, [(0.1, 1.0), (0.2, 2.0), (math.inf, 100.0)]) == 0.2


@pytest.mark.parametrize(
    "buckets",
    [[(math.inf, 5.0)], [(0.1, 1.0), (0.2, 2.0)], [(0.1, 0.0), (math.inf, 0.0)]],
)
def test_quantile_of_unusable_buckets_is_not_a_number(buckets: list[tuple[float, float]]) -> None:
    assert math.isnan(quantile(0.5, buckets))


def test_quantile_levels_buckets_that_dip() -> None:
    assert quantile(0.5, [(1.0, 10.0), (2.0, 9.0), (math.inf, 10.0)]) == pytest.approx(0.5)


def test_histogram_quantile_groups_by_everything_but_le() -> None:
    database = make(
        {
            "h_bucket{le=0.1,service=a}": [(0, 10)],
            "h_bucket{le=+Inf,service=a}": [(0, 20)],
            "h_bucket{le=0.1,service=b}": [(0, 20)],
            "h_bucket{le=+Inf,service=b}": [(0, 20)],
        }
    )
    result = ask(database, "histogram_quantile(0.5, h_bucket)", 1)
    assert result == {"service=a": pytest.approx(0.1), "service=b": pytest.approx(0.05)}


def test_newest_sample_is_found_until_the_lookback_ends() -> None:
    database = make({"up": [(0, 1)]})
    assert ask(database, "up", LOOKBACK_MS / 1000) == {"__name__=up": 1}
    assert ask(database, "up", LOOKBACK_MS / 1000 + 1) == {}


def test_a_staleness_marker_ends_a_series_at_once() -> None:
    database = make({"up": [(0, 1), (10, STALE), (20, 1)]})
    assert ask(database, "up", 15) == {}
    assert ask(database, "count_over_time(up[1m])", 30) == {"": 2}


def test_aggregation_and_division_of_an_error_ratio() -> None:
    database = make(
        {
            "r{code=200,service=a}": [(0, 0), (60, 90)],
            "r{code=500,service=a}": [(0, 0), (60, 10)],
            "r{code=200,service=b}": [(0, 0), (60, 50)],
        }
    )
    query = 'sum by (service) (rate(r{code="500"}[2m])) / sum by (service) (rate(r[2m]))'
    assert ask(database, query, 60) == {"service=a": pytest.approx(0.1)}


def test_comparison_filters_and_keeps_the_name() -> None:
    database = make({"m{i=1}": [(0, 5)], "m{i=2}": [(0, 9)]})
    assert ask(database, "m > 6", 0) == {"__name__=m,i=2": 9}
    assert ask(database, "6 > m", 0) == {"__name__=m,i=1": 5}
    assert ask(database, "m > bool 6", 0) == {"i=1": 0, "i=2": 1}


def test_on_keeps_only_the_matching_labels() -> None:
    database = make({"a{i=1,x=y}": [(0, 8)], "b{i=1,z=q}": [(0, 2)]})
    assert ask(database, "a / b", 0) == {}
    assert ask(database, "a / on (i) b", 0) == {"i=1": 4}
    assert ask(database, "a / ignoring (x, z) b", 0) == {"i=1": 4}


def test_ambiguous_matches_are_refused() -> None:
    database = make({"a{i=1}": [(0, 8)], "b{i=1,z=1}": [(0, 2)], "b{i=1,z=2}": [(0, 2)]})
    with pytest.raises(QueryError, match="many-to-many"):
        ask(database, "a / on (i) b", 0)


def test_or_fills_what_is_missing() -> None:
    database = make({"m{i=1}": [(0, 5)]})
    assert ask(database, "sum(nothing) or vector(0)", 0) == {"": 0}
    assert ask(database, "sum(m) or vector(0)", 0) == {"": 5}


def test_and_and_unless() -> None:
    database = make({"a{i=1}": [(0, 5)], "a{i=2}": [(0, 6)], "b{i=1}": [(0, 1)]})
    assert ask(database, "a and b", 0) == {"__name__=a,i=1": 5}
    assert ask(database, "a unless b", 0) == {"__name__=a,i=2": 6}
    assert ask(database, "a unless nothing", 0).keys() == {"__name__=a,i=1", "__name__=a,i=2"}


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("avg_over_time(m[1m])", 2.0), ("max_over_time(m[1m])", 3.0),
        ("min_over_time(m[1m])", 1.0), ("sum_over_time(m[1m])", 6.0),
        ("clamp_min(sum(m), 5)", 5.0), ("clamp_max(sum(m), 2)", 2.0), ("abs(-sum(m))", 3.0),
        ("2 * 3 + 1", 7.0), ("sum(m) / 0", math.inf), ("time() - 1000000", 30.0),
    ],
)  # fmt: skip
def test_small_functions(query: str, expected: float) -> None:
    database = make({"m": [(10, 1), (20, 2), (30, 3)]})
    assert ask(database, query, 30) == {"": expected}


def test_zero_by_zero_is_not_a_number_but_present() -> None:
    database = make({"m": [(0, 0)]})
    assert math.isnan(ask(database, "sum(m) / sum(m)", 0)[""])


def test_trimming_forgets_old_samples_and_empty_series() -> None:
    database = make({"old": [(0, 1)], "new": [(0, 1), (4000, 2)]})
    database.trim(T0 + 4_000_000)
    assert [series.labels for series in database.all()] == [(("__name__", "new"),)]
    assert list(database.all()[0].points[1]) == [2.0]
