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
    is_chore: bool
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
    is_chore: bool
    at: datetime


@dataclass(frozen=True)
class Candidate:
    """A live incident that the alert might belong to.

    Its members are those that the alert is compared with; `onsets` and `last_at` are of all it has:
    when trouble was first seen at each service, and when its newest alert began. `had_it` says
    when this very alert was last put there, `chosen` when a person last did so. One that is
    cleared has no alert left that fires: it is open until what flapped in it is quiet.
    """

    id: UUID
    key: str
    grouping_key: str
    service: str
    opened_at: datetime
    members: tuple[Member, ...] = ()
    onsets: Mapping[str, datetime] = field(default_factory=dict)
    last_at: datetime | None = None
    had_it: datetime | None = None
    chosen: datetime | None = None
    is_cleared: bool = False

    @property
    def newest(self) -> datetime:
        """When the newest alert of it began; when it opened, where it has none."""
        known = [member.at for member in self.members]
        return max([*known, self.last_at] if self.last_at else known, default=self.opened_at)


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

    threshold: float = 0.5
    root: float = 2.0
    root_without_own: float = 1.0
    root_blames: float = 2.5
    own_elsewhere: float = 7.0
    call: float = 1.0
    call_min: float = 2.5
    early_per_min: float = 1.5
    late_per_min: float = 1.0
    blames_other: float = 3.0
    delay_of_blamed: float = 0.25
    silent: float = 2.5
    unexplained: float = 20.0
    wait_per_min: float = 0.2
    rule_min: float = 7.0
    placeless: float = 0.5
    placeless_words: float = 4.0
    max_hops: int = 3
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
