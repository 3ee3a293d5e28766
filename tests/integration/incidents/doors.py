"""A sender of any kind at its own address, proving itself the way its vendor does."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from django.core.cache import cache
from django.test import Client
from django.urls import reverse

from incidents.commands import delivery as commands
from incidents.commands.integration import create_integration, set_signing_key
from incidents.ingest.trust.judge import ONLY_SIGNED
from incidents.models import Alert, Delivery, Integration, Workspace
from tests.fakes.payloads.cloudwatch import TOPIC
from tests.fakes.payloads.sent import NOW, Sent
from tests.fakes.signers import SIGNERS, UNIX
from tests.fakes.sns_signer import Signer

SNS = Signer.made(until=NOW.replace(year=2027))


@dataclass
class Door:
    """Posts what a vendor posts, and runs the jobs that it wakes."""

    integration: Integration
    token: str
    key: str
    run_jobs: Callable[..., Any]

    def post(
        self, sent: Sent, *, key: str | None = None, at: int = UNIX, lost: bool = False
    ) -> Any:
        """Signed with `key` where the kind signs, else with the token; `lost` loses the jobs."""
        kind = self.integration.kind
        sent = self.addressed(sent)
        headers = dict(sent.headers)
        signing = self.key if key is None else key
        if kind in SIGNERS and signing:
            headers |= SIGNERS[kind](signing.encode(), sent.raw, at)
        elif self.token and kind != "pagerduty_events":
            headers["Authorization"] = f"Bearer {self.token}"
        with self.run_jobs(execute=not lost):
            return Client(headers=headers).post(
                self.path(sent), sent.raw, content_type=sent.content_type
            )

    def path(self, sent: Sent) -> str:
        if self.integration.kind == "pagerduty_events":
            return reverse("enqueue-change" if sent.channel else "enqueue")
        return reverse("hook", args=[self.integration.pk])

    def addressed(self, sent: Sent) -> Sent:
        """With the secret that stands in the body, or Amazon's signature over it."""
        if self.integration.kind == "pagerduty_events":
            return sent.but(("routing_key",), self.token)
        if self.integration.kind == "cloudwatch_sns" and isinstance(sent.body, dict):
            known = {**sent.body, "Timestamp": NOW.isoformat()}
            cache.set(f"airra:sns:{known['SigningCertURL']}", SNS.pem.decode(), 60)
            return Sent(SNS.signed(known), sent.headers, sent.content_type, sent.channel)
        return sent

    def sweep(self) -> None:
        with self.run_jobs(execute=True):
            commands.sweep()

    def deliveries(self) -> list[Delivery]:
        return list(Delivery.objects.filter(integration=self.integration).order_by("id"))

    def states(self) -> list[str]:
        return [str(delivery.state) for delivery in self.deliveries()]

    def alerts(self) -> list[Alert]:
        return list(Alert.objects.filter(integration=self.integration).order_by("starts_at"))


def door(workspace: Workspace, kind: str, run_jobs: Callable[..., Any], by: Any) -> Door:
    """An integration of this kind with the secret that its vendor would have."""
    topics = [TOPIC] if kind == "cloudwatch_sns" else []
    made, text = create_integration(workspace=workspace, name=kind, kind=kind, by=by, topics=topics)
    key = ""
    if kind in ONLY_SIGNED:
        key = text or set_signing_key(integration=made, by=by, key="of the vendor's making")
        text = ""
    return Door(made, text, key, run_jobs)


def as_json(sent: Sent) -> Any:
    return json.loads(sent.raw)
