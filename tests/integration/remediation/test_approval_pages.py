"""The approval page: every state of it, the password once more, links, loans, fatigue."""

from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db.models import F
from django.test import Client

from airra.lib import clock
from incidents.lifecycle import State
from incidents.models import Incident, Workspace
from incidents.permissions import Role
from remediation.commands import plan as plans
from remediation.models import Approval, Delegation, Execution, PasswordCheck, Plan, Vote
from remediation.queries import fatigue
from remediation.queries.links import link_for
from remediation.types import Factor
from tests.factories import incidents as make
from tests.factories import remediation as story
from tests.integration.remediation.conftest import World, member

pytestmark = pytest.mark.django_db
PASSWORD = "a long enough password"
LIVE = {"decision": "approve", "mode": "live"}


def another() -> Incident:
    """One more incident beside the world's own."""
    Workspace.objects.update(last_incident_number=F("last_incident_number") + 10)
    return make.incident(state=State.AWAITING_APPROVAL)


def browser_of(user: User) -> Client:
    user.set_password(PASSWORD)
    user.save()
    client = Client()
    client.force_login(user)
    return client


@pytest.fixture
def plan(world: World) -> Plan:
    return world.planned()


@pytest.fixture
def ana(world: World) -> Client:
    return browser_of(world.ana)


def pending(plan: Plan) -> Approval:
    return Approval.objects.get(plan=plan, state=Approval.State.PENDING)


def path_of(plan: Plan) -> str:
    return f"/approvals/{pending(plan).pk}/"


def risky(plan: Plan) -> str:
    Plan.objects.filter(pk=plan.pk).update(risk_band="high")
    return path_of(plan)


def seen_in(page: Any) -> str:
    text: str = page.content.decode()
    return text.split('name="seen" value="')[1].split('"', maxsplit=1)[0]


def test_the_page_shows_what_changes_before_why_and_what_speaks_against(
    ana: Client, plan: Plan
) -> None:
    text = ana.get(path_of(plan)).content.decode()
    order = ["What will change", "How far it reaches", "Checks", ">Why<", "For (", "Against (",
             "How success is measured", "If it goes wrong", "What came of it before"]  # fmt: skip
    places = [text.index(part) for part in order]
    assert places == sorted(places)


def test_no_button_of_a_decision_is_focused_or_first(ana: Client, plan: Plan) -> None:
    text = ana.get(path_of(plan)).content.decode()
    assert "autofocus" not in text
    first = text.index("<button", text.index('class="decide"'))
    assert text[first:].startswith('<button type="submit" disabled hidden>')


def test_high_risk_asks_for_the_password_and_remembers_it(
    world: World,
    ana: Client,
    plan: Plan,
) -> None:
    path = risky(plan)
    said = {**LIVE, "reason": "go"}
    page = ana.post(path, said)
    assert page.status_code == 422
    assert "Give your password once more" in page.content.decode()
    page = ana.post(path, {**said, "password": "guess"})
    assert page.status_code == 422
    assert "The password is not right" in page.content.decode()
    assert not Execution.objects.exists()
    assert ana.post(path, {**said, "password": PASSWORD}).status_code == 302
    assert Vote.objects.get().factor == Factor.STEP_UP
    assert [check.passed for check in PasswordCheck.objects.order_by("id")] == [False, True]


def test_the_password_holds_for_five_minutes(world: World, ana: Client) -> None:
    plan = world.planned(is_tainted=True)
    path = risky(plan)
    ana.post(path, {**LIVE, "reason": "go", "password": PASSWORD})
    assert "within the last 5 minutes" not in ana.get(path).content.decode()  # she has voted
    ben = browser_of(world.ben)
    assert "Your password, once more" in ben.get(path).content.decode()
    ben.post(path, {**LIVE, "reason": "go", "password": PASSWORD})
    assert Execution.objects.count() == 1
    world.hands.advance(minutes=6)
    again = story.plan(another(), risk_band="high")
    story.approval(again)
    assert "Your password, once more" in ben.get(path_of(again)).content.decode()


def test_guessing_the_password_is_cut_short(ana: Client, plan: Plan) -> None:
    path = risky(plan)
    said = {**LIVE, "reason": "go", "password": "guess"}
    codes = [ana.post(path, said).status_code for _ in range(6)]
    assert codes == [422] * 5 + [429]
    assert ana.post(path, {**said, "password": PASSWORD}).status_code == 429
    assert not Execution.objects.exists()


