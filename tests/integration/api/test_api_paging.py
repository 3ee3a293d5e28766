"""Pages by cursor: nothing twice and nothing lost, whatever arrives or ends in between."""

from collections.abc import Callable
from datetime import datetime, timedelta

import pytest
from django.contrib.auth.models import User

from airra.lib import clock
from incidents.lifecycle import Severity, State
from incidents.models import Incident
from remediation.models import Approval
from tests.factories import incidents as make
from tests.factories import remediation as plans
from tests.integration.api.conftest import Caller, assert_problem

pytestmark = pytest.mark.django_db


@pytest.fixture
def vera(viewer: User, call_as: Callable[[User], Caller]) -> Caller:
    return call_as(viewer)


def walk(caller: Caller, path: str, *, limit: int, between: Callable[[], object]) -> list[str]:
    """The ids of every page, with something happening between each two."""
    found: list[str] = []
    cursor = ""
    for _ in range(50):
        said = caller.get(path, limit=limit, cursor=cursor).json()
        assert 0 < len(said["items"]) <= limit
        found += [item["id"] for item in said["items"]]
        if said["next"] is None:
            return found
        cursor = said["next"]
        between()
    pytest.fail("the pages never end")


def test_incidents_that_arrive_between_pages_disturb_nothing(vera: Caller) -> None:
    before = [str(make.incident(age_s=600 - i).pk) for i in range(7)]
    found = walk(vera, "/incidents", limit=2, between=lambda: make.incident(age_s=0))
    assert found == before[::-1]


def test_incidents_of_one_moment_are_told_once_each(vera: Caller) -> None:
    before = {str(make.incident().pk) for _ in range(7)}
    Incident.objects.update(opened_at=clock.now())
    found = walk(vera, "/incidents", limit=3, between=lambda: None)
    assert len(found) == 7
    assert set(found) == before


def test_the_last_page_says_so_even_when_it_is_full(vera: Caller) -> None:
    for _ in range(4):
        make.incident()
    first = vera.get("/incidents", limit=2).json()
    last = vera.get("/incidents", limit=2, cursor=first["next"]).json()
    assert (len(last["items"]), last["next"]) == (2, None)


def test_a_cursor_keeps_its_filter_only_when_told_again(vera: Caller) -> None:
    for i in range(4):
        make.incident(severity=Severity.LOW if i % 2 else Severity.HIGH, age_s=600 - i)
    first = vera.get("/incidents", severity="low", limit=1).json()
    second = vera.get("/incidents", severity="low", limit=1, cursor=first["next"]).json()
    assert [i["severity"] for i in first["items"] + second["items"]] == ["low", "low"]
    assert second["next"] is None


def test_incidents_are_filtered_by_state_severity_and_service(vera: Caller) -> None:
    make.incident(title="a", about=make.service("payments"), severity=Severity.LOW)
    make.incident(title="b", about=make.service("search"), state=State.RESOLVED)

    def titles(**query: str) -> list[str]:
        return [item["title"] for item in vera.get("/incidents", **query).json()["items"]]

    assert titles() == ["b", "a"]
    assert titles(service="payments") == ["a"]
    assert titles(state="resolved") == ["b"]
    assert titles(severity="low") == ["a"]
    assert titles(service="nobody knows") == []


def test_approvals_that_are_asked_for_or_decided_between_pages_disturb_nothing(
    vera: Caller,
) -> None:
    def ask(minutes: float) -> Approval:
        incident = make.incident(state=State.AWAITING_APPROVAL)
        return plans.approval(
            plans.plan(incident), expires_at=clock.now() + timedelta(minutes=minutes)
        )

    before = [ask(5 + i) for i in range(6)]
    decided = iter(before)

    def meanwhile() -> None:
        """Somebody decides on what was shown already; another question is asked, more urgent."""
        row = Approval.objects.filter(pk=next(decided).pk)
        row.update(state=Approval.State.EXPIRED)
        ask(1)

    found = walk(vera, "/approvals/pending", limit=2, between=meanwhile)
    assert found == [str(row.pk) for row in before]


@pytest.mark.parametrize("path", ["/incidents", "/approvals/pending"])
@pytest.mark.parametrize(
    "cursor",
    [
        "nonsense",
        "~",
        "2026-03-01T12:00:00+00:00",
        "2026-03-01T12:00:00+00:00~x",
        "2026-03-01T12:00:00~01a20a35041b7f62a1cefbd0207ed48b",
        "0001-01-01T00:00:00+14:00~01a20a35041b7f62a1cefbd0207ed48b",
        "9999-12-31T23:59:59-14:00~01a20a35041b7f62a1cefbd0207ed48b",
        "\x00",
    ],
)
def test_a_cursor_that_is_none_of_ours_is_refused(vera: Caller, path: str, cursor: str) -> None:
    assert_problem(vera.get(path, cursor=cursor), 422, "cursor")


@pytest.mark.parametrize("path", ["/incidents", "/approvals/pending"])
@pytest.mark.parametrize("limit", ["0", "201", "-1", "many", "9" * 40])
def test_a_page_has_from_one_to_two_hundred_rows(vera: Caller, path: str, limit: str) -> None:
    said = assert_problem(vera.get(path, limit=limit), 422, "limit")
    assert [error["field"] for error in said["errors"]] == ["limit"]


@pytest.mark.parametrize(
    ("name", "value"), [("state", "broken"), ("severity", "page"), ("service", "a\x00b")]
)
def test_a_filter_that_means_nothing_is_refused(vera: Caller, name: str, value: str) -> None:
    assert_problem(vera.get("/incidents", **{name: value}), 422, name)


def test_times_are_told_in_utc(vera: Caller) -> None:
    make.incident()
    told = vera.get("/incidents").json()["items"][0]["opened_at"]
    assert datetime.fromisoformat(told).utcoffset() == timedelta(0)
