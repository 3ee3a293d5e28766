"""Each kind of delivery once, with every word of it that reaches the record."""

from typing import Any

import pytest

from incidents.ingest.reading import read
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

ALARM = "Threshold Crossed: 1 datapoint (10.0) was greater than (1.0)."
SAID: list[tuple[str, Sent, dict[str, Any]]] = [
    (
        "alertmanager",
        alertmanager.firing(),
        {
            "dedup_key": "f2a1b0c9d8e7f6a5",
            "title": "HighErrors: 12 % of calls fail",
            "severity_word": "critical",
            "description": "since the deploy",
            "labels": {"alertname": "HighErrors", "service": "payments", "severity": "critical"},
            "annotations": {
                "summary": "12 % of calls fail",
                "description": "since the deploy",
            },
            "url": "http://prometheus.example/graph?g0.expr=up",
        },
    ),
    (
        "grafana",
        grafana.firing(),
        {
            "dedup_key": "1:c6eadffa33fcdf37",
            "title": "High memory: zone us-1",
            "severity_word": "warning",
            "description": "The system has high memory usage",
            "labels": {
                "alertname": "High memory",
                "grafana_folder": "Shop",
                "severity": "warning",
            },
            "annotations": {
                "summary": "zone us-1",
                "description": "The system has high memory usage",
                "value B": "44.23",
                "value C": "1",
            },
            "url": "https://grafana.example/alerting/1afz29v7z/edit",
        },
    ),
    (
        "grafana",
        grafana.legacy(),
        {
            "dedup_key": "1:rule:17",
            "title": "Panel Title alert",
            "severity_word": "",
            "description": "Notification Message\nCount",
            "labels": {"service": "checkout"},
            "annotations": {},
            "url": "https://grafana.example/d/hZ7BuVbWz/dashboard?tab=alert",
        },
    ),
    (
        "datadog",
        datadog.firing(),
        {
            "dedup_key": "28372837283728372",
            "title": "[Triggered on {host:web-1}] CPU is high",
            "severity_word": "P2",
            "description": "CPU is high on web-1",
            "labels": {"monitor": "", "env": "prod", "service": "payments"},
            "annotations": {
                "alert_metric": "system.load.1",
                "alert_scope": "availability-zone:us-east-1a,role:computing-node",
            },
            "url": "https://app.datadoghq.com/event/event?id=7123456789012345678",
        },
    ),
    (
        "cloudwatch_sns",
        cloudwatch.sns(AlarmDescription="the API fails", AlarmTags={"team": "shop"}),
        {
            "dedup_key": cloudwatch.ARN,
            "title": "api-5xx-critical",
            "severity_word": "critical",
            "description": f"{ALARM}\nthe API fails",
            "labels": {
                "ApiName": "shop-api",
                "team": "shop",
                "account": "123456789012",
                "region": "EU (Ireland)",
                "namespace": "AWS/ApiGateway",
                "metric": "5XXError",
            },
        },
    ),
    (
        "eventbridge",
        cloudwatch.event(alarmTags={"team": "shop"}),
        {
            "dedup_key": cloudwatch.ARN,
            "title": "api-5xx-critical",
            "severity_word": "critical",
            "description": f"{ALARM}\nGoes into alarm when the API fails",
            "labels": {
                "ApiName": "shop-api",
                "team": "shop",
                "account": "123456789012",
                "region": "eu-west-1",
            },
        },
    ),
    (
        "pagerduty",
        pagerduty.webhook("incident.triggered"),
        {
            "dedup_key": "PGR0VU2",
            "title": "A little bump in the road",
            "severity_word": "P1",
            "labels": {
                "incident_key": "d3640fbd41094207a1c11e58e46b1662",
                "number": "2",
                "urgency": "high",
                "escalation_policy": "Default",
            },
            "url": "https://acme.pagerduty.example/incidents/PGR0VU2",
        },
    ),
    (
        "pagerduty_events",
        pagerduty.event(),
        {
            "dedup_key": "disk/prod-db-1",
            "title": "DISK at 99 % on prod-db-1",
            "severity_word": "critical",
            "labels": {
                "component": "mysql",
                "group": "prod-datapipe",
                "source": "prod-db-1",
                "class": "disk",
            },
            "annotations": {"free space": "1%", "load": "0.32", "nested": '{"a": [1]}'},
            "url": "https://runbooks.example/disk",
        },
    ),
    (
        "pagerduty_events",
        pagerduty.follow_up("acknowledge"),
        {"title": "disk/prod-db-1", "severity_word": "", "is_severity_mapped": False},
    ),
    (
        "sentry",
        sentry.issue(),
        {
            "dedup_key": "issue:1117540176",
            "title": "ReferenceError: heck is not defined",
            "severity_word": "error",
            "description": "pay(order)",
            "labels": {
                "shortId": "PAYMENTS-Y",
                "platform": "javascript",
                "substatus": "new",
                "priority": "high",
            },
            "url": "https://shop.sentry.example/issues/1117540176/",
        },
    ),
    (
        "sentry",
        sentry.event_alert(),
        {
            "title": "ReferenceError: heck is not defined",
            "severity_word": "error",
            "service": "payments",
            "description": "pay(order)",
            "labels": {"rule": "Very Important Alert Rule!"},
            "url": "https://sentry.example/organizations/shop/issues/1117540176/events/e4874d/",
            "is_start_told": True,
        },
    ),
    (
        "sentry",
        sentry.metric_alert(),
        {
            "dedup_key": "metric:7:4",
            "title": "Too many errors",
            "severity_word": "critical",
            "description": "1000 events in the last 10 minutes",
            "labels": {"projects": "payments"},
            "url": "https://sentry.example/organizations/shop/alerts/1/",
            "is_start_told": True,
        },
    ),
    (
        "cloudevents",
        cloudevents.structured(
            data={
                "title": "disk is full",
                "description": "97 %",
                "labels": {"host": "db-1"},
                "url": "https://monitor.example/d",
            }
        ),
        {
            "title": "disk is full",
            "severity_word": "ERROR",
            "description": "97 %",
            "labels": {"host": "db-1"},
            "url": "https://monitor.example/d",
        },
    ),
    (
        "generic",
        own.generic(),
        {
            "dedup_key": "disk-1",
            "title": "disk full",
            "severity_word": "P1",
            "description": "97 %",
            "labels": {"host": "db-1"},
            "url": "https://monitor.example/disk-1",
        },
    ),
]


@pytest.mark.parametrize(
    ("kind", "sent", "said"), SAID, ids=[f"{n}-{kind}" for n, (kind, _, _) in enumerate(SAID)]
)
def test_every_word_reaches_the_record(kind: str, sent: Sent, said: dict[str, Any]) -> None:
    (found,) = read(kind, sent.message(), mapping={}).alerts
    assert {name: getattr(found, name) for name in said} == said
