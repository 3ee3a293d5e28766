"""Faults of a real lab: seen in the telemetry, ended by the named action and by nothing less."""

import os
import signal

import psutil
import pytest

from lab.check import check_one
from lab.client import LabClient
from lab.faults import CATALOGUE
from lab.signs import SIGNS
from tests.lab.lab_harness import RunningLab, poll, running_lab

pytestmark = pytest.mark.xdist_group("shop")
ERRORS = 'sum(rate(http_requests_total{service="inventory",code="502"}[6s]))'


def test_every_fault_has_a_sign_and_a_repair() -> None:
    assert SIGNS.keys() == CATALOGUE.keys()
    assert {fault.repair for fault in CATALOGUE.values()} == {
        "restart", "scale", "rollback", "set_flag"
    }  # fmt: skip


def test_a_wrong_configuration_shows_and_a_rollback_ends_it() -> None:
    with running_lab() as shop:
        poll(lambda: shop.value('sum(rate(http_requests_total{service="inventory"}[6s]))'))
        assert shop.post("/lab/faults", {"fault": "config-error"}).status == 201
        poll(lambda: (shop.value(ERRORS) or 0) > 1)
        change = shop.get("/changes").json["changes"][-1]
        assert (change["kind"], change["service"], change["revision"]) == ("config", "inventory", 2)
        assert "fault" not in str(change)
        query = '{service="database", level="error"} |= "does not exist"'
        found = shop.get("/loki/api/v1/query_range", query=query).json["data"]["result"]
        assert found
        _roll_back(shop)
        poll(lambda: shop.value(f"{ERRORS} or vector(0)") == 0)
        children = psutil.Process(shop.pid).children()
        assert len(children) == 13
    assert not [child for child in children if child.is_running()]


def test_a_trap_turns_a_rollback_into_harm_until_it_is_undone() -> None:
    failing = 'sum(rate(http_requests_total{service="checkout",code="500"}[6s])) or vector(0)'
    asked = 'sum(rate(http_requests_total{service="checkout"}[6s]))'

    back = {"action": "rollback", "service": "checkout", "params": {"to_revision": None}}

    def share() -> float:
        return (shop.value(failing) or 0) / (shop.value(asked) or 1)

    with running_lab() as shop:
        poll(lambda: shop.value(asked))
        shop.post("/lab/faults", {"fault": "bad-deploy"})
        poll(lambda: shop.service("checkout")["revision"] == 2)
        assert shop.post("/lab/traps", {"trap": "earthquake"}).status == 422
        assert shop.post("/lab/traps", {"trap": "one-way-release"}).status == 201
        undo = shop.act(back).json["undo"]
        poll(lambda: share() > 0.9)
        shop.act(undo)
        poll(lambda: 0.1 < share() < 0.8)
        shop.post("/lab/heal", {})
        poll(lambda: share() == 0)
        assert shop.service("checkout")["version"] == "2.7.3"


def test_replicas_end_with_a_supervisor_that_was_killed() -> None:
    with running_lab(rate=1) as shop:
        children = psutil.Process(shop.pid).children()
        os.kill(shop.pid, signal.SIGKILL)
        _, alive = psutil.wait_procs(children, timeout=10)
    assert alive == []


@pytest.mark.slow
@pytest.mark.parametrize("name", CATALOGUE)
def test_each_fault_shows_and_is_repaired(shop: RunningLab, name: str) -> None:
    client = LabClient(f"http://127.0.0.1:{shop.port}", secret="a secret of the tests")
    assert check_one(client, CATALOGUE[name]).is_right


def _roll_back(shop: RunningLab) -> None:
    body = {"action": "rollback", "service": "inventory", "params": {"to_revision": None}}
    answer = shop.act(body).json
    assert answer["state"] in {"applied", "in_progress"}
    assert answer["undo"]["params"] == {"to_revision": 2}
