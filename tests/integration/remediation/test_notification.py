"""Mails about what waits: to whom, once, with a link for each; and nothing without a server."""

import re

import pytest
from django.conf import LazySettings
from django.core.mail import EmailMessage
from django.test import Client

from incidents.permissions import Role
from remediation.commands import notification
from remediation.models import Approval, Vote
from tests.integration.remediation.conftest import World, member


@pytest.fixture
def written(
    world: World, settings: LazySettings, mailoutbox: list[EmailMessage]
) -> list[EmailMessage]:
    settings.EMAIL_HOST = "mail.example.org"
    for user in (world.ana, world.ben, world.requester, member(world.workspace, "v", Role.VIEWER)):
        user.email = f"{user.username}@example.org"
        user.save()
    return mailoutbox


def tell(world: World) -> Approval:
    asked = world.pending(world.planned())
    notification.tell(approval_id=str(asked.pk))
    return asked


def test_everybody_who_may_decide_is_told_once(world: World, written: list[EmailMessage]) -> None:
    asked = tell(world)
    assert [mail.to for mail in written] == [
        ["rita@example.org"], ["ana@example.org"], ["ben@example.org"],
    ]  # fmt: skip
    assert notification.tell(approval_id=str(asked.pk)) == 0
    assert len(written) == 3


def test_each_has_a_link_of_their_own_that_opens_and_decides_nothing(
    world: World, written: list[EmailMessage]
) -> None:
    tell(world)
    paths = [re.findall(r"http://[^/]+(/approvals/link/\S+)", str(mail.body)) for mail in written]
    assert len({path for (path,) in paths}) == 3
    browser = Client()
    browser.force_login(world.ana)
    assert [browser.get(path).status_code for (path,) in paths] == [410, 200, 410]
    assert not Vote.objects.exists()


def test_who_asked_is_not_asked_to_approve(world: World, written: list[EmailMessage]) -> None:
    plan = world.planned()
    Approval.objects.update(requested_by=world.requester)
    notification.tell(approval_id=str(world.pending(plan).pk))
    assert ["rita@example.org"] not in [mail.to for mail in written]


def test_nothing_is_written_without_a_server(
    world: World, written: list[EmailMessage], settings: LazySettings
) -> None:
    settings.EMAIL_HOST = ""
    asked = tell(world)
    assert written == []
    asked.refresh_from_db()
    assert asked.notified_at is None


def test_a_server_that_is_not_there_stops_nothing(
    world: World, written: list[EmailMessage], settings: LazySettings
) -> None:
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", 9
    asked = tell(world)
    asked.refresh_from_db()
    assert asked.state == Approval.State.PENDING
    assert asked.notified_at is not None
