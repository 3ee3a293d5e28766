"""What an alert storm's names, directions and calls are read as."""

import pytest

from analysis.reasoning.rootcause.alert_roles import Signal, rises, signal
from analysis.reasoning.rootcause.storm_table import group, storm
from analysis.types import Case, CaseAlert


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("cpu_usage", Signal.CPU),
        ("docker_cpu_total_norm_pct", Signal.CPU),
        ("container_memory_working_set_bytes", Signal.MEMORY),
        ("memory_available_bytes", Signal.MEMORY),
        ("fs_usage", Signal.DISK),
        ("docker_diskio_read_rate", Signal.DISK),
        ("net_trainsmit", Signal.SENT),
        ("docker_network_out_bytes", Signal.SENT),
        ("net_receive", Signal.RECEIVED),
        ("docker_network_in_bytes", Signal.RECEIVED),
        ("dest_p50", Signal.LATENCY),
        ("PodServerLatencyP99(s)", Signal.LATENCY),
        ("src_p95", Signal.CALL_LATENCY),
        ("source_request_duration", Signal.CALL_LATENCY),
        ("dest_qps", Signal.TRAFFIC),
        ("src_qps", Signal.CALL_TRAFFIC),
        ("request_rate", Signal.TRAFFIC),
        ("dest_success_rate", Signal.SUCCESS),
        ("src_success_rate", Signal.CALL_SUCCESS),
        ("http_5xx_total", Signal.ERRORS),
        ("error_rate", Signal.ERRORS),
        ("resource_quota", Signal.OTHER),
        ("tea_in_pot", Signal.OTHER),
        ("", Signal.OTHER),
    ],
)
def test_a_name_is_read_by_its_words(name: str, kind: Signal) -> None:
    assert signal(name) is kind


@pytest.mark.parametrize(
    ("name", "sense", "is_up"),
    [
        ("cpu_usage", "up", True),
        ("cpu_usage", "down", False),
        ("cpu_idle", "down", True),
        ("memory_free", "Low", True),
        ("availability", "down", False),
        ("cpu_usage", "", True),
        ("dest_qps", "", False),
        ("success_rate", "", False),
    ],
)
def test_a_direction_is_that_of_what_is_measured(name: str, sense: str, is_up: bool) -> None:
    assert rises(CaseAlert("metric", "a", name, sense)) is is_up


@pytest.mark.parametrize(
    ("component", "its_group"),
    [
        ("web-0", "web"),
        ("web-12", "web"),
        ("webservice1", "webservice"),
        ("web", "web"),
        ("web-5d8f9c7b6d-x2x4z", "web"),
        ("web-db-0", "web-db"),
        ("7", "7"),
        ("", ""),
    ],
)
def test_replicas_are_of_one_group(component: str, its_group: str) -> None:
    assert group(component) == its_group


def test_everything_below_is_known_but_not_what_is_in_a_ring() -> None:
    calls = [("a-0", "b-0"), ("b-1", "c-0"), ("c-0", "d-0"), ("d-0", "c-1"), ("-1", "a-0")]
    alerts = tuple(CaseAlert("trace", to, "op", "slow", by) for by, to in calls)
    found = storm(Case(id="s", candidates=("a-0", "b-0", "c-0", "d-0"), alerts=alerts))
    assert found.callees["a"] == {"b", "c", "d"}
    assert found.callees["b"] == {"c", "d"}
    assert found.callees["c"] == frozenset()
