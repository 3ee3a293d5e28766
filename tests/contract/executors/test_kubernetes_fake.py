"""The fake API server answers as a real kube-apiserver (1.36) did when it was recorded."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.fakes.kubernetes_api import ADMIN, VIEWER, KubernetesServer

HERE = Path(__file__).parent / "recordings"
WEB = "/apis/apps/v1/namespaces/default/deployments/web"
SCALE = f"{WEB}/scale"
MERGE = "application/merge-patch+json"


def recorded(name: str) -> dict[str, Any]:
    told: dict[str, Any] = json.loads((HERE / f"kubernetes_{name}.json").read_text())
    return told


@pytest.fixture
def cluster() -> Iterator[KubernetesServer]:
    """With the recorded Deployment in it, at its recorded version."""
    with KubernetesServer() as cluster:
        cluster.put("deployments", recorded("read")["body"])
        assert cluster.version == 231
        yield cluster


def ask(
    cluster: KubernetesServer,
    method: str,
    path: str,
    body: Any = None,
    *,
    token: str = ADMIN,
    content_type: str = MERGE,
) -> tuple[int, Any]:
    headers = {"authorization": f"Bearer {token}", "content-type": content_type}
    return cluster.answer(method, path, headers, json.dumps(body).encode() if body else b"")


def without_hands(body: dict[str, Any]) -> dict[str, Any]:
    """The fake keeps managedFields only as deep as the executor reads them."""
    about = {k: v for k, v in body["metadata"].items() if k != "managedFields"}
    return {**body, "metadata": about}


@pytest.mark.parametrize("name", ["rollout_restart_patch", "scale_patch", "dryrun_scale"])
def test_a_patch_is_answered_as_recorded(cluster: KubernetesServer, name: str) -> None:
    then = recorded(name)
    method, path, body, content_type = then["request"]
    # Each was recorded at the version it shows, a dry run on top of what is stored.
    cluster.version = int(then["body"]["metadata"]["resourceVersion"]) - ("dryRun" not in path)
    at = str(cluster.version)
    cluster.objects["deployments", "default", "web"]["metadata"]["resourceVersion"] = at
    status, answer = ask(cluster, method, path, body, content_type=content_type)
    assert status == then["status"]
    assert without_hands(answer) == without_hands(then["body"])


REFUSED = {
    "forbidden_403": ("PATCH", SCALE, {"spec": {"replicas": 1}}, VIEWER),
    "invalid_422": ("PATCH", WEB, {"spec": {"replicas": -1}}, ADMIN),
    "stale_resource_version_409": (
        *("PATCH", WEB, {"metadata": {"resourceVersion": "1"}, "spec": {"replicas": 3}}, ADMIN),
    ),
    "not_found_404": ("GET", WEB.replace("web", "nope"), None, ADMIN),
    "node_cordon_404": ("PATCH", "/api/v1/nodes/n1", {"spec": {"unschedulable": True}}, ADMIN),
    "unauthorized_401": ("GET", WEB, None, "nobody's"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_a_refusal_is_worded_as_recorded(cluster: KubernetesServer, name: str) -> None:
    method, path, body, token = REFUSED[name]
    then = recorded(name)
    status, answer = ask(cluster, method, path, body, token=token)
    assert (status, answer) == (then["status"], then["body"])


def test_a_dry_run_stores_nothing(cluster: KubernetesServer) -> None:
    before = json.dumps(cluster.objects["deployments", "default", "web"])
    ask(cluster, "PATCH", f"{WEB}?dryRun=All", {"spec": {"replicas": 9}})
    assert json.dumps(cluster.objects["deployments", "default", "web"]) == before
