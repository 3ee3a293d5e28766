"""A delivery as a vendor makes it."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any

from incidents.ingest.alerts import Message

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)


@dataclass(frozen=True)
class Sent:
    body: Any
    headers: Mapping[str, str] = field(default_factory=dict)
    content_type: str = "application/json"
    channel: str = ""

    @property
    def raw(self) -> bytes:
        return self.body if isinstance(self.body, bytes) else json.dumps(self.body).encode()

    def message(self, received_at: datetime = NOW) -> Message:
        return Message(
            self.raw,
            received_at=received_at,
            content_type=self.content_type,
            headers=self.headers,
            channel=self.channel,
        )

    def but(self, path: tuple[str | int, ...], value: Any) -> "Sent":
        """The same with another value at one place; with `...` there, without the place."""
        return replace(self, body=changed(self.body, path, value))


def changed(document: Any, path: tuple[str | int, ...], value: Any) -> Any:
    copy = json.loads(json.dumps(document))
    place = copy
    for step in path[:-1]:
        place = place[step]
    if value is ...:
        del place[path[-1]]
    else:
        place[path[-1]] = value
    return copy


def without_blanks(fields: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in fields.items() if value is not ...}
