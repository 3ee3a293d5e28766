"""What the charts of an incident show when there is little to show yet."""

import math

import pytest

from airra.lib import clock
from analysis.models import Anomaly
from analysis.queries.signals import signals
from tests.integration.analysis.conftest import Watch, look

pytestmark = pytest.mark.django_db


def test_a_short_history_is_drawn_with_the_band_the_detector_alarmed_on(watch: Watch) -> None:
    detector = watch.detector("errors", "payments")
    watch.shift("errors", "payments", 0.6)
    watch.wait(30)
    look(detector)
    anomaly = Anomaly.objects.get()
    kept_since = clock.now().timestamp() - 60  # the source has no more than a minute
    read = watch.read("errors", "payments")
    short = ({"service": "payments"}, lambda at: read(at) if at >= kept_since else math.nan)
    watch.fake.metrics.series["errors"] = [short]
    chart = signals(watch.incident()).charts[0]
    assert set(chart.high) == {anomaly.high}
    assert set(chart.low) == {anomaly.low}
