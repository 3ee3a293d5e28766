"""The tools for a closer look: numbers, peers, checks of an address, and what people know."""

import ssl
import threading
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from pytest_httpserver import HTTPServer

from airra.lib import clock
from analysis.commands.collect import MAX_VIEW, Tools
from analysis.commands.collect.numbers import MAX_POINTS
from analysis.models import Hypothesis
from analysis.reasoning.claims import check
from analysis.reasoning.ledger import Ledger, numbered
from analysis.reasoning.toolbox import CATALOGUE
from analysis.types import (
    ChangeFact,
    ClaimDraft,
    ClaimVerdict,
    Custody,
    EvidenceStatus,
    IncidentContext,
    Onset,
    Points,
    State,
    Steady,
    Weight,
)
from incidents.lifecycle import State as IncidentState
from incidents.models import Service, TimelineEvent
from remediation.models import Runbook
from tests.factories import analysis as made
from tests.factories import incidents as make
from tests.fakes.tls import self_signed
from tests.integration.analysis.conftest import NOON, Watch

pytestmark = pytest.mark.django_db
BEGAN = NOON.timestamp()
QUERY = "sum by (service) (rate(errors_total[1m]))"
BY_INSTANCE = "sum by (service, instance) (rate(errors_total[1m]))"


def context(watch: Watch, *, key: str = "INC-1") -> IncidentContext:
    return IncidentContext(
        key=key,
        title="checkout: errors",
        service="checkout",
        severity="high",
        started_at=BEGAN,
        now=clock.now().timestamp(),
        services=("gateway", "checkout", "payments", "bank"),
        edges=(),
    )


@pytest.fixture
def tools(watch: Watch) -> Tools:
    watch.detector("errors", "checkout", "payments", "gateway")
    watch.levels["errors", "checkout"] = [(BEGAN - 20, 0.6)]
    watch.wait(300)
    return Tools(watch.workspace, context(watch))


def test_a_signal_as_numbers(tools: Tools) -> None:
    draft = tools.run("query_metrics", {"service": "checkout", "signal": "errors"})
    onset, points = draft.facts
    assert isinstance(onset, Onset)
    assert isinstance(points, Points)
    assert (onset.before, onset.during) == (0.01, 0.6)
    assert len(points.times) <= MAX_POINTS
    assert points.values[0] == 0.01
    assert points.values[-1] == 0.6
    assert draft.status is EvidenceStatus.OK
    assert "1 series, 1 of them shifted" in draft.summary
    ledger = Ledger((numbered(1, draft),))
    shift: dict[str, Any] = {"entity": "checkout", "signal": "errors", "op": ">", "value": 0.5}
    for for_s, expected in ((200, ClaimVerdict.HOLDS), (2000, ClaimVerdict.FAILS)):
        claim = check(
            ClaimDraft("threshold", "", (1,), {**shift, "for_s": for_s}), ledger, tools.ctx
        )
        assert claim is not None
        assert claim.verdict is expected


@pytest.mark.parametrize(
    ("arguments", "word"),
    [
        ({}, "one of the two"),
        ({"signal": "errors", "promql": "up"}, "one of the two"),
        ({"signal": "warmth"}, "there are errors"),
        ({"promql": "label_replace(up)"}, "label_replace"),
        ({"promql": "up[5m:1m]"}, "understood"),
        ({"promql": "up", "minutes": 9000}, "minutes"),
    ],
)
def test_what_may_not_be_asked_never_reaches_the_source(
    watch: Watch, tools: Tools, arguments: Mapping[str, Any], word: str
) -> None:
    asked = len(watch.fake.metrics.queries)
    draft = tools.run("query_metrics", arguments)
    assert draft.status is EvidenceStatus.ERROR
    assert word in draft.summary
    assert len(watch.fake.metrics.queries) == asked


def test_an_expression_of_ones_own_gets_our_window_and_step(watch: Watch, tools: Tools) -> None:
    watch.fake.metrics.put("rate(x[1m])", lambda at: 5.0 if at > BEGAN else 1.0, app="payments")
    watch.fake.metrics.put("rate(x[1m])", lambda _: 1.0, app="unheard-of")
    draft = tools.run("query_metrics", {"promql": "rate(x[1m])"})
    assert {f.entity for f in draft.facts if isinstance(f, Points)} == {
        "payments",
        "app=unheard-of",
    }
    assert draft.window == (BEGAN - 900, clock.now().timestamp())
    assert draft.native_query == "rate(x[1m])"


