"""What a cluster's objects and events say changed, and how its lists are read."""

import re
from typing import Any

import pytest
from pytest_httpserver import HTTPServer

from analysis.connectors.base import ConnectorError, Problem
from analysis.connectors.kubernetes import Kubernetes
from analysis.types import Change, PlatformObject
from tests.contract.connectors import fakes_kubernetes as kube
from tests.contract.connectors.fakes_kubernetes import FakeKubernetes

AT = 1_769_860_800.0
DAY = 86_400.0


@pytest.fixture
def cluster(httpserver: HTTPServer) -> FakeKubernetes:
    fake = FakeKubernetes()
    httpserver.expect_request(re.compile("/.*")).respond_with_handler(fake.answer)
    fake.put("deployments", kube.deployment("payments", AT - 9 * DAY, image="payments:2"))
    return fake


@pytest.fixture
def source(httpserver: HTTPServer, cluster: FakeKubernetes) -> Kubernetes:
    return Kubernetes(httpserver.url_for(""))


def changes(source: Kubernetes) -> list[Change]:
    return source.changes(start=AT - DAY, end=AT + DAY)


def scaled(name: str, at: float, message: str) -> dict[str, Any]:
    return kube.event("Deployment", name, at, reason="ScalingReplicaSet", message=message)


def revision(number: int, at: float, image: str, **more: str) -> dict[str, Any]:
    return kube.replica_set("payments", f"h{number}", at, image=image, revision=number, **more)


def test_a_roll_out_tells_both_images(source: Kubernetes, cluster: FakeKubernetes) -> None:
    cluster.put("replicasets", revision(10, AT, "p:2", cause="ticket 7"))
    cluster.put("replicasets", revision(9, AT - 2 * DAY, "p:1"))
    (change,) = changes(source)
    assert (change.kind, change.service, change.at) == ("deploy", "payments", AT)
    assert (change.before, change.after, change.revision) == ("p:1", "p:2", "10")
    assert change.title == "payments rolled out p:2: ticket 7"


def test_a_restart_and_another_configuration_are_told_apart(
    source: Kubernetes, cluster: FakeKubernetes
) -> None:
    cluster.put(
        "replicasets",
        revision(1, AT - 2 * DAY, "p:1"),
        revision(2, AT, "p:1", restarted="2026-01-31T12:00:00Z"),
        revision(3, AT + 60, "p:1", restarted="2026-01-31T12:00:00Z"),
    )
    assert [c.kind for c in changes(source)] == ["restart", "config"]


def test_the_ups_and_downs_of_a_roll_out_are_no_scalings(
    source: Kubernetes, cluster: FakeKubernetes
) -> None:
    cluster.put("replicasets", revision(1, AT - 2 * DAY, "p:1"), revision(2, AT, "p:2"))
    cluster.put(
        "events",
        scaled("payments", AT + 1, "Scaled up replica set payments-h2 from 0 to 1"),
        scaled("payments", AT + 9, "Scaled down replica set payments-h1 from 2 to 1"),
        scaled("payments", AT + 99, "Scaled up replica set payments-h2 from 1 to 2"),
        scaled("payments", AT + 120, "Scaled down replica set payments-h1 from 1 to 0"),
    )
    assert [(c.kind, c.after) for c in changes(source)] == [("deploy", "p:2")]


@pytest.mark.parametrize(
    ("message", "before", "after"),
    [
        ("Scaled up replica set payments-h1 from 2 to 5", "2", "5"),
        ("Scaled up replica set payments-h1 to 5 from 2", "2", "5"),
        ("Scaled down replica set payments-h1 to 0", "", "0"),
        ("Scaled up replica set payments-h1 from 0 to 2", "0", "2"),
    ],
)
def test_a_scaling_in_each_release_s_words(
    source: Kubernetes, cluster: FakeKubernetes, message: str, before: str, after: str
) -> None:
    cluster.put("replicasets", revision(1, AT - 2 * DAY, "p:1"))
    cluster.put("events", scaled("payments", AT, message))
    (change,) = changes(source)
    assert (change.kind, change.before, change.after) == ("scale", before, after)
    assert change.service == "payments"


def test_a_roll_back_brings_an_old_revision_back(
    source: Kubernetes, cluster: FakeKubernetes
) -> None:
    cluster.put("replicasets", revision(3, AT - 3 * DAY, "p:1"), revision(2, AT - 2 * DAY, "p:2"))
    cluster.put(
        "events",
        scaled("payments", AT, "Scaled up replica set payments-h3 from 0 to 1"),
        scaled("payments", AT + 5, "Scaled down replica set payments-h2 from 1 to 0"),
    )
    (change,) = changes(source)
    assert (change.kind, change.after, change.revision) == ("deploy", "p:1", "3")
    assert "rolled back" in change.title


