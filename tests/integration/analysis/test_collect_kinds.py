"""Investigations read whatever kind of source is there, the plainest first."""

import pytest

from airra.lib import clock
from airra.lib.clock import Hands
from analysis.commands.collect import Tools
from analysis.models import Connector
from analysis.queries.sources import enabled_connectors
from analysis.types import EvidenceStatus, IncidentContext
from incidents.models import Workspace
from tests.factories import analysis
from tests.integration.analysis.otlp_sender import OtlpSender

pytestmark = pytest.mark.django_db


def test_pushed_lines_and_spans_are_evidence(workspace: Workspace, hands: Hands) -> None:
    sender = OtlpSender.of(workspace)
    for second in range(30):
        sender.push_lines(f"KeyError in order {second}", ago_s=30 + second, severity=17)
    sender.push_spans(spans=3, ago_s=30)
    now = clock.now().timestamp()
    ctx = IncidentContext(
        key="INC-1",
        title="payments: errors",
        service="payments",
        severity="high",
        started_at=now - 60,
        now=now,
        services=("payments",),
        edges=(),
    )
    tools = Tools(workspace, ctx)
    lines = tools.run("search_logs", {"service": "payments"})
    assert (lines.status, lines.source) == (EvidenceStatus.OK, "collector")
    assert "KeyError in order" in lines.view
    spans = tools.run("get_traces", {"service": "payments"})
    assert (spans.source, spans.summary.partition(":")[0]) == (
        "collector",
        "traces through payments",
    )


def test_the_first_kind_is_preferred_and_what_is_off_is_left_out(workspace: Workspace) -> None:
    kinds = (Connector.Kind.LOKI, Connector.Kind.OTLP)
    pushed = analysis.connector(name="a", kind="otlp", url="")
    loki = analysis.connector(name="b", kind="loki")
    analysis.connector(name="c", kind="loki", is_enabled=False)
    analysis.connector(name="d", kind="jaeger")
    assert enabled_connectors(workspace, *kinds) == [loki, pushed]
    assert enabled_connectors(workspace, *reversed(kinds)) == [pushed, loki]
