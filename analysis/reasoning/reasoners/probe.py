"""What the model behind a server can do, found out by three small calls (`reasoning.md` §1.6)."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from pydantic import BaseModel, ValidationError

from analysis.reasoning.gate import Gate
from analysis.reasoning.reasoners.factory import model_of
from analysis.reasoning.schemas import strict_schema
from analysis.reasoning.talk import Model, ReasonerError, Rejected, ToolSpec, Turn, Unavailable
from analysis.types import Capabilities, ProviderConfig

_SYSTEM = "You try out an interface. Do exactly what is asked, and nothing else."
_ONE = "Call look_up once, with city Oslo."
_TWO = "Call look_up twice in this one turn, with city Oslo and with city Bergen."
_JSON = 'Answer with the JSON object that has "city" set to Oslo.'


class City(BaseModel):
    city: str


_LOOK_UP = ToolSpec("look_up", "Looks up a city.", strict_schema(City))


def probe(config: ProviderConfig, gate: Gate) -> Capabilities:
    """One tool call, two in one turn, one answer in a schema.

    Raises `Unavailable` and `Rejected` when the server cannot be asked at all, and `Stopped` when
    the gate lets nothing out.
    """
    model = model_of(replace(config, capabilities=Capabilities()), gate)
    try:
        has_tools = _calls(model, _ONE) >= {"Oslo"}
        has_parallel = has_tools and _calls(model, _TWO) >= {"Oslo", "Bergen"}
        return Capabilities(has_tools, has_parallel, _keeps_to_schema(model))
    finally:
        model.close()


def _turn(
    model: Model, question: str, *, with_tool: bool, schema: Mapping[str, Any] | None = None
) -> Turn | None:
    talk = model.converse(system=_SYSTEM, tools=[_LOOK_UP] if with_tool else [])
    talk.say(question)
    try:
        return talk.turn(schema=schema, on_words=lambda _: None)
    except (Unavailable, Rejected):
        raise
    except ReasonerError:  # it answers, but not to this
        return None


def _calls(model: Model, question: str) -> set[str]:
    turn = _turn(model, question, with_tool=True)
    found = set()
    for call in turn.calls if turn else ():
        try:
            found.add(City.model_validate(call.arguments).city)
        except ValidationError:
            return set()
    return found


def _keeps_to_schema(model: Model) -> bool:
    turn = _turn(model, _JSON, with_tool=False, schema=strict_schema(City))
    try:
        return turn is not None and City.model_validate_json(turn.text).city == "Oslo"
    except ValidationError:
        return False
