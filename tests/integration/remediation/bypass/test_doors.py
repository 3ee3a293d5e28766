"""Scanners, previews, forged links and forms, fields nobody asked for, and the wrong process."""

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from django.conf import LazySettings
from django.core import signing
from django.db import IntegrityError
from django.test import Client

from airra.lib.roles import WrongRole
from incidents.models import AuditEvent
from incidents.permissions import Role
from remediation import tasks
from remediation.commands.acting import execution as acting
from remediation.commands.acting.endpoint import executor_of
from remediation.models import Approval, Delegation, Execution, PasswordCheck, Plan, Vote
from remediation.queries.links import link_for, seen_now
from tests.integration.remediation.bypass.conftest import LIVE, Gate, insert
from tests.integration.remediation.conftest import member

TABLES = (Approval, AuditEvent, Delegation, Execution, PasswordCheck, Plan, Vote)


def everything() -> list[Any]:
    """Every row a decision could touch, as it is."""
    return [list(table._default_manager.order_by("pk").values()) for table in TABLES]


METHODS = ("GET", "HEAD", "OPTIONS", "PUT", "PATCH", "DELETE", "TRACE")
PREFETCH = {
    "preview": {"User-Agent": "Slackbot-LinkExpanding 1.0", "Accept": "*/*"},
    "prefetch": {"Sec-Purpose": "prefetch;prerender", "Purpose": "prefetch"},
}


def addresses(gate: Gate) -> list[str]:
    page = gate.page
    return [
        page, f"{page}?decision=approve&mode=live", f"{page}decision/", f"{page}standing/",
        gate.link(gate.world.ana), f"{gate.link(gate.world.ana)}?decision=approve&mode=live",
        f"/plans/{gate.plan.pk}/revise/", "/approvals/", "/approvals/live/",
        "/approvals/delegations/", "/approvals/fatigue/",
    ]  # fmt: skip


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("who", ["signed in", "scanner"])
def test_what_follows_a_link_changes_nothing(gate: Gate, who: str, method: str) -> None:
    before = everything()
    browser = gate.browser(gate.world.ana if who == "signed in" else None)
    for path in addresses(gate):
        answer = browser.generic(method, path)
        assert answer.status_code in {200, 302, 403, 404, 405}, (path, answer.status_code)
    assert everything() == before
    gate.holds(told=False)


@pytest.mark.parametrize("kind", PREFETCH)
def test_a_prefetch_with_the_readers_own_session_changes_nothing(gate: Gate, kind: str) -> None:
    before = everything()
    browser = gate.browser(gate.world.ana, headers=PREFETCH[kind])
    for path in addresses(gate):
        browser.get(path)
    assert everything() == before
    gate.holds(told=False)


@pytest.mark.parametrize("method", ["GET", "HEAD", "PUT", "PATCH", "DELETE"])
def test_the_api_decides_by_post_alone(gate: Gate, method: str) -> None:
    before = everything()
    headers = {"Authorization": f"Bearer {gate.token(gate.world.ana)}"}
    before = everything()
    for verb in ("approve", "reject", "request-changes"):
        path = f"/api/v1/approvals/{gate.approval.pk}/{verb}"
        assert Client(headers=headers).generic(method, path).status_code == 405
    assert everything() == before


def cut(token: str, gate: Gate) -> str:
    return token[:-4]


def one_letter(token: str, gate: Gate) -> str:
    return ("A" if token[0] != "A" else "B") + token[1:]


def another_secret(token: str, gate: Gate) -> str:
    body = [str(gate.approval.pk), gate.plan.plan_hash, gate.world.ana.pk, 9e9]
    return signing.dumps(body, key="guessed", salt="remediation.approval-link")


def another_purpose(token: str, gate: Gate) -> str:
    return seen_now(gate.approval, gate.world.ana)


def somebody_elses(token: str, gate: Gate) -> str:
    return link_for(gate.approval, gate.world.ben)


def of_what_has_changed(token: str, gate: Gate) -> str:
    Approval.objects.update(plan_hash="0" * 64)
    return token


