"""What grouping is asked and what it answers: plain data, so that it can be replayed."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from uuid import UUID

from incidents.ingest.matching import Matcher


class Means(StrEnum):
    """By what an alert came to its incident; the values of `GroupingDecision.Means`."""

    KEY = "key"
    RULE = "rule"
    SIMILARITY = "similarity"
    ALONE = "alone"
    PERSON = "person"
    SILENCED = "silenced"
    HELD = "held"


@dataclass(frozen=True)
class Subject:
    """The alert to be placed.

    `key` is its identity at its sender; `kind` what it is about without the particulars
    (`words.kind_of`); `home` its service, or the one its words tell of; `places` every service it
    names; `is_own` whether it tells of trouble inside of it, which no other service explains; `at`
    when it began.
    """

    key: str
    kind: str
    title: str
    service: str
    home: str
    places: frozenset[str]
    hosts: frozenset[str]
    is_own: bool
    labels: Mapping[str, str]
    at: datetime


@dataclass(frozen=True)
class Member:
    """An alert that an incident has, or the incident itself where nobody sent an alert."""

    kind: str
    title: str
    home: str
    places: frozenset[str]
    hosts: frozenset[str]
    is_own: bool
    at: datetime


@dataclass(frozen=True)
class Candidate:
    """A live incident that the alert might belong to.

    `had_it` says when this very alert was last put there, `chosen` when a person last did so.
    """

    id: UUID
    key: str
    grouping_key: str
    service: str
    opened_at: datetime
    members: tuple[Member, ...] = ()
    onsets: Mapping[str, datetime] = field(default_factory=dict)  # of services older than members
    had_it: datetime | None = None
    chosen: datetime | None = None


@dataclass(frozen=True)
class Rule:
    """As people wrote it, in the order of `position`."""

    id: UUID
    name: str
    matchers: tuple[Matcher, ...]
    is_any: bool
    group_by: tuple[str, ...]
    window_min: int
    threshold: int
    position: int = 100


@dataclass(frozen=True)
class Held:
    """An alert that waits until its rule has seen enough."""

    id: UUID
    grouping_key: str
    at: datetime


@dataclass(frozen=True)
class Taught:
    """Two kinds of alert that a person put together, or kept apart, the newest word first."""

    kinds: frozenset[str]
    together: bool
    said: str  # who and when, for people


@dataclass(frozen=True)
class Params:
    """The stated numbers of similarity; see docs/explain/grouping.md for what each one means."""

    threshold: float = 0.35
    per_hop: float = 0.8
    max_hops: int = 3
    cascade_half_life_min: float = 8.0
    same_half_life_min: float = 3.0
    words_weight: float = 0.35
    explained: float = 0.3
    own_cause: float = 0.4
    blames_other: float = 0.6
    placeless: float = 0.5
    window_min: float = 30.0


@dataclass(frozen=True)
class Decision:
    """Join that incident, open one under `key`, or wait; `reason` is shown to people."""

    means: Means
    join: UUID | None
    key: str
    reason: str
    rule: UUID | None = None
    score: float | None = None
    threshold: float | None = None
    facts: Mapping[str, object] = field(default_factory=dict)
    release: tuple[UUID, ...] = ()  # alerts that waited for this one
