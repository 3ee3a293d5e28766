"""Attempts to break a hypothesis that need no model (`reasoning.md` §3.5), and a control for evals.

Each attack is a claim against, checked like any other. The time-shift control asks whether the same
signal went the same way in the same window earlier: then it is background. The order control looks
through the whole ledger, not only through what the reasoner cited, for a symptom that came first.
The shuffled topology is for evals: with edges permuted, what rests on paths must lose its support.
"""

import random
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from analysis.reasoning.checkers.look import SLACK_S
from analysis.reasoning.ledger import Ledger
from analysis.types import (
    Background,
    ClaimDraft,
    Edge,
    HypothesisDraft,
    IncidentContext,
    LedgerEntry,
    Onset,
)

CONTROL: tuple[str, Mapping[str, Any]] = ("get_onsets", {"hours_earlier": 24})  # a day before
_HALF = 0.5
_TRIES = 200


def attacked(draft: HypothesisDraft, ledger: Ledger, ctx: IncidentContext) -> HypothesisDraft:
    """The draft with what code found against it; unchanged when nothing was found."""
    found = (*_background(draft, ledger), *_order(draft, ledger, ctx))
    return replace(draft, claims=(*draft.claims, *found)) if found else draft


def were_run(ledger: Ledger) -> bool:
    """Whether there was anything to attack with: shifts whose order can be held against a path."""
    return any(True for _ in ledger.facts(Onset))


def _background(draft: HypothesisDraft, ledger: Ledger) -> list[ClaimDraft]:
    shift = _shift(ledger, draft.entity, draft.signal)
    if shift is None:
        return []
    then = next(
        (
            b
            for b in ledger.facts(Background)
            if (b.entity, b.signal, b.direction) == (shift.entity, shift.signal, shift.direction)
            and b.did_shift
        ),
        None,
    )
    if then is None:
        return []
    middle = shift.before + _HALF * (shift.during - shift.before)
    reached = then.during > middle if shift.direction == "up" else then.during < middle
    if not reached:
        return []
    words = f"{shift.signal} of {shift.entity} did the same {then.earlier_s / 3600:.0f} h earlier"
    operands = {
        "entity": shift.entity,
        "signal": shift.signal,
        "earlier_s": then.earlier_s,
        "op": ">" if shift.direction == "up" else "<",
        "value": middle,
    }
    return [ClaimDraft("threshold", words, (ledger.seq_of(then),), operands, is_for=False)]


def _order(draft: HypothesisDraft, ledger: Ledger, ctx: IncidentContext) -> list[ClaimDraft]:
    """The symptom shifted before anything of the named cause did."""
    symptom = _first(ledger, draft.path[-1] if draft.path else ctx.service)
    cause = _first(ledger, draft.entity)
    if symptom is None or cause is None or symptom.entity == cause.entity:
        return []
    if cause.at - symptom.at <= SLACK_S + cause.error_s + symptom.error_s:
        return []
    return [
        ClaimDraft(
            "onset_before",
            f"{symptom.signal} of {symptom.entity} shifted before anything of {cause.entity} did",
            tuple(sorted({ledger.seq_of(symptom), ledger.seq_of(cause)})),
            {
                "first": [symptom.entity, symptom.signal],
                "then": [cause.entity, cause.signal],
                "min_gap_s": SLACK_S,
            },
            is_for=False,
        )
    ]


def _shift(ledger: Ledger, entity: str, signal: str) -> Onset | None:
    return next((o for o in ledger.facts(Onset) if (o.entity, o.signal) == (entity, signal)), None)


def _first(ledger: Ledger, entity: str) -> Onset | None:
    found = [o for o in ledger.facts(Onset) if o.entity == entity]
    return min(found, key=lambda o: (o.at, o.signal), default=None)


def shuffled(edges: Sequence[Edge], chance: random.Random) -> tuple[Edge, ...]:
    """The edges with their callees permuted: as many calls out and in, other neighbours.

    Nobody calls itself, and no pair is there twice; as few of the real pairs as chance leaves.
    """
    real = {(e.src, e.dst) for e in edges}
    best: tuple[Edge, ...] = tuple(edges)
    for _ in range(_TRIES):
        callees = [e.dst for e in edges]
        chance.shuffle(callees)
        made = tuple(replace(e, dst=d) for e, d in zip(edges, callees, strict=True))
        pairs = {(e.src, e.dst) for e in made}
        is_simple = len(pairs) == len(edges) and all(e.src != e.dst for e in made)
        if is_simple and len(pairs & real) < len({(e.src, e.dst) for e in best} & real):
            best = made
    return best


def with_shuffled_topology(
    ledger: Ledger, ctx: IncidentContext, chance: random.Random
) -> tuple[Ledger, IncidentContext]:
    """The same world with other edges, in the ledger and in what the incident was told."""
    pairs = {(e.src, e.dst): e for e in [*ctx.edges, *ledger.facts(Edge)]}
    moved = dict(zip(pairs, shuffled(list(pairs.values()), chance), strict=True))

    def other(edge: Edge) -> Edge:
        new = moved[edge.src, edge.dst]
        return replace(edge, src=new.src, dst=new.dst)

    def turned(entry: LedgerEntry) -> LedgerEntry:
        facts = tuple(other(f) if isinstance(f, Edge) else f for f in entry.draft.facts)
        return LedgerEntry(entry.seq, replace(entry.draft, facts=facts))

    turned_ledger = Ledger(tuple(turned(e) for e in ledger.entries), ledger.issued)
    return turned_ledger, ctx.with_edges([other(e) for e in ctx.edges])
