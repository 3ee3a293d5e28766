"""What the formats share: an alert as it was found, cut to what can be stored."""

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from incidents.ingest.alerts import (
    MAX_DESCRIPTION,
    MAX_KEY,
    MAX_SERVICE,
    MAX_TITLE,
    Malformed,
    Message,
    NewAlert,
    NewChange,
)
from incidents.ingest.fields import Field
from incidents.ingest.severity import severity_of
from incidents.lifecycle import AlertStatus, Severity

MAX_URL = 500
_SORTED = json.JSONEncoder(sort_keys=True)  # `json.dumps` would make one each time
_AHEAD = timedelta(days=1)  # clocks differ by less; a later time is a mistake or a placeholder


@dataclass(frozen=True)
class Draft:
    """One alert as a format found it; what the sender left out has its default here.

    A time that lies more than a day ahead says nothing: neither a start nor an end can. `at` is
    when this word was true, where its sender says so; else its end or its start has to do.
    """

    key: str
    title: str
    status: AlertStatus
    word: str = ""  # the sender's word for its severity
    severity: Severity | None = None  # when it is told otherwise than by a known word
    starts_at: datetime | None = None
    ends_at: datetime | None = None
    at: datetime | None = None
    service: str = ""
    description: str = ""
    labels: Mapping[str, str] = field(default_factory=dict)
    annotations: Mapping[str, str] = field(default_factory=dict)
    url: str = ""
    is_restated: bool = False

    def alert(self, received_at: datetime) -> NewAlert:
        found, is_mapped = severity_of(self.word)
        starts_at, ends_at = (_sane(at, received_at) for at in (self.starts_at, self.ends_at))
        is_over = self.status == AlertStatus.RESOLVED
        over = (ends_at or received_at) if is_over else None
        # A clock that is ahead must not make what comes after look old.
        told = _sane(self.at, received_at) or (ends_at if is_over else starts_at)
        at = min(told, received_at) if told is not None else None
        title = self.title.strip()[:MAX_TITLE]
        return NewAlert(
            dedup_key=_key(self.key),
            title=title or "alert without a name",
            severity=self.severity or found,
            severity_word=self.word[:100],
            is_severity_mapped=is_mapped or self.severity is not None,
            status=self.status,
            starts_at=starts_at or min(over or at or received_at, received_at),
            ends_at=over,
            service=self.service.strip()[:MAX_SERVICE],
            description=self.description[:MAX_DESCRIPTION],
            labels=self.labels,
            annotations=self.annotations,
            url=link(self.url),
            is_start_told=starts_at is not None,
            at=at,
            is_restated=self.is_restated,
        )


_TOO_MANY = "group them finer at the sender, or raise AIRRA_MAX_ALERTS_PER_DELIVERY and replay it"


def bounded(listed: Field, message: Message) -> list[Field]:
    """The alerts of a list. Raises `Malformed` when there are more than one delivery may hold.

    A delivery is read in one transaction that holds up the others of its workspace.
    """
    alerts = listed.items()
    if 0 < message.most_alerts < len(alerts):
        most = f"at most {message.most_alerts} alerts in one delivery ({_TOO_MANY})"
        raise Malformed(listed.path, most, str(len(alerts)))
    return alerts


def left_out(count: int) -> str:
    """What people are told of alerts that a sender's own limit kept back."""
    return f"{count} more alerts were left out by its sender's own limit" if count else ""


def after(at: datetime | None, steps: int) -> datetime | None:
    """A moment that counts after others which bear the same time, by so many steps."""
    return None if at is None else at + timedelta(microseconds=steps)


def _sane(at: datetime | None, received_at: datetime) -> datetime | None:
    return None if at is None or at - received_at > _AHEAD else at


KINDS = ("deploy", "flag", "config", "scale", "restart", "other")


def fitted(change: NewChange, *, received_at: datetime) -> NewChange:
    """The same change, cut to what can be stored; a kind nobody knows is "other".

    What is told was done: it cannot lie ahead, where no search for a cause would find it.
    """
    kind = change.kind.lower()
    return replace(
        change,
        at=min(change.at, received_at),
        dedup_key=_key(change.dedup_key),
        kind=kind if kind in KINDS else "other",
        service=change.service.strip()[:MAX_SERVICE],
        title=change.title.strip()[:MAX_TITLE] or f"a change of {change.service[:100]}",
        actor=change.actor[:120],
        before=change.before[:300],
        after=change.after[:300],
        revision=change.revision[:120],
        url=link(change.url),
    )


def _key(key: str) -> str:
    return key if 0 < len(key) <= MAX_KEY else digest(key)


def digest(*parts: object) -> str:
    """One short name for all of these together, which no other parts have."""
    return hashlib.sha256(_SORTED.encode(parts).encode()).hexdigest()


def first(texts: Iterable[str]) -> str:
    """The first that is not empty, or nothing."""
    return next((text for text in texts if text), "")


def link(text: str) -> str:
    """An address people may follow; anything but http(s), or one too long, is none."""
    is_web = text.lower().startswith(("http://", "https://"))
    return text if is_web and len(text) <= MAX_URL and " " not in text else ""
