"""Each suite runs against the fakes and, when asked for, against servers that really run."""

import json
import re
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from pytest_httpserver import HTTPServer

from analysis.connectors.jaeger import Jaeger
from analysis.connectors.prometheus import Prometheus
from analysis.connectors.registry import AnySource, build
from analysis.types import Change, LogLine, Span
from tests.contract.connectors import fakes_kubernetes as kube
from tests.contract.connectors.fakes import FakeBackends
from tests.contract.connectors.fakes_elastic import FakeElasticsearch
from tests.contract.connectors.fakes_kubernetes import FakeKubernetes
from tests.contract.connectors.fakes_tempo import FakeTempo
from tools.stack import Stack, answers, free_port, wait_for

WARM_UP_S = 30
ON_THE_LAB = frozenset({"prometheus", "loki", "jaeger", "changes"})
SERVICES = ("gateway", "payments")
_ID = "0af7651916cd43dd8448eb211c80319c"


@dataclass(frozen=True)
class Backend:
    """Where to read what, and a time range that holds something."""

    kind: str
    url: str
    start: float
    end: float
    log_dirs: tuple[Path, ...] = ()

    def source(self) -> AnySource:
        return build(self.kind, url=self.url, log_dirs=self.log_dirs)


def on(*kinds: str) -> pytest.MarkDecorator:
    """Run a suite on the fakes of these kinds, and live on the lab and a real Prometheus."""
    live = [pytest.mark.live, pytest.mark.slow]
    cases = [pytest.param((kind, "fake"), id=f"{kind}-fake") for kind in kinds]
    cases += [
        pytest.param((kind, "lab"), id=f"{kind}-lab", marks=live)
        for kind in kinds
        if kind in ON_THE_LAB
    ]
    if "prometheus" in kinds:
        cases.append(pytest.param(("prometheus", "real"), id="prometheus-real", marks=live))
    return pytest.mark.parametrize("backend", cases, indirect=True)


def stocked_lines(now: float) -> list[LogLine]:
    return [
        LogLine(now - 60 + i, service, f"{service}-1", "info", f"did thing {i}", f"t{i}")
        for service in SERVICES
        for i in range(30)
    ]


def stocked_spans(now: float) -> list[Span]:
    a, b, c = "00f067aa0ba902b7", "00f067aa0ba902b8", "00f067aa0ba902b9"
    return [
        Span(_ID, a, "", "gateway", "GET /", "server", now - 30, 0.2, is_error=False),
        Span(_ID, b, a, "gateway", "POST", "client", now - 29.9, 0.15, False, "payments"),
        Span(_ID, c, b, "payments", "POST", "server", now - 29.9, 0.1, is_error=False),
    ]


def stocked(server: HTTPServer) -> FakeBackends:
    """Fakes that hold two services with traffic, lines, one trace and one change."""
    fake = FakeBackends(server)
    now = datetime.now(UTC).timestamp()
    for service in SERVICES:
        for metric in ("up", "process_resident_memory_bytes"):
            fake.metrics.put(metric, lambda _: 1.0, service=service, instance=f"{service}-1")
    fake.logs.lines += stocked_lines(now)
    fake.logs.as_json = True
    fake.traces.spans += stocked_spans(now)
    fake.changes.changes.append(
        Change("c1", now - 40, "deploy", "payments", "payments 2", "ci", "1", "2", "2")
    )
    elastic = FakeElasticsearch(stocked_lines(now))
    server.expect_request("/es/logs-*/_search").respond_with_handler(elastic.search)
    tempo = FakeTempo([replace(s, trace_id=f"000{_ID[3:]}") for s in stocked_spans(now)])
    server.expect_request("/tempo/api/search").respond_with_handler(tempo.search)
    names = "/tempo/api/v2/search/tag/resource.service.name/values"
    server.expect_request(names).respond_with_handler(tempo.names)
    by_id = re.compile("/tempo/api/traces/[0-9a-f]+")
    server.expect_request(by_id).respond_with_handler(tempo.trace)
    server.expect_request(re.compile("/kube/.*")).respond_with_handler(cluster(now).answer)
    return fake


