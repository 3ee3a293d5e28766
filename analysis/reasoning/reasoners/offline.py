"""The reasoner that needs no model: signatures of faults over onsets, topology, changes and logs.

Each suspect service is tried against every signature; what fits becomes a hypothesis with claims
for and against, ordered by log-odds (`root-cause.md` §3). The numbers are start values: relative
weights of kinds of evidence, with no name and no constant of any system in them.
"""

import math
from collections.abc import Callable, Iterator
from dataclasses import replace

from analysis.reasoning.kubernetes.faults import fault_of
from analysis.reasoning.kubernetes.findings import Fault
from analysis.reasoning.ledger import Ledger
from analysis.reasoning.reasoners import arguments
from analysis.reasoning.reasoners.base import Proposal
from analysis.reasoning.scene import OWN, TELLING, Scene
from analysis.types import (
    BROKEN,
    ChangeFact,
    HypothesisDraft,
    IncidentContext,
    Mechanism,
    Onset,
)

MAX_RIVALS = 5
MIN_RIVALS = 3
_RECENT_S = 1800.0
_DECAY_S = 600.0  # a change this long before the shift has lost most of its weight
_TOGETHER_S = 60.0  # changes of several services within this are one roll-out and tell less
_SLACK_S = 30.0
_BLAME = 0.6  # of the engine's probability: it weighs sizes, the signatures here weigh kinds
_UNASKED = -1.0  # nothing suggested it; it is only ruled out
_RISE = 1.5  # traffic this many times as high explains load

_WORDS = {
    "memory": "memory of {0} grows and is never given back",
    "disk": "the disk of {0} is full",
    "pool": "connections of {0} are taken and not given back",
    "queue": "the work queue of {0} no longer drains",
    "threads": "the threads of {0} are used up",
    "cpu": "something in {0} burns CPU without more traffic",
    "restarts": "{0} keeps crashing",
}
_MECHANISMS = {
    Fault.OOM: Mechanism.SATURATION,
    Fault.CPU: Mechanism.SATURATION,
    Fault.QUOTA: Mechanism.SATURATION,
    Fault.SCHEDULING: Mechanism.SATURATION,
    Fault.EVICTION: Mechanism.SATURATION,
    Fault.CRASH_LOOP: Mechanism.UNKNOWN,
    Fault.NODE: Mechanism.NODE,
    Fault.CONTROL_PLANE: Mechanism.NODE,
    Fault.DNS: Mechanism.NETWORK,
    Fault.NETWORK: Mechanism.NETWORK,
    Fault.NETWORK_POLICY: Mechanism.NETWORK,
    Fault.DATABASE: Mechanism.DEPENDENCY,
    Fault.JOB: Mechanism.JOB,
    Fault.CERTIFICATE: Mechanism.EXPIRY,
}  # every other fault is one of configuration


class OfflineReasoner:
    """First-class: what runs without a key, and the second opinion beside a model."""

    def propose(self, ctx: IncidentContext, ledger: Ledger) -> Proposal:
        """Rivals, best first."""
        scene = Scene(ctx, ledger)
        found = [d for e in scene.entities() for rule in _RULES for d in rule(scene, e)]
        best: dict[tuple[str, Mechanism, str], HypothesisDraft] = {}
        for draft in found:
            key = draft.entity, draft.mechanism, draft.trigger.id if draft.trigger else ""
            if key not in best or draft.score > best[key].score:
                best[key] = draft
        ranked = sorted(best.values(), key=lambda d: (-d.score, d.entity, d.mechanism))
        kept = ranked[:MAX_RIVALS]
        if kept and len(kept) < MIN_RIVALS:
            kept += _usual(scene, kept[0])
        return Proposal(tuple(kept))


def _standing(scene: Scene, entity: str) -> float:
    """How well this service is placed to be the cause: early, deep, and felt by those who hurt."""
    first = min((o.at for o in scene.of(entity)), default=math.inf)
    shifted = {o.entity for o in scene.onsets if o.signal != "traffic"}
    felt = len(shifted & scene.reach(entity)) / max(len(shifted), 1)
    early = 0.5 if first <= scene.first_at + _SLACK_S else 0.0
    return early + 0.8 * felt + _BLAME * scene.blame.get(entity, 0.0)


def _is_victim(scene: Scene, entity: str) -> bool:
    """Whether a callee that hurts it would explain it."""
    return bool(scene.hurting_callees(entity))


def _grew(scene: Scene, entity: str) -> Onset | None:
    """Traffic that rose enough to explain load, here or at a caller."""
    for name in [entity, *scene.callers(entity)]:
        onset = scene.onset(name, "traffic")
        if onset and onset.direction == "up" and onset.during > _RISE * max(onset.before, 0.01):
            return onset
    return None


