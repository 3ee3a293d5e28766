"""https://docs.github.com/en/webhooks/webhook-events-and-payloads: deployments and their states."""

from typing import Any

from tests.fakes.payloads.sent import Sent, without_blanks

DEPLOYMENT = {
    "url": "https://api.github.example/repos/shop/payments/deployments/145988746",
    "id": 145988746,
    "task": "deploy",
    "original_environment": "production",
    "environment": "production",
    "description": None,
    "created_at": "2026-03-01T11:50:00Z",
    "updated_at": "2026-03-01T11:50:00Z",
    "sha": "f95f852bd8fca8fcc58a9a2d6c842781e32a215e",
    "ref": "v2.1",
    "payload": {},
    "creator": {"login": "octocat", "id": 1},
}
REPOSITORY = {
    "id": 186853002,
    "name": "payments",
    "full_name": "shop/payments",
    "html_url": "https://github.example/shop/payments",
}


def hook(event: str, body: dict[str, Any], guid: str = "") -> Sent:
    headers = {"x-github-event": event, "x-github-delivery": guid or f"guid-of-{event}"}
    sender = {"login": "octocat", "id": 1}
    return Sent({"repository": REPOSITORY, "sender": sender} | body, headers=headers)


def deployment(**fields: Any) -> Sent:
    told = {"action": "created", "deployment": without_blanks(DEPLOYMENT | fields)}
    return hook("deployment", told)


def status(state: str = "success", **fields: Any) -> Sent:
    usual = {
        "id": 209916254,
        "state": state,
        "creator": {"login": "octocat", "id": 1},
        "description": "",
        "environment": "production",
        "target_url": "",
        "log_url": "https://ci.example/runs/7",
        "created_at": "2026-03-01T11:55:00Z",
    }
    told = {"action": "created", "deployment_status": without_blanks(usual | fields)}
    return hook("deployment_status", told | {"deployment": DEPLOYMENT}, f"guid-of-{state}")


def ping() -> Sent:
    return hook("ping", {"zen": "Design for failure.", "hook_id": 1, "hook": {"type": "App"}})
