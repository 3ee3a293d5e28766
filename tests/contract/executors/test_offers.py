"""What a target suggests by its present state: nodes to close, limits to widen."""

from collections.abc import Iterator
from typing import Any

import pytest

from analysis.types import Mechanism
from remediation.decision.choose import Cause, choose
from remediation.execution.base import Offer
from remediation.execution.executors.docker import DockerExecutor
from remediation.execution.executors.docker_api import Engine
from remediation.types import ActionRequest
from tests.contract.executors.rig_docker import LABEL, MIB, FakeDocker, RealDocker
from tests.contract.executors.rig_kubernetes import FakeKubernetes
from tests.contract.executors.test_docker import executor as docker_on
from tests.fakes.docker_engine import DockerEngine
from tests.fakes.kubernetes_api import ADMIN

SICK = "n1"


@pytest.fixture
def rig() -> Iterator[FakeKubernetes]:
    with FakeKubernetes() as rig:
        yield rig


@pytest.fixture
def engine() -> Iterator[DockerEngine]:
    with DockerEngine() as engine:
        yield engine


def says(rig: FakeKubernetes, node: str, **conditions: str) -> None:
    item = rig.cluster.objects["nodes", "", node]
    told = [{"type": name, "status": status} for name, status in conditions.items()]
    rig.cluster.store("nodes", {**item, "status": {"conditions": told}})


def runs(rig: FakeKubernetes, name: str, *, on: str, ready: bool) -> None:
    item = rig.world.pod(name, of=rig.service, on=on)
    told = [{"type": "Ready", "status": str(ready)}]
    rig.cluster.store("pods", {**item, "status": {"conditions": told}})


def offers(rig: FakeKubernetes) -> tuple[Offer, ...]:
    return rig.executor().describe(rig.service).offers


def test_a_healthy_node_is_left_alone(rig: FakeKubernetes) -> None:
    assert offers(rig) == ()


@pytest.mark.parametrize(
    ("conditions", "why"),
    [
        ({"Ready": "False"}, "n1 is not ready"),
        ({"Ready": "Unknown"}, "n1 is not ready"),
        ({"Ready": "True", "DiskPressure": "True"}, "n1 is short of disk"),
        ({"Ready": "True", "NetworkUnavailable": "True"}, "n1 has no network"),
    ],
)
def test_a_node_of_the_service_that_is_unwell_is_offered_for_closing(
    rig: FakeKubernetes, conditions: dict[str, str], why: str
) -> None:
    says(rig, SICK, **conditions)
    says(rig, "n2", Ready="False")  # nothing of the service runs there
    assert offers(rig) == (Offer("cordon", {"node": SICK, "schedulable": False}, why),)


def test_a_node_where_alone_nothing_comes_up_is_offered(rig: FakeKubernetes) -> None:
    runs(rig, "payments-1", on=SICK, ready=False)
    runs(rig, "payments-2", on="n2", ready=True)
    (offer,) = offers(rig)
    assert offer.reason == "n1 has 1 pods and none is ready, elsewhere all 1 are"


def test_what_is_not_ready_everywhere_is_no_nodes_fault(rig: FakeKubernetes) -> None:
    runs(rig, "payments-1", on=SICK, ready=False)
    runs(rig, "payments-2", on="n2", ready=False)
    assert offers(rig) == ()


def test_a_closed_node_and_the_control_plane_are_not_offered(rig: FakeKubernetes) -> None:
    says(rig, SICK, Ready="False")
    rig.cluster.edit("nodes", "", SICK, {"spec": {"unschedulable": True}}, "kubectl")
    says(rig, "control", Ready="False")
    runs(rig, "payments-9", on="control", ready=True)
    assert offers(rig) == ()


