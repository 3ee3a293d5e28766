"""A look at the calls between services: read the new traces, remember, say what is odd.

The memory is one `DetectorState`: `newest_at` says up to where traces were read, `series` and
`arrays` hold what is remembered of each subject.
"""

import io
from dataclasses import asdict
from datetime import UTC, datetime
from itertools import pairwise
from typing import Any

import numpy as np
import structlog

from airra.lib.db import Conflict
from analysis.commands.checkpoint import FIRST_S, no_longer, remember, remembered
from analysis.models import Detector, DetectorState
from analysis.perception.call_watch import LOOK_S, TraceMemory, Watched
from analysis.perception.calls import Observed, Subject, observed
from analysis.queries.sources import open_traces
from analysis.types import Floats, SignalFinding, TraceSource, Trouble

log = structlog.get_logger(__name__)

SETTLE_S = 15.0  # a trace is whole only when its slowest span has ended and arrived
_MAX_SERVICES = 60
_TRACES_EACH = 100
_MAX_REQUESTS = 150  # in one look; a longer stretch is read in fewer and longer pieces
_MAX_BEHIND = 20


def look(detector: Detector, now: datetime) -> list[SignalFinding]:
    """What is odd between services as of `now`, and what no longer is. Raises `ConnectorError`.

    Nothing is found when another worker looked meanwhile: what it found is the answer.
    """
    state = remembered(detector)
    memory = _restored(state)
    end = int((now.timestamp() - SETTLE_S) // LOOK_S)
    behind = int(FIRST_S // LOOK_S)
    first = int(state.newest_at.timestamp() // LOOK_S) if state else end - behind
    first = max(first, end - max(_MAX_BEHIND, behind))
    if first < end:
        for at, seen in _read(open_traces(detector.connector), first, end):
            memory.take(at, seen, alarms_per_week=detector.alarms_per_week, floor_s=detector.floor)
        try:
            _store(detector, state, memory, newest_at=datetime.fromtimestamp(end * LOOK_S, UTC))
        except Conflict:
            log.info("traces_watched_by_another", detector=detector.name)
            return []
    found = memory.findings(end - 1)
    return [*found, *no_longer(detector, found)]


def _read(source: TraceSource, first: int, end: int) -> list[tuple[int, list[Observed]]]:
    """What each service shows, look by look; some looks together where there are many to read."""
    services = source.services()[:_MAX_SERVICES]
    pieces = max(min(end - first, _MAX_REQUESTS // max(len(services), 1)), 1)
    bounds = np.linspace(first, end, pieces + 1).astype(int).tolist()
    return [
        (
            stop - 1,
            [_observed(source, name, start * LOOK_S, stop * LOOK_S) for name in services],
        )
        for start, stop in pairwise(bounds)
    ]


def _observed(source: TraceSource, service: str, start: float, end: float) -> Observed:
    spans = source.spans(service, start=start, end=end, limit=_TRACES_EACH)
    return observed(spans, service, start=start, end=end)


# --- the memory as a row -----------------------------------------------------------------------
def _restored(state: DetectorState | None) -> TraceMemory:
    memory = TraceMemory()
    if state is None:
        return memory
    with np.load(io.BytesIO(bytes(state.arrays)), allow_pickle=False) as arrays:
        shares = iter(arrays["shares"].astype(np.float64))
        timed = iter(arrays["timed"].astype(np.float64))
    for fields in state.series:
        kind, caller, callee, operation = fields["subject"]
        subject = Subject(Trouble(kind), caller, callee, operation)
        rows = timed if Watched.fresh(subject).is_timed else shares
        scalars = {name: value for name, value in fields.items() if name != "subject"}
        memory.watched[subject] = Watched(subject, base=next(rows), pool=next(rows), **scalars)
    return memory


def _store(
    detector: Detector, state: DetectorState | None, memory: TraceMemory, *, newest_at: datetime
) -> None:
    buffer = io.BytesIO()
    np.savez_compressed(
        buffer, shares=_rows(memory, is_timed=False), timed=_rows(memory, is_timed=True)
    )
    remember(
        detector,
        state,
        series=[_to_json(one) for one in memory.watched.values()],
        arrays=buffer.getvalue(),
        newest_at=newest_at,
    )


def _rows(memory: TraceMemory, *, is_timed: bool) -> Floats:
    """`base` and `pool` of each subject, one after the other; shape (2 x subjects, places)."""
    rows = [row for one in memory.watched.values() if one.is_timed is is_timed
            for row in (one.base, one.pool)]  # fmt: skip
    return np.array(rows, dtype=np.float32)


def _to_json(one: Watched) -> dict[str, Any]:
    fields = {name: getattr(one, name) for name in _SCALARS}
    return {"subject": [str(part) for part in asdict(one.subject).values()], **fields}


_SCALARS = ("looks", "scatter", "last_look", "odd_since", "last_odd", "calm", "worst")
