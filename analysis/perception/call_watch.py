"""Which calls fail, slow down, lose time on the way or no longer happen, against what is usual.

Everything is a share of hits among observations, so that samples of traces, small or large, do: an
error; a duration or gap beyond the usual 90th percentile; a request without the call it always
made. Each share of one look, and of the last minutes together, is tested against the share learnt
(beta-binomial, see `tails.share_tail`), and must also depart far enough to matter.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from analysis.perception.calls import Observed, Seen, Subject
from analysis.perception.count_tails import chance_per_look, deviations, share_tail
from analysis.types import Floats, SignalFinding, Trouble

LOOK_S = 30.0
BUCKETS = 160
_SMALLEST_S = 1e-4
_GROWTH = 1.1  # each bucket of a sketch reaches 10 % further: 0.1 ms to 7 minutes
_SLOW = 0.9  # the usual quantile beyond which an observation is a hit
_FADE = 0.8  # what a look keeps in the pool of the last minutes
_EASED = 0.01  # chance
_SUSPECT = 0.001  # chance below which a look is not learnt from, alarm or not
_FORGET = 0.99976  # what a look keeps in the baseline: half of it after a day
_LEARNT_CALLS = 50
_LEARNT_LOOKS = 10
_SCATTER_PACE = 0.05
_LEAST_EXPECTED = 0.5  # hits in a look without which it tells nothing of their scatter
_CALM_LOOKS = 3
_NEW_NORMAL = 120  # looks of trouble after which it is the usual
_GONE = 20  # looks without a call after which trouble is over
_FORGOTTEN = 14 * 2880
_MAX_SUBJECTS = 3000
_MAX_TRACES = 3
_ALWAYS = 0.1  # share of requests without a call that still "always" make it
_NEVER = 0.9
_LEAST_HITS = 3
_LEAST_OF = 5
_ERRORS_MORE = 0.05  # share of calls
_TIMED = {  # times the usual, and seconds more, that matter
    Trouble.EDGE_LATENCY: (1.5, 0.05),
    Trouble.EDGE_GAP: (2.0, 0.02),
}
_EDGES = _SMALLEST_S * _GROWTH ** np.arange(1, BUCKETS)


def bucket(value: float) -> int:
    return int(np.searchsorted(_EDGES, value, side="left"))


def quantile(sketch: Floats, share: float) -> float:
    """The upper edge of the bucket the quantile is in, seconds."""
    total = float(sketch.sum())
    place = int(np.searchsorted(np.cumsum(sketch), share * total - 1e-9))
    return float(_EDGES[min(place, BUCKETS - 2)])


@dataclass(frozen=True)
class Odd:
    """What was counted that is no chance: in one look, or in the last minutes together."""

    p_value: float
    counts: Floats


@dataclass
class Watched:
    """What is remembered of one subject.

    `base` and `pool` count observations: two places, misses and hits, for a share; one per bucket
    for seconds. `scatter` is how much more the hits scatter than a binomial count.
    """

    subject: Subject
    base: Floats
    pool: Floats
    looks: int = 0
    scatter: float = 1.0
    last_look: int = 0
    odd_since: int = 0
    last_odd: int = 0
    calm: int = 0
    worst: dict[str, Any] = field(default_factory=dict)

    @classmethod
    def fresh(cls, subject: Subject) -> "Watched":
        size = BUCKETS if subject.kind in _TIMED else 2
        return cls(subject, np.zeros(size), np.zeros(size))

    @property
    def is_timed(self) -> bool:
        return self.subject.kind in _TIMED

    @property
    def is_learnt(self) -> bool:
        return self.looks >= _LEARNT_LOOKS and self.base.sum() >= _LEARNT_CALLS

    def counted(self, values: Iterable[float]) -> Floats:
        counts = np.zeros_like(self.base)
        for value in values:
            counts[bucket(value) if self.is_timed else int(value > 0)] += 1
        return counts

    def hits(self, counts: Floats) -> float:
        """How many observations are hits, by what is usual."""
        if not self.is_timed:
            return float(counts[1])
        return float(counts[bucket(quantile(self.base, _SLOW)) + 1 :].sum())

    def level(self, counts: Floats) -> float:
        """The value shown: seconds at the 90th percentile; share of errors; share of calls made."""
        if self.is_timed:
            return quantile(counts, _SLOW)
        share = float(counts[1] / max(counts.sum(), 1e-9))
        return 1.0 - share if self.subject.kind is Trouble.VANISHED_CALLS else share

    def limit(self, floor_s: float) -> float:
        """What the level must reach before it matters."""
        usual = self.level(self.base)
        if self.is_timed:
            times, more = _TIMED[self.subject.kind]
            return max(times * usual, usual + max(more, floor_s))
        if self.subject.kind is Trouble.VANISHED_CALLS:
            return 1.0 - _NEVER
        return usual + _ERRORS_MORE

    def _matters(self, counts: Floats, floor_s: float) -> bool:
        if counts.sum() < _LEAST_OF or self.hits(counts) < _LEAST_HITS:
            return False
        level, limit = self.level(counts), self.limit(floor_s)
        if self.subject.kind is Trouble.VANISHED_CALLS:
            return level <= limit and self.base[1] / self.base.sum() <= _ALWAYS
        return level >= limit

    def _p_value(self, counts: Floats) -> float:
        scatter = max(self.scatter, 1.0)
        return share_tail(
            self.hits(counts) / scatter,
            float(counts.sum()) / scatter,
            hits_before=self.hits(self.base),
            of_before=float(self.base.sum()),
        )

    def take(self, look: int, counts: Floats, *, chance: float, floor_s: float) -> Odd | None:
        """Judge one look, then learn from it if it is calm. What is odd when it is not."""
        self.last_look = look
        faded = self.pool * (1.0 - _FADE)
        self.pool = counts.copy() if self._has_eased(counts) else self.pool - faded + counts
        suspect = self._suspect(counts, floor_s)
        odd = suspect if suspect and suspect.p_value <= chance / 2 else None
        if odd:
            self.calm, self.last_odd = 0, look
            if not self.odd_since:
                self.odd_since, self.worst = look, {}
        elif self.odd_since:
            self.calm += 1
            if self.calm >= _CALM_LOOKS:
                self.odd_since, self.pool = 0, counts.copy()
        elif not suspect or suspect.p_value > _SUSPECT:
            self._learn(counts, faded)
        if self.odd_since and look - self.odd_since >= _NEW_NORMAL:
            self.base, self.looks, self.odd_since = self.pool.copy(), 0, 0
        return odd

    def _has_eased(self, counts: Floats) -> bool:
        """Fewer hits than the last minutes had, by more than chance: they are of another time."""
        of, of_before = float(counts.sum()), float(self.pool.sum())
        misses, before = of - self.hits(counts), of_before - self.hits(self.pool)
        return share_tail(misses, of, hits_before=before, of_before=of_before) <= _EASED

    def _suspect(self, counts: Floats, floor_s: float) -> Odd | None:
        """What departs enough to matter, in this look or the last minutes: the less likely one."""
        if not self.is_learnt:
            return None
        tried = [
            Odd(self._p_value(each), each)
            for each in (counts, self.pool)
            if self._matters(each, floor_s)
        ]
        return min(tried, key=lambda odd: odd.p_value, default=None)

    def _learn(self, counts: Floats, faded: Floats) -> None:
        """What fades from the pool is usual: minutes later, so that slow trouble is not learnt."""
        if self.is_learnt:
            self._scatter(counts)
        self.base = self.base * _FORGET + faded
        self.looks += 1

    def _scatter(self, counts: Floats) -> None:
        of, before = float(counts.sum()), float(self.base.sum())
        share = (self.hits(self.base) + 0.5) / (before + 1.0)
        if of * share < _LEAST_EXPECTED:
            return
        usual = of * share * (1.0 - share) * (1.0 + of / before)
        excess = (self.hits(counts) - of * share) ** 2 / max(usual, 1e-9)
        self.scatter += _SCATTER_PACE * (min(excess, 10.0) - self.scatter)


@dataclass
class TraceMemory:
    watched: dict[Subject, Watched] = field(default_factory=dict)

    def take(
        self, look: int, seen: Iterable[Observed], *, alarms_per_week: float, floor_s: float = 0.0
    ) -> None:
        """Add what one look saw; looks come in order."""
        values, traces = self._by_subject(seen)
        chance = chance_per_look(alarms_per_week, LOOK_S)
        for subject, observations in values.items():
            if subject not in self.watched:
                if len(self.watched) >= _MAX_SUBJECTS:
                    continue
                self.watched[subject] = Watched.fresh(subject)
            one = self.watched[subject]
            counts = one.counted(observations)
            expected, limit = (one.level(one.base), one.limit(floor_s)) if one.looks else (0.0, 0.0)
            odd = one.take(look, counts, chance=chance, floor_s=floor_s)
            if odd:
                one.worst = {
                    "value": one.level(odd.counts),
                    "expected": expected,
                    "limit": limit,
                    "p_value": min(odd.p_value, one.worst.get("p_value", 1.0)),
                    "calls": round(float(odd.counts.sum())),
                    "hits": round(one.hits(odd.counts)),
                    "trace_ids": _exemplars(traces[subject]),
                }
        old = look - _FORGOTTEN
        self.watched = {s: one for s, one in self.watched.items() if one.last_look > old}

    def _by_subject(
        self, seen: Iterable[Observed]
    ) -> tuple[Mapping[Subject, list[float]], Mapping[Subject, list[Seen]]]:
        values: dict[Subject, list[float]] = {}
        traces: dict[Subject, list[Seen]] = {}
        for each in (one for observed in seen for one in self._flat(observed)):
            values.setdefault(each.subject, []).append(each.value)
            traces.setdefault(each.subject, []).append(each)
        return values, traces

    def _flat(self, observed: Observed) -> Iterable[Seen]:
        """Calls as they are; each request once for every callee it made or usually makes."""
        yield from observed.calls
        kind = Trouble.VANISHED_CALLS
        usual: dict[tuple[str, str], set[str]] = {}
        for subject in self.watched:
            if subject.kind is kind:
                usual.setdefault((subject.caller, subject.operation), set()).add(subject.callee)
        for request in observed.requests:
            known = usual.get((request.service, request.operation), set())
            for callee in known | request.callees:
                subject = Subject(kind, request.service, callee, request.operation)
                is_missing = float(callee not in request.callees)
                yield Seen(subject, request.at, is_missing, request.trace_id)

    def findings(self, end: int) -> list[SignalFinding]:
        """What is anomalous as of look `end`."""
        return [
            _finding(one)
            for _, one in sorted(self.watched.items())
            if one.odd_since and end - one.last_look <= _GONE
        ]


def _exemplars(seen: Iterable[Seen]) -> list[str]:
    worst = sorted(seen, key=lambda each: -each.value)
    return list(dict.fromkeys(each.trace_id for each in worst))[:_MAX_TRACES]


def _finding(one: Watched) -> SignalFinding:
    subject, worst = one.subject, one.worst
    is_vanished = subject.kind is Trouble.VANISHED_CALLS
    ends = {"caller": subject.caller, "callee": subject.callee, "operation": subject.operation}
    labels = {name: value for name, value in ends.items() if value}
    return SignalFinding(
        key=",".join(f"{k}={v}" for k, v in {**labels, "kind": subject.kind.value}.items()),
        labels=labels,
        service=subject.caller if is_vanished else subject.callee,
        kind=subject.kind,
        direction="down" if is_vanished else "up",
        started_at=one.odd_since * LOOK_S,
        last_at=(one.last_odd + 1) * LOOK_S,
        value=worst["value"],
        expected=worst["expected"],
        low=worst["limit"] if is_vanished else 0.0,
        high=1.0 if is_vanished else worst["limit"],
        score=deviations(worst["p_value"]),
        p_value=worst["p_value"],
        details={
            **ends,
            "unit": "s" if one.is_timed else "ratio",
            "calls": worst["calls"],
            "hits": worst["hits"],
            "trace_ids": worst["trace_ids"],
            "may_open": True,
        },
    )
