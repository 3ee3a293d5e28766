"""The anomalies of a detector as its page shows them: what, how unlikely, and what was said."""

from collections.abc import Mapping
from dataclasses import dataclass
from uuid import UUID

from airra.lib.quantities import odds
from analysis.models import Anomaly, Detector
from analysis.perception import tolerance
from analysis.types import Trouble

PAGE = 10

ICONS: Mapping[Trouble, str] = {
    Trouble.SPIKE: "zap",
    Trouble.LEVEL_SHIFT: "chart-no-axes-column",
    Trouble.DRIFT: "trending-up",
    Trouble.SEASONAL_BREAK: "clock",
    Trouble.VARIANCE: "activity",
    Trouble.FLATLINE: "pause",
    Trouble.MISSING: "circle-slash",
    Trouble.COUNTER_RESET: "rotate-ccw",
    Trouble.SATURATION: "gauge",
    Trouble.BURN_RATE: "hourglass",
    Trouble.FORECAST_BREACH: "trending-up",
    Trouble.NEW_TEMPLATE: "file-search",
    Trouble.TEMPLATE_SURGE: "message-square",
    Trouble.EDGE_GAP: "network",
    Trouble.EDGE_ERRORS: "circle-x",
    Trouble.EDGE_LATENCY: "hourglass",
    Trouble.VANISHED_CALLS: "circle-help",
}


@dataclass(frozen=True)
class AnomalyRow:
    """`needs` is the tolerance of its series now, where people have changed it."""

    anomaly: Anomaly
    needs: float | None = None

    @property
    def kind(self) -> str:
        return Trouble(self.anomaly.kind).label

    @property
    def icon(self) -> str:
        return ICONS[Trouble(self.anomaly.kind)]

    @property
    def odds(self) -> str:
        return odds(self.anomaly.p_value) if self.anomaly.p_value is not None else ""

    @property
    def lasted_s(self) -> float | None:
        """None while it lasts."""
        a = self.anomaly
        return (a.ended_at - a.started_at).total_seconds() if a.ended_at else None

    @property
    def departed(self) -> float:
        a = self.anomaly
        return tolerance.departure(value=a.value, expected=a.expected, low=a.low, high=a.high)


@dataclass(frozen=True)
class AnomalyPage:
    rows: list[AnomalyRow]
    number: int
    has_next: bool


def page(detector: Detector, *, number: int = 1) -> AnomalyPage:
    """The newest first, `PAGE` at a time; pages count from 1."""
    found = detector.anomalies.select_related("service", "incident", "feedback_by")
    start = (max(number, 1) - 1) * PAGE
    listed = list(found.order_by("-started_at")[start : start + PAGE + 1])
    return AnomalyPage(_rows(detector, listed[:PAGE]), max(number, 1), len(listed) > PAGE)


def batch(
    detector: Detector, *, after: UUID | None, limit: int
) -> tuple[list[Anomaly], UUID | None]:
    """The newest first, from the one after `after` on; and the last of them, if there are more."""
    found = detector.anomalies.select_related("service", "incident").order_by("-id")
    if after is not None:
        found = found.filter(id__lt=after)
    listed = list(found[: limit + 1])
    shown = listed[:limit]
    return shown, shown[-1].pk if len(listed) > limit else None


def _rows(detector: Detector, anomalies: list[Anomaly]) -> list[AnomalyRow]:
    keys = {anomaly.series_key for anomaly in anomalies}
    tuned = detector.tunings.filter(series_key__in=keys).exclude(tolerance=1.0)
    needs = dict(tuned.values_list("series_key", "tolerance"))
    return [AnomalyRow(anomaly, needs.get(anomaly.series_key)) for anomaly in anomalies]


def lesson(anomaly: Anomaly) -> str:
    """What the last word on an anomaly has changed, in words."""
    if not anomaly.feedback:
        return "Taken back: its series is judged as before."
    if anomaly.detector.rule != Detector.Rule.ADAPTIVE:
        return "Noted. This rule learns no distance: change its settings, or snooze the series."
    tuned = anomaly.detector.tunings.filter(series_key=anomaly.series_key)
    needs = tuned.values_list("tolerance", flat=True).first() or 1.0
    about = anomaly.service or anomaly.series_key
    if needs == 1:
        return f"Noted. {about} alarms at its usual departure."
    return f"Noted. {about} alarms at {needs:.2g} times its usual departure now."
