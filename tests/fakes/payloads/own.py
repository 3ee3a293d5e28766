"""What people send of their own: generic bodies and change events."""

from typing import Any

from tests.fakes.payloads.sent import Sent, without_blanks

STARTED, ENDED = "2026-03-01T11:50:00Z", "2026-03-01T11:58:00Z"


def generic(state: str = "firing", **fields: Any) -> Sent:
    usual = {
        "title": "disk full",
        "key": "disk-1",
        "state": state,
        "severity": "P1",
        "service": "payments",
        "description": "97 %",
        "labels": {"host": "db-1"},
        "starts_at": STARTED,
        "url": "https://monitor.example/disk-1",
    }
    return Sent(without_blanks(usual | fields))


def change(**fields: Any) -> dict[str, Any]:
    usual = {
        "id": "deploy-42",
        "at": STARTED,
        "kind": "deploy",
        "service": "payments",
        "title": "payments 2.1",
        "actor": "ana",
        "from": "2.0",
        "to": "2.1",
        "revision": "a1b2c3",
        "url": "https://ci.example/42",
    }
    return without_blanks(usual | fields)
