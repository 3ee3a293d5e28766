"""Somebody who is paged too often: look back, turn the knob, save, say what was nothing."""

import pytest
from playwright.sync_api import Browser, expect

from tests.e2e.conftest import Visitor
from tests.e2e.lookup import detector_path
from tools.stack import Stack

pytestmark = pytest.mark.e2e


def look_back(visitor: Visitor) -> None:
    """From the page of a detector to what more eager settings would have flagged."""
    page = visitor.page
    page.get_by_role("link", name="Preview").click()
    expect(page.get_by_text("Nothing is changed by looking.")).to_be_visible()

    page.get_by_role("radio", name="Normal").focus()
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowRight")
    expect(page.get_by_role("radio", name="Eager")).to_be_checked()
    page.get_by_label("Over the last").select_option("6 hours")
    page.get_by_role("button", name="Run preview").click()
    expect(page.get_by_role("button", name="Replaying…")).to_be_visible()
    charts = page.locator("#preview-charts .uplot")
    expect(charts).to_have_count(2, timeout=60_000)
    expect(page.get_by_role("button", name="Run preview")).to_be_enabled()
    expect(page.get_by_role("columnheader", name="With these settings")).to_be_visible()
    assert "alarms_per_week=5" in page.url
    assert visitor.axe() == []
    visitor.shot("journey-preview")


def judge(visitor: Visitor) -> None:
    """Say of the newest anomaly that it is none, and take it back."""
    page = visitor.page
    first = page.locator(".anomaly").first
    first.get_by_role("button", name="Not an anomaly").click()
    expect(first.get_by_text("Remi Okafor")).to_be_visible()
    expect(first).to_contain_text("times the usual departure")
    assert "#anomaly-" in page.url
    visitor.shot("journey-feedback")
    first.get_by_role("button", name="Take back").click()
    expect(first.get_by_role("button", name="Real")).to_be_visible()


def test_from_a_look_back_to_another_sensitivity(browser: Browser, site: Stack) -> None:
    visitor = Visitor(browser, site.url)
    visitor.sign_in("responder")
    page = visitor.page
    page.goto(detector_path(site, "memory"))
    look_back(visitor)
    page.get_by_label("Series", exact=True).select_option("service=search")
    expect(page.get_by_role("img", name="As it is")).to_be_visible()
    page.get_by_role("button", name="Save these settings").click()
    expect(page.locator("#main").get_by_text("Saved 1 setting")).to_be_visible()
    expect(page.get_by_role("radio", name="Eager")).to_be_checked()

    judge(visitor)
    visitor.close()
    assert visitor.complaints == []


def test_a_source_is_tested_where_it_stands(browser: Browser, site: Stack) -> None:
    visitor = Visitor(browser, site.url)
    visitor.sign_in("responder")
    page = visitor.page
    page.goto("/sources/")
    page.get_by_role("link", name="prometheus", exact=True).click()
    page.get_by_role("button", name="Test").click()
    expect(page.locator("#source-state")).to_contain_text("Prometheus answers: 6 targets")
    expect(page.locator("#announce")).to_contain_text("Prometheus answers")
    expect(page.get_by_role("button", name="Test")).to_be_enabled()
    assert visitor.axe() == []
    page.goto("/sources/")
    page.get_by_role("link", name="prometheus-eu").click()
    page.get_by_role("button", name="Test").click()
    expect(page.locator("#source-state")).to_contain_text("Check the address and port")
    assert visitor.axe() == []
    visitor.close()
    assert visitor.complaints == []
