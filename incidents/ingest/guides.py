"""How each kind of sender is set up, step by step, and how it proves itself."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum

from incidents.ingest import snippets
from incidents.ingest.snippets import Door, Snippet


class Proof(StrEnum):
    """How a sender shows that a delivery is its own."""

    TOKEN = "token"  # noqa: S105 - a word; it sends along a token that AIRRA makes
    ROUTING_KEY = "routing key"  # the same, in the body
    OWN_KEY = "secret"  # it signs with a key that AIRRA makes
    THEIR_KEY = "signing key"  # it signs with a key that it makes, and people bring
    CERTIFICATE = "certificate"  # it signs with its own certificate


@dataclass(frozen=True)
class Guide:
    """One kind of sender. `steps` are paragraphs; `{hook}` and `{base}` are addresses."""

    name: str
    about: str
    proof: Proof
    steps: str
    paste: Callable[[Door], list[Snippet]]
    docs: str  # the page of our documentation
    path: str = ""  # where it delivers below the base, if not at the integration's own address
    signed: str = ""  # the steps in place of `steps` once it has a key that signs
    paste_signed: Callable[[Door], list[Snippet]] = snippets.nothing

    def address(self, door: Door) -> str:
        return f"{door.base_url}{self.path}" if self.path else door.hook

    def told(self, door: Door, *, is_signed: bool = False) -> list[str]:
        chosen = self.signed if is_signed else self.steps
        steps = (" ".join(step.split()) for step in chosen.split("\n\n"))
        return [step.format(hook=door.hook, base=door.base_url) for step in steps]


GUIDES: Mapping[str, Guide] = {
    "alertmanager": Guide(
        name="Alertmanager",
        about="Alerts of Prometheus, Mimir, Thanos and VictoriaMetrics.",
        proof=Proof.TOKEN,
        steps="""
            Add the receiver to alertmanager.yml, and its route before the others.

            “continue” goes on to the routes below, not to the receiver of the root: where
            there are no other routes, add one to it, or it hears nothing any more.

            Check it with “amtool check-config”, and who is told with “amtool config
            routes test”; then reload Alertmanager.
        """,
        paste=snippets.alertmanager,
        docs="connect-alertmanager.md",
    ),
    "grafana": Guide(
        name="Grafana",
        about="Alert rules of Grafana, whatever they read.",
        proof=Proof.TOKEN,
        steps="""
            Under Alerting, Contact points, add a Webhook with this address; under its
            optional settings choose the scheme Bearer and give the token. Or provision
            it with the file.

            Name the contact point in a notification policy.
        """,
        paste=snippets.grafana,
        docs="connect-grafana.md",
        signed="""
            In the contact point's HMAC signature settings put the signing key in as the
            secret, and name X-Grafana-Alerting-Timestamp as the timestamp header. Grafana
            12 and later can.

            Take the token out: it is not enough any more.
        """,
    ),
    "datadog": Guide(
        name="Datadog",
        about="Monitors of Datadog, through its Webhooks integration.",
        proof=Proof.TOKEN,
        steps="""
            Under Integrations, Webhooks, make a webhook named airra with this address.

            Paste the payload and the custom headers. Leave “Encode as form” off.

            Name it in the message of every monitor that AIRRA should hear of.
        """,
        paste=snippets.datadog,
        docs="connect-datadog.md",
    ),
    "cloudwatch_sns": Guide(
        name="CloudWatch over SNS",
        about="CloudWatch alarms that are sent to an SNS topic.",
        proof=Proof.CERTIFICATE,
        steps="""
            Subscribe the address to each topic named here. AIRRA confirms the
            subscription by itself, once the signature is good and the topic is one of
            these.

            Name the topic as alarm action and as OK action of every alarm: without the
            OK action an alert never ends.
        """,
        paste=snippets.sns,
        docs="connect-cloudwatch.md",
    ),
    "eventbridge": Guide(
        name="CloudWatch over EventBridge",
        about="State changes of CloudWatch alarms, without an SNS topic.",
        proof=Proof.TOKEN,
        steps="""
            Make a connection, an API destination and a rule; each command needs what
            the one before it prints.
        """,
        paste=snippets.eventbridge,
        docs="connect-cloudwatch.md",
    ),
    "pagerduty": Guide(
        name="PagerDuty webhooks",
        about="Incidents of PagerDuty, as they are triggered, acknowledged and resolved.",
        proof=Proof.THEIR_KEY,
        steps="""
            In PagerDuty, under Integrations, Generic Webhooks (v3), add a webhook with
            this address and every incident event.

            PagerDuty shows its secret once. Bring it here as the signing key: until
            then no delivery is trusted.
        """,
        paste=snippets.nothing,
        docs="connect-pagerduty.md",
    ),
    "pagerduty_events": Guide(
        name="PagerDuty Events v2 senders",
        about="Anything that can send to PagerDuty: only its URL and routing key change.",
        proof=Proof.ROUTING_KEY,
        steps="""
            At the sender, put {base} in place of https://events.pagerduty.com.

            Put the secret of this integration in place of the routing (integration)
            key.
        """,
        paste=snippets.pagerduty_events,
        docs="connect-pagerduty.md",
        path="/v2/enqueue",
    ),
    "sentry": Guide(
        name="Sentry",
        about="Issues and metric alerts of Sentry.",
        proof=Proof.THEIR_KEY,
        steps="""
            In Sentry, under Settings, Developer Settings, create an internal
            integration with this address as its webhook URL; switch “Alert Rule Action”
            on.

            Give it Issue & Event: Read, and tick the webhook “issue”, so that a
            resolved issue ends its alert.

            Bring its client secret here as the signing key.
        """,
        paste=snippets.nothing,
        docs="connect-sentry.md",
    ),
    "cloudevents": Guide(
        name="CloudEvents",
        about="Events in the CNCF's format, from Knative, Argo, Dapr and others.",
        proof=Proof.TOKEN,
        steps="""
            Send to this address, structured, binary or batched. The mapping says where
            an event keeps what.
        """,
        paste=snippets.cloudevents,
        docs="connect-anything.md",
    ),
    "generic": Guide(
        name="Generic JSON",
        about="Any script or tool that can POST JSON.",
        proof=Proof.TOKEN,
        steps="""
            Send to this address. If the body has other names than these, send it once,
            and point the mapping at what arrived.
        """,
        paste=snippets.generic,
        docs="connect-anything.md",
        signed="""
            Sign each body with the signing key: the HMAC-SHA256 of the Unix time, a dot and
            the body. The key itself is never sent along.
        """,
        paste_signed=snippets.generic_signed,
    ),
    "changes": Guide(
        name="Change events",
        about="Deploys, flags and settings, told by a pipeline; looked at when a cause is sought.",
        proof=Proof.TOKEN,
        steps="""
            Send to this address whenever something is changed on purpose.
        """,
        paste=snippets.changes,
        docs="connect-changes.md",
    ),
    "github": Guide(
        name="GitHub deployments",
        about="Deployments and their outcome, from a repository or an organisation.",
        proof=Proof.OWN_KEY,
        steps="""
            In the repository or organisation, under Settings, Webhooks, add a webhook
            with this address, content type application/json and the secret.

            Choose the events Deployments and Deployment statuses.
        """,
        paste=snippets.github,
        docs="connect-changes.md",
    ),
}
