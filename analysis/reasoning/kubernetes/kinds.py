"""Kinds by every word kubectl and people use for them."""

import re

_WORDS = {
    "Pod": "po",
    "Deployment": "deploy",
    "ReplicaSet": "rs",
    "StatefulSet": "sts",
    "DaemonSet": "ds",
    "Job": "",
    "CronJob": "cj",
    "Service": "svc",
    "Endpoints": "ep endpoint",
    "EndpointSlice": "",
    "Ingress": "ing ingresses",
    "IngressClass": "ingressclasses",
    "NetworkPolicy": "netpol networkpolicies",
    "Node": "no",
    "Namespace": "ns",
    "ConfigMap": "cm",
    "Secret": "",
    "ServiceAccount": "sa",
    "ResourceQuota": "quota resourcequota",
    "LimitRange": "limits",
    "PersistentVolumeClaim": "pvc",
    "PersistentVolume": "pv",
    "StorageClass": "sc storageclasses",
    "HorizontalPodAutoscaler": "hpa",
    "PodDisruptionBudget": "pdb",
    "Role": "",
    "RoleBinding": "",
    "ClusterRole": "",
    "ClusterRoleBinding": "",
    "ValidatingWebhookConfiguration": "",
    "MutatingWebhookConfiguration": "",
    "Event": "ev",
    "Certificate": "",
}
_BY_WORD: dict[str, str] = {}
for _kind, _short in _WORDS.items():
    for _word in (_kind.lower(), f"{_kind.lower()}s", *_short.split()):
        _BY_WORD[_word] = _kind

WORKLOADS = ("Deployment", "StatefulSet", "DaemonSet", "Job", "CronJob", "ReplicaSet")
CLUSTER_WIDE = frozenset(
    {"Node", "Namespace", "PersistentVolume", "StorageClass", "IngressClass", "ClusterRole",
     "ClusterRoleBinding", "ValidatingWebhookConfiguration", "MutatingWebhookConfiguration"}
)  # fmt: skip


def kind_of(word: str) -> str:
    """The kind one word names; empty when it names none. `deployments.apps` is a Deployment."""
    plain = word.strip().lower()
    return _BY_WORD.get(plain) or _BY_WORD.get(plain.split(".")[0], "")


def kind_in(text: str) -> str:
    """The first kind any word of a text names, such as `kubectl get pods -n shop`."""
    plain = re.sub(r"all[ _-]namespaces|-n \S+|--\S+", " ", text, flags=re.IGNORECASE)
    words = re.findall(r"[A-Za-z]+(?:\.[a-z.]+)?", plain.replace("_", " "))
    return next((kind for word in words if (kind := kind_of(word))), "")
