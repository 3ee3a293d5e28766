"""https://developer.pagerduty.com/docs/webhooks-overview, and what is posted to its Events API v2.

https://developer.pagerduty.com/docs/send-alert-event and …/send-change-event.
"""

from typing import Any

from tests.fakes.payloads.sent import Sent, without_blanks

CREATED, RESOLVED = "2026-03-01T11:50:00Z", "2026-03-01T11:58:00.169Z"


def reference(kind: str, key: str, summary: str) -> dict[str, str]:
    page = f"https://acme.pagerduty.example/{kind}s/{key}"
    return {"id": key, "type": f"{kind}_reference", "summary": summary, "html_url": page}


def incident(**fields: Any) -> dict[str, Any]:
    usual = {
        "id": "PGR0VU2",
        "type": "incident",
        "self": "https://api.pagerduty.example/incidents/PGR0VU2",
        "html_url": "https://acme.pagerduty.example/incidents/PGR0VU2",
        "number": 2,
        "status": "triggered",
        "incident_key": "d3640fbd41094207a1c11e58e46b1662",
        "created_at": CREATED,
        "title": "A little bump in the road",
        "service": reference("service", "PF9KMXH", "API Service"),
        "assignees": [reference("user", "PTUXL6G", "User 123")],
        "escalation_policy": reference("escalation_policy", "PUS0KTE", "Default"),
        "teams": [],
        "priority": reference("priority", "PSO75BM", "P1"),
        "urgency": "high",
        "conference_bridge": None,
        "resolve_reason": None,
    }
    return without_blanks(usual | fields)


def webhook(event_type: str, at: str = CREATED, data: Any = None, **fields: Any) -> Sent:
    return Sent(
        {
            "event": {
                "id": f"{event_type}-at-{at}",
                "event_type": event_type,
                "resource_type": "incident",
                "occurred_at": at,
                "agent": reference("user", "PLH1HKV", "Tenex Engineer"),
                "client": None,
                "data": incident(**fields) if data is None else data,
            }
        },
        headers={"x-pagerduty-signature": "v1=00"},
    )


def note() -> Sent:
    about = reference("incident", "PGR0VU2", "A little bump in the road")
    told = {"incident": about, "id": "P2LA89X", "content": "hello", "type": "incident_note"}
    return webhook("incident.annotated", data=told)


def event(action: str = "trigger", **payload: Any) -> Sent:
    usual = {
        "summary": "DISK at 99 % on prod-db-1",
        "timestamp": "2026-03-01T11:50:00.000+0000",
        "severity": "critical",
        "source": "prod-db-1",
        "component": "mysql",
        "group": "prod-datapipe",
        "class": "disk",
        "custom_details": {"free space": "1%", "load": 0.32, "nested": {"a": [1]}},
    }
    return Sent(
        {
            "payload": without_blanks(usual | payload),
            "routing_key": "samplekeyhere",
            "dedup_key": "disk/prod-db-1",
            "images": [],
            "links": [{"href": "https://runbooks.example/disk", "text": "Runbook"}],
            "event_action": action,
            "client": "Sample Monitor",
            "client_url": "https://monitor.example",
        }
    )


def follow_up(action: str) -> Sent:
    """Neither an acknowledgement nor a resolve needs a payload."""
    key = "disk/prod-db-1"
    return Sent({"routing_key": "samplekeyhere", "dedup_key": key, "event_action": action})


def change(**payload: Any) -> Sent:
    usual = {
        "summary": "Build Success: time-out is 30 seconds now",
        "timestamp": "2026-03-01T11:50:00.000+0000",
        "source": "build-pipeline",
        "custom_details": {"build_state": "passed", "service": "payments", "revision": "a1b2c3"},
    }
    return Sent(
        {
            "routing_key": "samplekeyhere",
            "payload": without_blanks(usual | payload),
            "links": [{"href": "https://ci.example/2", "text": "the build"}],
        },
        channel="change",
    )
