"""Any JSON object as one alert. Fields have default places, and a mapping may point elsewhere.

| our field | default place | |
|---|---|---|
| title | `title` | needed |
| key | `key` | which alert this is; default: title and service |
| state | `state` | resolved when one of the resolve states, firing otherwise |
| severity, service, description | the same | text |
| labels | `labels` | object of texts or numbers |
| starts_at, ends_at | the same | RFC 3339, or Unix seconds or milliseconds; default: on arrival |

A mapping is an object from our field to a dotted path (`event.checks.0.name`), and may hold
`resolve_states`, a list that replaces ok, resolved, closed, normal.
"""

import hashlib
import json
from collections.abc import Mapping
from datetime import datetime

from incidents.ingest.alerts import (
    MAX_DESCRIPTION,
    MAX_KEY,
    MAX_SERVICE,
    MAX_TITLE,
    Batch,
    Malformed,
    NewAlert,
)
from incidents.ingest.fields import Field
from incidents.ingest.severity import severity_of
from incidents.lifecycle import AlertStatus

FIELDS = (
    "title", "key", "state", "severity", "service", "description", "labels", "starts_at", "ends_at",
)  # fmt: skip
RESOLVE_STATES = ("ok", "resolved", "closed", "normal")


def check_mapping(mapping: object) -> tuple[dict[str, str], frozenset[str]]:
    """The place of each field, and the resolve states. Raises `Malformed`, naming what is wrong."""
    given = Field("mapping", mapping or {}).members()
    places = {name: name for name in FIELDS}
    for name, path in given.items():
        if name == "resolve_states":
            continue
        if name not in places:
            raise Malformed(f"mapping.{name}", f"one of {', '.join(FIELDS)}, resolve_states")
        places[name] = Field(f"mapping.{name}", path).text()
        if not places[name]:
            raise Malformed(f"mapping.{name}", "a dotted path")
    states = Field("mapping.resolve_states", given.get("resolve_states", list(RESOLVE_STATES)))
    return places, frozenset(state.word().lower() for state in states.items())


def parse(document: object, *, mapping: object, received_at: datetime) -> Batch:
    """The one alert of a body. Raises `Malformed` with the field that is wrong."""
    places, resolve_states = check_mapping(mapping)
    body = Field("", document)
    body.members()
    found = {name: body.at(path) for name, path in places.items()}
    title = found["title"].text()
    if not title:
        found["title"].refuse("a text: the alert's title")
    service = found["service"].word()
    severity_word = found["severity"].word()
    severity, is_mapped = severity_of(severity_word)
    is_resolved = found["state"].word().lower() in resolve_states
    starts_at, ends_at = _episode(found, is_resolved=is_resolved, received_at=received_at)
    alert = NewAlert(
        dedup_key=_dedup_key(found["key"].word(), title, service),
        title=title[:MAX_TITLE],
        severity=severity,
        severity_word=severity_word,
        is_severity_mapped=is_mapped,
        status=AlertStatus.RESOLVED if is_resolved else AlertStatus.FIRING,
        starts_at=starts_at,
        ends_at=ends_at,
        is_start_told=not found["starts_at"].is_missing,
        service=service[:MAX_SERVICE],
        description=found["description"].text()[:MAX_DESCRIPTION],
        labels=found["labels"].words(),
    )
    return Batch((alert,))


def _episode(
    found: Mapping[str, Field], *, is_resolved: bool, received_at: datetime
) -> tuple[datetime, datetime | None]:
    """From when, and until when if it is over; what the body leaves out is its arrival."""
    starts_at = found["starts_at"].moment_or_unix()
    ends_at = found["ends_at"].moment_or_unix() or received_at
    return starts_at or received_at, ends_at if is_resolved else None


def _dedup_key(key: str, title: str, service: str) -> str:
    if key and len(key) <= MAX_KEY:
        return key
    return hashlib.sha256(json.dumps([key, title, service]).encode()).hexdigest()
