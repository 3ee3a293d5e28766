"""What speaks for and against a hypothesis, as typed claims, and what would refute it."""

import itertools
from collections.abc import Iterator

from airra.lib.quantities import quantity
from analysis.reasoning.checkers.order import ANY_CHANGE
from analysis.reasoning.scene import OWN, Scene, Telling
from analysis.types import BROKEN, ChangeFact, ClaimDraft, Fact, Mechanism, Onset, State, Steady

_HALF = 0.5
OUTSIDE = frozenset({Mechanism.DEPENDENCY, Mechanism.EXTERNAL})  # it waits for somebody else
_MAX_AGAINST = 3
_STATES = {
    "disk": ("disk_of_size", 0.95, "its disk is full"),
    "memory": ("memory_of_limit", 0.95, "it is at its memory limit"),
    "restarts": ("restarts_10m", 2.0, "it restarted again and again"),
}


def claims_for(
    scene: Scene,
    entity: str,
    mechanism: Mechanism,
    signal: str,
    trigger: ChangeFact | None,
    path: tuple[str, ...],
) -> tuple[ClaimDraft, ...]:
    """Claims for first, then against; only those the ledger has facts for."""
    shift = scene.onset(entity, signal) or scene.main_symptom(entity)
    made = [
        *_shifted(scene, shift),
        *_triggered(scene, entity, trigger),
        *_standing_on_path(scene, path),
        *_alone(scene, shift),
        *_state_of(scene, entity, signal),
        *_logged(scene, entity),
        *_callee(scene, entity, mechanism),
        *_lost(scene, entity, mechanism),
        *_load(scene, entity, mechanism),
        *list(_against(scene, entity, mechanism, trigger, shift))[:_MAX_AGAINST],
    ]
    return tuple(made)


def _cite(scene: Scene, *facts: Fact) -> tuple[int, ...]:
    numbers = [scene.ledger.seq_of(f) for f in facts]
    return tuple(dict.fromkeys(n for n in numbers if n))


def _from_to(shift: Onset) -> str:
    before, during = (quantity(v, shift.unit) for v in (shift.before, shift.during))
    return f"from {before} to {during}"


def _shifted(scene: Scene, shift: Onset | None) -> Iterator[ClaimDraft]:
    if shift is None:
        return
    middle = shift.before + _HALF * (shift.during - shift.before)
    word = "rose" if shift.direction == "up" else "fell"
    yield ClaimDraft(
        "threshold",
        f"{shift.signal} of {shift.entity} {word} {_from_to(shift)}",
        _cite(scene, shift),
        {
            "entity": shift.entity,
            "signal": shift.signal,
            "op": ">" if shift.direction == "up" else "<",
            "value": middle,
        },
    )


def _triggered(scene: Scene, entity: str, trigger: ChangeFact | None) -> Iterator[ClaimDraft]:
    if trigger is None:
        return
    felt = [*scene.of(entity), *(o for c in scene.callees(entity) for o in scene.of(c))]
    after = [o for o in felt if o.signal != "traffic"]
    if not after:
        return
    first = min(after, key=lambda o: o.at)
    yield ClaimDraft(
        "change_preceded",
        f"{trigger.change} “{trigger.title}” came before {first.signal} of {first.entity} shifted"[
            :300
        ],
        _cite(scene, trigger, first),
        {"change": trigger.id, "entity": first.entity, "signal": first.signal, "necessary": True},
    )


def _standing_on_path(scene: Scene, path: tuple[str, ...]) -> Iterator[ClaimDraft]:
    """Cites what shows its edges, and the first shift of each service on it."""
    steps = (scene.edge(*pair) or scene.edge(*pair[::-1]) for pair in itertools.pairwise(path))
    firsts = (next(iter(scene.of(name)), None) for name in path)
    topology = [e.seq for e in scene.ledger.by_tool("get_topology")]
    cited = (*topology[:1], *_cite(scene, *(f for f in (*steps, *firsts) if f is not None)))
    words = " → ".join(path) if len(path) > 1 else f"the symptom is on {path[0]} itself"
    yield ClaimDraft(
        "path",
        f"the way to the symptom: {words}",
        tuple(dict.fromkeys(cited)),
        {"path": list(path)},
    )


