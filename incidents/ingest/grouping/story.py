"""What an incident tells, and what its story costs. Pure.

An incident is one cause. Its story is this: trouble begins at one service, its root, climbs from
callee to caller within a minute or two of each call, and shows at every service it reaches as
alerts, whose rules wait up to some minutes. Whatever does not fit costs; costs are in nats, so
that their differences are the logarithms of odds, as in minimum description length.

    cost = root + sum over the other services of the best way they are explained
    way  = calls beyond the first + minutes too early or too late + what its alerts blame instead
"""

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime

from incidents.ingest.grouping.topology import Topology
from incidents.ingest.grouping.types import Candidate, Member, Params, Subject


@dataclass(frozen=True)
class Place:
    """Trouble at a service: since when, whether inside of it, and which services it blames."""

    onset: datetime
    is_own: bool = False
    blames: frozenset[str] = frozenset()

    def with_(self, alert: Subject | Member) -> "Place":
        return Place(
            min(self.onset, alert.at),
            self.is_own or alert.is_own,
            self.blames | (alert.places - {alert.home}),
        )


@dataclass(frozen=True)
class Way:
    """How one service is explained: by `place`, so many calls away, `through` a silent one."""

    name: str  # calls | beside
    place: str
    hops: int
    minutes: float  # from the trouble there to the trouble here
    cost: float
    through: str = ""


Story = Mapping[str, Place]


def told_by(candidate: Candidate) -> dict[str, Place]:
    """The services of an incident; what is a chore or has no place is no part of its story.

    Onsets do not tell chores from trouble: where nothing else is fresh, there is no story.
    """
    members = [member for member in candidate.members if member.home and not member.is_chore]
    if not members:
        return {}
    story = {name: Place(at) for name, at in candidate.onsets.items()}
    for member in members:
        story[member.home] = story.get(member.home, Place(member.at)).with_(member)
    return story


def with_alert(story: Story, subject: Subject) -> dict[str, Place]:
    here = story.get(subject.home, Place(subject.at)).with_(subject)
    return {**story, subject.home: here}


def beginning(place: Place, params: Params) -> float:
    """What it costs that a story begins here."""
    return (
        params.root
        + (0.0 if place.is_own else params.root_without_own)
        + (params.root_blames if place.blames else 0.0)
    )


def cost_of(story: Story, topology: Topology, params: Params) -> tuple[float, str]:
    """What a story costs when it begins where that is cheapest, and where that is."""
    if not story:
        return 0.0, ""
    explained = {name: _explained(name, story, topology, params) for name in story}
    beginnings = {name: beginning(place, params) for name, place in story.items()}
    root = min(story, key=lambda name: (beginnings[name] - explained[name], name))
    others = (cost for name, cost in explained.items() if name != root)
    return math.fsum([beginnings[root], *others]), root  # exact: in whatever order they were told


def _explained(name: str, story: Story, topology: Topology, params: Params) -> float:
    way = explanation(name, story, topology, params)
    own = params.own_elsewhere if story[name].is_own else 0.0
    return own + (way.cost if way else params.unexplained)


def explanation(name: str, story: Story, topology: Topology, params: Params) -> Way | None:
    """The cheapest way in which the rest of the story explains the trouble at a service."""
    return min(
        _ways(name, story, topology, params),
        key=lambda way: (way.cost, way.name, way.place, way.through),
        default=None,
    )


def _ways(name: str, story: Story, topology: Topology, params: Params) -> Iterator[Way]:
    here, below = story[name], topology.below(name)
    for other, there in story.items():
        if other in below and _comes_first(other, name, story, topology):
            yield _calls(here, there, other, below[other], params)
    silent = below.keys() - story.keys()
    for other in story.keys() - {name}:
        if _is_open(other, story, topology):
            yield from _beside(name, other, silent, story, topology, params)


def _comes_first(other: str, name: str, story: Story, topology: Topology) -> bool:
    """Of two services that call each other, the one with the earlier trouble explains."""
    if name not in topology.below(other):
        return True
    return (story[other].onset, other) < (story[name].onset, name)


def _is_open(name: str, story: Story, topology: Topology) -> bool:
    """Whether a service still wants a cause: nothing inside of it, and nothing beneath it."""
    return not story[name].is_own and not (topology.below(name).keys() & story.keys())


def _calls(here: Place, there: Place, other: str, hops: int, params: Params) -> Way:
    minutes = minutes_between(there.onset, here.onset)
    delay = _delay(minutes, hops, params)
    if other in here.blames:  # said outright, when it began matters less
        delay *= params.delay_of_blamed
    elif here.blames:
        delay += params.blames_other
    cost = params.call * (hops - 1) + delay
    return Way("calls", other, hops, minutes, cost)


def _beside(
    name: str,
    other: str,
    silent: set[str],
    story: Story,
    topology: Topology,
    params: Params,
) -> Iterator[Way]:
    """Both depend on a third that is silent: the more callers it has, the less that says.

    Unless the alerts themselves blame it.
    """
    mine, theirs = topology.below(name), topology.below(other)
    minutes = minutes_between(story[other].onset, story[name].onset)
    for third in silent & theirs.keys():
        others = 1 if third in story[name].blames else max(topology.callers(third) - 1, 1)
        hops = mine[third] + theirs[third]
        cost = params.silent + math.log(others) + params.call * (hops - 2)
        yield Way("beside", other, hops, minutes, cost + _delay(abs(minutes), 1, params), third)


def _delay(minutes: float, hops: int, params: Params) -> float:
    """Of a caller's trouble after its callee's: some minutes for each call are free."""
    if minutes < 0:
        return -minutes * params.early_per_min
    return max(minutes - params.call_min * hops, 0.0) * params.late_per_min


def waited(minutes: float, params: Params) -> float:
    """Of one more alert at a service so long after its trouble began."""
    minutes = max(minutes, 0.0)
    return minutes * params.wait_per_min + max(minutes - params.rule_min, 0.0)


def minutes_between(one: datetime, other: datetime) -> float:
    return (other - one).total_seconds() / 60
