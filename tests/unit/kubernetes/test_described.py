"""What kubectl prints is read into the shape of the API, kind by kind."""

from typing import Any

from analysis.reasoning.kubernetes.described import described
from analysis.reasoning.kubernetes.model import Thing
from analysis.reasoning.kubernetes.reading import snapshot
from tests.unit.kubernetes.shop import printed


def read(text: str, kind: str) -> Thing:
    snap = snapshot({"describe": {kind: text}})
    return snap.of(kind)[0]


DEPLOYMENT = """\
Name:                   web
Namespace:              shop
CreationTimestamp:      Sat, 28 Nov 2026 06:00:00 +0000
Labels:                 app=web
Annotations:            deployment.kubernetes.io/revision: 3
Selector:               app=web
Replicas:               2 desired | 1 updated | 3 total | 1 available | 2 unavailable
StrategyType:           RollingUpdate
Pod Template:
  Labels:           app=web
                    tier=front
  Service Account:  runner
  Init Containers:
   wait:
    Image:      busybox
    Port:       <none>
    Command:
      sh
      -c
      until nslookup db; do sleep 2; done
    Environment:  <none>
    Mounts:       <none>
  Containers:
   app:
    Image:      shop/web:2
    Ports:      8080/TCP, 9090/UDP
    Host Ports: 0/TCP, 0/UDP
    Limits:
      cpu:     200m
      memory:  128Mi
    Readiness:  http-get https://:8080/ready delay=5s timeout=1s period=10s #success=1 #failure=3
    Startup:    exec [cat /tmp/up] delay=0s timeout=1s period=2s #success=1 #failure=30
    Liveness:   grpc <pod>:9090  delay=1s timeout=1s period=10s #success=1 #failure=3
    Environment Variables from:
      settings  ConfigMap  Optional: false
      extra     Secret     Optional: true
    Environment:
      PASS:  <set to the key 'password' in secret 'db'>          Optional: false
      MODE:  <set to the key 'mode' of config map 'settings'>    Optional: true
      ADDR:  cart:7070
    Mounts:
      /etc/app from conf (ro)
      /data from data (rw)
  Volumes:
   conf:
    Type:      ConfigMap (a volume populated by a ConfigMap)
    Name:      settings
    Optional:  false
   keys:
    Type:        Secret (a volume populated by a Secret)
    SecretName:  keys
    Optional:    true
   data:
    Type:       PersistentVolumeClaim (a reference to a PersistentVolumeClaim in the same namespace)
    ClaimName:  data
    ReadOnly:   false
   host:
    Type:          HostPath (bare host directory volume)
    Path:          /var/lib
    HostPathType:  Directory
  Node-Selectors:  disktype=ssd
  Tolerations:     gpu=true:NoSchedule
                   dedicated:NoExecute op=Exists for 300s
Conditions:
  Type           Status  Reason
  ----           ------  ------
  Available      False   MinimumReplicasUnavailable
  Progressing    False   ProgressDeadlineExceeded
OldReplicaSets:  web-5d8f9c7b (1/1 replicas created)
NewReplicaSet:   web-6d5f9c7b8d (1/1 replicas created)
Events:
  Type    Reason             Age   From                   Message
  ----    ------             ----  ----                   -------
  Normal  ScalingReplicaSet  20m   deployment-controller  Scaled up replica set web-5d8f9c7b to 1
"""


def test_a_deployment() -> None:
    web = read(DEPLOYMENT, "Deployment")
    assert web.namespace == "shop"
    assert web.number("spec", "replicas") == 2
    assert {k: v for k, v in web.part("status").items() if k != "conditions"} == {
        "availableReplicas": 1,
        "updatedReplicas": 1,
        "replicas": 3,
    }
    assert web.part("spec", "template", "metadata", "labels") == {"app": "web", "tier": "front"}
    assert [c["reason"] for c in web.items("status", "conditions")] == [
        "MinimumReplicasUnavailable",
        "ProgressDeadlineExceeded",
    ]


def template() -> dict[str, Any]:
    return dict(read(DEPLOYMENT, "Deployment").part("spec", "template", "spec"))


