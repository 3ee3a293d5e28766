"""Clocks on walls: what they mean, when they are put forward or back, and whose they are."""

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

from airra.lib import zones
from airra.lib.zones import NotATime

BERLIN = ZoneInfo("Europe/Berlin")


@pytest.mark.parametrize(
    ("wall", "hour_utc"),
    [("2026-03-29T01:59", 0), ("2026-03-29T03:00", 1), ("2026-10-25T01:30", 23)],
)
def test_a_time_that_is_shown_once_is_one_moment(wall: str, hour_utc: int) -> None:
    found = zones.moment(datetime.fromisoformat(wall), BERLIN)
    assert (found.hour, found.tzinfo) == (hour_utc, UTC)


def test_a_time_that_clocks_jump_over_is_refused_with_the_next_one() -> None:
    with pytest.raises(NotATime, match="02:30 on 29 Mar 2026, so there is no such time: say 03:30"):
        zones.moment(datetime(2026, 3, 29, 2, 30), BERLIN)  # noqa: DTZ001 - a wall has no zone


def test_a_time_that_is_shown_twice_is_refused_with_both_moments() -> None:
    with pytest.raises(NotATime, match="twice, at 00:30 and at 01:30 UTC"):
        zones.moment(datetime(2026, 10, 25, 2, 30), BERLIN)  # noqa: DTZ001 - a wall has no zone


def test_half_hours_count_too() -> None:
    lord_howe = ZoneInfo("Australia/Lord_Howe")  # its summer is half an hour
    with pytest.raises(NotATime, match="02:15 on 4 Oct 2026"):
        zones.moment(datetime(2026, 10, 4, 2, 15), lord_howe)  # noqa: DTZ001


@pytest.mark.parametrize(
    ("cookies", "name"),
    [
        ({}, "UTC"),
        ({"browser-zone": "Asia/Kolkata"}, "Asia/Kolkata"),
        ({"browser-zone": "Asia/Kolkata", "zone": "Europe/Berlin"}, "Europe/Berlin"),
        ({"browser-zone": "Asia/Kolkata", "zone": "browser"}, "Asia/Kolkata"),
        ({"zone": "../../etc/passwd", "browser-zone": "posixrules"}, "UTC"),
    ],
)
def test_what_a_person_chose_goes_before_what_the_browser_says(
    cookies: dict[str, str], name: str
) -> None:
    assert zones.of(cookies).key == name


@pytest.mark.parametrize(
    ("name", "expected"),
    [("UTC", "UTC"), ("Europe/Berlin", "UTC+1"), ("Asia/Kolkata", "UTC+5:30"),
     ("America/St_Johns", "UTC-3:30")],
)  # fmt: skip
def test_how_far_a_zone_is_from_utc(name: str, expected: str) -> None:
    assert zones.offset(ZoneInfo(name), datetime(2026, 12, 1, tzinfo=UTC)) == expected
