"""What stops AIRRA: switches of every scope, the file, freeze windows; and who may let it go on."""

from collections.abc import Callable
from datetime import timedelta
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import IntegrityError, transaction
from django.test import override_settings

from airra.lib import clock
from airra.lib.db import Conflict
from incidents.models import AuditEvent, Workspace
from incidents.permissions import NotPermitted, Role
from remediation.commands import stops
from remediation.commands.acting import execution as executions
from remediation.commands.acting import plan as plans
from remediation.commands.refusal import Refused
from remediation.models import ActionEndpoint, KillSwitch
from remediation.queries.stops import file_reason
from remediation.types import ExecutionState
from tests.integration.remediation.conftest import World, member


@pytest.fixture
def kill_file(tmp_path: Path) -> Any:
    path = tmp_path / "KILL"
    with override_settings(KILL_FILE=path):
        yield path


@pytest.mark.parametrize(
    ("scope", "value"),
    [
        ("all", ""),
        ("environment", "staging"),
        ("environment", "STAGING"),
        ("kind", "webhook"),
        ("endpoint", "shop"),
    ],
)
def test_a_switch_stops_what_is_in_its_scope(world: World, scope: str, value: str) -> None:
    execution = world.approved()
    world.kill(scope, value)
    execution = world.run(execution)
    assert execution.state == ExecutionState.CANCELLED
    assert execution.error == "the kill switch is on (ana: looks wrong)"
    assert world.server.effects == []


@pytest.mark.parametrize(
    ("scope", "value"), [("environment", "prod"), ("kind", "postgres"), ("endpoint", "other")]
)
def test_a_switch_stops_nothing_else(world: World, scope: str, value: str) -> None:
    ActionEndpoint.objects.create(
        workspace=world.workspace, name="other", url="http://127.0.0.1:1", secret_ref="x"
    )
    execution = world.approved()
    world.kill(scope, value)
    assert world.run(execution).state == ExecutionState.VERIFYING


def test_a_service_whose_environment_nobody_knows_is_in_each(world: World) -> None:
    execution = world.approved()
    world.service.environment = ""
    world.service.save()
    world.kill("environment", "prod")
    assert world.run(execution).state == ExecutionState.CANCELLED


def test_the_switch_of_another_workspace_stops_nothing_here(world: World) -> None:
    other = Workspace.objects.create(name="Other", slug="other")
    eve = member(other, "eve", Role.RESPONDER)
    execution = world.approved()
    stops.stop(workspace=other, scope="all", reason="ours", by=eve)
    assert world.run(execution).state == ExecutionState.VERIFYING
    with pytest.raises(NotPermitted):
        stops.stop(workspace=world.workspace, scope="all", reason="theirs", by=eve)


def test_the_installation_s_switch_takes_a_superuser_or_the_shell(world: World) -> None:
    with pytest.raises(NotPermitted):
        stops.stop(workspace=None, scope="all", reason="all of it", by=world.ana)
    execution = world.approved()
    stops.stop(workspace=None, scope="all", reason="all of it", actor="root (shell)")
    assert world.run(execution).state == ExecutionState.CANCELLED
    with pytest.raises(NotPermitted):
        stops.start_again(switch=KillSwitch.objects.get(), reason="fine", by=world.ana)


def test_stopping_twice_keeps_the_first(world: World) -> None:
    first = world.kill()
    again = stops.stop(workspace=world.workspace, scope="all", reason="me too", by=world.ben)
    assert again == first
    assert AuditEvent.objects.filter(kind="kill_switch.on").count() == 1


def test_a_responder_may_stop_and_only_an_approver_may_go_on(world: World) -> None:
    rob = member(world.workspace, "rob", Role.RESPONDER)
    eve = member(world.workspace, "eve", Role.VIEWER)
    with pytest.raises(NotPermitted):
        stops.stop(workspace=world.workspace, scope="all", reason="x", by=eve)
    switch = stops.stop(workspace=world.workspace, scope="all", reason="x", by=rob)
    with pytest.raises(NotPermitted):
        stops.start_again(switch=switch, reason="fine", by=rob)
    with pytest.raises(Refused, match="why it is safe"):
        stops.start_again(switch=switch, reason=" ", by=world.ana)
    ended = stops.start_again(switch=switch, reason="was nothing", by=world.ana)
    assert (ended.ended_actor, ended.ended_reason) == ("ana", "was nothing")
    with pytest.raises(Conflict):
        stops.start_again(switch=switch, reason="again", by=world.ana)
    kinds = AuditEvent.objects.filter(kind__startswith="kill_switch").order_by("pk")
    assert [(e.kind, e.actor, e.reason) for e in kinds] == [
        ("kill_switch.on", "rob", "x"),
        ("kill_switch.off", "ana", "was nothing"),
    ]


