"""The service graph learnt from traces and client metrics, by whoever comes first."""

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from pytest_django import DjangoCaptureOnCommitCallbacks

from airra.lib import clock
from analysis.commands import topology
from analysis.commands.topology import CLIENT_METRICS
from analysis.models import Connector
from analysis.types import Span
from incidents.commands.service import learn_edges
from incidents.models import ServiceDependency
from incidents.queries.edges import fresh_edges
from tests.factories import incidents as make
from tests.integration.analysis.conftest import Watch

OnCommit = DjangoCaptureOnCommitCallbacks


@pytest.fixture
def jaeger(watch: Watch) -> Connector:
    ServiceDependency.objects.all().delete()
    at = clock.now().timestamp() - 60
    watch.fake.traces.spans += [
        Span("t", "1", "", "gateway", "GET", "server", at, 0.5, is_error=False),
        Span("t", "2", "1", "gateway", "GET", "client", at, 0.4, is_error=False),
        Span("t", "3", "2", "search", "GET", "server", at, 0.3, is_error=False),
        Span("t", "4", "3", "search", "query", "client", at, 0.1, False, "elastic"),
    ]
    return Connector.objects.create(
        workspace=watch.workspace, name="jaeger", kind="jaeger", url=watch.fake.url
    )


def known() -> set[tuple[str, str, str]]:
    found = ServiceDependency.objects.values_list("caller__name", "callee__name", "source")
    return set(found)


TRACED = {("gateway", "search", "traces"), ("search", "elastic", "traces")}


def test_edges_are_learnt_from_traces_when_they_are_old(watch: Watch, jaeger: Connector) -> None:
    topology.learn_where_stale(watch.workspace)
    assert known() == TRACED
    jaeger.refresh_from_db()
    assert jaeger.last_ok_at == clock.now()


def test_a_source_is_read_by_one_job_and_not_again_at_once(
    watch: Watch, jaeger: Connector, django_capture_on_commit_callbacks: OnCommit
) -> None:
    with django_capture_on_commit_callbacks(execute=True):
        assert topology.wake_where_stale() == 2  # the metrics of the watch, too
    assert known() == TRACED
    assert topology.wake_where_stale() == 0
    watch.wait(121)
    assert topology.wake_where_stale() == 2


def test_a_dead_trace_source_is_put_off_and_noted(watch: Watch, jaeger: Connector) -> None:
    Connector.objects.filter(pk=jaeger.pk).update(url="http://127.0.0.1:9")
    topology.learn_where_stale(watch.workspace)
    jaeger.refresh_from_db()
    assert "127.0.0.1:9" in jaeger.last_error
    Connector.objects.filter(pk=jaeger.pk).update(url=watch.fake.url)
    topology.learn_where_stale(watch.workspace)
    assert known() == set()
    watch.wait(121)
    topology.learn_where_stale(watch.workspace)
    assert known() == TRACED


def test_client_metrics_show_edges_of_their_own(watch: Watch, jaeger: Connector) -> None:
    for metric in CLIENT_METRICS:
        watch.fake.metrics.series[metric.query] = []
    watch.fake.metrics.put(CLIENT_METRICS[0].query, lambda _: 3.0, service="gateway", peer="search")
    watch.fake.metrics.put(CLIENT_METRICS[0].query, lambda _: 1.0, service="search", peer="")
    mesh = {"source_workload": "unknown", "destination_workload": "search"}
    watch.fake.metrics.put(CLIENT_METRICS[1].query, lambda _: 1.0, **mesh)
    topology.learn_where_stale(watch.workspace)
    edge = ServiceDependency.objects.get(caller__name="gateway")
    assert set(edge.sightings.values_list("source", flat=True)) == {"metrics", "traces"}
    assert len(fresh_edges(watch.workspace)) == 2


def test_a_metric_source_without_such_counters_is_no_worse(watch: Watch) -> None:
    topology.learn_where_stale(watch.workspace)
    watch.connector.refresh_from_db()
    assert watch.connector.last_error == ""


def test_a_hidden_edge_is_learnt_and_stays_hidden(watch: Watch, jaeger: Connector) -> None:
    topology.learn_where_stale(watch.workspace)
    ServiceDependency.objects.update(hidden_at=clock.now(), hidden_by="ana")
    watch.wait(121)
    topology.learn_where_stale(watch.workspace)
    assert fresh_edges(watch.workspace) == []


def test_many_edges_cost_no_more_queries_than_one(watch: Watch) -> None:
    def queries(number: int) -> int:
        seen = {(f"a-{n}", f"b-{n}"): clock.now() for n in range(number)}
        with CaptureQueriesContext(
            connection,
        ) as made:
            learn_edges(workspace=make.workspace(), source="traces", seen=seen)
        return len(made)

    # 80 names: SQLite takes 999 values in one statement.
    assert queries(40) == queries(1) + 1  # the second moves one edge on; the first, none
