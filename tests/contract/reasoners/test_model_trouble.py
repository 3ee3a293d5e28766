"""Whatever a provider does wrong, on both APIs: it is told, and somebody else goes on."""

import json
from dataclasses import replace

import pytest
from pytest_httpserver import HTTPServer

from analysis.types import (
    ProgressKind,
    ProviderKind,
)
from tests.contract.reasoners.conftest import (
    CLAIMS,
    DONE,
    FULL,
    LATER,
    MODELS,
    RIVALS,
    Bench,
)
from tests.fakes.messages_api import MessagesApi
from tests.fakes.model_script import Called, Ends, Said, Wire, failure
from tests.fakes.responses_api import ResponsesApi


@pytest.mark.parametrize(
    "said",
    [
        [Said("and th", ends=Ends.LENGTH), Said("and th", ends=Ends.LENGTH)],
        [Said(ends=Ends.WINDOW)],
        [Said("hm", ends=Ends.UNHEARD_OF)],
        [Said("I will not", ends=Ends.REFUSAL), Said("No", ends=Ends.REFUSAL)],
        [failure(400, "invalid_request_error")],
        [failure(401)],
        [failure(402)],
        [failure(403, "permission_error")],
        [failure(404, "not_found_error")],
        [failure(429)],
        [failure(500)],
        [failure(529, "overloaded_error")],
        [Said("The rel", wire=Wire.CUT)],
        [Said("The rel", wire=Wire.SHORT)],
        [Said("The rel", wire=Wire.ERROR)],
    ],
    ids=lambda said: f"{said[0].status}-{said[0].ends}-{said[0].wire}",
)
def test_whatever_stops_it_the_offline_reasoner_goes_on(bench: Bench, said: list[Said]) -> None:
    found = bench.said(*said).run()
    assert found.reasoner == "offline"
    assert "gave up" in found.notes[-1]
    assert found.settlement.hypotheses
    assert bench.api.attempts == len(said)
    assert found.narrative


def test_the_sdk_retries_what_it_is_told_to_and_nobody_else_does(bench: Bench) -> None:
    busy = failure(429, retry_after_ms="1")
    over = failure(529, "overloaded_error", retry_after_ms="1")
    found = bench.said(busy, over, *FULL).run()
    assert found.reasoner == bench.name
    assert bench.api.attempts == 7
    assert len(bench.calls) == 7  # each attempt passed the gate
    assert not found.notes


def test_three_times_busy_is_the_end_of_it(bench: Bench) -> None:
    found = bench.said(*[failure(529, "overloaded_error", retry_after_ms="1")] * 3).run()
    assert bench.api.attempts == 3
    assert found.reasoner == "offline"


@pytest.mark.parametrize("status", [401, 402, 403, 404])
def test_what_only_an_administrator_can_mend_is_said_to_one(bench: Bench, status: int) -> None:
    found = bench.said(failure(status, "permission_error" if status == 403 else "")).run()
    assert "An administrator has to look" in found.notes[0]
    switched = next(s for s in bench.told if s.kind is ProgressKind.PROVIDER_SWITCHED)
    assert switched.payload["is_for_admin"] is True


def test_a_refusal_is_tried_once_more_without_what_others_wrote(bench: Bench) -> None:
    found = bench.said(Said(ends=Ends.REFUSAL), *FULL).run(
        views={"get_onsets": "numbers", "search_logs": "exploit attempt"}
    )
    assert found.reasoner == bench.name
    assert ProgressKind.REFUSAL in bench.kinds()
    assert "front: errors" in json.dumps(bench.bodies[0])
    assert "front: errors" not in json.dumps(bench.bodies[1])  # the title of the incident
    assert "numbers" in json.dumps(bench.bodies[1])


def second(bench: Bench, server: HTTPServer) -> MessagesApi | ResponsesApi:
    """The other vendor's API, as the next provider of the chain."""
    other = ResponsesApi if bench.kind is ProviderKind.ANTHROPIC else MessagesApi
    return other(server, [])


def test_the_next_provider_starts_from_the_ledger(bench: Bench, httpserver: HTTPServer) -> None:
    """The first breaks off after it has recorded rivals: they are there for the next one."""
    other = second(bench, httpserver)
    kind = next(k for k in ProviderKind if k is not bench.kind)
    looked = Called("search_logs", {"service": "front"})
    bench.said(Said(calls=[RIVALS]), Said(calls=[looked]), Said("The", wire=Wire.CUT))
    other.script += [Said(calls=[looked, CLAIMS, DONE]), *LATER]
    spare = replace(bench.config, name="second", kind=kind, model=MODELS[kind], base_url=other.url)
    found = bench.run(chain=[bench.config, spare])
    assert found.reasoner == f"{kind}:{MODELS[kind]}"
    switched = next(s for s in bench.told if s.kind is ProgressKind.PROVIDER_SWITCHED)
    assert switched.payload["to"] == found.reasoner
    opening = json.dumps(other.bodies[0])
    assert "store leaks" in opening
    assert "search_logs" in opening
    assert [e.draft.tool for e in found.ledger.entries].count("search_logs") == 1
    assert found.settlement.hypotheses[0].draft.entity == "front"


def test_a_refuter_that_fails_leaves_the_cap_in_place(bench: Bench) -> None:
    found = bench.said(Said(calls=[RIVALS]), Said(calls=[CLAIMS, DONE]), failure(500)).run()
    assert found.reasoner == bench.name
    best = found.settlement.hypotheses[0]
    assert best.confidence <= 0.60
    assert found.narrative  # made by code


def test_a_local_server_that_cuts_the_prompt_is_found_out(bench: Bench) -> None:
    short = Said(calls=[RIVALS], input_tokens=10, cached_tokens=0)
    found = bench.said(short).run(model="gemma-4-31b")
    assert found.reasoner == "offline"
    assert "raise its window" in found.notes[0]
