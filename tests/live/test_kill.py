"""SIGKILL at every stage of the way: one incident, one effect, resolved in the end."""

import signal
from collections.abc import Iterator
from typing import Any

import httpx2
import pytest

from tools.stack import Stack, wait_for

pytestmark = pytest.mark.live

FAULT = "pool-exhaustion"  # its signs do not depend on how busy this machine is
WARM_UP_S = 100


class Story:
    """What the test needs to know of the one incident."""

    def __init__(self, stack: Stack) -> None:
        self.stack = stack
        self.api = stack.api("approver")

    def get(self, path: str) -> Any:
        """None while the web process is down."""
        try:
            answer = self.api.get(path)
        except httpx2.TransportError:
            return None
        return answer.json() if answer.status_code == 200 else None

    def incidents(self) -> list[dict[str, Any]]:
        found = self.get("/incidents")
        return list(found["items"]) if found else []

    def state(self) -> str:
        found = self.incidents()
        return str(found[0]["state"]) if found else ""

    def pending(self) -> list[dict[str, Any]]:
        found = self.get("/approvals/pending")
        return list(found["items"]) if found else []

    def effects(self) -> list[dict[str, Any]]:
        url = f"{self.stack.lab_url}/control/v1/effects"
        return list(httpx2.get(url, trust_env=False).json()["effects"])

    def wait_state(self, *states: str, within_s: float) -> str:
        try:
            return str(
                wait_for(
                    f"state {' or '.join(states)}",
                    lambda: (now := self.state()) in states and now,
                    within_s=within_s,
                    every_s=0.1,
                )
            )
        except TimeoutError as late:
            msg = f"{late}; {self.told()}"
            raise TimeoutError(msg) from late

    def told(self) -> str:
        """What each incident says of itself, for whoever reads why the test failed."""
        return "; ".join(
            f"{row['key']} {row['state']}: "
            + " | ".join(e["text"] for e in self.get(f"/incidents/{row['key']}/timeline"))
            for row in self.incidents()
        )


@pytest.fixture
def story(stack: Stack) -> Iterator[Story]:
    told = Story(stack)
    yield told
    told.api.close()


def restart_workers(stack: Stack) -> None:
    """The one that thinks and the one that acts."""
    for name, start in (("worker", stack.start_worker), ("executor", stack.start_executor)):
        stack.kill(name, with_signal=signal.SIGKILL)
        start()


def approve(story: Story) -> None:
    waiting = wait_for("an approval", story.pending, within_s=120)[0]
    answer = story.api.post(
        f"/approvals/{waiting['id']}/approve",
        json={"approved_by": "approver", "execution_mode": "live", "comment": "go"},
    )
    assert answer.status_code < 300, answer.text


def hold_next_answer(stack: Stack, seconds: float) -> None:
    """The target does what it is asked and then keeps its answer back."""
    url = f"{stack.lab_url}/lab/chaos"
    httpx2.post(url, json={"delay_s": seconds}, trust_env=False).raise_for_status()


def test_killed_at_every_stage_it_ends_once(stack: Stack, story: Story) -> None:
    stack.start_lab()
    stack.prepare()
    stack.start_airra()
    with pytest.raises(TimeoutError):  # calm: nothing opens while detectors learn
        wait_for("an incident in a healthy shop", story.incidents, within_s=WARM_UP_S)
    stack.inject(FAULT)

    wait_for("an incident", story.incidents, within_s=150, every_s=0.2)
    restart_workers(stack)  # while it investigates
    story.wait_state("awaiting_approval", within_s=180)
    restart_workers(stack)  # while a person thinks
    stack.kill("beat")
    stack.start_beat()

    hold_next_answer(stack, 4)
    approve(story)
    wait_for("the effect at the target", story.effects, within_s=60, every_s=0.05)
    restart_workers(stack)  # after the effect, before its answer: nobody knows
    story.wait_state("verifying", "resolved", within_s=240)
    restart_workers(stack)  # while it proves the fix
    stack.kill("web")
    stack.start_web()
    story.wait_state("resolved", within_s=300)

    assert len(story.incidents()) == 1
    assert [e["action"] for e in story.effects()] == ["restart"]
