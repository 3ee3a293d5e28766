"""What perception finds in signals."""

from dataclasses import dataclass
from enum import StrEnum

from analysis.types.telemetry import Floats, Series


class Trouble(StrEnum):
    """What kind of departure an anomaly is, in the words of operators."""

    SPIKE = "spike"
    LEVEL_SHIFT = "level_shift"
    DRIFT = "drift"
    SEASONAL_BREAK = "seasonal_break"
    VARIANCE = "variance"
    FLATLINE = "flatline"
    MISSING = "missing"
    COUNTER_RESET = "counter_reset"
    SATURATION = "saturation"
    BURN_RATE = "burn_rate"
    FORECAST_BREACH = "forecast_breach"
    NEW_TEMPLATE = "new_template"
    TEMPLATE_SURGE = "template_surge"
    EDGE_GAP = "edge_gap"
    EDGE_ERRORS = "edge_errors"
    EDGE_LATENCY = "edge_latency"
    VANISHED_CALLS = "vanished_calls"

    @property
    def label(self) -> str:
        return _TROUBLE_LABELS.get(self, self.value.replace("_", " "))


_TROUBLE_LABELS = {
    Trouble.SEASONAL_BREAK: "unusual for the time",
    Trouble.VARIANCE: "restless",
    Trouble.MISSING: "no data",
    Trouble.SATURATION: "close to its limit",
    Trouble.BURN_RATE: "error budget burning",
    Trouble.FORECAST_BREACH: "about to reach its limit",
    Trouble.NEW_TEMPLATE: "new log message",
    Trouble.TEMPLATE_SURGE: "surge of a log message",
    Trouble.EDGE_GAP: "network delay",
    Trouble.EDGE_ERRORS: "failing calls",
    Trouble.EDGE_LATENCY: "slow calls",
}


@dataclass(frozen=True)
class AnomalyFinding:
    """A stretch of one series outside its band that reaches the newest point."""

    series: Series
    direction: str  # up | down
    started_at: float
    last_at: float
    value: float
    expected: float
    low: float
    high: float
    score: float  # deviations from expected


@dataclass(frozen=True)
class Band:
    """The expected range of a series, point by point, same length as the series."""

    expected: Floats
    low: Floats
    high: Floats
