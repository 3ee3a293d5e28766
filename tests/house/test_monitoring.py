"""The monitoring files: they parse, and name only metrics that exist."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from django_prometheus.middleware import Metrics
from prometheus_client import generate_latest
from prometheus_client.metrics import MetricWrapperBase

from airra.lib import metrics
from incidents.ingest.severity import severity_of
from remediation.types import ExecutionState

MONITORING = Path(__file__).resolve().parents[2] / "monitoring"
YAML_FILES = sorted(MONITORING.rglob("*.yml"))
DASHBOARDS = sorted(MONITORING.rglob("*.json"))
NAME = re.compile(r"\b((?:airra|django)_\w+)")


def loaded(name: str) -> Any:
    return yaml.safe_load((MONITORING / name).read_text(encoding="utf-8"))


def rules() -> list[dict[str, Any]]:
    return [rule for group in loaded("alerts.yml")["groups"] for rule in group["rules"]]


def queries() -> Iterator[str]:
    """Every PromQL expression of the rules and the dashboards."""
    yield from (rule["expr"] for rule in rules())
    for path in DASHBOARDS:
        for panel in json.loads(path.read_text(encoding="utf-8"))["panels"]:
            yield from (target["expr"] for target in panel["targets"])


def series_names() -> dict[str, set[str]]:
    """Each series AIRRA itself exposes, with the labels its metric has."""
    known = {}
    for metric in vars(metrics).values():
        if isinstance(metric, MetricWrapperBase):
            described = next(iter(metric.describe()))
            endings = {"counter": ["_total"], "histogram": ["_bucket", "_sum", "_count"]}
            for ending in endings.get(described.type, [""]):
                known[described.name + ending] = set(metric._labelnames) | {"le", "job"}
    return known


@pytest.mark.parametrize("path", YAML_FILES, ids=lambda path: path.name)
def test_yaml_parses(path: Path) -> None:
    assert isinstance(yaml.safe_load(path.read_text(encoding="utf-8")), dict)


def test_there_are_rules_and_panels_to_check() -> None:
    assert len(rules()) >= 8
    assert len(list(queries())) > len(rules())


def test_every_metric_of_ours_exists() -> None:
    named = {name for query in queries() for name in NAME.findall(query)}
    assert {name for name in named if name.startswith("airra_")} <= set(series_names())


def test_every_metric_of_django_prometheus_exists() -> None:
    Metrics.get_instance()  # what the middleware does when the web service starts
    page = generate_latest().decode()
    exposed = set(re.findall(r"^# HELP (\w+)", page, re.MULTILINE))
    named = {name for query in queries() for name in NAME.findall(query)}
    theirs = {re.sub(r"_(bucket|sum|count)$", "", n) for n in named if n.startswith("django_")}
    assert theirs
    assert theirs <= exposed


def test_queries_group_and_select_by_labels_that_exist() -> None:
    known = series_names()
    for query in queries():
        ours = [name for name in NAME.findall(query) if name in known]
        allowed = set().union(*(known[name] for name in ours)) if ours else {"job"}
        if "django_" in query:
            allowed |= {"status", "job", "le"}
        by = re.findall(r"by \(([^)]*)\)", query)
        selected = re.findall(r"(\w+)\s*=~?\"", query)
        used = {label.strip() for group in by for label in group.split(",")} | set(selected)
        assert used <= allowed | {"job"}, query


def test_states_that_rules_wait_for_are_states() -> None:
    text = " ".join(queries())
    states = {s for found in re.findall(r'state=~"([^"]*)"', text) for s in found.split("|")}
    assert states
    assert states <= set(ExecutionState)


def test_every_rule_says_how_bad_and_what_to_do() -> None:
    for rule in rules():
        assert set(rule["annotations"]) == {"summary", "description"}
        assert rule["labels"]["service"] == "airra"
        assert severity_of(rule["labels"]["severity"])[1]


def test_prometheus_reads_the_rules_and_scrapes_every_process() -> None:
    config = loaded("prometheus.yml")
    assert config["rule_files"] == ["alerts.yml"]
    jobs = {job["job_name"] for job in config["scrape_configs"]}
    assert jobs == {"airra-web", "airra-worker", "airra-executor", "lab"}
    in_rules = set(re.findall(r'job="([^"]*)"', " ".join(queries())))
    assert in_rules <= jobs


def test_alertmanager_posts_to_a_hook_with_its_token_from_a_file() -> None:
    hooks = [hook for r in loaded("alertmanager.yml")["receivers"] for hook in r["webhook_configs"]]
    for hook in hooks:
        assert re.search(r"/hooks/[0-9a-f-]{36}/$", hook["url"])
        assert set(hook["http_config"]["authorization"]) == {"type", "credentials_file"}
        assert hook["send_resolved"] is True
