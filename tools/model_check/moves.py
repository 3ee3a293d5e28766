"""What can happen next in a world: every step of every worker, and everything around them."""

from collections.abc import Callable, Iterator
from functools import cache

from remediation.execution.course import Item, Move, Start, Steps, Undo, standing_of
from remediation.execution.protocol import Event, Facts
from tools.model_check.world import (
    ASKED,
    DONE,
    ENDS,
    HARM,
    IDLE,
    NO_EFFECT,
    PROVED,
    Row,
    Rules,
    S,
    Step,
    Worker,
    World,
)

Moves = Iterator[tuple[str, World]]


def moves(world: World, rules: Rules) -> Moves:
    yield from _around(world, rules)
    for i, row in enumerate(world.rows):
        yield from _by_itself(world, i, row, rules)
    last = None
    for number, worker in enumerate(world.workers):
        if worker == last:
            continue  # twins: one of them is enough
        last = worker
        for label, after in _worker(world, number, worker, rules):
            now, rows, workers, flying, switch, policy = after
            yield label, World(now, rows, tuple(sorted(workers)), flying, switch, policy)


def _around(world: World, rules: Rules) -> Moves:
    if world.now < rules.settled:
        yield "tick", world._replace(now=world.now + 1)
    if rules.may_kill and world.switch < 2:
        word = "off" if world.switch else "on"
        yield f"kill switch {word}", world._replace(switch=world.switch + 1)
    if rules.may_edit_policy and world.policy == 0:
        yield "edit policy", world._replace(policy=1)
    for request in set(world.flying):
        flying = list(world.flying)
        flying.remove(request)
        landed = world._replace(flying=tuple(flying))
        yield f"late landing {request[0]}", _land(landed, *request, rules)


def _by_itself(world: World, i: int, row: Row, rules: Rules) -> Moves:
    """What befalls a row without a worker: people, the sweep, a verdict."""
    if row.state in (ASKED, S.APPROVED):
        yield from _by_people(world, i, row, rules)
    elif row.state == S.INTENT and world.now >= row.issued + rules.lease:
        yield from _event(world, i, Event.LEASE_OVER, Facts(lease_is_over=True), rules)
    elif row.state == S.VERIFYING:
        yield from _event(world, i, Event.MATCH, Facts(), rules)
        if i in rules.undo_of:
            yield from _event(world, i, Event.DEVIATION, Facts(), rules)
        if i in rules.fan_out:
            yield from _event(world, i, Event.UNPROVEN, Facts(), rules)


def _by_people(world: World, i: int, row: Row, rules: Rules) -> Moves:
    """An undo is approved with its plan and needs nobody."""
    if row.state == ASKED:
        is_first = not rules.is_undo(i) and rules.before(i) < 0 and i not in rules.fan_out[1:]
        if is_first and world.now < rules.expires and world.switch != 1:
            yield f"approve {i}", _approve(world, i, rules)
        return
    if rules.may_edit:
        word = "edit back" if row.edited else "edit"
        yield f"{word} {i}", _with(world, i, row._replace(edited=not row.edited))
    if rules.may_cancel and not rules.is_undo(i):
        yield from _event(world, i, Event.CANCEL, Facts(), rules)


def _approve(world: World, i: int, rules: Rules) -> World:
    """One yes is to a whole plan; of a wave all rows begin with it."""
    for j in rules.fan_out if rules.is_wave else (i,):
        approved = world.rows[j]._replace(state=S.APPROVED, policy=world.policy)
        world = _with(world, j, approved)
    return world


def _event(world: World, i: int, event: Event, facts: Facts, rules: Rules) -> Moves:
    to = _asks(rules.step, world.rows[i].state, event, facts)
    if to:
        yield f"{event} {i}", follow(world, i, to, rules)


@cache
def _asks(step: Step, state: str, event: Event, facts: Facts) -> S | None:
    """The transition function; it is pure, so that each question is put to it once."""
    return step(S(state), event, facts)