def _alone(scene: Scene, shift: Onset | None) -> Iterator[ClaimDraft]:
    if shift is None:
        return
    calm = [
        s
        for s in scene.ledger.facts(Steady)
        if s.signal == shift.signal and s.entity != shift.entity and "/" not in s.entity
    ]
    if len(calm) >= 2:
        names = ", ".join(sorted({s.entity for s in calm}))
        yield ClaimDraft(
            "peer_normal",
            f"{shift.signal} stayed normal on {names}",
            _cite(scene, shift, calm[0]),
            {"entity": shift.entity, "signal": shift.signal},
        )


def _state_of(scene: Scene, entity: str, signal: str) -> Iterator[ClaimDraft]:
    if signal not in _STATES:
        return
    name, value, words = _STATES[signal]
    found = scene.state(entity, name)
    if found is None or found < value:
        return
    facts = [f for f in scene.ledger.facts(State) if (f.entity, f.field) == (entity, name)]
    yield ClaimDraft(
        "state",
        f"the platform says of {entity}: {words}",
        _cite(scene, *facts[:1]),
        {"entity": entity, "field": name, "op": ">=", "value": value},
    )


def ruled(scene: Scene, state: State) -> ClaimDraft:
    """That the platform's objects are as a rule found them, word for word."""
    rule = state.field.removeprefix(BROKEN).replace("_", " ")
    return ClaimDraft(
        "state",
        f"{rule}: {state.value}"[:300],
        _cite(scene, state),
        {"entity": state.entity, "field": state.field, "op": "==", "value": state.value},
    )


def stated(scene: Scene, state: State, telling: Telling) -> ClaimDraft:
    """That a field stands where it names a fault by itself."""
    return ClaimDraft(
        "state",
        f"{telling.words.format(state.entity)}: {telling.field} is {state.value}"[:300],
        _cite(scene, state),
        {
            "entity": state.entity,
            "field": telling.field,
            "op": telling.op,
            "value": telling.value,
            "necessary": True,
        },
    )


def _lost(scene: Scene, entity: str, mechanism: Mechanism) -> Iterator[ClaimDraft]:
    """For a network fault: the calls grew, and the callee's own time did not."""
    if mechanism is not Mechanism.NETWORK:
        return
    for edge in scene.edges:
        if edge.dst != entity or not scene.is_lost(edge):
            continue
        yield from _bad_call(scene, edge.src, entity, f"{edge.src} waits for {entity}")
        middle = edge.self_before_s + _HALF * scene.lost_s(edge)
        yield ClaimDraft(
            "threshold",
            f"{entity} itself takes {edge.self_during_s:.2f} s, before {edge.self_before_s:.2f} s",
            _cite(scene, edge),
            {"edge": [edge.src, entity], "field": "self_during_s", "op": "<", "value": middle},
        )


def _logged(scene: Scene, entity: str) -> Iterator[ClaimDraft]:
    for spike in scene.spikes(entity)[:1]:
        word = "new" if spike.is_new else "surging"
        yield ClaimDraft(
            "template_spike",
            f"{word} log line of {entity}, {spike.count} times: {spike.template[:160]}",
            _cite(scene, spike),
            {"entity": entity, "template": spike.template},
        )


def _bad_call(
    scene: Scene, src: str, dst: str, words: str, *, is_for: bool = True
) -> Iterator[ClaimDraft]:
    """That calls of one service to another take longer or fail more than before, by traces."""
    edge = scene.edge(src, dst)
    if edge is None or not edge.calls_during or not scene.ledger.seq_of(edge):
        return
    told = (
        f"{edge.latency_during_s:.2f} s a call, before {edge.latency_before_s:.2f} s; "
        f"{edge.error_share_during:.0%} fail"
    )
    if edge.latency_during_s > edge.latency_before_s:
        field, before = "latency_during_s", edge.latency_before_s
    elif edge.error_share_during > edge.error_share_before:
        field, before = "error_share_during", edge.error_share_before
    else:
        return
    yield ClaimDraft(
        "threshold",
        f"{words}: {told}",
        _cite(scene, edge),
        {"edge": [src, dst], "field": field, "op": ">", "value": before},
        is_for=is_for,
    )


def _callee(scene: Scene, entity: str, mechanism: Mechanism) -> Iterator[ClaimDraft]:
    if mechanism not in OUTSIDE:
        return
    for callee in scene.hurting_callees(entity):
        yield from _bad_call(scene, entity, callee, f"{entity} waits for {callee}")
    for callee, onset in scene.calls_failing(entity):
        yield ClaimDraft(
            "threshold",
            f"{onset.during:.0%} of the calls from {entity} to {callee} fail",
            _cite(scene, onset),
            {"entity": entity, "signal": onset.signal, "op": ">", "value": onset.before},
        )


