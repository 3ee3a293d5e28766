"""Visits that do not do what visits of their kind used to do, and how sure that is."""

import math
import re
from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from analysis.reasoning.rootcause.visits import QUICK, Bag, Event, Kind, Visit

Pair = tuple[int, int]  # visits (as usual, changed)

_RARE = 0.2  # a set seen in more of the visits before than this is usual, not a change
_USUAL_KEPT = 60  # usual sets to look for the nearest in, the most frequent first
_COMPLAINT = 0.15  # what a change counts for a service whose new errors are all about another one
_BRANCH = 0.5  # what a change counts that takes another way without an error: data may ask for it
_BAGS_KEPT = 100  # sets of a kind to look at, the most frequent first
_COMPOSED = 2  # calls that make a request the service's own composition
_GONE_SHARE = 0.5  # what a request that does not come counts: it may just not have been asked for
_PAIR_SHARE = 0.5  # what one kind's own comparison counts where its log sites speak elsewhere too
_ERROR_WORD = re.compile(r"error|exception|fail|fault", re.IGNORECASE)


@dataclass(frozen=True)
class Change:
    """Visits of `kind` that used to be `usual` and now are `bag`; counts before and during."""

    kind: Kind
    bag: Bag
    usual: Bag
    before: Pair
    during: Pair
    weight: float = 0.0
    is_gone: bool = False  # no visit took its place: such requests do not come any more

    @property
    def stopped(self) -> Bag:
        return self.usual - self.bag

    @property
    def new(self) -> Bag:
        return self.bag - self.usual

    @property
    def subjects(self) -> frozenset[str]:
        """The other services that all its new errors are about; empty if one is about itself."""
        named = {event[3] for event in self.new if event[0] == "log" and event[1] == "ERROR"}
        return frozenset() if "" in named else frozenset(named)


@dataclass(frozen=True)
class Tally:
    """How often each kind of visit was which set of events: before, during, since the opening."""

    before: Mapping[Kind, Counter[Bag]]
    during: Mapping[Kind, Counter[Bag]]
    late: Mapping[Kind, Counter[Bag]]
    sites: Mapping[tuple[str, Event], list[int]] = field(default_factory=dict)

    @classmethod
    def of(cls, visits: Sequence[Visit], onset: float, opened: float) -> "Tally":
        before: defaultdict[Kind, Counter[Bag]] = defaultdict(Counter)
        during: defaultdict[Kind, Counter[Bag]] = defaultdict(Counter)
        late: defaultdict[Kind, Counter[Bag]] = defaultdict(Counter)
        for visit in visits:
            (during if visit.start >= onset else before)[visit.kind][visit.events] += 1
            if visit.start >= max(onset, opened):
                late[visit.kind][visit.events] += 1
        return cls(before, during, late, _sites(before, during))


def _sites(*phases: Mapping[Kind, Counter[Bag]]) -> dict[tuple[str, Event], list[int]]:
    """Visits of a service, of whatever kind, that reached a log site: [before, during]."""
    found: dict[tuple[str, Event], list[int]] = {}
    for phase, kinds in enumerate(phases):
        for kind, bags in kinds.items():
            for bag, count in bags.items():
                for event in bag:
                    if event[0] == "log":
                        found.setdefault((kind[0], event), [0, 0])[phase] += count
    return found


def changes(visits: Sequence[Visit], onset: float, opened: float) -> list[Change]:
    """What changed at `onset`. `opened` is when the incident was noticed: what is over is out."""
    tally = Tally.of(visits, onset, opened)
    found = []
    for kind, bags in tally.during.items():
        known = tally.before.get(kind, Counter())
        for bag, _ in bags.most_common(_BAGS_KEPT):
            if known[bag] <= _RARE * known.total():
                change = _change(kind, bag, known, bags)
                if change is not None:
                    found.append(change)
    pooled = _pooled(found, tally)
    return [_weighed(change, pooled, tally) for change in found]


def _change(kind: Kind, bag: Bag, before: Counter[Bag], during: Counter[Bag]) -> Change | None:
    """The difference of `bag` to the nearest usual set; None if there is none, or it is better."""
    known = before.most_common(_USUAL_KEPT)
    usual = min(
        (b for b, n in known if n > before[bag] and b != bag),
        key=lambda b: (-_likeness(b, bag), -before[b], sorted(b)),
        default=None,
    )
    if usual is None or _is_recovery(usual, bag):
        return None
    was, now = (before[usual], before[bag]), (during[usual], during[bag])
    return Change(kind, bag, usual, was, now) if _share(now) > _share(was) else None


def _likeness(one: Bag, other: Bag) -> float:
    """Jaccard's index: what two sets share; an empty set is not near to a small one."""
    return len(one & other) / len(one | other)


