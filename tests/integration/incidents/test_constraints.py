"""What the database itself refuses."""

from typing import Any

import pytest
from django.db import DatabaseError, IntegrityError, connection, transaction

from airra.lib import clock
from analysis.models import Evidence, Investigation
from incidents.commands import audit
from incidents.lifecycle import State
from incidents.models import AuditEvent, Incident, Service, ServiceDependency, Workspace

pytestmark = pytest.mark.django_db


def make(workspace: Workspace, number: int, **fields: Any) -> Incident:
    values = {"title": "x", "severity": "low", "source": "api", "grouping_key": f"k{number}"}
    return Incident.objects.create(workspace=workspace, number=number, **{**values, **fields})


def refused(**fields: Any) -> bool:
    workspace = Workspace.objects.get()
    try:
        with transaction.atomic():
            make(workspace, 900, **fields)
    except IntegrityError:
        return True
    return False


def test_a_resolved_incident_has_a_resolved_time() -> None:
    assert refused(state=State.RESOLVED)
    assert not refused(state=State.RESOLVED, resolved_at=clock.now())


def test_one_open_incident_per_grouping_key() -> None:
    workspace = Workspace.objects.get()
    first = make(workspace, 1, grouping_key="svc")
    assert refused(grouping_key="svc")
    Incident.objects.filter(pk=first.pk).update(state=State.RESOLVED, resolved_at=clock.now())
    assert not refused(grouping_key="svc")


def test_an_acknowledgement_needs_somebody_and_some_time() -> None:
    assert refused(acknowledged_at=clock.now())


def test_a_merged_incident_names_the_other() -> None:
    assert refused(state=State.MERGED)


def test_a_service_does_not_call_itself() -> None:
    service = Service.objects.create(workspace=Workspace.objects.get(), name="a")
    with pytest.raises(IntegrityError), transaction.atomic():
        ServiceDependency.objects.create(caller=service, callee=service)


def test_the_audit_record_cannot_be_changed_even_by_sql() -> None:
    incident = make(Workspace.objects.get(), 1)
    audit.record("incident.opened", target=incident)
    with pytest.raises(TypeError, match="append-only"):
        AuditEvent.objects.update(actor="somebody else")
    with (
        pytest.raises(DatabaseError, match="append-only"),
        transaction.atomic(),
        connection.cursor() as cursor,
    ):
        cursor.execute("UPDATE incidents_auditevent SET actor = 'somebody else'")


def test_evidence_cannot_be_changed_even_by_sql() -> None:
    investigation = Investigation.objects.create(incident=make(Workspace.objects.get(), 1))
    row = Evidence.objects.create(
        investigation=investigation,
        seq=1,
        tool="get_onsets",
        window_start=clock.now(),
        window_end=clock.now(),
        status="ok",
        summary="nothing",
        custody="app_metric",
        hash="0" * 64,
    )
    with pytest.raises(TypeError, match="append-only"):
        row.save()
    with pytest.raises(TypeError, match="append-only"):
        row.delete()
    with (
        pytest.raises(DatabaseError, match="append-only"),
        transaction.atomic(),
        connection.cursor() as cursor,
    ):
        cursor.execute("UPDATE analysis_evidence SET summary = 'something'")


def test_one_live_investigation_per_incident() -> None:
    incident = make(Workspace.objects.get(), 1)
    Investigation.objects.create(incident=incident)
    with pytest.raises(IntegrityError), transaction.atomic():
        Investigation.objects.create(incident=incident)