def _load(scene: Scene, entity: str, mechanism: Mechanism) -> Iterator[ClaimDraft]:
    """Traffic: what a hypothesis of load needs, and what speaks against one without."""
    for name in [entity, *scene.callers(entity)]:
        onset = scene.onset(name, "traffic")
        if onset is not None and onset.direction == "up":
            yield ClaimDraft(
                "threshold",
                f"traffic of {name} rose {_from_to(onset)}",
                _cite(scene, onset),
                {"entity": name, "signal": "traffic", "op": ">", "value": onset.before},
                is_for=mechanism is Mechanism.TRAFFIC,
            )
            return


def _shared(scene: Scene, entity: str) -> Iterator[ClaimDraft]:
    """Another caller waits for the same callee: then its load may be what slows both."""
    for callee in scene.hurting_callees(entity):
        for other in scene.callers(callee):
            if other != entity and scene.is_hurt_by(other, callee):
                words = f"{other} waits for {callee} as well"
                yield from _bad_call(scene, other, callee, words, is_for=False)


def _against(
    scene: Scene,
    entity: str,
    mechanism: Mechanism,
    trigger: ChangeFact | None,
    shift: Onset | None,
) -> Iterator[ClaimDraft]:
    if mechanism not in {*OUTSIDE, Mechanism.NETWORK} and trigger is None:
        for callee in scene.hurting_callees(entity):
            yield from _bad_call(scene, entity, callee, f"it waits for {callee}", is_for=False)
    if mechanism in OUTSIDE:
        yield from _shared(scene, entity)
    # A resource of somebody else that ran out earlier needs no help from this one.
    first = next((o for o in scene.onsets if o.signal in OWN and o.entity != entity), None)
    if shift and first:
        yield ClaimDraft(
            "onset_before",
            f"{first.signal} of {first.entity} shifted before it",
            _cite(scene, first, shift),
            {"first": [first.entity, first.signal], "then": [shift.entity, shift.signal]},
            is_for=False,
        )
    if trigger is None and shift:
        for change in scene.changes(entity)[-1:]:
            yield ClaimDraft(
                "change_preceded",
                f"{change.change} “{change.title}” came before it"[:300],
                _cite(scene, change, shift),
                {"change": change.id, "entity": shift.entity, "signal": shift.signal},
                is_for=False,
            )


def usual(scene: Scene, symptom: Onset, mechanism: Mechanism) -> Iterator[ClaimDraft]:
    """What this mechanism needs to be true of a service, as one claim that may well fail."""
    if mechanism is Mechanism.CHANGE:
        changes = [e.seq for e in scene.ledger.by_tool("list_changes")]
        if changes:
            yield ClaimDraft(
                "change_preceded",
                f"{symptom.entity} was changed before its {symptom.signal} shifted",
                (*changes, *_cite(scene, symptom)),
                {
                    "change": ANY_CHANGE,
                    "entity": symptom.entity,
                    "signal": symptom.signal,
                    "necessary": True,
                },
            )
        return
    calm = [
        s for s in scene.ledger.facts(Steady) if (s.entity, s.signal) == (symptom.entity, "traffic")
    ]
    if calm and symptom.signal != "traffic":
        yield ClaimDraft(
            "onset_before",
            f"traffic of {symptom.entity} rose before its {symptom.signal} shifted",
            _cite(scene, calm[0], symptom),
            {
                "first": [symptom.entity, "traffic"],
                "then": [symptom.entity, symptom.signal],
                "necessary": True,
            },
        )


def predictions(
    entity: str, mechanism: Mechanism, signal: str, trigger: ChangeFact | None
) -> tuple[str, ...]:
    """What would change our mind."""
    if trigger is not None:
        return (
            f"An instance of {entity} without {trigger.change} {trigger.revision} shows it too.",
            f"Taking the {trigger.change} back leaves {signal} as it is.",
        )
    if mechanism is Mechanism.LEAK:
        return (
            f"{signal.capitalize()} of {entity} falls by itself.",
            f"It returns to the same level right after a restart of {entity}.",
        )
    if mechanism is Mechanism.TRAFFIC:
        return (
            f"Traffic falls back and {entity} stays slow.",
            f"More replicas of {entity} change nothing.",
        )
    if mechanism in OUTSIDE:
        return (
            f"{entity} stays slow while it does not make these calls.",
            "Other callers of the same dependency are well.",
        )
    return (
        f"{signal.capitalize()} of {entity} recovers while nothing is done to it.",
        f"Something {entity} calls turns out to have shifted first.",
    )
