"""Grouping in a real browser: its pages in both themes and sizes, and the way through them."""

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.e2e.conftest import LOOKS, Visitor
from tests.e2e.lookup import first, key_in, uuid_of
from tests.e2e.test_pages import problems_of
from tools.stack import Stack

pytestmark = pytest.mark.e2e


def _of_alerts(site: Stack) -> str:
    return key_in(site, "acknowledged", "ledger%")


def _trial(site: Stack, state: str) -> str:
    found = uuid_of(site, "incidents_ruletrial", f"state = '{state}'")
    return f"/grouping/trials/{found}/"


def _work(site: Stack) -> None:
    """What a worker would do: this site has none."""
    code = (
        "from incidents.commands import rule_trial; from incidents.models import RuleTrial\n"
        "for one in RuleTrial.objects.filter(state='queued'): rule_trial.run(trial_id=str(one.pk))"
    )
    site.manage("shell", "--no-imports", "-c", code)


def _pages(site: Stack) -> dict[str, str]:
    key = _of_alerts(site)
    return {
        "incident-why": f"/incidents/{key}/",
        "incident-alerts": f"/incidents/{key}/alerts/",
        "alert-move": f"/alerts/{uuid_of(site, 'incidents_alert', 'is_flapping')}/move/",
        "merge": f"/incidents/{key}/merge/",
        "unmerge": f"/incidents/{key_in(site, 'merged')}/unmerge/",
        "grouping": "/grouping/",
        "grouping-new": "/grouping/new/",
        **{f"trial-{state}": _trial(site, state) for state in ("done", "running", "failed")},
    }


def _fill(page: Page, name: str) -> None:
    page.get_by_label("Name").fill(name)
    page.get_by_label("Labels, one a line").fill("region = eu-1")
    page.get_by_label("They are one incident when").fill("region")


@LOOKS
def test_every_page_of_grouping(browser: Browser, site: Stack, dark: bool, size: str) -> None:
    variant = f"{size}-{'dark' if dark else 'light'}"
    visitor = Visitor(browser, site.url, dark=dark, size=size)
    visitor.sign_in("admin")
    problems: list[str] = []
    for name, path in _pages(site).items():
        answer = visitor.page.goto(path)
        assert answer is not None
        assert answer.status == 200, (name, answer.status)
        problems += problems_of(visitor, name, shot=f"{name}-{variant}")
    page = visitor.page
    page.goto("/grouping/new/")
    _fill(page, f"trial {variant}")
    page.get_by_role("button", name="Keep the rule").click()
    expect(page.get_by_role("link", name=f"trial {variant}")).to_be_visible()
    problems += problems_of(visitor, "rules", shot=f"grouping-rules-{variant}")
    visitor.close()
    assert not problems, "\n".join(problems)


def test_a_rule_is_tried_kept_and_switched_on(browser: Browser, site: Stack) -> None:
    visitor = Visitor(browser, site.url)
    visitor.sign_in("admin")
    page = visitor.page
    page.goto("/grouping/new/")
    _fill(page, "one region")
    page.get_by_role("button", name="Try it on history").click()
    expect(page.get_by_role("heading", name="Waiting for a worker")).to_be_visible()
    page.get_by_role("button", name="Cancel the trial").click()
    expect(page.locator("#main").get_by_text("nothing came of it")).to_be_visible()
    page.get_by_role("button", name="Try it on history").click()
    expect(page.get_by_role("heading", name="Waiting for a worker")).to_be_visible()
    _work(site)
    expect(page.get_by_text("nothing written")).to_be_visible(timeout=20_000)
    expect(page.locator("#announce")).to_contain_text("The trial has ended")
    page.get_by_role("button", name="Keep the rule").click()
    expect(page.locator("#main").get_by_text("It is off.")).to_be_visible()
    page.get_by_role("button", name="Switch on one region").click()
    expect(page.locator("#main").get_by_text("“one region” decides from now on.")).to_be_visible()
    page.get_by_role("button", name="Switch off one region").click()
    expect(page.locator("#main").get_by_text("“one region” is off.")).to_be_visible()
    visitor.close()
    assert visitor.complaints == []


def test_an_alert_is_split_off_and_moved_back(browser: Browser, site: Stack) -> None:
    visitor = Visitor(browser, site.url)
    visitor.sign_in("responder")
    page = visitor.page
    key = _of_alerts(site)
    title = str(first(site, "select title from incidents_alert where status = 'no_data'"))
    page.goto(f"/incidents/{key}/")
    page.get_by_role("link", name=f"Move {title}").click()
    panel = page.locator("#drawer")
    expect(panel.get_by_label("Move it to")).to_be_visible()
    panel.get_by_label("Why").fill("another matter")
    panel.get_by_role("button", name="Move").click()
    expect(page.get_by_text(f"moved “{title}” here from {key}: another matter")).to_be_visible()
    page.get_by_role("link", name=f"Move {title}").click()
    value = page.locator(f"#drawer option:has-text('{key} ')").get_attribute("value")
    page.locator("#drawer").get_by_label("Move it to").select_option(value)
    page.locator("#drawer").get_by_role("button", name="Move").click()
    page.wait_for_url(f"**/incidents/{key}/")
    expect(page.locator("#alerts").get_by_text("A person:").first).to_be_visible()
    visitor.close()
    assert visitor.complaints == []


def test_incidents_are_merged_and_unmerged(browser: Browser, site: Stack) -> None:
    visitor = Visitor(browser, site.url)
    visitor.sign_in("responder")
    page = visitor.page
    key, into = key_in(site, "open", "batch%"), _of_alerts(site)
    page.goto(f"/incidents/{key}/")
    page.get_by_role("link", name="Merge").click()
    value = page.locator(f"#drawer option:has-text('{into} ')").get_attribute("value")
    page.locator("#drawer").get_by_label("Make it part of").select_option(value)
    page.locator("#drawer").get_by_role("button", name="Merge").click()
    expect(page.locator("#main").get_by_text(f"{key} is part of {into} now.")).to_be_visible()
    page.goto(f"/incidents/{key}/")
    page.get_by_role("link", name="Unmerge").click()
    page.locator("#drawer").get_by_label("Why it is a matter").fill("it is not the same")
    page.locator("#drawer").get_by_role("button", name="Unmerge").click()
    expect(page.locator("#main").get_by_text(f"{key} stands by itself again.")).to_be_visible()
    expect(page.locator(".timeline").get_by_text("again, as open")).to_be_visible()
    visitor.close()
    assert visitor.complaints == []
