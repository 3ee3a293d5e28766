"""The attempt to break the leading hypothesis, in a conversation that did not find it.

The model names observations that would be false if the hypothesis were true; code makes them; the
claims they allow are checked like all others (`reasoning.md` §3.5).
"""

import json
from collections.abc import Sequence
from typing import Any

from pydantic import BaseModel, Field

from analysis.reasoning import prompts
from analysis.reasoning.answer import ClaimAnswer, claim_of
from analysis.reasoning.claims import operands_help
from analysis.reasoning.reasoners.dialogue import Dialogue, Room
from analysis.reasoning.showing import Showing, catalogue, dumped
from analysis.reasoning.talk import Model
from analysis.reasoning.toolbox import refusal
from analysis.reasoning.workbench import Wanted
from analysis.types import LedgerEntry

STAGE = "Trying to refute"
MAX_OBSERVATIONS = 3


class Observation(BaseModel):
    about: str = Field(description="The name of the hypothesis it is on: H1, H2 …")
    observation: str = Field(description="What would be seen if that hypothesis were wrong.")
    tool: str
    arguments: str = Field(description='The arguments as a JSON object, such as {"service": "a"}.')


class Attack(BaseModel):
    observations: list[Observation]


class Charge(BaseModel):
    hypothesis: str = Field(description="H1, H2 …")
    claim: ClaimAnswer


class Verdict(BaseModel):
    claims: list[Charge]


def refute_with(model: Model, room: Room, name: str, *, plain: bool) -> bool:
    """Whether the hypothesis of this name was put to the test. Claims end up at the bench.

    Raises `ReasonerError`.
    """
    talk = Dialogue(room, model, stage=STAGE, system=prompts.REFUTE)
    bench = room.bench
    show = Showing(bench, room.gate.visible, plain=plain)
    talk.say(
        "\n\n".join(
            (
                show.incident(),
                f"Hypotheses:\n{dumped(show.rivals())}",
                f"Index of the ledger:\n{show.index()}",
            )
        )
    )
    attack = talk.ask(Attack, prompts.ATTACK.format(name=name, tools=catalogue()))
    entries = _observe(room, attack.observations)
    if not entries:
        return False
    shown = "\n".join(show.entry(e) for e in entries)
    operands = dumped(operands_help())
    question = prompts.VERDICT.format(entries=shown, name=name, operands=operands)
    for charge in talk.ask(Verdict, question).claims:
        if charge.hypothesis in bench.rivals:
            bench.claim(charge.hypothesis, claim_of(charge.claim))
    return True


def _observe(room: Room, wanted: Sequence[Observation]) -> list[LedgerEntry]:
    """Run what may run; an observation that no tool can make is left out."""
    calls: list[Wanted] = []
    for one in wanted[:MAX_OBSERVATIONS]:
        arguments = _arguments(one.arguments)
        if arguments is None or refusal(one.tool, arguments, room.bench.ctx.services):
            continue
        if (one.tool, arguments) not in calls and room.meter.calls_left() > len(calls):
            calls.append((one.tool, arguments))
    room.meter.tool_calls += sum(not room.bench.has_run(*call) for call in calls)
    return room.bench.run(calls)


def _arguments(text: str) -> dict[str, Any] | None:
    try:
        found = json.loads(text or "{}")
    except ValueError:
        return None
    return found if isinstance(found, dict) else None
