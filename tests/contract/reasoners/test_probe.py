"""What a server can do is found out by asking it, on both APIs."""

import pytest

from analysis.reasoning.gate import BudgetExhausted, Ceilings
from analysis.reasoning.reasoners.probe import probe
from analysis.reasoning.talk import Rejected, Unavailable
from analysis.types import Capabilities
from tests.contract.reasoners.conftest import Bench
from tests.fakes.model_script import Called, Said, failure

OSLO, BERGEN = Called("look_up", {"city": "Oslo"}), Called("look_up", {"city": "Bergen"})
ONE, TWO, JSON = Said(calls=[OSLO]), Said(calls=[OSLO, BERGEN]), Said('{"city": "Oslo"}')


@pytest.mark.parametrize(
    ("script", "found"),
    [
        ([ONE, TWO, JSON], Capabilities()),
        ([ONE, ONE, Said("Oslo it is")], Capabilities(parallel=False, schema=False)),
        ([Said("Oslo"), JSON], Capabilities(tools=False, parallel=False)),
        ([Said(calls=[Called("look_up", {"town": "Oslo"})]), JSON], Capabilities(False, False)),
        ([failure(400), failure(400)], Capabilities(False, False, False)),
    ],
    ids=["all", "one-at-a-time", "no-tools", "wrong-arguments", "nothing"],
)
def test_three_calls_tell_what_it_can_do(
    bench: Bench, script: list[Said], found: Capabilities
) -> None:
    assert probe(bench.said(*script).config, bench.gate()) == found
    assert bench.api.attempts == len(script)


def test_a_server_that_cannot_be_asked_is_no_answer(bench: Bench) -> None:
    with pytest.raises(Rejected):
        probe(bench.said(failure(401)).config, bench.gate())
    with pytest.raises(Unavailable):
        probe(bench.said(failure(529)).config, bench.gate())


def test_it_costs_money_like_everything_else(bench: Bench) -> None:
    with pytest.raises(BudgetExhausted):
        probe(bench.config, bench.gate(Ceilings(cost_usd=0.0001)))
    assert bench.api.attempts == 0
