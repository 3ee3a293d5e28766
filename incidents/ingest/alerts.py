"""What every format is read into, and how a body that breaks its promise is refused."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from incidents.lifecycle import Severity

MAX_TITLE = 200
MAX_KEY = 200
MAX_SERVICE = 120
MAX_DESCRIPTION = 10_000


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
class NewAlert:
    """One alert as its sender tells it. Text is untrusted, and safe to store on any database."""

    dedup_key: str
    title: str
    severity: Severity
    severity_word: str  # as the sender wrote it; empty when it said nothing
    is_severity_mapped: bool
    starts_at: datetime
    ends_at: datetime | None  # None: it is firing
    service: str = ""
    description: str = ""
    labels: Mapping[str, str] | None = None
    annotations: Mapping[str, str] | None = None

    @property
    def is_firing(self) -> bool:
        return self.ends_at is None


@dataclass(frozen=True)
class Batch:
    """The alerts of one delivery, and how many more its sender says it has left out."""

    alerts: tuple[NewAlert, ...]
    left_out: int = 0