def _draft(
    scene: Scene,
    entity: str,
    mechanism: Mechanism,
    signal: str,
    statement: str,
    score: float,
    trigger: ChangeFact | None = None,
) -> HypothesisDraft:
    path = scene.path(entity, scene.ctx.service or entity)
    return HypothesisDraft(
        entity=entity,
        mechanism=mechanism,
        signal=signal,
        statement=statement[:300],
        origin="offline",
        claims=arguments.claims_for(scene, entity, mechanism, signal, trigger, path),
        path=path,
        trigger=trigger,
        predictions=arguments.predictions(entity, mechanism, signal, trigger),
        score=score,
    )


def _own_resource(scene: Scene, entity: str) -> Iterator[HypothesisDraft]:
    """A resource of the service itself: what it holds, spends, or fails to keep alive."""
    grew = _grew(scene, entity)
    for signal in OWN:
        onset = scene.onset(entity, signal)
        if onset is None or onset.direction == "down":
            continue
        score = 1.2 + _standing(scene, entity)
        if signal in {"pool", "queue", "threads"} and _is_victim(scene, entity):
            score -= 1.8  # it waits for somebody else
        if signal in {"cpu", "queue", "pool", "threads"} and grew:
            score -= 1.2
        if signal == "restarts":
            score -= 0.4  # says that it dies, not why
            recent = [c for c in scene.changes(entity) if abs(onset.at - c.at) <= _RECENT_S]
            score -= 1.0 if recent else 0.0
        if signal == "memory" and scene.onset(entity, "queue"):
            score -= 0.8  # what waits takes memory too
        mechanism = Mechanism.LEAK if signal == "memory" else Mechanism.SATURATION
        if signal == "restarts":
            mechanism = Mechanism.UNKNOWN
        yield _draft(scene, entity, mechanism, signal, _WORDS[signal].format(entity), score)


def _ruled(scene: Scene, entity: str) -> Iterator[HypothesisDraft]:
    """What rules over the platform's objects found: two facts that contradict each other."""
    for place, state in enumerate(scene.broken(entity)):
        symptom = scene.main_symptom(entity)
        mechanism = _MECHANISMS.get(fault_of(state.field), Mechanism.CONFIG)
        rule = state.field.removeprefix(BROKEN).replace("_", " ")
        statement = f"{entity}: {rule} ({state.value})"
        score = 1.8 + _standing(scene, entity) - 0.4 * place
        draft = _draft(
            scene, entity, mechanism, symptom.signal if symptom else "state", statement, score
        )
        yield replace(draft, claims=(arguments.ruled(scene, state), *draft.claims))


def _stated(scene: Scene, entity: str) -> Iterator[HypothesisDraft]:
    """A field of the platform, or of a check of ours, that names a fault by itself."""
    for telling in TELLING:
        state = scene.telling(entity, telling)
        if state is None:
            continue
        symptom = scene.main_symptom(entity)
        signal = symptom.signal if symptom else "state"
        words = telling.words.format(entity)
        score = 1.8 + _standing(scene, entity)
        draft = _draft(scene, entity, telling.mechanism, signal, words, score)
        yield replace(draft, claims=(arguments.stated(scene, state, telling), *draft.claims))


def _network(scene: Scene, entity: str) -> Iterator[HypothesisDraft]:
    """Calls to it grew slower by more than it, and what it calls, can account for.

    The client span grew, the server's own time and its calls did not: the time is lost between.
    """
    for edge in scene.edges:
        if edge.dst != entity or not (edge.calls_before and edge.calls_during):
            continue
        if not scene.is_lost(edge) or scene.onset(edge.src, "cpu"):
            continue
        lost = scene.lost_s(edge)
        score = 1.4 + _standing(scene, entity)
        words = f"between {edge.src} and {entity} calls lose {lost:.2f} s that neither spends"
        yield _draft(scene, entity, Mechanism.NETWORK, f"calls from {edge.src}"[:20], words, score)


def _changed(scene: Scene, entity: str) -> Iterator[HypothesisDraft]:
    """A change of the service shortly before it, or what it calls, shifted."""
    felt = [*scene.of(entity), *(o for c in scene.callees(entity) for o in scene.of(c))]
    bad = [o for o in felt if o.signal != "traffic"]
    if not bad:
        return
    first = min(bad, key=lambda o: o.at)
    for change in scene.changes(entity):
        gap = first.at - change.at
        if not -first.error_s - _SLACK_S <= gap <= _RECENT_S:
            continue
        together = {
            c.entity
            for c in scene.ledger.facts(ChangeFact)
            if abs(c.at - change.at) <= _TOGETHER_S and c.change == change.change
        }
        prior = 2.2 * math.exp(-max(gap, 0.0) / _DECAY_S) - math.log(max(len(together), 1))
        own = 0.6 if scene.of(entity) else 0.0
        symptom = scene.main_symptom(entity) or first
        mechanism = Mechanism.CONFIG if change.change == "config" else Mechanism.CHANGE
        statement = f"{change.change} “{change.title}” broke {entity}"
        score = 0.4 + prior + own + _standing(scene, entity)
        yield _draft(scene, entity, mechanism, symptom.signal, statement, score, change)


