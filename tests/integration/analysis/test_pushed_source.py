"""What was pushed, read as a source of logs and traces, and thrown away in time."""

from typing import TypedDict

import pytest
from pytest_django.fixtures import Settings

from airra.lib import clock
from airra.lib.clock import Hands
from analysis.commands import pushed as commands
from analysis.connectors.base import ConnectorError
from analysis.models import Connector, Feed, PushedLine, PushedSpan
from analysis.perception.spans import compare
from analysis.queries.pushed import Pushed
from analysis.queries.sources import open_logs, open_metrics, open_source, open_traces
from incidents.models import Workspace
from tests.factories import incidents as make
from tests.integration.analysis.otlp_sender import OtlpSender, spans_body

pytestmark = pytest.mark.django_db


@pytest.fixture
def sender(workspace: Workspace, hands: Hands) -> OtlpSender:
    return OtlpSender.of(workspace)


def source_of(sender: OtlpSender) -> Pushed:
    source = open_source(Connector.objects.get(feed__integration=sender.integration))
    assert isinstance(source, Pushed)
    return source


class Range(TypedDict):
    start: float
    end: float


def _range() -> Range:
    end = clock.now().timestamp()
    return {"start": end - 600, "end": end}


def test_check_tells_what_was_found(sender: OtlpSender, hands: Hands) -> None:
    sender.push_spans(spans=2)
    sender.push_lines("one")
    hands.advance(seconds=5)
    assert source_of(sender).check() == "2 spans and 1 lines, the newest 5 s ago"


def test_check_fails_while_nothing_has_come(sender: OtlpSender, workspace: Workspace) -> None:
    empty = Connector.objects.create(workspace=workspace, name="x", kind="otlp", url="/otlp/x")
    with pytest.raises(ConnectorError, match="nothing has been pushed to x"):
        open_source(empty).check()


def test_lines_are_of_the_range_and_oldest_first(sender: OtlpSender) -> None:
    sender.push_lines("third", "fourth", ago_s=100)
    sender.push_lines("first", "second", ago_s=200)
    sender.push_lines("too old", ago_s=700)
    sender.push_lines("too new", ago_s=0)
    found = source_of(sender).lines(**_range())
    assert [line.message for line in found] == ["first", "second", "third", "fourth"]
    assert [line.at for line in found] == sorted(line.at for line in found)


def test_a_limit_keeps_the_newest_lines(sender: OtlpSender) -> None:
    sender.push_lines(*"abcdef")
    found = source_of(sender).lines(**_range(), limit=2)
    assert [line.message for line in found] == ["e", "f"]


def test_lines_of_one_service_can_be_asked_for(sender: OtlpSender) -> None:
    sender.push_lines("ours")
    sender.push_lines("theirs", service="search")
    found = source_of(sender).lines(**_range(), service="search")
    assert [(line.service, line.message) for line in found] == [("search", "theirs")]
    assert source_of(sender).lines(start=1000.0, end=1001.0) == []


def test_spans_come_as_whole_traces(sender: OtlpSender) -> None:
    sender.push_spans(service="gateway", span_id=b"\0\0\0\0\0\0\0\x09", name="GET /", kind=3)
    sender.push_spans(
        service="payments", parent_span_id=b"\0\0\0\0\0\0\0\x09", name="POST /pay", kind=2
    )
    sender.push_spans(service="search", trace=2)
    source = source_of(sender)
    assert source.services() == ["gateway", "payments", "search"]
    found = source.spans("payments", **_range())
    assert {span.service for span in found} == {"gateway", "payments"}
    edges = compare(found, split=clock.now().timestamp())
    assert [(edge.src, edge.dst) for edge in edges] == [("gateway", "payments")]
    assert found[0].duration_s == pytest.approx(0.25)


def test_the_newest_traces_are_kept_when_there_are_more(sender: OtlpSender) -> None:
    for trace in range(1, 6):
        sender.push_spans(trace=trace, spans=2, ago_s=100 - trace)
    found = source_of(sender).spans("payments", **_range(), limit=2)
    assert {int(span.trace_id, 16) for span in found} == {4, 5}
    assert len(found) == 4
    assert source_of(sender).spans("payments", start=1000.0, end=1001.0) == []


