"""Alerts of the past, decided once more: what would have become one incident, and why. Pure.

It follows the life of alerts as intake does: what fires already is the same alert, an incident
whose alerts are all over and quiet is over, and what a rule holds back joins when there are enough.
"""

from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from uuid import UUID

from incidents.ingest import life
from incidents.ingest.grouping.decide import Scene, decide
from incidents.ingest.grouping.subjects import as_member
from incidents.ingest.grouping.types import Candidate, Decision, Held, Means, Member, Subject


@dataclass(frozen=True)
class Happening:
    """An alert fires, or is over. `id` names the episode or the message."""

    id: str
    subject: Subject
    at: datetime
    is_firing: bool = True


@dataclass
class Group:
    """An incident of the replay. As at intake, old members are known by the onsets they leave."""

    number: int
    grouping_key: str
    service: str
    opened_at: datetime
    members: deque[Member] = field(default_factory=deque)
    onsets: dict[str, datetime] = field(default_factory=dict)
    firing: set[str] = field(default_factory=set)
    flapping: set[str] = field(default_factory=set)
    had: dict[str, datetime] = field(default_factory=dict)
    alerts: list[str] = field(default_factory=list)
    last_at: datetime | None = None

    @property
    def is_live(self) -> bool:
        return bool(self.firing or self.flapping)

    @property
    def key(self) -> str:
        return f"incident {self.number} of the trial"

    def as_candidate(self, subject: Subject, window_min: float) -> Candidate:
        since = subject.at - timedelta(minutes=window_min)
        while self.members and self.members[0].at < since:
            self.members.popleft()
        return Candidate(
            id=UUID(int=self.number),
            key=self.key,
            grouping_key=self.grouping_key,
            service=self.service,
            opened_at=self.opened_at,
            members=tuple(self.members),
            onsets=self.onsets,
            last_at=self.last_at,
            had_it=self.had.get(subject.key),
            is_cleared=not self.firing,
        )


@dataclass
class Replay:
    """What became of every happening: the number of its group, None while it waits."""

    scene: Scene
    groups: list[Group] = field(default_factory=list)
    decisions: dict[str, Decision] = field(default_factory=dict)
    placed: dict[str, int | None] = field(default_factory=dict)
    _waiting: dict[UUID, tuple[Held, Happening]] = field(default_factory=dict)
    _serial: int = 0
    _live: list[Group] = field(default_factory=list)  # a month has thousands that are over
    _changes: dict[str, deque[datetime]] = field(default_factory=dict)

    def run(self, happenings: Iterable[Happening]) -> "Replay":
        for happening in happenings:
            self.take(happening)
        return self

    def take(self, happening: Happening) -> None:
        self._calm(happening.at)
        if not happening.is_firing:
            self._end(happening)
            return
        key = happening.subject.key
        home = next((g for g in self._live if key in g.firing), None)
        if home is not None:
            self._again(home, happening)
            return
        held = next((i for i, (_, h) in self._waiting.items() if h.subject.key == key), None)
        if held is not None:
            self.placed[happening.id] = None
            return
        self._place(happening)

    def _again(self, home: Group, happening: Happening) -> None:
        self.placed[happening.id] = home.number
        home.alerts.append(happening.id)

    def _place(self, happening: Happening) -> None:
        subject = happening.subject
        self._change(subject.key, happening.at)
        window_min = self.scene.params.window_min
        candidates = [group.as_candidate(subject, window_min) for group in self._live]
        scene = Scene(
            self.scene.topology,
            self.scene.rules,
            self.scene.taught,
            tuple(held for held, _ in self._waiting.values()),
            self.scene.params,
        )
        decided = decide(subject, candidates, scene, happening.at)
        self.decisions[happening.id] = decided
        if decided.means is Means.HELD:
            self._hold(decided, happening)
            return
        group = self._group(decided, subject, happening.at)
        for waited in decided.release:
            released = self._waiting.pop(waited)[1]
            let_in = f"it waited, until {subject.title} came; {decided.reason}"
            self.decisions[released.id] = replace(decided, reason=let_in)
            self._join(group, released)
        self._join(group, happening)

    def _hold(self, decided: Decision, happening: Happening) -> None:
        self._serial += 1
        held = Held(UUID(int=self._serial), decided.key, happening.subject.at)
        self._waiting[held.id] = (held, happening)
        self.placed[happening.id] = None

    def _group(self, decided: Decision, subject: Subject, at: datetime) -> Group:
        if decided.join is not None:
            return self.groups[decided.join.int - 1]
        group = Group(len(self.groups) + 1, decided.key, subject.service, at)
        self.groups.append(group)
        self._live.append(group)
        return group

    def _join(self, group: Group, happening: Happening) -> None:
        subject = happening.subject
        member = as_member(subject)
        group.members.append(member)
        group.last_at = max(member.at, group.last_at or member.at)
        if member.home:
            group.onsets[member.home] = min(member.at, group.onsets.get(member.home, member.at))
        group.firing.add(subject.key)
        group.had[subject.key] = happening.at
        group.alerts.append(happening.id)
        self.placed[happening.id] = group.number
        self._name(subject.key, group)

    def _end(self, happening: Happening) -> None:
        key = happening.subject.key
        home = next((group for group in self._live if key in group.firing), None)
        if home is not None:
            home.firing.discard(key)
            self._change(key, happening.at)
            self._name(key, home)
            self._live = [group for group in self._live if group.is_live]
        self._waiting = {i: one for i, one in self._waiting.items() if one[1].subject.key != key}

    def _change(self, key: str, at: datetime) -> None:
        changes = self._changes.setdefault(key, deque(maxlen=life.FLAPPING_CHANGES))
        changes.append(at)

    def _name(self, key: str, home: Group) -> None:
        """The newest episode of an alert alone is flapping, so its incident alone waits for it."""
        changes = self._changes[key]
        if not life.is_flapping(changes, now=changes[-1]):
            return
        for group in self._live:
            group.flapping.discard(key)
        home.flapping.add(key)

    def _calm(self, now: datetime) -> None:
        """What was flapping and is quiet now is waited for no longer."""
        for group in self._live:
            group.flapping = {
                key for key in group.flapping if not life.is_quiet(self._changes[key][-1], now=now)
            }
        self._live = [group for group in self._live if group.is_live]
