"""Where the focus is after a swap, and what a form does whose answer never comes."""

import pytest
from playwright.sync_api import Browser, expect

from tests.e2e.conftest import Visitor
from tests.e2e.lookup import key_in, sender_path
from tools.stack import Stack

pytestmark = pytest.mark.e2e


def test_the_focus_stays_with_what_was_pressed(browser: Browser, site: Stack) -> None:
    visitor = Visitor(browser, site.url)
    visitor.sign_in("responder")
    page = visitor.page
    page.goto(f"/incidents/{key_in(site, 'acknowledged', 'ledger%')}/")
    page.get_by_label("Add a note").fill("by keys")
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    expect(page.locator(".timeline").get_by_text("by keys")).to_be_visible()
    expect(page.get_by_role("button", name="Add note")).to_be_focused()
    retry = page.locator("#charts").get_by_role("button", name="Retry").first
    with page.expect_response("**/signals.json?**"):
        retry.press("Enter")
    expect(retry).to_be_focused()
    visitor.close()
    assert visitor.complaints == []


def test_a_form_without_an_answer_can_be_sent_again(browser: Browser, site: Stack) -> None:
    """The button rests while the answer is awaited, not for ever; the same news is told again."""
    visitor = Visitor(browser, site.url)
    visitor.sign_in("admin")
    page = visitor.page
    page.goto(sender_path(site, "scripts", "/integrations/{}/mapping/"))
    preview = page.get_by_role("button", name="Preview")
    page.route("**/mapping/", lambda route: route.abort())
    preview.press("Enter")
    expect(page.locator("#offline")).to_be_visible()
    expect(preview).not_to_have_attribute("aria-disabled", "true")
    expect(preview).to_be_focused()
    page.unroute("**/mapping/")
    preview.press("Enter")
    expect(page.locator("#announce")).to_contain_text("payloads would be read")
    expect(page.locator("#offline")).to_be_hidden()
    visitor.close()
    assert [c for c in visitor.complaints if "ERR_FAILED" not in c and "htmx" not in c] == []
