"""The step a sender's word makes, for every state an episode can be in."""

from datetime import UTC, datetime, timedelta

import pytest

from incidents.ingest import life
from incidents.ingest.alerts import NewAlert
from incidents.ingest.life import Episode, Step, step
from incidents.lifecycle import AlertStatus, Severity

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
LATER = NOON + timedelta(minutes=5)
NOT_RESOLVED = [status for status in AlertStatus if status != AlertStatus.RESOLVED]


def _new(
    status: str, at: datetime = NOON, *, ends: datetime | None = None, told: bool = True
) -> NewAlert:
    return NewAlert(
        dedup_key="k",
        title="t",
        severity=Severity.LOW,
        severity_word="low",
        is_severity_mapped=True,
        status=AlertStatus(status),
        starts_at=at,
        ends_at=ends,
        is_start_told=told,
    )


def _present(status: str = "firing", *, worked_on: bool = False, held: bool = False) -> Episode:
    return Episode(AlertStatus(status), NOON, is_worked_on=worked_on, is_held=held)


@pytest.mark.parametrize("status", NOT_RESOLVED)
def test_without_a_live_episode_any_state_but_resolved_begins_one(status: str) -> None:
    assert step(_new(status), None, is_over=False) is Step.BEGIN
    assert step(_new("resolved", ends=LATER), None, is_over=False) is Step.END_ALONE


@pytest.mark.parametrize("status", list(AlertStatus))
def test_a_word_about_what_is_over_changes_nothing(status: str) -> None:
    assert step(_new(status, ends=LATER), _present(), is_over=True) is Step.OVER


@pytest.mark.parametrize("before", NOT_RESOLVED)
@pytest.mark.parametrize("now", NOT_RESOLVED)
def test_the_same_beginning_is_the_same_episode(before: str, now: str) -> None:
    assert step(_new(now), _present(before), is_over=False) is Step.AGAIN


@pytest.mark.parametrize("before", NOT_RESOLVED)
def test_only_resolved_ends_one(before: str) -> None:
    assert step(_new("resolved", ends=LATER), _present(before), is_over=False) is Step.END
    early = NOON - timedelta(seconds=1)
    new = _new("resolved", early, ends=early)
    assert step(new, _present(before), is_over=False) is Step.END_BEFORE


def test_a_later_beginning_counts_when_nobody_works_on_the_last() -> None:
    fires = _new("firing", LATER)
    assert step(fires, _present(), is_over=False) is Step.AFRESH
    assert step(fires, _present(worked_on=True), is_over=False) is Step.AGAIN
    assert step(fires, _present(held=True), is_over=False) is Step.AGAIN
    assert step(_new("firing", LATER, told=False), _present(), is_over=False) is Step.AGAIN
    for put_away in ("no_data", "suppressed"):
        assert step(fires, _present(put_away), is_over=False) is Step.AGAIN
        assert step(_new(put_away, LATER), _present(), is_over=False) is Step.AGAIN


def test_four_changes_within_the_window_are_flapping() -> None:
    changes = [NOON + timedelta(minutes=15 * i) for i in range(4)]
    assert life.is_flapping(changes, now=changes[-1])
    assert not life.is_flapping(changes[:3], now=changes[-1])
    assert not life.is_flapping(changes, now=NOON + life.FLAPPING_WINDOW)


def test_turns_that_keep_an_alert_flapping_are_never_quiet_in_between() -> None:
    gap = life.QUIET_AFTER
    assert life.is_quiet(NOON, now=NOON + gap)
    assert not life.is_quiet(NOON, now=NOON + gap - timedelta(seconds=1))
    changes = [NOON + (gap - timedelta(seconds=1)) * i for i in range(life.FLAPPING_CHANGES)]
    assert life.is_flapping(changes, now=changes[-1])
