"""Every move of an incident: success, refusal, race."""

import pytest
from django.contrib.auth.models import User

from airra.lib.db import Conflict
from incidents.commands import incident as commands
from incidents.commands import timeline
from incidents.lifecycle import IllegalMove, Severity, State
from incidents.models import AuditEvent, Incident, Service, TimelineEvent, Workspace
from incidents.permissions import NotPermitted

pytestmark = pytest.mark.django_db


def opened(workspace: Workspace, key: str = "svc:payments", **fields: object) -> Incident:
    incident, _ = commands.open_or_join(
        workspace=workspace,
        title="payments: errors",
        severity=Severity.HIGH,
        source="api",
        grouping_key=key,
        **fields,  # type: ignore[arg-type]  # the test's own keyword arguments
    )
    return incident


def test_opening_numbers_records_and_audits(workspace: Workspace) -> None:
    first, second = opened(workspace, "a"), opened(workspace, "b")
    assert (first.key, second.key) == ("INC-1", "INC-2")
    assert first.events.get().kind == TimelineEvent.Kind.OPENED
    assert AuditEvent.objects.filter(kind="incident.opened").count() == 2


def test_the_same_grouping_key_joins_the_live_incident(workspace: Workspace) -> None:
    first = opened(workspace)
    joined, is_new = commands.open_or_join(
        workspace=workspace,
        title="again",
        severity=Severity.LOW,
        source="alert",
        grouping_key="svc:payments",
    )
    assert joined == first
    assert not is_new


def test_acknowledging_makes_the_first_one_owner(workspace: Workspace, responder: User) -> None:
    incident = commands.acknowledge(incident=opened(workspace), by=responder)
    incident.refresh_from_db()
    assert (incident.state, incident.owner) == (State.ACKNOWLEDGED, responder)
    assert incident.events.latest("id").author == responder


def test_the_second_responder_is_told(
    workspace: Workspace, responder: User, approver: User
) -> None:
    incident = opened(workspace)
    stale = Incident.objects.get(pk=incident.pk)
    commands.acknowledge(incident=incident, by=responder)
    with pytest.raises(Conflict):
        commands.acknowledge(incident=stale, by=approver)
    assert AuditEvent.objects.filter(kind="incident.acknowledged").count() == 1


def test_acknowledging_while_airra_analyses_keeps_the_state(
    workspace: Workspace, responder: User
) -> None:
    incident = opened(workspace)
    commands.move(incident=incident, to=State.ANALYSING, text="started")
    commands.acknowledge(incident=incident, by=responder)
    incident.refresh_from_db()
    assert incident.state == State.ANALYSING
    assert incident.acknowledged_by == responder


def test_a_viewer_changes_nothing(workspace: Workspace, viewer: User) -> None:
    incident = opened(workspace)
    with pytest.raises(NotPermitted, match="responder or approver or admin"):
        commands.acknowledge(incident=incident, by=viewer)
    incident.refresh_from_db()
    assert incident.state == State.OPEN


def test_the_table_refuses_and_leaves_nothing_behind(workspace: Workspace) -> None:
    incident = opened(workspace)
    rows = incident.events.count()
    with pytest.raises(IllegalMove):
        commands.move(incident=incident, to=State.VERIFYING, text="too soon")
    assert incident.events.count() == rows


def test_resolve_then_reopen(workspace: Workspace, responder: User) -> None:
    incident = opened(workspace)
    commands.resolve(incident=incident, resolution="rolled back", by=responder)
    commands.reopen(incident=incident, reason="came back", by=responder)
    incident.refresh_from_db()
    assert (incident.state, incident.resolved_at) == (State.OPEN, None)


def test_reopening_into_a_newer_incident_of_the_same_key_is_refused(
    workspace: Workspace, responder: User
) -> None:
    old = opened(workspace)
    commands.resolve(incident=old, resolution="done", by=responder)
    opened(workspace)
    with pytest.raises(ValueError, match="INC-2"):
        commands.reopen(incident=old, reason="came back", by=responder)


def test_severity_only_rises(workspace: Workspace) -> None:
    incident = opened(workspace)
    commands.raise_severity(incident=incident, to=Severity.LOW, reason="quieter")
    assert incident.severity == Severity.HIGH
    commands.raise_severity(incident=incident, to=Severity.CRITICAL, reason="all of it")
    incident.refresh_from_db()
    assert incident.severity == Severity.CRITICAL


def test_attribution_is_told(workspace: Workspace) -> None:
    incident = opened(workspace)
    service = Service.objects.create(workspace=workspace, name="payments")
    commands.attribute(incident=incident, service=service, reason="it shifted first")
    incident.refresh_from_db()
    assert incident.service == service
    assert "payments: it shifted first" in incident.events.latest("id").text


def test_merging_names_both_sides(workspace: Workspace, responder: User) -> None:
    child, parent = opened(workspace, "a"), opened(workspace, "b")
    commands.merge(incident=child, into=parent, by=responder)
    child.refresh_from_db()
    assert (child.state, child.merged_into) == (State.MERGED, parent)
    assert child.key in parent.events.latest("id").text
    with pytest.raises(ValueError, match="another live incident"):
        commands.merge(incident=parent, into=parent, by=responder)


def test_the_owner_must_be_able_to_respond(
    workspace: Workspace, responder: User, viewer: User
) -> None:
    incident = opened(workspace)
    commands.assign(incident=incident, owner=responder, by=responder)
    with pytest.raises(NotPermitted):
        commands.assign(incident=incident, owner=viewer, by=responder)


def test_an_empty_note_is_refused(workspace: Workspace, responder: User) -> None:
    incident = opened(workspace)
    timeline.add_note(incident=incident, text="looks like the deploy", by=responder)
    with pytest.raises(ValueError, match="some text"):
        timeline.add_note(incident=incident, text="  ", by=responder)
