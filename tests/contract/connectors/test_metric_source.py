"""What every metric source promises."""

import numpy as np
import pytest

from analysis.connectors.base import ConnectorError, Problem
from analysis.types import MetricSource
from tests.contract.connectors.conftest import Backend, on

pytestmark = on("prometheus")
METRIC = "process_resident_memory_bytes"


def source_of(backend: Backend) -> MetricSource:
    source = backend.source()
    assert isinstance(source, MetricSource)
    return source


def test_check_tells_what_was_found(backend: Backend) -> None:
    assert "targets" in source_of(backend).check()


def test_one_query_answers_many_series_on_one_grid(backend: Backend) -> None:
    found = source_of(backend).query_range(METRIC, start=backend.start, end=backend.end, step_s=5)
    services = {series.labels["service"] for series in found}
    assert {"gateway", "payments"} <= services
    for series in found:
        assert len(series.times) == len(series.values) == 25
        np.testing.assert_allclose(np.diff(series.times), 5)
        assert series.times[0] == backend.start
        assert np.nanmax(series.values) > 0


def test_a_frame_holds_the_same_series_as_one_array(backend: Backend) -> None:
    source = source_of(backend)
    window = {"start": backend.start, "end": backend.end, "step_s": 5}
    frame = source.query_frame(METRIC, **window)
    assert frame.values.shape == (len(frame.labels), 25)
    assert not frame.is_partial
    by_key = {series.key: series for series in source.query_range(METRIC, **window)}
    assert by_key.keys() == {series.key for series in frame.series()}
    for series in frame.series():
        np.testing.assert_array_equal(series.values, by_key[series.key].values)


def test_the_newest_value_of_every_series(backend: Backend) -> None:
    frame = source_of(backend).query(METRIC, at=backend.end)
    assert {"gateway", "payments"} <= {labels["service"] for labels in frame.labels}
    assert frame.values.shape == (len(frame.labels), 1)
    assert np.nanmin(frame.values) > 0


def test_a_selector_narrows_to_one_service(backend: Backend) -> None:
    found = source_of(backend).query_range(
        f'{METRIC}{{service="payments"}}', start=backend.start, end=backend.end, step_s=5
    )
    assert {series.labels["service"] for series in found} == {"payments"}


def test_an_unknown_metric_is_no_series_and_no_error(backend: Backend) -> None:
    source = source_of(backend)
    assert source.query_range("no_such", start=backend.start, end=backend.end, step_s=5) == []


def test_a_broken_query_is_rejected_with_the_vendors_reason(backend: Backend) -> None:
    with pytest.raises(ConnectorError, match="parse error") as caught:
        source_of(backend).query_range("sum(", start=backend.start, end=backend.end, step_s=5)
    assert caught.value.kind is Problem.REJECTED
    assert not caught.value.retryable
