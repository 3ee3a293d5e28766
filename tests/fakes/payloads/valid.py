"""Deliveries of every format that are read, for those who spoil them."""

from tests.fakes.payloads import (
    alertmanager,
    cloudevents,
    cloudwatch,
    datadog,
    github,
    grafana,
    own,
    pagerduty,
    sentry,
)
from tests.fakes.payloads.sent import Sent

VALID: dict[str, tuple[Sent, ...]] = {
    "alertmanager": (
        alertmanager.firing(),
        alertmanager.resolved(),
        Sent(alertmanager.body(alertmanager.alert(), alertmanager.alert(fingerprint="b"))),
    ),
    "grafana": (
        grafana.firing(),
        grafana.resolved(),
        grafana.about_the_source(),
        grafana.tested(),
        grafana.legacy(),
    ),
    "datadog": (datadog.firing(), datadog.resolved(), datadog.no_data()),
    "cloudwatch_sns": (
        cloudwatch.sns(),
        cloudwatch.sns_resolved(),
        cloudwatch.asks(),
        cloudwatch.asks("UnsubscribeConfirmation"),
        cloudwatch.composite(),
    ),
    "eventbridge": (cloudwatch.event(), cloudwatch.event_state("OK")),
    "pagerduty": (
        pagerduty.webhook("incident.triggered"),
        pagerduty.webhook("incident.resolved", pagerduty.RESOLVED, status="resolved"),
        pagerduty.note(),
    ),
    "pagerduty_events": (
        pagerduty.event(),
        pagerduty.follow_up("acknowledge"),
        pagerduty.follow_up("resolve"),
        pagerduty.change(),
    ),
    "sentry": (
        sentry.issue(),
        sentry.issue("resolved"),
        sentry.event_alert(),
        sentry.metric_alert(),
        sentry.metric_alert("resolved"),
    ),
    "cloudevents": (
        cloudevents.structured(),
        cloudevents.structured("resolved"),
        cloudevents.binary(),
        cloudevents.batch(cloudevents.event(), cloudevents.event("resolved")),
    ),
    "generic": (own.generic(), own.generic("resolved", ends_at=own.ENDED)),
    "changes": (Sent(own.change()), Sent({"changes": [own.change(), own.change(id=7)]})),
    "github": (github.deployment(), github.status(), github.ping()),
}