def test_too_many_series_are_refused_with_a_way_to_narrow(watch: Watch, tools: Tools) -> None:
    for number in range(21):
        watch.fake.metrics.put("busy", lambda _: 1.0, pod=f"p{number}")
    draft = tools.run("query_metrics", {"promql": "busy"})
    assert draft.status is EvidenceStatus.ERROR
    assert "narrow it by naming a service" in draft.summary


def test_peers_tell_one_service_from_everybody(tools: Tools) -> None:
    draft = tools.run("compare_peers", {"service": "checkout", "signal": "errors"})
    assert {f.entity for f in draft.facts if isinstance(f, Onset)} == {"checkout"}
    assert {f.entity for f in draft.facts if isinstance(f, Steady)} == {"payments", "gateway"}
    assert "2 of 2 peers stayed steady" in draft.summary
    claim = check(
        ClaimDraft("peer_normal", "", (1,), {"entity": "checkout", "signal": "errors"}),
        Ledger((numbered(1, draft),)),
        tools.ctx,
    )
    assert claim is not None
    assert claim.verdict is ClaimVerdict.HOLDS


def test_peers_tell_one_instance_from_the_service(watch: Watch) -> None:
    put = watch.fake.metrics.put
    put(QUERY, lambda at: 0.3 if at > BEGAN else 0.01, service="checkout")
    put(BY_INSTANCE, lambda at: 0.9 if at > BEGAN else 0.01, service="checkout", instance="c-1")
    for name in ("c-2", "c-3"):
        put(BY_INSTANCE, lambda _: 0.01, service="checkout", instance=name)
    made.detector(
        "by", watch.workspace, connector=watch.connector, query=QUERY, signal="errors", floor=0.05
    )
    watch.wait(300)
    draft = Tools(watch.workspace, context(watch)).run(
        "compare_peers", {"service": "checkout", "signal": "errors"}
    )
    shifted = {f.entity for f in draft.facts if isinstance(f, Onset)}
    assert shifted == {"checkout", "checkout/c-1"}
    assert {f.entity for f in draft.facts if isinstance(f, Steady)} == {
        "checkout/c-2",
        "checkout/c-3",
    }


def test_peers_of_a_signal_that_nobody_watches(tools: Tools) -> None:
    draft = tools.run("compare_peers", {"service": "checkout", "signal": "warmth"})
    assert draft.status is EvidenceStatus.ERROR


def states(tools: Tools, name: str) -> dict[str, str]:
    draft = tools.run("run_diagnostic", {"name": name, "service": "payments"})
    assert draft.status is EvidenceStatus.OK, draft.summary
    assert draft.custody is Custody.PLATFORM_API
    return {f.field: f.value for f in draft.facts if isinstance(f, State)}


def test_a_service_is_tried_at_its_own_address(watch: Watch, tools: Tools) -> None:
    base = watch.fake.url.rstrip("/")
    Service.objects.filter(name="payments").update(address=f"{base}/nothing-here")
    assert states(tools, "dns") == {"dns_resolves": "1"}
    assert states(tools, "tcp_connect")["tcp_connects"] == "1"
    assert states(tools, "http_health")["http_status"] in {"404", "500"}
    Service.objects.filter(name="payments").update(address="https://payments.invalid/")
    assert states(tools, "dns") == {"dns_resolves": "0"}
    Service.objects.filter(name="payments").update(address="https://127.0.0.1:9/")
    assert states(tools, "tcp_connect") == {"tcp_connects": "0"}
    assert states(tools, "http_health") == {"http_answers": "0"}
    assert states(tools, "tls_expiry") == {"tls_handshake": "0"}


def test_an_expired_certificate_is_a_decisive_state(tools: Tools, tmp_path: Path) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(self_signed(tmp_path, until=NOON - timedelta(days=2)))
    with HTTPServer(host="127.0.0.1", ssl_context=context) as server:
        Service.objects.filter(name="payments").update(address=server.url_for("/"))
        draft = tools.run("run_diagnostic", {"name": "tls_expiry", "service": "payments"})
    found = {f.field: f.value for f in draft.facts if isinstance(f, State)}
    assert found["certificate_trusted"] == "0"
    assert float(found["certificate_days_left"]) < -1.9
    assert "not trusted" in draft.summary
    about = {"entity": "payments", "field": "certificate_days_left", "op": "<=", "value": 0}
    claim = check(ClaimDraft("state", "", (1,), about), Ledger((numbered(1, draft),)), tools.ctx)
    assert claim is not None
    assert (claim.verdict, claim.weight) == (ClaimVerdict.HOLDS, Weight.DECISIVE)


