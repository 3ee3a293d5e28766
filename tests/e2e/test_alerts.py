"""Alerts and silences in a real browser: both themes, both sizes, and the way through them."""

import pytest
from playwright.sync_api import Browser, expect

from tests.e2e.conftest import LOOKS, SIZES, Visitor
from tests.e2e.lookup import uuid_of
from tests.e2e.test_pages import problems_of
from tools.stack import Stack

pytestmark = pytest.mark.e2e


def _alert(site: Stack, where: str) -> str:
    return f"/alerts/{uuid_of(site, 'incidents_alert', where)}/"


def _home(site: Stack) -> str:
    return uuid_of(site, "incidents_incident", "title like 'ledger%'")


def _silence(site: Stack, where: str) -> str:
    return f"/silences/{uuid_of(site, 'incidents_silence', where)}/"


def _pages(site: Stack) -> dict[str, str]:
    flapping = _alert(site, "is_flapping").strip("/").split("/")[1]
    return {
        "alerts": "/alerts/",
        "alerts-all": "/alerts/?view=all",
        "alerts-flapping": "/alerts/?view=flapping",
        "alerts-silenced": "/alerts/?view=silenced",
        "alerts-save-view": "/alerts/views/save/?view=all&q=ledger",
        "alerts-of-one-incident": f"/alerts/?view=all&incident={_home(site)}",
        "alerts-nothing-matches": "/alerts/?q=zebra",
        "alert": _alert(site, "is_flapping"),
        "alert-silenced": _alert(site, "silenced_by_id is not null"),
        "alert-no-data": _alert(site, "status = 'no_data'"),
        "silences": "/silences/",
        "silence": _silence(site, "kind = 'maintenance'"),
        "silence-coming": _silence(site, "not replays"),
        "silence-over": _silence(site, "replayed_at is not null"),
        "silence-new": "/silences/new/",
        "silence-of-an-alert": f"/silences/new/?alert={flapping}",
        "incident-of-alerts": "/incidents/?view=all&q=bookings",
    }


ENDED = """
from airra.lib import clock; from incidents.models import Alert
newcomer = Alert.objects.filter(title="Newcomer on ledger")
newcomer.update(status="resolved", ends_at=clock.now())
"""


@LOOKS
def test_every_page_of_alerts(browser: Browser, site: Stack, dark: bool, size: str) -> None:
    variant = f"{size}-{'dark' if dark else 'light'}"
    visitor = Visitor(browser, site.url, dark=dark, size=size)
    visitor.sign_in("admin")
    problems: list[str] = []
    for name, path in _pages(site).items():
        answer = visitor.page.goto(path)
        assert answer is not None
        assert answer.status == 200, (name, answer.status)
        problems += problems_of(visitor, name, shot=f"{name}-{variant}")
    visitor.close()
    assert not problems, "\n".join(problems)


@pytest.mark.parametrize("size", SIZES)
def test_no_alert_yet(browser: Browser, empty_site: Stack, size: str) -> None:
    visitor = Visitor(browser, empty_site.url, size=size)
    visitor.sign_in("admin")
    problems: list[str] = []
    for name in ("alerts", "silences"):
        visitor.page.goto(f"/{name}/")
        problems += problems_of(visitor, name, shot=f"empty-{name}-{size}-light")
    visitor.close()
    assert not problems, "\n".join(problems)


def test_the_list_waits_and_an_alert_tells_its_news(browser: Browser, site: Stack) -> None:
    """A new alert is offered and moves nothing; its page tells of its end without a reload."""
    visitor = Visitor(browser, site.url)
    visitor.sign_in("responder")
    page = visitor.page
    page.goto("/alerts/?q=ledger")
    first = page.locator("[data-row-link]").first
    expect(first).to_have_text("QueueSuppressed on ledger")
    page.get_by_label("Tick BookingsFail on ledger").first.check()
    at = first.bounding_box()
    seed = "from tests.e2e.seed_alerts import _alert; _alert('Newcomer on ledger', minutes=0)"
    site.manage("shell", "--no-imports", "-c", seed)
    offer = page.get_by_role("link", name="1 new alert: show")
    expect(offer).to_be_visible(timeout=20_000)
    expect(page.locator("#announce")).to_have_text("1 new alert")
    assert first.bounding_box() == at
    assert visitor.axe() == []
    visitor.shot("alerts-new-desk-light")
    offer.focus()
    page.keyboard.press("Enter")
    expect(first).to_have_text("Newcomer on ledger")
    expect(first).to_be_focused()
    expect(page.get_by_label("Tick BookingsFail on ledger").first).to_be_checked()
    expect(offer).to_have_count(0)
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="Newcomer on ledger")).to_be_visible()
    site.manage("shell", "--no-imports", "-c", ENDED)
    expect(page.locator("#announce")).to_have_text("Newcomer on ledger is resolved", timeout=20_000)
    visitor.close()
    assert visitor.complaints == []


def test_a_view_of_the_alerts_is_saved_opened_and_removed(browser: Browser, site: Stack) -> None:
    visitor = Visitor(browser, site.url)
    visitor.sign_in("responder")
    page = visitor.page
    page.goto("/alerts/?view=all&q=Backup&severity=high")
    page.get_by_role("link", name="Save view").click()
    page.get_by_label("Name of the view").fill("Backups")
    page.get_by_role("button", name="Save view").click()
    expect(page.locator("#main").get_by_text("Saved the view Backups.")).to_be_visible()
    page.get_by_role("list", name="Saved views").get_by_role("link", name="Backups").click()
    expect(page.get_by_label("Search")).to_have_value("Backup")
    expect(page.get_by_role("link", name="All", exact=True)).to_have_attribute(
        "aria-current", "true"
    )
    assert visitor.axe() == []
    page.get_by_role("button", name="Remove the view Backups").click()
    expect(page.locator("#main").get_by_text("Removed the view Backups.")).to_be_visible()
    expect(page.get_by_role("heading", name="Alerts")).to_be_visible()
    visitor.close()
    assert visitor.complaints == []


def test_ticked_alerts_are_silenced_by_what_they_share(browser: Browser, site: Stack) -> None:
    """Tick, keep the ticks through a poll, see what matches, begin, end."""
    visitor = Visitor(browser, site.url)
    visitor.sign_in("responder")
    page = visitor.page
    page.goto("/alerts/?q=Queue")
    page.get_by_label("Tick QueueNo_data on ledger").check()
    page.get_by_label("Tick QueueSuppressed on ledger").check()
    page.evaluate("document.getElementById('alert-rows').dispatchEvent(new Event('airra:poll'))")
    page.wait_for_timeout(500)
    expect(page.get_by_label("Tick QueueNo_data on ledger")).to_be_checked()
    page.get_by_role("button", name="Silence ticked").click()
    expect(page.get_by_label("Labels, one a line")).to_have_value("region = eu-1")
    page.get_by_label("Why").fill("Known, and being mended")
    page.get_by_role("button", name="See what matches").click()
    expect(page.get_by_text("live alerts match")).to_be_visible()
    page.get_by_role("button", name="Begin the silence").click()
    expect(page.get_by_role("heading", name="Known, and being mended")).to_be_visible()
    page.get_by_role("button", name="End it now").click()
    expect(page.locator("#main").get_by_text("Ended: Known, and being mended")).to_be_visible()
    visitor.close()
    assert visitor.complaints == []
