"""What a detector would have said of the past. Times are Unix seconds (UTC)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from analysis.types.findings import Trouble
from analysis.types.telemetry import Floats


@dataclass(frozen=True)
class Stretch:
    """One anomaly of one row of values.

    `raised_at` is when an operator would have been told; value and band are those of that moment.
    `ended_at` None: still out at the end.
    """

    row: int
    kind: Trouble
    direction: str
    raised_at: float
    ended_at: float | None
    value: float
    expected: float
    low: float
    high: float
    p_value: float | None


@dataclass(frozen=True)
class Sketch:
    """One series with the band it was judged by, thinned for a picture; all of one length."""

    times: Floats
    values: Floats
    low: Floats
    high: Floats


@dataclass(frozen=True)
class Alarm:
    """One anomaly that would have been raised; `matches` is what people have said of it, if so."""

    series_key: str
    service: str
    stretch: Stretch
    matches: str = ""

    def as_json(self) -> dict[str, Any]:
        facts = {k: v for k, v in vars(self.stretch).items() if k != "row"}
        return {
            "series": self.series_key,
            "service": self.service,
            **facts,
            "matches": self.matches,
        }


@dataclass(frozen=True)
class Outcome:
    """What came of one set of settings. `delay_s`: the median, of the confirmed incidents found."""

    settings: Mapping[str, Any]
    alarms: Sequence[Alarm]
    per_series_week: float
    incidents_found: int
    real_found: int
    false_again: int
    unmatched: int
    delay_s: float | None
    sketches: Mapping[str, Sketch] = field(default_factory=dict, repr=False)

    def as_json(self) -> dict[str, Any]:
        facts = {k: v for k, v in vars(self).items() if k not in {"alarms", "sketches"}}
        alarms = [alarm.as_json() for alarm in self.alarms]
        return {
            **facts,
            "settings": dict(self.settings),
            "anomalies": len(alarms),
            "alarms": alarms,
        }


@dataclass(frozen=True)
class Backtest:
    """`incidents`, `real`, `false`: what people have settled of the time and series replayed."""

    start: float
    end: float
    step_s: float
    warm_up_s: float
    series: Sequence[str]
    incidents: int
    real: int
    false: int
    outcomes: Sequence[Outcome]

    def as_json(self) -> dict[str, Any]:
        facts = {k: v for k, v in vars(self).items() if k != "outcomes"}
        outcomes = [outcome.as_json() for outcome in self.outcomes]
        return {**facts, "series": len(self.series), "outcomes": outcomes}
