"""Every format that brings alerts, with the deliveries the contract asks of each."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime

from incidents.lifecycle import Severity
from tests.fakes.payloads import (
    alertmanager,
    cloudevents,
    cloudwatch,
    datadog,
    grafana,
    own,
    pagerduty,
    sentry,
)
from tests.fakes.payloads.sent import Sent

S = Severity
Path = tuple[str | int, ...]
BEGAN = datetime(2026, 3, 1, 11, 50, tzinfo=UTC)
ENDED = datetime(2026, 3, 1, 11, 58, tzinfo=UTC)
WORDS = {
    "critical": S.CRITICAL,
    "fatal": S.CRITICAL,
    "P1": S.CRITICAL,
    "error": S.HIGH,
    "high": S.HIGH,
    "p2": S.HIGH,
    "Warning": S.MEDIUM,
    "P3": S.MEDIUM,
    "low": S.LOW,
    "P4": S.LOW,
    "info": S.INFO,
    "debug": S.INFO,
    "P5": S.INFO,
}


@dataclass(frozen=True)
class Vendor:
    kind: str
    firing: Sent
    resolved: Sent
    titled: Callable[[str], Sent]
    service: str
    severity: Severity
    start: Path  # where a firing delivery tells its start
    required: tuple[tuple[Path, str], ...]  # what may not be missing, and how it is named
    severe: Callable[[str], Sent] | None = None
    words: dict[str, Severity] = field(default_factory=lambda: WORDS)
    acknowledged: Sent | None = None
    no_data: Sent | None = None
    suppressed: Sent | None = None
    has_identity: bool = True
    is_start_needed: bool = False


VENDORS = (
    Vendor(
        "alertmanager",
        alertmanager.firing(),
        alertmanager.resolved(),
        alertmanager.titled,
        service="payments",
        severity=S.CRITICAL,
        severe=alertmanager.severe,
        start=("alerts", 0, "startsAt"),
        is_start_needed=True,
        required=(
            (("version",), "version"),
            (("alerts",), "alerts"),
            (("alerts", 0, "status"), "alerts[0].status"),
            (("alerts", 0, "labels"), "alerts[0].labels"),
            (("alerts", 0, "startsAt"), "alerts[0].startsAt"),
        ),
    ),
    Vendor(
        "grafana",
        grafana.firing(),
        grafana.resolved(),
        grafana.titled,
        service="Shop/High memory",
        severity=S.MEDIUM,
        severe=grafana.severe,
        start=("alerts", 0, "startsAt"),
        is_start_needed=True,
        no_data=grafana.about_the_source(),
        required=(
            (("version",), "version"),
            (("alerts",), "alerts"),
            (("alerts", 0, "status"), "alerts[0].status"),
            (("alerts", 0, "labels"), "alerts[0].labels"),
            (("alerts", 0, "startsAt"), "alerts[0].startsAt"),
        ),
    ),
    Vendor(
        "datadog",
        datadog.firing(),
        datadog.resolved(),
        datadog.titled,
        service="payments",
        severity=S.HIGH,
        severe=datadog.severe,
        start=("date",),
        no_data=datadog.no_data(),
        required=((("alert_transition",), "alert_transition"),),
    ),
    Vendor(
        "cloudwatch_sns",
        cloudwatch.sns(),
        cloudwatch.sns_resolved(),
        lambda text: cloudwatch.sns(AlarmName=text),
        service="shop-api",
        severity=S.CRITICAL,
        severe=lambda word: cloudwatch.sns(AlarmTags={"Severity": word}),
        start=(),
        no_data=cloudwatch.sns_no_data(),
        required=((("Type",), "Type"), (("Message",), "Message")),
    ),
    Vendor(
        "eventbridge",
        cloudwatch.event(),
        cloudwatch.event_state("OK", cloudwatch.ENDED),
        lambda text: cloudwatch.event(alarmName=text),
        service="shop-api",
        severity=S.CRITICAL,
        severe=lambda word: cloudwatch.event(alarmTags={"priority": word}),
        start=("detail", "state", "timestamp"),
        no_data=cloudwatch.event_state("INSUFFICIENT_DATA"),
        suppressed=cloudwatch.event_state("ALARM", actionsSuppressedBy="Alarm"),
        required=(
            (("detail-type",), "detail-type"),
            (("resources",), "resources"),
            (("detail",), "detail"),
            (("detail", "alarmName"), "detail.alarmName"),
            (("detail", "state"), "detail.state"),
            (("detail", "state", "value"), "detail.state.value"),
        ),
    ),
    Vendor(
        "pagerduty",
        pagerduty.webhook("incident.triggered"),
        pagerduty.webhook("incident.resolved", pagerduty.RESOLVED, status="resolved"),
        lambda text: pagerduty.webhook("incident.triggered", title=text),
        service="API Service",
        severity=S.CRITICAL,
        severe=lambda word: pagerduty.webhook(
            "incident.triggered", priority=pagerduty.reference("priority", "P", word)
        ),
        start=("event", "data", "created_at"),
        acknowledged=pagerduty.webhook("incident.acknowledged", status="acknowledged"),
        required=(
            (("event",), "event"),
            (("event", "event_type"), "event.event_type"),
            (("event", "data"), "event.data"),
            (("event", "data", "id"), "event.data.id"),
        ),
    ),
    Vendor(
        "pagerduty_events",
        pagerduty.event(),
        pagerduty.follow_up("resolve"),
        lambda text: pagerduty.event(summary=text),
        service="mysql",
        severity=S.CRITICAL,
        severe=lambda word: pagerduty.event(severity=word),
        start=("payload", "timestamp"),
        acknowledged=pagerduty.follow_up("acknowledge"),
        has_identity=False,
        required=(
            (("event_action",), "event_action"),
            (("payload",), "payload"),
            (("payload", "summary"), "payload.summary"),
            (("payload", "source"), "payload.source"),
        ),
    ),
    Vendor(
        "sentry",
        sentry.issue(),
        sentry.issue("resolved", status="resolved"),
        lambda text: sentry.issue(title=text),
        service="payments",
        severity=S.HIGH,
        severe=lambda word: sentry.issue(level=word),
        start=("data", "issue", "firstSeen"),
        suppressed=sentry.issue("archived", substatus="archived_forever"),
        required=(
            (("action",), "action"),
            (("data",), "data"),
            (("data", "issue"), "data.issue"),
            (("data", "issue", "id"), "data.issue.id"),
        ),
    ),
    Vendor(
        "cloudevents",
        cloudevents.structured(),
        cloudevents.structured("resolved", time=cloudevents.ENDED),
        lambda text: cloudevents.structured(data={"title": text}),
        service="payments",
        severity=S.HIGH,
        severe=lambda word: cloudevents.structured(severitytext=word, severitynumber=...),
        start=("time",),
        acknowledged=cloudevents.structured("acknowledged"),
        no_data=cloudevents.structured("no_data"),
        suppressed=cloudevents.structured("suppressed"),
        required=(
            (("specversion",), "specversion"),
            (("id",), "id"),
            (("source",), "source"),
            (("type",), "type"),
        ),
    ),
    Vendor(
        "generic",
        own.generic(),
        own.generic("resolved", ends_at=own.ENDED),
        lambda text: own.generic(title=text),
        service="payments",
        severity=S.CRITICAL,
        severe=lambda word: own.generic(severity=word),
        start=("starts_at",),
        acknowledged=own.generic("acknowledged"),
        no_data=own.generic("no_data"),
        suppressed=own.generic("suppressed"),
        has_identity=False,
        required=((("title",), "title"),),
    ),
)
