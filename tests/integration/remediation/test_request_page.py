"""The page where a person asks for one to five steps: a plain form."""

from typing import Any

import pytest
from django.test import Client

from incidents.models import Service
from remediation.models import Plan, PlanRequest
from tests.integration.remediation.conftest import World
from tests.integration.remediation.test_steps import RESTART, SCALE, asked

FIRST = {"action": "scale", "service": "payments", "replicas": "4", "value": "true"}


@pytest.fixture
def page(world: World, client: Client) -> Any:
    Service.objects.create(workspace=world.workspace, name="checkout", environment="staging")
    client.force_login(world.requester)
    path = f"/incidents/{world.incident.key}/act/"

    def post(**said: str) -> Any:
        return client.post(path, {**FIRST, **said})

    post.empty = client.get(path).content.decode()  # type: ignore[attr-defined]  # for one test
    return post


def step(position: int, **said: str) -> dict[str, str]:
    return {f"step{position}-{name}": value for name, value in said.items()}


def test_one_step_is_asked_for_as_before(world: World, page: Any) -> None:
    assert page().status_code == 302
    wish = PlanRequest.objects.get()
    assert (wish.action, wish.params, wish.then) == ("scale", {"replicas": 4}, [])


def test_the_other_steps_are_there_without_a_script(page: Any) -> None:
    assert page.empty.count("<details") >= 4
    assert 'name="step5-action"' in page.empty
    assert 'name="step6-action"' not in page.empty


def test_steps_are_asked_for_in_their_order(world: World, page: Any) -> None:
    answer = page(
        **step(
            2, action="set_flag", service="payments", flag="payments.fraud_check", value="false"
        ),
        **step(4, action="restart", service="checkout", replicas="9"),
    )
    assert answer.status_code == 302
    world.answer()
    plan = Plan.objects.get()
    assert [(s.action, s.service_name, s.params) for s in plan.steps.all()] == [
        ("scale", "payments", {"replicas": 4}),
        ("set_flag", "payments", {"flag": "payments.fraud_check", "value": False}),
        ("restart", "checkout", {}),
    ]


def test_what_is_wrong_stands_at_its_step_which_is_open(world: World, page: Any) -> None:
    answer = page(**step(3, action="scale", service="payments", replicas="99"))
    assert answer.status_code == 422
    told = answer.content.decode()
    assert "less than or equal to 20" in told
    assert told.count('<details class="step" open>') == 1
    assert not PlanRequest.objects.exists()


def test_what_the_catalogue_refuses_of_a_later_step_is_said(world: World, page: Any) -> None:
    answer = page(**step(2, action="scale", service="payments"))
    assert answer.status_code == 422
    assert "scale: replicas: Field required" in answer.content.decode()


def test_parameters_without_a_field_of_their_own_are_given_by_name(page: Any) -> None:
    said = {"action": "drain", "service": "payments", "others": "server = web2\nstate=maint\n"}
    assert page(**said).status_code == 302
    assert PlanRequest.objects.get().params == {"server": "web2", "state": "maint"}


@pytest.mark.parametrize(
    ("action", "others", "said"),
    [
        ("resize", "memory_mb = 512\ncpus = 0.5", {"memory_mb": 512, "cpus": 0.5}),
        ("cordon", "node = n1\nschedulable = yes", {"node": "n1", "schedulable": True}),
    ],
)
def test_they_are_read_as_what_the_catalogue_wants(
    page: Any, action: str, others: str, said: dict[str, Any]
) -> None:
    assert page(action=action, others=others).status_code == 302
    assert PlanRequest.objects.get().params == said


@pytest.mark.parametrize(
    ("others", "told"),
    [
        ("colour = red", "colour: resize takes here: cpus, memory_mb."),
        ("memory_mb = much", "memory_mb: much is no integer."),
        ("memory_mb", "memory_mb: resize takes here"),
        ("memory_mb = 1", "memory_mb: Input should be greater than or equal to 32"),
    ],
)
def test_what_is_no_parameter_is_refused(page: Any, others: str, told: str) -> None:
    answer = page(action="resize", others=others)
    assert answer.status_code == 422
    assert told in answer.content.decode()
    assert not PlanRequest.objects.exists()


def test_the_queue_lists_the_steps(world: World, client: Client) -> None:
    asked(world, SCALE, RESTART)
    client.force_login(world.ana)
    told = client.get("/approvals/").content.decode()
    assert "<li>Step 1: Scale payments to 4 replicas</li>" in told
    assert "<li>Step 2: Restart checkout</li>" in told
