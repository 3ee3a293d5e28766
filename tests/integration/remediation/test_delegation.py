"""A right that is lent: what it gives, until when, and that it never makes two people of one."""

from datetime import datetime, timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User

from airra.lib import clock
from airra.lib.db import Conflict
from incidents.models import AuditEvent, Membership, Workspace
from incidents.permissions import NotPermitted, Permission, Role
from incidents.queries.access import permissions_of
from remediation.commands import approval as approvals
from remediation.commands import delegation as delegations
from remediation.commands import plan as plans
from remediation.commands.refusal import Refused
from remediation.models import Delegation, Execution, Vote
from remediation.queries.say import say_of
from tests.integration.remediation.conftest import World, member


@pytest.fixture
def dora(world: World) -> User:
    return member(world.workspace, "dora", Role.RESPONDER)


def lend(world: World, to: User, *, by: User | None = None, **said: Any) -> Delegation:
    lender = said.pop("delegator", world.ana)
    fields = {"until": clock.now() + timedelta(days=2), "reason": "on leave", **said}
    return delegations.delegate(
        workspace=world.workspace, delegator=lender, to=to, by=by or lender, **fields
    )


def approve(world: World, by: User, **said: Any) -> Execution | None:
    plan = said.pop("plan", None) or world.planned(**said)
    return approvals.approve(approval=world.pending(plan), by=by, reason="go")


def test_it_lets_somebody_decide_and_the_vote_says_by_whose_right(world: World, dora: User) -> None:
    lend(world, dora)
    assert approve(world, dora) is not None
    vote = Vote.objects.get()
    assert (vote.by, vote.voice) == (dora, world.ana)
    assert AuditEvent.objects.get(kind="approval.approved").after["by right of"] == "ana"


def test_it_gives_that_and_no_role(world: World, dora: User) -> None:
    lend(world, dora)
    assert Permission.APPROVE not in permissions_of(dora, world.workspace)


def test_it_ends_by_its_date(world: World, dora: User) -> None:
    lend(world, dora)
    world.hands.advance(days=2)
    with pytest.raises(NotPermitted):
        approve(world, dora)


def test_it_ends_when_it_is_taken_back(world: World, dora: User) -> None:
    lent = lend(world, dora)
    delegations.end(delegation=lent, by=world.ana)
    with pytest.raises(Conflict):
        delegations.end(delegation=Delegation.objects.get(), by=dora)
    with pytest.raises(NotPermitted):
        approve(world, dora)
    assert AuditEvent.objects.filter(kind__startswith="delegation.").count() == 2


def test_it_ends_with_the_lenders_own_right(world: World, dora: User) -> None:
    lend(world, dora)
    Membership.objects.filter(user=world.ana).delete()
    with pytest.raises(NotPermitted):
        approve(world, dora)


def test_it_ends_with_the_lenders_account(world: World, dora: User) -> None:
    lend(world, dora)
    User.objects.filter(pk=world.ana.pk).update(is_active=False)
    with pytest.raises(NotPermitted):
        approve(world, dora)


def test_lender_and_borrower_are_one_person(world: World, dora: User) -> None:
    lend(world, dora)
    plan = world.planned(is_tainted=True)
    assert approve(world, world.ana, plan=plan) is None
    with pytest.raises(Refused, match="count as one person"):
        approve(world, dora, plan=plan)
    assert approve(world, world.ben, plan=plan) is not None


def test_borrower_and_lender_are_one_person(world: World, dora: User) -> None:
    lend(world, dora)
    plan = world.planned(is_tainted=True)
    assert approve(world, dora, plan=plan) is None
    with pytest.raises(Refused, match="somebody else"):
        approve(world, world.ana, plan=plan)
    assert Execution.objects.count() == 0


def test_two_borrowers_of_one_lender_are_one_person(world: World, dora: User) -> None:
    emil = member(world.workspace, "emil", Role.RESPONDER)
    lend(world, dora)
    lend(world, emil)
    plan = world.planned(is_tainted=True)
    assert approve(world, dora, plan=plan) is None
    with pytest.raises(Refused, match="count as one person"):
        approve(world, emil, plan=plan)


def test_who_asked_cannot_let_another_approve_it_for_them(world: World, dora: User) -> None:
    lend(world, dora, delegator=world.requester)
    world.investigated()
    wished = plans.request_action(
        incident=world.incident, action="restart", service="payments", params={},
        by=world.requester,
    )  # fmt: skip
    plan = world.answered(wished)
    with pytest.raises(Refused, match="lent you the right"):
        approve(world, dora, plan=plan)
    assert approve(world, world.ben, plan=plan) is not None


def test_what_is_borrowed_is_not_lent_on(world: World, dora: User) -> None:
    lend(world, dora)
    emil = member(world.workspace, "emil", Role.RESPONDER)
    with pytest.raises(NotPermitted):
        lend(world, emil, delegator=dora)


@pytest.mark.parametrize(
    ("said", "message"),
    [
        ({"until": datetime(2026, 3, 1, 11, tzinfo=clock.now().tzinfo)}, "a moment to come"),
        ({"until": datetime(2026, 4, 9, tzinfo=clock.now().tzinfo)}, "30 days at most"),
        ({"reason": " "}, "say why"),
    ],
)
def test_a_wrong_loan_says_what_is_wrong(
    world: World, dora: User, said: dict[str, Any], message: str
) -> None:
    with pytest.raises(Refused, match=message):
        lend(world, dora, **said)


def test_to_whom_it_cannot_be_lent(world: World) -> None:
    with pytest.raises(Refused, match="may decide here already"):
        lend(world, world.ben)
    with pytest.raises(Refused, match="to themselves"):
        lend(world, world.ana)
    there = Workspace.objects.create(name="Other", slug="other")
    with pytest.raises(Refused, match="not in this workspace"):
        lend(world, member(there, "olga", Role.RESPONDER))


def test_only_oneself_or_an_admin_lends(world: World, dora: User) -> None:
    with pytest.raises(NotPermitted):
        lend(world, dora, by=world.ben)
    assert lend(world, dora, by=member(world.workspace, "ada", Role.ADMIN)).delegator == world.ana


def test_the_screen_says_whose_right_it_is(world: World, dora: User) -> None:
    plan = world.planned()
    held = permissions_of(dora, world.workspace)
    assert "needs the role" in say_of(world.pending(plan), dora, held).reason
    lend(world, dora)
    said = say_of(world.pending(plan), dora, held)
    assert said.may
    assert "ana lent you the right" in said.reason
