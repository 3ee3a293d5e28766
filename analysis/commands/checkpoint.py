"""What looks at logs and traces share: one memory that one worker moves on, and what is over."""

from collections.abc import Collection
from dataclasses import replace
from datetime import datetime
from typing import Any

from django.db import IntegrityError, transaction

from airra.lib import clock
from airra.lib.db import Conflict, compare_and_set
from analysis.commands.anomaly import as_finding, open_of
from analysis.models import Detector, DetectorState
from analysis.types import SignalFinding

FIRST_S = 900.0  # what is read before the first look, in seconds


def remembered(detector: Detector) -> DetectorState | None:
    return DetectorState.objects.filter(detector=detector).first()


def remember(
    detector: Detector,
    state: DetectorState | None,
    *,
    series: list[Any],
    arrays: bytes = b"",
    newest_at: datetime,
) -> None:
    """Move the memory on from `state`. Raises `Conflict` when another worker has done so."""
    fields = {"series": series, "arrays": arrays, "saved_at": clock.now()}
    if state is not None:
        compare_and_set(state, "newest_at", expect=state.newest_at, to=newest_at, **fields)
        return
    made = DetectorState(detector=detector, newest_at=newest_at, **fields)
    try:
        with transaction.atomic():
            made.save(force_insert=True)
    except IntegrityError as error:
        raise Conflict(made, "newest_at", None) from error


def no_longer(detector: Detector, found: Collection[SignalFinding]) -> list[SignalFinding]:
    """The open anomalies of this detector that were not found again."""
    keys = {finding.key for finding in found}
    return [
        replace(as_finding(anomaly), is_over=True)
        for key, anomaly in open_of(detector).items()
        if key not in keys
    ]
