"""The fakes answer in the shapes that real servers were recorded to answer in."""

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.request import urlopen

import pytest
from pytest_httpserver import HTTPServer
from werkzeug import Request
from werkzeug.test import EnvironBuilder

from analysis.connectors.base import ConnectorError, Problem
from analysis.connectors.kubernetes import Kubernetes
from analysis.connectors.loki import Loki
from analysis.connectors.tempo import Tempo
from analysis.types import LogLine, Span
from tests.contract.connectors import fakes_kubernetes as kube
from tests.contract.connectors.fakes import FakeBackends
from tests.contract.connectors.fakes_tempo import otlp

RECORDINGS = Path(__file__).parent / "recordings"


def recorded(name: str) -> Any:
    return json.loads((RECORDINGS / name).read_text(encoding="utf-8"))


def differences(fake: Any, real: Any, at: str = "$") -> list[str]:
    """Where the fake's types are not the real server's, or it has fields the real one has not.

    Of a list the first entries are compared; keys may be missing in either, for servers leave
    out what is empty, but a key the real server never sends is a lie.
    """
    if isinstance(fake, Mapping) and isinstance(real, Mapping):
        unknown = [f"{at}.{key} is unknown" for key in fake.keys() - real.keys()]
        shared = sorted(fake.keys() & real.keys())
        return unknown + [d for k in shared for d in differences(fake[k], real[k], f"{at}.{k}")]
    if isinstance(fake, list) and isinstance(real, list):
        return differences(fake[0], real[0], f"{at}[0]") if fake and real else []
    same = type(fake) is type(real) or (isinstance(fake, (int, float)) and type(real) is int)
    return [] if same else [f"{at}: {type(fake).__name__}, not {type(real).__name__}"]


def test_differences_are_found() -> None:
    real = {"a": [{"b": "1"}], "c": None}
    assert differences({"a": [{"b": "2"}]}, real) == []
    assert differences({"a": [{"b": 2}]}, real) == ["$.a[0].b: int, not str"]
    assert differences({"a": [{"x": "2"}]}, real) == ["$.a[0].x is unknown"]


# --- Loki --------------------------------------------------------------------------------------
LINE = LogLine(1795405363.182, "checkout", "", "error", "timeout calling db", "abc")
LABELS_OF_REAL = {"detected_level", "level", "service", "service_name", "trace_id"}


@pytest.fixture
def backends(httpserver: HTTPServer) -> FakeBackends:
    fake = FakeBackends(httpserver)
    fake.logs.lines.append(LINE)
    return fake


def get(url: str) -> Any:
    with urlopen(url, timeout=5) as answer:  # noqa: S310 - the fake on loopback
        return json.load(answer)


def test_loki_labels_and_lines(backends: FakeBackends) -> None:
    labels = get(f"{backends.url}/loki/api/v1/labels")
    assert differences(labels, recorded("loki/labels.json")) == []
    query = "query=%7Bservice%3D%22checkout%22%7D&start=0&end=9e18&limit=5".replace(
        "9e18", "9" * 19
    )
    lines = get(f"{backends.url}/loki/api/v1/query_range?{query}")
    assert differences(lines, recorded("loki/query_range.json")) == []
    assert lines["data"]["result"][0]["stream"].keys() <= LABELS_OF_REAL


def test_loki_refuses_in_plain_text_as_the_real_one_does(backends: FakeBackends) -> None:
    real = (RECORDINGS / "loki/parse_error.txt").read_text(encoding="utf-8")
    with pytest.raises(OSError, match="400") as caught:
        get(f"{backends.url}/loki/api/v1/query_range?query=%7B&start=0&end=1&limit=5")
    body = caught.value.read().decode()  # type: ignore[attr-defined]  # an HTTPError
    assert body.partition(":")[0] == real.partition(":")[0]


def test_the_recorded_lines_are_read(httpserver: HTTPServer) -> None:
    for path in ("labels", "query_range"):
        httpserver.expect_request(f"/loki/api/v1/{path}").respond_with_json(
            recorded(f"loki/{path}.json")
        )
    first, second = Loki(httpserver.url_for("")).lines(start=1795405363.0, end=1795405364.0)
    assert (first.service, first.level, first.message) == ("checkout", "error", LINE.message)
    assert (first.trace_id, second.trace_id) == ("abc", "")


def test_the_recorded_parse_error_reaches_the_operator(httpserver: HTTPServer) -> None:
    text = (RECORDINGS / "loki/parse_error.txt").read_text(encoding="utf-8")
    httpserver.expect_request("/loki/api/v1/labels").respond_with_json(recorded("loki/labels.json"))
    httpserver.expect_request("/loki/api/v1/query_range").respond_with_data(text, status=400)
    with pytest.raises(ConnectorError, match=r"unexpected \$end") as caught:
        Loki(httpserver.url_for("")).lines(start=0, end=1)
    assert caught.value.kind is Problem.REJECTED


