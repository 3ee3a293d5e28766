"""The panel of hypotheses in every standing, and a person who steers and stops what runs."""

import re

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.e2e.conftest import LOOKS, Visitor
from tests.e2e.lookup import key_in, uuid_of
from tools.stack import Stack

pytestmark = pytest.mark.e2e


def standings(site: Stack) -> dict[str, str]:
    """Where each standing of the panel is to be seen."""
    of = "/incidents/{}/"
    running = uuid_of(site, "analysis_investigation", "state = 'running'")
    model = uuid_of(site, "analysis_investigation", "reasoner like 'anthropic%'")
    bank = key_in(site, "analysing", "bank%")
    return {
        "panel-running": of.format(key_in(site, "analysing", "search%")),
        "panel-by-a-model": of.format(bank),
        "panel-abstained": of.format(key_in(site, "no_safe_action", "inventory%")),
        "panel-cancelled": of.format(key_in(site, "no_safe_action", "fax%")),
        "panel-failed": of.format(key_in(site, "analysing", "gateway%")),
        "panel-shared": of.format(key_in(site, "open", "checkout: 12%")),
        "panel-awaited": of.format(key_in(site, "open", "batch%")),
        "investigation": f"/investigations/{model}/",
        "investigation-running": f"/investigations/{running}/",
        "evidence-of": f"/investigations/{model}/evidence/1/",
        "steer": f"/investigations/{running}/steer/",
        "suggest": f"/incidents/{bank}/hypotheses/add/",
    }


@LOOKS
def test_every_standing_of_the_panel(browser: Browser, site: Stack, dark: bool, size: str) -> None:
    variant = f"{size}-{'dark' if dark else 'light'}"
    visitor = Visitor(browser, site.url, dark=dark, size=size)
    visitor.sign_in("responder")
    page = visitor.page
    problems: list[str] = []
    for name, path in standings(site).items():
        page.goto(path)
        panel = page.locator("#hypotheses, #panel").first
        for fold in panel.locator("details").all():
            fold.evaluate("each => each.open = true")
        if page.locator("#charts").count():
            page.wait_for_selector("#charts > :not(.skeleton)", timeout=15_000)
        visitor.shot_of(page.locator("#hypotheses, #panel, #steer-form").first, f"{name}-{variant}")
        problems += [f"{name}: {found}" for found in [*visitor.complaints, *visitor.axe()]]
        visitor.complaints.clear()
        wide = page.evaluate("document.documentElement.scrollWidth - window.innerWidth")
        if wide > 0:
            problems.append(f"{name}: scrolls sideways by {wide} px")
    visitor.close()
    assert not problems, "\n".join(problems)


def poll(page: Page) -> None:
    page.evaluate("document.getElementById('incident-live').dispatchEvent(new Event('airra:poll'))")


def tell(site: Stack, key: str, *steps: str) -> None:
    """What a worker would do with the investigation of this incident: none runs beside the site."""
    begin = (
        "from analysis.models import Investigation as I\n"
        "from analysis.commands.investigation import course, lease, stop\n"
        "from analysis.types import Cancelled, Progress as P, ProgressKind as K\n"
        f"i = I.objects.get(state__in=I.LIVE, incident__number={key.removeprefix('INC-')})\n"
    )
    site.manage("shell", "--no-imports", "-c", begin + "\n".join(steps))


def test_from_start_to_cancel(browser: Browser, site: Stack) -> None:
    visitor = Visitor(browser, site.url)
    visitor.sign_in("responder")
    page = visitor.page
    key = key_in(site, "acknowledged", "database%")
    page.goto(f"/incidents/{key}/")
    page.get_by_role("button", name="Investigate").click()
    panel = page.locator("#hypotheses")
    expect(panel.get_by_role("heading", name="Waiting for a worker")).to_be_visible()
    answer = "P(K.TOOL_FINISHED, 'connections at 412', {'tool': 'get_onsets', 'evidence': 1})"
    stage = "P(K.STAGE, 'Gathering evidence')"
    tell(site, key, "assert lease.claim(i)", f"course.tell(i, {stage}, {answer})")
    poll(page)
    expect(panel.get_by_role("heading", name="Gathering evidence")).to_be_visible()
    expect(panel.get_by_text("connections at 412")).to_be_visible()
    steer_and_suggest(page)
    panel.get_by_role("button", name="Cancel").click()
    expect(panel.get_by_role("heading", name="Stopping before the next step")).to_be_visible()
    tell(
        site,
        key,
        "try: course.tell(i, P(K.STAGE, 'Ranking'))",
        "except Cancelled: stop.end_cancelled(i)",
    )
    poll(page)
    expect(panel.get_by_text("What was gathered stays.")).to_be_visible()
    expect(panel.get_by_role("button", name="Look again")).to_be_visible()
    visitor.close()
    assert visitor.complaints == []


def steer_and_suggest(page: Page) -> None:
    panel = page.locator("#hypotheses")
    panel.get_by_label("Steer it").fill("look at the pool of checkout")
    panel.get_by_role("button", name="Steer the investigation").click()
    expect(panel.get_by_text("look at the pool of checkout")).to_be_visible()
    expect(panel.get_by_text("not read yet")).to_be_visible()
    expect(panel.get_by_label("Steer it")).to_have_value("")
    panel.get_by_role("link", name="Add a hypothesis").click()
    drawer = page.locator("#drawer")
    drawer.get_by_label("Where the cause is").select_option(label="checkout")
    drawer.get_by_label("What kind of fault").select_option("saturation")
    drawer.get_by_label("What you think happened").fill("the pool of checkout is too large")
    drawer.get_by_role("button", name="Put it to the test").click()
    expect(panel.get_by_text("is put to the test")).to_be_visible()


def test_an_abstention_reads_as_a_result(browser: Browser, site: Stack) -> None:
    visitor = Visitor(browser, site.url)
    visitor.sign_in("viewer")
    page = visitor.page
    page.goto(f"/incidents/{key_in(site, 'no_safe_action', 'inventory%')}/")
    result = page.get_by_role("article", name="No cause established")
    for heading in ("Strongest lead", "What would settle it", "Without an answer"):
        expect(result.get_by_role("heading", name=heading)).to_be_visible()
    result.get_by_role("link", name=re.compile(r"\[E1 ")).click()
    drawer = page.locator("#drawer")
    expect(drawer.get_by_text("This says nothing about health")).to_be_visible()
    visitor.close()
    assert visitor.complaints == []


def test_every_number_leads_to_its_query(browser: Browser, site: Stack) -> None:
    visitor = Visitor(browser, site.url)
    visitor.sign_in("viewer")
    page = visitor.page
    page.goto(f"/incidents/{key_in(site, 'awaiting_approval', 'payments%')}/")
    page.locator(".hypothesis").first.get_by_role("link", name=re.compile(r"\[E1 ")).first.click()
    drawer = page.locator("#drawer")
    for word in ("Asked", "Window", "Covered", "Custody", "Digest"):
        expect(drawer.get_by_text(word, exact=True)).to_be_visible()
    expect(drawer.get_by_text("process_resident_memory_bytes").first).to_be_visible()
    expect(drawer.get_by_role("heading", name="Onset")).to_be_visible()
    expect(drawer.get_by_text("What a model may see of it")).to_be_visible()
    visitor.close()
    assert visitor.complaints == []
