"""The controllers behind the fake API server: what happens by itself after a change."""

import hashlib
import json
from copy import deepcopy
from typing import Any

from tests.fakes.kubernetes_api import KubernetesServer

Json = dict[str, Any]
REVISION = "deployment.kubernetes.io/revision"
HASH = "pod-template-hash"


class Controllers:
    """Reacts to every change at once; while `is_stuck`, no pod of a new template comes up."""

    def __init__(self, cluster: KubernetesServer) -> None:
        self.cluster = cluster
        self.is_stuck = False
        cluster.after = self.react

    def react(self, resource: str, item: Json) -> None:
        if resource == "deployments":
            self._roll_out(item)
        elif resource in {"statefulsets", "daemonsets"}:
            self._settle(resource, item)

    def deployment(self, name: str, *, image: str, replicas: int = 2, **more: Any) -> Json:
        """A workload of the service of its name that has rolled out."""
        return self._workload("deployments", name, image, replicas, more)

    def stateful_set(self, name: str, *, image: str, replicas: int = 3, **more: Any) -> Json:
        return self._workload("statefulsets", name, image, replicas, more)

    def _workload(self, resource: str, name: str, image: str, replicas: int, more: Json) -> Json:
        labels = {"app.kubernetes.io/name": name}
        template = {
            "metadata": {"labels": labels},
            "spec": {"containers": [{"name": "app", "image": image, "env": []}]},
        }
        item = self.cluster.put(
            resource,
            {
                "metadata": {"name": name, "namespace": "shop", "labels": labels, **more},
                "spec": {
                    "replicas": replicas,
                    "selector": {"matchLabels": labels},
                    "template": template,
                },
                "status": {},
            },
        )
        self.react(resource, item)
        return item

    def node(self, name: str, **labels: str) -> Json:
        ready = {"type": "Ready", "status": "True"}
        return self.cluster.put(
            "nodes",
            {
                "metadata": {"name": name, "labels": labels},
                "spec": {"podCIDR": "10.0.0.0/24"},
                "status": {"conditions": [ready]},
            },
        )

    def pod(self, name: str, *, of: str, on: str) -> Json:
        about = {"name": name, "namespace": "shop", "labels": {"app.kubernetes.io/name": of}}
        return self.cluster.put("pods", {"metadata": about, "spec": {"nodeName": on}, "status": {}})

    def _roll_out(self, item: Json) -> None:
        """One ReplicaSet for each template; one that comes again takes the newest revision."""
        template = deepcopy(item["spec"]["template"])
        hash_ = hashlib.sha256(json.dumps(template, sort_keys=True).encode()).hexdigest()[:10]
        template["metadata"]["labels"][HASH] = hash_
        owned = [
            one
            for (kind, _, _), one in self.cluster.objects.items()
            if kind == "replicasets"
            and one["metadata"]["ownerReferences"][0]["uid"] == item["metadata"]["uid"]
        ]
        newest = max((int(one["metadata"]["annotations"][REVISION]) for one in owned), default=0)
        name = f"{item['metadata']['name']}-{hash_}"
        mine = next((one for one in owned if one["metadata"]["name"] == name), None)
        if mine is None or int(mine["metadata"]["annotations"][REVISION]) < newest:
            newest += 1
            self._keep(item, name, template, newest)
        item["metadata"].setdefault("annotations", {})[REVISION] = str(newest)
        self._settle("deployments", item)

    def _keep(self, item: Json, name: str, template: Json, revision: int) -> None:
        about = item["metadata"]
        owner = {"kind": "Deployment", "name": about["name"], "uid": about["uid"]}
        self.cluster.put(
            "replicasets",
            {
                "metadata": {
                    "name": name,
                    "namespace": about["namespace"],
                    "labels": dict(template["metadata"]["labels"]),
                    "annotations": {REVISION: str(revision)},
                    "ownerReferences": [{**owner, "controller": True}],
                },
                "spec": {"replicas": item["spec"]["replicas"], "template": template},
            },
        )

    def _settle(self, resource: str, item: Json) -> None:
        """The status once everything runs; a status counts no generation."""
        count = item["spec"].get("replicas", 1)
        names = ("replicas", "updatedReplicas", "readyReplicas", "availableReplicas")
        status = dict.fromkeys(names, count)
        if resource == "daemonsets":
            status = dict.fromkeys(("desiredNumberScheduled", "updatedNumberScheduled"), count)
        if self.is_stuck and resource == "deployments":
            status |= {"replicas": count + 1, "updatedReplicas": 1}
        seen = {"observedGeneration": item["metadata"]["generation"]}
        self.cluster.store(resource, {**item, "status": {**status, **seen}})
