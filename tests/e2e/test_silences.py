"""Silences in a person's own time, with and without a script."""

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.e2e.conftest import Visitor
from tests.e2e.test_pages import problems_of
from tools.stack import Stack

pytestmark = pytest.mark.e2e


def _begin(page: Page, why: str) -> None:
    page.goto("/silences/new/")
    page.get_by_label("Why").fill(why)
    page.get_by_label("Labels, one a line").fill("region = eu-1")


def test_a_silence_in_the_zone_of_the_browser(browser: Browser, site: Stack) -> None:
    """A quick choice by keyboard; then a time that clocks jump over, mended, told in both zones."""
    visitor = Visitor(browser, site.url, zone="Europe/Berlin", size="phone")
    visitor.sign_in("responder")
    page = visitor.page
    _begin(page, "A short one")
    expect(page.get_by_label("Until", exact=True)).to_be_hidden()
    page.get_by_label("2 hours").focus()
    page.keyboard.press("ArrowRight")
    expect(page.get_by_label("4 hours")).to_be_checked()
    page.get_by_role("button", name="Begin the silence").click()
    expect(page.locator("dl.facts").get_by_text("(in 3 h)")).to_be_visible()
    expect(page.locator("dl.facts").get_by_text("Europe/Berlin").first).to_be_visible()

    _begin(page, "Across the change of clocks")
    page.get_by_label("Between two times").check()
    page.get_by_label("From", exact=True).fill("2029-03-25T01:30")
    page.get_by_label("Until", exact=True).fill("2029-03-25T02:30")
    page.get_by_role("button", name="Begin the silence").click()
    expect(page.get_by_text("there is no such time: say 03:30")).to_be_visible()
    visitor.complaints = [c for c in visitor.complaints if "status of 422" not in c]
    problems = problems_of(visitor, "silence-times", shot="silence-times-phone-light")
    page.get_by_label("Until", exact=True).fill("2029-03-25T03:30")
    page.get_by_role("button", name="Begin the silence").click()
    expect(page.get_by_text("25 Mar 03:30 Europe/Berlin")).to_be_visible()
    expect(page.get_by_text("01:30 UTC")).to_be_visible()
    page.get_by_role("button", name="Call it off").click()
    visitor.close()
    assert not problems, "\n".join(problems)


def test_without_a_script_the_zone_is_chosen(browser: Browser, site: Stack) -> None:
    visitor = Visitor(browser, site.url, zone="Europe/Berlin", script=False)
    visitor.sign_in("responder")
    page = visitor.page
    _begin(page, "Without a script")
    expect(page.get_by_label("Times are in")).to_have_value("UTC")
    page.get_by_label("Times are in").select_option("Asia/Kolkata")
    page.get_by_label("Between two times").check()
    page.get_by_label("From", exact=True).fill("2029-03-25T08:00")
    page.get_by_label("Until", exact=True).fill("2029-03-25T09:00")
    page.get_by_role("button", name="See what matches").click()
    expect(page.get_by_text("25 Mar 09:00 Asia/Kolkata")).to_be_visible()
    expect(page.get_by_text("03:30 UTC")).to_be_visible()
    page.get_by_role("button", name="Begin the silence").click()
    page.goto("/account/")
    page.get_by_label("Silences are read and written in").select_option("Asia/Kolkata")
    page.get_by_role("button", name="Keep the zone").click()
    page.goto("/silences/")
    expect(page.get_by_text("25 Mar 09:00")).to_be_visible()
    page.get_by_role("link", name="Without a script").click()
    page.get_by_role("button", name="Call it off").click()
    visitor.close()
    assert visitor.complaints == []
