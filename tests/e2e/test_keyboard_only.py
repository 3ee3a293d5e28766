"""An on-call engineer without a mouse: an alert is found and moved, a refused delivery mended."""

import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from tests.e2e.conftest import Visitor
from tests.e2e.lookup import key_in
from tools.stack import Stack

pytestmark = pytest.mark.e2e

# What has the focus: whether it is the one looked for, and whether anybody can see it. The window
# may take some frames to scroll there.
STOP = """async (wanted) => {
  const at = document.activeElement;
  if (at === document.body) return {isIt: false, isSeen: true, name: "body"};
  const isRinged = (one) => one !== null && getComputedStyle(one).outlineStyle !== "none";
  const isOpen = () => {
    const box = at.getClientRects()[0];
    const over = document.elementFromPoint(box.left + box.width / 2, box.top + box.height / 2);
    return over !== null && (at.contains(over) || over.matches("label"));
  };
  for (let frame = 0; frame < 30 && !isOpen(); frame++) await new Promise(requestAnimationFrame);
  const isSeen = isOpen() && (isRinged(at) || isRinged(at.closest("label")));
  return {isIt: at === wanted, isSeen, name: at.outerHTML.slice(0, 200)};
}"""
READ = """
from incidents.commands.delivery import process; from incidents.models import Delivery
for one in Delivery.objects.filter(state="stored"): process(delivery_id=str(one.pk))
"""


def tab_to(page: Page, wanted: Locator, *, key: str = "Tab", most: int = 80) -> None:
    """Press Tab until it has the focus; each stop on the way can be seen."""
    expect(wanted).to_be_visible()
    goal = wanted.element_handle()
    for _ in range(most):
        page.keyboard.press(key)
        stop = page.evaluate(STOP, goal)
        assert stop["isSeen"], stop["name"]
        if stop["isIt"]:
            return
    pytest.fail(f"no {key} reaches {wanted}")


def skip_to_content(page: Page) -> None:
    tab_to(page, page.get_by_role("link", name="Skip to content"), most=1)
    page.keyboard.press("Enter")
    expect(page.locator("#main")).to_be_focused()


def follow(page: Page, wanted: Locator) -> None:
    tab_to(page, wanted)
    page.keyboard.press("Enter")


def test_an_alert_is_moved_by_keys_alone(browser: Browser, site: Stack) -> None:
    visitor = Visitor(browser, site.url)
    visitor.sign_in("responder")
    page = visitor.page
    to = key_in(site, "acknowledged", "ledger%")
    page.goto("/alerts/")
    skip_to_content(page)
    tab_to(page, page.get_by_label("Search"), most=1)
    page.keyboard.type("queue of mails")
    page.keyboard.press("Enter")
    page.wait_for_url("**q=queue*")
    follow(page, page.get_by_role("link", name="queue of mails grows"))
    expect(page.get_by_role("heading", name="queue of mails grows")).to_be_visible()
    move = page.get_by_role("link", name="Move")
    follow(page, move)
    expect(page.locator("#panel-title")).to_be_focused()
    page.keyboard.press("Escape")
    expect(move).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.locator("#panel-title")).to_be_focused()
    panel = page.locator("#drawer")
    tab_to(page, panel.get_by_label("Move it to"))
    page.keyboard.type(f"{to} ")
    tab_to(page, panel.get_by_label("Why"), most=1)
    page.keyboard.type("the mails are bookings")
    follow(page, panel.get_by_role("button", name="Move"))
    page.wait_for_url(f"**/incidents/{to}/")
    expect(page.locator("#announce")).to_have_text(f"“queue of mails grows” is in {to} now.")
    visitor.close()
    assert visitor.complaints == []


def mend(visitor: Visitor) -> None:
    """Point the mapping at the title, with a slip that the summary leads back to."""
    page = visitor.page
    skip_to_content(page)
    follow(page, page.get_by_role("link", name="Mend the mapping"))
    expect(page.get_by_role("heading", name="Mapping of scripts")).to_be_visible()
    skip_to_content(page)
    tab_to(page, page.get_by_label("Title", exact=True))
    page.keyboard.type("not_null(title, event.[")
    preview = page.get_by_role("button", name="Preview")
    follow(page, preview)
    wrong = page.get_by_role("link", name="Title")
    expect(wrong).to_be_visible()
    expect(preview).to_be_focused()
    visitor.complaints = [c for c in visitor.complaints if "status of 422" not in c]
    tab_to(page, wrong, key="Shift+Tab")
    page.keyboard.press("Enter")
    expect(page.get_by_label("Title", exact=True)).to_be_focused()
    page.keyboard.press("End")
    page.keyboard.press("Backspace")
    page.keyboard.type("what)")
    follow(page, preview)
    expect(page.locator("#announce")).to_contain_text("payloads would be read")
    expect(preview).to_be_focused()


def test_a_refused_delivery_is_mended_by_keys_alone(browser: Browser, site: Stack) -> None:
    visitor = Visitor(browser, site.url)
    visitor.sign_in("admin")
    page = visitor.page
    page.goto("/deliveries/?state=refused&q=title")
    skip_to_content(page)
    follow(page, page.locator("[data-row-link]").first)
    expect(page.get_by_role("heading", name="Delivery of scripts")).to_be_visible()
    refused = page.url
    mend(visitor)
    follow(page, page.get_by_role("button", name="Save mapping"))
    expect(page.locator("#main").get_by_text("Saved the mapping of scripts.")).to_be_visible()
    page.goto(refused)
    skip_to_content(page)
    follow(page, page.get_by_role("button", name="Replay"))
    expect(
        page.locator("#main").get_by_text("Read again: this page shows what becomes of it.")
    ).to_be_visible()
    site.manage("shell", "--no-imports", "-c", READ)
    expect(page.get_by_role("link", name="disk full on db-1").first).to_be_visible()
    expect(page.locator("#announce")).to_have_text("Read")
    visitor.close()
    assert visitor.complaints == []
