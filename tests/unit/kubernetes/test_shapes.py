"""What was collected may take any shape: the same answer where it can be read, never an error."""

import json
import random
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from analysis.reasoning.kubernetes.diagnosis import diagnose_kubernetes
from analysis.reasoning.kubernetes.engine import RULES, _tried, findings
from analysis.reasoning.kubernetes.findings import Fault, Hit, Rule
from analysis.reasoning.kubernetes.model import Snapshot
from analysis.reasoning.kubernetes.reading import of_objects, snapshot
from analysis.reasoning.kubernetes.tables import rows
from analysis.types import Case
from tests.unit.kubernetes.collected import fixture, read
from tests.unit.kubernetes.shop import collected, healthy, ids

JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-9, 9) | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=12), inner),
    max_leaves=12,
)
PARTS = ("tables", "describe", "manifests", "node_services", "connectivity", "error_logs")


@given(st.dictionaries(st.sampled_from(PARTS), JSON), st.lists(st.dictionaries(st.text(), JSON)))
@settings(max_examples=150, deadline=None)
def test_nonsense_is_read_as_nothing(told: dict[str, Any], events: list[dict[str, Any]]) -> None:
    case = Case(id="c", candidates=("web",), kubernetes=told, events=events)
    said = diagnose_kubernetes(case)
    assert 0.0 <= said.none <= 1.0


def mangled(value: Any, chance: random.Random) -> Any:
    """The same with one part in twenty replaced by something of another type."""
    if chance.random() < 0.08:
        return chance.choice([None, "", "x", 7, [], {}, [None], {"a": None}, True])
    if isinstance(value, dict):
        return {k: mangled(v, chance) for k, v in value.items()}
    if isinstance(value, list):
        return [mangled(v, chance) for v in value]
    return value


@given(st.sampled_from([rule.name for rule in RULES]), st.randoms(use_true_random=False))
@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_a_mangled_snapshot_never_raises(name: str, chance: random.Random) -> None:
    told = mangled(dict(fixture(name).fires), chance)
    events = told.pop("events", None) if isinstance(told, dict) else None
    rest = told if isinstance(told, dict) else {}
    lines = [e for e in events or () if isinstance(e, dict)] if isinstance(events, list) else []
    snap = snapshot(rest, lines)
    for rule in RULES:  # one by one: together, one that fails is left out
        rule.findings(snap)
    findings(snap)


def test_an_object_no_server_would_take_silences_one_rule_alone() -> None:
    snap = read(fixture("out_of_memory").fires)
    failing = Rule("fails", Fault.UNKNOWN, "Pods", 1.0, _fails)
    assert _tried(failing, snap) == []
    assert findings(snap)[0].rule == "out_of_memory"


def _fails(_: Snapshot) -> Iterator[Hit]:
    raise TypeError


def every(told: dict[str, Any]) -> list[dict[str, Any]]:
    return [one for objects in told["manifests"].values() for one in objects]


# How else a part may be written.
WAYS: dict[str, tuple[str, Callable[[dict[str, Any]], Any]]] = {
    "YAML": ("manifests", lambda told: yaml.safe_dump_all(every(told))),
    "JSON, one text each": (
        "manifests",
        lambda told: {f"{o['kind']}/{o['metadata']['name']}": json.dumps(o) for o in every(told)},
    ),
    "lists": (
        "manifests",
        lambda told: [{"kind": "List", "items": found} for found in told["manifests"].values()],
    ),
    "rows": ("tables", lambda told: {k: rows(text) for k, text in told["tables"].items()}),
    "columns": (
        "tables",
        lambda told: {
            k: {"columns": list(found[0]), "rows": [list(r.values()) for r in found]}
            for k, text in told["tables"].items()
            if (found := rows(text))
        },
    ),
    "by command": (
        "tables",
        lambda told: {f"kubectl get {k} -A -o wide": text for k, text in told["tables"].items()},
    ),
    "nested": ("tables", lambda told: {"all_namespaces": dict(told["tables"])}),
    "by kind": ("describe", lambda told: {"pods": list(told["describe"].values())}),
    "one text": ("describe", lambda told: {"pods": "\n\n".join(told["describe"].values())}),
    "lines": (
        "node_services",
        lambda told: {
            node: "\n".join(f"{name}: {state}" for name, state in units.items())
            for node, units in told["node_services"].items()
        },
    ),
    "objects": (
        "node_services",
        lambda told: [
            {"node": node, "service": name, "status": state}
            for node, units in told["node_services"].items()
            for name, state in units.items()
        ],
    ),
    "headed text": (
        "error_logs",
        lambda told: "\n".join(
            f"==> {name} <==\n" + "\n".join(lines) for name, lines in told["error_logs"].items()
        ),
    ),
    "by service": (
        "error_logs",
        lambda told: [
            {"service": name, "lines": lines} for name, lines in told["error_logs"].items()
        ],
    ),
}


@pytest.mark.parametrize("way", WAYS)
def test_another_way_to_write_it_gives_the_same_findings(way: str) -> None:
    shop = healthy()
    shop.container("cart")["readinessProbe"]["tcpSocket"]["port"] = 7071
    shop.bring_down("cart", "Running")
    shop.nodes["n2"], shop.units["n2"]["kubelet"] = "NotReady", "inactive"
    shop.container("payment")["env"][-1] = {"name": "MYSQL_PASSWORD", "value": "bad"}
    shop.logs["payment"] = ["Error 1045 (28000): Access denied for user 'shop'@'10.0.0.1'"]
    told = collected(shop)
    as_it_is = {(f.rule, f.object) for f in findings(snapshot(told, shop.events))}
    part, written = WAYS[way]
    other_told = {**told, part: written(told)}
    other = {(f.rule, f.object) for f in findings(snapshot(other_told, shop.events))}
    assert {"probe_asks_wrong_port", "kubelet_down", "credentials_refused"} <= {
        rule for rule, _ in as_it_is
    }
    assert other == as_it_is


@pytest.mark.parametrize("part", PARTS)
def test_any_part_may_be_missing(part: str) -> None:
    shop = healthy()
    shop.bring_down("cart", "CrashLoopBackOff", 6)
    shop.last["cart"] = ("OOMKilled", 137)
    told = {key: value for key, value in collected(shop).items() if key != part}
    said = diagnose_kubernetes(
        Case(id="c", candidates=ids(shop), kubernetes=told, events=shop.events)
    )
    assert said.suspects[0].component == "app/cart"


def test_events_alone_are_read() -> None:
    event = {"kind": "Pod", "name": "web-6d5f9c7b8d-abcde", "type": "Warning", "reason": "Failed"}
    said = diagnose_kubernetes(Case(id="c", candidates=("web",), events=[event]))
    assert said.is_abstained


def test_an_error_in_place_of_a_table_is_not_an_empty_list() -> None:
    told = dict(fixture("secret_missing").fires)
    told["tables"] = {**told["tables"], "secrets": "Error from server (Forbidden): secrets"}
    assert not [f for f in findings(read(told)) if f.rule == "secret_missing"]


def test_objects_of_the_api_are_read_as_they_are() -> None:
    told = fixture("too_little_capacity").fires
    snap = of_objects(told["manifests"], told["events"], {"Pod", "Node"})
    assert findings(snap)[0].rule == "too_little_capacity"


def test_the_same_snapshot_gives_the_same_findings() -> None:
    shop = healthy()
    shop.bring_down("cart", "CrashLoopBackOff", 6)
    told = collected(shop)
    assert findings(snapshot(told, shop.events)) == findings(snapshot(told, shop.events))
