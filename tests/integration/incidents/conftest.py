"""Senders: an integration with its token, and deliveries to its address over HTTP."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from pytest_django import DjangoCaptureOnCommitCallbacks

from airra.lib import clock
from incidents.commands import delivery as commands
from incidents.commands.integration import create_integration
from incidents.models import Alert, Delivery, Incident, Integration, Workspace

Answer = Any  # Django's test response: an HttpResponse with .json()


@dataclass
class Sender:
    """Posts what a monitoring system would, and runs the jobs that it wakes."""

    integration: Integration
    token: str
    run_jobs: Callable[..., Any]

    def post(
        self, body: object, *, lost: bool = False, key: str = "", authorization: str | None = None
    ) -> Answer:
        """Deliver a body, raw or as JSON; `lost` loses the messages to the workers."""
        raw = body if isinstance(body, bytes) else json.dumps(body).encode()
        headers = {"Idempotency-Key": key} if key else {}
        headers["Authorization"] = authorization or f"Bearer {self.token}"
        if authorization == "":
            del headers["Authorization"]
        with self.run_jobs(execute=not lost):
            return Client(headers=headers).post(
                reverse("hook", args=[self.integration.pk]), raw, content_type="application/json"
            )

    def sweep(self) -> None:
        with self.run_jobs(execute=True):
            commands.sweep()

    def delivery(self) -> Delivery:
        return Delivery.objects.get(integration=self.integration)

    def incident(self) -> Incident:
        return Incident.objects.get(workspace=self.integration.workspace)

    def story(self) -> list[str]:
        return list(self.incident().events.order_by("id").values_list("text", flat=True))

    def episodes(self) -> list[str]:
        found = Alert.objects.filter(integration=self.integration).order_by("starts_at")
        return list(found.values_list("status", flat=True))


@pytest.fixture
def generic(
    workspace: Workspace,
    hands: clock.Hands,
    django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks,
) -> Sender:
    made, token = create_integration(
        workspace=workspace, name="scripts", kind=Integration.Kind.GENERIC, by=None
    )
    return Sender(made, token, django_capture_on_commit_callbacks)


@pytest.fixture
def alertmanager(
    workspace: Workspace,
    hands: clock.Hands,
    django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks,
) -> Sender:
    made, token = create_integration(
        workspace=workspace, name="alertmanager", kind=Integration.Kind.ALERTMANAGER, by=None
    )
    return Sender(made, token, django_capture_on_commit_callbacks)


def fired(name: str = "HighErrors", *, minute: int = 0, **changed: Any) -> dict[str, Any]:
    """One alert of Alertmanager about payments, begun so many minutes before 02:59."""
    labels = {"alertname": name, "service": "payments", "severity": "warning"}
    labels |= changed.pop("labels", {})
    return {
        "status": "firing",
        "labels": {key: value for key, value in labels.items() if value},
        "annotations": {},
        "startsAt": f"2026-03-02T02:{59 - minute:02}:00Z",
        "endsAt": "0001-01-01T00:00:00Z",
        "fingerprint": name,
        **changed,
    }


def over(name: str = "HighErrors", *, end: str = "2026-03-02T02:59:30Z", **changed: Any) -> Any:
    return fired(name, status="resolved", endsAt=end, **changed)


def batch(*alerts: dict[str, Any], **changed: Any) -> dict[str, Any]:
    return {"version": "4", "groupKey": "{}", "alerts": list(alerts), **changed}
