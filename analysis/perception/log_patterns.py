"""Log lines as templates: which are new, and which surge, against a baseline.

An online fixed-depth tree after Drain (He et al., ICWS 2017): lines of one length whose first
words agree meet in one leaf; there the most similar template takes the line and turns words that
differ into a wildcard. Ids, numbers and addresses are masked before.
"""

import math
import re
from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field

from analysis.types import LogLine, TemplateSpike

WILD = "<*>"
_DEPTH = 2  # leading words that choose the leaf
_SIMILAR = 0.5  # share of equal words that makes two lines one template
_MAX_BRANCHES = 100
_MAX_WORDS = 60
_MASKS = (
    ("<uuid>", r"\b[0-9a-fA-F]{8}-(?:[0-9a-fA-F]{4}-){3}[0-9a-fA-F]{12}\b"),
    ("<time>", r"\b\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(?:[.,]\d+)?(?:Z|[+-]\d\d:?\d\d)?"),
    ("<ip>", r"\b\d{1,3}(?:\.\d{1,3}){3}(?::\d+)?\b"),
    ("<hex>", r"\b(?:0x[0-9a-fA-F]+|(?=[0-9a-fA-F]*\d)(?=[0-9a-fA-F]*[a-fA-F])[0-9a-fA-F]{6,})\b"),
    ("<num>", r"(?<![A-Za-z])[-+]?\d+(?:[.,]\d+)*(?:e[-+]?\d+)?"),
)
_MASK = re.compile("|".join(f"({pattern})" for _, pattern in _MASKS))
_LEVELS = ("fatal", "critical", "error", "warn", "warning", "notice", "info", "debug", "trace")

_MIN_COUNT = 3
_MIN_RATIO = 3.0
_DEVIATIONS = 4.0


def masked(text: str) -> str:
    """The text with ids, times, addresses and numbers replaced by their kind."""
    return _MASK.sub(lambda match: _MASKS[(match.lastindex or 1) - 1][0], text)


@dataclass
class Template:
    words: list[str]

    @property
    def text(self) -> str:
        return " ".join(self.words)

    def similarity(self, words: list[str]) -> float:
        same = sum(a == b for a, b in zip(self.words, words, strict=True))
        return same / max(len(words), 1)

    def absorb(self, words: list[str]) -> None:
        self.words = [a if a == b else WILD for a, b in zip(self.words, words, strict=True)]


@dataclass
class _Node:
    branches: dict[str, "_Node"] = field(default_factory=dict)
    templates: list[Template] = field(default_factory=list)


class Miner:
    """Gives each line its template; a template may grow more general as lines come."""

    def __init__(self) -> None:
        self._root = _Node()

    def add(self, text: str) -> Template:
        words = masked(text).split()[:_MAX_WORDS] or [""]
        leaf = self._leaf(words)
        best = max(leaf.templates, key=lambda t: t.similarity(words), default=None)
        if best is None or best.similarity(words) < _SIMILAR:
            best = Template(words)
            leaf.templates.append(best)
        else:
            best.absorb(words)
        return best

    def _leaf(self, words: list[str]) -> _Node:
        node = self._root.branches.setdefault(str(len(words)), _Node())
        for word in words[:_DEPTH]:
            key = WILD if any(c.isdigit() for c in word) or "<" in word else word
            if key not in node.branches and len(node.branches) >= _MAX_BRANCHES:
                key = WILD
            node = node.branches.setdefault(key, _Node())
        return node


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


def _severity(level: str) -> int:
    return _LEVELS.index(level) if level in _LEVELS else _LEVELS.index("info")


def _worst(levels: Counter[str]) -> str:
    return min(levels, key=_severity, default="")


def _interest(spike: TemplateSpike) -> tuple[bool, bool, int]:
    return _severity(spike.level) > _severity("warning"), not spike.is_new, -spike.count
