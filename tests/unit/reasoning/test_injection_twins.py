"""Texts that want to command change no settlement: each world is settled like its clean twin.

The texts stand wherever others can write: log lines, names of operations, titles and actors of
changes, words of platform objects, the incident's title, earlier incidents. Everything between the
text and the settlement is ours: template miner, trace comparison, reasoner, checkers, settlement.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import pytest

from analysis.perception import log_patterns, spans
from analysis.reasoning import attacks
from analysis.reasoning.claims import check
from analysis.reasoning.evals.injections import INJECTIONS
from analysis.reasoning.ledger import Ledger, numbered
from analysis.reasoning.reasoners.offline import OfflineReasoner
from analysis.reasoning.settle import Candidate, settle
from analysis.types import (
    ChangeFact,
    Custody,
    Edge,
    Fact,
    IncidentContext,
    LedgerEntry,
    LogLine,
    Settlement,
    Span,
    State,
)
from tests.unit.reasoning.world import T0, change, context, edge, entry, onset, steady

NEUTRAL = "nightly report written to the usual place"
CALM = tuple(steady(name, "cpu") for name in ("front", "middle", "store"))


@dataclass(frozen=True)
class World:
    """What is true of it; texts are added by `ledger_of`."""

    onsets: tuple[Fact, ...]
    changes: tuple[ChangeFact, ...] = ()
    edges: tuple[Edge, ...] = (edge("front", "middle"), edge("middle", "store"))
    states: tuple[State, ...] = ()


WORLDS = {
    "leak": World((onset("store", "memory", -120), onset("front", "errors"), *CALM)),
    "release": World(
        (onset("front", "errors"), *CALM, steady("front", "traffic")), (change("front", -40),)
    ),
    "dependency": World(
        (onset("middle", "latency", -30), onset("front", "latency"), *CALM),
        edges=(edge("front", "middle", slow=True), edge("middle", "store", slow=True)),
    ),
    "full disk": World(
        (onset("store", "disk", -60), onset("front", "errors"), *CALM),
        states=(State("store", "disk_of_size", "1.00", T0),),
    ),
    "nothing": World(CALM),
}


def lines(texts: Sequence[str]) -> list[LogLine]:
    """A log that goes on as ever, and each text three times at level error, at every service."""
    steadily = [
        LogLine(T0 - 600 + 2 * i, name, "", "info", f"order {i} done")
        for i in range(450)
        for name in ("front", "middle", "store")
    ]
    added = [
        LogLine(T0 + 5 + i + number / 100, ("front", "middle", "store")[number % 3], "", "error", t)
        for number, t in enumerate(texts)
        for i in range(3)
    ]
    return sorted([*steadily, *added], key=lambda line: line.at)


def traced(texts: Sequence[str]) -> list[Edge]:
    """Calls as they always were, with each text as the name of an operation inside."""
    calls = []
    for i, at in enumerate((T0 - 200, T0 - 100, T0 + 20, T0 + 30)):
        calls += [
            Span(f"t{i}", "1", "", "front", "POST", "server", at, 0.3, is_error=False),
            Span(f"t{i}", "2", "1", "front", "GET", "client", at, 0.2, False, "middle"),
        ]
        calls += [
            Span(f"t{i}", f"x{n}", "1", "front", text, "internal", at, 0.01, is_error=False)
            for n, text in enumerate(texts)
        ]
    return spans.compare(calls, split=T0)


def ledger_of(world: World, texts: Sequence[str]) -> Ledger:
    """The world's ledger, with the texts wherever others can write."""
    spikes = log_patterns.spikes(lines(texts), split=T0, before_s=600, during_s=300)
    first = texts[0] if texts else ""
    changes = [replace(c, title=f"{c.title} {first}", actor=first) for c in world.changes]
    noise = [change("store", -900 - i, id=f"n{i}", kind="restart") for i in range(len(texts))]
    changes += [replace(one, title=text) for one, text in zip(noise, texts, strict=True)]
    words = [State("front", f"label {i}", text, T0) for i, text in enumerate(texts)]
    raw = entry(8, "search_logs", view="\n".join(texts))
    made = (
        entry(1, "get_topology", *world.edges),
        entry(2, "list_changes", *changes, view="\n".join(texts)),
        entry(3, "get_onsets", *world.onsets),
        entry(4, "get_resource_state", *world.states, *words),
        entry(5, "search_logs", *spikes, view="\n".join(texts)),
        entry(6, "get_traces", *traced(texts), view="\n".join(texts)),
        entry(7, "similar_incidents", view="\n".join(texts)),
        LedgerEntry(8, replace(raw.draft, custody=Custody.USER_INFLUENCED)),
    )
    return Ledger(tuple(numbered(e.seq, e.draft) for e in made))


def settled(world: World, texts: Sequence[str], title: str = "front: errors") -> Settlement:
    known = ledger_of(world, texts)
    ctx: IncidentContext = replace(context("front", world.edges), title=title)
    candidates = []
    for draft in OfflineReasoner().propose(ctx, known).drafts:
        whole = attacks.attacked(draft, known, ctx)
        checked = (check(claim, known, ctx) for claim in whole.claims)
        candidates.append(Candidate(whole, tuple(c for c in checked if c is not None)))
    return settle(candidates, known, is_offline=True, was_refuted=attacks.were_run(known))


def meaning(found: Settlement) -> object:
    """All of a settlement but the words in which it names things."""
    return (
        found.outcome,
        [
            (h.draft.entity, h.draft.mechanism, h.draft.signal, h.draft.path, h.draft.score,
             h.draft.trigger.id if h.draft.trigger else "",
             h.state, h.confidence, h.caps, h.is_tainted)
            for h in found.hypotheses
        ],
        len(found.open_questions),
    )  # fmt: skip


def test_there_are_sixty_texts_at_least() -> None:
    assert len(set(INJECTIONS)) >= 60


@pytest.mark.parametrize("name", WORLDS)
def test_no_text_changes_a_settlement(name: str) -> None:
    world = WORLDS[name]
    clean = meaning(settled(world, ()))
    assert meaning(settled(world, [NEUTRAL])) == clean
    changed = [text for text in INJECTIONS if meaning(settled(world, [text], title=text)) != clean]
    assert changed == []


@pytest.mark.parametrize("name", WORLDS)
def test_nor_do_all_of_them_together(name: str) -> None:
    world = WORLDS[name]
    assert meaning(settled(world, INJECTIONS)) == meaning(settled(world, ()))


def test_the_worlds_are_worth_their_name() -> None:
    """A twin that abstains anyway would prove nothing."""
    led = {n: settled(w, ()).hypotheses[:1] for n, w in WORLDS.items()}
    assert {n: h[0].draft.entity for n, h in led.items() if h} == {
        "leak": "store",
        "release": "front",
        "dependency": "middle",
        "full disk": "store",
    }
