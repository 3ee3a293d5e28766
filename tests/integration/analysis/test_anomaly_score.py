"""The score of an anomaly that lasts: its worst moment, however often it was looked at."""

import math

import pytest

from airra.lib import clock
from analysis.commands import watch as looks
from analysis.models import Anomaly, Detector
from tests.integration.analysis.conftest import Watch

pytestmark = pytest.mark.django_db


def test_looking_again_does_not_make_it_worse(watch: Watch) -> None:
    began = clock.now().timestamp() + 300

    def value(at: float) -> float:
        return (0.01 + 0.001 * math.sin(at / 37)) * (20 if at >= began else 1)

    watch.fake.metrics.put("m", value, service="payments")
    rule = Detector.objects.create(
        workspace=watch.workspace, connector=watch.connector, name="m", query="m", step_s=15,
        history_s=7200,
    )  # fmt: skip
    scores: list[float] = []
    for _ in range(30):
        watch.wait(30)
        looks.scan()
        rule.refresh_from_db()
        assert rule.claimed_at is not None
        looks.run(detector_ids=[str(rule.pk)], claimed_at=rule.claimed_at)
        scores += Anomaly.objects.values_list("score", flat=True)
    assert len(scores) > 10
    # Minus the logarithm of a chance, which no float holds beyond 308.
    assert max(scores) < 400
