"""Integrations in every standing, and deliveries of every fate."""

import json
from datetime import timedelta

from django.contrib.auth.models import User

from airra.lib import clock
from incidents.commands import integration as integrations
from incidents.models import Alert, ChangeEvent, Delivery, Integration
from tests.factories import incidents as make

LONG = "a_very_long_word_" + "x" * 60
BODY = {"event": {"what": "disk full on db-1", "where": "database"}, "level": "sev1",
        "html": f"<script>alert('body')</script> {LONG}"}  # fmt: skip
TOPICS = ["arn:aws:sns:eu-west-1:123456789012:production-alarms"]


def intake(who: dict[str, User]) -> None:
    now = clock.now()
    scripts = _sender("scripts", "generic", who, last_seen_at=now - timedelta(minutes=2))
    _sender("grafana", "grafana", who, last_seen_at=now, heartbeat_min=30)
    silent = _sender("datadog", "datadog", who, last_seen_at=now - timedelta(hours=3))
    Integration.objects.filter(pk=silent.pk).update(
        heartbeat_min=60, silent_since=now - timedelta(hours=2)
    )
    _sender("pagerduty old", "pagerduty", who, is_active=False)
    _sender("alarms", "cloudwatch_sns", who, topics=TOPICS)
    deploys = _sender("deploys", "changes", who, last_seen_at=now - timedelta(minutes=40))
    _refused(scripts)
    _became(scripts)
    _told(deploys)


def _sender(name: str, kind: str, who: dict[str, User], **fields: object) -> Integration:
    made, _ = integrations.create_integration(
        workspace=make.workspace(), name=name, kind=kind, by=who["admin"]
    )
    Integration.objects.filter(pk=made.pk).update(**fields)
    made.refresh_from_db()
    return made


def _delivery(sender: Integration, number: int, **fields: object) -> Delivery:
    at = clock.now() - timedelta(minutes=3 * number)
    given = {"body": json.dumps(BODY).encode(), "content_type": "application/json", **fields}
    return Delivery.objects.create(
        integration=sender, identity=f"seed-{sender.pk}-{number}", received_at=at, **given
    )


def _refused(sender: Integration) -> None:
    for number in range(1, 4):
        _delivery(
            sender,
            number,
            state=Delivery.State.REFUSED,
            error_field="title",
            error="title: expected a text: the alert's title, got nothing",
            headers={"idempotency-key": f"disk-{number}"},
            remote="192.0.2.7",
        )
    _delivery(sender, 4, body=b"{not json", state="refused", error="expected JSON, got '{not json'")
    _delivery(sender, 5, state="untrusted", error="the token is not this integration's")
    _delivery(sender, 6, state="failed", error="given up after 5 attempts", attempts=5)
    _delivery(sender, 7, body_dropped_at=clock.now(), body=b"", state="processed", alerts_read=1)
    _delivery(sender, 8, state="processed", note="a body with an empty list of alerts", repeats=3)


def _became(sender: Integration) -> None:
    about = make.incident(title="queue of mails grows", source="alert", age_s=700)
    body = {"title": "queue of mails grows", "severity": "medium"}
    found = _delivery(
        sender, 9, body=json.dumps(body).encode(), state="processed", alerts_read=1,
        processed_at=clock.now(),
    )  # fmt: skip
    Alert.objects.create(
        workspace=sender.workspace,
        integration=sender,
        delivery=found,
        dedup_key="queue",
        status=Alert.Status.FIRING,
        title="queue of mails grows",
        severity="medium",
        starts_at=about.started_at,
        incident=about,
    )


def _told(sender: Integration) -> None:
    found = _delivery(sender, 10, state="processed", changes_read=2)
    for number, title in enumerate(("payments v4.2.0", f"checkout v1.8.1 {LONG}")):
        ChangeEvent.objects.create(
            workspace=sender.workspace,
            integration=sender,
            delivery=found,
            dedup_key=f"deploy-{number}",
            at=clock.now() - timedelta(minutes=31),
            kind="deploy",
            service=make.service(title.split()[0]),
            title=title,
            actor="ana",
            revision="4f2c1ab",
        )
