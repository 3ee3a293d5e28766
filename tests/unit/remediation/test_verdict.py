"""Verdicts by code: a match holds, harm is more than noise, and no data is never good."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import pytest

from remediation.execution.marks import ALERT, Course, Line, Mark, Sample
from remediation.execution.verification import Judgement, judge
from remediation.types import Prediction, Schedule, Verdict, Watched

Values = Sequence[float | None]
EVERY_S = 10.0


def prediction(direction: str = "up", **said: Any) -> Prediction:
    fields: dict[str, Any] = {"threshold": 0.1, "level_before": 0.5, **said}
    return Prediction(
        query="q", connector_id="c", service="s", service_label="service", signal="errors",
        direction=direction, within_s=180, **fields,
    )  # fmt: skip


def watched(service: str, name: str = "latency", **said: Any) -> Watched:
    fields: dict[str, Any] = {"level_before": 0.2, "margin": 0.1, "unit": "s", **said}
    return Watched(
        name=name, query=name, connector_id="c", service=service, service_label="service",
        signal="latency", direction="up", **fields,
    )  # fmt: skip


UP = prediction()
GUARD = watched("caller")
GUARDED = replace(UP, guards=(GUARD,))
PEERS = tuple(watched(name, "errors", level_before=0.5) for name in ("p1", "p2", "p3"))
CONTROLLED = replace(UP, peers=PEERS)


def course(values: Values, before: Sequence[float] = ()) -> Course:
    """One sample every ten seconds after an effect at zero."""
    since = tuple(Sample(EVERY_S * i, v) for i, v in enumerate(values, start=1))
    return Course(tuple(before), since)


def judged(
    values: Values,
    p: Prediction = UP,
    *,
    others: Mapping[str, Values] | None = None,
    before: Sequence[float] = (),
    now: float | None = None,
) -> Judgement | None:
    record = {key: course(told) for key, told in (others or {}).items()}
    record[ALERT] = course(values, before)
    at = EVERY_S * len(values) if now is None else now
    return judge(p, record, effect_at=0.0, now=at)


def verdict(values: Values, p: Prediction = UP, **said: Any) -> Verdict | None:
    found = judged(values, p, **said)
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
        ([0.9, 0.9], None),
        ([0.9, 0.9, 0.5, 0.5], None),
        ([0.9, 0.9, 0.9], Verdict.DEVIATION),
        ([0.5, 0.9, 0.9], None),
        ([0.5, 0.9, 0.9, 0.9], Verdict.DEVIATION),
        ([0.5, 0.5, 0.9, 0.5, 0.9, 0.9], None),
        ([0.5, 0.5, 0.9, 0.9, None, 0.9], None),
        ([0.5, 0.5] + [0.9, 0.5] * 5, None),
        ([0.5, 0.5] + [0.9, 0.5] * 6, Verdict.DEVIATION),
        ([0.5] + [None] * 12, None),
        ([0.5] + [None] * 13, Verdict.INCONCLUSIVE),
    ],
)
def test_while_it_is_open(values: Values, expected: Verdict | None) -> None:
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
def test_when_time_is_up(values: Values, expected: Verdict) -> None:
    assert verdict(values, now=180.0) is expected


def test_so_many_samples_are_an_end_too() -> None:
    short = replace(UP, schedule=Schedule(count=5))
    assert verdict([0.4] * 4, short) is None
    assert verdict([0.4] * 5, short) is Verdict.PARTIAL


def test_too_low_is_the_mirror_of_too_high() -> None:
    down = prediction("down", threshold=90.0, level_before=40.0)
    good, bad = judged([95.0] * 4, down), judged([40.0] + [10.0] * 4, down)
    assert (good and good.verdict, bad and bad.verdict) == (Verdict.MATCH, Verdict.DEVIATION)


@pytest.mark.parametrize(
    ("before", "limit"), [((), 0.6), ((1.0, 1.0, 1.0), 1.225), ((0.2, 0.2), 0.6)]
)
def test_trouble_that_grew_before_the_effect_is_not_its_doing(
    before: tuple[float, ...], limit: float
) -> None:
    assert Line.of_alert(UP, Course(before), 0.0).limit == pytest.approx(limit)


@pytest.mark.parametrize(
    ("before", "limit"), [((0.45, 0.5, 0.58), 0.66), ((0.0, 0.5, 1.0, 0.5, 0.9), 0.7)]
)
def test_what_swings_by_itself_must_swing_further_to_be_harm(
    before: tuple[float, ...], limit: float
) -> None:
    assert Line.of_alert(UP, Course(before), 0.0).limit == pytest.approx(limit)


def test_harm_seen_in_the_first_sample_does_not_raise_its_own_limit() -> None:
    assert verdict([0.9] * 5, before=(0.5, 0.5, 0.5)) is Verdict.DEVIATION


def test_what_had_recovered_before_the_effect_is_not_its_merit() -> None:
    found = judged([0.05] * 4, before=(0.05, 0.06, 0.05))
    assert found is not None
    assert found.verdict is Verdict.INCONCLUSIVE
    assert "recovered by itself" in found.reason


def test_good_samples_with_a_hole_between_them_are_not_in_a_row() -> None:
    holed = [Sample(at, 0.05) for at in (10.0, 20.0, 40.0, 50.0)]
    assert judge(UP, {ALERT: Course((), tuple(holed))}, effect_at=0.0, now=50.0) is None


def test_more_in_all_than_the_severity_before_is_harm_though_no_limit_was_passed_for_long() -> None:
    wavering = [0.5, 0.5, 0.62, 0.58] + [0.58, 0.57, 0.55] * 5
    found = judged(wavering, now=180.0)
    assert found is not None
    assert found.verdict is Verdict.DEVIATION
    assert "severity rose from 4.0 to" in found.reason
    assert found.numbers["severity"]["worst"] == "errors of s"


def test_a_guard_must_be_seen_to_be_well_before_a_match() -> None:
    good = [0.05] * 6
    assert verdict(good[:4], GUARDED, others={GUARD.key: [0.2] * 4}) is Verdict.MATCH
    assert verdict(good[:4], GUARDED, others={GUARD.key: [0.2, 0.2, 0.2, None]}) is None
    assert verdict(good, GUARDED, others={}) is None
    assert verdict(good, GUARDED, others={}, now=180.0) is Verdict.INCONCLUSIVE


def test_a_guard_that_got_worse_is_harm_though_the_alert_recovered() -> None:
    found = judged([0.05] * 5, GUARDED, others={GUARD.key: [0.2, 0.2, 0.5, 0.5, 0.5]})
    assert found is not None
    assert found.verdict is Verdict.DEVIATION
    assert "latency of caller beyond 300 ms" in found.reason


def test_what_a_guard_shows_within_the_initial_delay_does_not_count() -> None:
    shaken = [0.9, 0.9, 0.2, 0.2, 0.2]
    assert verdict([0.05] * 5, GUARDED, others={GUARD.key: shaken}) is Verdict.MATCH


def test_a_guard_that_is_a_little_worse_too_often_leaves_it_partial() -> None:
    found = judged([0.05] * 18, GUARDED, others={GUARD.key: [0.27] * 18}, now=180.0)
    assert found is not None
    assert found.verdict is Verdict.PARTIAL
    assert "latency of caller is not as before" in found.reason


def control(values: Values, *, moving: int) -> dict[str, Values]:
    return {peer.key: values if i < moving else [0.5] * len(values) for i, peer in enumerate(PEERS)}


@pytest.mark.parametrize(
    ("moving", "expected"),
    [
        (0, Verdict.MATCH),
        (1, Verdict.MATCH),
        (2, Verdict.INCONCLUSIVE),
        (3, Verdict.INCONCLUSIVE),
    ],
)
def test_peers_that_recover_alike_leave_open_who_did_it(moving: int, expected: Verdict) -> None:
    good = [0.05] * 4
    assert verdict(good, CONTROLLED, others=control(good, moving=moving)) is expected


@pytest.mark.parametrize(
    ("moving", "expected"),
    [
        (0, Verdict.DEVIATION),
        (1, Verdict.DEVIATION),
        (2, Verdict.INCONCLUSIVE),
        (3, Verdict.INCONCLUSIVE),
    ],
)
def test_a_shift_of_everything_is_not_the_actions_harm(moving: int, expected: Verdict) -> None:
    bad = [0.9] * 18
    assert verdict(bad, CONTROLLED, others=control(bad, moving=moving), now=180.0) is expected


def test_harm_on_the_target_alone_shows_after_everything_shifted() -> None:
    shifted, worse = [0.9] * 6, [0.9] * 6 + [2.0] * 4
    peers = control([0.9] * 10, moving=3)
    assert verdict(shifted, CONTROLLED, others=control(shifted, moving=3)) is None
    assert verdict(worse, CONTROLLED, others=peers) is Verdict.DEVIATION


def test_a_single_peer_excuses_no_harm() -> None:
    one = replace(UP, peers=PEERS[:1])
    assert verdict([0.9] * 6, one, others={PEERS[0].key: [0.9] * 6}) is Verdict.DEVIATION


def test_peers_without_data_excuse_nothing_and_confirm_nothing() -> None:
    assert verdict([0.9] * 6, CONTROLLED) is Verdict.DEVIATION
    assert verdict([0.05] * 4, CONTROLLED) is None
    assert verdict([0.05] * 18, CONTROLLED, now=180.0) is Verdict.INCONCLUSIVE


def test_the_numbers_are_told() -> None:
    found = judged([0.05] * 5, GUARDED, others={GUARD.key: [0.2] * 5})
    assert found is not None
    assert found.numbers["alert"]["before"] == 0.5
    assert found.numbers["alert"]["good"] == 5
    assert found.numbers["guards"][GUARD.key]["limit"] == pytest.approx(0.3)
    assert found.numbers["severity"] == {
        "before": 4.0, "after": 0.0, "worst": found.numbers["severity"]["worst"],
    }  # fmt: skip


def test_no_data_is_not_good() -> None:
    assert Line.of_alert(UP, Course(), 0.0).mark(None) is Mark.NO_DATA
