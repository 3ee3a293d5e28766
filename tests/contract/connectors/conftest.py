"""Each suite runs against the fakes and, when asked for, against a lab that really runs."""

import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import pytest
from pytest_httpserver import HTTPServer

from analysis.connectors.jaeger import Jaeger
from analysis.types import Change, LogLine, Span
from tests.contract.connectors.fakes import FakeBackends
from tools.stack import Stack, wait_for

WARM_UP_S = 30


@dataclass(frozen=True)
class Backend:
    """Where to read, and a time range that holds something."""

    url: str
    start: float
    end: float


def stocked(server: HTTPServer) -> FakeBackends:
    """Fakes that hold two services with traffic, lines, one trace and one change."""
    fake = FakeBackends(server)
    now = datetime.now(UTC).timestamp()
    for service in ("gateway", "payments"):
        fake.metrics.put("up", lambda _: 1.0, service=service, instance=f"{service}-1")
        fake.logs.lines += [
            LogLine(now - 60 + i, service, f"{service}-1", "info", f"did thing {i}", f"t{i}")
            for i in range(30)
        ]
    fake.logs.as_json = True
    fake.traces.spans += [
        Span("t1", "a", "", "gateway", "GET /", "server", now - 30, 0.2, is_error=False),
        Span("t1", "b", "a", "gateway", "POST", "client", now - 29.9, 0.15, False, "payments"),
        Span("t1", "c", "b", "payments", "POST", "server", now - 29.9, 0.1, is_error=False),
    ]
    fake.changes.changes.append(
        Change("c1", now - 40, "deploy", "payments", "payments 2", "ci", "1", "2", "2")
    )
    return fake


@pytest.fixture(scope="session")
def lab_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A lab that has run for a while and has seen one change."""
    var: Path = tmp_path_factory.mktemp("lab")
    with Stack(var=var) as stack:
        stack.start_lab()
        stack.inject("bad-deploy")
        traces = Jaeger(stack.lab_url)
        wait_for("traces", lambda: "payments" in traces.services(), within_s=60)
        started = time.time()
        wait_for("half a minute of traffic", lambda: time.time() > started + WARM_UP_S, within_s=60)
        yield stack.lab_url


@pytest.fixture(params=["fakes", pytest.param("lab", marks=[pytest.mark.live, pytest.mark.slow])])
def backend(request: pytest.FixtureRequest) -> Backend:
    if request.param == "lab":
        url = request.getfixturevalue("lab_url")
    else:
        url = stocked(request.getfixturevalue("httpserver")).url
    end = time.time() // 5 * 5
    return Backend(url=url, start=end - 120, end=end)
