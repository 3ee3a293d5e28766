"""What grouping is compared with: by service within ten minutes, and by time alone."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from incidents.ingest.grouping.replay import Happening

WINDOW = timedelta(minutes=10)


@dataclass
class Lump:
    """An incident of a baseline."""

    number: int
    service: str
    opened_at: datetime
    firing: set[str] = field(default_factory=set)
    had: set[str] = field(default_factory=set)


Choose = Callable[[Happening, Sequence[Lump]], Lump | None]


def by_service(one: Happening, live: Sequence[Lump]) -> Lump | None:
    """As AIRRA did before: its own, else the newest of its service when that is fresh."""
    for lump in reversed(live):
        if one.subject.key in lump.had:
            return lump
    mine = [lump for lump in live if one.subject.service and lump.service == one.subject.service]
    return mine[-1] if mine and one.at - mine[-1].opened_at <= WINDOW else None


def by_time(one: Happening, live: Sequence[Lump]) -> Lump | None:
    """Its own, else the newest incident when that is fresh, wherever it is."""
    for lump in reversed(live):
        if one.subject.key in lump.had:
            return lump
    return live[-1] if live and one.at - live[-1].opened_at <= WINDOW else None


def run(happenings: Sequence[Happening], choose: Choose) -> dict[str, int]:
    """The number of the incident of every message that fires."""
    lumps: list[Lump] = []
    placed: dict[str, int] = {}
    for one in happenings:
        key = one.subject.key
        live = [lump for lump in lumps if lump.firing]
        if not one.is_firing:
            for lump in live:
                lump.firing.discard(key)
            continue
        home = next((lump for lump in live if key in lump.firing), None) or choose(one, live)
        if home is None:
            home = Lump(len(lumps) + 1, one.subject.service, one.at)
            lumps.append(home)
        home.firing.add(key)
        home.had.add(key)
        placed[one.id] = home.number
    return placed
