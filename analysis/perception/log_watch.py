"""Which log templates of a service are new, surge, or stopped: memory that grows line by line.

Time is cut into looks of `LOOK_S` seconds, numbered from the epoch. Only looks read wholly count:
a read that a limit cut short teaches which templates exist and nothing about how often they come.
What was found follows from the memory alone, so that a look repeated after a crash finds the same.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from analysis.perception.count_tails import chance_per_look, deviations, none_in
from analysis.perception.log_counts import (
    KEPT_LOOKS,
    LOOK_S,
    PER_HOUR,
    RECENT_KEPT,
    Baseline,
    Counts,
    Whole,
)
from analysis.perception.log_templates import Miner, Template, is_error, is_warning, severity
from analysis.types import LogLine, SignalFinding, Trouble

PER_MINUTE = 60.0 / LOOK_S
_ERROR_LEARNT = 30  # looks of a service read before an error can be new to it: 15 minutes
_WARNING_LEARNT = 120
_OTHER_LEARNT = 720
_NEW_FOR = 120  # looks after which a new template is one of the usual ones
_QUIET = 10  # looks without the template that end what was found of it
_LEAST_NEW = 3  # lines: one odd line is no news
_BIRTHS_KEPT = 7 * 2880
_NOISY = 28  # times the accepted alarms in hours with new errors a week: one more says nothing
_STOPPED_AFTER = 6
_ALWAYS = 0.95  # share of looks with the template that makes it one that always comes
_LEAST_LOOKS = 30
_MAX_EXEMPLARS = 3
_MAX_TEXT = 300


@dataclass(frozen=True)
class Sensitivity:
    """`alarms_per_week` is accepted for the log of one service, shared among its templates.

    `floor` is the least departure in lines a minute that can matter.
    """

    alarms_per_week: float = 0.25
    floor: float = 0.0

    @property
    def least(self) -> float:
        """Lines in one look."""
        return max(self.floor / PER_MINUTE, 5.0)


@dataclass
class Known:
    """One template of one service, and what is remembered of it. Times in Unix seconds."""

    id: str
    template: Template
    level: str
    first_seen: float
    last_seen: float
    was_new: bool = False
    total: int = 0
    counts: Counts = field(default_factory=Counts)
    exemplars: list[str] = field(default_factory=list)
    is_changed: bool = True

    @property
    def is_error(self) -> bool:
        return is_error(self.level, self.template.text)

    @property
    def weight(self) -> float:
        """Its part of the accepted alarms: an error is worth a false alarm sooner."""
        return 4.0 if self.is_error else 2.0 if is_warning(self.level) else 1.0

    @property
    def learnt_after(self) -> int:
        if self.is_error:
            return _ERROR_LEARNT
        return _WARNING_LEARNT if is_warning(self.level) else _OTHER_LEARNT


@dataclass
class ServiceLog:
    """What is remembered of the log of one service.

    `since` and `births` are numbers of looks: the first with a line of it, and those in which an
    error new to it came.
    """

    service: str
    since: int
    new_id: Callable[[], str]
    whole: Whole = field(default_factory=Whole)
    births: list[int] = field(default_factory=list)
    known: dict[int, Known] = field(default_factory=dict)  # by identity of the template
    miner: Miner = field(default_factory=lambda: Miner(capacity=500))

    def restore(self, text: str, **fields: Any) -> Known:
        template = self.miner.restore(text)
        known = Known(template=template, is_changed=False, **fields)
        self.known[id(template)] = known
        return known

    def take(
        self, lines: Iterable[LogLine], *, first: int, end: int, whole_from: int, how: Sensitivity
    ) -> None:
        """Add the lines of looks [first, end); all of those from `whole_from` on are there.

        Looks come in order, and each once.
        """
        by_look: dict[int, list[LogLine]] = {}
        for line in sorted(lines, key=lambda each: each.at):
            by_look.setdefault(int(line.at // LOOK_S), []).append(line)
        for look in range(first, end):
            is_whole = look >= whole_from
            for line in by_look.get(look, ()):
                self._add(line, look, is_whole=is_whole)
            if is_whole and look >= self.since:
                self._judge(look, how)
                self.whole.add(look)
        self._forget(end)

    def _forget(self, end: int) -> None:
        self.whole.forget(before=end - KEPT_LOOKS)
        self.births = [b for b in self.births if b >= end - _BIRTHS_KEPT]
        for known in self.known.values():
            known.counts.forget(before=end - RECENT_KEPT)

    def _add(self, line: LogLine, look: int, *, is_whole: bool) -> None:
        template = self.miner.add(line.message)
        known = self.known.get(id(template))
        if known is None:
            known = Known(self.new_id(), template, line.level, line.at, line.at)
            self.known[id(template)] = known
            learnt = self.whole.between(self.since, look)
            known.was_new = is_whole and learnt >= known.learnt_after
            if known.was_new and known.is_error:
                self.births.append(look)
        known.last_seen = max(known.last_seen, line.at)
        known.level = min(known.level, line.level, key=severity) if known.level else line.level
        known.total += 1
        known.is_changed = True
        if is_whole:
            known.counts.add(look)
        if line.trace_id and line.trace_id not in known.exemplars:
            known.exemplars = [*known.exemplars, line.trace_id][-_MAX_EXEMPLARS:]

    def _judge(self, look: int, how: Sensitivity) -> None:
        """Mark the templates that surge in this look; what is marked is no baseline later."""
        busy = [k for k in self.known.values() if k.counts.at(look) >= how.least]
        if not busy:
            return
        shares = self._weights()
        for known in busy:
            baseline = self._baseline(known, look)
            chance = self._chance(known, shares, how)
            if baseline and baseline.is_surge(known.counts.at(look), chance, how.least):
                known.counts.mark(look)

    def _baseline(self, known: Known, look: int) -> Baseline | None:
        """From when the template first came: before, its absence says nothing of how often."""
        born = int(known.first_seen // LOOK_S)
        return known.counts.baseline(self.whole, look=look, since=max(born, self.since))

    def _weights(self) -> float:
        return sum(known.weight for known in self.known.values())

    def _chance(self, known: Known, weights: float, how: Sensitivity) -> float:
        return chance_per_look(how.alarms_per_week, LOOK_S) * known.weight / weights

    def findings(self, how: Sensitivity) -> list[SignalFinding]:
        """What is anomalous as of the last look; order does not matter."""
        end = self.whole.end
        if end is None:
            return []
        found = [self._new(known, end, how) or self._surge(known, end, how)
                 for known in self.known.values()]  # fmt: skip
        stopped = self._stopped(end, how)
        return [finding for finding in (*found, stopped) if finding]

    def _new(self, known: Known, end: int, how: Sensitivity) -> SignalFinding | None:
        born = int(known.first_seen // LOOK_S)
        count = known.counts.between(born, end)
        is_quiet = not known.counts.between(end - _QUIET, end)
        if not known.was_new or end - born > _NEW_FOR or is_quiet or count < _LEAST_NEW:
            return None
        watched = self.whole.between(self.since, end)
        # The chance that a look brings an error never seen before; many at once are one event.
        others = len({b // PER_HOUR for b in self.births} - {born // PER_HOUR})
        p_value = (others + 0.5) / (watched + 1.0)
        rate = PER_MINUTE * count / max(end - born, 1)
        return self._finding(
            known,
            kind=Trouble.NEW_TEMPLATE,
            started_at=known.first_seen,
            value=rate,
            expected=0.0,
            high=0.0,
            p_value=p_value,
            may_open=known.is_error and others <= _NOISY * how.alarms_per_week,
            count=count,
        )

    def _surge(self, known: Known, end: int, how: Sensitivity) -> SignalFinding | None:
        run = known.counts.run(end)
        if not run:
            return None
        first = run[0]
        baseline = self._baseline(known, first)
        if baseline is None:
            return None
        newest = known.counts.at(run[-1])
        chance = self._chance(known, self._weights(), how)
        return self._finding(
            known,
            kind=Trouble.TEMPLATE_SURGE,
            started_at=first * LOOK_S,
            value=newest * PER_MINUTE,
            expected=baseline.mean * PER_MINUTE,
            high=baseline.limit(chance, how.least) * PER_MINUTE,
            p_value=baseline.p_value(max(known.counts.at(look) for look in run)),
            may_open=known.is_error,
            count=known.counts.between(first, end),
        )

    def _finding(
        self, known: Known, *, kind: Trouble, may_open: bool, count: int, p_value: float, **f: float
    ) -> SignalFinding:
        return SignalFinding(
            key=f"service={self.service},template={known.id}",
            labels={"service": self.service, "template": known.template.text[:_MAX_TEXT]},
            service=self.service,
            kind=kind,
            direction="up",
            started_at=f["started_at"],
            last_at=known.last_seen,
            value=f["value"],
            expected=f["expected"],
            low=0.0,
            high=f["high"],
            score=deviations(p_value),
            p_value=p_value,
            details={
                "template": known.template.text,
                "level": known.level,
                "count": count,
                "total": known.total,
                "trace_ids": list(known.exemplars),
                "may_open": may_open,
            },
        )

    def _stopped(self, end: int, how: Sensitivity) -> SignalFinding | None:
        """Templates that always came and no longer do: one finding for all, and only evidence."""
        start = end - _STOPPED_AFTER
        if self.whole.between(start, end) < _STOPPED_AFTER:
            return None
        gone: list[tuple[Known, Baseline]] = []
        for known in self.known.values():
            baseline = self._baseline(known, start)
            if baseline and self._has_stopped(known, baseline, end, how):
                gone.append((known, baseline))
        if not gone:
            return None
        known, usual = max(gone, key=lambda pair: pair[1].mean)
        p_value = none_in(_STOPPED_AFTER, mean=usual.mean, scatter=usual.scatter)
        texts = sorted(each.template.text[:_MAX_TEXT] for each, _ in gone)
        return SignalFinding(
            key=f"service={self.service},stopped",
            labels={"service": self.service, "template": known.template.text[:_MAX_TEXT]},
            service=self.service,
            kind=Trouble.MISSING,
            direction="down",
            started_at=min(each.last_seen for each, _ in gone),
            last_at=end * LOOK_S,
            value=0.0,
            expected=usual.mean * PER_MINUTE,
            low=PER_MINUTE,
            high=usual.peak * PER_MINUTE,
            score=deviations(p_value),
            p_value=p_value,
            details={"templates": texts[:20], "count": len(texts), "may_open": False},
        )

    def _has_stopped(self, known: Known, usual: Baseline, end: int, how: Sensitivity) -> bool:
        if usual.looks < _LEAST_LOOKS or usual.presence < _ALWAYS:
            return False
        if known.counts.between(end - _STOPPED_AFTER, end):
            return False
        chance = self._chance(known, self._weights(), how)
        return none_in(_STOPPED_AFTER, mean=usual.mean, scatter=usual.scatter) <= chance


def by_service(lines: Iterable[LogLine]) -> Mapping[str, Sequence[LogLine]]:
    found: dict[str, list[LogLine]] = {}
    for line in lines:
        found.setdefault(line.service, []).append(line)
    return found
