"""Every format there is: how it is read, and what people are told about it."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from incidents.ingest.alerts import Batch, Message
from incidents.ingest.formats import (
    alertmanager,
    changes,
    cloudevents,
    cloudwatch_sns,
    datadog,
    eventbridge,
    generic,
    github,
    grafana,
    pagerduty,
    pagerduty_events,
    sentry,
)


class Parse(Protocol):
    def __call__(self, message: Message, *, mapping: object) -> Batch: ...


@dataclass(frozen=True)
class Format:
    """One kind of integration. `parse` raises `Malformed`; so may `identity`, empty is "unsaid".

    `headers` are the names, in lower case, that are kept with a delivery: what its sender gave
    meaning or signed. Never one that holds a secret. A name that ends in `*` is a beginning.
    """

    kind: str
    label: str
    docs: str
    parse: Parse
    identity: Callable[[Message], str]
    headers: frozenset[str] = frozenset()
    has_alerts: bool = True
    has_changes: bool = False
    is_mapped: bool = False  # it is read through the integration's mapping
    template: str = ""  # what people paste at the sender, where its body is of their making

    def keeps(self, header: str) -> bool:
        """Whether a header of this name, in lower case, is kept with a delivery."""
        begun = header.partition("-")[0] + "-*"
        return header in self.headers or begun in self.headers or header in _IDEMPOTENCY


def _plain(parse: Callable[[Message], Batch]) -> Parse:
    """Of a format that needs no mapping."""

    def read(message: Message, *, mapping: object) -> Batch:
        return parse(message)

    return read


_AWS = "https://docs.aws.amazon.com/"
_IDEMPOTENCY = frozenset({"idempotency-key"})  # any sender of one's own may send it

_ALL = (
    Format(
        "alertmanager",
        "Alertmanager v4",
        "https://prometheus.io/docs/alerting/latest/configuration/#webhook_config",
        _plain(alertmanager.parse),
        alertmanager.identity,
    ),
    Format(
        "grafana",
        "Grafana alerting",
        "https://grafana.com/docs/grafana/latest/alerting/configure-notifications/"
        "manage-contact-points/integrations/webhook-notifier/",
        _plain(grafana.parse),
        grafana.identity,
        headers=frozenset({"x-grafana-alerting-signature", "x-grafana-alerting-timestamp"}),
    ),
    Format(
        "datadog",
        "Datadog",
        "https://docs.datadoghq.com/integrations/webhooks/",
        _plain(datadog.parse),
        datadog.identity,
        template=datadog.TEMPLATE,
    ),
    Format(
        "cloudwatch_sns",
        "CloudWatch over SNS",
        f"{_AWS}sns/latest/dg/sns-message-and-json-formats.html",
        _plain(cloudwatch_sns.parse),
        cloudwatch_sns.identity,
        headers=frozenset(
            {"x-amz-sns-message-type", "x-amz-sns-message-id", "x-amz-sns-topic-arn"}
        ),
    ),
    Format(
        "eventbridge",
        "CloudWatch over EventBridge",
        f"{_AWS}AmazonCloudWatch/latest/monitoring/cloudwatch-and-eventbridge.html",
        _plain(eventbridge.parse),
        eventbridge.identity,
    ),
    Format(
        "pagerduty",
        "PagerDuty webhooks v3",
        "https://developer.pagerduty.com/docs/webhooks-overview",
        _plain(pagerduty.parse),
        pagerduty.identity,
        headers=frozenset({"x-pagerduty-signature", "x-webhook-id"}),
    ),
    Format(
        "pagerduty_events",
        "PagerDuty Events v2 senders",
        "https://developer.pagerduty.com/docs/send-alert-event",
        _plain(pagerduty_events.parse),
        pagerduty_events.identity,
        has_changes=True,
    ),
    Format(
        "sentry",
        "Sentry",
        "https://docs.sentry.io/integrations/integration-platform/webhooks/",
        _plain(sentry.parse),
        sentry.identity,
        headers=frozenset(
            {
                "sentry-hook-resource",
                "sentry-hook-timestamp",
                "sentry-hook-signature",
                "request-id",
            }
        ),
    ),
    Format(
        "cloudevents",
        "CloudEvents 1.0",
        "https://github.com/cloudevents/spec/blob/main/cloudevents/bindings/http-protocol-binding.md",
        cloudevents.parse,
        cloudevents.identity,
        headers=frozenset({"ce-*", "webhook-request-origin"}),
        is_mapped=True,
    ),
    Format(
        "generic",
        "Generic JSON",
        "https://jmespath.org/specification.html",
        generic.parse,
        generic.identity,
        is_mapped=True,
    ),
    Format(
        "changes",
        "Change events",
        "docs/reference/intake-formats.md",
        _plain(changes.parse),
        changes.identity,
        has_alerts=False,
        has_changes=True,
    ),
    Format(
        "github",
        "GitHub deployments",
        "https://docs.github.com/en/webhooks/webhook-events-and-payloads#deployment",
        _plain(github.parse),
        github.identity,
        headers=frozenset({"x-github-event", "x-github-delivery", "x-hub-signature-256"}),
        has_alerts=False,
        has_changes=True,
    ),
)

FORMATS: dict[str, Format] = {found.kind: found for found in _ALL}