def container(code: int, reason: str, *, restarts: int = 4) -> dict[str, Any]:
    ended = {"exitCode": code, "reason": reason, "finishedAt": kube.stamp(AT)}
    waiting = {"waiting": {"reason": "CrashLoopBackOff"}}
    return {
        "name": "app",
        "ready": False,
        "restartCount": restarts,
        "state": waiting,
        "lastState": {"terminated": ended},
    }


@pytest.mark.parametrize(
    ("code", "reason", "kind"), [(137, "OOMKilled", "crash"), (0, "Completed", "restart")]
)
def test_how_a_container_ended(
    source: Kubernetes, cluster: FakeKubernetes, code: int, reason: str, kind: str
) -> None:
    statuses = [container(code, reason)]
    cluster.put("pods", kube.pod("payments", "h1", "x", AT - DAY, containerStatuses=statuses))
    (change,) = changes(source)
    assert (change.kind, change.service) == (kind, "payments")
    assert f"{reason} (exit {code}), 4 restarts" in change.title


@pytest.mark.parametrize(
    ("about", "reason", "kind", "service"),
    [
        (("Pod", "payments-h1-x"), "Evicted", "eviction", "payments"),
        (("Node", "n1"), "NodeNotReady", "node", "n1"),
        (("Node", "n1"), "SystemOOM", "crash", "n1"),
    ],
)
def test_what_the_platform_did(
    source: Kubernetes,
    cluster: FakeKubernetes,
    about: tuple[str, str],
    reason: str,
    kind: str,
    service: str,
) -> None:
    cluster.put("pods", kube.pod("payments", "h1", "x", AT - DAY))
    cluster.put("events", kube.event(*about, AT, reason=reason, message="low on memory"))
    cluster.put("events", kube.event(*about, AT, reason="Pulled", message="noise"))
    (change,) = changes(source)
    assert (change.kind, change.service, change.actor) == (kind, service, "kubernetes")
    assert "low on memory" in change.title


def test_events_of_both_generations(source: Kubernetes, cluster: FakeKubernetes) -> None:
    new = kube.event("Pod", "a", AT, reason="BackOff", message="again", type_="Warning")
    new |= {"lastTimestamp": None, "eventTime": "2026-01-31T12:00:05.123456Z", "count": None}
    series = {**new, "series": {"count": 7, "lastObservedTime": "2026-01-31T12:00:09.000000Z"}}
    cluster.put("events", new, series)
    first, second = source.events(start=AT, end=AT + 60)
    assert first.at == pytest.approx(AT + 5.123456)
    assert first.count == 1
    assert (second.at, second.count, second.is_warning) == (AT + 9, 7, True)


def test_objects_and_their_troubles(source: Kubernetes, cluster: FakeKubernetes) -> None:
    statuses = [container(1, "Error")]
    unplaced = [{"type": "PodScheduled", "status": "False", "reason": "Unschedulable"}]
    daemon = kube.deployment("agent", AT, image="agent:1")
    daemon["status"] = {"desiredNumberScheduled": 3, "numberReady": 2}
    cluster.put("daemonsets", daemon)
    cluster.put(
        "pods",
        kube.pod("payments", "h1", "x", AT, containerStatuses=statuses),
        kube.pod("payments", "h1", "y", AT, conditions=unplaced),
        kube.pod("payments", "h1", "z", AT, phase="Failed", reason="Evicted"),
    )
    cluster.put("nodes", kube.node("n1", AT, Ready="Unknown", DiskPressure="True"))
    found = {(o.kind, o.name): o for o in source.inventory().objects}
    troubles = {name: o.problem for (_, name), o in found.items()}
    assert troubles == {
        "payments": "",
        "agent": "",
        "payments-h1-x": "CrashLoopBackOff",
        "payments-h1-y": "Unschedulable",
        "payments-h1-z": "Evicted",
        "n1": "NotReady, DiskPressure",
    }
    assert found["Pod", "payments-h1-x"].restarts == 4
    assert (found["DaemonSet", "agent"].desired, found["DaemonSet", "agent"].ready) == (3, 2)
    assert found["Deployment", "payments"] == PlatformObject(
        kind="Deployment",
        name="payments",
        namespace="shop",
        service="payments",
        created_at=AT - 9 * DAY,
        images=("payments:2",),
        desired=2,
        ready=2,
    )


@pytest.mark.parametrize(
    ("labels", "service"),
    [
        ({"app.kubernetes.io/name": "pay", "app": "x", "pod-template-hash": "h1"}, "pay"),
        ({"app": "pay", "pod-template-hash": "h1"}, "pay"),
        ({"pod-template-hash": "h1"}, "payments"),
    ],
)
def test_which_service_a_pod_is_of(
    source: Kubernetes, cluster: FakeKubernetes, labels: dict[str, str], service: str
) -> None:
    pod = kube.pod("payments", "h1", "x", AT)
    pod["metadata"]["labels"] = labels
    cluster.put("pods", pod)
    (found,) = [o for o in source.inventory().objects if o.kind == "Pod"]
    assert found.service == service