# --- Tempo -------------------------------------------------------------------------------------
TRACE_ID = "09c4e19c728b340f205a3d079a9da941"
SPAN = Span(
    TRACE_ID, "eee19b7ec3c1b174", "", "checkout", "POST /pay", "server", 1795406296.87, 0.9, True
)


def test_tempo_traces() -> None:
    assert differences(otlp([SPAN]), recorded("tempo/trace.json")) == []


def test_the_recorded_trace_is_read(httpserver: HTTPServer) -> None:
    found = {"traces": [{"traceID": TRACE_ID.lstrip("0")}]}
    httpserver.expect_request("/api/search").respond_with_json(found)
    httpserver.expect_request(f"/api/traces/{TRACE_ID.lstrip('0')}").respond_with_json(
        recorded("tempo/trace.json")
    )
    (span,) = Tempo(httpserver.url_for("")).spans("checkout", start=0, end=9e9)
    assert (span.trace_id, span.span_id, span.parent_id) == (SPAN.trace_id, SPAN.span_id, "")
    assert (span.service, span.operation, span.kind) == ("checkout", "POST /pay", "server")
    assert span.is_error
    assert span.duration_s == pytest.approx(0.9)
    assert span.start == pytest.approx(1795406296.873111)


# --- Kubernetes --------------------------------------------------------------------------------
NOW = datetime(2026, 11, 23, 4, 17, 48, tzinfo=UTC).timestamp()


def kubernetes(server: HTTPServer, path: str, name: str) -> Kubernetes:
    """An API server that answers `path` as recorded, and every other list with nothing."""
    answer = recorded(f"kubernetes/{name}.json")
    server.expect_request(path).respond_with_json(answer["body"], status=answer["status"])
    empty: dict[str, Any] = {"items": [], "metadata": {}}
    for other in ("deployments", "replicasets"):
        server.expect_request(f"/apis/apps/v1/namespaces/default/{other}").respond_with_json(empty)
    server.expect_request("/api/v1/namespaces/default/pods").respond_with_json(empty)
    return Kubernetes(server.url_for("/namespaces/default"))


def test_kubernetes_objects_are_shaped_as_the_real_ones() -> None:
    # Owners, annotations and a state with replicas were not part of the recorded exchange.
    may_add = {
        "$.metadata.annotations is unknown",
        "$.spec.template.metadata.annotations is unknown",
        "$.status.replicas is unknown",
        "$.status.readyReplicas is unknown",
        "$.status.conditions is unknown",
    }
    real = recorded("kubernetes/read.json")["body"]
    fake = kube.deployment("web", NOW, image="x:1")
    assert set(differences(fake, real)) <= may_add
    real_event = recorded("kubernetes/events.json")["body"]["items"][0]
    fake_event = kube.event("Deployment", "web", NOW, reason="R", message="m")
    assert differences(fake_event, real_event) == []


def test_kubernetes_lists_and_errors_are_shaped_as_the_real_ones() -> None:
    fake = kube.FakeKubernetes()
    real = recorded("kubernetes/list_pods_selector.json")["body"]
    answered = json.loads(fake._page(_request(), "v1", "PodList", []).get_data())
    assert differences(answered, real) == []
    refusal = recorded("kubernetes/forbidden_403.json")["body"]
    status = json.loads(kube.status(403, "Forbidden", "no", kind="pods").get_data())
    assert differences(status, refusal) == []
    assert (
        differences(
            json.loads(kube.status(401, "Unauthorized", "Unauthorized").get_data()),
            recorded("kubernetes/unauthorized_401.json")["body"],
        )
        == []
    )


def _request() -> Request:
    return Request(EnvironBuilder(query_string={"limit": "500"}).get_environ())


def test_the_recorded_events_are_read(httpserver: HTTPServer) -> None:
    source = kubernetes(httpserver, "/api/v1/namespaces/default/events", "events")
    (event,) = source.events(start=0, end=9e9)
    assert (event.kind, event.name, event.reason) == (
        "Namespace",
        "openshift-kube-apiserver",
        "KubeAPIReadyz",
    )
    assert event.is_warning
    assert event.at == datetime(2026, 11, 23, 4, 16, 28, tzinfo=UTC).timestamp()
    assert source.changes(start=0, end=9e9) == []


@pytest.mark.parametrize(
    ("name", "kind", "said"),
    [
        ("unauthorized_401", Problem.DENIED, "Unauthorized"),
        ("forbidden_403", Problem.DENIED, 'User "airra" cannot patch resource'),
        ("not_found_404", Problem.MALFORMED, "not found"),
        ("invalid_422", Problem.REJECTED, "must be greater than or equal to 0"),
    ],
)
def test_the_recorded_refusals_are_named(
    httpserver: HTTPServer, name: str, kind: Problem, said: str
) -> None:
    source = kubernetes(httpserver, "/api/v1/namespaces/default/events", name)
    with pytest.raises(ConnectorError) as caught:
        source.check()
    assert caught.value.kind is kind
    assert said in str(caught.value)
