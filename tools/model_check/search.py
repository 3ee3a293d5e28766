"""Breadth-first search of a world, and the promises every state of it has to keep."""

import time
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import combinations, count

from tools.model_check.moves import moves
from tools.model_check.world import EFFECT, NO_EFFECT, Row, Rules, World

Key = tuple[int, ...]


def broken(world: World, rules: Rules) -> str:
    """The promise this world breaks, or nothing."""
    for row in world.rows:
        if row.wrong:
            return row.wrong
        if row.effects > 1:
            return "two effects of one approval"
        if row.effects and row.state in NO_EFFECT:
            return f"AIRRA says {row.state}, but there was an effect"
        if not row.effects and row.state in EFFECT:
            return f"AIRRA says {row.state}, but there was no effect"
    holding = [i for i, row in enumerate(world.rows) if row.state in rules.holds]
    is_shared = any(rules.is_beside(i, j) for i, j in combinations(holding, 2))
    return "two executions hold one target" if is_shared else ""


@dataclass(frozen=True)
class Found:
    states: int
    transitions: int
    depth: int
    is_complete: bool  # nothing is left to visit: it holds at every depth
    seconds: float
    reached: frozenset[str]
    labels: frozenset[str]  # what happened at least once, without the number of its row
    violation: str = ""
    trace: tuple[str, ...] = ()


class _Seen:
    """Which worlds were visited, and from where. Their parts are numbered, to fit in memory."""

    def __init__(self) -> None:
        self._number: defaultdict[object, int] = defaultdict(count().__next__)
        self.came: dict[Key, Key | None] = {}

    def key(self, world: World) -> Key:
        now, rows, workers, *rest = world
        return tuple(map(self._number.__getitem__, (*rows, *workers, (now, *rest))))


def search(rules: Rules, *, depth: int = 10_000) -> Found:
    """Every world within `depth` moves. Stops at the first violation, whose trace is a shortest."""
    began = time.process_time()
    seen, first = _Seen(), rules.start()
    start = seen.key(first)
    seen.came[start] = None
    rows: set[Row] = set()
    labels: set[str] = set()
    level, at, transitions = [(start, first)], 0, 0
    violation, where = "", first
    while level and at < depth and not violation:
        following = []
        for origin, world in level:
            for label, after in moves(world, rules):
                transitions += 1
                labels.add(label)
                key = seen.key(after)
                if key in seen.came:
                    continue
                seen.came[key] = origin
                rows.update(after.rows)
                following.append((key, after))
                violation = broken(after, rules)
                if violation:
                    where = after
                    break
            if violation:
                break
        level = following
        at += bool(following)
    return Found(
        states=len(seen.came),
        transitions=transitions,
        depth=at,
        is_complete=not level and not violation,
        seconds=time.process_time() - began,
        reached=frozenset(str(row.state) for row in rows),
        labels=frozenset(_plain(labels)),
        violation=violation,
        trace=_trace(seen, where, rules) if violation else (),
    )


def _plain(labels: Iterable[str]) -> set[str]:
    return {
        " ".join(w for w in label.replace(",", " ,").split() if not w.isdigit()) for label in labels
    }


def _trace(seen: _Seen, last: World, rules: Rules) -> tuple[str, ...]:
    """The way to `last`, by walking it again from the start."""
    keys = [seen.key(last)]
    while (before := seen.came[keys[-1]]) is not None:
        keys.append(before)
    world, labels = rules.start(), []
    for key in reversed(keys[:-1]):
        label, world = next(move for move in moves(world, rules) if seen.key(move[1]) == key)
        labels.append(label)
    return tuple(labels)
