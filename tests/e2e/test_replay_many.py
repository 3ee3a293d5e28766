"""Deliveries that were refused, replayed together by keyboard: told first, then done."""

import json

import pytest
from playwright.sync_api import Browser, expect

from tests.e2e.conftest import Visitor
from tests.e2e.test_keyboard_only import follow, skip_to_content
from tests.e2e.test_pages import problems_of
from tools.stack import Stack

pytestmark = pytest.mark.e2e

BODY = json.dumps({"title": "tape is full", "service": "archive", "key": "tape"})
FILL = f"""
from incidents.models import Delivery, Integration
sender = Integration.objects.get(name="scripts")
given = {{"integration": sender, "body": {BODY!r}.encode(), "state": "refused"}}
for number in range(3):
    Delivery.objects.create(identity=f"many-{{number}}", error="zebra: not a name", **given)
Delivery.objects.create(
    integration=sender, identity="many-3", body=b"{{}}", error="zebra: no proof", state="untrusted"
)
"""


def test_what_the_filter_shows_is_replayed_by_keys_alone(browser: Browser, site: Stack) -> None:
    site.manage("shell", "--no-imports", "-c", FILL)
    visitor = Visitor(browser, site.url)
    visitor.sign_in("responder")
    page = visitor.page
    page.goto("/deliveries/?q=zebra")
    skip_to_content(page)
    follow(page, page.get_by_role("link", name="Replay what is shown"))
    expect(page.get_by_role("heading", name="Replay", exact=True)).to_be_visible()
    expect(page.get_by_text("in the order of arrival")).to_be_visible()
    expect(page.get_by_role("heading", name="1 cannot be read again")).to_be_visible()
    problems = problems_of(visitor, "replay", shot="deliveries-replay-asked-desk-light")
    skip_to_content(page)
    follow(page, page.get_by_role("button", name="Replay 3 deliveries"))
    told = page.locator("#main").get_by_text("3 deliveries are being read again")
    expect(told).to_be_visible()
    expect(page.locator("#main").get_by_text("1 delivery cannot be read again.")).to_be_visible()
    expect(page.locator("[data-row-link]")).to_have_count(1)
    visitor.close()
    assert visitor.complaints == []
    assert not problems, "\n".join(problems)
