"""Random small worlds for properties: a ledger, hypotheses over it, and what may happen to both."""

from dataclasses import dataclass, replace
from random import Random
from typing import Any

from hypothesis import strategies as st

from analysis.reasoning.claims import check
from analysis.reasoning.ledger import Ledger
from analysis.reasoning.settle import Candidate
from analysis.types import (
    ClaimDraft,
    Custody,
    EvidenceStatus,
    Fact,
    HypothesisDraft,
    LedgerEntry,
    Mechanism,
    State,
    TemplateSpike,
)
from tests.unit.reasoning.world import T0, change, context, edge, entry, onset, steady

NAMES = ("front", "middle", "store")
SIGNALS = ("errors", "cpu")
TOOLS = (
    "get_topology",
    "list_changes",
    "get_onsets",
    "get_onsets",
    "get_resource_state",
    "search_logs",
)
CTX = context()


@dataclass(frozen=True)
class World:
    """Drafts with claims over a ledger. `settled` checks them anew over whatever is left of it."""

    ledger: Ledger
    drafts: tuple[HypothesisDraft, ...]

    def candidates(self, ledger: Ledger | None = None) -> list[Candidate]:
        over = self.ledger if ledger is None else ledger
        made = []
        for draft in self.drafts:
            checked = (check(claim, over, CTX) for claim in draft.claims)
            made.append(Candidate(draft, tuple(c for c in checked if c is not None)))
        return made


def blanked(ledger: Ledger, numbers: set[int]) -> Ledger:
    """As if the sources of these had not answered."""

    def blank(one: LedgerEntry) -> LedgerEntry:
        if one.seq not in numbers:
            return one
        no_data = EvidenceStatus.NO_DATA
        return LedgerEntry(one.seq, replace(one.draft, status=no_data, facts=(), view=""))

    return Ledger(tuple(map(blank, ledger.entries)), ledger.issued)


def dropped(ledger: Ledger, numbers: set[int]) -> Ledger:
    """As if these rows had never been there; their numbers stay taken."""
    return Ledger(tuple(e for e in ledger.entries if e.seq not in numbers), ledger.issued)


def tainted(ledger: Ledger, numbers: set[int]) -> Ledger:
    """As if outsiders could have written these."""

    def theirs(one: LedgerEntry) -> LedgerEntry:
        custody = Custody.USER_INFLUENCED if one.seq in numbers else one.draft.custody
        return LedgerEntry(one.seq, replace(one.draft, custody=custody))

    return Ledger(tuple(map(theirs, ledger.entries)), ledger.issued)


def _fact(chance: Random, tool: str) -> Fact:
    entity, signal = chance.choice(NAMES), chance.choice(SIGNALS)
    match tool:
        case "get_topology":
            return edge(entity, chance.choice(NAMES))
        case "list_changes":
            return change(
                entity, chance.choice([-3600.0, -60.0, 60.0]), id=chance.choice(["c1", "c2"])
            )
        case "get_resource_state":
            return State(entity, "restarts_10m", chance.choice(["0", "4"]), T0)
        case "search_logs":
            count, is_new = chance.randint(1, 50), chance.random() < 0.5
            return TemplateSpike(entity, "KeyError <*>", "error", count, 1.0, T0, is_new=is_new)
        case _:
            if chance.random() < 0.4:
                return steady(entity, signal)
            return onset(entity, signal, chance.choice([-120.0, -60.0, 0.0, 60.0]))


def _claim(chance: Random, numbers: list[int]) -> ClaimDraft:
    entity, other = chance.choice(NAMES), chance.choice(NAMES)
    signal = chance.choice(SIGNALS)
    shift = {"entity": entity, "signal": signal}
    kinds: dict[str, dict[str, Any]] = {
        "threshold": {**shift, "op": chance.choice("><"), "value": 5.0},
        "path": {"path": chance.choice([NAMES[::-1], NAMES[1::-1], NAMES, NAMES[:1], NAMES[2:]])},
        "peer_normal": shift,
        "onset_before": {"first": [entity, signal], "then": [other, signal]},
        "change_preceded": {**shift, "change": chance.choice(["c1", "c2", "any"])},
        "state": {"entity": entity, "field": "restarts_10m", "op": ">=", "value": 2.0},
        "absence": {"entity": entity, "what": chance.choice(["change", "template"])},
        "recovered_after": shift,
        "template_spike": {"entity": entity, "template": "KeyError <*>"},
        "judgement": {},
    }
    kind = chance.choice(sorted(kinds))
    operands = {**kinds[kind], "necessary": chance.random() < 0.2}
    cited = chance.sample(numbers, chance.randint(1, min(3, len(numbers))))
    return ClaimDraft(kind, kind, tuple(cited), operands, is_for=chance.random() < 0.75)


def _world(seed: int) -> World:
    chance = Random(seed)
    tools = ["get_onsets", *chance.choices(TOOLS, k=chance.randint(1, 6))]
    entries = [
        entry(seq, tool, *(_fact(chance, tool) for _ in range(chance.randint(1, 5))))
        for seq, tool in enumerate(tools, 1)
    ]
    numbers = [e.seq for e in entries]
    drafts = tuple(
        HypothesisDraft(
            entity=f"h{place}",
            mechanism=Mechanism.UNKNOWN,
            signal="errors",
            statement=f"h{place} did it",
            origin="offline",
            claims=tuple(_claim(chance, numbers) for _ in range(chance.randint(1, 7))),
            score=chance.choice([-1.0, 0.0, 1.0, 2.0]),
        )
        for place in range(chance.randint(1, 3))
    )
    return World(Ledger(tuple(entries)), drafts)


def worlds() -> st.SearchStrategy[World]:
    """From one number each: building them fact by fact would take most of a test's time."""
    return st.integers(0, 2**32).map(_world)


def some_of(world: World, seed: int) -> set[int]:
    chance = Random(seed)
    numbers = [e.seq for e in world.ledger.entries]
    return set(chance.sample(numbers, chance.randint(1, len(numbers))))
