"""Tables, ages and quantities as kubectl prints them."""

from typing import Any

import pytest

from analysis.reasoning.kubernetes.model import Snapshot
from analysis.reasoning.kubernetes.quantities import age_s, quantity
from analysis.reasoning.kubernetes.reading import snapshot
from tests.unit.kubernetes.shop import printed


def table(kind: str, text: str) -> Snapshot:
    return snapshot({"tables": {kind: text}})


@pytest.mark.parametrize(
    ("kind", "header", "row", "path", "value"),
    [
        (
            "hpa",
            "NAME|REFERENCE|TARGETS|MINPODS|MAXPODS|REPLICAS|AGE",
            "web|Deployment/web|90%/50%|1|3|3|2d",
            ("status", "currentReplicas"),
            "3",
        ),
        (
            "pv",
            "NAME|CAPACITY|ACCESS MODES|RECLAIM POLICY|STATUS|CLAIM|STORAGECLASS",
            "pv1|2Gi|RWO|Delete|Bound|shop/data|fast",
            ("spec", "claimRef", "name"),
            "data",
        ),
        (
            "jobs",
            "NAME|STATUS|COMPLETIONS|DURATION|AGE",
            "report|Failed|0/1|5m|5m",
            ("status", "printed"),
            "Failed",
        ),
        ("cm", "NAME|DATA|AGE", "conf|2|5m", ("printedKeys",), "2"),
        (
            "nodes",
            "NAME|STATUS|ROLES|AGE",
            "cp|NotReady,SchedulingDisabled|control-plane|5m",
            ("spec", "unschedulable"),
            "True",
        ),
        (
            "daemonsets",
            "NAME|DESIRED|CURRENT|READY|UP-TO-DATE|AVAILABLE|NODE SELECTOR|AGE",
            "a|2|2|1|2|1|os=linux|5m",
            ("status", "numberReady"),
            "1",
        ),
    ],
)
def test_a_row_tells(kind: str, header: str, row: str, path: tuple[str, ...], value: str) -> None:
    (thing,) = table(kind, printed(header, row)).things
    assert thing.text(*path) == value


@pytest.mark.parametrize("gap", [" ", "\t", "  "])
def test_columns_that_are_not_laid_out_are_told_apart_by_their_gaps(gap: str) -> None:
    text = "\n".join(gap.join(r.split("|")) for r in ("NAME|READY|UP-TO-DATE|AGE", "web|1/2|2|5m"))
    (web,) = table("deploy", text).things
    assert (web.name, web.text("status", "readyReplicas")) == ("web", "1")


def test_slices_are_endpoints() -> None:
    services = printed(
        "NAME|TYPE|CLUSTER-IP|PORT(S)|SELECTOR", "cart|ClusterIP|x|7070/TCP|app=cart"
    )
    slices = printed(
        "NAME|ADDRESSTYPE|PORTS|ENDPOINTS|AGE", "cart-x7k2p|IPv4|7070|10.244.1.5,10.244.1.6|20m"
    )
    snap = snapshot({"tables": {"services": services, "endpointslices": slices}})
    assert snap.addresses(snap.of("Service")[0]) == 2


def test_get_all_names_the_kind_in_each_row() -> None:
    text = (
        "NAME                           READY   STATUS    RESTARTS   AGE\n"
        "pod/web-6d5f9c7b8d-abcde       1/1     Running   0          5m\n\n"
        "NAME           TYPE        CLUSTER-IP   EXTERNAL-IP   PORT(S)   AGE\n"
        "service/web    ClusterIP   10.96.0.9    <none>        80/TCP    5m\n"
    )
    snap = table("all", text)
    assert {str(t.ref) for t in snap.things} == {"Pod/web-6d5f9c7b8d-abcde", "Service/web"}
    assert snap.is_listed("Service")


def test_events_may_be_a_table() -> None:
    text = (
        "LAST SEEN   TYPE      REASON      OBJECT                       MESSAGE\n"
        "2m          Warning   Unhealthy   pod/web-6d5f9c7b8d-abcde     Liveness probe failed\n"
    )
    (event,) = table("events", text).events
    assert (event.ref.kind, event.reason, event.age_s) == ("Pod", "Unhealthy", 120.0)


@pytest.mark.parametrize(
    ("text", "value"),
    [("500m", 0.5), ("1Gi", 2.0**30), ("2", 2.0), ("1e3", 1000.0), ("x", None), ("5 apples", None)],
)
def test_quantities(text: str, value: float | None) -> None:
    assert quantity(text) == value


@pytest.mark.parametrize(
    ("text", "value"),
    [("3d4h", 273_600.0), ("90s", 90.0), ("4m (x5 over 9m)", 240.0), ("12", 12.0), ("now", None)],
)
def test_ages(text: str, value: float | None) -> None:
    assert age_s(text) == value


@pytest.mark.parametrize(
    "event",
    [
        {"kind": "pod", "name": "web-1"},
        {"name": "pod/web-1"},
        {"object": "Pod/web-1"},
        {"kind": "Event", "object": "pod/web-1"},
        {"involvedObject": {"kind": "Pod", "name": "web-1"}},
        {"regarding": {"kind": "Pod", "name": "web-1"}},
    ],
)
def test_an_event_says_in_many_ways_whom_it_is_about(event: dict[str, Any]) -> None:
    (found,) = snapshot({}, [{**event, "reason": "Failed"}]).events
    assert str(found.ref) == "Pod/web-1"


def test_what_has_no_name_or_reason_is_no_event() -> None:
    assert not snapshot({}, [{"kind": "Pod", "reason": "x"}, {"name": "a"}]).events
