"""The door for OTLP/HTTP: who is let in, what is kept, and what the sender is told."""

import gzip
from typing import Any

import pytest
from django.test import Client
from google.protobuf import descriptor_pb2, descriptor_pool, message_factory
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceResponse
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceResponse
from pytest_django.fixtures import Settings

from airra.lib.clock import Hands
from analysis.models import Connector, Feed, PushedLine, PushedSpan
from incidents.models import Workspace
from tests.integration.analysis.otlp_sender import (
    BINARY,
    JSON,
    OtlpSender,
    json_span,
    lines_body,
    spans_body,
)

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("hands")]


@pytest.fixture
def sender(workspace: Workspace, hands: Hands) -> OtlpSender:
    return OtlpSender.of(workspace)


def status_message(answer: Any) -> str:
    """The message of a google.rpc.Status, decoded by protobuf itself."""
    if answer["Content-Type"] == JSON:
        return str(answer.json()["message"])
    file = descriptor_pb2.FileDescriptorProto(name="status.proto", package="google.rpc")
    kind = file.message_type.add(name="Status")
    kind.field.add(name="code", number=1, type=5, label=1)
    kind.field.add(name="message", number=2, type=9, label=1)
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    status = message_factory.GetMessageClass(pool.FindMessageTypeByName("google.rpc.Status"))
    return str(status.FromString(answer.content).message)  # type: ignore[attr-defined]  # a class made at run time


def test_spans_are_kept_and_the_first_push_makes_their_source(sender: OtlpSender) -> None:
    answer = sender.push_spans(spans=3)
    assert (answer.status_code, answer["Content-Type"], answer.content) == (200, BINARY, b"")
    assert list(PushedSpan.objects.values_list("operation", "kind").order_by("span_id")) == [
        ("step 1", "server"),
        ("step 2", "client"),
        ("step 3", "client"),
    ]
    source = Connector.objects.get()
    assert (source.name, source.kind, source.workspace) == (
        "collector",
        Connector.Kind.OTLP,
        sender.integration.workspace,
    )
    assert sender.push_spans(trace=2).status_code == 200
    assert (Feed.objects.get().spans, Connector.objects.count()) == (4, 1)


def test_lines_are_kept(sender: OtlpSender) -> None:
    answer = sender.push_lines("out of memory", "and again", severity=17)
    assert (answer.status_code, answer.content) == (200, b"")
    assert list(PushedLine.objects.values_list("service", "level", "message").order_by("at")) == [
        ("payments", "error", "out of memory"),
        ("payments", "error", "and again"),
    ]


def test_json_is_answered_in_json(sender: OtlpSender) -> None:
    answer = sender.post(json_span(), kind="application/json; charset=utf-8")
    assert (answer.status_code, answer["Content-Type"], answer.json()) == (200, JSON, {})
    assert PushedSpan.objects.get().trace_id == "5b8efff798038103d269b633813fc60c"


def test_gzip_is_inflated(sender: OtlpSender) -> None:
    packed = gzip.compress(spans_body(spans=2))
    assert sender.post(packed, **{"Content-Encoding": "gzip"}).status_code == 200
    assert PushedSpan.objects.count() == 2


@pytest.mark.parametrize("kind", [BINARY, JSON])
def test_an_empty_request_succeeds(sender: OtlpSender, kind: str) -> None:
    assert sender.post(b"", kind=kind).status_code == 200
    assert sender.post(b"", signal="logs", kind=kind).status_code == 200


def test_a_span_sent_again_is_kept_once(sender: OtlpSender) -> None:
    sender.push_spans(spans=2)
    sender.push_spans(spans=3)
    assert PushedSpan.objects.count() == 3


def test_bad_spans_do_not_keep_good_ones_out(sender: OtlpSender) -> None:
    answer = sender.post(spans_body(spans=1) + spans_body(spans=2, trace=7, span_id=b"x"))
    told = ExportTraceServiceResponse.FromString(answer.content).partial_success
    assert (answer.status_code, told.rejected_spans) == (200, 2)
    assert "spanId should be 8 bytes" in told.error_message
    assert PushedSpan.objects.count() == 1


