"""The journey: a fault in the shop, an incident, its evidence, an approval, a proven fix."""

import pytest
from playwright.sync_api import expect

from tests.e2e.conftest import Visitor
from tools.stack import Stack, wait_for

pytestmark = pytest.mark.e2e

WARM_UP_S = 100


def incident_key(stack: Stack) -> str:
    with stack.api("responder") as api:

        def calm() -> bool:
            return bool(api.get("/incidents").json()["items"])

        with pytest.raises(TimeoutError):
            wait_for("an incident in a healthy shop", calm, within_s=WARM_UP_S, every_s=2)
        stack.inject("memory-leak", "payments")
        wait_for("an incident", calm, within_s=150, every_s=1)
        return str(api.get("/incidents").json()["items"][0]["key"])


def state_of(stack: Stack, key: str) -> str:
    with stack.api("responder") as api:
        return str(api.get(f"/incidents/{key}").json()["state"])


def test_from_fault_to_resolved(stack: Stack, visit: type[Visitor]) -> None:
    key = incident_key(stack)
    wait_for("a plan", lambda: state_of(stack, key) == "awaiting_approval", within_s=120)

    person = visit(account="approver")  # type: ignore[call-arg]  # bound to the stack by the fixture
    page = person.page
    page.goto("/incidents/")
    person.shot("1-list")
    page.get_by_role("link", name="payments").first.click()
    expect(page.get_by_role("heading", name="Hypotheses")).to_be_visible()
    expect(page.get_by_text("Awaiting approval").first).to_be_visible()
    expect(page.locator(".uplot").first).to_be_visible()
    person.shot("2-incident")
    assert person.axe() == []

    page.get_by_role("link", name="Review plan").first.click()
    page.get_by_label("Live").check()
    page.get_by_label("Reason").fill("memory climbs on payments only; restart is safe")
    person.shot("3-approval")
    assert person.axe() == []
    page.get_by_role("button", name="Approve").click()

    wait_for("the end", lambda: state_of(stack, key) == "resolved", within_s=300, every_s=1)
    page.goto(f"/incidents/{key}/")
    expect(page.get_by_text("Resolved").first).to_be_visible()
    expect(page.locator(".uplot").first).to_be_visible()
    person.shot("4-resolved")
    assert person.axe() == []
