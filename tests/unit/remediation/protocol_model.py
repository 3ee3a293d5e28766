"""A world around the real transition function, small enough to search completely.

Executions on one target, workers that get duplicate messages, pause anywhere and die, a network
that loses answers and delivers requests late, people who edit plans and flip the kill switch, and
a clock. Every step of every worker interleaves with everything else. The target is the worst one:
it does not know idempotency keys; it only refuses signatures that are too old.
"""

from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import NamedTuple

from remediation.execution.protocol import Event, Facts, next_state
from remediation.types import HOLDS_TARGET, ExecutionState

S = ExecutionState
NO_EFFECT = {S.APPROVED, S.FAILED, S.STALE, S.EXPIRED, S.CANCELLED}
EFFECT = {S.VERIFYING, S.SUCCEEDED, S.INCONCLUSIVE, S.DEVIATED}
Step = Callable[[ExecutionState, Event, Facts], ExecutionState | None]


class Row(NamedTuple):
    state: ExecutionState = S.APPROVED
    fence: int = 0
    issued: int = -1
    edited: bool = False  # the plan is no longer what was approved
    effects: int = 0
    wrong: str = ""  # the first promise that was broken


class Worker(NamedTuple):
    """What a worker is about to do; `row` is the execution it works on."""

    doing: str = "idle"
    row: int = -1
    fence: int = 0
    issued: int = -1
    told: str = ""
    at: int = -1


class World(NamedTuple):
    now: int
    rows: tuple[Row, ...]
    workers: tuple[Worker, ...]
    flying: tuple[tuple[int, int], ...] = ()  # row and issue time of requests still on their way
    killed: bool = False


@dataclass(frozen=True)
class Rules:
    """Sizes of the search and the ways in which the surroundings may be defective."""

    executions: int = 2
    workers: int = 2
    until: int = 5
    lease: int = 1
    credential: int = 2
    quarantine: int = 3
    expires: int = 3
    may_edit: bool = True
    may_kill: bool = True
    step: Step = next_state
    reads_then_writes: bool = False  # the claim is no compare-and-set
    judges_quarantine_late: bool = False  # at the write instead of at the question
    locks_target: bool = True

    def start(self) -> World:
        return World(0, (Row(),) * self.executions, (Worker(),) * self.workers)


IDLE = Worker()


def successors(world: World, rules: Rules) -> Iterator[tuple[str, World]]:
    yield from _surroundings(world, rules)
    for number, worker in enumerate(world.workers):
        if number and worker == world.workers[number - 1]:
            continue  # twins: one of them is enough
        for label, after in _worker(world, number, worker, rules):
            yield label, after._replace(workers=tuple(sorted(after.workers)))


def _surroundings(world: World, rules: Rules) -> Iterator[tuple[str, World]]:
    if world.now < rules.until:
        yield "tick", world._replace(now=world.now + 1)
    if rules.may_kill and not world.killed:
        yield "kill switch", world._replace(killed=True)
    for i, row in enumerate(world.rows):
        yield from _by_itself(world, i, row, rules)
    for request in set(world.flying):
        flying = list(world.flying)
        flying.remove(request)
        landed = world._replace(flying=tuple(flying))
        yield f"late landing {request[0]}", _land(landed, *request, rules)


def _by_itself(world: World, i: int, row: Row, rules: Rules) -> Iterator[tuple[str, World]]:
    """What can happen to a row without a worker: an edit, the sweep, a verdict."""
    if rules.may_edit and not row.edited and row.state is S.APPROVED:
        yield f"edit {i}", _with(world, i, row._replace(edited=True))
    lease_is_over = row.issued >= 0 and world.now >= row.issued + rules.lease
    facts = Facts(lease_is_over=lease_is_over)
    for event in (Event.LEASE_OVER, Event.MATCH, Event.UNPROVEN):
        to = rules.step(row.state, event, facts)
        if to:
            yield f"{event} {i}", _with(world, i, row._replace(state=to))


def _worker(world: World, number: int, worker: Worker, rules: Rules) -> Iterator[tuple[str, World]]:
    if worker.doing == "idle":
        for i, row in enumerate(world.rows):
            yield from _begin(world, number, i, row, rules)
        return
    i, row = worker.row, world.rows[worker.row]
    yield f"crash {i}", _now(world, number, IDLE)
    if worker.doing == "write claim":
        yield from _claim(world, number, i, rules)
    elif worker.doing == "check":
        yield _check(world, number, worker, rules)
    elif worker.doing == "send":
        yield from _send(world, number, worker, rules)
    elif worker.doing == "answer":
        facts = Facts(fence_matches=row.fence == worker.fence)
        yield from _write(world, number, i, Event(worker.told), facts, rules)
    elif worker.doing == "probed":
        asked = world.now if rules.judges_quarantine_late else worker.at
        facts = Facts(quarantine_is_over=asked >= row.issued + rules.quarantine)
        yield from _write(world, number, i, Event(worker.told), facts, rules)


def _begin(
    world: World, number: int, i: int, row: Row, rules: Rules
) -> Iterator[tuple[str, World]]:
    if row.state is S.APPROVED and rules.reads_then_writes:
        yield f"read {i}", _now(world, number, Worker("write claim", i))
    elif row.state is S.APPROVED:
        yield from _claim(world, number, i, rules)
    elif row.state is S.UNKNOWN:
        told = Event.PROBE_APPLIED if row.effects else Event.PROBE_ABSENT
        asked = Worker("probed", i, told=told, at=world.now)
        yield f"probe {i}", _now(world, number, asked)


