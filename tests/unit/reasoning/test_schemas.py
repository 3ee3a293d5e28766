"""Schemas in the subset that both vendors hold a model to."""

import json

import pytest
from pydantic import BaseModel, Field

from analysis.reasoning import writing
from analysis.reasoning.answer import Answer
from analysis.reasoning.reasoners.refuter import Attack, Verdict
from analysis.reasoning.schemas import strict_schema
from tests.fakes.model_script import loose_object


class Inner(BaseModel):
    share: float = Field(default=0.5, ge=0, le=1, description="Of the whole.")


class Outer(BaseModel):
    name: str = Field(min_length=1)
    inner: Inner | None = None
    many: list[Inner] = Field(default_factory=list)


def test_bounds_and_defaults_stay_here_and_everything_is_required() -> None:
    schema = strict_schema(Outer)
    assert loose_object(schema) == ""
    assert schema["required"] == ["name", "inner", "many"]
    share = schema["$defs"]["Inner"]["properties"]["share"]
    assert share == {"type": "number", "description": "Of the whole."}


@pytest.mark.parametrize(
    "model",
    [
        Answer,
        Attack,
        Verdict,
        writing.RecordHypotheses,
        writing.RecordClaims,
        writing.Conclude,
    ],
)
def test_what_a_model_is_held_to_is_closed_and_always_the_same(model: type[BaseModel]) -> None:
    assert loose_object(strict_schema(model)) == ""
    assert json.dumps(strict_schema(model)) == json.dumps(strict_schema(model))
