"""Verdicts by code: a match holds, harm is more than noise, and no data is never good."""

from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from remediation.execution.verification import Judgement, Mark, Sample, judge, mark, worse_than
from remediation.types import Prediction, Verdict


def prediction(direction: str = "up", **said: float) -> Prediction:
    fields: dict[str, Any] = {"threshold": 0.1, "level_before": 0.5, **said}
    return Prediction(
        query="q", connector_id="c", service="s", service_label="service", signal="errors",
        direction=direction, within_s=180, **fields,
    )  # fmt: skip


UP = prediction()


def judged(
    values: Sequence[float | None], p: Prediction = UP, *, now: float | None = None
) -> Judgement | None:
    """One sample every ten seconds after an effect at zero."""
    samples = [Sample(10.0 * i, v, mark(p, v)) for i, v in enumerate(values, start=1)]
    at = 10.0 * len(values) if now is None else now
    return judge(p, samples, effect_at=0.0, now=at, settle_s=30)


def verdict(values: Sequence[float | None], **said: float) -> Verdict | None:
    found = judged(values, **said)  # type: ignore[arg-type]  # only `now`
    return found.verdict if found else None


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([0.05] * 4, Verdict.MATCH),
        ([0.05] * 3, None),
        ([0.4, 0.3, 0.05, 0.05, 0.05, 0.05], Verdict.MATCH),
        ([0.05, 0.05, 0.05, None, 0.05], None),
        ([0.05, 0.05, 0.05, 0.3, 0.05, 0.05, 0.05], None),
        ([0.5] * 6, None),
        ([0.5, 0.9, 0.9, 0.9], None),
        ([0.5, 0.9, 0.9, 0.9, 0.9], Verdict.DEVIATION),
        ([0.5, 0.5, 0.9, 0.5, 0.9, 0.9], None),
        ([0.9, 0.9, 0.9, 0.9, 0.9], None),
        ([0.5, 0.5, 0.9, 0.9, None, 0.9], None),
    ],
)
def test_while_it_is_open(values: list[float | None], expected: Verdict | None) -> None:
    assert verdict(values) is expected


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([0.4] * 18, Verdict.PARTIAL),
        ([0.4, 0.05] * 9, Verdict.PARTIAL),
        ([None] * 18, Verdict.INCONCLUSIVE),
        ([0.4, 0.4, 0.4] + [None] * 15, Verdict.INCONCLUSIVE),
        ([0.05, 0.05, 0.05] + [None] * 15, Verdict.INCONCLUSIVE),
        ([], Verdict.INCONCLUSIVE),
    ],
)
def test_when_time_is_up(values: list[float | None], expected: Verdict) -> None:
    assert verdict(values, now=180.0) is expected


def test_too_low_is_the_mirror_of_too_high() -> None:
    down = prediction("down", threshold=90.0, level_before=40.0)
    good, bad = judged([95.0] * 4, down), judged([40.0] + [10.0] * 4, down)
    assert (good and good.verdict, bad and bad.verdict) == (Verdict.MATCH, Verdict.DEVIATION)


def test_trouble_that_grew_before_the_effect_is_not_its_doing() -> None:
    assert worse_than(UP) == pytest.approx(0.6)
    assert worse_than(UP, level=1.0) == pytest.approx(1.225)
    assert worse_than(UP, level=0.1) == worse_than(UP)


@given(st.lists(st.none() | st.floats(0, 2, allow_nan=False), max_size=30))
def test_only_data_proves_anything(values: list[float | None]) -> None:
    found = judged(values)
    if found is None:
        return
    assert found.reason
    if found.verdict is Verdict.MATCH:
        assert all(v is not None and v <= 0.1 for v in values[-4:])
    if found.verdict is Verdict.DEVIATION:
        assert all(v is not None and v > 0.6 for v in values[-3:])


@given(st.lists(st.none() | st.floats(0, 2, allow_nan=False), max_size=30))
def test_there_is_always_an_end(values: list[float | None]) -> None:
    assert judged(values, now=180.0) is not None


def test_no_data_is_not_good() -> None:
    assert mark(UP, None) is Mark.NO_DATA
