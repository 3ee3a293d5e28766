"""Freeze windows: when nothing may change, once or every week. Pure; moments are aware."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

WEEK = timedelta(days=7)


@dataclass(frozen=True)
class Window:
    """From `starts_at` until `ends_at`, and the same hours (UTC) of every week after if `weekly`.

    Empty `environment` or `service` mean all of them.
    """

    reason: str
    starts_at: datetime
    ends_at: datetime
    weekly: bool = False
    environment: str = ""
    service: str = ""

    def is_open(self, now: datetime) -> bool:
        """The beginning is inside, the end is not."""
        since = now - self.starts_at
        if self.weekly and since >= timedelta(0):
            since %= WEEK
        return timedelta(0) <= since < self.ends_at - self.starts_at

    def covers(self, *, environment: str, service: str) -> bool:
        """Whether it is about this service; one whose environment nobody knows is in each."""
        here = not self.environment or not environment or _same(self.environment, environment)
        return here and (not self.service or self.service == service)


def _same(one: str, other: str) -> bool:
    return one.casefold() == other.casefold()


def why_frozen(
    windows: Iterable[Window], now: datetime, *, environment: str = "", service: str = ""
) -> str:
    """The reasons of the windows that are open for this service now; empty when none is."""
    holding = (
        window.reason
        for window in windows
        if window.is_open(now) and window.covers(environment=environment, service=service)
    )
    return "; ".join(dict.fromkeys(holding))
