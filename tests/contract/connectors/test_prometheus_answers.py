"""What becomes of the points, labels and warnings in an answer of Prometheus and its family."""

import json
import math
import tracemalloc
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pytest_httpserver import HTTPServer

from analysis.connectors.base import ConnectorError, Problem
from analysis.connectors.matrix import frame_of_matrix, frame_of_vector
from analysis.connectors.prometheus import Prometheus

GRID = np.arange(100.0, 130.0, 5.0)


def matrix(*series: Any, **more: Any) -> bytes:
    """An answer of series; what is no object of its own is taken as the points of one."""
    result = [
        s if isinstance(s, dict) else {"metric": {"service": f"s{i}"}, "values": s}
        for i, s in enumerate(series)
    ]
    data = {"resultType": "matrix", "result": result}
    return json.dumps({"status": "success", "data": data, **more}).encode()


def frame_of(body: bytes, max_series: int = 100) -> Any:
    return frame_of_matrix(body, times=GRID, step_s=5.0, max_series=max_series)


def refused(body: bytes, max_series: int = 100) -> ConnectorError:
    with pytest.raises(ConnectorError) as caught:
        frame_of(body, max_series)
    return caught.value


def answer_matrix(server: HTTPServer, *values: list[list[Any]]) -> Prometheus:
    result = [{"metric": {"__name__": "m", "service": "a"}, "values": v} for v in values]
    data = {"status": "success", "data": {"resultType": "matrix", "result": result}}
    server.expect_request("/api/v1/query_range").respond_with_json(data)
    return Prometheus(server.url_for(""))


def test_nan_infinity_and_holes_are_gaps_never_zeros(httpserver: HTTPServer) -> None:
    source = answer_matrix(
        httpserver, [[100, "1"], [105, "NaN"], [110, "+Inf"], [120, "-Inf"], [125, "2.5"]]
    )
    (series,) = source.query_range("m", start=100, end=125, step_s=5)
    np.testing.assert_array_equal(series.values, [1, math.nan, math.nan, math.nan, math.nan, 2.5])
    assert series.key == "service=a"


def test_points_out_of_order_or_out_of_range_find_their_place(httpserver: HTTPServer) -> None:
    source = answer_matrix(httpserver, [[110, "3"], [100, "1"], [105.4, "2"], [999, "9"], [5, "9"]])
    (series,) = source.query_range("m", start=100, end=110, step_s=5)
    np.testing.assert_array_equal(series.values, [1, 2, 3])


def test_a_series_without_points_is_all_gap(httpserver: HTTPServer) -> None:
    (series,) = answer_matrix(httpserver, []).query_range("m", start=100, end=110, step_s=5)
    assert np.isnan(series.values).all()


def test_the_query_goes_as_a_form_however_long(httpserver: HTTPServer) -> None:
    source = answer_matrix(httpserver, [])
    query = "m" * 20_000
    source.query_range(query, start=0, end=10, step_s=5)
    request, _ = httpserver.log[-1]
    assert request.method == "POST"
    assert request.form["query"] == query


def test_of_two_points_for_one_place_the_later_in_the_answer_wins() -> None:
    frame = frame_of(matrix([[100, "1"], [105, "2"], [104.9, "3"]]))
    assert frame.values[0, :2].tolist() == [1, 3]


def test_a_native_histogram_is_all_gap() -> None:
    histogram = {"metric": {"service": "a"}, "histograms": [[100, {"count": "1"}]]}
    frame = frame_of(matrix(histogram, [[100, "4"]]))
    assert np.isnan(frame.values[0]).all()
    assert frame.values[1, 0] == 4


@pytest.mark.parametrize(
    ("more", "is_partial"),
    [
        ({}, False),
        ({"isPartial": False}, False),
        ({"isPartial": True}, True),
        ({"warnings": ["No StoreAPIs matched for this query"]}, True),
        ({"warnings": ["PromQL warning: bucket label le is missing"]}, False),
        ({"warnings": None, "infos": ["PromQL info: metric might not be a counter"]}, False),
    ],
)
def test_a_partial_answer_is_marked(more: dict[str, Any], is_partial: bool) -> None:
    assert frame_of(matrix([[100, "1"]], **more)).is_partial is is_partial


