"""One look through a detector, by its rule: what is anomalous now, and what is over."""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime

from analysis.commands import look_limits, look_logs, look_metrics, look_traces
from analysis.commands.anomaly import Look
from analysis.models import Anomaly, Detector
from analysis.types import SignalFinding

_Looking = Callable[[Detector, Mapping[str, Anomaly], datetime], Look]

Rule = Detector.Rule


def _plain(found: Callable[[Detector, datetime], Sequence[SignalFinding]]) -> _Looking:
    """A look that remembers by itself what it has seen."""

    def look(detector: Detector, known: Mapping[str, Anomaly], now: datetime) -> Look:
        findings = found(detector, now)
        return Look(findings, len(known), now)

    return look


_BY_RULE: Mapping[str, _Looking] = {
    Rule.ADAPTIVE: look_metrics.adaptive,
    Rule.MISSING: look_limits.missing,
    Rule.COUNTER_RESET: look_limits.counter_reset,
    Rule.SATURATION: look_limits.nearly_full,
    Rule.BURN_RATE: look_limits.burn,
    Rule.FORECAST: look_limits.trend,
    Rule.LOGS: _plain(look_logs.look),
    Rule.TRACES: _plain(look_traces.look),
}


def through(detector: Detector, *, known: Mapping[str, Anomaly], now: datetime) -> Look:
    """Read the detector's signals up to `now` and judge them. Raises `ConnectorError`."""
    return _BY_RULE[detector.rule](detector, known, now)
