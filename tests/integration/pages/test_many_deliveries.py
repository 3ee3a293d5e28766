"""Deliveries by the ten thousand: what the pages ask is answered by an index, on either one."""

import re
from datetime import timedelta
from uuid import UUID

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from airra.lib import clock
from incidents.models import Delivery, Integration, Workspace
from incidents.queries import deliveries, integrations

pytestmark = pytest.mark.django_db

MANY = 30_000
_FIRST = 0x019C0000_0000_7000_8000_000000000000
_READS_EVERY_ROW = re.compile(r"Seq Scan on incidents_delivery\b|SCAN incidents_delivery(?! USING)")


@pytest.fixture
def sender(workspace: Workspace) -> Integration:
    return Integration.objects.create(workspace=workspace, name="scripts", kind="generic")


def _stored(sender: Integration, number: int, *, wrong_every: int = 10) -> None:
    """So many deliveries, one a minute; every tenth was not understood."""
    now = clock.now()
    Delivery.objects.bulk_create(
        (
            Delivery(
                id=UUID(int=_FIRST + i),  # newer ones are greater
                integration=sender,
                identity=f"{i:064d}",
                body=b"{}",
                state="processed" if i % wrong_every else "refused",
                error="" if i % wrong_every else f"title: expected a text, got {i}",
                received_at=now - timedelta(minutes=number - i),
            )
            for i in range(number)
        ),
        batch_size=2000,
    )
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute("ANALYZE incidents_delivery")


def _plans(asked: CaptureQueriesContext) -> list[str]:
    """How the database answers each question about deliveries."""
    explain = "EXPLAIN QUERY PLAN" if connection.vendor == "sqlite" else "EXPLAIN"
    found = []
    for query in asked.captured_queries:
        if "incidents_delivery" in query["sql"]:
            with connection.cursor() as cursor:
                cursor.execute(f"{explain} {query['sql']}")
                found.append("\n".join(str(row[-1]) for row in cursor.fetchall()))
    return found


def test_many_rows_are_counted_listed_and_searched_by_an_index(
    sender: Integration,
    workspace: Workspace,
    responder: User,
    hands: clock.Hands,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    other = Integration.objects.create(workspace=workspace, name="quiet", kind="generic")
    _stored(sender, MANY)
    with CaptureQueriesContext(connection) as counted:
        (quiet, busy) = integrations.rows(responder)
    assert (quiet.integration, quiet.came) == (other, 0)
    assert (busy.came, busy.not_read) == (24 * 60, 24 * 6)
    aside, came = _plans(counted)
    assert "deliveries_that_came_lately" in came, came
    assert "deliveries_set_aside" in aside, aside

    monkeypatch.setattr(deliveries, "SEARCHED", 1000)
    given = deliveries.DeliveryFilters.parse({"q": "got 2"})
    with CaptureQueriesContext(connection) as searched:
        found = deliveries.page(given, responder)
    assert len(found.rows) == 50
    given = deliveries.DeliveryFilters.parse({"q": "got 1999"})
    assert not deliveries.page(given, responder).rows, "that is before the newest 1,000"
    begins, rows, *_ = _plans(searched)
    for plan in (begins, rows):
        assert "deliveries_with_an_error" in plan, plan

    with CaptureQueriesContext(connection) as listed:
        deliveries.page(deliveries.DeliveryFilters(), responder)
    for plan in _plans(counted) + _plans(searched) + _plans(listed):
        assert not _READS_EVERY_ROW.search(plan), plan


def test_a_search_looks_through_the_newest_and_says_so(
    as_viewer: Client, sender: Integration, monkeypatch: pytest.MonkeyPatch
) -> None:
    _stored(sender, 30, wrong_every=1)
    monkeypatch.setattr(deliveries, "SEARCHED", 20)
    assert "Searched:" not in as_viewer.get("/deliveries/").content.decode()
    answer = as_viewer.get("/deliveries/?q=expected")
    assert len(answer.context["rows"]) == 20
    assert (
        "the newest 20 deliveries to this AIRRA that had anything wrong" in answer.content.decode()
    )
    assert "Searched:" in as_viewer.get("/deliveries/?q=zebra").content.decode()