def too_old(token: str, gate: Gate) -> str:
    gate.world.hands.advance(minutes=30, seconds=1)
    return token


def not_a_token(token: str, gate: Gate) -> str:
    return "..%2f..%2fapprove"


SPOILT: tuple[Callable[[str, Gate], str], ...] = (
    cut, one_letter, another_secret, another_purpose, somebody_elses, of_what_has_changed, too_old,
    not_a_token,
)  # fmt: skip


@pytest.mark.parametrize("spoil", SPOILT, ids=lambda spoil: spoil.__name__)
def test_a_link_that_is_not_good(gate: Gate, spoil: Callable[[str, Gate], str]) -> None:
    browser = gate.browser(gate.world.ana)
    token = spoil(link_for(gate.approval, gate.world.ana), gate)
    answer = browser.post(f"/approvals/link/{token}/", LIVE)
    assert answer.status_code in {302, 404, 410}
    assert not Vote.objects.exists()
    assert not Execution.objects.exists()
    gate.holds(told=False)


def test_a_link_used_again_for_the_second_of_two(gate: Gate) -> None:
    Approval.objects.update(needed=2)
    link, browser = gate.link(gate.world.ana), gate.browser(gate.world.ana)
    assert browser.post(link, LIVE).status_code == 302
    assert browser.post(link, LIVE).status_code == 410
    assert Vote.objects.count() == 1
    gate.holds()


FORMS = ("page", "link", "revise", "lend", "end")


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("token", ["none", "another's"])
def test_a_form_of_another_site(gate: Gate, form: str, token: str) -> None:
    lent = Delegation.objects.create(
        workspace=gate.world.workspace, delegator=gate.world.ana, made_by=gate.world.ana,
        delegate=gate.people["responder"], reason="x", until=gate.world.hands.advance(seconds=9),
        made_at=gate.world.hands.advance(seconds=-9),
    )  # fmt: skip
    paths = {
        "page": gate.page,
        "link": gate.link(gate.world.ana),
        "revise": f"/plans/{gate.plan.pk}/revise/",
        "lend": "/approvals/delegations/",
        "end": f"/approvals/delegations/{lent.pk}/end/",
    }
    before = everything()
    browser = gate.browser(gate.world.ana, enforce_csrf_checks=True)
    said = LIVE if token == "none" else {**LIVE, "csrfmiddlewaretoken": "x" * 64}
    assert browser.post(paths[form], said).status_code == 403
    assert everything() == before
    gate.holds(told=False)


EXTRA: tuple[dict[str, Any], ...] = (
    {"state": "approved"}, {"needed": 0}, {"first_approver": 1}, {"decided_by": 1},
    {"plan_hash": "0" * 64}, {"risk_band": "low"}, {"factor": "step_up"}, {"voice": 1},
    {"expires_at": "2099-01-01T00:00:00Z"}, {"stand": {"factor": "step_up"}}, {"is_proved": "true"},
)  # fmt: skip


@pytest.mark.parametrize("extra", EXTRA, ids=lambda extra: next(iter(extra)))
@pytest.mark.parametrize("door", ["page", "api"])
def test_fields_nobody_asked_for(gate: Gate, door: str, extra: dict[str, Any]) -> None:
    """High risk, two people: no field of a request makes it less."""
    Plan.objects.filter(pk=gate.plan.pk).update(risk_band="high")
    Approval.objects.update(needed=2)
    ana = gate.world.ana
    before = Approval.objects.values().get()
    if door == "page":
        answer = gate.browser(ana).post(gate.page, {**LIVE, **extra})
    else:
        answer = gate.call(gate.token(ana), **gate.said(ana, **extra))
    assert answer.status_code in {403, 409, 422}
    assert Approval.objects.values().get() == before
    gate.nothing_decided()
    gate.holds(told=False)