def test_the_vote_knows_since_when_the_diff_was_on_the_screen(
    world: World,
    ana: Client,
    plan: Plan,
) -> None:
    path = path_of(plan)
    mark = seen_in(ana.get(path))
    opened = clock.now()
    world.hands.advance(seconds=12)
    ana.post(path, {**LIVE, "seen": mark})
    vote = Vote.objects.get()
    assert vote.opened_diff_at == opened
    assert vote.origin == "127.0.0.1"


def test_a_mark_of_another_person_or_question_counts_for_nothing(
    world: World,
    ana: Client,
    plan: Plan,
) -> None:
    path = path_of(plan)
    mark = seen_in(browser_of(world.ben).get(path))
    ana.post(path, {**LIVE, "seen": mark})
    assert Vote.objects.get().opened_diff_at is None


def test_changed_since_your_dry_run_shows_both_sides(
    world: World,
    ana: Client,
    plan: Plan,
) -> None:
    path = path_of(plan)
    mark = seen_in(ana.get(path))
    world.server.things["payments"].restarts = 7
    world.server.things["payments"].version = 9
    newer = world.answered(plans.revise(plan=plan, by=None))
    page = ana.post(path, {**LIVE, "seen": mark})
    text = page.content.decode()
    assert page.status_code == 409
    assert "Changed since your dry run: look again." in text
    assert "What you saw" in text
    assert "What it says now" in text
    assert "restarts: 7" in text
    assert path_of(newer) in text
    assert 'value="approve"' not in text
    assert not Execution.objects.exists()
    live = ana.get(f"{path}standing/").content.decode()
    assert "What it says now" in live
    foot = ana.get(f"{path}decision/").content.decode()
    assert "Look again: Restart payments" in foot


def test_asking_for_changes_is_shown_on_the_incident_and_may_be_planned_again(
    world: World,
    ana: Client,
    plan: Plan,
) -> None:
    path = path_of(plan)
    assert ana.post(path, {"decision": "return"}).status_code == 422
    assert ana.post(path, {"decision": "return", "reason": "one host first"}).status_code == 302
    text = ana.get("/incidents/INC-1/").content.decode()
    assert "one host first" in text
    assert "New dry run: Restart payments" in text
    assert browser_of(world.requester).post(f"/plans/{plan.pk}/revise/").status_code == 302
    world.answer()
    newer = Approval.objects.get(state=Approval.State.PENDING)
    assert "one host first" in ana.get(f"/approvals/{newer.pk}/").content.decode()


@pytest.mark.parametrize(
    ("state", "said"),
    [
        ("void", "This request is void: the policy has changed."),
        ("expired", "Nobody answered in time"),
        ("rejected", "Rejected by ana: no"),
        ("returned", "ana asked for changes: no"),
        ("approved", "Approved by ana: no"),
    ],
)
def test_every_end_says_what_it_is(
    world: World,
    ana: Client,
    plan: Plan,
    state: str,
    said: str,
) -> None:
    path = path_of(plan)
    Approval.objects.update(
        state=state, decided_by=world.ana, decided_at=clock.now(), reason="no",
        void_reason="the policy has changed",
    )  # fmt: skip
    text = ana.get(path).content.decode()
    assert said in text
    assert 'value="approve"' not in text


def test_the_kill_switch_takes_the_buttons_away(
    world: World,
    ana: Client,
    plan: Plan,
) -> None:
    world.kill()
    text = ana.get(path_of(plan)).content.decode()
    assert "The kill switch is on" in text
    assert 'value="approve"' not in text


def link(plan: Plan, user: User) -> str:
    return f"/approvals/link/{link_for(pending(plan), user)}/"


def test_a_link_opens_the_page_and_its_form_acts_once(
    world: World,
    ana: Client,
    plan: Plan,
) -> None:
    Approval.objects.update(needed=2)
    path = link(plan, world.ana)
    page = ana.get(path)
    assert page.status_code == 200
    assert f'action="{path}"' in page.content.decode()
    assert not Vote.objects.exists()
    assert ana.post(path, LIVE).status_code == 302
    assert len(Vote.objects.get().link) == 64
    for answer in (ana.get(path), ana.post(path, LIVE)):
        assert answer.status_code == 410
        assert "used" in answer.content.decode()
    assert Vote.objects.count() == 1


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (lambda text: text[:-3] + "abc", "damaged"),
        (lambda text: "nonsense", "damaged"),
    ],
)
def test_a_damaged_link_opens_nothing(
    world: World,
    ana: Client,
    plan: Plan,
    spoil: Any,
    said: str,
) -> None:
    token = spoil(link_for(pending(plan), world.ana))
    page = ana.post(f"/approvals/link/{token}/", LIVE)
    assert page.status_code == 410
    assert said in page.content.decode()
    assert not Execution.objects.exists()


