"""How likely an alert is of an incident rather than of none that is open, and by what."""

import math
from collections.abc import Iterator
from dataclasses import dataclass

from incidents.ingest.grouping import story, words
from incidents.ingest.grouping.story import Story, minutes_between
from incidents.ingest.grouping.topology import Topology
from incidents.ingest.grouping.types import Candidate, Member, Params, Subject


@dataclass(frozen=True)
class Tie:
    """`way` says how the alert's place is tied to `place` of the incident.

    `score` is the probability, between this incident and one of its own, that the alert is of this
    one; `through` is the silent service that both depend on, if any.
    """

    candidate: Candidate
    member: Member | None
    way: str  # same | calls | called | beside | names | named | host | words
    hops: float
    minutes: float
    likeness: float
    score: float
    place: str = ""
    through: str = ""


def tie(subject: Subject, candidate: Candidate, topology: Topology, params: Params) -> Tie | None:
    """The tie between an alert and an incident; the order of its members is nothing."""
    if subject.is_chore:
        found = list(_of_chore(subject, candidate, params))
    else:
        found = [*_of_host(subject, candidate, params), *_of_words(subject, candidate, params)]
        if subject.home:
            found += _of_story(subject, candidate, topology, params)
    return max(found, key=lambda one: (one.score, one.way), default=None)


def odds(join: float, alone: float) -> float:
    """The probability of the cheaper story, from the costs of both in nats."""
    return 1.0 / (1.0 + math.exp(min(join - alone, 500.0)))


def alone(subject: Subject, params: Params) -> float:
    """What it costs that the alert begins an incident."""
    return story.beginning(story.Place(subject.at).with_(subject), params)


def _of_story(
    subject: Subject, candidate: Candidate, topology: Topology, params: Params
) -> Iterator[Tie]:
    """What the incident's story costs more when the alert is told in it."""
    before = story.told_by(candidate)
    if not before or not _is_near(subject, before, topology):
        return
    after = story.with_alert(before, subject)
    costs, _ = story.cost_of(before, topology, params)
    more, root = story.cost_of(after, topology, params)
    way, place, hops, minutes, through = _read(subject, before, after, root, topology, params)
    if abs(minutes) > params.window_min:
        return
    member, likeness = _most_alike(subject, candidate, place)
    join = more - costs + (story.waited(minutes, params) if way == "same" else 0.0)
    score = odds(join, alone(subject, params))
    yield Tie(candidate, member, way, hops, minutes, likeness, score, place, through)


def _is_near(subject: Subject, before: Story, topology: Topology) -> bool:
    return not before.keys().isdisjoint(topology.near(subject.home))


def _read(
    subject: Subject,
    before: Story,
    after: Story,
    root: str,
    topology: Topology,
    params: Params,
) -> tuple[str, str, float, float, str]:
    """Way, place, hops, minutes and what is silent between, of how the alert fits the story."""
    home = subject.home
    if home in before:
        return "same", home, 0, minutes_between(before[home].onset, subject.at), ""
    way = story.explanation(home, after, topology, params)
    if root != home and way is not None:
        name = "names" if way.place in subject.places else way.name
        return name, way.place, way.hops, way.minutes, way.through
    caller = min(
        (name for name in before if home in topology.below(name)),
        key=lambda name: (home not in before[name].blames, topology.below(name)[home], name),
        default="",
    )
    if not caller:
        return "far", "", math.inf, math.inf, ""
    name = "named" if home in before[caller].blames else "called"
    minutes = minutes_between(before[caller].onset, subject.at)
    return name, caller, topology.below(caller)[home], minutes, ""


def _most_alike(subject: Subject, candidate: Candidate, place: str) -> tuple[Member | None, float]:
    """The member at a place whose title reads most like the alert's."""
    there = [member for member in candidate.members if member.home == place]
    if not there:
        return None, 0.0
    likeness, _, _, member = max(
        ((words.likeness(subject.title, m.title), m.at, m.title, m) for m in there),
        key=lambda found: found[:3],
    )
    return member, likeness


def _of_host(subject: Subject, candidate: Candidate, params: Params) -> Iterator[Tie]:
    """On the same host, where one of the two does not say of which service it is."""
    for member in candidate.members:
        if subject.hosts & member.hosts and not (subject.home and member.home):
            yield _of_member("host", subject, candidate, member, 0.0, params)


def _of_words(subject: Subject, candidate: Candidate, params: Params) -> Iterator[Tie]:
    """Without a place, only time and words are left."""
    if subject.home:
        return
    for member in candidate.members:
        likeness = _likeness(subject, member)
        cost = params.placeless + params.placeless_words * (1.0 - likeness)
        yield _of_member("words", subject, candidate, member, cost, params, likeness)


def _likeness(subject: Subject, member: Member) -> float:
    """Of their titles or, if that is more, of their kinds with no place named."""
    kinds = (words.without_places(one.kind) for one in (subject, member))
    return max(words.likeness(*kinds), words.likeness(subject.title, member.title))


def _of_chore(subject: Subject, candidate: Candidate, params: Params) -> Iterator[Tie]:
    """A chore explains nothing and nothing explains it: it belongs with more of its kind."""
    for member in candidate.members:
        if member.is_chore and member.kind == subject.kind and subject.home:
            yield _of_member("same", subject, candidate, member, 0.0, params)


def _of_member(
    way: str,
    subject: Subject,
    candidate: Candidate,
    member: Member,
    cost: float,
    params: Params,
    likeness: float = 1.0,
) -> Tie:
    minutes = minutes_between(member.at, subject.at)
    join = cost + story.waited(abs(minutes), params)
    if way == "words":
        join += abs(minutes) * params.late_per_min
    score = odds(join, alone(subject, params)) if abs(minutes) <= params.window_min else 0.0
    return Tie(candidate, member, way, 0, minutes, likeness, score, member.home)
