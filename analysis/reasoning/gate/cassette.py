"""Recorded calls, played back in their order. A request that was never recorded fails."""

import hashlib
import json
from collections import defaultdict, deque
from collections.abc import Iterable, Mapping
from itertools import zip_longest

from airra.lib.wire import Incoming, Outgoing
from analysis.reasoning.gate.stops import BudgetExhausted, ReplayMiss
from analysis.types import Recorded

_MAX_DIFF_LINES = 40
_BEFORE, _AFTER = 60, 140  # characters of a line that differs


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

    def __init__(
        self, recorded: Iterable[Recorded], refused: Mapping[str, str] | None = None
    ) -> None:
        """`refused` are the calls that were not sent: digest of their bytes to the reason."""
        self._refused = dict(refused or {})
        self._left: dict[str, deque[Recorded]] = defaultdict(deque)
        for one in recorded:
            self._left[digest(one.method, one.path, one.request)].append(one)

    @property
    def unplayed(self) -> int:
        return sum(len(waiting) for waiting in self._left.values())

    def play(self, outgoing: Outgoing) -> Incoming:
        """The recorded answer, byte for byte. Raises `ReplayMiss` with a diff of the request.

        What was refused then is refused again, for the same reason.
        """
        waiting = self._left.get(digest(outgoing.method, outgoing.path, outgoing.body))
        if not waiting:
            reason = self._refused.get(hashlib.sha256(outgoing.body).hexdigest())
            if reason is not None:
                raise BudgetExhausted(reason)  # a leak is stopped before it gets here
            raise ReplayMiss(self._miss(outgoing))
        one = waiting.popleft()
        return Incoming(one.status, one.headers, one.response, one.error)

    def _miss(self, outgoing: Outgoing) -> str:
        nearest = next((w[0] for w in self._left.values() if w), None)
        asked = f"{outgoing.method} {outgoing.path} was never recorded"
        if nearest is None:
            return f"{asked}: nothing is left on the record"
        before = _canonical(nearest.request, indent=1).splitlines()
        after = _canonical(outgoing.body, indent=1).splitlines()
        pairs = ((a, b) for a, b in zip_longest(before, after, fillvalue="") if a != b)
        lines = [line for a, b in pairs for line in _difference(a, b)]
        return "\n".join([asked, *lines[:_MAX_DIFF_LINES]])


def _difference(recorded: str, asked: str) -> tuple[str, str]:
    """Two lines from a little before where they part: a line may be a whole ledger."""
    differs = (i for i, (a, b) in enumerate(zip(recorded, asked, strict=False)) if a != b)
    same = next(differs, min(len(recorded), len(asked)))
    start = max(same - _BEFORE, 0)
    end = same + _AFTER
    return f"- {recorded[start:end]}", f"+ {asked[start:end]}"
