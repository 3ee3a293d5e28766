"""https://github.com/cloudevents/spec: the JSON format and the HTTP binding, in all three modes."""

import json
from typing import Any

from tests.fakes.payloads.sent import Sent, without_blanks

STRUCTURED = "application/cloudevents+json; charset=UTF-8"
BATCH = "application/cloudevents-batch+json"
STARTED, ENDED = "2026-03-01T11:50:00Z", "2026-03-01T11:58:00Z"


def event(what: str = "firing", **fields: Any) -> dict[str, Any]:
    usual = {
        "specversion": "1.0",
        "id": f"{what}-1",
        "source": "/monitors/disk",
        "type": f"com.example.disk.{what}",
        "subject": "payments",
        "time": STARTED,
        "datacontenttype": "application/json",
        "severitytext": "ERROR",
        "severitynumber": 17,
        "data": {"title": "disk is full", "description": "97 %", "labels": {"host": "db-1"}},
    }
    return without_blanks(usual | fields)


def structured(what: str = "firing", **fields: Any) -> Sent:
    return Sent(event(what, **fields), content_type=STRUCTURED)


def binary(what: str = "firing", **fields: Any) -> Sent:
    attributes = event(what, **fields)
    data = attributes.pop("data")
    content_type = attributes.pop("datacontenttype")
    headers = {f"ce-{name}": str(value) for name, value in attributes.items()}
    return Sent(json.dumps(data).encode(), headers=headers, content_type=content_type)


def batch(*events: dict[str, Any]) -> Sent:
    return Sent(list(events), content_type=BATCH)
