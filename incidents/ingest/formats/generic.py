"""Any JSON as alerts. Each field has a default place of its own name; a mapping points elsewhere.

| our field | default place | |
|---|---|---|
| title | `title` | needed |
| key | `key` | which alert this is; default: title and service |
| state | `state` | see `mapping.py`; an unknown word means firing |
| severity, service, description, url | the same | text |
| labels | `labels` | object of texts or numbers |
| starts_at, ends_at | the same | RFC 3339, or Unix seconds or milliseconds; default: on arrival |
"""

from typing import Any

from incidents.ingest.alerts import Batch, Message
from incidents.ingest.fields import document
from incidents.ingest.formats.draft import Draft, digest
from incidents.ingest.mapping import Plan, checked


def parse(message: Message, *, mapping: object) -> Batch:
    """The alerts of a body. Raises `Malformed` with the field that is wrong."""
    plan = checked(mapping)
    parts = plan.parts(document(message))
    alerts = tuple(drafted(plan, part, within).alert(message.received_at) for within, part in parts)
    return Batch(alerts, note="" if alerts else "a body with an empty list of alerts")


def identity(message: Message) -> str:
    """Nothing: a body need not hold a time, so the same body again may be another episode."""
    return ""


def drafted(plan: Plan, part: Any, within: str) -> Draft:
    """One alert, as a mapping finds it in a document."""
    found = {name: plan.find(name, part, within=within) for name in plan.fields}
    title = found["title"].text()
    if not title:
        found["title"].refuse("a text: the alert's title")
    service = found["service"].word()
    word = found["severity"].word()
    return Draft(
        key=_dedup_key(found["key"].word(), title, service),
        title=title,
        status=plan.status(found["state"].word(), part, within=within),
        word=word,
        severity=plan.severity(word),
        starts_at=found["starts_at"].moment_or_unix(),
        ends_at=found["ends_at"].moment_or_unix(),
        service=service,
        description=found["description"].text(),
        labels=found["labels"].words(),
        url=found["url"].text(),
    )


def _dedup_key(key: str, title: str, service: str) -> str:
    return key or digest(key, title, service)
