"""What is Kubernetes' own: who owns an object, what has to be well, tokens, and history."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from remediation.execution.base import ExecutorError, NothingToActOn, UnknownService
from remediation.execution.executors.kubernetes_steps import difference
from remediation.types import ActionRequest, Applied, Check, PlannedAction, Probe
from tests.contract.executors.rig import aimed, attempt, undo_of
from tests.contract.executors.rig_kubernetes import FakeKubernetes
from tests.fakes.kubernetes_api import merged


@pytest.fixture
def rig() -> Iterator[FakeKubernetes]:
    with FakeKubernetes() as rig:
        yield rig


def plan(rig: FakeKubernetes, action: str, **params: Any) -> PlannedAction:
    request = rig.request(action)
    request = replace(request, params=params or request.params)
    executor = rig.executor()
    return executor.plan(replace(request, target=executor.resolve(request)[0]))


def check(planned: PlannedAction, name: str) -> Check:
    return next(one for one in planned.checks if one.name == name)


def test_a_healthy_workload_passes_every_check(rig: FakeKubernetes) -> None:
    for action in rig.actions:
        planned = plan(rig, action)
        assert planned.checks
        assert [one for one in planned.checks if not one.ok] == []
        assert planned.owner == ""


def test_a_description_tells_what_choosing_needs(rig: FakeKubernetes) -> None:
    told = rig.executor().describe("payments")
    assert (told.name, told.replicas, told.revision) == ("payments", 2, "2")
    assert told.actions == {"restart", "scale", "rollback", "cordon"}
    with pytest.raises(UnknownService, match="no workload of namespace shop has the label"):
        rig.executor().describe("nope")


# Who else writes the object.


@pytest.mark.parametrize(
    ("labels", "owner"),
    [({}, "hpa"), ({"scaledobject.keda.sh/name": "payments"}, "keda")],
)
def test_an_autoscaler_owns_the_replicas(
    rig: FakeKubernetes, labels: dict[str, str], owner: str
) -> None:
    rig.cluster.put(
        "horizontalpodautoscalers",
        {
            "metadata": {"name": "payments", "namespace": "shop", "labels": labels},
            "spec": {
                "scaleTargetRef": {"kind": "Deployment", "name": "payments"},
                "minReplicas": 2,
                "maxReplicas": 9,
            },
        },
    )
    planned = plan(rig, "scale")
    found = check(planned, "autoscaler")
    assert (planned.owner, found.ok, found.is_fatal) == (owner, False, True)
    assert "(2 to 9): change its min/max instead" in found.detail
    assert plan(rig, "restart").owner == ""


def test_an_autoscaler_that_cannot_be_seen_stops_a_scale(rig: FakeKubernetes) -> None:
    rig.cluster.tokens["half"] = {("patch", "*"), ("get", "*")} | {
        ("list", kind) for kind in ("deployments", "statefulsets", "daemonsets")
    }
    executor = rig.connected(secret="half")
    found = check(executor.plan(aimed(rig, "scale", executor)), "autoscaler")
    assert (found.ok, found.is_fatal) == (False, True)
    assert "cannot see autoscalers" in found.detail


@pytest.mark.parametrize(
    ("about", "owner"),
    [
        ({"annotations": {"argocd.argoproj.io/tracking-id": "shop:apps/Deployment"}}, "argocd"),
        ({"labels": {"argocd.argoproj.io/instance": "shop"}}, "argocd"),
        ({"labels": {"kustomize.toolkit.fluxcd.io/name": "shop"}}, "flux"),
        ({"labels": {"helm.toolkit.fluxcd.io/name": "shop"}}, "flux"),
    ],
)
def test_git_would_put_a_rollback_back(
    rig: FakeKubernetes, about: dict[str, Any], owner: str
) -> None:
    rig.edit({"metadata": about})
    planned = plan(rig, "rollback")
    found = check(planned, "gitops")
    assert (planned.owner, found.ok, found.is_fatal) == (owner, False, True)
    assert found.detail == f"{owner} would put the rollback back: change it in Git"
    assert check(plan(rig, "scale"), "gitops").is_fatal is False
    assert plan(rig, "restart").owner == owner


def test_a_gitops_controller_is_known_by_its_hand(rig: FakeKubernetes) -> None:
    patch = {"spec": {"minReadySeconds": 3}}
    rig.cluster.edit("deployments", "shop", "payments", patch, "argocd-controller")
    assert plan(rig, "rollback").owner == "argocd"


# What has to be well.


def test_one_replica_asks_for_a_second_person(rig: FakeKubernetes) -> None:
    rig.edit({"spec": {"replicas": 1}})
    found = check(plan(rig, "restart"), "two replicas")
    assert (found.ok, found.is_fatal) == (False, False)


def test_a_rollout_in_progress_stops_a_restart_but_not_a_rollback(rig: FakeKubernetes) -> None:
    rig.world.is_stuck = True
    containers = [{"name": "app", "image": "shop/payments:broken"}]
    rig.edit({"spec": {"template": {"spec": {"containers": containers}}}})
    found = check(plan(rig, "restart"), "no rollout runs")
    assert (found.ok, found.is_fatal) == (False, True)
    assert check(plan(rig, "rollback", to_revision=1), "no rollout runs").is_fatal is False


def test_a_paused_workload_is_not_restarted(rig: FakeKubernetes) -> None:
    rig.edit({"spec": {"paused": True}})
    found = check(plan(rig, "restart"), "not paused")
    assert (found.ok, found.is_fatal) == (False, True)


def test_a_disruption_budget_that_allows_none_asks_for_a_second_person(
    rig: FakeKubernetes,
) -> None:
    labels = {"app.kubernetes.io/name": "payments"}
    rig.cluster.put(
        "poddisruptionbudgets",
        {
            "metadata": {"name": "payments", "namespace": "shop"},
            "spec": {"selector": {"matchLabels": labels}},
            "status": {"disruptionsAllowed": 0},
        },
    )
    found = check(plan(rig, "restart"), "disruption budget")
    assert (found.ok, found.is_fatal) == (False, False)
    assert found.detail == "payments allows none now"


@pytest.mark.parametrize(
    ("replicas", "action", "params", "ok"),
    [
        (3, "restart", {}, True),
        (2, "restart", {}, False),
        (5, "scale", {"replicas": 3}, True),
        (5, "scale", {"replicas": 2}, False),
        (3, "scale", {"replicas": 5}, True),
    ],
)
def test_a_stateful_set_keeps_its_quorum(
    rig: FakeKubernetes, replicas: int, action: str, params: dict[str, Any], *, ok: bool
) -> None:
    rig.world.stateful_set("db", image="pg:1", replicas=replicas)
    executor = rig.executor()
    request = ActionRequest(action, "db", params)
    planned = executor.plan(replace(request, target=executor.resolve(request)[0]))
    quorum = [one for one in planned.checks if one.name == "quorum"]
    assert all(one.ok for one in quorum) is ok
    assert all(one.is_fatal for one in quorum)
    with pytest.raises(ExecutorError, match="rollback is not for a StatefulSet"):
        executor.plan(replace(planned.request, action="rollback", params={}))


def test_the_control_plane_is_never_cordoned(rig: FakeKubernetes) -> None:
    with pytest.raises(ExecutorError, match="the control plane, which is never touched"):
        plan(rig, "cordon", node="control")
    planned = plan(rig, "cordon", node="n1")
    label = {"node-role.kubernetes.io/control-plane": ""}
    rig.cluster.edit("nodes", "", "n1", {"metadata": {"labels": label}}, "kubectl")
    effect = rig.executor().apply(planned, attempt())
    assert effect.applied is Applied.NOT_APPLIED
    assert "never touched" in effect.error
    assert "unschedulable" not in rig.cluster.objects["nodes", "", "n1"]["spec"]


def test_what_is_not_well_any_more_is_seen_right_before_the_effect(rig: FakeKubernetes) -> None:
    planned = plan(rig, "scale")
    rig.cluster.put(
        "horizontalpodautoscalers",
        {
            "metadata": {"name": "new", "namespace": "shop"},
            "spec": {"scaleTargetRef": {"kind": "Deployment", "name": "payments"}},
        },
    )
    effect = rig.executor().apply(planned, attempt())
    assert (effect.applied, effect.moved) == (Applied.NOT_APPLIED, True)
    assert effect.error.startswith("autoscaler: hpa new owns its replicas")


def test_the_last_node_that_takes_pods_is_kept_open(rig: FakeKubernetes) -> None:
    assert check(plan(rig, "cordon", node="n1"), "another node takes pods").ok
    rig.cluster.edit("nodes", "", "n2", {"spec": {"unschedulable": True}}, "kubectl")
    assert not check(plan(rig, "cordon", node="n1"), "another node takes pods").ok


def test_a_service_on_two_nodes_names_none(rig: FakeKubernetes) -> None:
    rig.world.pod("payments-2", of="payments", on="n2")
    with pytest.raises(NothingToActOn, match="runs on 2 nodes; name the one"):
        rig.executor().resolve(rig.request("cordon"))
    assert plan(rig, "cordon", node="n2").before == {"unschedulable": False}


def test_a_node_that_is_closed_already_is_left_alone(rig: FakeKubernetes) -> None:
    rig.cluster.edit("nodes", "", "n1", {"spec": {"unschedulable": True}}, "kubectl")
    with pytest.raises(ExecutorError, match="closed to new pods already"):
        plan(rig, "cordon", node="n1")
    assert plan(rig, "cordon", node="n1", schedulable=True).after == {"unschedulable": False}


def test_a_scale_to_the_same_number_is_no_action(rig: FakeKubernetes) -> None:
    with pytest.raises(ExecutorError, match="it has 2 replicas already"):
        plan(rig, "scale", replicas=2)


# History.


def test_a_rollback_restores_the_whole_template_and_can_go_forward(rig: FakeKubernetes) -> None:
    planned = plan(rig, "rollback")
    assert planned.before["images"] == {"app": "shop/payments:2"}
    assert planned.after["images"] == {"app": "shop/payments:1"}
    effect = rig.executor().apply(planned, attempt())
    assert rig.item()["spec"]["template"] == rig.old_template  # what was added is gone again
    assert rig.item()["metadata"]["annotations"]["deployment.kubernetes.io/revision"] == "3"
    undone = rig.executor().apply(undo_of(planned, effect), attempt())
    assert undone.applied is Applied.APPLIED, undone.error
    assert rig.item()["spec"]["template"] == rig.new_template


def test_a_rollback_to_what_was_not_approved_is_refused(rig: FakeKubernetes) -> None:
    """The generation is the same, but "the one before" has become another one."""
    rig.edit({"spec": {"template": {"metadata": {"annotations": {"third": "yes"}}}}})
    planned = plan(rig, "rollback")
    second = next(
        key
        for key, item in rig.cluster.objects.items()
        if key[0] == "replicasets"
        and item["metadata"]["annotations"]["deployment.kubernetes.io/revision"] == "2"
        and item["metadata"]["ownerReferences"][0]["name"] == "payments"
    )
    del rig.cluster.objects[second]
    effect = rig.executor().apply(planned, attempt())
    assert (effect.applied, effect.moved) == (Applied.NOT_APPLIED, True)
    assert "history has moved" in effect.error


def test_without_a_way_forward_there_is_no_rollback(rig: FakeKubernetes) -> None:
    for key in [key for key in rig.cluster.objects if key[0] == "replicasets"]:
        if key[2].startswith("cart"):
            del rig.cluster.objects[key]
    executor = rig.executor()
    request = ActionRequest("rollback", "cart")
    with pytest.raises(ExecutorError, match="no revision before the present one"):
        executor.plan(replace(request, target=executor.resolve(request)[0]))
    with pytest.raises(ExecutorError, match="the history has no revision 77"):
        plan(rig, "rollback", to_revision=77)


_VALUES = st.recursive(
    st.integers() | st.text(max_size=3) | st.lists(st.integers(), max_size=2),
    lambda below: st.dictionaries(st.text(max_size=2), below, max_size=4),
    max_leaves=12,
)
_OBJECTS = st.dictionaries(st.text(max_size=2), _VALUES, max_size=4)


@given(_OBJECTS, _OBJECTS)
def test_a_difference_makes_one_object_of_the_other(now: Any, wanted: Any) -> None:
    assert merged(now, difference(now, wanted)) == wanted


# What moves by itself, and what does not.


def test_a_status_that_keeps_moving_does_not_void_an_approval(rig: FakeKubernetes) -> None:
    planned = plan(rig, "restart")

    def restarts_again() -> None:
        rig.cluster.store("deployments", rig.item())

    restarts_again()
    with rig.between.late(restarts_again):  # refused once by its resourceVersion, then landed
        effect = rig.executor().apply(planned, attempt())
    assert effect.applied is Applied.APPLIED, effect.error
    assert len(rig.between.forwarded) == 2


def test_an_object_of_the_same_name_is_another_one(rig: FakeKubernetes) -> None:
    planned = plan(rig, "restart")
    rig.item()["metadata"]["uid"] = "uid-of-its-successor"
    effect = rig.executor().apply(planned, attempt())
    assert (effect.applied, effect.moved) == (Applied.NOT_APPLIED, True)
    assert "another one by now" in effect.error
    assert rig.executor().probe(planned, attempt())[0] is Probe.CANNOT_TELL


def test_a_change_by_somebody_else_leaves_the_probe_without_an_answer(rig: FakeKubernetes) -> None:
    planned = plan(rig, "scale")
    rig.move(planned)
    assert rig.executor().probe(planned, attempt())[0] is Probe.CANNOT_TELL


def test_a_target_of_another_namespace_is_refused(rig: FakeKubernetes) -> None:
    for target in ("Deployment/kube-system/dns@uid", "Secret/shop/key@uid", "", "*"):
        with pytest.raises(NothingToActOn):
            rig.executor().plan(ActionRequest("restart", "payments", target=target))


@pytest.mark.parametrize("status", [500, 503, 504])
def test_an_error_of_the_server_is_no_answer(
    rig: FakeKubernetes, monkeypatch: pytest.MonkeyPatch, status: int
) -> None:
    planned = plan(rig, "scale")
    real = rig.cluster.answer

    def broken(method: str, *said: Any) -> tuple[int, dict[str, Any]]:
        return (status, {"message": "etcd"}) if method == "PATCH" else real(method, *said)

    monkeypatch.setattr(rig.cluster, "answer", broken)
    effect = rig.executor().apply(planned, attempt())
    assert (effect.applied, effect.error) == (Applied.UNKNOWN, f"answered {status}: etcd")


def test_every_change_says_who_made_it_and_is_strict(rig: FakeKubernetes) -> None:
    planned = plan(rig, "scale")
    once = attempt()
    rig.executor().apply(planned, once)
    for method, path, body in rig.cluster.requests:
        if method == "PATCH":
            assert "fieldManager=airra&fieldValidation=Strict" in path
            assert body["metadata"]["resourceVersion"]
    assert rig.item()["metadata"]["annotations"]["airra.dev/execution"] == once.key


def test_an_answer_that_is_no_object_is_unknown(
    rig: FakeKubernetes, monkeypatch: pytest.MonkeyPatch
) -> None:
    planned = plan(rig, "scale")
    real = rig.cluster.answer

    def odd(method: str, *said: Any) -> tuple[int, Any]:
        return (200, ["?"]) if method == "PATCH" else real(method, *said)

    monkeypatch.setattr(rig.cluster, "answer", odd)
    assert rig.executor().apply(planned, attempt()).applied is Applied.UNKNOWN