def test_a_link_is_for_one_person_and_half_an_hour(
    world: World,
    ana: Client,
    plan: Plan,
) -> None:
    path = link(plan, world.ben)
    assert "somebody else" in ana.get(path).content.decode()
    Approval.objects.update(expires_at=clock.now() + timedelta(hours=2))
    own = link(plan, world.ana)
    world.hands.advance(minutes=30)
    assert "over 30 minutes old" in ana.post(own, LIVE).content.decode()
    assert not Vote.objects.exists()


def test_a_link_asks_a_stranger_to_sign_in(world: World, plan: Plan) -> None:
    answer = Client().get(link(plan, world.ana))
    assert answer.status_code == 302
    assert answer["Location"].startswith("/accounts/login/")


def test_lending_and_taking_back_on_the_page(world: World, ana: Client) -> None:
    dora = member(world.workspace, "dora", Role.RESPONDER)
    path = "/approvals/delegations/"
    said = {"delegator": world.ana.pk, "to": dora.pk, "until": "2026-03-03", "reason": "leave"}
    assert ana.post(path, {**said, "until": "2027-03-03"}).status_code == 422
    assert ana.post(path, said).status_code == 302
    lent = Delegation.objects.get()
    assert lent.until.isoformat() == "2026-03-04T00:00:00+00:00"
    assert "Take back" in ana.get(path).content.decode()
    assert browser_of(world.ben).post(f"{path}{lent.pk}/end/").status_code == 403
    assert browser_of(dora).post(f"{path}{lent.pk}/end/").status_code == 302
    assert "taken back" in ana.get(path).content.decode()


def test_an_approver_lends_only_in_their_own_name(world: World, ana: Client) -> None:
    dora = member(world.workspace, "dora", Role.RESPONDER)
    said = {"delegator": world.ben.pk, "to": dora.pk, "until": "2026-03-03", "reason": "x"}
    assert ana.post("/approvals/delegations/", said).status_code == 422
    assert not Delegation.objects.exists()


def asked(state: str, **fields: Any) -> Approval:
    plan = story.plan(another(), state="discarded")
    return story.approval(plan, state=state, **fields)


def test_fatigue_is_measured_from_the_rows(world: World, ana: Client) -> None:
    now = clock.now()
    at = {"requested_at": now - timedelta(hours=1), "decided_by": world.ana, "decided_at": now}
    for took in (2.0, 30.0, 60.0, 600.0):
        done = asked("approved", **at)
        moment = done.requested_at + timedelta(seconds=took)
        story.vote(done, world.ana, at=moment, opened_diff_at=done.requested_at)
    unread = asked("approved", **at)
    story.vote(unread, world.ana, at=unread.requested_at + timedelta(minutes=2),
               opened_diff_at=None, factor=Factor.TOKEN)  # fmt: skip
    for _ in range(3):
        asked("expired", requested_at=now - timedelta(hours=2), expires_at=now)
    week = fatigue.weeks(type(world.workspace).objects.all())[0]
    assert (week.asked, week.unanswered, week.approvals) == (8, 3, 5)
    assert (week.median_s, week.p90_s) == (60.0, 600.0)
    assert (week.hasty, week.unread) == (1, 1)
    assert week.is_too_much
    assert "3 of 8 questions" in ana.get("/approvals/").content.decode()
    assert "3 (38 %)" in ana.get("/approvals/fatigue/").content.decode().replace("\xa0", " ")


def test_few_questions_warn_of_nothing(ana: Client, world: World) -> None:
    for _ in range(3):
        asked("expired", expires_at=clock.now())
    assert "ran out without an answer" not in ana.get("/approvals/").content.decode()


def test_a_dry_run_is_no_vote_and_the_page_says_that_the_target_is_asked(
    world: World, ana: Client, plan: Plan
) -> None:
    path = path_of(plan)
    ana.post(path, {"decision": "approve", "mode": "dry_run"})
    text = ana.get(path).content.decode()
    assert "Asking the target what it would change now" in text
    assert 'value="approve"' not in text
    world.answer()
    assert 'value="approve"' in ana.get(path_of(plan)).content.decode()
    assert not Vote.objects.exists()
    assert world.server.effects == []
