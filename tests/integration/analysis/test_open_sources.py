"""A connector opens as what its kind gives, and as nothing else."""

from collections.abc import Callable
from pathlib import Path

import pytest
from pytest_django.fixtures import Settings
from pytest_httpserver import HTTPServer

from analysis.connectors.base import ConnectorError, Problem
from analysis.models import Connector
from analysis.queries.sources import (
    open_events,
    open_logs,
    open_metrics,
    open_platform,
    open_source,
    open_traces,
)
from tests.factories import analysis as make

pytestmark = pytest.mark.django_db
Open = Callable[[Connector], object]
OPENERS: dict[str, Open] = {
    "metrics": open_metrics,
    "logs": open_logs,
    "traces": open_traces,
    "changes": open_events,
    "platform": open_platform,
}
GIVES = {
    "prometheus": {"metrics"},
    "loki": {"logs"},
    "elasticsearch": {"logs"},
    "logfiles": {"logs"},
    "otlp": {"logs", "traces"},
    "jaeger": {"traces"},
    "tempo": {"traces"},
    "kubernetes": {"changes", "platform"},
    "changes": {"changes"},
}


@pytest.mark.parametrize("kind", Connector.Kind.values)
@pytest.mark.parametrize("protocol", OPENERS)
def test_a_kind_opens_as_what_it_gives(kind: str, protocol: str) -> None:
    connector = make.connector(name=kind, kind=kind, url="http://127.0.0.1:1")
    if protocol in GIVES[kind]:
        assert OPENERS[protocol](connector)
    else:
        with pytest.raises(ConnectorError, match=f"holds no {protocol}") as caught:
            OPENERS[protocol](connector)
        assert caught.value.kind is Problem.MALFORMED


def test_a_kind_nobody_reads_is_named() -> None:
    with pytest.raises(ConnectorError, match="kind abacus"):
        open_source(make.connector(name="x", kind="abacus", url="http://127.0.0.1:1"))


def test_secret_and_tenant_reach_the_source(
    httpserver: HTTPServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AIRRA_SECRET_MIMIR", "Basic 7:pw")
    headers = {"Authorization": "Basic Nzpwdw==", "X-Scope-OrgID": "team-a"}
    empty = {"status": "success", "data": {"resultType": "vector", "result": []}}
    httpserver.expect_request("/prom/api/v1/query", headers=headers).respond_with_json(empty)
    url = httpserver.url_for("/prom")
    row = make.connector(name="m", url=url, secret_ref="mimir", tenant="team-a")
    assert open_source(row).check() == "Prometheus answers: 0 targets, 0 up"


def test_a_secret_that_is_missing_is_named() -> None:
    row = make.connector(name="m", url="http://127.0.0.1:1", secret_ref="nowhere")
    with pytest.raises(ConnectorError, match="AIRRA_SECRET_NOWHERE") as caught:
        open_metrics(row)
    assert caught.value.kind is Problem.DENIED


def test_files_are_read_where_the_settings_allow(settings: Settings, tmp_path: Path) -> None:
    (tmp_path / "pay.log").write_text("2026-01-31T12:00:00Z ERROR boom\n")
    row = make.connector(name="f", kind="logfiles", url=f"file://{tmp_path}/*.log")
    with pytest.raises(ConnectorError, match="AIRRA_LOG_DIRS"):
        open_logs(row).lines(start=0, end=9e9)
    settings.LOG_DIRS = [tmp_path]
    (line,) = open_logs(row).lines(start=0, end=9e9)
    assert (line.service, line.level, line.message) == ("pay", "error", "ERROR boom")
