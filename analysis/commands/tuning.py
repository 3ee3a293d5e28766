"""What people teach a detector: its settings, when to be quiet, and their word on its anomalies.

A word on an anomaly changes the tolerance of its series (`perception.tolerance`); the factor is
kept with the anomaly, so that it can be taken back.
"""

import math
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from django.contrib.auth.models import User
from django.db import transaction

from airra.lib import clock
from airra.lib.db import compare_and_set
from analysis.models import Anomaly, Detector, SeriesTuning
from analysis.perception import tolerance as tolerances
from incidents.commands import audit, timeline
from incidents.models import TimelineEvent
from incidents.permissions import Permission
from incidents.queries.access import require

Feedback = Anomaly.Feedback
TUNABLE = ("alarms_per_week", "floor", "direction", "limit", "objective", "horizon_s")
_FACTOR = "tolerance_factor"  # in `Anomaly.details`: what its feedback multiplied by
_NOBODY: Mapping[str, Any] = {"feedback_at": None, "feedback_by": None}


@transaction.atomic
def change(*, detector: Detector, settings: Mapping[str, Any], by: User) -> list[str]:
    """Store those of `TUNABLE` that differ; returns their names. Checked by the caller's form."""
    require(by, Permission.RESPOND, detector.workspace)
    unknown = set(settings) - set(TUNABLE)
    if unknown:
        msg = f"not among the settings to tune: {', '.join(sorted(unknown))}"
        raise ValueError(msg)
    before = {name: getattr(detector, name) for name in settings}
    after = {name: value for name, value in settings.items() if value != before[name]}
    if after:
        _set(detector, "detector.tuned", by=by, **after)
    return sorted(after)


@transaction.atomic
def mute(*, detector: Detector, until: datetime, by: User) -> None:
    """It goes on watching, and opens nothing until then. Raises ValueError on a past moment."""
    require(by, Permission.RESPOND, detector.workspace)
    if until <= clock.now():
        msg = "a detector is muted until a moment that is still to come"
        raise ValueError(msg)
    _set(detector, "detector.muted", by=by, muted_until=until)


@transaction.atomic
def unmute(*, detector: Detector, by: User) -> None:
    require(by, Permission.RESPOND, detector.workspace)
    if detector.muted_until is not None:
        _set(detector, "detector.unmuted", by=by, muted_until=None)


@transaction.atomic
def switch(*, detector: Detector, is_on: bool, by: User) -> None:
    """Off, nothing is read and nothing is noticed: that takes an admin."""
    require(by, Permission.ADMINISTER, detector.workspace)
    if detector.is_enabled != is_on:
        kind = "detector.enabled" if is_on else "detector.disabled"
        _set(detector, kind, by=by, is_enabled=is_on)


def _set(detector: Detector, kind: str, *, by: User, **fields: Any) -> None:
    before = {name: _plain(getattr(detector, name)) for name in fields}
    for name, value in fields.items():
        setattr(detector, name, value)
    Detector.objects.filter(pk=detector.pk).update(**fields)
    after = {name: _plain(value) for name, value in fields.items()}
    audit.record(kind, target=detector, by=by, before=before, after=after)


def _plain(value: Any) -> Any:
    return value.isoformat() if isinstance(value, datetime) else value


@transaction.atomic
def snooze(*, detector: Detector, series_key: str, until: datetime | None, by: User) -> None:
    """Let one series wait until then; None wakes it. Raises ValueError on a past moment."""
    require(by, Permission.RESPOND, detector.workspace)
    if until is not None and until <= clock.now():
        msg = "a series is snoozed until a moment that is still to come"
        raise ValueError(msg)
    tuning, _ = SeriesTuning.objects.get_or_create(detector=detector, series_key=series_key)
    if tuning.snoozed_until == until:
        return
    before = {"snoozed_until": _plain(tuning.snoozed_until)}
    _teach(tuning, by=by, snoozed_until=until)
    audit.record(
        "series.snoozed" if until else "series.woken",
        target=detector,
        by=by,
        before=before,
        after={"snoozed_until": _plain(until), "series": series_key},
    )


