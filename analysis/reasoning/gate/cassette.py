"""Recorded calls, played back in their order. A request that was never recorded fails."""

import difflib
import hashlib
import json
from collections import defaultdict, deque
from collections.abc import Iterable

from airra.lib.wire import Incoming, Outgoing
from analysis.reasoning.gate.stops import ReplayMiss
from analysis.types import Recorded

_MAX_DIFF_LINES = 60


def digest(method: str, path: str, body: bytes) -> str:
    """SHA-256 of the request in canonical form: the order of JSON keys does not matter."""
    text = f"{method} {path}\n{_canonical(body)}"
    return hashlib.sha256(text.encode(errors="surrogatepass")).hexdigest()


def _canonical(body: bytes, indent: int | None = None) -> str:
    try:
        return json.dumps(json.loads(body), sort_keys=True, indent=indent)
    except (ValueError, RecursionError):
        return body.decode(errors="replace")


class Cassette:
    """Answers each request with what was recorded for it; the same request twice, in order."""

    def __init__(self, recorded: Iterable[Recorded]) -> None:
        self._left: dict[str, deque[Recorded]] = defaultdict(deque)
        for one in recorded:
            self._left[digest(one.method, one.path, one.request)].append(one)

    @property
    def unplayed(self) -> int:
        return sum(len(waiting) for waiting in self._left.values())

    def play(self, outgoing: Outgoing) -> Incoming:
        """The recorded answer, byte for byte. Raises `ReplayMiss` with a diff of the request."""
        waiting = self._left.get(digest(outgoing.method, outgoing.path, outgoing.body))
        if not waiting:
            raise ReplayMiss(self._miss(outgoing))
        one = waiting.popleft()
        return Incoming(one.status, one.headers, one.response, one.error)

    def _miss(self, outgoing: Outgoing) -> str:
        nearest = next((w[0] for w in self._left.values() if w), None)
        asked = f"{outgoing.method} {outgoing.path} was never recorded"
        if nearest is None:
            return f"{asked}: nothing is left on the record"
        diff = difflib.unified_diff(
            _canonical(nearest.request, indent=1).splitlines(),
            _canonical(outgoing.body, indent=1).splitlines(),
            "recorded",
            "asked now",
            lineterm="",
            n=1,
        )
        lines = [line[:300] for line in diff]
        return "\n".join([asked, *lines[:_MAX_DIFF_LINES]])
