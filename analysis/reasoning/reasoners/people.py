"""Hypotheses that people add: code looks for what speaks for and against them, as for any other."""

from collections.abc import Sequence

from analysis.reasoning.ledger import Ledger
from analysis.reasoning.reasoners import arguments
from analysis.reasoning.scene import Scene
from analysis.types import (
    ChangeFact,
    HypothesisDraft,
    IncidentContext,
    Mechanism,
    Suggestion,
)

_SHOWN_BY = {
    Mechanism.LEAK: ("memory",),
    Mechanism.SATURATION: ("cpu", "pool", "queue", "threads", "disk"),
    Mechanism.TRAFFIC: ("traffic",),
    Mechanism.DB_LOCK: ("pool",),
    Mechanism.EXTERNAL: ("traffic",),
}
_BY_A_CHANGE = (Mechanism.CHANGE, Mechanism.CONFIG)


def drafts_of(
    ctx: IncidentContext, ledger: Ledger, suggestions: Sequence[Suggestion]
) -> list[HypothesisDraft]:
    """Each suggestion once, with the claims that the ledger has facts for."""
    scene = Scene(ctx, ledger)
    return [_draft(scene, suggestion) for suggestion in dict.fromkeys(suggestions)]


def _draft(scene: Scene, suggestion: Suggestion) -> HypothesisDraft:
    entity, mechanism = suggestion.entity, suggestion.mechanism
    signal = _signal(scene, suggestion)
    trigger = _trigger(scene, entity) if mechanism in _BY_A_CHANGE else None
    path = scene.path(entity, scene.ctx.service or entity)
    claims = arguments.claims_for(scene, entity, mechanism, signal, trigger, path)
    symptom = scene.onset(entity, signal)
    if symptom and trigger is None and mechanism in (Mechanism.CHANGE, Mechanism.TRAFFIC):
        claims = (*claims, *arguments.usual(scene, symptom, mechanism))
    return HypothesisDraft(
        entity=entity,
        mechanism=mechanism,
        signal=signal,
        statement=suggestion.statement,
        origin="human",
        claims=claims,
        path=path,
        trigger=trigger,
        predictions=arguments.predictions(entity, mechanism, signal, trigger),
    )


def _signal(scene: Scene, suggestion: Suggestion) -> str:
    """The signal that would show it, where one shifted; else the plainest shift there is."""
    for signal in _SHOWN_BY.get(suggestion.mechanism, ()):
        if scene.onset(suggestion.entity, signal):
            return signal
    symptom = scene.main_symptom(suggestion.entity)
    return symptom.signal if symptom else ""


def _trigger(scene: Scene, entity: str) -> ChangeFact | None:
    return max(scene.changes(entity), key=lambda change: change.at, default=None)
