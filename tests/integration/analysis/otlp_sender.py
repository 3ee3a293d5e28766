"""A sender of spans and lines: an integration, its token, and bodies in either encoding."""

import json
from dataclasses import dataclass
from typing import Any

from django.test import Client
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from airra.lib import clock
from incidents.commands.integration import create_integration
from incidents.models import Integration, Workspace

BINARY, JSON = "application/x-protobuf", "application/json"


@dataclass
class OtlpSender:
    integration: Integration
    token: str

    @classmethod
    def of(cls, workspace: Workspace, name: str = "collector") -> "OtlpSender":
        return cls(*create_integration(workspace=workspace, name=name, kind="otlp", by=None))

    def post(
        self, body: bytes, *, signal: str = "traces", kind: str = BINARY, **headers: str
    ) -> Any:
        return Client().generic(
            "POST",
            f"/otlp/{self.integration.pk}/v1/{signal}",
            body,
            # Named as a header: the client leaves a type out where there is no body.
            headers={"Content-Type": kind, "Authorization": f"Bearer {self.token}", **headers},
        )

    def push_spans(self, **fields: Any) -> Any:
        return self.post(spans_body(**fields))

    def push_lines(self, *messages: str, **fields: Any) -> Any:
        return self.post(lines_body(*messages, **fields), signal="logs")


def nanoseconds(ago_s: float = 0.0) -> int:
    return int((clock.now().timestamp() - ago_s) * 1e9)


def spans_body(
    *, service: str = "payments", trace: int = 1, spans: int = 1, ago_s: float = 60, **fields: Any
) -> bytes:
    """A request with one trace: a server span, and below it client spans."""
    request = ExportTraceServiceRequest()
    holder = request.resource_spans.add()
    holder.resource.attributes.add(key="service.name").value.string_value = service
    scope = holder.scope_spans.add()
    for i in range(1, spans + 1):
        start = nanoseconds(ago_s) + i
        scope.spans.add(
            **{
                "trace_id": trace.to_bytes(16, "big"),
                "span_id": i.to_bytes(8, "big"),
                "parent_span_id": (1).to_bytes(8, "big") if i > 1 else b"",
                "name": f"step {i}",
                "kind": 2 if i == 1 else 3,
                "start_time_unix_nano": start,
                "end_time_unix_nano": start + 250_000_000,
                **fields,
            }
        )
    return request.SerializeToString()


def lines_body(
    *messages: str, service: str = "payments", ago_s: float = 60, severity: int = 9
) -> bytes:
    """A request with lines a second apart, the last of them `ago_s` old."""
    request = ExportLogsServiceRequest()
    holder = request.resource_logs.add()
    holder.resource.attributes.add(key="service.name").value.string_value = service
    scope = holder.scope_logs.add()
    for i, message in enumerate(reversed(messages)):
        record = scope.log_records.add(
            time_unix_nano=nanoseconds(ago_s + i), severity_number=severity
        )
        record.body.string_value = message
    return request.SerializeToString()


def json_span(**fields: Any) -> bytes:
    span = {
        "traceId": "5B8EFFF798038103D269B633813FC60C",
        "spanId": "EEE19B7EC3C1B174",
        "name": "pay",
        "startTimeUnixNano": str(nanoseconds(60)),
        "endTimeUnixNano": str(nanoseconds(59)),
        **fields,
    }
    return json.dumps({"resourceSpans": [{"scopeSpans": [{"spans": [span]}]}]}).encode()
