"""Findings meet the ids that may be ranked, whatever shape the ids have."""

import pytest

from analysis.reasoning.kubernetes.diagnosis import diagnose_kubernetes, kubernetes_clues
from analysis.reasoning.rootcause import diagnose
from analysis.types import Case
from tests.unit.kubernetes.collected import fixture


def case(rule: str, *candidates: str) -> Case:
    told = dict(fixture(rule).fires)
    events = told.pop("events", [])
    return Case(id="c", candidates=candidates, kubernetes=told, events=events)


@pytest.mark.parametrize(
    "id_",
    [
        "web",
        "deployment/web",
        "Deployment:web",
        "shop/web",
        "shop/deployment/web",
        "app/web",
        "service/web",
        "pod/web-7d9c5b4f6d-x2xkq",
        "web-7d9c5b4f6d-x2xkq",
    ],
)
def test_a_pods_fault_meets_every_way_to_name_its_workload(id_: str) -> None:
    said = diagnose(case("out_of_memory", "cart", id_, "webshop", "web-admin", "other/webb"))
    assert said.evidence_path == "kubernetes"
    assert said.suspects[0].component == id_
    assert said.suspects[0].fault_type == "oom"
    assert said.suspects[0].probability > 0.7
    assert not said.is_abstained


@pytest.mark.parametrize(
    ("rule", "ids", "first"),
    [
        ("kubelet_down", ("node/n1", "node/n2", "app/web"), "node/n1"),
        ("kubelet_down", ("n2", "n1"), "n1"),
        ("quota_exceeded", ("app/web", "namespace/shop"), "namespace/shop"),
        ("quota_exceeded", ("app/web", "app/cart"), "app/web"),
        ("selector_matches_no_pod", ("cart", "web"), "cart"),
        ("cluster_dns_down", ("web", "kube-system/coredns"), "kube-system/coredns"),
        ("policy_closes_needed_way", ("web", "cart"), "cart"),
        ("scheduler_down", ("web", "kube-scheduler"), "kube-scheduler"),
        ("connections_exhausted", ("web", "mysql"), "mysql"),
    ],
)
def test_the_first_of_the_chain_that_may_be_ranked_leads(
    rule: str, ids: tuple[str, ...], first: str
) -> None:
    assert diagnose(case(rule, *ids)).suspects[0].component == first


def test_a_label_names_the_workload() -> None:
    told = dict(fixture("selector_matches_no_pod").fires)
    clues = kubernetes_clues(Case(id="c", candidates=("cart",), kubernetes=told))
    assert {clue.component for clue in clues} == {"cart"}
    assert "selector app=cartt" in clues[0].detail


def test_likeness_is_no_match() -> None:
    clues = kubernetes_clues(case("out_of_memory", "we", "webb", "web-1x", "ns/weba"))
    assert clues == []


def test_nothing_of_a_cluster_is_no_clue_and_another_path_diagnoses() -> None:
    plain = Case(id="c", candidates=("web",))
    assert kubernetes_clues(plain) == []
    assert diagnose(plain).evidence_path == "telemetry"


def test_a_healthy_snapshot_abstains() -> None:
    told = dict(fixture("warnings_counted").fires)
    events = told.pop("events")
    said = diagnose(Case(id="c", candidates=("web", "cart"), kubernetes=told, events=events))
    assert said.evidence_path == "kubernetes"
    assert said.is_abstained
    assert said.none > 0.5


def test_every_candidate_is_ranked_once_and_shares_add_up() -> None:
    said = diagnose_kubernetes(case("quota_exceeded", "app/web", "app/cart", "node/n1"))
    names = [s.component for s in said.suspects]
    assert sorted(names) == ["app/cart", "app/web", "node/n1"]
    shares = [s.probability for s in said.suspects]
    assert sum(shares) <= 1.0 + 1e-9
    assert shares == sorted(shares, reverse=True)
