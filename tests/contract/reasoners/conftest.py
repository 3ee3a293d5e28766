"""One bench for both vendors: a fake of the API, a gate before it, and a small shop to look at."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import pytest
from pytest_httpserver import HTTPServer

from analysis.reasoning.gate import Ceilings, Gate, Purse
from analysis.reasoning.limits import Limits
from analysis.reasoning.loop import Investigated, investigate
from analysis.reasoning.reasoners.base import Reasoners
from analysis.reasoning.reasoners.breaker import Breakers
from analysis.reasoning.reasoners.factory import model_of
from analysis.reasoning.reasoners.offline import OfflineReasoner
from analysis.types import (
    Call,
    Guidance,
    HypothesisDraft,
    Price,
    Progress,
    ProgressKind,
    ProviderConfig,
    ProviderKind,
)
from tests.fakes.messages_api import MessagesApi
from tests.fakes.model_script import Called, Said
from tests.fakes.responses_api import ResponsesApi
from tests.unit.reasoning.outside import outside
from tests.unit.reasoning.world import EDGES, change, context, onset, steady

FACTS = {
    "get_topology": EDGES,
    "list_changes": (change("front"),),
    "get_onsets": (onset("front", "errors"), steady("front", "traffic")),
}
PRICE = Price(input=4, output=20, cache_read=0.2, cache_write=5)
MODELS = {ProviderKind.ANTHROPIC: "claude-opus-5-5", ProviderKind.OPENAI: "gpt-6.1-sol"}

CLAIM_OF_CHANGE: dict[str, Any] = {
    "kind": "change_preceded",
    "statement": "the release came first",
    "evidence": [2, 3],
    "operands": {"change": "c1", "entity": "front", "signal": "errors"},
    "is_for": True,
}
INVENTED: dict[str, Any] = {
    "kind": "threshold",
    "statement": "errors are at 9000",
    "evidence": [3],
    "operands": {"entity": "front", "signal": "errors", "op": ">", "value": 9000},
    "is_for": True,
}


def hypothesis(**fields: Any) -> dict[str, Any]:
    return {
        "entity": "front",
        "mechanism": "change",
        "signal": "errors",
        "statement": "release front 2 broke front",
        "path": ["front"],
        "trigger_change": "c1",
        "predictions": ["a rollback leaves errors as they are"],
        "claims": [CLAIM_OF_CHANGE],
        **fields,
    }


LEAK = hypothesis(
    mechanism="leak", entity="store", trigger_change="", statement="store leaks", claims=[INVENTED]
)
GOOD = json.dumps({"hypotheses": [hypothesis(), LEAK]})


def rival(**fields: Any) -> dict[str, Any]:
    """As the tool takes it: predictions that say whether they would refute, and no claims."""
    given = hypothesis(**fields)
    del given["claims"]
    risky = [("errors stay after a rollback", True), ("errors began after it", False)]
    given["predictions"] = [{"text": text, "would_refute": is_risky} for text, is_risky in risky]
    return given


RIVALS = Called(
    "record_hypotheses",
    {
        "hypotheses": [
            rival(),
            rival(mechanism="leak", entity="store", trigger_change="", statement="store leaks"),
            rival(mechanism="traffic", trigger_change="", statement="more traffic than it carries"),
        ]
    },
)
CLAIMS = Called("record_claims", {"hypothesis": "H1", "claims": [CLAIM_OF_CHANGE]})
DONE = Called("conclude", {"order": ["H1", "H2", "H3"], "reason": "the release explains it"})
ATTACK = Said(
    json.dumps(
        {
            "observations": [
                {"about": "H1", "observation": "errors of store too", "tool": "get_onsets",
                 "arguments": '{"service": "store"}'}
            ]
        }
    )
)  # fmt: skip
NO_CHARGE = Said(json.dumps({"claims": []}))
STORY = Said("The release came first [E2, E3]. It is always the release.")
ENOUGH = Said("The release explains it.", thought="The release came first. So it is that.")
LATER = (ATTACK, NO_CHARGE, STORY)
FULL = (Said(calls=[RIVALS]), Said(calls=[CLAIMS, DONE]), *LATER)


@dataclass
class Bench:
    """A chain of one provider, or of more, and what came of asking it."""

    kind: ProviderKind
    server: HTTPServer
    api: MessagesApi | ResponsesApi
    told: list[Progress] = field(default_factory=list)
    calls: list[Call] = field(default_factory=list)
    breakers: Breakers = field(default_factory=lambda: Breakers(lambda: 0.0))

    @property
    def config(self) -> ProviderConfig:
        return ProviderConfig(
            name=f"first {self.kind}",
            kind=self.kind,
            model=MODELS[self.kind],
            effort="medium",
            api_key=self.api.key,
            base_url=self.api.url,
            price=PRICE,
            max_turns=30,
        )

    @property
    def name(self) -> str:
        return f"{self.kind}:{self.config.model}"

    @property
    def bodies(self) -> list[dict[str, Any]]:
        return self.api.bodies

    def said(self, *script: Said) -> "Bench":
        self.api.script += script
        return self

    def gate(self, ceilings: Ceilings | None = None, **more: Any) -> Gate:
        purse = Purse(ceilings or Ceilings(), lambda: 0.0)
        return Gate(budget=purse, on_call=self.calls.append, **more)

    def run(
        self,
        *,
        chain: Sequence[ProviderConfig] | None = None,
        gate: Gate | None = None,
        limits: Limits | None = None,
        on_progress: Callable[[Progress], None] | None = None,
        notes: Sequence[Guidance] = (),
        notes_after: int = 0,
        hypotheses: Sequence[Sequence[HypothesisDraft]] = ((),),
        views: Mapping[str, str] | None = None,
        clock: Callable[[], float] = lambda: 0.0,
        pulse: Callable[[], None] = lambda: None,
        **config: Any,
    ) -> Investigated:
        gate = gate or self.gate()
        configs = [replace(self.config, **config)] if chain is None else chain
        heard = iter([*[()] * notes_after, tuple(notes)])
        added = [*hypotheses]

        def tell(step: Progress) -> None:
            self.told.append(step)
            if on_progress:
                on_progress(step)

        return investigate(
            context(),
            reasoners=Reasoners(
                OfflineReasoner(), [model_of(c, gate) for c in configs], gate, self.breakers
            ),
            outside=outside(
                FACTS,
                views=views,
                on_progress=tell,
                pulse=pulse,
                take_guidance=lambda: next(heard, ()),
                take_hypotheses=lambda _: added.pop(0) if len(added) > 1 else added[0],
            ),
            limits=limits,
            clock=clock,
        )

    def results(self, turn: int) -> list[tuple[str, bool]]:
        """The tool results that the request of this turn, from 0, told last; and if as an error."""
        if self.kind is ProviderKind.ANTHROPIC:
            blocks = next(m for m in reversed(self.bodies[turn]["messages"]) if m["role"] == "user")
            return [
                (b["content"], b["is_error"])
                for b in blocks["content"]
                if b["type"] == "tool_result"
            ]
        items = self.bodies[turn]["input"]
        last = max(n for n, item in enumerate(items) if item.get("type") == "function_call")
        outputs = [i["output"] for i in items[last:] if i.get("type") == "function_call_output"]
        return [(text.removeprefix("ERROR: "), text.startswith("ERROR: ")) for text in outputs]

    def steered(self, turn: int) -> str:
        """What the operator's channel holds in the request of this turn."""
        body = self.bodies[turn]
        turns = body["messages" if self.kind is ProviderKind.ANTHROPIC else "input"]
        return json.dumps([t for t in turns if t.get("role") in {"system", "developer"}])

    def kinds(self) -> list[ProgressKind]:
        return [step.kind for step in self.told]


@pytest.fixture(params=[ProviderKind.ANTHROPIC, ProviderKind.OPENAI])
def bench(request: pytest.FixtureRequest, httpserver: HTTPServer) -> Bench:
    kind: ProviderKind = request.param
    fake = MessagesApi if kind is ProviderKind.ANTHROPIC else ResponsesApi
    return Bench(kind, httpserver, fake(httpserver, []))