class TestLists:
    def many(self, cluster: FakeKubernetes, count: int) -> None:
        cluster.put("pods", *(kube.pod("p", "h", str(i), AT) for i in range(count)))

    def test_are_read_page_by_page(self, source: Kubernetes, cluster: FakeKubernetes) -> None:
        self.many(cluster, 1203)
        assert len([o for o in source.inventory().objects if o.kind == "Pod"]) == 1203
        assert sum("/pods?" in path for path in cluster.paths) == 3

    def test_that_expire_are_read_again(self, source: Kubernetes, cluster: FakeKubernetes) -> None:
        self.many(cluster, 600)
        cluster.expire = 1
        assert len([o for o in source.inventory().objects if o.kind == "Pod"]) == 600

    def test_that_keep_expiring_are_given_up(
        self, source: Kubernetes, cluster: FakeKubernetes
    ) -> None:
        self.many(cluster, 600)
        cluster.expire = 2
        with pytest.raises(ConnectorError, match="narrow it by a namespace") as caught:
            source.inventory()
        assert caught.value.kind is Problem.UNAVAILABLE
        assert caught.value.retryable

    def test_that_are_too_long_are_refused(
        self, source: Kubernetes, cluster: FakeKubernetes
    ) -> None:
        self.many(cluster, 600)
        source.max_objects = 599
        with pytest.raises(ConnectorError, match="narrow it by a namespace") as caught:
            source.inventory()
        assert caught.value.kind is Problem.TOO_LARGE

    def test_of_one_namespace_need_no_rights_beyond_it(
        self, httpserver: HTTPServer, cluster: FakeKubernetes
    ) -> None:
        cluster.forbidden = {"nodes"}
        cluster.token = "t0ken"
        other = kube.pod("other", "h", "x", AT)
        other["metadata"]["namespace"] = "elsewhere"
        cluster.put("pods", other, kube.pod("payments", "h", "x", AT))
        source = Kubernetes(httpserver.url_for("/namespaces/shop"), bearer="t0ken")
        names = {o.name for o in source.inventory().objects}
        assert names == {"payments", "payments-h-x"}
        assert all("/namespaces/shop/" in path for path in cluster.paths)
        assert "namespace shop" in source.check()

    def test_a_right_that_is_missing_is_named(
        self, source: Kubernetes, cluster: FakeKubernetes
    ) -> None:
        cluster.forbidden = {"nodes"}
        with pytest.raises(ConnectorError, match='cannot list resource "nodes"') as caught:
            source.inventory()
        assert caught.value.kind is Problem.DENIED

    def test_nothing_but_lists_is_ever_asked_for(
        self, source: Kubernetes, cluster: FakeKubernetes, httpserver: HTTPServer
    ) -> None:
        source.check()
        source.inventory()
        source.events(start=0, end=1)
        changes(source)
        assert {request.method for request, _ in httpserver.log} == {"GET"}


class TestTheInventory:
    def test_holds_objects_with_their_kinds_and_says_what_was_listed(
        self, source: Kubernetes, cluster: FakeKubernetes
    ) -> None:
        cluster.put("services", {"metadata": kube.meta("payments", AT)})
        cluster.put("events", kube.event("Pod", "x", AT, reason="Failed", message="m"))
        held = source.inventory()
        kinds = {(i["kind"], i["metadata"]["name"]) for i in held.items}
        assert kinds == {("Deployment", "payments"), ("Service", "payments")}
        assert {"Pod", "Node", "Endpoints", "StorageClass"} <= held.listed
        assert [e["reason"] for e in held.events] == ["Failed"]
        assert [(o.kind, o.name) for o in held.objects] == [("Deployment", "payments")]
        assert not held.refused

    def test_kinds_it_may_not_list_are_named_and_are_no_absence(
        self, source: Kubernetes, cluster: FakeKubernetes
    ) -> None:
        cluster.forbidden = {"services", "storageclasses"}
        held = source.inventory()
        assert set(held.refused) == {"Service", "StorageClass"}
        assert not held.listed & {"Service", "StorageClass"}

    def test_without_pods_there_is_none(self, source: Kubernetes, cluster: FakeKubernetes) -> None:
        cluster.forbidden = {"pods"}
        with pytest.raises(ConnectorError) as caught:
            source.inventory()
        assert caught.value.kind is Problem.DENIED

    def test_of_a_namespace_asks_for_nothing_outside_of_it(
        self, httpserver: HTTPServer, cluster: FakeKubernetes
    ) -> None:
        held = Kubernetes(httpserver.url_for("/namespaces/shop")).inventory()
        assert all("/namespaces/shop/" in path for path in cluster.paths)
        assert not held.listed & {"Node", "PersistentVolume", "StorageClass"}

    def test_never_asks_for_secrets_or_config_maps(
        self, source: Kubernetes, cluster: FakeKubernetes, httpserver: HTTPServer
    ) -> None:
        source.inventory()
        assert {request.method for request, _ in httpserver.log} == {"GET"}
        assert not [p for p in cluster.paths if "/secrets" in p or "/configmaps" in p]
