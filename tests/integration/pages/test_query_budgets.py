"""A page asks the same few questions whether it shows one row or two hundred."""

from collections.abc import Callable
from datetime import timedelta

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from airra.lib import clock
from incidents.commands import audit
from incidents.lifecycle import Severity, State
from incidents.models import Incident, ServiceDependency, TimelineEvent
from tests.factories import analysis, remediation
from tests.factories import incidents as make
from tests.integration.pages.conftest import client_of

pytestmark = pytest.mark.django_db

Count = Callable[[str], int]
MANY = 200
BUDGET = 13  # one of them asks what is stopped, for the banner of every page


def incidents(number: int, *, owner: User) -> None:
    for _ in range(number):
        about = make.incident(
            about=make.service(f"service-{number}"), severity=Severity.HIGH, owner=owner
        )
        analysis.hypothesis(analysis.investigation(about))


def test_incident_list(queries_of: Count, responder: User) -> None:
    incidents(1, owner=responder)
    with_one = queries_of("/incidents/"), queries_of("/incidents/rows/")
    incidents(MANY, owner=responder)
    with_many = queries_of("/incidents/"), queries_of("/incidents/rows/")
    assert with_many == with_one
    assert max(with_many) <= BUDGET


def test_incident_page(queries_of: Count, story: Incident, responder: User) -> None:
    assert story.service is not None
    paths = (f"/incidents/{story.key}/", f"/incidents/{story.key}/live/")
    with_one = [queries_of(path) for path in paths]
    for number in range(MANY):
        make.event(story, TimelineEvent.Kind.NOTE, f"note {number}", by=responder)
        make.alert(story, title=f"alert {number}")
        name = f"caller-{number}"
        ServiceDependency.objects.create(caller=make.service(name), callee=story.service)
    run = story.investigations.get()
    for number in range(6, MANY):
        row = analysis.evidence(run, number)
        analysis.claim(run.hypotheses.earliest("rank"), f"claim {number}", row)
    page, live = with_many = [queries_of(path) for path in paths]
    assert with_many == with_one
    assert page <= BUDGET + 1  # and one for past incidents like it
    assert live <= BUDGET + 1  # the newest event, for the tag


def test_an_idle_poll_is_cheaper(as_approver: Client, story: Incident) -> None:
    path = f"/incidents/{story.key}/live/"
    tag = as_approver.get(path).headers["HX-PTag"]
    with CaptureQueriesContext(connection) as seen:
        assert as_approver.get(path, headers={"HX-PTag": tag}).status_code == 304
    assert len(seen.captured_queries) <= 7


def waiting(number: int) -> None:
    for each in range(number):
        about = make.incident(state=State.AWAITING_APPROVAL, about=make.service("payments"))
        plan = remediation.plan(about, plan_hash=f"{each:0>64}")
        remediation.approval(plan)


def decided(number: int, by: User) -> None:
    for _ in range(number):
        about = make.incident(state=State.EXECUTING, about=make.service("payments"))
        plan = remediation.plan(about, state="done")
        remediation.approval(plan, state="approved", decided_by=by, decided_at=clock.now())


def test_approvals(queries_of: Count, second_approver: User) -> None:
    waiting(1)
    decided(1, second_approver)
    with_one = queries_of("/approvals/"), queries_of("/approvals/live/")
    waiting(MANY)
    decided(30, second_approver)
    with_many = queries_of("/approvals/"), queries_of("/approvals/live/")
    assert with_many == with_one
    assert max(with_many) <= BUDGET


def test_services(queries_of: Count) -> None:
    first = make.service("first")
    make.incident(about=first)
    with_one = queries_of("/services/")
    for number in range(MANY):
        made = make.service(f"service-{number}")
        make.incident(about=made)
        ServiceDependency.objects.create(caller=made, callee=first)
    assert queries_of("/services/") == with_one <= BUDGET
    assert queries_of("/services/first/") <= BUDGET


def test_detectors(queries_of: Count) -> None:
    rule = analysis.detector("first")
    about = make.incident(about=make.service("payments"))
    analysis.anomaly(about, by=rule)
    paths = ("/detectors/", f"/detectors/{rule.pk}/")
    with_one = [queries_of(path) for path in paths]
    for number in range(MANY):
        other = analysis.detector(f"rule-{number}")
        analysis.anomaly(about, by=other)
        began = clock.now() - timedelta(hours=number + 1)
        analysis.anomaly(about, by=rule, started_at=began, ended_at=clock.now())
    assert [queries_of(path) for path in paths] == with_one
    assert max(with_one) <= BUDGET


def test_audit_log(queries_of: Count, responder: User) -> None:
    about = make.incident()
    audit.record("incident.opened", target=about, by=responder)
    with_one = queries_of("/audit/")
    for _ in range(MANY):
        audit.record("incident.moved", target=about, by=responder, after={"state": "open"})
    assert queries_of("/audit/") == with_one <= BUDGET


@pytest.mark.parametrize("path", ["/admin/", "/admin/analysis/detector/", "/admin/auth/user/add/"])
def test_settings_ask_once_who_is_an_admin(path: str, admin_user: User) -> None:
    """Django asks it of every model for every verb, to list what there is on the side."""
    User.objects.filter(pk=admin_user.pk).update(is_staff=True)
    client = client_of(admin_user)
    with CaptureQueriesContext(connection) as seen:
        assert client.get(path).status_code == 200
    asked = [row["sql"] for row in seen.captured_queries if _asks_who_administers(row["sql"])]
    assert len(asked) == 1


def _asks_who_administers(sql: str) -> bool:
    return sql.startswith("SELECT 1 AS") and '"incidents_membership"' in sql
