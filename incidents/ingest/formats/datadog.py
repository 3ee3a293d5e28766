"""Datadog's webhook, whose body is a template of ours.

https://docs.datadoghq.com/integrations/webhooks/. A variable that has no value arrives empty, as
"null", or as its own name; each of them says nothing. "Encode as form" must be off. Transitions
from Datadog are many; whichever ends in "Recovered" ends the alert, from No Data too.
"""

import json

from incidents.ingest.alerts import Batch, Malformed, Message
from incidents.ingest.fields import Field, document
from incidents.ingest.formats.draft import Draft, digest, first
from incidents.lifecycle import AlertStatus, Severity

_VARIABLES = (
    "id", "last_updated", "date", "alert_id", "alert_cycle_key", "aggreg_key", "alert_scope",
    "alert_title", "alert_transition", "alert_type", "alert_priority", "alert_status",
    "alert_metric", "event_title", "text_only_msg", "hostname", "tags", "link", "org_name",
)  # fmt: skip
TEMPLATE = json.dumps({name: f"${name.upper()}" for name in _VARIABLES}, indent=2)

_SAYS_NOTHING = ("null", "none", "n/a")
_REMINDERS = ("re-", "renotify")
_FORM = "application/x-www-form-urlencoded"


def parse(message: Message) -> Batch:
    """The one alert of a body. Raises `Malformed` with the field that is wrong."""
    body = _body(message)
    said = {name: _said(body, name) for name in _VARIABLES}
    if not said["alert_transition"]:
        body["alert_transition"].refuse("what happened to the alert, as in our template")
    status = _status(said["alert_transition"])
    tags = _tags(said["tags"])
    is_reminder = said["alert_transition"].lower().startswith(_REMINDERS)
    begins = status != AlertStatus.RESOLVED and not is_reminder
    date = body["date"].moment_or_unix() if said["date"] else None
    ended = body["last_updated"].moment_or_unix() if said["last_updated"] else None
    draft = Draft(
        key=_key(body, said),
        title=first((said["alert_title"], said["event_title"])),
        status=status,
        word=first((said["alert_priority"], said["alert_type"])),
        severity=Severity.INFO if not said["alert_priority"] and _is_success(said) else None,
        starts_at=date if begins else None,
        ends_at=ended or date,
        at=date if begins else ended or date,
        service=tags.get("service") or said["hostname"],
        description=said["text_only_msg"] or said["alert_status"],
        labels=tags,
        annotations={name: said[name] for name in ("alert_metric", "alert_scope") if said[name]},
        url=said["link"],
    )
    return Batch((draft.alert(message.received_at),))


def identity(message: Message) -> str:
    body = _body(message)
    parts = [_said(body, name) for name in ("id", "alert_transition", "last_updated")]
    return digest(*parts) if parts[0] else ""


def _body(message: Message) -> Field:
    if message.content_type.lower().startswith(_FORM):
        raise Malformed("", "JSON: switch “Encode as form” off in Datadog's webhook", "a form")
    return document(message)


def _said(body: Field, name: str) -> str:
    text = body[name].word()
    return "" if text.lower() in _SAYS_NOTHING or text == f"${name.upper()}" else text


def _status(transition: str) -> AlertStatus:
    word = transition.lower()
    if word.endswith("recovered"):
        return AlertStatus.RESOLVED
    return AlertStatus.NO_DATA if word.endswith("no data") else AlertStatus.FIRING


def _is_success(said: dict[str, str]) -> bool:
    return said["alert_type"].lower() == "success"


def _key(body: Field, said: dict[str, str]) -> str:
    """From trigger to recovery one key: of the cycle, else of the group, else of the monitor."""
    key = first((said["alert_cycle_key"], said["aggreg_key"]))
    if not key and not said["alert_id"]:
        body["alert_cycle_key"].refuse("the key of the alert's cycle, as in our template")
    return key or digest(said["alert_id"], said["alert_scope"])


def _tags(text: str) -> dict[str, str]:
    """`a:b,c` as labels; of a tag told twice the first counts."""
    found: dict[str, str] = {}
    for tag in text.split(","):
        name, _, value = tag.strip().partition(":")
        if name:
            found.setdefault(name, value)
    return found