def vanished(
    visits: Sequence[Visit], began: float, onset: float, replaced: Collection[tuple[Kind, Bag]]
) -> list[Change]:
    """Whole requests that a service used to put together from several calls and no longer does.

    Not those that were `replaced` by a change of theirs, and only where requests enter from
    outside: further in, the caller's choice explains what is gone. A service that passes requests
    on (one call each) has no say in which of them come. What was seen only since the incident's
    window `began` was never usual.
    """
    entered = [v for v in visits if v.caller is None and not began <= v.start < onset]
    tally = Tally.of(entered, onset, onset)
    found = []
    for kind, known in tally.before.items():
        bags = tally.during.get(kind, Counter())
        for bag, count in known.items():
            if (kind, bag) in replaced or not _is_missed(bag, bags):
                continue
            was, now = (count, known.total() - count), (0, bags.total())
            weight = _GONE_SHARE * g_test(was, now)
            found.append(Change(kind, frozenset(), bag, was, now, weight, is_gone=True))
    return found


def _is_missed(bag: Bag, now: Mapping[Bag, int]) -> bool:
    """Whether requests come, but none that did what `bag` did, or did that and more."""
    calls = sum(event[0] == "call" for event in bag)
    if not now or calls < _COMPOSED or has_error(bag):
        return False
    return not any(bag <= other for other in now)


def _is_recovery(usual: Bag, bag: Bag) -> bool:
    """Whether `bag` is the better of the two: errors went, or a flow is whole again."""
    if has_error(bag - usual):
        return False
    return has_error(usual - bag) or not usual - bag


def has_error(events: Iterable[Event]) -> bool:
    """Whether one is an ERROR line, an operation named after an error, or an answer too soon."""
    return any(
        event == QUICK
        or (event[1] == "ERROR" if event[0] == "log" else _ERROR_WORD.search(event[-1]) is not None)
        for event in events
    )


def _pooled(found: Sequence[Change], tally: Tally) -> dict[tuple[str, Event], float]:
    """How cleanly each log site switched, over all kinds of visits of its service.

    A fault at a line of code shows wherever that line is reached; a site that fell silent in one
    kind of visit and speaks in another is not where the code changed.
    """
    stopped: defaultdict[tuple[str, Event], list[int]] = defaultdict(lambda: [0, 0])
    new: defaultdict[tuple[str, Event], list[int]] = defaultdict(lambda: [0, 0])
    for change in found:
        for event in change.stopped:
            stopped[change.kind[0], event][0] += change.before[1]
            stopped[change.kind[0], event][1] += change.during[1]
        for event in change.new:
            new[change.kind[0], event][0] += change.before[0]
            new[change.kind[0], event][1] += change.during[0]
    weights = {}
    for site, lacking in stopped.items():
        if site in tally.sites:
            reached = tally.sites[site]
            weights[site] = switch((reached[0], lacking[0]), (reached[1], lacking[1]))
    for site, lacking in new.items():
        if site in tally.sites:
            reached = tally.sites[site]
            again = switch((lacking[0], reached[0]), (lacking[1], reached[1]))
            weights[site] = max(again, weights.get(site, 0.0))
    return weights


def _weighed(change: Change, pooled: Mapping[tuple[str, Event], float], tally: Tally) -> Change:
    alone = switch(change.before, change.during)
    sites = [
        pooled.get((change.kind[0], e), 0.0) for e in change.usual ^ change.bag if e[0] == "log"
    ]
    weight = max([_PAIR_SHARE * alone, *sites]) if sites else alone
    late = tally.late.get(change.kind, Counter())
    lasts = (1 + late[change.bag]) / (1 + min(change.during[1], late.total()))
    return replace(change, weight=weight * lasts * _blame(change))


def _blame(change: Change) -> float:
    """How much of a change is its own service's doing, and a fault at all."""
    if change.subjects:
        return _COMPLAINT
    is_branch = bool(change.stopped and change.new) and not has_error(change.new)
    return _BRANCH if is_branch else 1.0


def switch(before: Pair, during: Pair) -> float:
    """G of the 2x2 table, discounted by how far it is from "never before, always now"."""
    if not sum(before) or not sum(during) or _share(during) <= _share(before):
        return 0.0
    return g_test(before, during) * (_share(during) * (1 - _share(before))) ** 2


def _share(pair: Pair) -> float:
    return pair[1] / sum(pair)


def g_test(before: Pair, during: Pair) -> float:
    """The G statistic of a 2x2 table: likelihood ratio against one common share, 1 d.f."""
    rows = (sum(before), sum(during))
    columns = (before[0] + during[0], before[1] + during[1])
    total = sum(rows)
    cells = ((before[0], 0, 0), (before[1], 0, 1), (during[0], 1, 0), (during[1], 1, 1))
    return 2 * sum(n * math.log(n * total / (rows[r] * columns[c])) for n, r, c in cells if n)
