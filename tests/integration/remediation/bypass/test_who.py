"""The wrong people, at every door: pages, links, API; as themselves, by loan, by old tokens."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User

from airra.lib import clock
from incidents.models import ApiToken, AuditEvent, Membership
from incidents.permissions import Role
from remediation.commands import approval as approvals
from remediation.commands import delegation
from remediation.commands.refusal import Refused
from remediation.models import Approval, Delegation, Plan
from tests.integration.remediation.bypass.conftest import LIVE, SURE, Gate
from tests.integration.remediation.conftest import member

STRANGERS = ("anonymous", "viewer", "responder", "outsider", "inactive", "left")
REFUSED = {302, 401, 403, 404, 410}


def at_page(gate: Gate, user: User | None) -> Any:
    return gate.browser(user).post(gate.page, LIVE)


def at_dry_run(gate: Gate, user: User | None) -> Any:
    return gate.browser(user).post(gate.page, {**LIVE, "mode": "dry_run"})


def by_own_link(gate: Gate, user: User | None) -> Any:
    return gate.browser(user).post(gate.link(user or gate.world.ana), LIVE)


def by_stolen_link(gate: Gate, user: User | None) -> Any:
    return gate.browser(user).post(gate.link(gate.world.ana), LIVE)


def over_api(gate: Gate, user: User | None) -> Any:
    if user is None:
        return gate.call("", **gate.said(gate.world.ana))
    return gate.call(token_from_before(gate, user), **gate.said(user))


def token_from_before(gate: Gate, user: User) -> str:
    """A token of when all was well: the account active, its owner a member."""
    held = user.memberships.first()
    role = gate.world.ana.memberships.get().role
    place = held.workspace if held else gate.world.workspace
    if held is None:
        Membership.objects.create(user=user, workspace=place, role=role)
    was = user.is_active
    User.objects.filter(pk=user.pk).update(is_active=True)
    text = gate.token(User.objects.get(pk=user.pk), place)
    User.objects.filter(pk=user.pk).update(is_active=was)
    if held is None:
        Membership.objects.filter(user=user).delete()
    return text


def executing_over_api(gate: Gate, user: User | None) -> Any:
    text = gate.token(user) if user and user.username == "vera" else ""
    return gate.call(text, f"/api/v1/actions/{gate.plan.pk}/execute")


DOORS = (at_page, at_dry_run, by_own_link, by_stolen_link, over_api, executing_over_api)


@pytest.mark.parametrize("who", STRANGERS)
@pytest.mark.parametrize("door", DOORS, ids=lambda door: door.__name__)
def test_the_wrong_person_at_a_door(gate: Gate, who: str, door: Callable[..., Any]) -> None:
    user = gate.people.get(who)
    if who == "inactive":
        User.objects.filter(username="ines").update(is_active=False)
        user = User.objects.get(username="ines")
    answer = door(gate, user)
    assert answer.status_code in REFUSED
    gate.nothing_decided()
    gate.holds(told=False)


@pytest.mark.parametrize("door", [at_page, by_own_link, over_api], ids=lambda door: door.__name__)
def test_ones_own_request(wished: Gate, door: Callable[..., Any]) -> None:
    answer = door(wished, wished.world.requester)
    assert answer.status_code in {403, 409}
    assert "asked for this action" in answer.content.decode()
    wished.nothing_decided()
    wished.holds(told=False)


@pytest.mark.parametrize("door", [at_page, by_own_link], ids=lambda door: door.__name__)
def test_a_superusers_own_request(gate: Gate, door: Callable[..., Any]) -> None:
    root = User.objects.create_superuser("root")
    Plan.objects.filter(pk=gate.plan.pk).update(requested_by=root)
    answer = door(gate, root)
    assert answer.status_code == 409
    gate.nothing_decided()
    gate.holds(told=False)


def lend(gate: Gate, lender: User, to: User) -> Delegation:
    return delegation.delegate(
        workspace=gate.world.workspace, delegator=lender, to=to, by=lender,
        until=clock.now() + timedelta(days=1), reason="away",
    )  # fmt: skip


@pytest.mark.parametrize("door", [at_page, by_own_link, over_api], ids=lambda door: door.__name__)
def test_the_requester_through_somebody_elses_hand(wished: Gate, door: Callable[..., Any]) -> None:
    remi = wished.people["responder"]
    lend(wished, wished.world.requester, remi)
    answer = door(wished, remi)
    assert answer.status_code in {403, 409}
    assert "lent you the right" in answer.content.decode()
    wished.nothing_decided()
    wished.holds()


@pytest.mark.parametrize("door", [at_page, by_own_link, over_api], ids=lambda door: door.__name__)
@pytest.mark.parametrize("first", ["lender", "borrower"])
def test_lender_and_borrower_as_two_people(
    gate: Gate, first: str, door: Callable[..., Any]
) -> None:
    Approval.objects.update(needed=2)
    remi, ana = gate.people["responder"], gate.world.ana
    lend(gate, ana, remi)
    one, other = (ana, remi) if first == "lender" else (remi, ana)
    assert approvals.approve(approval=gate.approval, by=one, reason="go", stand=SURE) is None
    assert door(gate, other).status_code in {403, 409}
    assert gate.approval.state == Approval.State.PENDING
    gate.holds()


@pytest.mark.parametrize("door", [at_page, by_own_link, over_api], ids=lambda door: door.__name__)
def test_the_same_person_twice(gate: Gate, door: Callable[..., Any]) -> None:
    Approval.objects.update(needed=2)
    assert door(gate, gate.world.ana).status_code in {200, 302}
    again = door(gate, gate.world.ana)
    assert again.status_code in {403, 409, 410}
    gate.holds()


@pytest.mark.parametrize("end", ["over", "taken back", "lender left", "lender inactive"])
def test_a_loan_that_is_no_more(gate: Gate, end: str) -> None:
    remi, ana = gate.people["responder"], gate.world.ana
    lent = lend(gate, ana, remi)
    if end == "over":
        Delegation.objects.update(until=clock.now(), made_at=clock.now() - timedelta(days=2))
    elif end == "taken back":
        delegation.end(delegation=lent, by=ana)
    elif end == "lender left":
        Membership.objects.filter(user=ana).delete()
    else:
        User.objects.filter(pk=ana.pk).update(is_active=False)
    assert at_page(gate, remi).status_code == 403
    gate.nothing_decided()
    gate.holds()


@pytest.mark.parametrize("to", ["viewer", "responder"])
def test_a_loan_of_what_one_does_not_have(gate: Gate, to: str) -> None:
    remi = gate.people["responder"]
    emil = member(gate.world.workspace, "emil", Role.RESPONDER)
    lend(gate, gate.world.ana, remi)
    path, said = "/approvals/delegations/", {"until": "2026-03-03", "reason": "x"}
    answer = gate.browser(gate.people[to]).post(path, {"delegator": remi.pk, "to": emil.pk, **said})
    assert answer.status_code == 403
    assert Delegation.objects.count() == 1
    assert at_page(gate, emil).status_code == 403
    gate.holds()


def test_an_admin_cannot_lend_to_somebody_outside(gate: Gate) -> None:
    ada = member(gate.world.workspace, "ada", Role.ADMIN)
    with pytest.raises(Refused, match="not in this workspace"):
        delegation.delegate(
            workspace=gate.world.workspace, delegator=gate.world.ana, to=gate.people["outsider"],
            by=ada, until=clock.now() + timedelta(days=1), reason="x",
        )  # fmt: skip
    gate.holds(told=False)


@pytest.mark.parametrize("end", ["revoked", "expired", "owner inactive", "owner left", "guessed"])
def test_a_token_that_no_longer_works(gate: Gate, end: str) -> None:
    ana = gate.world.ana
    text = gate.token(ana)
    found = ApiToken.objects.filter(user=ana)
    if end == "revoked":
        found.update(revoked_at=clock.now())
    elif end == "expired":
        found.update(expires_at=clock.now())
    elif end == "owner inactive":
        User.objects.filter(pk=ana.pk).update(is_active=False)
    elif end == "owner left":
        Membership.objects.filter(user=ana).delete()
    else:
        text = text[:-1] + ("a" if text[-1] != "a" else "b")
    assert gate.call(text, **gate.said(ana)).status_code == 401
    gate.nothing_decided()
    gate.holds(told=False)


@pytest.mark.parametrize("name", ["ben", "root", ""])
def test_another_name_with_ones_own_token(gate: Gate, name: str) -> None:
    answer = gate.call(gate.token(gate.world.ana), **gate.said(gate.world.ana, approved_by=name))
    assert answer.status_code == 403
    gate.nothing_decided()
    gate.holds(told=False)


@pytest.mark.parametrize("band", ["high", "extreme"])
@pytest.mark.parametrize("how", ["token", "session", "stale stamp", "another's stamp", "future"])
def test_high_risk_without_the_password_once_more(gate: Gate, band: str, how: str) -> None:
    Plan.objects.filter(pk=gate.plan.pk).update(risk_band=band)
    ana = gate.world.ana
    if how == "token":
        assert gate.call(gate.token(ana), **gate.said(ana)).status_code == 403
    else:
        browser = gate.browser(ana)
        session = browser.session
        now = clock.now().timestamp()
        stamps = {
            "stale stamp": [ana.pk, now - 301],
            "another's stamp": [gate.world.ben.pk, now],
            "future": [ana.pk, now + 60],
        }
        session["stepped_up"] = stamps.get(how)
        session.save()
        assert browser.post(gate.page, LIVE).status_code == 422
    gate.nothing_decided()
    gate.holds(told=False)


def test_a_guessed_password_is_recorded(gate: Gate) -> None:
    Plan.objects.filter(pk=gate.plan.pk).update(risk_band="high")
    gate.world.ana.set_password("a long enough password")
    gate.world.ana.save()
    browser = gate.browser(gate.world.ana)
    for _ in range(6):
        browser.post(gate.page, {**LIVE, "password": "guess"})
    kinds = AuditEvent.objects.filter(kind__startswith="step_up.").values_list("kind", flat=True)
    assert sorted(kinds) == ["step_up.blocked", *["step_up.failed"] * 5]
    gate.nothing_decided()
    gate.holds()
