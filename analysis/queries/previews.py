"""A backtest in the shape its page shows: counts side by side, series to draw, alarms to read."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from airra.lib.quantities import odds, span
from analysis.models import Detector
from analysis.queries.detector_anomalies import ICONS
from analysis.queries.detector_settings import knob_word
from analysis.types import Floats
from analysis.types.replays import Alarm, Backtest, Outcome, Sketch

DRAWN = 12  # series that travel with the page
SHOWN = 50  # alarms
_TABLE_POINTS = 40


@dataclass(frozen=True)
class Line:
    """One row of the comparison: a word, and what it is for each outcome."""

    label: str
    cells: Sequence[str]


@dataclass(frozen=True)
class AlarmRow:
    alarm: Alarm

    @property
    def at(self) -> datetime:
        return datetime.fromtimestamp(self.alarm.stretch.raised_at, UTC)

    @property
    def lasted_s(self) -> float | None:
        s = self.alarm.stretch
        return None if s.ended_at is None else s.ended_at - s.raised_at

    @property
    def kind(self) -> str:
        return self.alarm.stretch.kind.label

    @property
    def icon(self) -> str:
        return ICONS[self.alarm.stretch.kind]

    @property
    def odds(self) -> str:
        chance = self.alarm.stretch.p_value
        return "" if chance is None else odds(chance)


@dataclass(frozen=True)
class Point:
    at: datetime
    value: float | None
    low: float | None
    high: float | None


@dataclass(frozen=True)
class Preview:
    backtest: Backtest
    detector: Detector
    drawn: str

    @property
    def titles(self) -> list[str]:
        return ["As it is", "With these settings"][: len(self.backtest.outcomes)]

    @property
    def newest(self) -> Outcome:
        return self.backtest.outcomes[-1]

    @property
    def start(self) -> datetime:
        return datetime.fromtimestamp(self.backtest.start, UTC)

    @property
    def end(self) -> datetime:
        return datetime.fromtimestamp(self.backtest.end, UTC)

    @property
    def is_coarse(self) -> bool:
        return self.backtest.step_s > self.detector.step_s

    @property
    def lines(self) -> list[Line]:
        b, all_of = self.backtest, self.backtest.outcomes
        lines = [
            Line("Anomalies", [str(len(one.alarms)) for one in all_of]),
            Line("Alarms per series and week", [f"{one.per_series_week:.2g}" for one in all_of]),
        ]
        if "alarms_per_week" in all_of[0].settings:
            words = [knob_word(one.settings["alarms_per_week"]) for one in all_of]
            lines.insert(0, Line("Sensitivity", words))
        if b.incidents:
            words = [f"{one.incidents_found} of {b.incidents}" for one in all_of]
            lines.append(Line("Confirmed incidents found", words))
            lines.append(Line("Told after, in the median", [_delay(one) for one in all_of]))
        if b.real:
            words = [f"{one.real_found} of {b.real}" for one in all_of]
            lines.append(Line("Called real, found", words))
        if b.false:
            words = [f"{one.false_again} of {b.false}" for one in all_of]
            lines.append(Line("Called no anomaly, raised again", words))
        return [*lines, Line("Matching nothing people said", [str(o.unmatched) for o in all_of])]

    @property
    def alarms(self) -> list[AlarmRow]:
        return [AlarmRow(alarm) for alarm in list(self.newest.alarms)[::-1][:SHOWN]]

    @property
    def hidden(self) -> int:
        return max(len(self.newest.alarms) - SHOWN, 0)

    @property
    def picture(self) -> dict[str, Any]:
        """For the charts: of each series that travels, one drawing for each outcome."""
        series = {
            key: [
                _drawing(title, outcome, key)
                for title, outcome in zip(self.titles, self.backtest.outcomes, strict=True)
            ]
            for key in self.travelling
        }
        return {"unit": self.detector.unit, "drawn": self.drawn, "series": series}

    @property
    def travelling(self) -> list[str]:
        """The series drawn, those with alarms, then others: as many as a page carries."""
        alarmed = [alarm.series_key for one in self.backtest.outcomes for alarm in one.alarms]
        return list(dict.fromkeys([self.drawn, *alarmed, *self.backtest.series]))[:DRAWN]

    @property
    def points(self) -> list[Point]:
        """The newest points of the drawn series: the same without a picture."""
        sketch = self.newest.sketches[self.drawn]
        rows = zip(*(_plain(part) for part in vars(sketch).values()), strict=True)
        found = [
            Point(datetime.fromtimestamp(at, UTC), value, low, high)
            for at, value, low, high in rows
            if at is not None
        ]
        return found[::-1][:_TABLE_POINTS]


def preview(detector: Detector, backtest: Backtest, *, drawn: str = "") -> Preview:
    """`drawn` falls back on the series with most alarms, else the first."""
    if drawn not in backtest.series:
        keys = [alarm.series_key for one in backtest.outcomes for alarm in one.alarms]
        drawn = max(keys, key=keys.count) if keys else backtest.series[0]
    return Preview(backtest, detector, drawn)


def _delay(outcome: Outcome) -> str:
    return "none found" if outcome.delay_s is None else span(outcome.delay_s)


def _drawing(title: str, outcome: Outcome, key: str) -> Mapping[str, Any]:
    sketch: Sketch = outcome.sketches[key]
    alarms = [a.stretch.raised_at for a in outcome.alarms if a.series_key == key]
    parts = {name: _plain(part) for name, part in vars(sketch).items()}
    return {"title": title, "alarms": alarms, **parts}


def _plain(values: Floats) -> list[float | None]:
    """As JSON has it: a gap is null; nine figures are more than a picture shows."""
    return [float(f"{v:.10g}") if math.isfinite(v) else None for v in values.tolist()]