def test_it_is_opened_for_lines_and_for_spans_but_not_for_metrics(sender: OtlpSender) -> None:
    sender.push_spans()
    connector = Connector.objects.get()
    assert isinstance(open_logs(connector), Pushed)
    assert isinstance(open_traces(connector), Pushed)
    with pytest.raises(ConnectorError, match="holds no metrics"):
        open_metrics(connector)


def test_another_sender_and_another_workspace_see_nothing_of_it(
    sender: OtlpSender, workspace: Workspace
) -> None:
    sender.push_spans()
    sender.push_lines("ours")
    others = [
        OtlpSender.of(workspace, "second"),
        OtlpSender.of(make.workspace("elsewhere"), "collector"),
    ]
    for other in others:
        other.push_lines("theirs", service="other")
        source = source_of(other)
        assert source.services() == []
        assert source.spans("payments", **_range()) == []
        assert [line.message for line in source.lines(**_range())] == ["theirs"]


def test_a_source_that_is_moved_does_not_take_its_rows_along(sender: OtlpSender) -> None:
    sender.push_lines("ours")
    connector = Connector.objects.get()
    connector.workspace = make.workspace("elsewhere")
    connector.save()
    assert Pushed(connector).lines(**_range()) == []


def test_what_is_too_old_is_deleted(sender: OtlpSender, hands: Hands) -> None:
    sender.push_spans(spans=3)
    sender.push_lines("old")
    hands.advance(hours=23)
    sender.push_lines("new")
    commands.prune()
    assert (PushedSpan.objects.count(), PushedLine.objects.count()) == (3, 2)
    hands.advance(hours=2)
    commands.prune()
    assert not PushedSpan.objects.exists()
    assert [line.message for line in PushedLine.objects.all()] == ["new"]
    feed = Feed.objects.get()
    assert (feed.spans, feed.lines) == (0, 1)


def test_retention_is_a_setting(sender: OtlpSender, hands: Hands, settings: Settings) -> None:
    settings.PUSHED_RETENTION_H = 1
    sender.push_lines("old")
    hands.advance(hours=1, seconds=1)
    commands.prune()
    assert not PushedLine.objects.exists()


def test_of_too_many_the_oldest_are_deleted_and_the_sender_may_go_on(
    sender: OtlpSender, hands: Hands, settings: Settings
) -> None:
    settings.PUSHED_MAX_ROWS = 10
    for trace in range(1, 12):
        assert sender.push_spans(trace=trace).status_code == 200
        hands.advance(seconds=1)
    assert sender.push_spans(trace=12).status_code == 429
    commands.prune()
    kept = PushedSpan.objects.order_by("received_at").values_list("trace_id", flat=True)
    assert [int(trace, 16) for trace in kept] == list(range(2, 12))
    assert sender.push_spans(trace=12).status_code == 200


def test_one_sweep_deletes_a_bounded_number(
    sender: OtlpSender, hands: Hands, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(commands, "_BATCH", 2)
    monkeypatch.setattr(commands, "_BATCHES", 3)
    sender.push_lines(*"abcdefgh")
    hands.advance(days=2)
    commands.prune()
    assert PushedLine.objects.count() == 2
    assert Feed.objects.get().lines == 2
    commands.prune()
    assert not PushedLine.objects.exists()


def test_the_rows_of_a_deleted_sender_age_all_the_same(sender: OtlpSender, hands: Hands) -> None:
    sender.push_lines("left behind")
    sender.integration.delete()
    assert Connector.objects.filter(kind=Connector.Kind.OTLP).exists()
    hands.advance(days=2)
    commands.prune()
    assert not PushedLine.objects.exists()


def test_the_count_of_repeats_is_set_right(sender: OtlpSender) -> None:
    sender.post(spans_body())
    sender.post(spans_body())
    assert Feed.objects.get().spans == 2
    commands.prune()
    assert Feed.objects.get().spans == 1