def test_a_cluster_that_shows_no_nodes_gets_no_hint(rig: FakeKubernetes) -> None:
    says(rig, SICK, Ready="False")
    kinds = ("deployments", "statefulsets", "daemonsets", "pods")
    rig.cluster.tokens["blind"] = {("list", kind) for kind in kinds}
    assert rig.connected(secret="blind").describe(rig.service).offers == ()
    assert rig.connected(secret=ADMIN).describe(rig.service).offers != ()


def test_a_node_that_is_the_cause_leads_to_a_dry_run_of_its_cordon(rig: FakeKubernetes) -> None:
    says(rig, SICK, Ready="False")
    executor = rig.executor()
    cause = Cause(rig.service, Mechanism.NODE, "errors")
    request = choose(cause, executor.describe(rig.service)).candidates[0].request
    assert request.action == "cordon"
    assert executor.resolve(request)[0].startswith("Node/n1@")


# Docker.


def one(engine: DockerEngine, **host: Any) -> DockerExecutor:
    limits = {"Memory": 100 * MIB, "MemorySwap": 200 * MIB, "NanoCpus": 500_000_000}
    engine.run("one", labels={LABEL: "payments"}, **{**limits, **host})
    return docker_on(engine, label=LABEL)


@pytest.mark.parametrize(
    ("used", "throttled", "expected"),
    [
        (79, 0.24, []),
        (80, 0.0, [({"memory_mb": 150}, "uses 80 of 100 MiB of memory")]),
        (1, 0.4, [({"cpus": 0.75}, "was held back at 0.5 CPUs in 40% of its time")]),
        (95, 1.0, [({"memory_mb": 150}, None), ({"cpus": 0.75}, None)]),
    ],
)
def test_a_container_that_presses_against_a_limit_is_offered_more_of_it(
    engine: DockerEngine, used: int, throttled: float, expected: list[Any]
) -> None:
    executor = one(engine)
    engine.memory_used, engine.throttled = used * MIB, throttled
    found = executor.describe("payments").offers
    assert [dict(offer.params) for offer in found] == [params for params, _ in expected]
    for offer, (_, reason) in zip(found, expected, strict=True):
        assert reason is None or offer.reason == reason
        request = ActionRequest("resize", "payments", offer.params)
        planned = executor.plan(
            ActionRequest("resize", "payments", offer.params, executor.resolve(request)[0])
        )
        assert planned.undo is not None
        assert all(check.ok for check in planned.checks)


def test_what_has_no_limit_or_no_room_gets_no_offer(engine: DockerEngine) -> None:
    engine.memory_used, engine.throttled = 16 * 1024**3, 1.0
    assert one(engine, Memory=0, MemorySwap=0, NanoCpus=0).describe("payments").offers == ()
    engine.containers.clear()
    whole = {"Memory": 16 * 1024**3, "MemorySwap": -1, "NanoCpus": 8_000_000_000}
    assert one(engine, **whole).describe("payments").offers == ()


def test_never_for_several_nor_for_what_is_never_touched(engine: DockerEngine) -> None:
    engine.memory_used = 99 * MIB
    assert one(engine, Privileged=True).describe("payments").offers == ()
    engine.containers.clear()
    one(engine)
    assert one(engine).describe("payments").offers == ()


def test_a_leak_leads_to_more_memory_after_a_restart(engine: DockerEngine) -> None:
    executor = one(engine)
    engine.memory_used = 99 * MIB
    found = choose(Cause("payments", Mechanism.LEAK, "memory"), executor.describe("payments"))
    assert [c.request.action for c in found.candidates] == ["restart", "resize"]


@pytest.mark.parametrize("kind", [FakeDocker, pytest.param(RealDocker, marks=pytest.mark.live)])
def test_the_strain_is_read_from_the_engines_own_figures(
    kind: type[FakeDocker] | type[RealDocker],
) -> None:
    with kind() as rig:
        id_ = rig.executor().resolve(rig.request("resize"))[0]
        strain = Engine(rig.url, timeout_s=20).strain(id_)
    assert strain.memory > 0
    assert 0.0 <= strain.throttled <= 1.0