@pytest.mark.parametrize("model", ["execution", "approval", "vote", "plan", "planrequest"])
def test_the_settings_pages_edit_no_decision(gate: Gate, model: str) -> None:
    ada = member(gate.world.workspace, "ada", Role.ADMIN)
    ada.is_staff = True
    ada.save()
    execution = gate.approved()
    key = execution.pk if model == "execution" else gate.approval.pk
    for path in (f"/admin/remediation/{model}/", f"/admin/remediation/{model}/{key}/change/"):
        browser = gate.browser(ada)
        assert browser.get(path).status_code in {302, 404}
        assert browser.post(path, {"state": "approved"}).status_code in {302, 404}
    execution.refresh_from_db()
    assert execution.state == "approved"


@pytest.mark.parametrize("role", ["web", "worker", "beat"])
@pytest.mark.parametrize("job", ["plan", "ask", "execute", "probe"])
def test_a_process_that_is_not_the_executor(
    gate: Gate, settings: LazySettings, role: str, job: str
) -> None:
    execution = gate.approved()
    settings.ROLE = role
    jobs: dict[str, Callable[[], object]] = {
        "plan": lambda: tasks.create_plan(investigation_id=str(gate.plan.investigation_id)),
        "ask": lambda: tasks.ask(request_id=str(execution.pk)),
        "execute": lambda: tasks.execute(execution_id=str(execution.pk)),
        "probe": lambda: tasks.probe(execution_id=str(execution.pk)),
    }
    with pytest.raises(WrongRole, match="is for all or executor"):
        jobs[job]()
    assert gate.world.server.effects == []


@pytest.mark.parametrize("role", ["web", "worker", "beat"])
def test_the_executor_called_by_hand_in_another_process(
    gate: Gate, settings: LazySettings, role: str
) -> None:
    execution = gate.approved()
    settings.ROLE = role
    with pytest.raises(WrongRole):
        executor_of(gate.world.endpoint)
    with pytest.raises(WrongRole):
        acting.run(execution_id=str(execution.pk))
    assert gate.world.server.effects == []


@pytest.mark.parametrize("fields", [{}, {"by": "ben"}, {"voice": "ben"}])
def test_a_vote_cannot_be_forged_twice(gate: Gate, fields: dict[str, str]) -> None:
    """Two rows of one voice, or of one person, are refused by the database itself."""
    ana, ben = gate.world.ana, gate.world.ben
    given = {"approval": gate.approval, "plan_hash": "x", "decision": "approve", "factor": "token"}
    Vote.objects.create(by=ana, voice=ana, **given)
    other = {"by": ana, "voice": ana, **dict.fromkeys(fields, ben)}
    with pytest.raises(IntegrityError):
        Vote.objects.create(**other, **given)


def test_the_database_refuses_an_answer_without_an_author(gate: Gate) -> None:
    with pytest.raises(IntegrityError):
        Approval.objects.update(state="approved", decided_by=None)


def test_an_undo_of_nothing_is_refused_by_the_database(gate: Gate) -> None:
    assert not insert(
        plan=gate.plan, approval=gate.approval, mode="live", kind="undo", plan_hash="x",
        target_key="t", idempotency_key="mine",
    )  # fmt: skip


def test_an_effect_on_nothing_named_is_refused_by_the_database(gate: Gate) -> None:
    """It would count against no limit."""
    assert not insert(
        plan=gate.plan, approval=gate.approval, mode="live", plan_hash=gate.plan.plan_hash,
        target=None, target_key="t", idempotency_key="mine",
    )  # fmt: skip


def test_how_many_ways_were_tried(
    request: pytest.FixtureRequest, capsys: pytest.CaptureFixture[str]
) -> None:
    """Counts what was collected; a run of a part says so and asks for nothing."""
    here = Path(__file__).parent
    found = [item for item in request.session.items if here in item.path.parents]
    modules = {item.path for item in found}
    with capsys.disabled():
        sys.stdout.write(f"\n{len(found) - 1} ways round the gate\n")
    if modules != set(here.glob("test_*.py")):
        pytest.skip("only a part of the suite was collected")
    assert len(found) > 100