def test_its_container() -> None:
    (app,) = template()["containers"]
    assert app["ports"] == [
        {"containerPort": 8080, "protocol": "TCP"},
        {"containerPort": 9090, "protocol": "UDP"},
    ]
    assert app["resources"]["limits"] == {"cpu": "200m", "memory": "128Mi"}
    assert app["readinessProbe"]["httpGet"] == {"path": "/ready", "port": 8080, "scheme": "HTTPS"}
    assert app["startupProbe"] == {
        "exec": {"command": ["cat /tmp/up"]},
        "initialDelaySeconds": 0,
        "timeoutSeconds": 1,
        "periodSeconds": 2,
        "failureThreshold": 30,
    }
    assert app["livenessProbe"]["grpc"] == {"port": 9090}
    assert app["env"] == [
        {"name": "PASS", "valueFrom": {"secretKeyRef": {"key": "password", "name": "db"}}},
        {
            "name": "MODE",
            "valueFrom": {"configMapKeyRef": {"key": "mode", "name": "settings", "optional": True}},
        },
        {"name": "ADDR", "value": "cart:7070"},
    ]
    assert app["envFrom"] == [
        {"configMapRef": {"name": "settings", "optional": False}},
        {"secretRef": {"name": "extra", "optional": True}},
    ]
    assert [(m["mountPath"], m["name"], m["readOnly"]) for m in app["volumeMounts"]] == [
        ("/etc/app", "conf", True),
        ("/data", "data", False),
    ]


def test_its_pods_place_and_volumes() -> None:
    spec = template()
    assert spec["serviceAccountName"] == "runner"
    assert spec["nodeSelector"] == {"disktype": "ssd"}
    assert spec["tolerations"] == [
        {"key": "gpu", "operator": "Equal", "value": "true", "effect": "NoSchedule"},
        {"key": "dedicated", "operator": "Exists", "effect": "NoExecute"},
    ]
    assert spec["initContainers"][0]["command"][:2] == ["sh", "-c"]
    assert spec["volumes"] == [
        {"name": "conf", "configMap": {"name": "settings", "optional": False}},
        {"name": "keys", "secret": {"secretName": "keys", "optional": True}},
        {"name": "data", "persistentVolumeClaim": {"claimName": "data"}},
        {"name": "host", "hostPath": {"path": "/var/lib", "type": "Directory"}},
    ]


def test_a_service_and_its_endpoints() -> None:
    text = """\
Name:                     cart
Namespace:                shop
Labels:                   <none>
Selector:                 app=cart,tier=back
Type:                     ClusterIP
IP:                       10.96.0.9
Port:                     grpc  7070/TCP
TargetPort:               grpc-in/TCP
Endpoints:                10.244.1.5:7070,10.244.1.6:7070
Port:                     <unset>  9090/UDP
TargetPort:               9091/UDP
Endpoints:                10.244.1.5:9091
Session Affinity:         None
"""
    snap = snapshot({"describe": {"services": text}})
    (cart,) = snap.of("Service")
    assert cart.part("spec", "selector") == {"app": "cart", "tier": "back"}
    assert cart.items("spec", "ports") == [
        {"name": "grpc", "port": 7070, "protocol": "TCP", "targetPort": "grpc-in"},
        {"name": "", "port": 9090, "protocol": "UDP", "targetPort": 9091},
    ]
    assert snap.addresses(cart) == 2
    none = text.replace("10.244.1.5:7070,10.244.1.6:7070", "<none>")
    snap = snapshot({"describe": {"services": none}})
    assert snap.addresses(snap.of("Service")[0]) == 0


def test_endpoints() -> None:
    text = """\
Name:         cart
Namespace:    shop
Subsets:
  Addresses:          10.244.1.5
  NotReadyAddresses:  10.244.1.6,10.244.1.7
  Ports:
    Name     Port  Protocol
    ----     ----  --------
    <unset>  7070  TCP
"""
    (one,) = read(text, "Endpoints").items("subsets")
    assert (len(one["addresses"]), len(one["notReadyAddresses"])) == (1, 2)
    bare = "Name:         cart\nNamespace:    shop\nSubsets:\n"
    assert read(bare, "Endpoints").items("subsets") == []


