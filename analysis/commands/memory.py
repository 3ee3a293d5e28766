"""What a detector remembers of its series: kept by the worker, saved now and then.

The saved copy is a checkpoint, never the truth: whoever has an older one reads the points since
from the source and arrives at the same state, and without any it is built anew from history.
"""

import threading
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from uuid import UUID

import numpy as np
import structlog
from django.db import transaction

from airra.lib import clock
from analysis.models import Detector, DetectorState
from analysis.perception.bank import Bank
from analysis.types import Floats, Frame, series_key

log = structlog.get_logger(__name__)

SAVE_EVERY = timedelta(minutes=5)
RECENT = 24  # newest points kept as they came, for where trouble began and whether it is over
_FORGET_S = 86_400.0  # a series unheard of for a day makes room
_MAX_KEPT_BYTES = 256 * 1024 * 1024


@dataclass
class Memory:
    """The series of one detector in the rows of its bank. `newest` is the last time judged."""

    step_s: float
    bank: Bank
    newest: float = 0.0
    labels: list[Mapping[str, str]] = field(default_factory=list)
    recent: Floats = field(default_factory=lambda: np.empty((0, RECENT)))
    heard: Floats = field(default_factory=lambda: np.empty(0))  # when each was last heard of
    saved_at: datetime | None = None
    nbytes: int = 0  # of the bank, as saved
    rows: dict[str, int] = field(default_factory=dict)

    def meet(self, frame: Frame) -> Floats:
        """The values of a frame in the order of one's rows; new series get rows of their own."""
        keys = [series_key(labels) for labels in frame.labels]
        strangers = [i for i, key in enumerate(keys) if key not in self.rows]
        if strangers:
            self._keep(range(len(self.labels)), [frame.labels[i] for i in strangers])
        values = np.full((len(self.labels), len(frame.times)), np.nan)
        if keys:
            values[[self.rows[key] for key in keys]] = frame.values
        self._note(frame.times, values)
        return values

    def forget_the_gone(self) -> None:
        """Make room: drop the series not heard of for a day."""
        is_here = self.heard > self.newest - _FORGET_S
        if not is_here.all():
            self._keep(np.flatnonzero(is_here).tolist(), [])

    def _keep(self, rows: Sequence[int], added: Sequence[Mapping[str, str]]) -> None:
        """Keep these rows, in this order, and add new ones behind them."""
        kept = list(rows)
        self.bank = self.bank.take([*kept, *([-1] * len(added))])
        self.labels = [*(self.labels[i] for i in kept), *added]
        self.recent = np.vstack([self.recent[kept], np.full((len(added), RECENT), np.nan)])
        self.heard = np.concatenate([self.heard[kept], np.full(len(added), self.newest)])
        self.rows = {series_key(labels): i for i, labels in enumerate(self.labels)}
        self.saved_at = None

    def _note(self, times: Floats, values: Floats) -> None:
        self.recent = np.hstack([self.recent, values[:, -RECENT:]])[:, -RECENT:]
        if len(times):
            is_heard = np.isfinite(values).any(axis=1)
            self.heard = np.where(is_heard, times[-1], self.heard)
            self.newest = float(times[-1])


_kept: "OrderedDict[UUID, tuple[str, Memory]]" = OrderedDict()
_turn = threading.Lock()


def recall(detector: Detector) -> Memory:
    """The newest memory of a detector there is: this worker's, the saved one, or an empty one.

    It is this caller's alone until `keep` gives it back; an exception in between drops it.
    """
    mark = _mark(detector)
    with _turn:
        held = _kept.pop(detector.pk, None)
    mine = held[1] if held and held[0] == mark else None
    if mine is not None and not _is_outdated(detector, mine):
        return mine
    return _saved(detector, mark) or Memory(detector.step_s, Bank.new(0, step_s=detector.step_s))


def keep(detector: Detector, memory: Memory) -> None:
    """Give a memory back to the worker, and save it when the saved one is old or another."""
    memory.forget_the_gone()
    if memory.saved_at is None or clock.now() - memory.saved_at >= SAVE_EVERY:
        _save(detector, memory)
    with _turn:
        _kept[detector.pk] = (_mark(detector), memory)
        while sum(m.nbytes for _, m in _kept.values()) > _MAX_KEPT_BYTES and len(_kept) > 1:
            _kept.popitem(last=False)


def forget_all() -> None:
    """Drop what this worker keeps; what is saved stays."""
    with _turn:
        _kept.clear()


def _is_outdated(detector: Detector, memory: Memory) -> bool:
    """Whether another worker has looked since, and saved what it then knew."""
    newest_at = datetime.fromtimestamp(memory.newest, UTC)
    return DetectorState.objects.filter(detector=detector, newest_at__gt=newest_at).exists()


def _mark(detector: Detector) -> str:
    """Another query, step or source is another set of series: nothing of the old one holds."""
    text = f"{detector.connector_id} {detector.step_s} {detector.query}"
    return sha256(text.encode()).hexdigest()[:32]


def _saved(detector: Detector, mark: str) -> Memory | None:
    """The saved memory; None when there is none, or none that this version can read."""
    saved = DetectorState.objects.filter(detector=detector, fingerprint=mark).first()
    if saved is None:
        return None
    try:
        bank = Bank.from_bytes(bytes(saved.arrays))
    except ValueError as error:
        log.warning("memory_unreadable", detector=detector.name, error=str(error))
        return None
    rows = len(saved.series)
    newest = saved.newest_at.timestamp()
    return Memory(
        step_s=detector.step_s,
        bank=bank,
        newest=newest,
        labels=saved.series,
        recent=np.full((rows, RECENT), np.nan),
        heard=np.full(rows, newest),
        saved_at=saved.saved_at,
        nbytes=len(saved.arrays),
        rows={series_key(labels): row for row, labels in enumerate(saved.series)},
    )


@transaction.atomic
def _save(detector: Detector, memory: Memory) -> None:
    """Write the checkpoint, unless somebody has written a newer one."""
    newest_at = datetime.fromtimestamp(memory.newest, UTC)
    mark = _mark(detector)
    newer = DetectorState.objects.filter(
        detector=detector, fingerprint=mark, newest_at__gt=newest_at
    )
    if newer.exists():
        return
    arrays = memory.bank.to_bytes()
    memory.saved_at, memory.nbytes = clock.now(), len(arrays)
    DetectorState.objects.update_or_create(
        detector=detector,
        defaults={
            "fingerprint": mark,
            "series": [dict(labels) for labels in memory.labels],
            "arrays": arrays,
            "newest_at": newest_at,
            "saved_at": memory.saved_at,
        },
    )