def cluster(now: float) -> FakeKubernetes:
    """Two services; payments was rolled out 40 seconds ago."""
    fake = FakeKubernetes()
    day = 86_400
    for service in SERVICES:
        fake.put("deployments", kube.deployment(service, now - day, image=f"{service}:2"))
        old = kube.replica_set(service, "aaa", now - day, image=f"{service}:1", revision=1)
        fake.put("replicasets", old)
        fake.put("pods", kube.pod(service, "bbb", "x1", now - 40))
    new = kube.replica_set("payments", "bbb", now - 40, image="payments:2", revision=2)
    fake.put("replicasets", new)
    text = "Scaled up replica set payments-bbb from 0 to 1"
    fake.put(
        "events",
        kube.event("Deployment", "payments", now - 40, reason="ScalingReplicaSet", message=text),
    )
    fake.put("nodes", kube.node("n1", now - day, Ready="True"))
    return fake


def written_logs(directory: Path) -> str:
    """The stocked lines as files: payments in JSON, the gateway in logfmt."""
    now = datetime.now(UTC).timestamp()
    for line in stocked_lines(now):
        at = datetime.fromtimestamp(line.at, UTC).isoformat()
        fields = {
            "time": at,
            "level": line.level,
            "msg": line.message,
            "instance": line.instance,
            "trace_id": line.trace_id,
        }
        is_json = line.service == "payments"
        logfmt = " ".join(f"{k}={json.dumps(v)}" for k, v in fields.items())
        with (directory / f"{line.service}.log").open("a", encoding="utf-8") as file:
            file.write((json.dumps(fields) if is_json else logfmt) + "\n")
    return f"file://{directory}/*.log"


@pytest.fixture(scope="session")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """A lab that has run for a while and has seen one change."""
    var: Path = tmp_path_factory.mktemp("lab")
    with Stack(var=var) as stack:
        stack.start_lab()
        stack.inject("bad-deploy")
        traces = Jaeger(stack.lab_url)
        wait_for("traces", lambda: "payments" in traces.services(), within_s=60)
        started = time.time()
        wait_for("half a minute of traffic", lambda: time.time() > started + WARM_UP_S, within_s=60)
        yield stack


@pytest.fixture(scope="session")
def prometheus_url(lab: Stack, tmp_path_factory: pytest.TempPathFactory) -> str:
    """A real Prometheus that has scraped the lab eight times."""
    var: Path = tmp_path_factory.mktemp("prometheus")
    target = f'targets: ["127.0.0.1:{lab.lab_port}"]'
    (var / "prometheus.yml").write_text(
        "global: {scrape_interval: 2s}\n"
        "scrape_configs:\n"
        f"  - {{job_name: lab, honor_labels: true, static_configs: [{{{target}}}]}}\n",
        encoding="utf-8",
    )
    port = free_port()
    lab.start(
        "prometheus",
        "prometheus",
        f"--config.file={var / 'prometheus.yml'}",
        f"--storage.tsdb.path={var / 'tsdb'}",
        f"--web.listen-address=127.0.0.1:{port}",
    )
    url = f"http://127.0.0.1:{port}"
    wait_for("Prometheus", lambda: answers(f"{url}/-/ready"), within_s=30)
    source = Prometheus(url)

    def has_scraped() -> bool:
        query = "count_over_time(process_resident_memory_bytes[1m]) >= 8"
        return len(source.query(query, at=time.time())) > 0

    wait_for("eight scrapes", has_scraped, within_s=60, every_s=1)
    return url


_PATHS = {"elasticsearch": "/es/logs-*", "tempo": "/tempo", "kubernetes": "/kube"}


@pytest.fixture
def backend(request: pytest.FixtureRequest, tmp_path: Path) -> Backend:
    kind, place = request.param
    log_dirs: tuple[Path, ...] = ()
    if place == "lab":
        url = request.getfixturevalue("lab").lab_url
    elif place == "real":
        url = request.getfixturevalue("prometheus_url")
    elif kind == "logfiles":
        url, log_dirs = written_logs(tmp_path), (tmp_path,)
    else:
        url = stocked(request.getfixturevalue("httpserver")).url + _PATHS.get(kind, "")
    end = time.time() // 5 * 5
    # Traffic goes on, but the lab's one change is as old as the tests that ran before.
    reach = 3600 if (kind, place) == ("changes", "lab") else 120
    return Backend(kind=kind, url=url, start=end - reach, end=end, log_dirs=log_dirs)
