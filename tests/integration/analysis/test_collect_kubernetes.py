"""From the objects of a cluster over HTTP to facts, and to a hypothesis that rests on them."""

import re
from collections.abc import Iterator

import pytest
from pytest_httpserver import HTTPServer

from airra.lib import clock
from analysis.commands import investigation as commands
from analysis.commands.collect import Tools
from analysis.models import Connector
from analysis.types import BROKEN, Custody, EvidenceDraft, EvidenceStatus, IncidentContext, State
from incidents.models import Incident
from tests.contract.connectors import fakes_kubernetes as kube
from tests.contract.connectors.fakes_kubernetes import FakeKubernetes
from tests.factories import incidents as make
from tests.integration.analysis.conftest import NOON, Watch

pytestmark = pytest.mark.django_db
AT = NOON.timestamp()


@pytest.fixture
def cluster(watch: Watch) -> Iterator[FakeKubernetes]:
    """A shop whose payments are killed for memory again and again."""
    fake = FakeKubernetes()
    killed = {"reason": "OOMKilled", "exitCode": 137}
    container = {
        "name": "app",
        "ready": False,
        "restartCount": 5,
        "state": {"waiting": {"reason": "CrashLoopBackOff"}},
        "lastState": {"terminated": killed},
    }
    pod = kube.pod("payments", "5d8f9c7b", "x2xkq", AT, containerStatuses=[container])
    pod["spec"]["containers"][0]["resources"] = {"limits": {"memory": "20Mi"}}
    fake.put("deployments", kube.deployment("payments", AT - 9e5, image="payments:2", replicas=1))
    fake.put("replicasets", kube.replica_set("payments", "5d8f9c7b", AT, image="p:2", revision=2))
    fake.put("pods", pod)
    with HTTPServer(host="127.0.0.1") as server:
        server.expect_request(re.compile("/.*")).respond_with_handler(fake.answer)
        Connector.objects.create(
            workspace=watch.workspace, name="cluster", kind="kubernetes", url=server.url_for("")
        )
        yield fake


def asked(watch: Watch, service: str = "") -> EvidenceDraft:
    watch.wait(120)
    ctx = IncidentContext(
        key="INC-1",
        title="payments: errors",
        service="payments",
        severity="high",
        started_at=AT,
        now=clock.now().timestamp(),
        services=("gateway", "checkout", "payments"),
        edges=(),
    )
    return Tools(watch.workspace, ctx).run("get_resource_state", {"service": service})


def ruled(draft: EvidenceDraft) -> dict[str, State]:
    states = [f for f in draft.facts if isinstance(f, State) and f.field.startswith(BROKEN)]
    return {f"{s.entity} {s.field.removeprefix(BROKEN)}": s for s in states}


def test_a_rule_becomes_a_fact_with_both_its_lines(watch: Watch, cluster: FakeKubernetes) -> None:
    draft = asked(watch)
    state = ruled(draft)["payments out_of_memory"]
    assert "OOMKilled" in state.value
    assert "memory limit 20Mi" in state.value
    assert draft.custody is Custody.PLATFORM_API
    assert "broken: payments" in draft.summary
    assert "memory limit 20Mi" in draft.view


def test_only_the_service_asked_for_is_told_of(watch: Watch, cluster: FakeKubernetes) -> None:
    assert not ruled(asked(watch, "checkout"))


def test_a_cluster_that_is_well_has_nothing_broken(watch: Watch, cluster: FakeKubernetes) -> None:
    status = cluster.objects["pods"][0]["status"]["containerStatuses"][0]
    status.update(ready=True, restartCount=0, state={"running": {}}, lastState={})
    assert not ruled(asked(watch))


def test_what_may_not_be_listed_takes_nothing_from_the_rest(
    watch: Watch, cluster: FakeKubernetes
) -> None:
    cluster.forbidden = {"services", "endpoints", "networkpolicies"}
    assert "payments out_of_memory" in ruled(asked(watch))


def test_a_cluster_that_does_not_answer_is_evidence(watch: Watch, cluster: FakeKubernetes) -> None:
    cluster.forbidden = {"pods"}
    draft = asked(watch)
    assert not ruled(draft)
    assert draft.status in {EvidenceStatus.PARTIAL, EvidenceStatus.ERROR}


@pytest.fixture
def trouble(watch: Watch, cluster: FakeKubernetes) -> Incident:
    for kind in ("loki", "jaeger", "changes"):
        Connector.objects.create(
            workspace=watch.workspace, name=kind, kind=kind, url=watch.fake.url
        )
    services = ("gateway", "checkout", "payments")
    watch.detector("errors", *services)
    watch.detector("traffic", *services, signal="traffic", unit="1/s")
    watch.shift("errors", "payments", 0.8)
    watch.wait(90)
    return make.incident(about=make.service("payments"), age_s=50)


def test_the_offline_reasoner_rests_a_hypothesis_on_it(trouble: Incident) -> None:
    commands.run_for_incident(incident_id=str(trouble.pk))
    run = trouble.investigations.get()
    best = run.hypotheses.order_by("rank").first()
    assert best is not None
    assert best.entity == "payments"
    assert "out of memory" in best.statement
    decisive = best.claims.filter(kind="state", verdict="holds", weight="decisive")
    assert decisive.exists()
    assert set(decisive.values_list("evidence__tool", flat=True)) == {"get_resource_state"}


def test_without_the_platforms_word_it_is_not_claimed(
    trouble: Incident, cluster: FakeKubernetes
) -> None:
    cluster.objects["pods"].clear()
    commands.run_for_incident(incident_id=str(trouble.pk))
    run = trouble.investigations.get()
    assert not run.hypotheses.filter(statement__contains="out of memory").exists()
