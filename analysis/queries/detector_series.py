"""The series of a detector, one by one: how each stands, and what people taught of it."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from django.db.models import Max
from django.http import Http404

from airra.lib import clock
from analysis.models import Anomaly, Detector, DetectorState, SeriesTuning
from analysis.types import series_key

SHOWN = 50
_MAX_KEY = 300  # as the columns of the database have it


class Now(StrEnum):
    ANOMALOUS = "anomalous"
    SNOOZED = "snoozed"
    OK = "ok"


@dataclass(frozen=True)
class SeriesRow:
    key: str
    open_anomaly: Anomaly | None
    tuning: SeriesTuning | None
    last_anomaly_at: datetime | None

    @property
    def snoozed_until(self) -> datetime | None:
        until = self.tuning.snoozed_until if self.tuning else None
        return until if until and until > clock.now() else None

    @property
    def standing(self) -> Now:
        if self.snoozed_until:
            return Now.SNOOZED
        return Now.ANOMALOUS if self.open_anomaly else Now.OK

    @property
    def tolerance(self) -> float:
        return self.tuning.tolerance if self.tuning else 1.0


@dataclass(frozen=True)
class SeriesList:
    rows: list[SeriesRow]
    total: int

    @property
    def hidden(self) -> int:
        return self.total - len(self.rows)


def listed(detector: Detector, *, q: str = "") -> SeriesList:
    """Those in trouble first, then those people taught something of, then by name."""
    last: dict[str, datetime] = dict(
        detector.anomalies.order_by().values_list("series_key").annotate(at=Max("started_at"))
    )
    tunings = {tuning.series_key: tuning for tuning in detector.tunings.all()}
    still_out = {a.series_key: a for a in detector.anomalies.filter(ended_at__isnull=True)}
    keys = _remembered(detector) | set(last) | set(tunings)
    wanted = [key for key in keys if q.lower() in key.lower()]
    wanted.sort(key=lambda key: (key not in still_out, key not in tunings, key))
    rows = [
        SeriesRow(key, still_out.get(key), tunings.get(key), last.get(key))
        for key in wanted[:SHOWN]
    ]
    return SeriesList(rows, len(wanted))


def require_known(detector: Detector, key: str) -> None:
    """404 for a series this detector has never met."""
    is_known = (
        detector.tunings.filter(series_key=key).exists()
        or detector.anomalies.filter(series_key=key).exists()
        or key in _remembered(detector)
    )
    if not is_known:
        msg = "this detector has met no such series"
        raise Http404(msg)


def _remembered(detector: Detector) -> set[str]:
    """The keys of the series in its memory; the memory itself is left where it is.

    What looks at logs and calls remembers no series of a query: there only what was seen counts.
    """
    if detector.rule != Detector.Rule.ADAPTIVE:
        return set()
    found = DetectorState.objects.filter(detector=detector).values_list("series", flat=True)
    return {series_key(labels)[:_MAX_KEY] for labels in found.first() or []}