def _claim(world: World, number: int, i: int, rules: Rules) -> Iterator[tuple[str, World]]:
    row = world.rows[i]
    others = [r.state for j, r in enumerate(world.rows) if j != i]
    facts = Facts(
        hash_matches=not row.edited,
        is_stopped=world.killed,
        is_expired=world.now >= rules.expires,
        target_is_free=not rules.locks_target or not any(s in HOLDS_TARGET for s in others),
    )
    # A claim that does not compare believes the row to be as it was when it was read.
    to = rules.step(S.APPROVED if rules.reads_then_writes else row.state, Event.CLAIM, facts)
    if to is S.INTENT:
        fence = max(r.fence for r in world.rows) + 1
        wrong = row.wrong or ("edited plan claimed" if row.edited else "")
        wrong = wrong or ("claimed after the kill switch" if world.killed else "")
        claimed = row._replace(state=to, fence=fence, issued=world.now, wrong=wrong)
        busy = Worker("check", i, fence=fence, issued=world.now)
        yield f"claim {i}", _now(_with(world, i, claimed), number, busy)
    elif to:
        yield f"refuse {i}", _now(_with(world, i, row._replace(state=to)), number, IDLE)


def _check(world: World, number: int, worker: Worker, rules: Rules) -> tuple[str, World]:
    """The last look; the executor sends nothing once the lease is over."""
    if world.killed:
        return f"stop {worker.row}", _now(world, number, _told(worker, Event.STOP))
    if world.now >= worker.issued + rules.lease:
        return f"too late {worker.row}", _now(world, number, _told(worker, Event.REFUSED))
    return f"check {worker.row}", _now(world, number, worker._replace(doing="send"))


def _send(world: World, number: int, worker: Worker, rules: Rules) -> Iterator[tuple[str, World]]:
    """After any pause: it lands and is answered, or answered not; is lost; is late; is refused."""
    i = worker.row
    silent = _now(world, number, _told(worker, Event.NO_ANSWER))
    yield f"lose {i}", silent
    yield f"delay {i}", silent._replace(flying=tuple(sorted((*world.flying, (i, worker.issued)))))
    if world.now > worker.issued + rules.credential:
        yield f"refused {i}", _now(world, number, _told(worker, Event.REFUSED))
        return
    yield f"moved {i}", _now(world, number, _told(worker, Event.MOVED))
    yield f"effect, no answer {i}", _land(silent, i, worker.issued, rules)
    answered = _now(world, number, _told(worker, Event.APPLIED))
    yield f"effect {i}", _land(answered, i, worker.issued, rules)


def _land(world: World, i: int, issued: int, rules: Rules) -> World:
    """The target carries it out, unless the signature has become too old."""
    if world.now > issued + rules.credential:
        return world
    row = world.rows[i]
    wrong = row.wrong or (f"effect after AIRRA said {row.state}" if row.state in NO_EFFECT else "")
    others = [r.state for j, r in enumerate(world.rows) if j != i]
    if not wrong and any(s in HOLDS_TARGET for s in others):
        wrong = "two in flight on one target"
    return _with(world, i, row._replace(effects=min(row.effects + 1, 2), wrong=wrong))


def _write(
    world: World, number: int, i: int, event: Event, facts: Facts, rules: Rules
) -> Iterator[tuple[str, World]]:
    row = world.rows[i]
    to = rules.step(row.state, event, facts)
    after = _now(world, number, IDLE)
    yield f"write {event} {i}", _with(after, i, row._replace(state=to)) if to else after


def _told(worker: Worker, event: Event) -> Worker:
    return worker._replace(doing="answer", told=event)


def _now(world: World, number: int, worker: Worker) -> World:
    workers = list(world.workers)
    workers[number] = worker
    return world._replace(workers=tuple(workers))


def _with(world: World, i: int, row: Row) -> World:
    rows = list(world.rows)
    rows[i] = row
    return world._replace(rows=tuple(rows))


def broken(world: World) -> str:
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
    if sum(row.state in HOLDS_TARGET for row in world.rows) > 1:
        return "two executions hold one target"
    return ""


@dataclass(frozen=True)
class Searched:
    states: int
    reached: frozenset[ExecutionState]
    violation: str = ""
    trace: tuple[str, ...] = ()


def search(rules: Rules, *, limit: int = 2_000_000) -> Searched:
    """Breadth first, so that a violation comes with a shortest trace."""
    first = rules.start()
    came: dict[World, tuple[World, str] | None] = {first: None}
    queue = deque([first])
    reached: set[ExecutionState] = set()
    while queue:
        world = queue.popleft()
        reached.update(row.state for row in world.rows)
        violation = broken(world)
        if violation:
            return Searched(len(came), frozenset(reached), violation, _trace(came, world))
        for label, after in successors(world, rules):
            if after not in came:
                came[after] = (world, label)
                queue.append(after)
        if len(came) > limit:
            msg = f"the search is larger than {limit} states"
            raise MemoryError(msg)
    return Searched(len(came), frozenset(reached))


def _trace(came: dict[World, tuple[World, str] | None], world: World) -> tuple[str, ...]:
    labels = []
    step = came[world]
    while step:
        world, label = step
        labels.append(label)
        step = came[world]
    return tuple(reversed(labels))
