"""CloudEvents 1.0 over HTTP: binary, structured and batched.

https://github.com/cloudevents/spec. Events are read through the integration's mapping, over an
object of the attributes with the payload as `data`. The id of an event names the event: which
alert it is about, `data.dedup_key` says, or its source, subject and type together.
"""

import base64
import binascii
from typing import Any
from urllib.parse import unquote

from incidents.ingest.alerts import Batch, Malformed, Message, NewAlert
from incidents.ingest.fields import Field, decode, document
from incidents.ingest.formats.draft import Draft, bounded, digest
from incidents.ingest.mapping import RESOLVE_STATES, Plan, checked, state_of
from incidents.ingest.severity import severity_of, severity_of_number
from incidents.lifecycle import AlertStatus, Severity

VERSION = "1.0"
_STRUCTURED = "application/cloudevents+json"
_BATCH = "application/cloudevents-batch+json"
_REQUIRED = ("id", "source", "type")
_PLACES = {
    "title": "not_null(data.title, data.summary, subject, type)",
    "key": "data.dedup_key",
    "state": "data.state",
    "severity": "not_null(severitytext, data.severity)",
    "service": "not_null(data.service, subject)",
    "description": "data.description",
    "labels": "data.labels",
    "starts_at": "time",
    "ends_at": "time",
    "url": "data.url",
}
_OVER = frozenset(RESOLVE_STATES) | {"recovered", "cleared"}
_BEGINS = (AlertStatus.FIRING, AlertStatus.NO_DATA)  # the time of any other event is no start
_BEGUN = ("firing", "fired", "triggered", "opened", "open", "raised", "started", "alerting")


def parse(message: Message, *, mapping: object) -> Batch:
    """An alert of each event. Raises `Malformed` with the field that is wrong."""
    plan = checked(mapping, places=_PLACES)
    events = _events(message)
    alerts = tuple(_alert(plan, event, message) for event in events)
    return Batch(alerts, note="" if alerts else "an empty batch of events")


def identity(message: Message) -> str:
    """Source and id: by the specification the same pair is the same event."""
    pairs = [(event["source"].text(), event["id"].text()) for event in _events(message)]
    return digest("cloudevents", sorted(pairs)) if pairs else ""


def _events(message: Message) -> list[Field]:
    media_type = message.content_type.partition(";")[0].strip().lower()
    if media_type == _BATCH:
        batch = document(message)
        events = bounded(Field("the batch", batch.value), message)
    elif media_type != _STRUCTURED and "ce-id" in message.headers:
        events = [Field("", _binary(message, media_type))]
    else:
        event = document(message)
        if isinstance(event.value, list):
            event.refuse(f"one event; several are sent as {_BATCH}")
        events = [event]
    return [_checked(event) for event in events]


def _checked(event: Field) -> Field:
    if event["specversion"].value != VERSION:
        event["specversion"].refuse(f'"{VERSION}", the version of CloudEvents')
    for name in _REQUIRED:
        if not event[name].text():
            event[name].refuse("a text that is not empty")
    return Field(event.path, _with_data(event))


def _binary(message: Message, media_type: str) -> dict[str, Any]:
    """Attributes from `ce-` headers, percent-decoded as the binding asks; the body is the data."""
    found: dict[str, Any] = {
        name.removeprefix("ce-"): unquote(value, errors="replace")
        for name, value in message.headers.items()
        if name.startswith("ce-")
    }
    is_json = not media_type or media_type.endswith(("/json", "+json"))
    if message.body and is_json:
        found["data"] = decode(message.body)
    elif message.body:
        found["data"] = message.body.decode(errors="replace")
    return found


def _with_data(event: Field) -> dict[str, Any]:
    packed = event["data_base64"]
    found = dict(event.members())
    if not packed.is_missing:
        try:
            raw = base64.b64decode(packed.text(), validate=True)
        except (binascii.Error, ValueError):
            packed.refuse("base64")
        try:
            found["data"] = decode(raw)
        except Malformed:
            found["data"] = raw.decode(errors="replace")
    return found


def _alert(plan: Plan, event: Field, message: Message) -> NewAlert:
    found = {name: plan.find(name, event.value, within=event.path) for name in plan.fields}
    base, last = _split(event["type"].text())
    state = found["state"].word().lower() or last
    status = plan.status(state, event.value, within=event.path)
    if plan.has_usual_words and state in _OVER:
        status = AlertStatus.RESOLVED
    word = found["severity"].word()
    key = found["key"].word()
    return Draft(
        key=key or digest(event["source"].text(), event["subject"].text(), base),
        title=found["title"].word() or event["type"].text(),
        status=status,
        word=word,
        severity=plan.severity(word) or _by_number(event["severitynumber"], word),
        starts_at=found["starts_at"].moment_or_unix() if status in _BEGINS else None,
        ends_at=found["ends_at"].moment_or_unix(),
        at=event["time"].moment_or_unix(),
        service=found["service"].word(),
        description=found["description"].text(),
        labels=found["labels"].words(),
        url=found["url"].text(),
    ).alert(message.received_at)


def _split(kind: str) -> tuple[str, str]:
    """`com.example.alert.resolved`: what it is about, and what became of it, where that is told."""
    base, _, last = kind.rpartition(".")
    word = last.lower()
    told = word in _OVER or word in _BEGUN or state_of(word) is not None
    return (base, word) if base and told else (kind, "")


def _by_number(number: Field, word: str) -> Severity | None:
    """OpenTelemetry's scale, which counts when the text says nothing that is known."""
    told = number.word()
    if severity_of(word)[1] or not (told.isascii() and told.isdecimal() and len(told) < 4):
        return None
    return severity_of_number(int(told))