def test_a_node() -> None:
    text = """\
Name:               n1
Roles:              worker
Labels:             disktype=ssd
                    kubernetes.io/hostname=n1
Taints:             gpu=true:NoSchedule
                    node.kubernetes.io/unschedulable:NoSchedule
Unschedulable:      true
Conditions:
CONDITIONS
Capacity:
  cpu:                4
  memory:             8Gi
Allocatable:
  cpu:                3800m
  memory:             7Gi
Allocated resources:
  (Total limits may be over 100 percent, i.e., overcommitted.)
  Resource           Requests     Limits
  --------           --------     ------
  cpu                950m (25%)   100m (2%)
  memory             290Mi (3%)   390Mi (5%)
"""
    conditions = printed(
        "Type|Status|LastHeartbeatTime|LastTransitionTime|Reason|Message",
        "MemoryPressure|Unknown|Sat, 28 Nov 2026 07:00:00 +0000|Sat, 28 Nov 2026 07:01:00 +0000|"
        "NodeStatusUnknown|Kubelet stopped posting node status.",
    )
    node = read(
        text.replace("CONDITIONS\n", "  " + conditions.replace("\n", "\n  ") + "\n"), "Node"
    )
    assert node.part("spec")["unschedulable"] is True
    assert node.items("spec", "taints") == [
        {"key": "gpu", "value": "true", "effect": "NoSchedule"},
        {"key": "node.kubernetes.io/unschedulable", "value": "", "effect": "NoSchedule"},
    ]
    (pressure,) = node.items("status", "conditions")
    assert pressure["status"] == "Unknown"
    assert pressure["message"] == "Kubelet stopped posting node status."
    assert node.part("status", "requested") == {"cpu": "950m", "memory": "290Mi"}
    assert node.part("status", "allocatable")["cpu"] == "3800m"


def test_claims_volumes_and_classes() -> None:
    claim = read(
        "Name:          data\nNamespace:     shop\nStorageClass:  fast\nStatus:        Pending\n"
        "Volume:        \nCapacity:      \nAccess Modes:  RWO,ROX\nUsed By:       db-0\n",
        "PersistentVolumeClaim",
    )
    assert claim.text("spec", "storageClassName") == "fast"
    assert claim.part("spec")["accessModes"] == ["ReadWriteOnce", "ReadOnlyMany"]
    assert claim.part("status") == {"phase": "Pending", "usedBy": ["db-0"]}
    volume = read(
        "Name:            pv1\nStorageClass:    fast\nStatus:          Bound\n"
        "Claim:           shop/data\nAccess Modes:    RWX\nCapacity:        2Gi\n",
        "PersistentVolume",
    )
    assert volume.part("spec", "claimRef") == {"namespace": "shop", "name": "data"}
    assert volume.text("spec", "capacity", "storage") == "2Gi"
    assert read("Name:  fast\nProvisioner:  rancher.io/local-path\n", "StorageClass").text(
        "provisioner"
    )


def test_quotas_settings_and_secrets() -> None:
    quota = read(
        "Name:            compute\nNamespace:       shop\nResource         Used  Hard\n"
        "--------         ----  ----\npods             10    10\nrequests.cpu     900m  1\n",
        "ResourceQuota",
    )
    assert quota.part("status", "used") == {"pods": "10", "requests.cpu": "900m"}
    assert quota.part("spec", "hard") == {"pods": "10", "requests.cpu": "1"}
    settings = read(
        "Name:         coredns\nNamespace:    kube-system\nData\n====\nCorefile:\n----\n"
        ".:53 {\n    kubernetes cluster.local\n}\n\nBinaryData\n====\n\nEvents:  <none>\n",
        "ConfigMap",
    )
    assert list(settings.part("data")) == ["Corefile"]
    assert "kubernetes cluster.local" in settings.text("text")
    secret = read(
        "Name:         db\nNamespace:    shop\nType:  Opaque\n\nData\n====\npassword:  8 bytes\n",
        "Secret",
    )
    assert list(secret.part("data")) == ["password"]


def test_an_autoscaler() -> None:
    text = """\
Name:                                                  web
Namespace:                                             shop
Reference:                                             Deployment/web
Metrics:                                               ( current / target )
  resource cpu on pods  (as a percentage of request):  190% (95m) / 50%
Min replicas:                                          1
Max replicas:                                          3
Deployment pods:                                       3 current / 3 desired
Conditions:
  Type            Status  Reason           Message
  ----            ------  ------           -------
  ScalingLimited  True    TooManyReplicas  the desired replica count is more than the maximum
"""
    scaler = read(text, "HorizontalPodAutoscaler")
    assert scaler.number("spec", "maxReplicas") == 3
    assert scaler.number("status", "currentReplicas") == 3
    (limited,) = scaler.items("status", "conditions")
    assert limited["message"] == "the desired replica count is more than the maximum"


def test_a_kind_is_known_by_what_only_it_prints() -> None:
    (pair,) = described(DEPLOYMENT)
    assert pair[0]["kind"] == "Deployment"
    assert list(described("no outline at all")) == []