def follow(world: World, i: int, to: S, rules: Rules) -> World:
    """A row in its new state, and in the same transaction what follows from it for others."""
    row = world.rows[i]
    world = _with(world, i, row._replace(state=to))
    if rules.fan_out:
        return go_on(world, i, rules) if to in ENDS | HARM else world
    if rules.is_undo(i):
        return _undone(world, rules.undo_of[i], rules) if to is S.SUCCEEDED else world
    if to is S.DEVIATED:
        return _undo(world, i, rules)
    for j, before in enumerate(rules.step_after):
        if before == i and to is S.SUCCEEDED:
            begun = world.rows[j]._replace(state=S.APPROVED, policy=row.policy, edited=row.edited)
            world = _with(world, j, begun)
    return world


def go_on(world: World, i: int, rules: Rules) -> World:
    """A row of a fan-out has ended: its original is undone, and the course says what follows."""
    row = world.rows[i]
    if rules.is_undo(i) and row.state == S.SUCCEEDED:
        original = rules.undo_of[i]
        state = world.rows[original].state
        to = _asks(rules.step, state, Event.UNDO_DONE, Facts(is_unwinding=True))
        if to:
            world = _with(world, original, world.rows[original]._replace(state=to))
    move = _course(rules.move, tuple(_item(world, j, rules) for j in rules.fan_out))
    if isinstance(move, Start):
        begun = [rules.fan_out[place.target] for place in move.places]
    elif isinstance(move, Undo):
        begun = [rules.undo_of.index(rules.fan_out[move.place.target])]
    else:
        begun = []
    for j in begun:
        if world.rows[j].state == ASKED:
            world = _with(world, j, world.rows[j]._replace(state=S.APPROVED, policy=row.policy))
    return world


@cache
def _course(move: Callable[[Steps], Move], items: tuple[Item, ...]) -> Move:
    return move([items])


def _item(world: World, i: int, rules: Rules) -> Item:
    states = [world.rows[j].state for j in (i, rules.undo_of.index(i))]
    applied, undo = (None if state == ASKED else S(state) for state in states)
    return Item(standing_of(applied, undo, is_partial=True), can_undo=True)


def _undo(world: World, i: int, rules: Rules) -> World:
    """The undo is approved with its plan."""
    for j, original in enumerate(rules.undo_of):
        if original == i and (rules.undo_of.index(i) == j or not rules.undo_is_unique):
            world = _with(world, j, world.rows[j]._replace(state=S.APPROVED))
    return world


def _undone(world: World, i: int, rules: Rules) -> World:
    """What was done is undone; then what was done before it in the same plan is to be."""
    facts = Facts(is_unwinding=any(row.state in HARM for row in world.rows))
    to = _asks(rules.step, world.rows[i].state, Event.UNDO_DONE, facts)
    if to is None:
        return world
    world = _with(world, i, world.rows[i]._replace(state=to))
    earlier = rules.before(i)
    if earlier >= 0 and world.rows[earlier].state in DONE:
        world = _undo(world, earlier, rules)
    return world


def _worker(world: World, number: int, worker: Worker, rules: Rules) -> Moves:
    doing, i = worker.doing, worker.row
    if doing == "idle":
        for j, row in enumerate(world.rows):
            yield from _begin(world, number, j, row, rules)
        return
    yield f"crash {i}", _now(world, number, IDLE)
    if doing == "look":
        yield _look(world, number, i, world.rows[i], rules, loaded=worker.carries_edit)
    elif doing == "claim":
        yield _claim(world, number, worker, rules)
    elif doing == "check":
        yield _check(world, number, worker, rules)
    elif doing == "send":
        yield from _send(world, number, worker, rules)
    else:
        yield _write(world, number, worker, rules)


