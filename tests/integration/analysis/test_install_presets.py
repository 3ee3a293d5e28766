"""Installing presets: what fits the source is added, what people changed is left alone."""

import json

import pytest
from django.contrib.auth.models import User
from pytest_httpserver import HTTPServer
from werkzeug import Request, Response

from airra.management.commands.bootstrap import LAB_METRICS
from analysis.commands import presets as commands
from analysis.connectors.base import ConnectorError
from analysis.models import Connector, Detector
from incidents.models import AuditEvent, Workspace
from incidents.permissions import NotPermitted
from tests.factories import analysis
from tests.factories import incidents as make

pytestmark = pytest.mark.django_db

Rule = Detector.Rule


@pytest.fixture
def lab(workspace: Workspace) -> Connector:
    return analysis.connector(name="lab-prometheus", url="http://127.0.0.1:9")


def test_presets_are_added_once_and_never_overwrite(lab: Connector) -> None:
    new = commands.install(connector=lab, survey=LAB_METRICS)
    assert new == Detector.objects.count() > 15
    Detector.objects.filter(name="Error ratio").update(floor=0.5)
    Detector.objects.filter(name="CPU").update(name="CPU of ours")
    Detector.objects.filter(name="Memory").update(query="our_memory")
    assert commands.install(connector=lab, survey=LAB_METRICS) == 0
    assert Detector.objects.get(name="Error ratio").floor == 0.5


def test_the_lab_gets_every_kind_of_rule(lab: Connector) -> None:
    commands.install(connector=lab, survey=LAB_METRICS)
    for kind in (Connector.Kind.LOKI, Connector.Kind.JAEGER, Connector.Kind.CHANGES):
        commands.install(connector=analysis.connector(name=kind, kind=kind))
    assert set(Detector.objects.values_list("rule", flat=True)) == set(Rule)
    for detector in Detector.objects.all():
        detector.full_clean()
    assert set(Detector.objects.exclude(query="").values_list("step_s", flat=True)) == {5}
    logs = Detector.objects.get(rule=Rule.LOGS)
    assert (logs.connector.kind, logs.query) == (Connector.Kind.LOKI, "")


def test_a_pushed_source_is_watched_for_logs_and_for_traces(workspace: Workspace) -> None:
    pushed = analysis.connector(name="pushed", kind=Connector.Kind.OTLP, url="")
    assert commands.install(connector=pushed) == 2
    assert set(Detector.objects.values_list("rule", flat=True)) == {Rule.LOGS, Rule.TRACES}


def test_a_second_source_has_detectors_of_its_own(lab: Connector) -> None:
    new = commands.install(connector=lab, survey=LAB_METRICS)
    other = analysis.connector(name="eu", url="http://127.0.0.1:9")
    assert commands.install(connector=other, survey=LAB_METRICS) == new
    assert Detector.objects.get(name="Error ratio (eu)").connector == other
    assert commands.install(connector=other, survey=LAB_METRICS) == 0


def _shop_answers(request: Request) -> Response:
    """One metric of one job, whose services are named by `app`; scraped every 30 s."""
    query = request.form["query"]
    found: list[dict[str, object]] = []
    count: dict[str, str] = {"__name__": "http_requests_total"}
    if "count_over_time" in query:
        found = [{"metric": {"job": "shop"}, "value": [0, "10"]}]
    elif "by (__name__, job)" in query:
        found = [{"metric": {**count, "job": "shop"}, "value": [0, "40"]}]
    elif ', app!=""' in query or ', job!=""' in query:
        found = [{"metric": count, "value": [0, "40"]}]
    data = {"resultType": "vector", "result": found}
    return Response(json.dumps({"status": "success", "data": data}), mimetype="application/json")


def test_what_can_be_answered_is_found_by_asking(httpserver: HTTPServer) -> None:
    httpserver.expect_request("/api/v1/query").respond_with_handler(_shop_answers)
    source = analysis.connector(name="p", url=httpserver.url_for("").rstrip("/"))
    assert commands.install(connector=source) == 2
    assert set(Detector.objects.values_list("name", flat=True)) == {"Traffic surge", "Traffic lost"}
    surge = Detector.objects.get(name="Traffic surge")
    assert surge.query == "sum by (app) (rate(http_requests_total[120s]))"
    assert (surge.service_label, surge.step_s, surge.interval_s) == ("app", 30, 30)
    assert len(httpserver.log) < 15


def test_a_source_that_does_not_answer_is_named_and_nothing_is_added(lab: Connector) -> None:
    with pytest.raises(ConnectorError, match="Prometheus"):
        commands.install(connector=lab)
    assert not Detector.objects.exists()


def test_only_admins_install_and_it_is_audited(
    lab: Connector, responder: User, admin_user: User
) -> None:
    with pytest.raises(NotPermitted):
        commands.install(connector=lab, by=responder, survey=LAB_METRICS)
    new = commands.install(connector=lab, by=admin_user, survey=LAB_METRICS)
    event = AuditEvent.objects.get(kind="detectors.installed")
    assert (event.actor, event.after) == (admin_user.get_username(), {"detectors": new})


def test_another_workspace_has_names_of_its_own(lab: Connector) -> None:
    commands.install(connector=lab, survey=LAB_METRICS)
    there = make.workspace("elsewhere")
    other = analysis.connector(name="x", url="http://127.0.0.1:9", place=there)
    commands.install(connector=other, survey=LAB_METRICS)
    assert Detector.objects.filter(workspace=there, name="Error ratio").exists()
