"""What senders of PagerDuty's Events API v2 post: they change the address, and nothing else.

https://developer.pagerduty.com/docs/send-alert-event and …/send-change-event. The routing key is
the secret of the integration and never part of a key or a label. A trigger without a severity is
taken, though PagerDuty asks for one: Alertmanager leaves it empty where the alerts of a group
differ in it, and gives an event up for good at a 400.
"""

from incidents.ingest.alerts import Batch, Message, NewAlert, NewChange
from incidents.ingest.fields import Field, document
from incidents.ingest.formats.draft import Draft, digest, first, fitted
from incidents.lifecycle import AlertStatus

CHANGE = "change"  # the channel of /v2/change/enqueue
_ACTIONS = {
    "trigger": AlertStatus.FIRING,
    "acknowledge": AlertStatus.ACKNOWLEDGED,
    "resolve": AlertStatus.RESOLVED,
}
_MAX_KEY = 255
_NAMING = ("component", "group", "source")


def parse(message: Message) -> Batch:
    """The alert of an event, or the change of a change event. Raises `Malformed` with the field."""
    body = document(message)
    if message.channel == CHANGE:
        return Batch(changes=(_change(body, message),))
    return Batch((_alert(body, message),))


def identity(message: Message) -> str:
    """Nothing: an event need not hold a time, so the same body again may be another episode."""
    return ""


def _alert(body: Field, message: Message) -> NewAlert:
    action, key, payload = body["event_action"].text(), body["dedup_key"].text(), body["payload"]
    if action not in _ACTIONS:
        body["event_action"].refuse(f"one of {', '.join(_ACTIONS)}")
    if len(key) > _MAX_KEY or (not key and action != "trigger"):
        body["dedup_key"].refuse(f"the key of the alert, at most {_MAX_KEY} letters")
    if payload.is_missing and action != "trigger":
        payload = Field("payload", {})
    named = {name: payload[name].text() for name in (*_NAMING, "class")}
    summary = payload["summary"].text()
    for needed in ("summary", "source") if action == "trigger" else ():
        if not payload[needed].text():
            payload[needed].refuse("a text, as PagerDuty asks of a trigger")
    details = payload["custom_details"]
    return Draft(
        key=key or digest(summary, named),
        title=summary or key,
        status=_ACTIONS[action],
        word=payload["severity"].text(),
        starts_at=payload["timestamp"].moment() if action == "trigger" else None,
        service=first(named[name] for name in _NAMING),
        description=details.text() if isinstance(details.value, str) else "",
        labels={name: value for name, value in named.items() if value},
        annotations=details.facts(),
        url=_link(body["links"]) or body["client_url"].text(),
    ).alert(message.received_at)


def _change(body: Field, message: Message) -> NewChange:
    payload = body["payload"]
    summary, source = payload["summary"].text(), payload["source"].text()
    if not summary:
        payload["summary"].refuse("a text: what was changed")
    details = payload["custom_details"].facts()
    at = payload["timestamp"].moment() or message.received_at
    return fitted(
        NewChange(
            dedup_key=digest(summary, source, details, at.isoformat()),
            at=at,
            kind=details.get("kind", "deploy"),
            service=details.get("service") or source,
            title=summary,
            actor=details.get("actor", ""),
            revision=details.get("revision", ""),
            url=_link(body["links"]),
        ),
        received_at=message.received_at,
    )


def _link(links: Field) -> str:
    if links.is_missing:
        return ""
    return first(link["href"].text() for link in links.items())