def _begin(world: World, number: int, i: int, row: Row, rules: Rules) -> Moves:
    """A message arrives: for an approved row it may be the first or the tenth."""
    if row.state == S.APPROVED and rules.loads_first:
        loaded = Worker("look", i, carries_edit=row.edited)
        yield f"load {i}", _now(world, number, loaded)
    elif row.state == S.APPROVED:
        yield _look(world, number, i, row, rules, loaded=None)
    elif row.state == S.UNKNOWN:
        told = Event.PROBE_APPLIED if row.effects else Event.PROBE_ABSENT
        for clock in {world.now, world.now + rules.skew}:
            asked = Worker("probed", i, issued=clock, told=told)
            ahead = " by a clock ahead" if clock > world.now else ""
            yield f"probe {i}{ahead}", _now(world, number, asked)


def _look(
    world: World, number: int, i: int, row: Row, rules: Rules, *, loaded: bool | None
) -> tuple[str, World]:
    """The facts a claim rests on, read before its UPDATE in the same transaction."""
    is_undo = rules.is_undo(i)
    facts = Facts(
        hash_matches=not row.edited and (is_undo or row.policy == world.policy),
        is_stopped=world.switch == 1,
        is_expired=world.now >= rules.expires and not is_undo,
        is_wanted=_is_wanted(world, i, rules),
        is_undo=is_undo,
    )
    to = _asks(rules.step, row.state, Event.CLAIM, facts)
    if to is None:
        return f"leave {i}", _now(world, number, IDLE)
    carries = row.edited if loaded is None else loaded
    seen = Worker("claim", i, issued=world.now, told=to, carries_edit=carries)
    return f"look {i}", _now(world, number, seen)


def _is_wanted(world: World, i: int, rules: Rules) -> bool:
    """An effect while nothing of its plan did harm; an undo as long as there is what it undoes."""
    if rules.is_undo(i):
        return world.rows[rules.undo_of[i]].state in DONE
    is_alone = rules.before(i) < 0 and not rules.fan_out
    return is_alone or not any(row.state in HARM for row in world.rows)


def _claim(world: World, number: int, worker: Worker, rules: Rules) -> tuple[str, World]:
    """One UPDATE: it compares what it names, and the unique index has the last word."""
    i, to = worker.row, S(worker.told)
    row = world.rows[i]
    idle = _now(world, number, IDLE)
    if rules.claim_compares_state and row.state != S.APPROVED:
        return f"too slow {i}", idle
    if to is not S.INTENT:
        ended = row._replace(state=to, edited=False, policy=0)  # nobody asks for these any more
        after = _with(idle, i, ended)
        return f"refuse {i}", go_on(after, i, rules) if rules.fan_out else after
    is_undo = rules.is_undo(i)
    if (
        (rules.claim_compares_hash and row.edited)
        or (rules.claim_compares_policy and row.policy != world.policy and not is_undo)
        or (rules.claim_compares_switch and world.switch == 1)
        or any(r.state in rules.holds for r in _beside(world, i, rules))
    ):
        return f"not claimed {i}", idle
    wrong = row.wrong or ("claimed after its plan was edited" if row.edited else "")
    if row.policy != world.policy and not is_undo:
        wrong = wrong or "claimed after the policy it was approved under was edited"
    if world.switch == 1:
        wrong = wrong or "claimed with the kill switch on"
    fence = max((row.fence, *(r.fence for r in _beside(world, i, rules)))) + 1
    claimed = row._replace(state=to, fence=fence, issued=worker.issued, wrong=wrong)
    busy = worker._replace(doing="check", fence=fence, told="")
    return f"claim {i}", _now(_with(world, i, claimed), number, busy)


def _beside(world: World, i: int, rules: Rules) -> list[Row]:
    """The other rows that act on the same target."""
    return [row for j, row in enumerate(world.rows) if j != i and rules.is_beside(i, j)]


def _check(world: World, number: int, worker: Worker, rules: Rules) -> tuple[str, World]:
    """The last look; the executor sends nothing once the lease is over."""
    if world.switch == 1 and rules.looks_again:
        return f"stop {worker.row}", _now(world, number, _told(worker, Event.STOP))
    if world.now >= worker.issued + rules.lease:
        return f"too late {worker.row}", _now(world, number, _told(worker, Event.REFUSED))
    ready = _now(world, number, worker._replace(doing="send"))
    if world.switch == 1:
        ready = _wrong(ready, worker.row, "past the last look with the kill switch on")
    return f"check {worker.row}", ready


