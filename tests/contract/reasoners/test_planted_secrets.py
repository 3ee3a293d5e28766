"""Planted secrets never stand in a recorded wire body, redacted first or not."""

import random

import pytest
from pytest_httpserver import HTTPServer

from airra.lib.redact import redact
from analysis.reasoning.gate import LeakStopped
from analysis.types import CallStatus, ProviderKind
from tests.fakes.gated import World
from tests.planted import NAMED, SHAPED, SPLITS, WRITERS

EACH = 3


def planted() -> list[tuple[str, str]]:
    """A text and the secret in it, more than two hundred of them."""
    found = []
    for number in range(EACH):
        for kind, make in SHAPED.items():
            secret = make(random.Random(f"{kind}-{number}"))
            found.append((f"it is {secret} now", secret))
        for kind, (context, make) in NAMED.items():
            secret = make(random.Random(f"{kind}-{number}"))
            found.append((context.format(secret), secret))
    return found


PLANTED = planted()


def body_of(secret: str) -> str:
    """The part of a secret that is its own: of a block its longest line."""
    return max((x for x in secret.splitlines() if not x.startswith("-----")), key=len)


@pytest.fixture(params=list(ProviderKind))
def world(request: pytest.FixtureRequest, httpserver: HTTPServer) -> World:
    return World(httpserver, request.param)


def test_none_of_them_is_in_a_body_that_left(world: World) -> None:
    """One body an encoding, with every secret in it, written as evidence is: redacted."""
    assert len(PLANTED) >= 200
    gate = world.gate()
    for name, write in WRITERS.items():
        r = random.Random(name)
        left = [redact(write(r, text)) for text, _ in PLANTED]
        world.ask(gate, "\n\n".join(left), max_tokens=16)
        sent = world.bodies[-1].decode()
        for _, secret in PLANTED:
            assert body_of(secret) not in sent, name
            assert write(r, body_of(secret)) not in sent, name
    assert len(world.bodies) == len(WRITERS)
    assert {call.status for call in world.calls} == {CallStatus.SENT}


def test_none_of_them_leaves_unredacted(world: World) -> None:
    """The wire check alone: each in an encoding of its own, none is sent."""
    gate = world.gate()
    names = sorted(WRITERS)
    for number, (text, _) in enumerate(PLANTED):
        name = names[number % len(names)]
        with pytest.raises(LeakStopped):
            world.ask(gate, WRITERS[name](random.Random(number), text), max_tokens=16)
    assert world.bodies == []


def test_a_wrap_hides_none_with_a_shape(world: World) -> None:
    gate = world.gate()
    for name, split in SPLITS.items():
        for kind, make in SHAPED.items():
            text = split(random.Random(kind), make(random.Random(name)))
            with pytest.raises(LeakStopped):
                world.ask(gate, f"it is {text} now", max_tokens=16)
    assert world.bodies == []
