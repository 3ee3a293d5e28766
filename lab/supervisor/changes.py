"""Change events: what the organisation's deploy, flag and scaling systems would announce."""

import time
from collections import deque
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import Final

from aiohttp import web

from lab.jsontypes import JSON
from lab.stamps import unix_seconds

KEPT: Final = 2000


class Kind(StrEnum):
    DEPLOY = "deploy"
    CONFIG = "config"
    FLAG = "flag"
    SCALE = "scale"
    RESTART = "restart"


@dataclass(frozen=True, slots=True)
class Change:
    id: str
    at: float
    kind: Kind
    service: str
    title: str
    actor: str
    before: str
    after: str
    revision: int

    def as_json(self) -> JSON:
        return {
            "id": self.id,
            "at": rfc3339(self.at),
            "kind": self.kind.value,
            "service": self.service,
            "title": self.title,
            "actor": self.actor,
            "from": self.before,
            "to": self.after,
            "revision": self.revision,
        }

    def as_row(self) -> JSON:
        """As `ChangeLog.restore` takes it."""
        return asdict(self)


class ChangeLog:
    def __init__(self) -> None:
        self._changes: deque[Change] = deque(maxlen=KEPT)
        self._count = 0

    def record(
        self,
        kind: Kind,
        service: str,
        title: str,
        *,
        actor: str,
        before: str = "",
        after: str = "",
        revision: int = 0,
    ) -> None:
        self._count += 1
        self._changes.append(
            Change(
                f"chg-{self._count:05d}", time.time(), kind, service, title, actor,
                before, after, revision,
            )
        )  # fmt: skip

    def restore(self, row: JSON) -> None:
        """Take in a change as it was. Raises KeyError, TypeError or ValueError."""
        self._changes.append(Change(**{**row, "kind": Kind(row["kind"])}))

    def between(self, since: float, until: float) -> list[Change]:
        return [change for change in self._changes if since <= change.at <= until]

    def newest(self, count: int) -> list[Change]:
        return list(self._changes)[-count:][::-1]


def rfc3339(at: float) -> str:
    """A Unix time as RFC 3339 in UTC, to the millisecond."""
    return datetime.fromtimestamp(at, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


class ChangesApi:
    """`GET /changes`: the change events between two times."""

    def __init__(self, changes: ChangeLog) -> None:
        self._changes = changes

    def routes(self) -> list[web.RouteDef]:
        return [web.get("/changes", self._between)]

    async def _between(self, request: web.Request) -> web.Response:
        try:
            since = unix_seconds(request.query.get("since") or "0")
            until = unix_seconds(request.query.get("until") or str(time.time()))
        except ValueError as exc:
            message = f"since and until are Unix seconds or RFC 3339: {exc}"
            return web.json_response({"error": {"message": message}}, status=400)
        found = self._changes.between(since, until)
        return web.json_response({"changes": [change.as_json() for change in found]})
