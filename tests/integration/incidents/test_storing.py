"""The one statement that stores a delivery, and the way to it."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.test import Client
from django.urls import reverse
from pytest_django import DjangoAssertNumQueries, DjangoCaptureOnCommitCallbacks, Settings

from incidents.commands import storing
from incidents.commands.proving import Envelope
from incidents.models import Delivery, Workspace
from tests.fakes.payloads import alertmanager
from tests.integration.incidents.doors import Door, door

pytestmark = pytest.mark.django_db


@pytest.fixture
def sender(
    workspace: Workspace,
    admin_user: User,
    django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks,
) -> Door:
    return door(workspace, "alertmanager", django_capture_on_commit_callbacks, admin_user)


def columns_of(delivery: Delivery) -> dict[str, Any]:
    row = Delivery.objects.values().get(pk=delivery.pk)
    return {**row, "body": bytes(row["body"]), "id": None, "identity": None}


def test_the_row_is_what_the_orm_would_write(sender: Door) -> None:
    envelope = Envelope("text/plain; x='%s'", {"ce-id": "o'clock %s"}, "change", "::1", "mark")
    made, is_new = storing.store(sender.integration, b"\x00'%s\xff", envelope)
    assert is_new
    again = Delivery(
        integration=sender.integration,
        identity="another",
        body=b"\x00'%s\xff",
        headers=envelope.kept(),
        content_type=envelope.content_type,
        channel="change",
        remote="::1",
        received_at=made.received_at,
    )
    again.save()
    assert columns_of(made) == columns_of(again)


def test_what_the_statement_holds_is_the_same_in_every_row() -> None:
    """A default that is made anew for each row has to be brought along instead."""
    _, brought = storing._insert_sql(connection.vendor)
    left = [field for field in Delivery._meta.concrete_fields if field not in brought]
    assert left
    assert [f.name for f in left if f.has_default() and callable(f.default)] == []


def test_a_delivery_of_a_known_sender_takes_one_statement(
    sender: Door, settings: Settings, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    settings.SENDERS_KEPT_S = 60.0
    assert sender.post(alertmanager.firing(), lost=True).status_code == 202
    with django_assert_num_queries(1):
        assert sender.post(alertmanager.resolved(), lost=True).status_code == 202


def test_a_delivery_passes_what_guards_all_and_nothing_of_the_pages(sender: Door) -> None:
    answer = sender.post(alertmanager.firing(), lost=True)
    assert not hasattr(answer.wsgi_request, "session")
    assert answer["X-Request-ID"]
    assert "default-src 'self'" in answer["Content-Security-Policy"]
    assert answer["X-Content-Type-Options"] == "nosniff"
    there = Client(headers={"Host": "elsewhere.example"})
    assert there.post(reverse("hook", args=[sender.integration.pk])).status_code == 400


def test_only_what_asks_for_no_login_goes_the_short_way(settings: Settings) -> None:
    settings.RECEIVERS = ("/",)
    answer = Client().get(reverse("incidents:list"))
    assert answer.status_code == 302
    assert answer["Location"].startswith(reverse("login"))


@pytest.mark.parametrize("path", ["/hooks/", "/hooks/nobody/", "/v2/", "/v2/enqueue/more"])
def test_an_address_that_is_none_is_answered_as_everywhere(path: str) -> None:
    assert Client().post(path).status_code == 404


@contextmanager
def read_only() -> Iterator[None]:
    """As a database that has become a standby, or whose file system was mounted so."""
    is_sqlite = connection.vendor == "sqlite"
    with connection.cursor() as cursor:
        cursor.execute("PRAGMA query_only = ON" if is_sqlite else "SET TRANSACTION READ ONLY")
    try:
        yield
    finally:
        if is_sqlite:
            with connection.cursor() as cursor:
                cursor.execute("PRAGMA query_only = OFF")


def test_a_database_that_takes_no_row_asks_the_sender_to_come_back(sender: Door) -> None:
    assert sender.post(alertmanager.firing(), lost=True).status_code == 202
    with read_only():
        answer = sender.post(alertmanager.resolved(), lost=True)
    assert (answer.status_code, answer["Retry-After"]) == (503, "5")
    assert answer["Content-Type"] == "application/problem+json"
