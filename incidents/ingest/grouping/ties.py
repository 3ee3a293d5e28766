"""The strongest tie between an alert and one incident, and what it consists of."""

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime

from incidents.ingest.grouping import words
from incidents.ingest.grouping.score import score
from incidents.ingest.grouping.topology import Topology
from incidents.ingest.grouping.types import Candidate, Member, Params, Subject


@dataclass(frozen=True)
class Tie:
    """`way` says how the two places are tied; `through` is the service they share, if any."""

    candidate: Candidate
    member: Member
    way: str  # same | calls | called | beside | names | named | host | words
    hops: float
    minutes: float
    likeness: float
    score: float
    place: str = ""
    through: str = ""


@dataclass(frozen=True)
class _Way:
    name: str
    hops: float
    share: float = 1.0
    through: str = ""


def strongest(
    subject: Subject, candidate: Candidate, topology: Topology, params: Params
) -> Tie | None:
    """The best tie of an alert to the members of an incident; the order of members is nothing."""
    found = list(_ties(subject, candidate, topology, params))
    return max(found, key=lambda tie: (tie.score, tie.member.at, tie.member.title), default=None)


def _ties(
    subject: Subject, candidate: Candidate, topology: Topology, params: Params
) -> Iterator[Tie]:
    onsets = _onsets(candidate)
    kinds = _kinds(candidate)
    explained = _explained(candidate, onsets, topology)
    blamed = subject.places - {subject.home}
    named = onsets.keys() | {place for member in candidate.members for place in member.places}
    belief = params.blames_other if blamed and not blamed & named else 1.0
    if subject.is_own and not _is_root(subject.home, onsets, topology):
        belief *= params.own_cause
    ways: dict[str, _Way | None] = {}
    for member in candidate.members:
        if member.home not in ways:
            ways[member.home] = _way(subject, member.home, explained, topology, params)
        for way in (ways[member.home], _direct(subject, member)):
            if way is not None:
                share = belief if way.through not in blamed else 1.0
                yield _tie(subject, candidate, member, way, onsets, kinds, params, share)


def _is_root(home: str, onsets: Mapping[str, datetime], topology: Topology) -> bool:
    """Whether nothing beneath this service is in the incident: it may be where it began."""
    below = topology.below(home)
    return not any(other in onsets and home not in topology.below(other) for other in below)


def _onsets(candidate: Candidate) -> Mapping[str, datetime]:
    """When trouble was first seen at each service of the incident, by its name."""
    first: dict[str, datetime] = dict(candidate.onsets)
    for member in candidate.members:
        if member.home:
            first[member.home] = min(member.at, first.get(member.home, member.at))
    return first


def _kinds(candidate: Candidate) -> Mapping[tuple[str, str], datetime]:
    """When each kind of alert was first seen at each place of the incident."""
    first: dict[tuple[str, str], datetime] = {}
    for member in candidate.members:
        place = (member.home, member.kind)
        first[place] = min(member.at, first.get(place, member.at))
    return first


def _explained(
    candidate: Candidate, onsets: Mapping[str, datetime], topology: Topology
) -> frozenset[str]:
    """Services that need no further cause: with trouble of their own, or with trouble beneath."""
    own = {member.home for member in candidate.members if member.is_own}
    beneath = {
        one
        for one in onsets
        if any(b in onsets and one not in topology.below(b) for b in topology.below(one))
    }
    return frozenset(own | beneath)


def _way(
    subject: Subject,
    there: str,
    explained: frozenset[str],
    topology: Topology,
    params: Params,
) -> _Way | None:
    """How the alert's service and another are tied, the nearest way of all."""
    here = subject.home
    if not here or not there:
        return None
    if here == there:
        return _Way("same", 0)
    share = params.explained if there in explained else 1.0
    ways = []
    if there in topology.below(here):
        ways.append(_Way("calls", topology.below(here)[there]))
    if here in topology.below(there):
        ways.append(_Way("called", topology.below(there)[here], share))
    ways += _beside(subject, there, share, topology)
    return max(ways, key=lambda way: (params.per_hop**way.hops * way.share, way.name), default=None)


def _beside(subject: Subject, there: str, share: float, topology: Topology) -> Iterator[_Way]:
    """Both depend on a third, which is silent: the more callers it has, the less that says.

    Unless the alert itself names it.
    """
    mine, theirs = topology.below(subject.home), topology.below(there)
    for third in mine.keys() & theirs.keys():
        others = 1 if third in subject.places else max(topology.callers(third) - 1, 1)
        of_many = 1.0 / math.sqrt(others)
        yield _Way("beside", mine[third] + theirs[third], share * of_many, third)


def _direct(subject: Subject, member: Member) -> _Way | None:
    """Ties that the alerts themselves tell of: a name, a host; or, without a place, the words."""
    if subject.hosts & member.hosts and not (subject.home and member.home):
        return _Way("host", 0)
    if member.home != subject.home and member.home in subject.places:
        return _Way("names", 0)
    if member.home != subject.home and subject.home in member.places:
        return _Way("named", 0.5)  # it was told of a place, which the new alert may not be about
    if not subject.home:
        return _Way("words", 0)
    return None


def _tie(
    subject: Subject,
    candidate: Candidate,
    member: Member,
    way: _Way,
    onsets: Mapping[str, datetime],
    kinds: Mapping[tuple[str, str], datetime],
    params: Params,
    belief: float,
) -> Tie:
    """What is new at a place belongs to what began there just now; more of a kind to that kind."""
    is_same = (way.name == "same" and member.kind == subject.kind) or way.name == "host"
    onset = onsets.get(member.home, member.at)
    since = kinds[member.home, member.kind] if is_same else onset
    minutes = (subject.at - since).total_seconds() / 60
    # What a sender says outright needs no likeness beside: a breaker and the trouble that it cut
    # off never read alike, while two breakers of one caller do, whatever each of them is about.
    is_said = way.name in {"names", "named"}
    likeness = 1.0 if is_said else words.likeness(subject.title, member.title)
    share = way.share * belief
    if way.name == "words":
        share *= params.placeless * likeness**2
    value = score(
        way.hops,
        minutes,
        likeness,
        params=params,
        half_life_min=params.same_half_life_min if is_same else params.cascade_half_life_min,
        share=share,
    )
    return Tie(
        candidate, member, way.name, way.hops, minutes, likeness, value,
        place=member.home, through=way.through,
    )  # fmt: skip