@pytest.mark.parametrize(
    ("scope", "value", "reason", "words"),
    [
        ("all", "", " ", "say in a few words"),
        ("galaxy", "", "x", "no scope 'galaxy'"),
        ("environment", " ", "x", "say which environment"),
        ("kind", "teleport", "x", "no kind 'teleport'"),
        ("endpoint", "nowhere", "x", "no endpoint 'nowhere'"),
    ],
)
def test_what_cannot_be_stopped_is_refused(
    world: World, scope: str, value: str, reason: str, words: str
) -> None:
    with pytest.raises(Refused, match=words):
        stops.stop(workspace=world.workspace, scope=scope, value=value, reason=reason, by=world.ana)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (b"payments looks wrong\nsee INC-7", "payments looks wrong see INC-7"),
        (b"", "without a reason"),
        (b"\xff\xfe broken", "broken"),
    ],
)
def test_the_file_stops_everything_and_says_why(
    world: World, kill_file: Path, text: bytes, reason: str
) -> None:
    execution = world.approved()
    kill_file.write_bytes(text)
    execution = world.run(execution)
    assert execution.state == ExecutionState.CANCELLED
    assert reason in execution.error
    kill_file.unlink()
    assert file_reason() == ""


def test_a_file_that_cannot_be_read_stops_too(world: World, kill_file: Path) -> None:
    execution = world.approved()
    kill_file.mkdir()
    assert "cannot be read" in file_reason()
    assert world.run(execution).state == ExecutionState.CANCELLED


@pytest.mark.parametrize("how", ["switch", "file", "freeze"])
def test_each_is_looked_at_again_right_before_the_effect(
    world: World, kill_file: Path, monkeypatch: pytest.MonkeyPatch, how: str
) -> None:
    execution = world.approved()
    really = executions._claim
    deeds: dict[str, Callable[[], object]] = {
        "switch": world.kill, "file": kill_file.touch, "freeze": world.freeze,
    }  # fmt: skip

    def claim_then_stop(*told: Any) -> object:
        attempt = really(*told)
        assert attempt is not None
        deeds[how]()
        return attempt

    monkeypatch.setattr(executions, "_claim", claim_then_stop)
    execution = world.run(execution)
    assert execution.state == ExecutionState.CANCELLED
    assert execution.error.startswith("before anything was sent: ")
    assert world.server.effects == []


def test_a_stop_leaves_the_incident_to_people_when_planning(world: World, kill_file: Path) -> None:
    kill_file.write_text("drill")
    assert plans.create_for(investigation_id=str(world.investigated().pk)) is None
    assert "the kill switch is on: drill" in world.last_event().text


@pytest.mark.parametrize(
    ("fields", "state"),
    [
        ({}, ExecutionState.CANCELLED),
        ({"environment": "prod"}, ExecutionState.VERIFYING),
        ({"environment": "staging"}, ExecutionState.CANCELLED),
        ({"ends_at": timedelta(seconds=0)}, ExecutionState.VERIFYING),
        ({"starts_at": timedelta(days=-14), "is_weekly": True}, ExecutionState.CANCELLED),
        ({"starts_at": timedelta(days=-13), "is_weekly": True}, ExecutionState.VERIFYING),
    ],
)
def test_freeze_windows_by_time_and_place(world: World, fields: dict[str, Any], state: str) -> None:
    execution = world.approved()
    said = dict(fields)
    if "starts_at" in said:
        said["starts_at"] = clock.now() + said["starts_at"]
        said["ends_at"] = said["starts_at"] + timedelta(hours=1)
    elif "ends_at" in said:
        said = {"starts_at": clock.now() - timedelta(hours=1), "ends_at": clock.now()}
    world.freeze(**said)
    assert world.run(execution).state == state


def test_the_database_demands_a_reason_and_one_switch_a_scope(world: World) -> None:
    world.kill()
    for wrong in (
        {"scope": "all", "reason": "again"},
        {"scope": "kind", "value": "webhook", "reason": ""},
        {"scope": "all", "value": "prod", "reason": "x"},
        {"scope": "environment", "value": "", "reason": "x"},
    ):
        with pytest.raises(IntegrityError), transaction.atomic():
            KillSwitch.objects.create(workspace=world.workspace, actor="a", **wrong)
    KillSwitch.objects.create(scope="all", reason="x", actor="a")
    with pytest.raises(IntegrityError), transaction.atomic():
        KillSwitch.objects.create(scope="all", reason="y", actor="b")
    with pytest.raises(IntegrityError), transaction.atomic():
        world.freeze(ends_at=clock.now() - timedelta(hours=1))


def kill(*words: str) -> str:
    out = StringIO()
    call_command("kill", *words, stdout=out)
    return out.getvalue()


def test_the_shell_can_stop_tell_and_go_on(world: World, kill_file: Path) -> None:
    assert kill("status") == "nothing is stopped\n"
    assert "on: stop everything: drill" in kill("on", "--reason=drill")
    kill("on", "--scope=endpoint=shop", "--workspace=default", "--reason=shop")
    told = kill("status")
    assert "everything of the whole installation is stopped since 2026-03-01 12:00 UTC" in told
    assert "endpoint shop of default" in told
    assert "(shell): drill" in told
    assert "off" in kill("off", "--reason=done")
    assert "nothing" in kill("off", "--scope=endpoint=shop", "--workspace=default", "--reason=done")
    kill_file.write_text("by hand")
    assert "by hand" in kill("status")


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["on"], "say in a few words"),
        (["on", "--workspace=zoo", "--reason=x"], "no workspace 'zoo'"),
        (["on", "--scope=endpoint=shop", "--reason=x"], "belongs to a workspace"),
        (["off", "--reason=x"], "no such switch is on"),
    ],
)
def test_the_shell_says_what_is_wrong(world: World, words: list[str], message: str) -> None:
    with pytest.raises(CommandError, match=message):
        kill(*words)
