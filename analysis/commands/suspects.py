"""The second pass: what was just flagged, judged by weeks of its own history before it is stored.

It costs seconds of one core for a handful of suspects, and one more query. Where there is too
little history, or there are too many series or suspects to look at, the first pass stands.
"""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

import numpy as np
import structlog

from analysis.connectors.base import ConnectorError
from analysis.models import Detector
from analysis.perception.second_pass import DAY_S, MAX_POINTS, Opinion, opinion
from analysis.types import Frame, MetricSource, SignalFinding, series_key

log = structlog.get_logger(__name__)

MOST = 5  # suspects of one look; more than that at once are no false alarms of a weekly job
_MAX_SERIES = 700  # of the query, whose history is read for all of them at once
_HISTORY_S = 15 * DAY_S


def reconsider(
    detector: Detector,
    findings: Sequence[SignalFinding],
    *,
    source: MetricSource,
    series: int,
    now: datetime,
) -> list[SignalFinding]:
    """The findings, each with what its history says of it in `details["second_pass"]`.

    One that is usual for its time of day or week is kept as evidence, and opens nothing.
    """
    if not findings or len(findings) > MOST or series > _MAX_SERIES:
        return list(findings)
    try:
        history = _history(detector, source, now)
    except ConnectorError as error:
        log.warning("second_pass_without_history", detector=detector.name, error=str(error))
        return list(findings)
    rows = {series_key(labels): row for row, labels in enumerate(history.labels)}
    return [
        _reconsidered(finding, history, rows[finding.key]) if finding.key in rows else finding
        for finding in findings
    ]


def _history(detector: Detector, source: MetricSource, now: datetime) -> Frame:
    step = max(float(detector.step_s), _HISTORY_S / MAX_POINTS)
    end = now.timestamp() // detector.step_s * detector.step_s
    start = end - (MAX_POINTS - 1) * step
    return source.query_frame(detector.query, start=start, end=end, step_s=step)


def _reconsidered(finding: SignalFinding, history: Frame, row: int) -> SignalFinding:
    values = history.values[row]
    there = np.flatnonzero(np.isfinite(values))
    begin = int(there[0]) if len(there) else len(values)
    found = opinion(history.times[begin:], values[begin:], kind=finding.kind)
    if found is None:
        return finding
    said = {
        "second_pass": found.method,
        "deviations": round(found.deviations, 2),
        "expected_then": found.expected,
        "verdict": _verdict(found),
    }
    if found.is_usual:
        said["may_open"] = False
    return replace(finding, kind=found.kind, details={**finding.details, **said})


def _verdict(found: Opinion) -> str:
    if found.is_usual:
        return "usual for this time of the day or week"
    return "confirmed by its history" if found.is_confirmed else "not settled by its history"
