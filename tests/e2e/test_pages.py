"""Every page in a real browser: both themes, both sizes, no complaint, no finding, no script."""

from uuid import UUID

import pytest
from django.template.loader import render_to_string
from playwright.sync_api import Browser, Page, expect

from tests.e2e.conftest import LOOKS, SHOTS, SIZES, Visitor
from tests.e2e.lookup import detector_path, first, key_in, sender_path, source_path, uuid_of
from tools.stack import PASSWORD, Stack

pytestmark = pytest.mark.e2e

DELIVERIES = "incidents_delivery"
REFUSED = "state = 'refused' and error_field = 'title'"
BECAME = "id in (select delivery_id from incidents_alert where dedup_key = 'queue')"
ASKED = "?days=0.25&alarms_per_week=5&floor=0&direction=both"


def pages_of(site: Stack) -> dict[str, str]:
    showpiece = key_in(site, "awaiting_approval", "payments%")
    states = ("open", "acknowledged", "executing", "verifying", "no_safe_action", "resolved",
              "merged")  # fmt: skip
    waiting = "state = 'pending' and needed = 1"
    a_call = first(site, "select id from incidents_servicedependency order by id")
    return {
        "list": "/incidents/?view=open",
        "list-predicted": "/incidents/?view=predicted",
        "list-filtered": "/incidents/?view=all&q=latency&severity=high",
        "list-nothing-matches": "/incidents/?view=all&q=zebra",
        "list-closed": "/incidents/?view=all",
        "incident": f"/incidents/{showpiece}/",
        **{f"incident-{state}": f"/incidents/{key_in(site, state)}/" for state in states},
        "incident-analysing": f"/incidents/{key_in(site, 'analysing', 'search%')}/",
        "incident-failed": f"/incidents/{key_in(site, 'analysing', 'gateway%')}/",
        "incident-predicted": f"/incidents/{key_in(site, 'open', '%disk on its way%')}/",
        "signals": f"/incidents/{showpiece}/signals/",
        "signals-broken": f"/incidents/{key_in(site, 'analysing', 'search%')}/signals/",
        "evidence": f"/incidents/{showpiece}/evidence/1/",
        "evidence-logs": f"/incidents/{showpiece}/evidence/2/",
        "evidence-gap": f"/incidents/{showpiece}/evidence/5/",
        "verdict": f"/hypotheses/{uuid_of(site, 'analysis_hypothesis', 'rank = 1')}/confirm/",
        "resolve": f"/incidents/{showpiece}/resolve/",
        "assign": f"/incidents/{showpiece}/assign/",
        "approvals": "/approvals/",
        "approval": f"/approvals/{uuid_of(site, 'remediation_approval', waiting)}/",
        "approval-two": f"/approvals/{uuid_of(site, 'remediation_approval', 'needed = 2')}/",
        "request-action": f"/incidents/{key_in(site, 'no_safe_action')}/act/",
        "services": "/services/",
        "service": "/services/payments/",
        "service-calls": "/services/checkout/",
        "service-alone": "/services/fax/",
        "call-add": f"/dependencies/add/{uuid_of(site, 'incidents_service')}/",
        "call-hide": f"/dependencies/{a_call}/hide/",
        "detectors": "/detectors/",
        "detector": detector_path(site, "memory"),
        "detector-failing": detector_path(site, "cpu eu"),
        "detector-preview": detector_path(site, "memory", "/detectors/{}/preview/"),
        "detector-previewed": detector_path(site, "memory", f"/detectors/{{}}/preview/{ASKED}"),
        "detector-preview-failing": detector_path(
            site, "cpu eu", f"/detectors/{{}}/preview/{ASKED}"
        ),
        "detectors-nothing-matches": "/detectors/?q=zebra",
        "sources": "/sources/",
        "source": source_path(site, "prometheus"),
        "source-failing": source_path(site, "prometheus-eu"),
        "source-add": "/sources/add/",
        "integrations": "/integrations/",
        "integration": sender_path(site, "scripts"),
        "integration-signed": sender_path(site, "pagerduty old"),
        "integration-changes": sender_path(site, "deploys"),
        "integration-kinds": "/integrations/add/",
        "integration-add": "/integrations/add/?kind=cloudwatch_sns",
        "integration-token": sender_path(site, "scripts", "/integrations/{}/token/"),
        "mapping": sender_path(site, "scripts", "/integrations/{}/mapping/"),
        "deliveries": "/deliveries/",
        "deliveries-of-one": sender_path(site, "scripts", "/deliveries/?integration={}"),
        "deliveries-replay": "/deliveries/replay/?state=not_read",
        "deliveries-nothing-matches": "/deliveries/?q=zebra",
        "delivery-refused": f"/deliveries/{uuid_of(site, DELIVERIES, REFUSED)}/",
        "delivery-read": f"/deliveries/{uuid_of(site, DELIVERIES, BECAME)}/",
        "models": "/models/",
        "model-add": "/models/add/",
        "model": f"/models/{uuid_of(site, 'analysis_modelprovider')}/",
        "sent": f"/investigations/{_asked(site)}/sent/",
        "sent-body": f"/investigations/{_asked(site)}/sent/1/",
        "sent-blocked": f"/investigations/{_asked(site)}/sent/4/",
        "would-send": f"/incidents/{showpiece}/would-send/",
        "stop": "/stop/",
        "simulate": "/policy/simulate/",
        "evaluation": "/evaluation/",
        "audit": "/audit/",
        "audit-nothing-matches": "/audit/?q=zebra",
        "account": "/account/",
        "new": "/incidents/new/",
        "save-view": "/incidents/views/save/?view=open",
        "admin": "/admin/",
        "admin-connectors": "/admin/analysis/connector/",
        "admin-detectors": "/admin/analysis/detector/",
        "admin-policy": "/admin/remediation/policy/",
        "admin-members": "/admin/incidents/membership/",
        "admin-detector-form": detector_path(site, "memory", "/admin/analysis/detector/{}/change/"),
    }


