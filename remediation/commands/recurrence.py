"""The watch over a fix for 24 hours after its match: whether it lasts.

A relapse is three bad samples in a row, or an incident that the same metric opened anew. It makes
the fix no success: it counts against the history that risk reads, and the incident goes on,
reopened or linked to the one that has been opened meanwhile, and is looked into once more.
"""

from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import QuerySet

from airra.lib import clock
from airra.lib.db import Conflict
from airra.lib.quantities import span
from analysis.commands import investigation
from analysis.models import Anomaly
from incidents.commands import audit, timeline
from incidents.commands import incident as incidents
from incidents.lifecycle import LIVE_STATES, IllegalMove, Severity, State
from incidents.models import Incident, TimelineEvent
from remediation.commands.prediction import stored_of
from remediation.commands.readings import Points, points_of
from remediation.execution.marks import Course, Line, Mark
from remediation.models import Execution
from remediation.types import ExecutionState, Mode, Prediction

WATCHED_FOR = timedelta(hours=24)
EVERY = timedelta(seconds=25)  # a little under three sweeps
RUN = 3  # so many samples in a row on the bad side are a relapse
_AT_ONCE = 20
_KEPT = 60
_LOOK_BACK_S = 60.0
Kind = TimelineEvent.Kind


def watch_from(now: datetime) -> dict[str, datetime]:
    """What is stored with a match, so that the sweep watches it from then on."""
    return {"watch_until": now + WATCHED_FOR, "watch_next_at": now + EVERY}


def watch(now: datetime) -> None:
    """Take the sample of every fix that is due, each distinct query once. Safe to repeat."""
    due = [e for e in _watched().filter(watch_next_at__lte=now)[:_AT_ONCE] if _take_turn(e, now)]
    predictions = {str(execution.pk): stored_of(execution) for execution in due}
    at = now.timestamp()
    points = points_of(predictions, start=at - _LOOK_BACK_S, end=at) if due else {}
    for execution in due:
        key = str(execution.pk)
        if not _withdrawn(execution, now):
            _sample(execution, predictions[key], points[key], now)


def _watched() -> QuerySet[Execution]:
    return (
        Execution.objects.filter(
            state=ExecutionState.SUCCEEDED,
            mode=Mode.LIVE,
            kind=Execution.Kind.APPLY,
            watch_next_at__isnull=False,
        )
        .select_related("plan__incident__workspace", "plan__incident__service", "target__step")
        .order_by("watch_next_at")
    )


def _take_turn(execution: Execution, now: datetime) -> bool:
    """One caller per due time; the last one ends the watch."""
    following = now + EVERY
    is_over = execution.watch_until is None or following > execution.watch_until
    taken = Execution.objects.filter(
        pk=execution.pk, watch_next_at=execution.watch_next_at, recurred_at__isnull=True
    ).update(watch_next_at=None if is_over else following)
    return taken == 1


def _sample(execution: Execution, prediction: Prediction, points: Points, now: datetime) -> None:
    line = Line.of_alert(prediction, Course(), now.timestamp())
    matched_at = execution.finished_at.timestamp() if execution.finished_at else 0.0
    known = execution.relapse[-1][0] if execution.relapse else matched_at
    at, value = points[-1] if points and points[-1][0] > known else (now.timestamp(), None)
    told = [*execution.relapse, [at, value, line.mark(value)]][-_KEPT:]
    execution.relapse = told
    Execution.objects.filter(pk=execution.pk).update(relapse=told)
    tail = [mark for _, _, mark in told[-RUN:]]
    is_bad = len(tail) == RUN and not {Mark.GOOD, Mark.NO_DATA} & set(tail)
    if is_bad or _alerts_again(execution, prediction):
        _recurred(execution, prediction, now)


def _alerts_again(execution: Execution, prediction: Prediction) -> bool:
    """Whether its detector has since opened an incident by the same metric.

    The next fix may be so quick that the samples here hardly see the trouble.
    """
    again = Anomaly.objects.filter(
        detector__query=prediction.query,
        detector__connector_id=prediction.connector_id,
        service__name=prediction.service,
        started_at__gt=execution.finished_at or clock.now(),
        incident__opened_at__gt=execution.finished_at or clock.now(),
    )
    return again.exclude(feedback=Anomaly.Feedback.NOT_AN_ANOMALY).exists()


