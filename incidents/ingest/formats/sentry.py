"""Sentry's integration platform: issues, alert rules on them, and metric alerts.

https://docs.sentry.io/integrations/integration-platform/webhooks/. What a body is stands in the
header `Sentry-Hook-Resource`. An alert rule only ever fires; it is joined with its issue, so that
the issue's end ends it. An issue that regresses keeps its `firstSeen`: only the first episode
starts there, a later one when the hook was sent. Its end is then too, because `lastSeen` may lie
before the episode began. Hooks may come in any order and the time of sending puts them right; it is
told in whole seconds, so a second counts from its end, after the events within it.
"""

import re
from collections.abc import Callable
from datetime import datetime

from incidents.ingest.alerts import Batch, Message, NewAlert, clean
from incidents.ingest.fields import Field, document
from incidents.ingest.formats.draft import Draft, after, digest, first
from incidents.lifecycle import AlertStatus

_ISSUE = {
    "created": AlertStatus.FIRING,
    "unresolved": AlertStatus.FIRING,
    "resolved": AlertStatus.RESOLVED,
    "archived": AlertStatus.SUPPRESSED,
    "ignored": AlertStatus.SUPPRESSED,  # what archived was called before
}
_NOT_A_STATE = ("assigned",)
_METRIC = {
    "critical": AlertStatus.FIRING,
    "warning": AlertStatus.FIRING,
    "resolved": AlertStatus.RESOLVED,
}
_WITHIN_A_SECOND = 999_000
_ORDER = {"resolved": 1, "unresolved": 2}
_SENT_AT = re.compile(r"[0-9]{10}([0-9]{3})?")
_PROJECT = re.compile(r"/projects/[^/]+/([^/]+)/")


def parse(message: Message) -> Batch:
    """The alert of one hook. Raises `Malformed` with the field that is wrong."""
    body = document(message)
    resource = clean(message.headers.get("sentry-hook-resource", "")) or _resource(body["data"])
    read = _READERS.get(resource)
    if read is None:
        return Batch(note=f"a hook about {resource[:100] or 'something else'}, which is no alert")
    action = body["action"].text()
    if resource == "issue" and action in _NOT_A_STATE:
        return Batch(note=f"an issue was {action}: where it stands is as before")
    return Batch((read(body, message),))


def identity(message: Message) -> str:
    """Sentry does not say whether a retry keeps its `Request-ID`, so the body has its part in it.

    A retry under another id is read again, which changes nothing: the same state is told twice.
    """
    told = message.headers.get("request-id", "")
    return digest("sentry", told, message.body.decode(errors="replace")) if told else ""


def _resource(data: Field) -> str:
    """By its content, when the header was lost on the way."""
    names = {"event": "event_alert", "metric_alert": "metric_alert", "issue": "issue"}
    return next((kind for name, kind in names.items() if not data[name].is_missing), "")


def _event_alert(body: Field, message: Message) -> NewAlert:
    event = body["data"]["event"]
    if body["action"].text() != "triggered":
        body["action"].refuse('"triggered"')
    issue = event["issue_id"].word()
    if not issue:
        event["issue_id"].refuse("the id of the issue the event belongs to")
    project = _PROJECT.search(event["url"].text())
    rule = body["data"]["triggered_rule"].text()
    return Draft(
        key=f"issue:{issue}",
        title=event["title"].text(),
        status=AlertStatus.FIRING,
        word=event["level"].text(),
        starts_at=event["datetime"].moment(),
        service=project.group(1) if project else "",
        description=first((event["culprit"].text(), event["message"].text())),
        labels={"rule": rule} if rule else {},
        url=event["web_url"].text(),
    ).alert(message.received_at)


def _issue(body: Field, message: Message) -> NewAlert:
    issue, action = body["data"]["issue"], body["action"].text()
    if action not in _ISSUE:
        body["action"].refuse(f"one of {', '.join((*_ISSUE, *_NOT_A_STATE))}")
    key = issue["id"].word()
    if not key:
        issue["id"].refuse("the id of the issue")
    sent_at, first_seen = _sent_at(message), issue["firstSeen"].moment()
    starts = {"created": first_seen, "unresolved": sent_at}
    labels = {name: issue[name].text() for name in ("shortId", "platform", "substatus", "priority")}
    return Draft(
        key=f"issue:{key}",
        title=issue["title"].text(),
        status=_ISSUE[action],
        word=issue["level"].text(),
        starts_at=starts.get(action),
        ends_at=sent_at,
        at=first_seen if action == "created" else _counts_at(sent_at, action),
        service=_slug(issue["project"]),
        description=issue["culprit"].text(),
        labels={name: value for name, value in labels.items() if value},
        url=first((issue["web_url"].text(), issue["permalink"].text())),
    ).alert(message.received_at)


def _metric_alert(body: Field, message: Message) -> NewAlert:
    data, action = body["data"], body["action"].text()
    if action not in _METRIC:
        body["action"].refuse(f"one of {', '.join(_METRIC)}")
    incident = data["metric_alert"]
    rule, key = incident["alert_rule"], incident["id"].word()
    if not key:
        incident["id"].refuse("the id of the incident")
    status = _METRIC[action]
    is_over = status == AlertStatus.RESOLVED
    projects = incident["projects"]
    named = [] if projects.is_missing else [project.text() for project in projects.items()]
    return Draft(
        key=f"metric:{rule['id'].word()}:{key}",
        title=first((rule["name"].text(), incident["title"].text())),
        status=status,
        word="" if is_over else action,
        starts_at=incident["date_started"].moment(),
        ends_at=incident["date_closed"].moment() or _sent_at(message),
        service=named[0] if len(named) == 1 else "",
        description=data["description_text"].text(),
        labels={"projects": ", ".join(named)} if named else {},
        url=data["web_url"].text(),
    ).alert(message.received_at)


def _counts_at(sent_at: datetime | None, action: str) -> datetime | None:
    is_rounded = sent_at is not None and not sent_at.microsecond
    return after(sent_at, (_WITHIN_A_SECOND if is_rounded else 0) + _ORDER.get(action, 0))


def _slug(project: Field) -> str:
    return "" if project.is_missing else project["slug"].text()


def _sent_at(message: Message) -> datetime | None:
    """When the hook was sent: Unix seconds, or milliseconds, in a header of its own."""
    told = message.headers.get("sentry-hook-timestamp", "").strip()
    stamp = Field("Sentry-Hook-Timestamp", told)
    return stamp.moment_or_unix() if _SENT_AT.fullmatch(told) else None


_READERS: dict[str, Callable[[Field, Message], NewAlert]] = {
    "event_alert": _event_alert,
    "issue": _issue,
    "metric_alert": _metric_alert,
}
