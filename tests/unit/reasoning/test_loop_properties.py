"""Whatever models say and do, code settles it within its limits, over evidence that exists."""

import itertools
import json
from collections.abc import Sequence
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from analysis.reasoning import writing
from analysis.reasoning.gate import Gate
from analysis.reasoning.limits import Limits
from analysis.reasoning.loop import Investigated, investigate
from analysis.reasoning.reasoners.base import Reasoners
from analysis.reasoning.reasoners.breaker import Breakers
from analysis.reasoning.reasoners.offline import OfflineReasoner
from analysis.reasoning.talk import (
    ReasonerError,
    Refused,
    Rejected,
    Stop,
    ToolCall,
    Turn,
    Unavailable,
)
from analysis.types import Custody, Progress, ProgressKind, Tokens
from tests.unit.reasoning.outside import outside
from tests.unit.reasoning.scripted_model import ScriptedModel, Step
from tests.unit.reasoning.world import EDGES, change, context, onset, steady

LIMITS = Limits(turns=10, tool_calls=8)
FACTS = {
    "get_topology": EDGES,
    "list_changes": (change("front"),),
    "get_onsets": (onset("front", "errors"), steady("front", "traffic")),
}
_ids = itertools.count()

services = st.sampled_from(["front", "middle", "store", "vault", ""])
numbers = st.lists(st.integers(-1, 12), max_size=3)
junk = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=5), inner, max_size=2)
    ),
    max_leaves=4,
)
claims = st.fixed_dictionaries(
    {
        "kind": st.sampled_from(["threshold", "path", "change_preceded", "quote", "nonsense"]),
        "statement": st.just("it is so"),
        "evidence": numbers,
        "operands": st.fixed_dictionaries(
            {
                "entity": services,
                "signal": st.sampled_from(["errors", "traffic", "x"]),
                "op": st.just(">"),
                "value": st.floats(-10, 20),
                "path": st.lists(services, max_size=3),
                "change": st.just("c1"),
                "text": st.just("errors"),
                "necessary": st.booleans(),
            }
        ),
        "is_for": st.booleans(),
    }
)


def _rival(entity: str, mechanism: str) -> dict[str, Any]:
    return {
        "entity": entity,
        "mechanism": mechanism,
        "signal": "errors",
        "statement": f"{mechanism} of {entity}",
        "path": [entity],
        "trigger_change": "c1",
        "predictions": [{"text": t, "would_refute": t == "a"} for t in "ab"],
    }


rivals = st.builds(_rival, services, st.sampled_from(["change", "leak", "traffic", "node"]))
names = st.sampled_from(
    ("get_onsets", "search_logs", "get_traces", "rm", *sorted(writing.NAMES)),
)
objects = st.none() | st.dictionaries(st.text(max_size=5), junk, max_size=2)
looks = st.tuples(
    st.sampled_from(["get_onsets", "search_logs", "get_traces"]),
    st.fixed_dictionaries({"service": services}),
)
proposals = st.tuples(
    st.just("record_hypotheses"),
    st.fixed_dictionaries({"hypotheses": st.lists(rivals, min_size=1, max_size=4)}),
)
charges = st.tuples(
    st.just("record_claims"),
    st.fixed_dictionaries(
        {"hypothesis": st.sampled_from(["H1", "H2", "H9"]), "claims": st.lists(claims, max_size=3)}
    ),
)
ends = st.just(("conclude", {"order": ["H2", "H1"], "reason": "because"}))
calls = st.one_of(looks, looks, charges, charges, proposals, ends, st.tuples(names, objects))


def _calls(asked: Sequence[tuple[str, Any]]) -> Turn:
    calls = tuple(ToolCall(f"c{next(_ids)}", name, given) for name, given in asked)
    return Turn(Stop.TOOLS, "", calls, Tokens(input=100, output=20))


answers = st.lists(claims, max_size=2).map(
    lambda found: json.dumps(
        {
            "hypotheses": [
                {**_rival("front", "change"), "predictions": ["a"], "claims": found},
                {**_rival("store", "leak"), "predictions": ["a"], "claims": []},
            ]
        }
    )
)
steps: st.SearchStrategy[Step] = st.one_of(
    st.lists(calls, min_size=1, max_size=5).map(_calls),
    st.lists(calls, min_size=1, max_size=5).map(_calls),
    st.one_of(st.text(max_size=20), answers).map(lambda text: Turn(Stop.DONE, text)),
    st.sampled_from([Stop.LENGTH, Stop.PAUSED]).map(lambda stop: Turn(stop, "")),
    st.sampled_from([ReasonerError, Refused, Rejected, Unavailable]).map(lambda kind: kind("no")),
)


scripted = st.lists(
    st.tuples(
        st.lists(proposals, max_size=1).map(lambda made: [_calls(made)] if made else []),
        st.lists(steps, max_size=8),
    ).map(lambda parts: [*parts[0], *parts[1]]),
    max_size=3,
)


def run(scripts: Sequence[Sequence[Step]], told: list[Progress]) -> Investigated:
    models = [ScriptedModel(script, name=f"m{n}") for n, script in enumerate(scripts)]
    reasoners = Reasoners(OfflineReasoner(), models, Gate(), Breakers(lambda: 0.0))
    try:
        return investigate(
            context(),
            reasoners=reasoners,
            outside=outside(FACTS, on_progress=told.append, workers=1),
            limits=LIMITS,
            clock=lambda: 0.0,
        )
    finally:
        assert all(model.is_closed for model in models)


@settings(max_examples=120, deadline=None, suppress_health_check=list(HealthCheck))
@given(scripted)
def test_whatever_models_do_it_is_settled_within_its_limits(
    scripts: list[list[Step]],
) -> None:
    told: list[Progress] = []
    found = run(scripts, told)
    ledger = {entry.seq for entry in found.ledger.entries}
    for settled in found.settlement.hypotheses:
        assert settled.draft.origin in {"model", "offline"}
        for claim in settled.claims:  # a claim without evidence that exists does not exist
            assert set(claim.draft.evidence) & ledger
    assert not any(e.draft.custody is Custody.HUMAN_GUIDANCE for e in found.ledger.entries)
    assert found.usage["tool_calls"] <= LIMITS.tool_calls
    # A stage may finish its question: an answer and its repair, in each of three stages.
    assert found.usage["turns"] <= LIMITS.turns + 6 * max(len(scripts), 1)
    started = sum(step.kind is ProgressKind.TOOL_STARTED for step in told)
    assert started == sum(step.kind is ProgressKind.TOOL_FINISHED for step in told) == len(ledger)
    if found.reasoner == "offline":
        assert found.settlement.hypotheses


@settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
@given(scripted)
def test_the_same_words_settle_the_same(scripts: list[list[Step]]) -> None:
    assert run(scripts, []) == run(scripts, [])
