"""What a sender's word does to an episode of an alert, and when an alert is flapping. Pure."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from incidents.ingest.alerts import NewAlert
from incidents.lifecycle import AlertStatus

# Trouble that is there, whoever has taken it on: it opens incidents and makes them more severe.
PRESENT = frozenset({AlertStatus.FIRING, AlertStatus.ACKNOWLEDGED})
# What its sender has put away is not waited for.
WAITED_FOR = frozenset({AlertStatus.FIRING, AlertStatus.ACKNOWLEDGED, AlertStatus.NO_DATA})

# Fired, cleared, fired and cleared again within the hour in which people look at it: once back may
# be a mend that did not hold, twice is a pattern.
FLAPPING_CHANGES = 4
FLAPPING_WINDOW = timedelta(minutes=60)
# The longest gap between changes that, kept up, still makes so many in the window.
QUIET_AFTER = FLAPPING_WINDOW / (FLAPPING_CHANGES - 1)

# Within so long after an end, word that it fires may be from before: of another Alertmanager of a
# cluster, which waits 15 s for its peer, or one that was sent once more.
OVERTAKEN_WITHIN = timedelta(seconds=30)

# As far as a sender's clock may be from ours.
SKEW = timedelta(minutes=5)


class Step(StrEnum):
    BEGIN = "begin"  # a new episode
    AFRESH = "afresh"  # a new one, although nobody told the end of the last
    AGAIN = "again"  # the present episode, told once more or in another state
    END = "end"
    END_ALONE = "end_alone"  # the end of what was never told to begin
    END_BEFORE = "end_before"  # an end from before the beginning: ignored
    OVER = "over"  # a late word about an episode that is over


@dataclass(frozen=True)
class Episode:
    """The live episode of an alert, as far as the next step depends on it."""

    status: AlertStatus
    starts_at: datetime
    is_worked_on: bool  # its incident is live
    is_held: bool = False  # it waits for others before it opens one
    is_start_told: bool = True
    told_at: datetime | None = None  # its newest word, by the sender's clock


def says_severity(new: NewAlert) -> bool:
    """Whether its severity is one that counts."""
    return new.status in PRESENT and (bool(new.severity_word) or new.is_severity_mapped)


def step(new: NewAlert, present: Episode | None, *, is_over: bool) -> Step:
    """`is_over`: the very episode that `new` tells of has ended already."""
    if is_over:
        return Step.OVER
    if new.is_resolved:
        return _end(new, present)
    if present is None:
        return Step.BEGIN
    return Step.AFRESH if _fires_afresh(new, present) else Step.AGAIN


def _end(new: NewAlert, present: Episode | None) -> Step:
    if present is None:
        return Step.END_ALONE
    # A beginning by our clock, an end by theirs: only a wide gap says which was first.
    gap = timedelta() if present.is_start_told else SKEW
    is_before = new.ends_at is not None and new.ends_at < present.starts_at - gap
    return Step.END_BEFORE if is_before else Step.END


def _fires_afresh(new: NewAlert, present: Episode) -> bool:
    """A later beginning, while nobody works on the last: its incident ended, or it was silenced.

    A beginning that is only the time of arrival says nothing, and an alert that comes back from
    no_data or suppressed is the same episode.
    """
    return (
        new.status in PRESENT
        and present.status in PRESENT
        and new.is_start_told
        and new.starts_at > max(present.starts_at, present.told_at or present.starts_at)
        and not present.is_held
        and not present.is_worked_on
    )


def is_flapping(changes: Iterable[datetime], *, now: datetime) -> bool:
    """Whether so many beginnings and ends lie within the window before `now`."""
    return sum(at > now - FLAPPING_WINDOW for at in changes) >= FLAPPING_CHANGES


def is_quiet(last_change: datetime, *, now: datetime) -> bool:
    return now - last_change >= QUIET_AFTER