@pytest.mark.parametrize(
    "body",
    [
        b'{"data": {"resultType": "scalar", "result": []}}',
        b'{"data": {"resultType": "matrix", "result": {}}}',
        b'{"data": {"resultType": "matrix", "result": [{"values": []}]}}',
        b'{"data": {"resultType": "matrix", "result": [{"metric": {"a": 1}, "values": []}]}}',
        matrix([1]),
        matrix([[1]]),
        matrix([[1, "2", "3"]]),
        matrix([[1], ["2", 3, "4"]]),
        matrix([[1, 2]]),
        matrix([["1", "2"]]),
        matrix([[1, None]]),
        matrix([[1, "x"]]),
        matrix([[1, "1e"]]),
        matrix([[1, "2 3"]]),
        matrix([["NaN", "1"]]),
        matrix([[[1, "1"]]]),
        matrix({"metric": {}, "values": 7}),
        matrix({"metric": {}, "values": "7"}),
        matrix({"metric": {}, "values": None}),
        b"[" * 100_000,
        b'{"data": {"result": [{"metric": {}, "values": ' + b"[" * 100_000,
    ],
)
def test_wrong_types_are_refused(body: bytes) -> None:
    assert refused(body).kind is Problem.MALFORMED


def test_points_of_one_series_never_reach_another() -> None:
    frame = frame_of(matrix([], [[100, "1"]], [], [[105, "2"], [110, "3"]], []))
    assert np.isfinite(frame.values).sum(axis=1).tolist() == [0, 1, 0, 2, 0]


def test_series_keep_their_rows_however_many_there_are() -> None:
    frame = frame_of(matrix(*([[100, str(i)]] for i in range(1203))), max_series=2000)
    assert frame.values[:, 0].tolist() == list(range(1203))
    assert [labels["service"] for labels in frame.labels] == [f"s{i}" for i in range(1203)]


@pytest.mark.parametrize("count", [11, 1000])
def test_too_many_series_are_refused(count: int) -> None:
    error = refused(matrix(*([] for _ in range(count))), max_series=10)
    assert error.kind is Problem.TOO_LARGE
    assert "narrow it by" in str(error)


def test_labels_are_text_that_any_database_takes() -> None:
    odd = {"metric": {"a\0": "b\0c"}, "values": []}
    assert frame_of(matrix(odd, [])).labels == [{"a": "bc"}, {"service": "s1"}]


def test_a_million_series_are_refused_before_one_is_made() -> None:
    series = b'{"metric":{},"values":[]}'
    listed = b",".join([series] * 1_000_000)
    body = b'{"data":{"resultType":"matrix","result":[' + listed + b"]}}"
    tracemalloc.start()
    try:
        error = refused(body, max_series=100_000)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert error.kind is Problem.TOO_LARGE
    assert peak < 1_000_000


def test_too_large_an_array_is_refused_before_it_is_made() -> None:
    with pytest.raises(ConnectorError) as caught:
        frame_of_matrix(matrix([], []), times=np.arange(15_000_000.0), step_s=1.0, max_series=100)
    assert caught.value.kind is Problem.TOO_LARGE


def test_the_word_metric_as_a_label_counts_no_series() -> None:
    series = {"metric": {"job": "metric", "metric": "x"}, "values": []}
    assert len(frame_of(matrix(*[series] * 10), max_series=15)) == 10


def test_a_vector_is_one_column() -> None:
    result = [
        {"metric": {"a": "1"}, "value": [99.9, "5"]},
        {"metric": {"a": "2"}, "value": [99.9, "+Inf"]},
        {"metric": {"a": "3"}, "histogram": [99.9, {}]},
    ]
    body = json.dumps({"data": {"resultType": "vector", "result": result}}).encode()
    frame = frame_of_vector(body, at=100.0, max_series=10)
    np.testing.assert_array_equal(frame.values, [[5], [math.nan], [math.nan]])
    assert frame.times.tolist() == [100.0]


numbers = st.floats(allow_nan=False, width=64) | st.sampled_from([math.nan, math.inf, -math.inf])


def text_of(value: float) -> str:
    """As Go writes it."""
    return {"nan": "NaN", "inf": "+Inf", "-inf": "-Inf"}.get(str(value), repr(value))


@given(st.lists(st.dictionaries(st.integers(0, 5), numbers), max_size=5), st.randoms())
def test_every_finite_point_is_found_in_its_place(
    rows: list[dict[int, float]], chance: Any
) -> None:
    series = []
    for row in rows:
        points = [[100.0 + 5 * place, text_of(value)] for place, value in row.items()]
        chance.shuffle(points)
        series.append(points)
    expected = np.full((len(rows), len(GRID)), np.nan)
    for i, row in enumerate(rows):
        for place, value in row.items():
            expected[i, place] = value if math.isfinite(value) else math.nan
    np.testing.assert_array_equal(frame_of(matrix(*series)).values, expected)
