"""What perception finds in signals."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any


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
class SignalFinding:
    """What a look found of one series: that it is anomalous now, or (`is_over`) no longer.

    `key` names the series and stays the same over time. Times in Unix seconds; `value`,
    `expected`, `low` and `high` in the unit of the detector; `details` are JSON, where `may_open`
    false says that it is evidence and opens no incident by itself.
    """

    key: str
    labels: Mapping[str, str]
    service: str
    kind: Trouble
    direction: str  # up | down
    started_at: float
    last_at: float
    value: float
    expected: float
    low: float
    high: float
    score: float
    p_value: float | None = None
    is_over: bool = False
    details: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Breach:
    """When a series is expected to reach `limit`: Unix seconds, 90 % between the two ends.

    `latest` None: by then it may also never have come. `expected` not in the future: it is there.
    """

    value: float
    limit: float
    earliest: float
    expected: float
    latest: float | None
    method: str


@dataclass(frozen=True)
class Observation:
    """An anomaly as correlation needs it. `opens` is whether it may open an incident by itself.

    Of a call between two services, `service` is the one called and `victim` its caller.
    """

    id: str
    service: str
    signal: str
    direction: str  # up | down
    started_at: float
    score: float  # deviations from expected
    value: float
    expected: float
    kind: Trouble = Trouble.LEVEL_SHIFT
    unit: str = ""
    floor: float = 0.0  # smallest departure that matters, in the unit
    limit: float | None = None
    victim: str = ""
    opens: bool = True


class Withdrawal(StrEnum):
    """Why a series is no longer on its way to its limit, as it is told on the incident."""

    FELL = "its level fell back"
    RESTARTED = "it was restarted"
    GONE = "its series is gone"
    LEVELLED_OFF = "it no longer moves towards the limit"
