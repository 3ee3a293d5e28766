"""In which order the words about one alert were true, however they arrived. Pure.

Words about one alert: it is there, or it is over. An episode lasts from the first word that it is
there to the first that it is over. A word that arrives late is put between its neighbours, and what
it then means follows from those two alone.
"""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Generic, TypeVar

Row = TypeVar("Row")


@dataclass(frozen=True)
class Newest:
    """What is known to be newest: by the sender's times, and by arrival of words without one."""

    told_at: datetime | None = None
    heard_at: datetime | None = None

    def is_after(self, at: datetime | None, received_at: datetime) -> bool:
        """Whether a word is older than what is known. Equal times say nothing: arrival counts.

        A word without a time is compared by its arrival: no word is true after it has arrived.
        """
        by_arrival = self.heard_at is not None and received_at < self.heard_at
        told_at = at if at is not None else received_at
        return by_arrival or (self.told_at is not None and told_at < self.told_at)

    def with_(self, at: datetime | None, received_at: datetime) -> "Newest":
        if at is None:
            return Newest(self.told_at, max(self.heard_at or received_at, received_at))
        return Newest(max(self.told_at or at, at), self.heard_at)


@dataclass(frozen=True)
class Word(Generic[Row]):
    """A word that is known already, and the row of the episode it belongs to."""

    at: datetime
    is_over: bool
    row: Row


class Late(StrEnum):
    INSIDE = "inside"  # of an episode that had begun before
    EARLIER = "earlier"  # an episode began earlier than was known
    PASSED = "passed"  # the beginning of an episode that is over
    CUT = "cut"  # an end within what was taken for one episode
    KNOWN = "known"  # an end of what was over
    ALONE = "alone"  # an end before every word that is known
    NEWEST = "newest"  # not late after all


def late(*, is_over: bool, before: Word[Row] | None, after: Word[Row] | None) -> Late:
    """What a word means between the nearest before and after it."""
    if after is None:
        return Late.NEWEST
    if is_over:
        if before is None:
            return Late.ALONE
        return Late.KNOWN if before.is_over else Late.CUT
    if before is not None and not before.is_over:
        return Late.INSIDE
    return Late.PASSED if after.is_over else Late.EARLIER
