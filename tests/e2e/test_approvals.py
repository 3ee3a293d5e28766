"""Approvals in a real browser: every state of the drawer, the keyboard, two people to the end."""

from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from uuid import UUID

import pytest
from playwright.sync_api import Browser, expect

from remediation.decision.limits import Limits
from remediation.decision.rules import COLUMNS, FLOOR
from tests import migrated
from tests.e2e.conftest import LOOKS, SHOTS, Visitor
from tests.e2e.lookup import first, key_in
from tests.e2e.test_pages import problems_of
from tools.stack import PASSWORD, Stack, answers, wait_for

pytestmark = pytest.mark.e2e
# Everything by one person: what the simulator makes of rules that are looser where they may be.
LOOSER = "&".join(
    [
        *(f"{band}_{i}={least}" for band, least in FLOOR.items() for i in range(len(COLUMNS))),
        *(f"{name}={value:g}" for name, value in asdict(Limits()).items()),
        "days=30",
    ]
)
TITLE = "Roll back checkout to v4.1.9"


@pytest.fixture(scope="module")
def gate(tmp_path_factory: pytest.TempPathFactory, browser: Browser) -> Iterator[Stack]:
    """AIRRA's web process alone, on a database of questions in every state."""
    with Stack(var=Path(tmp_path_factory.mktemp("gate"))) as running:
        running.settings = {"DJANGO_SETTINGS_MODULE": "airra.settings"}
        migrated.copy_to(running.var)
        running.manage("collectstatic", "--noinput", "--verbosity=0")
        fill = "from tests.e2e.seed_approvals import fill; fill()"
        running.manage("shell", "--no-imports", "-c", fill)
        running.start_web()
        wait_for("AIRRA", lambda: answers(f"{running.url}/health"), within_s=30)
        yield running


def path_of(gate: Stack, title: str, state: str) -> str:
    """The page of the question about the plan of this title."""
    query = (
        "select a.id from remediation_approval a join remediation_plan p on p.id = a.plan_id"
        " where p.title = ? and a.state = ?"
    )
    return f"/approvals/{UUID(first(gate, query, title, state))}/"


def pages_of(gate: Stack) -> dict[str, str]:
    return {
        "approvals-queue": "/approvals/",
        "approvals-simple": path_of(gate, "Restart payments", "pending"),
        "approvals-risky": path_of(gate, TITLE, "pending"),
        "approvals-changed": path_of(gate, "Scale search to 6", "void"),
        "approvals-several": path_of(gate, "Scale search to 6, then restart gateway", "pending"),
        "approvals-asking": path_of(gate, "Restart inventory", "pending"),
        "approvals-returned": path_of(gate, "Restart gateway (returned)", "returned"),
        "approvals-void": path_of(gate, "Restart gateway (void)", "void"),
        "approvals-expired": path_of(gate, "Restart gateway (expired)", "expired"),
        "approvals-fatigue": "/approvals/fatigue/",
        "approvals-delegations": "/approvals/delegations/",
        "approvals-bad-link": "/approvals/link/forged/",
        "approvals-ask": f"/incidents/{key_in(gate, 'no_safe_action')}/act/",
        "approvals-stop": "/stop/",
        "approvals-simulate": "/policy/simulate/",
        "approvals-simulated": f"/policy/simulate/?{LOOSER}",
    }


@LOOKS
def test_every_state(browser: Browser, gate: Stack, dark: bool, size: str) -> None:
    visitor = Visitor(browser, gate.url, dark=dark, size=size)
    visitor.sign_in("approver")
    variant, problems = f"{size}-{'dark' if dark else 'light'}", []
    for name, path in pages_of(gate).items():
        visitor.page.goto(path)
        visitor.complaints = [c for c in visitor.complaints if "status of 410" not in c]
        problems += problems_of(visitor, name, shot=f"{name}-{variant}")
    visitor.close()
    assert not problems, "\n".join(problems)


@LOOKS
def test_high_risk_asks_for_the_password(
    browser: Browser, gate: Stack, dark: bool, size: str
) -> None:
    """Live at high risk: the field comes with the mode; without it nothing is decided."""
    visitor = Visitor(browser, gate.url, dark=dark, size=size)
    visitor.sign_in("approver")
    page = visitor.page
    page.goto(path_of(gate, TITLE, "pending"))
    expect(page.get_by_label("Your password, once more")).to_be_hidden()
    page.get_by_label("Live").check()
    expect(page.get_by_label("Your password, once more")).to_be_visible()
    page.get_by_label("Reason").fill("errors began with v4.2.0")
    page.get_by_role("button", name="Approve live").click()
    expect(page.get_by_text("Give your password once more to approve this live.")).to_be_visible()
    visitor.complaints = [c for c in visitor.complaints if "status of 422" not in c]
    variant = f"{size}-{'dark' if dark else 'light'}"
    problems = problems_of(visitor, "step-up", shot=f"approvals-step-up-{variant}")
    visitor.close()
    assert not problems, "\n".join(problems)


