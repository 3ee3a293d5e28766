"""What a sender is told: the messages OTLP asks for, in the encoding it spoke."""

import json

from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceResponse
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceResponse

from analysis.ingest.otlp.bodies import Encoding

_MESSAGE_OF_STATUS = 2 << 3 | 2  # google.rpc.Status.message, a delimited field


def taken_spans(encoding: Encoding, *, rejected: int = 0, why: str = "") -> bytes:
    if encoding is Encoding.JSON:
        return _partial("rejectedSpans", rejected, why)
    answer = ExportTraceServiceResponse()
    if rejected:
        answer.partial_success.rejected_spans = rejected
        answer.partial_success.error_message = why
    return answer.SerializeToString()


def taken_lines(encoding: Encoding, *, rejected: int = 0, why: str = "") -> bytes:
    if encoding is Encoding.JSON:
        return _partial("rejectedLogRecords", rejected, why)
    answer = ExportLogsServiceResponse()
    if rejected:
        answer.partial_success.rejected_log_records = rejected
        answer.partial_success.error_message = why
    return answer.SerializeToString()


def refused(encoding: Encoding, message: str) -> bytes:
    """A google.rpc.Status with a message; its code has no use in OTLP and may be left out."""
    if encoding is Encoding.JSON:
        return json.dumps({"message": message}).encode()
    text = message.encode()
    return bytes([_MESSAGE_OF_STATUS]) + _varint(len(text)) + text


def _partial(name: str, rejected: int, why: str) -> bytes:
    told = {"partialSuccess": {name: str(rejected), "errorMessage": why}} if rejected else {}
    return json.dumps(told).encode()


def _varint(number: int) -> bytes:
    """Seven bits a byte, lowest first, the high bit where more follow."""
    found = bytearray()
    while number >= 0x80:
        found.append(number & 0x7F | 0x80)
        number >>= 7
    return bytes([*found, number])