def _asked(site: Stack) -> UUID:
    """The investigation whose calls to models are on record."""
    return UUID(str(first(site, "select investigation_id from analysis_modelcall")))


def problems_of(visitor: Visitor, name: str, *, shot: str) -> list[str]:
    """What is wrong with the page as it stands: complaints, axe findings, sideways scrolling."""
    page = visitor.page
    if page.locator("#charts").count():
        page.wait_for_selector("#charts > :not(.skeleton)", timeout=15_000)
        page.wait_for_timeout(150)
    visitor.shot(shot)
    found = [*visitor.complaints, *visitor.axe()]
    visitor.complaints.clear()
    wide = page.evaluate("document.documentElement.scrollWidth - window.innerWidth")
    if wide > 0:
        found.append(f"scrolls sideways by {wide} px")
    return [f"{name}: {problem}" for problem in found]


@LOOKS
def test_every_page(browser: Browser, site: Stack, dark: bool, size: str) -> None:
    variant = f"{size}-{'dark' if dark else 'light'}"
    visitor = Visitor(browser, site.url, dark=dark, size=size)
    visitor.page.goto("/accounts/login/")
    problems = problems_of(visitor, "login", shot=f"login-{variant}")
    visitor.sign_in("admin")
    for name, path in pages_of(site).items():
        answer = visitor.page.goto(path)
        assert answer is not None
        assert answer.status == 200, (name, answer.status)
        problems += problems_of(visitor, name, shot=f"{name}-{variant}")
    visitor.close()
    assert not problems, "\n".join(problems)


@LOOKS
def test_error_pages(browser: Browser, site: Stack, dark: bool, size: str) -> None:
    variant = f"{size}-{'dark' if dark else 'light'}"
    visitor = Visitor(browser, site.url, dark=dark, size=size)
    visitor.sign_in("viewer")
    broken = render_to_string("500.html")
    visitor.page.route("**/broken/", lambda route: route.fulfill(status=500, body=broken))
    problems: list[str] = []
    paths = {"403": f"/incidents/{key_in(site, 'open')}/resolve/", "404": "/incidents/INC-99999/"}
    for status, path in {**paths, "500": "/broken/"}.items():
        answer = visitor.page.goto(path)
        assert answer is not None
        assert str(answer.status) == status
        visitor.complaints = [c for c in visitor.complaints if f"status of {status}" not in c]
        problems += problems_of(visitor, status, shot=f"{status}-{variant}")
    visitor.close()
    assert not problems, "\n".join(problems)


@pytest.mark.parametrize("size", SIZES)
def test_nothing_there_yet(browser: Browser, empty_site: Stack, size: str) -> None:
    visitor = Visitor(browser, empty_site.url, size=size)
    visitor.sign_in("admin")
    problems: list[str] = []
    for name in (
        "incidents",
        "approvals",
        "services",
        "detectors",
        "sources",
        "integrations",
        "deliveries",
        "audit",
    ):
        visitor.page.goto(f"/{name}/")
        problems += problems_of(visitor, name, shot=f"empty-{name}-{size}-light")
    visitor.close()
    assert not problems, "\n".join(problems)