def test_bad_lines_are_counted_in_either_encoding(sender: OtlpSender) -> None:
    answer = sender.push_lines("long ago", ago_s=3 * 86_400)
    told = ExportLogsServiceResponse.FromString(answer.content).partial_success
    assert (told.rejected_log_records, PushedLine.objects.count()) == (1, 0)
    assert "older than what is kept, 24 h" in told.error_message
    answer = sender.post(json_span(traceId="?"), kind=JSON)
    assert answer.json()["partialSuccess"]["rejectedSpans"] == "1"


@pytest.mark.parametrize(
    ("body", "kind", "encoding", "status", "why"),
    [
        (b"\xff\xff", BINARY, "", 400, "not a protobuf message"),
        (b"{", JSON, "", 400, "not JSON"),
        (b'{"resourceSpans": 1}', JSON, "", 400, "resourceSpans should be a list"),
        (b"plain", BINARY, "gzip", 400, "says gzip"),
        (gzip.compress(bytes(9 * 1024 * 1024)), BINARY, "gzip", 413, "more than 8 MiB"),
        (bytes(4 * 1024 * 1024 + 1), BINARY, "", 413, "more than 4 MiB"),
        (b"", BINARY, "zstd", 415, "should be gzip or left out, not zstd"),
        (b"", "text/plain", "", 415, "application/x-protobuf or application/json"),
    ],
)
def test_what_cannot_be_taken_is_told_why(
    sender: OtlpSender, body: bytes, kind: str, encoding: str, status: int, why: str
) -> None:
    headers = {"Content-Encoding": encoding} if encoding else {}
    answer = sender.post(body, kind=kind, **headers)
    assert answer.status_code == status
    assert answer["Content-Type"] == (BINARY if kind == BINARY else JSON)
    assert why in status_message(answer)
    assert not PushedSpan.objects.exists()


def test_without_the_token_nobody_is_let_in(sender: OtlpSender, workspace: Workspace) -> None:
    other = OtlpSender.of(workspace, "other")
    for header in ("", "Bearer wrong", f"Basic {sender.token}", f"Bearer {other.token}"):
        answer = sender.post(spans_body(), Authorization=header)
        assert (answer.status_code, answer["WWW-Authenticate"]) == (401, "Bearer")
    assert not PushedSpan.objects.exists()


def test_an_address_is_for_one_kind_of_sender(sender: OtlpSender, workspace: Workspace) -> None:
    hook = Client().post(
        f"/hooks/{sender.integration.pk}/",
        b"{}",
        content_type=JSON,
        headers={"Authorization": f"Bearer {sender.token}"},
    )
    assert hook.status_code == 404
    sender.integration.is_active = False
    sender.integration.save()
    assert sender.push_spans().status_code == 404
    answer = Client().get(f"/otlp/{sender.integration.pk}/v1/traces")
    assert (answer.status_code, answer["Allow"]) == (405, "POST")


def test_a_sender_of_too_much_is_told_to_wait(sender: OtlpSender, settings: Settings) -> None:
    settings.PUSHED_MAX_ROWS = 10
    assert sender.push_spans(spans=11).status_code == 200
    answer = sender.push_spans(spans=1, trace=2)
    assert (answer.status_code, answer["Retry-After"]) == (429, str(settings.SWEEP_INTERVAL_S))
    assert "10 spans are kept of one sender" in status_message(answer)
    assert sender.push_lines("there is room for lines").status_code == 200
    assert PushedSpan.objects.count() == 11


def test_a_name_that_is_taken_is_made_unique(workspace: Workspace) -> None:
    Connector.objects.create(workspace=workspace, name="collector", kind="loki", url="http://x")
    sender = OtlpSender.of(workspace)
    assert sender.push_lines("hello").status_code == 200
    source = Connector.objects.get(kind=Connector.Kind.OTLP)
    assert source.name.startswith("collector ")


def test_half_characters_and_nul_can_be_stored(sender: OtlpSender) -> None:
    answer = sender.post(json_span(name="a\0b\ud800"), kind=JSON)
    assert answer.json() == {}
    assert PushedSpan.objects.get().operation == "ab?"
    assert sender.post(lines_body("a\0b"), signal="logs").status_code == 200
    assert PushedLine.objects.get().message == "ab"