def _overloaded(scene: Scene, entity: str) -> Iterator[HypothesisDraft]:
    """More traffic than it can carry: its own queue, pool or threads fill while traffic is up."""
    grew = _grew(scene, entity)
    if grew is None:
        return
    signal = next((s for s in ("queue", "threads", "pool", "cpu") if scene.onset(entity, s)), "")
    if not signal and not scene.symptoms(entity):
        return
    score = 1.0 + _standing(scene, entity) + (1.2 if signal in {"queue", "threads"} else 0.0)
    if _is_victim(scene, entity):
        score -= 1.2
    ratio = grew.during / max(grew.before, 0.01)
    statement = f"traffic rose {ratio:.1f} times, more than {entity} can carry"
    yield _draft(scene, entity, Mechanism.TRAFFIC, signal or "traffic", statement, score)


def _outside(scene: Scene, entity: str) -> Iterator[HypothesisDraft]:
    """A callee at the end of the graph that hurts this service and shows no cause of its own."""
    for callee in scene.hurting_callees(entity):
        own = any(scene.onset(callee, s) for s in OWN)
        if own or scene.hurting_callees(callee) or scene.changes(callee):
            continue
        if scene.callees(callee) and scene.symptoms(callee):
            continue  # it fails by itself: the place to look is there
        busy = _busier(scene, entity, callee)
        score = 1.4 + _standing(scene, entity) - (1.2 if busy else 0.0)
        score += 0.6 if not scene.callees(callee) else -0.8
        if scene.onset(entity, "cpu"):
            score -= 1.2  # who has no CPU left finds every call slow
        statement = f"{callee}, which {entity} waits for, no longer answers in time"
        mechanism = Mechanism.DEPENDENCY if scene.is_ours(callee) else Mechanism.EXTERNAL
        yield _draft(scene, entity, mechanism, f"calls to {callee}"[:20], statement, score)


def _busier(scene: Scene, entity: str, callee: str) -> bool:
    """Others are hurt by it as well, so the load of one of them may be what slows it."""
    return any(c != entity and scene.is_hurt_by(c, callee) for c in scene.callers(callee))


def _unexplained(scene: Scene, entity: str) -> Iterator[HypothesisDraft]:
    """It fails, and nothing it calls and nothing that was measured says why."""
    symptom = scene.main_symptom(entity)
    is_explained = any(scene.onset(entity, signal) for signal in OWN)
    if symptom is None or not scene.symptoms(entity) or is_explained:
        return
    score = 0.2 + _standing(scene, entity) - (1.5 if _is_victim(scene, entity) else 0.0)
    statement = f"something inside {entity} that is not measured raises its {symptom.signal}"
    yield _draft(scene, entity, Mechanism.UNKNOWN, symptom.signal, statement, score)


def _usual(scene: Scene, lead: HypothesisDraft) -> list[HypothesisDraft]:
    """What anybody would ask next of the leading service, put to the test: a change, load."""
    symptom = scene.onset(lead.entity, lead.signal) or scene.main_symptom(lead.entity)
    if symptom is None:
        return []
    path = scene.path(symptom.entity, scene.ctx.service or symptom.entity)
    made = []
    for mechanism, statement in (
        (Mechanism.CHANGE, f"a change of {symptom.entity} broke it"),
        (Mechanism.TRAFFIC, f"{symptom.entity} gets more traffic than it can carry"),
    ):
        claims = tuple(arguments.usual(scene, symptom, mechanism))
        if claims and mechanism is not lead.mechanism:
            made.append(
                HypothesisDraft(
                    entity=symptom.entity,
                    mechanism=mechanism,
                    signal=symptom.signal,
                    statement=statement,
                    origin="offline",
                    claims=claims,
                    path=path,
                    predictions=arguments.predictions(
                        symptom.entity, mechanism, symptom.signal, None
                    ),
                    score=_UNASKED,
                )
            )
    return made


_RULES: tuple[Callable[[Scene, str], Iterator[HypothesisDraft]], ...] = (
    _own_resource,
    _ruled,
    _stated,
    _network,
    _changed,
    _overloaded,
    _outside,
    _unexplained,
)
