"""What every format is read into, and how a body that breaks its promise is refused."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from incidents.lifecycle import AlertStatus, Severity

MAX_TITLE = 200
MAX_KEY = 200
MAX_SERVICE = 120
MAX_DESCRIPTION = 10_000
MAX_ALERTS = 5000  # in one delivery, where AIRRA_MAX_ALERTS_PER_DELIVERY does not say otherwise


def clean(text: str) -> str:
    """Text that both databases can store: no NUL, no half of a surrogate pair."""
    return text.encode("utf-8", "replace").decode().replace("\x00", "\N{REPLACEMENT CHARACTER}")


class Malformed(Exception):
    """The body is not what its format promises.

    `field` is the path in the body and `expected` what belongs there; a body that is no JSON at
    all has no field. Both are kept with the delivery, so they are text that can be stored.
    """

    def __init__(self, field: str, expected: str, got: str = "") -> None:
        self.field = field = clean(field)
        what = f"expected {expected}" + (f", got {got}" if got else "")
        super().__init__(f"{field}: {what}" if field else what)


@dataclass(frozen=True)
class Message:
    """A delivery as a format reads it: the body, and those headers that its sender gave meaning.

    `headers` have lower-case names; `channel` tells apart the addresses of one sender that take
    different things, such as "change". `most_alerts` bounds what is read from it; 0 does not.
    """

    body: bytes
    received_at: datetime
    content_type: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)
    channel: str = ""
    most_alerts: int = MAX_ALERTS


@dataclass(frozen=True)
class NewAlert:
    """One alert as its sender tells it. Text is untrusted, and safe to store on any database."""

    dedup_key: str
    title: str
    severity: Severity
    severity_word: str  # as the sender wrote it; empty when it said nothing
    is_severity_mapped: bool
    status: AlertStatus
    starts_at: datetime
    ends_at: datetime | None  # given exactly when it is resolved
    service: str = ""
    description: str = ""
    labels: Mapping[str, str] | None = None
    annotations: Mapping[str, str] | None = None
    url: str = ""  # http(s) page about it at its sender; empty when there is none
    is_start_told: bool = True  # False: `starts_at` is only when it arrived, or was told of
    at: datetime | None = None  # when this very word was true, by its sender's clock
    is_restated: bool = False  # its sender tells what fires over and over, with its old beginning

    @property
    def is_resolved(self) -> bool:
        return self.status == AlertStatus.RESOLVED


@dataclass(frozen=True)
class NewChange:
    """Something that was changed on purpose: a deploy, a flag, a configuration."""

    dedup_key: str  # the same key again is the same change
    at: datetime
    kind: str  # deploy, flag, config, scale, restart or other
    service: str
    title: str
    actor: str = ""
    before: str = ""
    after: str = ""
    revision: str = ""
    url: str = ""


@dataclass(frozen=True)
class Handshake:
    """The sender asks to be confirmed before it delivers: fetch `url`, once it is trusted."""

    topic: str
    url: str


@dataclass(frozen=True)
class Batch:
    """What one delivery holds, and how many more alerts its sender says it has left out."""

    alerts: tuple[NewAlert, ...] = ()
    changes: tuple[NewChange, ...] = ()
    left_out: int = 0
    handshake: Handshake | None = None
    note: str = ""  # why it holds nothing, for people: "a test message", "an annotation"
