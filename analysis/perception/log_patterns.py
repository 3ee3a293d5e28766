"""Which log templates of a stretch of lines are new, and which surge, against the lines before."""

import math
from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field

from analysis.perception.log_templates import Miner, Template, severity
from analysis.types import LogLine, TemplateSpike

_MIN_COUNT = 3
_MIN_RATIO = 3.0
_DEVIATIONS = 4.0


@dataclass
class _Tally:
    template: Template
    before: int = 0
    during: int = 0
    first_seen: float = math.inf
    levels: Counter[str] = field(default_factory=Counter)


def spikes(
    lines: Iterable[LogLine], *, split: float, before_s: float, during_s: float
) -> list[TemplateSpike]:
    """Templates per service that are new since `split`, or surge; the most telling first.

    `before_s` and `during_s` are the seconds of log really read on each side. A surge is at least
    three times what the baseline foretells and four deviations of a Poisson count above it.
    """
    tallies = _tallies(lines, split=split)
    share = during_s / before_s if before_s > 0 else 0.0
    found = []
    for service, tally in tallies:
        expected = tally.before * share
        is_surge = tally.during >= _MIN_RATIO * expected and (
            tally.during > expected + _DEVIATIONS * math.sqrt(max(expected, 1.0))
        )
        is_new = tally.before == 0 and before_s > 0
        if tally.during < _MIN_COUNT or not (is_new or is_surge):
            continue
        found.append(
            TemplateSpike(
                entity=service,
                template=tally.template.text,
                level=_worst(tally.levels),
                count=tally.during,
                baseline=round(expected, 2),
                first_seen=tally.first_seen,
                is_new=is_new,
            )
        )
    return sorted(found, key=_interest)


def _tallies(lines: Iterable[LogLine], *, split: float) -> list[tuple[str, _Tally]]:
    miners: dict[str, Miner] = defaultdict(Miner)
    tallies: dict[str, dict[int, _Tally]] = defaultdict(dict)
    for line in lines:
        template = miners[line.service].add(line.message)
        tally = tallies[line.service].setdefault(id(template), _Tally(template))
        if line.at < split:
            tally.before += 1
            continue
        tally.during += 1
        tally.first_seen = min(tally.first_seen, line.at)
        tally.levels[line.level] += 1
    return [(service, tally) for service, own in tallies.items() for tally in own.values()]


def _worst(levels: Counter[str]) -> str:
    return min(levels, key=severity, default="")


def _interest(spike: TemplateSpike) -> tuple[bool, bool, int]:
    return severity(spike.level) > severity("warning"), not spike.is_new, -spike.count
