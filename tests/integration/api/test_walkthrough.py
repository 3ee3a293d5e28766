"""The walkthrough of the documentation runs to its end against a real server, and fails loudly."""

import os
import shutil
import subprocess
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from django.db import transaction
from pytest_django.live_server_helper import LiveServer

from incidents.commands.access import issue_token
from incidents.commands.integration import create_integration
from incidents.lifecycle import State
from incidents.models import Incident, Workspace
from incidents.permissions import Role
from incidents.signals import incident_changed
from remediation.commands.proposal import hash_of
from remediation.models import Approval, Execution
from remediation.types import Mode
from tests.factories import incidents as make
from tests.factories import remediation as story

SCRIPT = Path(__file__).resolve().parents[3] / "docs/examples/api-walkthrough.sh"
pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.skipif(shutil.which("curl") is None, reason="the walkthrough calls curl"),
]


@pytest.fixture
def environment(live_server: LiveServer) -> dict[str, str]:
    """Two people's tokens and a sender, as the script wants them."""
    place, _ = Workspace.objects.get_or_create(slug="default", defaults={"name": "Default"})
    story.policy(place)
    found = {"PATH": os.environ["PATH"], "AIRRA_URL": live_server.url, "AIRRA_WAIT_S": "4"}  # noqa: TID251
    for role in (Role.RESPONDER, Role.APPROVER):
        user = make.person(role, username=f"some-{role}")
        _, found[f"AIRRA_TOKEN_{role.upper()}"] = issue_token(
            user=user, workspace=place, name="walkthrough", by=user
        )
    made, found["AIRRA_HOOK_TOKEN"] = create_integration(
        workspace=place, name="scripts", kind="generic", by=None
    )
    found["AIRRA_HOOK_URL"] = f"{live_server.url}/hooks/{made.pk}/"
    return found


@pytest.fixture
def a_plan_for_it() -> Iterator[None]:
    """Where nothing safe was found to do, a plan waits after all; its target is out of reach."""

    def propose(incident: Incident) -> None:
        Incident.objects.filter(pk=incident.pk).update(state=State.AWAITING_APPROVAL)
        plan = story.plan(incident)
        plan.plan_hash = hash_of(plan)
        plan.save()
        story.approval(plan)

    def after_all(incident: Incident, **_: Any) -> None:
        if incident.state == State.NO_SAFE_ACTION and not incident.plans.exists():
            transaction.on_commit(partial(propose, incident))

    incident_changed.connect(after_all)
    yield
    incident_changed.disconnect(after_all)


def run(environment: dict[str, str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["bash", str(SCRIPT)], env=environment, capture_output=True, text=True, check=False
    )


def test_it_runs_to_its_end(environment: dict[str, str]) -> None:
    done = run(environment)
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr
    assert done.stdout.rstrip().endswith("== Done: INC-1")
    assert "none for INC-1" in done.stdout
    assert set(Incident.objects.values_list("state", flat=True)) == {"resolved"}


def test_it_decides_on_an_approval_when_there_is_one(
    environment: dict[str, str], a_plan_for_it: None
) -> None:
    environment = {k: v for k, v in environment.items() if "HOOK" not in k}
    done = run(environment)
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr
    assert "A dry run as some-approver" in done.stdout
    assert list(Approval.objects.order_by("id").values_list("state", flat=True)) == [
        "approved",
        "rejected",
    ]
    assert Execution.objects.get().mode == Mode.DRY_RUN


def test_it_fails_loudly(environment: dict[str, str]) -> None:
    done = run({**environment, "AIRRA_TOKEN_RESPONDER": "wrong"})
    assert done.returncode != 0
    assert "FAILED: POST" in done.stderr
    assert "401 instead of 201" in done.stderr