@transaction.atomic
def say(*, anomaly: Anomaly, feedback: str, by: User) -> Anomaly:
    """A person's word on an anomaly; nothing said takes the last word back. Safe to repeat.

    "Not an anomaly" ends it where it is open and raises the tolerance of its series so that the
    same departure would not alarm again; "real" brings the tolerance halfway back. Raises
    `Conflict` when somebody has said something else meanwhile.
    """
    detector = anomaly.detector
    require(by, Permission.RESPOND, detector.workspace)
    before = anomaly.feedback
    if feedback == before:
        return anomaly
    said = Feedback(feedback) if feedback else ""
    tuning, _ = SeriesTuning.objects.get_or_create(detector=detector, series_key=anomaly.series_key)
    old = tuning.tolerance
    bare = tolerances.after_take_back(old, factor=anomaly.details.get(_FACTOR, 1.0))
    new = _taught(detector, anomaly, said, bare)
    # A factor that a bound cut short is kept as it was applied, so that it can be taken back.
    details = {**anomaly.details, _FACTOR: new / bare}
    who = {"feedback_at": clock.now(), "feedback_by": by} if said else _NOBODY
    also: dict[str, Any] = {"details": details, **who}
    if said == Feedback.NOT_AN_ANOMALY and anomaly.ended_at is None:
        also["ended_at"] = max(clock.now(), anomaly.started_at)
    compare_and_set(anomaly, "feedback", expect=before, to=said, **also)
    _teach(tuning, by=by, tolerance=new, **_counts(tuning, before, said))
    _record(anomaly, said, before, {"tolerance": (old, new)}, by=by)
    return anomaly


def _taught(detector: Detector, anomaly: Anomaly, said: str, tolerance: float) -> float:
    """Only the adaptive rule judges by a learnt distance; others keep what they have."""
    if detector.rule != Detector.Rule.ADAPTIVE or not said:
        return tolerance
    if said == Feedback.REAL:
        return tolerances.after_real(tolerance)
    departed = tolerances.departure(
        value=anomaly.value, expected=anomaly.expected, low=anomaly.low, high=anomaly.high
    )
    return tolerances.after_not_anomaly(
        tolerance, raised_with=tolerance / _taught_since(anomaly), departed=departed
    )


def _taught_since(anomaly: Anomaly) -> float:
    """What the words said since an anomaly began have multiplied its series' tolerance by."""
    series = Anomaly.objects.filter(detector=anomaly.detector_id, series_key=anomaly.series_key)
    later = series.exclude(pk=anomaly.pk).filter(feedback_at__gt=anomaly.started_at)
    said = later.values_list("details", flat=True)
    return math.prod(float(details.get(_FACTOR, 1.0)) for details in said)


def _counts(tuning: SeriesTuning, before: str, said: str) -> dict[str, int]:
    counts = {
        Feedback.NOT_AN_ANOMALY: tuning.not_anomalies,
        Feedback.REAL: tuning.real_anomalies,
    }
    if before:
        counts[Feedback(before)] = max(counts[Feedback(before)] - 1, 0)
    if said:
        counts[Feedback(said)] += 1
    return {
        "not_anomalies": counts[Feedback.NOT_AN_ANOMALY],
        "real_anomalies": counts[Feedback.REAL],
    }


def _teach(tuning: SeriesTuning, *, by: User, **fields: Any) -> None:
    """One UPDATE from the tolerance that was read: two words at once do not lose one."""
    new = fields.pop("tolerance", tuning.tolerance)
    fields |= {"changed_at": clock.now(), "changed_by": by}
    compare_and_set(tuning, "tolerance", expect=tuning.tolerance, to=new, **fields)


def _record(
    anomaly: Anomaly, said: str, before: str, change: Mapping[str, tuple[float, float]], *, by: User
) -> None:
    detector = anomaly.detector
    audit.record(
        f"anomaly.{said or 'feedback_taken_back'}",
        target=detector,
        by=by,
        before={"feedback": before, **{name: old for name, (old, _) in change.items()}},
        after={
            "feedback": said,
            **{name: new for name, (_, new) in change.items()},
            "series": anomaly.series_key,
            "anomaly": str(anomaly.pk),
        },
    )
    if anomaly.incident is not None:
        word = {Feedback.REAL: "calls it real", Feedback.NOT_AN_ANOMALY: "calls it no anomaly"}
        text = word[Feedback(said)] if said else "takes back the word on it"
        about = f"{detector.name} of {anomaly.service or anomaly.series_key}"
        timeline.record(anomaly.incident, TimelineEvent.Kind.VERDICT, f"{text}: {about}", by=by)
