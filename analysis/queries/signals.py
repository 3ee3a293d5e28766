"""What the charts of an incident show: live series, the expected band, anomalies and changes.

The sources are read when a chart is looked at; nothing of it is stored. A source that fails is
an answer too: the chart says which one, why, and when it last worked.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np

from airra.lib import clock
from analysis.connectors.base import ConnectorError
from analysis.models import Anomaly, Detector
from analysis.perception.bank import Bank
from analysis.perception.settings import DetectorSettings
from analysis.queries.sources import open_metrics
from analysis.types import Floats, Series
from incidents.models import Incident, TimelineEvent

MAX_CHARTS = 6
POINTS = 240
RANGES: dict[str, int] = {"15m": 900, "1h": 3_600, "6h": 21_600, "24h": 86_400}
DEFAULT_RANGE = "1h"
_AFTER_END_S = 600.0

# Which signals tell most when nothing of the incident was detected by AIRRA itself.
_ORDER = ("errors", "latency", "traffic", "saturation", "cpu", "memory", "restarts")
_MARKED = (
    TimelineEvent.Kind.CHANGE,
    TimelineEvent.Kind.EXECUTION,
    TimelineEvent.Kind.RESOLVED,
)


@dataclass(frozen=True)
class Mark:
    """A moment worth a line through every chart."""

    at: float
    kind: str
    text: str


@dataclass(frozen=True)
class Chart:
    """One signal. The lists have one length; None is a gap, never a zero."""

    title: str
    unit: str
    query: str
    source: str
    times: list[float] = field(default_factory=list)
    values: list[float | None] = field(default_factory=list)
    low: list[float | None] = field(default_factory=list)
    high: list[float | None] = field(default_factory=list)
    anomaly: Anomaly | None = None
    error: str = ""
    last_ok_at: datetime | None = None

    def as_json(self) -> dict[str, Any]:
        return {
            "title": self.title,
            "unit": self.unit,
            "query": self.query,
            "source": self.source,
            "times": self.times,
            "values": self.values,
            "low": self.low,
            "high": self.high,
            "error": self.error,
            "last_ok_at": self.last_ok_at.isoformat() if self.last_ok_at else None,
            "anomaly": None
            if self.anomaly is None
            else {
                "from": self.anomaly.started_at.timestamp(),
                "to": (self.anomaly.ended_at or self.anomaly.last_at).timestamp(),
                "score": self.anomaly.score,
            },
        }

    @property
    def table(self) -> list[dict[str, Any]]:
        """The newest points, newest first: the same facts without a picture."""
        points = zip(self.times, self.values, self.low, self.high, strict=True)
        rows = [
            {
                "at": datetime.fromtimestamp(at, tz=UTC),
                "value": value,
                "low": low,
                "high": high,
                "is_out": _is_out(value, low, high),
            }
            for at, value, low, high in points
        ]
        return rows[::-1][:40]


def _is_out(value: float | None, low: float | None, high: float | None) -> bool:
    return value is not None and low is not None and high is not None and not low <= value <= high


@dataclass(frozen=True)
class Signals:
    charts: list[Chart]
    marks: list[Mark]
    start: float
    end: float

    def as_json(self) -> dict[str, Any]:
        return {
            "start": self.start,
            "end": self.end,
            "charts": [chart.as_json() for chart in self.charts],
            "marks": [vars(mark) for mark in self.marks],
        }


def signals(incident: Incident, *, span: str = DEFAULT_RANGE) -> Signals:
    """The charts of an incident over one of `RANGES`, ending now or shortly after it ended."""
    end = clock.now().timestamp()
    if incident.resolved_at is not None:
        end = min(end, incident.resolved_at.timestamp() + _AFTER_END_S)
    start = end - RANGES.get(span, RANGES[DEFAULT_RANGE])
    fetched: dict[object, list[Series] | ConnectorError] = {}
    charts = []
    for detector, anomaly in _watched(incident):
        if detector.pk not in fetched:
            fetched[detector.pk] = _fetch(detector, start, end)
        charts.append(_chart(detector, anomaly, incident, fetched[detector.pk]))
    return Signals(charts, _marks(incident, start, end), start, end)


def _watched(incident: Incident) -> list[tuple[Detector, Anomaly | None]]:
    """What alarmed, worst first; without any, the detectors of the workspace by usefulness."""
    measured = incident.anomalies.filter(detector__rule__in=Detector.MEASURED)
    found = measured.select_related("detector__connector").order_by("-score")
    anomalies = list(found[:MAX_CHARTS])
    if anomalies:
        return [(anomaly.detector, anomaly) for anomaly in anomalies]
    if incident.service is None:
        return []
    detectors = Detector.objects.filter(
        workspace=incident.workspace_id, is_enabled=True, rule=Detector.Rule.ADAPTIVE
    )
    by_use = sorted(
        detectors.select_related("connector"),
        key=lambda d: (_ORDER.index(d.signal) if d.signal in _ORDER else len(_ORDER), d.name),
    )
    return [(detector, None) for detector in by_use[:MAX_CHARTS]]


def _fetch(detector: Detector, start: float, end: float) -> list[Series] | ConnectorError:
    step = max(float(detector.step_s), math.ceil((end - start) / POINTS))
    aligned = start // step * step
    try:
        return open_metrics(detector.connector).query_range(
            detector.query, start=aligned, end=end // step * step, step_s=step
        )
    except ConnectorError as error:
        return error


def _chart(
    detector: Detector,
    anomaly: Anomaly | None,
    incident: Incident,
    fetched: list[Series] | ConnectorError,
) -> Chart:
    about = anomaly.labels.get(detector.service_label) if anomaly else str(incident.service)
    facts: dict[str, Any] = {
        "title": f"{detector.name} of {about or 'every service'}",
        "unit": detector.unit,
        "query": detector.query,
        "source": detector.connector.name,
        "anomaly": anomaly,
        "last_ok_at": detector.connector.last_ok_at,
    }
    if isinstance(fetched, ConnectorError):
        return Chart(**facts, error=str(fetched))
    series = _pick(detector, anomaly, incident, fetched)
    if series is None:
        return Chart(**facts, error="the source answered, but has no such series in this range")
    low, high = _expected(series, detector, anomaly)
    return Chart(
        **facts,
        times=[float(at) for at in series.times],
        values=_with_gaps(series.values),
        low=low,
        high=high,
    )


def _expected(
    series: Series, detector: Detector, anomaly: Anomaly | None
) -> tuple[list[float | None], list[float | None]]:
    """The band at the chart's own step; where history is too short for one, the detector's."""
    settings = DetectorSettings(
        alarms_per_week=detector.alarms_per_week,
        direction=detector.direction,
        floor=detector.floor,
    )
    step_s = float(np.median(np.diff(series.times))) if len(series.times) > 1 else 1.0
    found = Bank.new(1, step_s=step_s).advance(series.times, series.values[None, :], settings)
    if anomaly is not None and not np.isfinite(found.low).any():
        points = len(series.values)
        return [anomaly.low] * points, [anomaly.high] * points
    return _with_gaps(found.low[0]), _with_gaps(found.high[0])


def _pick(
    detector: Detector, anomaly: Anomaly | None, incident: Incident, found: Sequence[Series]
) -> Series | None:
    if anomaly is not None:
        return next((s for s in found if s.key == anomaly.series_key), None)
    name = str(incident.service)
    return next((s for s in found if s.labels.get(detector.service_label) == name), None)


def _with_gaps(values: Floats) -> list[float | None]:
    return [float(v) if np.isfinite(v) else None for v in values]


def _marks(incident: Incident, start: float, end: float) -> list[Mark]:
    begin = datetime.fromtimestamp(start, tz=UTC)
    events = incident.events.filter(
        kind__in=_MARKED, at__gte=begin, at__lte=begin + timedelta(seconds=end - start)
    )
    return [Mark(e.at.timestamp(), e.kind, e.text) for e in events.order_by("at")[:20]]