@pytest.mark.parametrize(
    ("address", "name", "word"),
    [
        ("", "dns", "no address of payments is on record"),
        ("http://169.254.169.254/latest", "http_health", "credentials"),
        ("http://127.0.0.1:9/", "tls_expiry", "no certificate"),
        ("tcp://127.0.0.1:9", "http_health", "not one of HTTP"),
        ("nonsense", "dns", "no address like"),
    ],
)
def test_what_is_not_on_record_or_not_ours_is_not_tried(
    tools: Tools, address: str, name: str, word: str
) -> None:
    Service.objects.filter(name="payments").update(address=address)
    draft = tools.run("run_diagnostic", {"name": name, "service": "payments"})
    assert draft.status is EvidenceStatus.ERROR
    assert word in draft.summary


def test_earlier_incidents_are_guidance(watch: Watch, tools: Tools) -> None:
    about = make.service("payments")
    old = make.incident(
        about=about, state=IncidentState.RESOLVED, title="it leaked", resolution="restarted"
    )
    made.hypothesis(made.investigation(old), verdict="")
    told = tools.run("similar_incidents", {"service": "payments"})
    assert (told.custody, told.facts) == (Custody.HUMAN_GUIDANCE, ())
    assert f"{old.key} " in told.view
    assert "it leaked; restarted; cause held: leak of payments" in told.view
    row = Hypothesis.objects.get()
    row.verdict, row.verdict_by, row.verdict_at = "ruled_out", make.person(), clock.now()
    row.save()
    assert "not leak of payments, a person ruled it out" in tools.run("similar_incidents", {}).view
    none = tools.run("similar_incidents", {"service": "bank"})
    assert none.status is EvidenceStatus.EMPTY


def test_runbooks_and_notes_of_a_service(watch: Watch, tools: Tools) -> None:
    empty = tools.run("get_runbook", {"service": "bank"})
    assert (empty.status, empty.summary) == (
        EvidenceStatus.EMPTY,
        "0 runbooks of bank, and nothing noted",
    )
    about = make.service("payments")
    Service.objects.filter(pk=about.pk).update(owner="team-pay", description="Talks to the bank.")
    Runbook.objects.create(
        workspace=watch.workspace, service=about, title="Card outage", steps="Call the bank\nWait"
    )
    told = tools.run("get_runbook", {"service": "payments"})
    assert told.custody is Custody.HUMAN_GUIDANCE
    for word in ("owner: team-pay", "Talks to the bank.", "“Card outage”", "2. Wait"):
        assert word in told.view


def test_steps_so_far_and_what_we_did_ourselves(watch: Watch, tools: Tools) -> None:
    incident = make.incident(about=make.service("checkout"), place=watch.workspace)
    make.event(incident, TimelineEvent.Kind.NOTE, "blame the database")
    own = Tools(watch.workspace, context(watch, key=incident.key))
    before = own.run("list_steps", {})
    assert (before.custody, before.facts) == (Custody.HUMAN_GUIDANCE, ())
    assert "blame" not in before.view
    make.event(incident, TimelineEvent.Kind.EXECUTION, "did “restart checkout”")
    after = own.run("list_steps", {})
    (step,) = after.facts
    assert isinstance(step, ChangeFact)
    assert (step.change, step.entity, after.custody) == (
        "action",
        "checkout",
        Custody.CHANGE_SYSTEM,
    )


@pytest.mark.parametrize("tool", [tool.name for tool in CATALOGUE])
def test_every_tool_of_the_catalogue_answers_within_bounds(tools: Tools, tool: str) -> None:
    more = {
        "compare_peers": {"service": "checkout", "signal": "errors"},
        "get_runbook": {"service": "checkout"},
        "query_metrics": {"signal": "errors"},
        "run_diagnostic": {"name": "dns", "service": "checkout"},
    }
    draft = tools.run(tool, more.get(tool, {}))
    assert draft.status in EvidenceStatus
    assert len(draft.view) <= MAX_VIEW
    assert len(draft.raw_sha256) == 64


@pytest.mark.django_db(transaction=True)
def test_tools_run_side_by_side(tools: Tools) -> None:
    """From other threads, which give their database connections back."""
    calls: list[tuple[str, dict[str, Any]]] = [
        ("query_metrics", {"signal": "errors", "service": name})
        for name in ("checkout", "payments", "gateway", "bank")
    ]
    with ThreadPoolExecutor(4) as pool:
        drafts = list(pool.map(lambda call: tools.run(*call), calls))
    assert [d.status for d in drafts] == [EvidenceStatus.OK] * 3 + [EvidenceStatus.NO_DATA]
    assert threading.active_count() < 30
