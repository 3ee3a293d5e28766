"""Change events over plain JSON: deploys, configuration, flags, scaling, restarts.

`GET {url}/changes?since=<RFC 3339>&until=<RFC 3339>` answers
`{"changes": [{"id", "at" (RFC 3339), "kind", "service", "title", "actor", "from", "to",
"revision"}]}`: small enough for any pipeline to serve. `id`, `at` and `service` are required.
"""

from datetime import UTC, datetime, timedelta
from typing import Any

from airra.lib import clock
from analysis.connectors.base import Source, as_list, as_object, malformed, plain, refuse_too_many
from analysis.types import Change

_MAX_CHANGES = 10_000


class Changes(Source):
    title = "the change feed"

    def check(self) -> str:
        """One real query. Returns what was found, raises `ConnectorError`."""
        end = clock.now()
        start = end - timedelta(days=1)
        found = self.changes(start=start.timestamp(), end=end.timestamp())
        return f"The change feed answers: {len(found)} changes in the last day"

    def changes(self, *, start: float, end: float) -> list[Change]:
        """Changes with `at` in [start, end] (Unix seconds), oldest first."""
        params = {"since": _rfc3339(start), "until": _rfc3339(end)}
        with self._reading() as http:
            body = as_object(http.get_json("/changes", params=params), "the answer")
        items = as_list(body.get("changes"), "changes")
        refuse_too_many("changes", len(items), _MAX_CHANGES, "a shorter range")
        found = [_change(item) for item in items]
        return sorted((c for c in found if start <= c.at <= end), key=lambda c: c.at)


def _rfc3339(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _change(item: Any) -> Change:
    raw = as_object(item, "a change")
    try:
        at = datetime.fromisoformat(str(raw.get("at")))
    except ValueError:
        malformed("at", "a time like 2026-01-31T12:00:00Z", raw.get("at"))
    if at.tzinfo is None:
        at = at.replace(tzinfo=UTC)

    def text(name: str) -> str:
        return plain(raw.get(name))

    if not text("id") or not text("service"):
        malformed("a change", "an object with id and service", item)
    return Change(
        id=text("id"),
        at=at.timestamp(),
        kind=text("kind") or "other",
        service=text("service"),
        title=text("title") or text("kind") or "change",
        actor=text("actor"),
        before=text("from"),
        after=text("to"),
        revision=text("revision"),
    )