@transaction.atomic
def _recurred(execution: Execution, prediction: Prediction, now: datetime) -> None:
    """Once: the fix is no success, and both incidents say so."""
    changed = Execution.objects.filter(pk=execution.pk, recurred_at__isnull=True).update(
        recurred_at=now, watch_next_at=None
    )
    if changed != 1:
        return
    held = span((now - (execution.finished_at or now)).total_seconds())
    title = execution.target or execution.plan
    reason = f"{prediction.signal} of {prediction.service} is back: “{title}” held for {held}"
    audit.record(
        "execution.recurred",
        target=execution,
        reason=reason,
        workspace_id=execution.plan.incident.workspace_id,
    )
    incident = Incident.objects.get(pk=execution.plan.incident_id)
    going_on = _go_on(incident, execution, prediction, reason)
    investigation.again(incident=going_on, since=execution.finished_at or now, why=reason)


def _go_on(
    incident: Incident, execution: Execution, prediction: Prediction, reason: str
) -> Incident:
    """Link the incident that is open for it, else reopen the old one, else open another.

    Returns the one in which it goes on.
    """
    payload = {"plan": str(execution.plan_id), "execution": str(execution.pk)}
    newer = _open_for_it(incident, execution, prediction)
    if newer is None and incident.state == State.RESOLVED:
        try:
            incidents.reopen(incident=incident, reason=reason)
        except (Conflict, IllegalMove, ValueError):
            incident.refresh_from_db()
        else:
            return incident
    if newer is None and not incident.is_live:
        newer, _ = incidents.open_or_join(
            workspace=incident.workspace,
            title=incident.title,
            severity=Severity(incident.severity),
            source=Incident.Source.DETECTOR,
            grouping_key=f"recurred:{execution.pk}",
            grouping_reason=f"the fix of {incident.key} did not last",
            service=incident.service,
        )
    where = f"; see {newer.key}" if newer else ""
    timeline.record(incident, Kind.VERIFICATION, f"{reason}{where}", payload=payload)
    if newer is not None:
        text = f"the same as {incident.key}: {reason}"
        timeline.record(newer, Kind.VERIFICATION, text, payload=payload)
    return newer or incident


def _open_for_it(
    incident: Incident, execution: Execution, prediction: Prediction
) -> Incident | None:
    """An incident opened since, of the same metric, or else a live one of the same service."""
    since = Incident.objects.filter(
        workspace=incident.workspace, opened_at__gt=execution.finished_at or clock.now()
    )
    since = since.exclude(pk=incident.pk).order_by("opened_at")
    same_metric = Anomaly.objects.filter(
        detector__query=prediction.query, service__name=prediction.service, incident__in=since
    )
    found = since.filter(pk__in=same_metric.values("incident")).first()
    if found is None and incident.service_id is not None:
        found = since.filter(service=incident.service_id, state__in=LIVE_STATES).first()
    return found


def _withdrawn(execution: Execution, now: datetime) -> bool:
    """Whether a person has since had AIRRA take back what this one did; then the watch is over."""
    undo = execution.target.undo if execution.target else None
    if undo is None:
        return False
    taken_back = Execution.objects.filter(
        target_key=execution.target_key,
        mode=Mode.LIVE,
        kind=Execution.Kind.APPLY,
        plan__requested_by__isnull=False,
        target__step__action=undo["action"],
        target__step__params=undo["params"],
        effect_at__gt=execution.finished_at,
    ).order_by("effect_at")
    at = taken_back.values_list("effect_at", flat=True).first()
    if at is None:
        return False
    Execution.objects.filter(pk=execution.pk).update(withdrawn_at=at, watch_next_at=None)
    audit.record(
        "execution.withdrawn",
        target=execution,
        reason="a person had it taken back",
        workspace_id=execution.plan.incident.workspace_id,
    )
    return True