@LOOKS
def test_drawer(browser: Browser, site: Stack, dark: bool, size: str) -> None:
    """The plan is reviewed in a drawer: focus goes in, Escape brings it back to the button."""
    variant = f"{size}-{'dark' if dark else 'light'}"
    visitor = Visitor(browser, site.url, dark=dark, size=size)
    visitor.sign_in("approver")
    page = visitor.page
    page.goto(f"/incidents/{key_in(site, 'awaiting_approval', 'payments%')}/")
    page.wait_for_selector("#charts figure")
    button = page.get_by_role("link", name="Review plan")
    button.click()
    expect(page.locator("#drawer #panel-title")).to_be_focused()
    page.wait_for_timeout(200)
    SHOTS.mkdir(parents=True, exist_ok=True)
    page.screenshot(path=SHOTS / f"drawer-{variant}.png")
    assert visitor.axe() == []
    page.keyboard.press("Escape")
    expect(button).to_be_focused()
    page.screenshot(path=SHOTS / f"focus-{variant}.png")
    visitor.close()
    assert visitor.complaints == []


def test_overtaken(browser: Browser, site: Stack) -> None:
    """Two people press the same button: the second is told, and nothing breaks."""
    visitor = Visitor(browser, site.url)
    visitor.sign_in("responder")
    page = visitor.page
    path = f"/incidents/{key_in(site, 'open', 'batch%')}/"
    page.goto(path)
    other = Visitor(browser, site.url)
    other.sign_in("approver")
    other.page.goto(path)
    other.page.get_by_role("button", name="Acknowledge").click()
    expect(other.page.get_by_text("is yours").first).to_be_visible()
    other.close()
    page.get_by_role("button", name="Acknowledge").click()
    expect(page.get_by_role("heading", name="It changed meanwhile")).to_be_visible()
    visitor.complaints = [c for c in visitor.complaints if "status of 409" not in c]
    problems = problems_of(visitor, "409", shot="409-desk-light")
    visitor.close()
    assert not problems, "\n".join(problems)


def test_live_page_answers_a_note(browser: Browser, site: Stack) -> None:
    """A note shows up in the timeline without a reload, and a half-typed one survives a poll."""
    visitor = Visitor(browser, site.url)
    visitor.sign_in("responder")
    page = visitor.page
    path = f"/incidents/{key_in(site, 'no_safe_action')}/"
    page.goto(path)
    page.get_by_label("Add a note").fill("looked at the shelf")
    page.get_by_role("button", name="Add note").click()
    expect(page.locator(".timeline").get_by_text("looked at the shelf")).to_be_visible()
    expect(page.get_by_label("Add a note")).to_have_value("")
    page.get_by_label("Add a note").fill("half a tho")
    page.evaluate("document.getElementById('incident-live').dispatchEvent(new Event('airra:poll'))")
    page.wait_for_timeout(600)
    expect(page.get_by_label("Add a note")).to_have_value("half a tho")
    visitor.close()
    assert visitor.complaints == []


def test_without_script(browser: Browser, site: Stack) -> None:
    """Sign in, filter, note, decide: each is a form and a page."""
    context = browser.new_context(base_url=site.url, java_script_enabled=False, locale="en-GB")
    page: Page = context.new_page()
    page.goto("/approvals/")
    page.get_by_label("Username").fill("approver")
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_role("heading", name="Approvals")).to_be_visible()

    page.goto("/incidents/")
    page.get_by_label("Search").fill("database")
    page.get_by_role("button", name="Apply").click()
    page.get_by_role("link", name="database: 412 connections").click()
    page.get_by_label("Add a note").fill("written without a script")
    page.get_by_role("button", name="Add note").click()
    expect(page.locator(".timeline").get_by_text("written without a script")).to_be_visible()
    page.screenshot(path=SHOTS / "no-script-incident.png", full_page=True)

    page.goto("/approvals/")
    page.get_by_role("link", name="Review: Restart payments").click()
    expect(page.get_by_role("button", name="Approve")).to_be_visible()
    page.get_by_role("button", name="Reject").click()
    expect(page.get_by_text("Say why you reject it.")).to_be_visible()
    page.get_by_label("Reason").fill("not during the match")
    page.get_by_role("button", name="Reject").click()
    expect(page.locator("#main").get_by_text("Rejected: Restart payments.")).to_be_visible()
    context.close()
