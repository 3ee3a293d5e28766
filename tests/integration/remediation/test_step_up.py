"""The password once more: how often it may be tried, and what each try leaves behind."""

import pytest
from django.contrib.auth.models import User

from incidents.models import AuditEvent
from remediation.commands import step_up
from remediation.commands.refusal import Refused
from remediation.models import PasswordCheck
from tests.integration.remediation.conftest import World

PASSWORD = "a long enough password"


@pytest.fixture
def ana(world: World) -> User:
    world.ana.set_password(PASSWORD)
    world.ana.save()
    return world.ana


def prove(world: World, user: User, password: str) -> None:
    step_up.prove(user=user, password=password, workspace_id=world.workspace.pk)


def test_the_right_password_passes_and_is_recorded(world: World, ana: User) -> None:
    prove(world, ana, PASSWORD)
    assert PasswordCheck.objects.get().passed
    assert AuditEvent.objects.get(kind="step_up.passed").actor == "ana"


def test_a_wrong_one_is_refused_and_recorded(world: World, ana: User) -> None:
    with pytest.raises(Refused, match="not right"):
        prove(world, ana, "guess")
    assert not PasswordCheck.objects.get().passed
    assert AuditEvent.objects.filter(kind="step_up.failed").count() == 1


def test_tries_run_out_and_come_back(world: World, ana: User) -> None:
    for _ in range(step_up.TRIES):
        with pytest.raises(Refused, match="not right"):
            prove(world, ana, "guess")
    with pytest.raises(Refused, match="too many") as refused:
        prove(world, ana, PASSWORD)
    assert refused.value.rule == "too_many"
    assert AuditEvent.objects.filter(kind="step_up.blocked").count() == 1
    world.hands.advance(minutes=16)
    prove(world, ana, PASSWORD)


def test_another_persons_guesses_do_not_count(world: World, ana: User) -> None:
    world.ben.set_password(PASSWORD)
    world.ben.save()
    for _ in range(step_up.TRIES + 1):
        with pytest.raises(Refused):
            prove(world, ana, "guess")
    prove(world, world.ben, PASSWORD)


def test_an_account_without_a_password_cannot_prove_itself(world: World) -> None:
    world.ana.set_unusable_password()
    with pytest.raises(Refused, match="no password here"):
        prove(world, world.ana, "")
