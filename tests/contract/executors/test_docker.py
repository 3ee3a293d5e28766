"""What is Docker's own: which containers are touched, which never, and limits with a way back."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from remediation.execution.base import Connection, ExecutorError, NothingToActOn, UnknownService
from remediation.execution.executors.docker import DockerExecutor, Options, connect
from remediation.execution.executors.docker_limits import Limits
from remediation.execution.registry import BadOptions, checked_options
from remediation.types import ActionRequest, Applied, Check, ExecutorKind, PlannedAction, Probe
from tests.contract.executors.rig import aimed, attempt, undo_of
from tests.contract.executors.rig_docker import LABEL, MIB, Docker, FakeDocker, RealDocker
from tests.fakes.docker_engine import DockerEngine

OWN = "0123456789ab"


@pytest.fixture(params=[FakeDocker, pytest.param(RealDocker, marks=pytest.mark.live)])
def rig(request: pytest.FixtureRequest) -> Iterator[Docker]:
    with request.param() as rig:
        yield rig


@pytest.fixture
def engine() -> Iterator[DockerEngine]:
    with DockerEngine() as engine:
        yield engine


def executor(engine: DockerEngine, *, hostname: str = "host", **options: Any) -> DockerExecutor:
    """Straight on the unix socket."""
    connection = Connection(url=engine.url, secret="", timeout_s=5)
    return DockerExecutor(connection, Options(**options), hostname=hostname)


def planned(executor: DockerExecutor, action: str, service: str, **params: Any) -> PlannedAction:
    request = ActionRequest(action, service, params)
    return executor.plan(replace(request, target=executor.resolve(request)[0]))


def check(planned: PlannedAction, name: str) -> Check:
    return next(one for one in planned.checks if one.name == name)


def compose(service: str, number: int = 1, **more: str) -> dict[str, str]:
    labels = {"service": service, "project": "shop", "container-number": str(number), **more}
    return {f"com.docker.compose.{name}": value for name, value in labels.items()}


def test_a_resize_and_its_way_back_on_the_engine(rig: Docker) -> None:
    executor = rig.executor()
    planned = executor.plan(aimed(rig, "resize"))
    assert planned.before == {"memory_mb": 64, "memory_and_swap_mb": 128, "cpus": 0.5}
    assert planned.after == {"memory_mb": 96, "memory_and_swap_mb": 160, "cpus": 0.75}
    effect = executor.apply(planned, attempt())
    assert effect.applied is Applied.APPLIED, effect.error
    host = rig.inspect(planned.request.target)["HostConfig"]
    assert (host["Memory"], host["MemorySwap"]) == (96 * MIB, 160 * MIB)
    assert executor.apply(undo_of(planned, effect), attempt()).applied is Applied.APPLIED
    host = rig.inspect(planned.request.target)["HostConfig"]
    assert (host["Memory"], host["MemorySwap"], host["NanoCpus"]) == (
        *(64 * MIB, 128 * MIB, 500_000_000),
    )


@pytest.mark.parametrize(
    ("params", "applied", "says"),
    [
        (
            {"memory_mb": 4},
            Applied.NOT_APPLIED,
            "refused, 400: Minimum memory limit allowed is 6MB",
        ),
        ({"cpus": 0.001}, Applied.UNKNOWN, "answered 500: Cannot update container"),
    ],
)
def test_what_the_engine_refuses_did_not_happen_and_what_it_broke_is_unknown(
    rig: Docker, params: dict[str, Any], applied: Applied, says: str
) -> None:
    """Limits that pass our own look, and not the engine's or the kernel's."""
    executor = rig.executor()
    planned = executor.plan(aimed(rig, "resize"))
    request = replace(planned.request, params=params)
    effect = executor.apply(replace(planned, request=request), attempt())
    assert effect.applied is applied, effect.error
    assert effect.error.startswith(says)
    assert executor.probe(planned, attempt())[0] is Probe.ABSENT


def test_a_container_that_is_gone_was_certainly_not_restarted(rig: Docker) -> None:
    executor = rig.executor()
    planned = executor.plan(aimed(rig, "restart"))
    other = replace(planned.request, target="f" * 64)
    effect = executor.apply(replace(planned, request=other), attempt())
    assert (effect.applied, effect.moved) == (Applied.NOT_APPLIED, True)


# Which containers.


def test_the_containers_of_a_compose_service_first_one_first(engine: DockerEngine) -> None:
    second = engine.run("shop-web-2", labels=compose("web", 2))
    first = engine.run("shop-web-1", labels=compose("web", 1))
    engine.run("shop-web-run", labels=compose("web", 0, oneoff="True"))
    engine.run("other-web-1", labels={**compose("web"), "com.docker.compose.project": "other"})
    here = executor(engine, project="shop")
    assert here.resolve(ActionRequest("restart", "web")) == (first["Id"], second["Id"])
    told = here.describe("web")
    assert (told.replicas, told.owner) == (2, "compose")


def test_one_that_is_down_counts_only_where_none_runs(engine: DockerEngine) -> None:
    down = engine.run("web-1", labels=compose("web", 1))
    down["State"] |= {"Status": "exited", "Running": False}
    assert executor(engine).resolve(ActionRequest("restart", "web")) == (down["Id"],)
    up = engine.run("web-2", labels=compose("web", 2))
    assert executor(engine).resolve(ActionRequest("restart", "web")) == (up["Id"],)


@pytest.mark.parametrize("target", ["", "*", "web-1", "f" * 64])
def test_only_a_full_id_of_the_service_is_a_target(engine: DockerEngine, target: str) -> None:
    engine.run("web-1", labels=compose("web"))
    engine.run("db-1", labels=compose("db"))
    with pytest.raises(NothingToActOn, match="is none of web"):
        executor(engine).plan(ActionRequest("restart", "web", target=target))


def test_a_container_of_another_service_is_no_target(engine: DockerEngine) -> None:
    engine.run("web-1", labels=compose("web"))
    other = engine.run("db-1", labels=compose("db"))
    with pytest.raises(NothingToActOn):
        executor(engine).plan(ActionRequest("restart", "web", target=other["Id"]))


def test_an_unknown_service_is_named(engine: DockerEngine) -> None:
    with pytest.raises(UnknownService, match=r"no container has the label .*service=nope"):
        executor(engine).describe("nope")


# Which never.


@pytest.mark.parametrize(
    ("more", "says"),
    [
        ({"HostConfig": {"Privileged": True}}, "it is privileged"),
        ({"Mounts": [{"Source": "/var/run/docker.sock"}]}, "the socket of an engine"),
        ({"Config": {"Labels": {**compose("web"), "airra.self": "true"}}}, "AIRRA's own"),
        ({"Id": f"{OWN}{'0' * 52}"}, "AIRRA's own"),
    ],
)
def test_some_containers_are_never_touched(
    engine: DockerEngine, more: dict[str, Any], says: str
) -> None:
    made = engine.run("web-1", labels=compose("web"))
    here = executor(engine, hostname=OWN)
    before = planned(here, "restart", "web")
    for name, value in more.items():
        made[name] = {**made[name], **value} if isinstance(value, dict) else value
    engine.containers = {made["Id"]: made}
    target = replace(before.request, target=made["Id"])
    with pytest.raises(ExecutorError, match=says):
        here.plan(target)
    effect = here.apply(replace(before, request=target), attempt())
    assert effect.applied is Applied.NOT_APPLIED
    assert not [path for method, path, _ in engine.requests if method == "POST"]


def test_whatever_stands_beside_airra_in_its_project_is_its_own(engine: DockerEngine) -> None:
    engine.run("db-1", labels=compose("db"))
    airra = engine.run("worker-1", labels=compose("worker"))
    del engine.containers[airra["Id"]]
    engine.containers[f"{OWN}{'0' * 52}"] = {**airra, "Id": f"{OWN}{'0' * 52}"}
    with pytest.raises(ExecutorError, match="AIRRA's own"):
        planned(executor(engine, hostname=OWN), "restart", "db")
    assert planned(executor(engine, hostname="a-host"), "restart", "db").owner == "compose"


# What has to be well.


def test_checks_of_a_restart(engine: DockerEngine) -> None:
    made = engine.run("web-1", labels=compose("web"), RestartPolicy={"Name": "no"})
    plan = planned(executor(engine), "restart", "web")
    for name in ("restart policy", "two replicas"):
        assert (check(plan, name).ok, check(plan, name).is_fatal) == (False, False)
    made["State"]["Health"] = {"Status": "starting"}
    assert not check(planned(executor(engine), "restart", "web"), "not starting").ok
    made["State"]["Health"] = {"Status": "unhealthy"}
    assert check(planned(executor(engine), "restart", "web"), "not starting").ok
    made["HostConfig"]["AutoRemove"] = True
    plan = planned(executor(engine), "restart", "web")
    assert "removed as soon as it stops" in check(plan, "can be started again").detail
    effect = executor(engine).apply(plan, attempt())
    assert (effect.applied, effect.moved) == (Applied.NOT_APPLIED, True)


def test_swarm_owns_its_containers(engine: DockerEngine) -> None:
    labels = {**compose("web"), "com.docker.swarm.service.name": "web"}
    engine.run("web.1.x", labels=labels)
    plan = planned(executor(engine), "restart", "web")
    found = check(plan, "orchestrator")
    assert (plan.owner, found.ok, found.is_fatal) == ("swarm", False, True)


def test_a_limit_has_to_hold_what_is_in_use_and_fit_the_host(engine: DockerEngine) -> None:
    engine.run("web-1", labels=compose("web"), Memory=64 * MIB, MemorySwap=-1, NanoCpus=10**9)
    here = executor(engine)
    engine.memory_used = 60 * MIB
    assert check(planned(here, "resize", "web", memory_mb=128), "memory fits").ok
    assert not check(planned(here, "resize", "web", memory_mb=63), "memory fits").ok
    assert not check(planned(here, "resize", "web", memory_mb=65_536), "memory fits").ok
    assert not check(planned(here, "resize", "web", cpus=64), "cpus fit").ok
    assert planned(here, "resize", "web", memory_mb=128).after == {
        "memory_mb": 128,
        "memory_and_swap_mb": "unlimited",
    }


@pytest.mark.parametrize(
    ("params", "says"),
    [
        ({"memory_mb": 128}, "no memory limit now, and a new one could not be taken away"),
        ({"cpus": 1.0}, "no CPU limit now, and a new one could not be taken away"),
        ({}, "it has these limits already"),
    ],
)
def test_without_an_exact_way_back_nothing_is_resized(
    engine: DockerEngine, params: dict[str, Any], says: str
) -> None:
    engine.run("web-1", labels=compose("web"))
    with pytest.raises(ExecutorError, match=says):
        planned(executor(engine), "resize", "web", **params)


_COUNTS = st.integers(6 * MIB, 2**40)


@given(
    memory=_COUNTS,
    more=st.sampled_from([-1, 0, 12345, 64 * MIB]),
    nano=st.integers(0, 64 * 10**9),
    quota=st.integers(1000, 6_400_000),
    wanted=st.fixed_dictionaries(
        {"memory_mb": st.integers(32, 65_536), "cpus": st.floats(0.05, 64)}
    ),
)
def test_the_way_back_is_exact_to_the_byte(
    memory: int, more: int, nano: int, quota: int, wanted: dict[str, Any]
) -> None:
    swap = -1 if more < 0 else memory + more
    now = Limits(memory, swap, nano, 0 if nano else quota, 0)
    assert Limits.parse(str(now)) == now
    try:
        then = now.with_(wanted)
    except ExecutorError:  # it has them already
        return
    assert then.with_(now.params(wanted)) == now
    assert set(now.changes_to(then)) <= {"Memory", "MemorySwap", "NanoCpus", "CpuQuota"}


# What a probe goes by.


def test_a_restart_by_its_own_policy_is_not_ours(engine: DockerEngine) -> None:
    made = engine.run("web-1", labels=compose("web"))
    plan = planned(executor(engine), "restart", "web")
    once = attempt()
    engine.restarted(made["Id"], asked=False)
    assert executor(engine).probe(plan, once)[0] is Probe.CANNOT_TELL
    engine.restarted(made["Id"], asked=True)
    assert executor(engine).probe(plan, once)[0] is Probe.APPLIED


def test_a_container_that_is_down_may_be_on_its_way_up(engine: DockerEngine) -> None:
    made = engine.run("web-1", labels=compose("web"))
    plan = planned(executor(engine), "restart", "web")
    made["State"] |= {"Running": False, "Status": "exited"}
    assert executor(engine).probe(plan, attempt())[0] is Probe.CANNOT_TELL


def test_other_limits_than_asked_for_are_not_ours(engine: DockerEngine) -> None:
    made = engine.run("web-1", labels=compose("web"), Memory=64 * MIB, MemorySwap=-1)
    plan = planned(executor(engine), "resize", "web", memory_mb=128)
    made["HostConfig"]["Memory"] = 100 * MIB
    assert executor(engine).probe(plan, attempt())[0] is Probe.CANNOT_TELL


def test_a_failed_start_is_unknown(engine: DockerEngine, monkeypatch: pytest.MonkeyPatch) -> None:
    engine.run("web-1", labels=compose("web"))
    plan = planned(executor(engine), "restart", "web")
    real = engine.answer

    def broken(method: str, *said: Any) -> tuple[int, Any]:
        return (500, {"message": "cannot start"}) if method == "POST" else real(method, *said)

    monkeypatch.setattr(engine, "answer", broken)
    effect = executor(engine).apply(plan, attempt())
    assert (effect.applied, effect.error) == (Applied.UNKNOWN, "answered 500: cannot start")


# The way there.


def test_nothing_but_looking_restart_and_update_is_ever_asked(rig: Docker) -> None:
    for action in rig.actions:
        here = rig.executor()
        plan = here.plan(aimed(rig, action))
        once = attempt()
        here.apply(plan, once)
        here.probe(plan, once)
    asked = {one.path.partition("?")[0].rpartition("/")[2] for one in rig.between.forwarded}
    assert asked == {"restart", "update"}


def test_a_socket_that_is_not_there_is_named() -> None:
    away = connect(Connection(url="unix:///no/such/socket", secret="", timeout_s=1))
    with pytest.raises(ExecutorError, match="there is no socket at /no/such/socket"):
        away.describe("web")


def test_something_that_is_no_engine_is_named(
    engine: DockerEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engine, "answer", lambda *said: (200, "hello"))
    with pytest.raises(ExecutorError, match="does not answer as a Docker Engine"):
        executor(engine).describe("web")


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"stop_timeout_s": 600}, "stop_timeout_s"),
        ({"label": "a,b"}, "label"),
        ({"exec": 1}, "exec"),
    ],
)
def test_options_are_checked(options: dict[str, Any], says: str) -> None:
    with pytest.raises(BadOptions, match=says):
        checked_options(ExecutorKind.DOCKER, options)
    assert checked_options(ExecutorKind.DOCKER, {"label": LABEL}) == {"label": LABEL}
