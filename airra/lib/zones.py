"""Zones of time: whose one is which, and what a clock on the wall means there."""

from collections.abc import Mapping
from datetime import UTC, datetime
from functools import cache
from zoneinfo import ZoneInfo, available_timezones

CHOSEN, SEEN = "zone", "browser-zone"  # cookies: what a person chose, what their browser told
_REGIONS = (
    "Africa",
    "America",
    "Antarctica",
    "Arctic",
    "Asia",
    "Atlantic",
    "Australia",
    "Europe",
    "Indian",
    "Pacific",
)


class NotATime(ValueError):
    """The wall clock never shows it, or shows it twice; the message says which, for people."""


@cache
def names() -> tuple[str, ...]:
    """The zones a person can choose: UTC, then those of places."""
    places = (name for name in available_timezones() if name.split("/")[0] in _REGIONS)
    return ("UTC", *sorted(places))


def named(name: str) -> ZoneInfo | None:
    return ZoneInfo(name) if name in names() else None


def of(cookies: Mapping[str, str]) -> ZoneInfo:
    """What the person chose, else where their browser says it is, else UTC."""
    found = (named(cookies.get(key, "")) for key in (CHOSEN, SEEN))
    return next((zone for zone in found if zone is not None), ZoneInfo("UTC"))


def offset(zone: ZoneInfo, at: datetime) -> str:
    """How far its clocks are from UTC at that moment: UTC, UTC+1, UTC-3:30."""
    found = at.astimezone(zone).utcoffset()
    minutes = round(found.total_seconds() / 60) if found else 0
    hours, rest = divmod(abs(minutes), 60)
    past = f":{rest:02}" if rest else ""
    return f"UTC{'+' if minutes > 0 else '-'}{hours}{past}" if minutes else "UTC"


def moment(wall: datetime, zone: ZoneInfo) -> datetime:
    """The moment, in UTC, at which clocks of the zone show `wall`, which has no zone itself.

    Raises `NotATime` where clocks jump over it or show it twice: a guess would be wrong by an hour.
    """
    first = wall.replace(tzinfo=zone, fold=0).astimezone(UTC)
    second = wall.replace(tzinfo=zone, fold=1).astimezone(UTC)
    if first == second:
        return first
    told = f"{wall:%H:%M} on {wall:%d %b %Y}".replace(" 0", " ")
    if second < first:
        after = f"{first.astimezone(zone):%H:%M}"
        msg = (
            f"clocks in {zone} are put forward over {told}, so there is no such time: "
            f"say {after}, or give the time in UTC"
        )
        raise NotATime(msg)
    msg = (
        f"clocks in {zone} show {told} twice, at {first:%H:%M} and at {second:%H:%M} UTC: "
        "give the time in UTC"
    )
    raise NotATime(msg)