def _send(world: World, number: int, worker: Worker, rules: Rules) -> Moves:
    """After any pause: it lands and is answered, or answered not; is lost; is late; is refused."""
    i = worker.row
    after = worker if rules.sends_again else _told(worker, Event.NO_ANSWER)
    silent = _now(world, number, after)
    request = (i, worker.issued, worker.carries_edit)
    yield f"lose {i}", silent
    if world.now > worker.issued + rules.credential:
        yield f"refused {i}", _now(world, number, _told(worker, Event.REFUSED))
        return
    if len(world.flying) < len(world.rows):
        yield f"delay {i}", silent._replace(flying=tuple(sorted((*world.flying, request))))
    yield f"moved {i}", _now(world, number, _told(worker, Event.MOVED))
    yield f"effect, no answer {i}", _land(silent, *request, rules)
    yield f"effect {i}", _land(_now(world, number, _told(worker, Event.APPLIED)), *request, rules)


def _land(world: World, i: int, issued: int, is_edited: bool, rules: Rules) -> World:  # noqa: FBT001 - the three of a flying request
    """The target carries it out, unless the signature has become too old."""
    if world.now > issued + rules.credential:
        return world
    row = world.rows[i]
    world = _with(world, i, row._replace(effects=min(row.effects + 1, 2)))
    if row.state in NO_EFFECT:
        world = _wrong(world, i, f"an effect after AIRRA said {row.state}")
    if is_edited:
        world = _wrong(world, i, "an effect that nobody approved")
    if any(r.state in (S.INTENT, S.UNKNOWN) for r in _beside(world, i, rules)):
        world = _wrong(world, i, "two in flight on one target")
    canary = rules.canary(i)
    if canary >= 0 and world.rows[canary].state not in PROVED:
        world = _wrong(world, i, "a target before its canary was proved")
    original = rules.undo_of[i] if rules.is_undo(i) else i
    if rules.is_undo(i) and world.rows[original].state not in DONE:
        world = _wrong(world, i, "undid what was undone already")
    return world


def _write(world: World, number: int, worker: Worker, rules: Rules) -> tuple[str, World]:
    """The end of a call or of a probe: read, ask the protocol, compare and set."""
    i, event = worker.row, Event(worker.told)
    row, idle = world.rows[i], _now(world, number, IDLE)
    if worker.doing == "probed":
        asked = world.now if rules.judges_quarantine_late else worker.issued
        facts = Facts(
            quarantine_is_over=asked >= row.issued + rules.quarantine, is_undo=rules.is_undo(i)
        )
    else:
        facts = Facts(fence_matches=row.fence == worker.fence, is_undo=rules.is_undo(i))
    state = row.state
    if not rules.write_compares_state and worker.doing == "answer":
        state = S.INTENT  # what it was when this worker last looked
    to = _asks(rules.step, state, event, facts)
    if to is None:
        return f"write {event} {i}, too late", idle
    after = follow(idle, i, to, rules)
    if row.state in ENDS:
        after = _wrong(after, i, f"{row.state} was not the end of it")
    return f"write {event} {i}", after


def _told(worker: Worker, event: Event) -> Worker:
    """It only remembers what it must write."""
    return Worker("answer", worker.row, worker.fence, told=event)


def _now(world: World, number: int, worker: Worker) -> World:
    now, rows, old, flying, switch, policy = world
    workers = (*old[:number], worker, *old[number + 1 :])
    return World(now, rows, workers, flying, switch, policy)


def _with(world: World, i: int, row: Row) -> World:
    now, old, workers, flying, switch, policy = world
    return World(now, (*old[:i], row, *old[i + 1 :]), workers, flying, switch, policy)


def _wrong(world: World, i: int, what: str) -> World:
    row = world.rows[i]
    return world if row.wrong else _with(world, i, row._replace(wrong=what))
