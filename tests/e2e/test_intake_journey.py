"""From a body that nobody foresaw to an incident: refused, mapped with a look, read again."""

import re
from typing import Any

import httpx2
import pytest
from playwright.sync_api import Page, expect

from tests.e2e.conftest import Visitor
from tools.stack import Stack

pytestmark = pytest.mark.e2e

BODY: dict[str, Any] = {
    "event": {"what": "tape library is out of tapes", "where": "backup"},
    "level": "sev2",
}


def added(page: Page, stack: Stack) -> tuple[str, str]:
    """A generic integration made by hand: its address and its token."""
    page.goto("/integrations/")
    page.get_by_role("link", name="Add an integration").first.click()
    page.get_by_role("link", name="Generic JSON").click()
    page.get_by_label("Name").fill("backup scripts")
    page.get_by_role("button", name="Add integration").click()
    expect(page.get_by_text("This is the only time the secret is shown.")).to_be_visible()
    page.get_by_role("button", name="Copy").nth(1).click()
    expect(page.get_by_text("Copied").or_(page.get_by_text("Selected")).first).to_be_visible()
    address = page.locator("#address").inner_text().strip()
    assert address.startswith(f"{stack.url}/hooks/")
    return address, page.locator("#secret").inner_text().strip()


def sent(address: str, token: str) -> httpx2.Response:
    headers = {"Authorization": f"Bearer {token}"}
    return httpx2.post(address, json=BODY, headers=headers, timeout=20, trust_env=False)


def mend(visitor: Visitor) -> None:
    """Point the mapping at what came; a wrong expression is told beside its field."""
    page = visitor.page
    page.get_by_role("link", name="Mend the mapping").click()
    expect(page.get_by_text("0 of 1 payloads would be read").first).to_be_visible()
    page.get_by_label("Title", exact=True).fill("event.[")
    page.get_by_role("button", name="Preview").click()
    expect(page.locator("#id_title_error")).to_be_visible()
    visitor.complaints = [c for c in visitor.complaints if "status of 422" not in c]
    page.get_by_label("Title", exact=True).fill("event.what")
    page.get_by_label("Service", exact=True).fill("event.where")
    page.get_by_label("Severity", exact=True).fill("level")
    page.get_by_label("Words of severity").fill("sev2 = high")
    page.get_by_role("button", name="Preview").click()
    expect(page.get_by_text("1 of 1 payloads would be read").first).to_be_visible()
    expect(page.get_by_text(BODY["event"]["what"], exact=True)).to_be_visible()
    expect(page.locator("#announce")).to_contain_text("1 of 1 payloads")
    assert visitor.axe() == []
    visitor.shot("journey-mapping")
    page.get_by_role("button", name="Save mapping").click()
    expect(
        page.locator("#main").get_by_text("Saved the mapping of backup scripts.")
    ).to_be_visible()


def test_from_a_refused_body_to_an_incident(visit: type[Visitor], stack: Stack) -> None:
    visitor = visit(account="admin")  # type: ignore[call-arg]  # the fixture brings the stack
    page = visitor.page
    address, token = added(page, stack)
    assert visitor.axe() == []
    visitor.shot("journey-integration-ready")
    answer = sent(address, token)
    assert (answer.status_code, answer.json()["errors"][0]["field"]) == (422, "title")

    page.get_by_role("link", name="I have the secret").click()
    expect(page.locator("#main").get_by_text("1 delivery was not understood.")).to_be_visible()
    assert token not in page.content()
    mend(visitor)

    page.get_by_role("button", name="Replay 1 refused").click()
    expect(page.locator("#main").get_by_text("Read 1 delivery again.")).to_be_visible()
    link = page.get_by_role("link", name=re.compile(r"^INC-\d+$")).first
    for _ in range(40):
        if link.is_visible():
            break
        page.wait_for_timeout(250)
        page.reload()
    visitor.shot("journey-replayed")
    link.click()
    expect(page.get_by_role("heading", name="tape library is out of tapes")).to_be_visible()
    expect(page.locator(".timeline").get_by_text("backup scripts").first).to_be_visible()
    visitor.shot("journey-intake-incident")


def test_a_test_alert_shows_itself_become_an_incident_and_end(
    visit: type[Visitor], stack: Stack
) -> None:
    visitor = visit(account="admin")  # type: ignore[call-arg]  # the fixture brings the stack
    page = visitor.page
    page.goto("/integrations/")
    page.get_by_role("link", name="alertmanager", exact=True).click()
    page.get_by_role("button", name="Send a test alert").click()
    expect(page.get_by_role("heading", name="Test of alertmanager")).to_be_visible()
    became = page.locator("#became")
    expect(became.get_by_role("link", name=re.compile(r"^INC-\d+$"))).to_be_visible(timeout=20_000)
    assert visitor.axe() == []
    visitor.shot("journey-test-alert")
    page.get_by_role("button", name="Send the end of the test").click()
    expect(page.locator("#main").get_by_text("The end of the test is on its way.")).to_be_visible()
    expect(became.locator(".pill", has_text="Resolved").first).to_be_visible(timeout=20_000)
    expect(page.get_by_role("button", name="Send the end of the test")).to_have_count(0)
    visitor.shot("journey-test-ended")