def test_the_drawer_by_keyboard(browser: Browser, gate: Stack) -> None:
    """Focus goes to the heading, never to a decision; Enter in a field decides nothing."""
    visitor = Visitor(browser, gate.url)
    visitor.sign_in("approver")
    page = visitor.page
    page.goto("/approvals/")
    page.get_by_role("link", name="Review: Restart payments").first.focus()
    page.keyboard.press("Enter")
    expect(page.locator("#drawer #panel-title")).to_be_focused()
    page.wait_for_timeout(200)
    SHOTS.mkdir(parents=True, exist_ok=True)
    page.screenshot(path=SHOTS / "approvals-drawer-desk-light.png")
    assert visitor.axe() == []
    page.keyboard.press("Escape")
    expect(page.get_by_role("link", name="Review: Restart payments").first).to_be_focused()
    visitor.close()
    assert visitor.complaints == []


@pytest.mark.parametrize("field", ["Dry run", "Your password, once more"])
def test_enter_in_a_field_decides_nothing(browser: Browser, gate: Stack, field: str) -> None:
    """Neither on a radio, where Chromium looks for the next button, nor in a field of text."""
    visitor = Visitor(browser, gate.url)
    visitor.sign_in("approver")
    page = visitor.page
    path = path_of(gate, TITLE, "pending")
    page.goto(path)
    page.get_by_label("Live").check()
    page.get_by_label("Reason").fill("not an answer")
    page.get_by_label("Your password, once more").fill(PASSWORD)
    page.get_by_label(field, exact=True).focus()
    page.keyboard.press("Enter")
    page.wait_for_timeout(1000)  # whatever it sends
    page.wait_for_load_state()
    page.goto(path)
    expect(page.get_by_role("button", name="Reject")).to_be_visible()
    visitor.close()
    query = "select count(*) from remediation_vote where comment = 'not an answer'"
    assert first(gate, query) == "0"


def test_both_sides_of_what_has_changed_and_every_target(browser: Browser, gate: Stack) -> None:
    visitor = Visitor(browser, gate.url)
    visitor.sign_in("approver")
    page = visitor.page
    page.goto(path_of(gate, "Scale search to 6", "void"))
    standing = page.locator("#standing")
    for text in ("- replicas: 3", "- replicas: 5", "search r41", "search r43"):
        expect(standing.get_by_text(text).first).to_be_visible()
    page.goto(path_of(gate, "Scale search to 6, then restart gateway", "pending"))
    for number in (1, 2, 3):
        expect(page.get_by_text(f"gateway@host-{number}").first).to_be_visible()
    expect(page.get_by_text("the canary: it goes first")).to_be_visible()
    visitor.close()
    assert visitor.complaints == []


def test_changed_since_your_dry_run_comes_by_itself(browser: Browser, gate: Stack) -> None:
    """The page is open while the target moves: the next poll takes the buttons away."""
    visitor = Visitor(browser, gate.url)
    visitor.sign_in("approver")
    page = visitor.page
    page.goto(path_of(gate, "Scale search to 6", "pending"))
    expect(page.get_by_role("button", name="Approve dry run")).to_be_visible()
    move = (
        "from remediation.models import Approval; Approval.objects.filter(state='pending',"
        " plan__title='Scale search to 6').update(state='void', void_reason='the target moved')"
    )
    gate.manage("shell", "--no-imports", "-c", move)
    for part in ("standing", "decision"):
        page.evaluate(f"document.getElementById('{part}').dispatchEvent(new Event('airra:poll'))")
    expect(page.get_by_text("This request is void: the target moved.").first).to_be_visible()
    expect(page.get_by_role("button", name="Approve dry run")).to_be_hidden()
    visitor.close()
    assert visitor.complaints == []


def test_two_people_with_their_passwords_approve_it(browser: Browser, gate: Stack) -> None:
    path = path_of(gate, TITLE, "pending")
    for number, account in enumerate(("approver", "second")):
        visitor = Visitor(browser, gate.url)
        visitor.sign_in(account)
        page = visitor.page
        page.goto(path)
        page.get_by_label("Live").check()
        page.get_by_label("Reason").fill("errors began with v4.2.0")
        page.get_by_label("Your password, once more").fill(PASSWORD)
        page.get_by_role("button", name="Approve live").click()
        if number == 0:
            expect(page.get_by_text("a second person is needed").first).to_be_visible()
            page.goto(path)
            expect(page.get_by_text("the second must come from somebody else")).to_be_visible()
            visitor.shot("approvals-first-of-two-desk-light")
            assert visitor.axe() == []
        else:
            expect(page.get_by_text("It runs now.")).to_be_visible()
        visitor.close()
        assert visitor.complaints == []
    votes = "select count(*) from remediation_vote where factor = 'step_up'"
    assert first(gate, votes) == "2"
