"""https://docs.sentry.io/integrations/integration-platform/webhooks/."""

from typing import Any

from tests.fakes.payloads.sent import Sent, without_blanks

FIRST_SEEN, LAST_SEEN = "2026-03-01T11:50:00.679000+00:00", "2026-03-01T11:57:00.738000+00:00"
SENT_AT = 1772366280  # 2026-03-01 11:58


def hook(resource: str, action: str, data: Any, *, sent_at: int = SENT_AT) -> Sent:
    return Sent(
        {
            "action": action,
            "installation": {"uuid": "24b397fc-a86e-43ef-9297-949e21b82480"},
            "data": data,
            "actor": {"type": "application", "id": "sentry", "name": "Sentry"},
        },
        headers={
            "sentry-hook-resource": resource,
            "sentry-hook-timestamp": str(sent_at),
            "sentry-hook-signature": "00",
            "request-id": f"{resource}-{action}-{sent_at}",
        },
    )


def issue(action: str = "created", *, sent_at: int = SENT_AT, **fields: Any) -> Sent:
    usual = {
        "url": "https://sentry.example/api/0/organizations/shop/issues/1117540176/",
        "web_url": "https://shop.sentry.example/issues/1117540176/",
        "project_url": "https://shop.sentry.example/issues/?project=1",
        "id": "1117540176",
        "shareId": None,
        "shortId": "PAYMENTS-Y",
        "title": "ReferenceError: heck is not defined",
        "culprit": "pay(order)",
        "permalink": "https://shop.sentry.example/issues/1117540176/",
        "level": "error",
        "status": "unresolved",
        "statusDetails": {},
        "substatus": "new",
        "platform": "javascript",
        "project": {"id": "1", "name": "payments", "slug": "payments", "platform": "javascript"},
        "metadata": {"title": "ReferenceError"},
        "assignedTo": None,
        "priority": "high",
        "count": "3",
        "userCount": 3,
        "firstSeen": FIRST_SEEN,
        "lastSeen": LAST_SEEN,
    }
    return hook("issue", action, {"issue": without_blanks(usual | fields)}, sent_at=sent_at)


def event_alert(**fields: Any) -> Sent:
    usual = {
        "culprit": "pay(order)",
        "datetime": "2026-03-01T11:51:00.677000Z",
        "event_id": "e4874d664c3540c1a32eab185f12c5ab",
        "issue_url": "https://sentry.example/api/0/issues/1117540176/",
        "issue_id": "1117540176",
        "level": "error",
        "message": "",
        "project": 1,
        "tags": [["browser", "Chrome 75.0.3770"], ["level", "error"]],
        "timestamp": 1772365860.677,
        "title": "ReferenceError: heck is not defined",
        "type": "error",
        "url": "https://sentry.example/api/0/projects/shop/payments/events/e4874d664c35/",
        "web_url": "https://sentry.example/organizations/shop/issues/1117540176/events/e4874d/",
    }
    data = {"event": without_blanks(usual | fields), "triggered_rule": "Very Important Alert Rule!"}
    return hook("event_alert", "triggered", data)


def metric_alert(action: str = "critical", **fields: Any) -> Sent:
    usual = {
        "alert_rule": {"id": "7", "name": "Too many errors", "projects": ["payments"]},
        "date_closed": None,
        "date_created": "2026-03-01T11:50:00.000000Z",
        "date_detected": "2026-03-01T11:50:00.000000Z",
        "date_started": "2026-03-01T11:50:00.000000Z",
        "id": "4",
        "identifier": "1",
        "organization_id": "5",
        "projects": ["payments"],
        "status": 2,
        "title": "Sacred Marmot",
    }
    data = {
        "description_text": "1000 events in the last 10 minutes",
        "description_title": f"{action.capitalize()}: Too many errors",
        "metric_alert": without_blanks(usual | fields),
        "web_url": "https://sentry.example/organizations/shop/alerts/1/",
    }
    return hook("metric_alert", action, data)
