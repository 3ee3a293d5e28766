"""Freeze windows: their edges, every week, and whom they cover."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from remediation.decision.freeze import Window, why_frozen

FRIDAY = datetime(2026, 3, 6, 16, 0, tzinfo=UTC)
MONDAY = datetime(2026, 3, 9, 8, 0, tzinfo=UTC)
HOUR = timedelta(hours=1)


def window(**said: object) -> Window:
    return Window(**{"reason": "weekend", "starts_at": FRIDAY, "ends_at": MONDAY, **said})  # type: ignore[arg-type]  # fields by name


@pytest.mark.parametrize(
    ("at", "is_open"),
    [
        (FRIDAY - timedelta(seconds=1), False),
        (FRIDAY, True),
        (MONDAY - timedelta(seconds=1), True),
        (MONDAY, False),
    ],
)
def test_the_beginning_is_inside_and_the_end_is_not(at: datetime, is_open: bool) -> None:
    assert window().is_open(at) is is_open
    assert window(weekly=True).is_open(at) is is_open


@given(st.integers(1, 500), st.integers(0, 7 * 24 - 1))
def test_a_weekly_window_repeats_and_a_single_one_does_not(weeks: int, hour: int) -> None:
    first, later = FRIDAY + hour * HOUR, FRIDAY + timedelta(weeks=weeks) + hour * HOUR
    assert window(weekly=True).is_open(later) is window().is_open(first)
    assert not window().is_open(later)


def test_it_never_holds_before_it_began() -> None:
    assert not window(weekly=True).is_open(FRIDAY - timedelta(days=6))


@pytest.mark.parametrize(
    ("said", "environment", "service", "covers"),
    [
        ({}, "prod", "payments", True),
        ({"environment": "prod"}, "PROD", "payments", True),
        ({"environment": "prod"}, "staging", "payments", False),
        ({"environment": "prod"}, "", "payments", True),  # nobody knows: it might be
        ({"service": "payments"}, "prod", "payments", True),
        ({"service": "payments"}, "prod", "checkout", False),
        ({"service": "payments", "environment": "dev"}, "prod", "payments", False),
    ],
)
def test_whom_it_covers(
    said: dict[str, object], environment: str, service: str, covers: bool
) -> None:
    assert window(**said).covers(environment=environment, service=service) is covers


def test_all_open_windows_say_why() -> None:
    windows = [window(), window(reason="audit"), window(reason="audit"), window(service="other")]
    assert why_frozen(windows, FRIDAY, service="payments") == "weekend; audit"
    assert why_frozen(windows, MONDAY) == ""
