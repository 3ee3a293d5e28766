"""What is foretold: recorded once, renewed while it stands, and settled when its time is up.

A forecast is judged by the interval it was first made with, whatever later looks say; so its
record stays honest. What it opens is a predicted incident, apart from live ones: it turns live
when the breach comes, and ends by itself when it was averted or did not come.
"""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import structlog
from django.db import IntegrityError, transaction
from django.db.models import F, Q

from airra.lib.db import Conflict, compare_and_set
from analysis.models import Anomaly, Detector, Forecast, SeriesTuning
from analysis.perception import severity
from analysis.queries import forecasts as queries
from analysis.queries import topology
from analysis.types import Breach, Withdrawal
from incidents.commands import incident as incidents
from incidents.commands import timeline
from incidents.lifecycle import RESOLVABLE, IllegalMove
from incidents.models import Incident, Service, TimelineEvent, Workspace

log = structlog.get_logger(__name__)

Kind = TimelineEvent.Kind
Outcome = Forecast.Outcome
NEAR = timedelta(minutes=15)  # trouble of the service that began so close is the one foretold
_PATIENCE = timedelta(minutes=2)  # or three turns of the detector: one look without it is no end
_MAX_KEY = 300
_ACTED = (Withdrawal.FELL, Withdrawal.RESTARTED, Withdrawal.GONE)


def record(
    *,
    detector: Detector,
    service: Service | None,
    series_key: str,
    labels: Mapping[str, str],
    breach: Breach,
    now: datetime,
) -> Forecast | None:
    """Store that a series is on its way to its limit, or renew it; open its predicted incident.

    A breach that is there already (`expected` not after `now`) makes the pending forecast come
    true. Returns the forecast; None when there is nothing to foretell. Safe to repeat.
    """
    if breach.expected <= now.timestamp():
        came_true(detector=detector, series_key=series_key, at=_at(breach.expected), now=now)
        return None
    pending = _pending(detector, series_key)
    if pending is None:
        pending = _foretell(detector, service, series_key[:_MAX_KEY], labels, breach, now)
    else:
        _renew(pending, breach, now)
    return pending


def withdraw(*, detector: Detector, series_key: str, now: datetime, why: Withdrawal) -> bool:
    """The series is no longer on its way. Returns whether a forecast was settled by it.

    A trend that is not seen for a moment is waited for: `LEVELLED_OFF` counts only when the
    forecast has not been renewed for two minutes or three turns of the detector.
    """
    pending = _pending(detector, series_key)
    if pending is None:
        return False
    if why is Withdrawal.LEVELLED_OFF and now - pending.renewed_at < _patience(detector):
        return False
    was_averted = why in _ACTED or _was_acted_on(pending)
    return _settle(pending, Outcome.AVERTED if was_averted else Outcome.MISSED, str(why), now)


def came_true(*, detector: Detector, series_key: str, at: datetime, now: datetime) -> bool:
    """The series has reached its limit at `at`. Returns whether a forecast was settled by it."""
    pending = _pending(detector, series_key)
    if pending is None:
        return False
    if at < pending.earliest_at:
        outcome = Outcome.EARLY
    elif pending.latest_at is None or at <= pending.latest_at:
        outcome = Outcome.RIGHT
    else:
        outcome = Outcome.MISSED
    return _settle(pending, outcome, "", now, breached_at=max(at, pending.made_at))


def settle_due(now: datetime) -> int:
    """Settle what did not come in its interval, and end the incidents nothing foretells any more.

    Called by the sweep. Returns how many forecasts were settled.
    """
    is_over = Q(latest_at__lt=now) | Q(latest_at__isnull=True, expected_at__lt=now)
    due = Forecast.objects.filter(is_over, outcome=Outcome.PENDING)
    settled = 0
    for forecast in due.select_related("detector", "service", "incident"):
        if _due_at(forecast) >= now:
            continue
        was_averted = _was_acted_on(forecast)
        outcome = Outcome.AVERTED if was_averted else Outcome.MISSED
        settled += _settle(forecast, outcome, "it did not come in its interval", now)
    _end_over(now)
    return settled


def _pending(detector: Detector, series_key: str) -> Forecast | None:
    found = detector.forecasts.filter(series_key=series_key[:_MAX_KEY], outcome=Outcome.PENDING)
    return found.select_related("detector", "service", "incident").first()


def _at(seconds: float) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)


def _patience(detector: Detector) -> timedelta:
    return max(_PATIENCE, timedelta(seconds=3 * detector.interval_s))


def _due_at(forecast: Forecast) -> datetime:
    """When it should have come: its latest, or, without one, after twice the expected time."""
    return forecast.latest_at or forecast.expected_at + (forecast.expected_at - forecast.made_at)


def _newest(breach: Breach, now: datetime) -> dict[str, Any]:
    return {
        "renewed_at": now,
        "newest_value": breach.value,
        "newest_earliest_at": _at(breach.earliest),
        "newest_expected_at": _at(breach.expected),
        "newest_latest_at": None if breach.latest is None else _at(breach.latest),
    }


@transaction.atomic
def _foretell(
    detector: Detector,
    service: Service | None,
    series_key: str,
    labels: Mapping[str, str],
    breach: Breach,
    now: datetime,
) -> Forecast:
    _take_turn(detector.workspace)
    newest = _newest(breach, now)
    try:
        with transaction.atomic():
            made = Forecast.objects.create(
                detector=detector,
                service=service,
                series_key=series_key,
                labels=dict(labels),
                made_at=now,
                value=breach.value,
                limit=breach.limit,
                earliest_at=newest["newest_earliest_at"],
                expected_at=newest["newest_expected_at"],
                latest_at=newest["newest_latest_at"],
                **newest,
            )
    except IntegrityError:  # another worker, at this very moment
        return detector.forecasts.get(series_key=series_key, outcome=Outcome.PENDING)
    _house(made, now)
    return made


def _renew(forecast: Forecast, breach: Breach, now: datetime) -> None:
    was_left = (forecast.newest_expected_at - forecast.renewed_at).total_seconds()
    newest = _newest(breach, now)
    still = Forecast.objects.filter(pk=forecast.pk, outcome=Outcome.PENDING).update(**newest)
    for name, value in newest.items():
        setattr(forecast, name, value)
    if not still:
        return
    if forecast.incident is None:
        with transaction.atomic():
            _take_turn(forecast.detector.workspace)
            _house(forecast, now)
        return
    is_left = breach.expected - now.timestamp()
    if forecast.incident.is_predicted and severity.soon(is_left) < severity.soon(was_left):
        ruling = _ruling(forecast, in_s=is_left)
        incidents.raise_severity(
            incident=forecast.incident, to=ruling.severity, reason=ruling.reason
        )


def _take_turn(workspace: Workspace) -> None:
    """An UPDATE holds the row until commit: correlation and forecasts decide one at a time."""
    Workspace.objects.filter(pk=workspace.pk).update(last_incident_number=F("last_incident_number"))


def _house(forecast: Forecast, now: datetime) -> None:
    """Give the forecast its incident: one that is there, else a predicted one, unless muted."""
    if not _may_open(forecast, now):
        return
    home = _live_home(forecast, now) or _predicted_home(forecast) or _open(forecast, now)
    Forecast.objects.filter(pk=forecast.pk).update(incident=home)
    forecast.incident = home
    detector = forecast.detector
    timeline.record(
        home,
        Kind.ANOMALY,
        f"foresees that {detector.name.lower()} of {forecast.service or forecast.series_key} "
        f"{queries.sentence_of(forecast, now=now)}",
        at=forecast.made_at,
        payload={"forecast": str(forecast.pk), "detector": str(detector.pk)},
    )


def _may_open(forecast: Forecast, now: datetime) -> bool:
    detector = forecast.detector
    is_muted = detector.muted_until is not None and detector.muted_until > now
    snoozed = SeriesTuning.objects.filter(
        detector=detector, series_key=forecast.series_key, snoozed_until__gt=now
    )
    return detector.opens_incident and not is_muted and not snoozed.exists()


def _live_home(forecast: Forecast, now: datetime) -> Incident | None:
    """A live incident of the same service: of the same signal, or one that has just begun."""
    if forecast.service is None:
        return None
    here = Incident.objects.open().filter(workspace=forecast.detector.workspace)
    same = Anomaly.objects.filter(
        service=forecast.service,
        detector__signal=forecast.detector.signal,
        ended_at__isnull=True,
        incident__in=here,
    )
    just_begun = Q(service=forecast.service, started_at__gte=now - NEAR)
    return here.filter(Q(pk__in=same.values("incident")) | just_begun).first()


def _predicted_home(forecast: Forecast) -> Incident | None:
    """The predicted incident of the same service and signal, if there is one already."""
    same = Forecast.objects.filter(
        service=forecast.service, detector__signal=forecast.detector.signal
    )
    here = Incident.objects.predicted().filter(workspace=forecast.detector.workspace)
    if forecast.service is None:
        same = same.filter(detector=forecast.detector, series_key=forecast.series_key)
    return here.filter(pk__in=same.values("incident")).first()


def _open(forecast: Forecast, now: datetime) -> Incident:
    detector = forecast.detector
    ruling = _ruling(forecast, in_s=(forecast.newest_expected_at - now).total_seconds())
    sentence = queries.sentence_of(forecast, now=now)
    incident, _ = incidents.open_or_join(
        workspace=detector.workspace,
        title=queries.title_of(forecast),
        severity=ruling.severity,
        source=Incident.Source.DETECTOR,
        grouping_key=f"forecast:{forecast.pk}",
        grouping_reason=f"{detector.name} {sentence}",
        service=forecast.service,
        started_at=now,
        is_predicted=True,
    )
    text = f"set severity {ruling.severity}: {ruling.reason}"
    timeline.record(incident, Kind.SEVERITY, text, payload={"reason": ruling.reason})
    return incident


def _ruling(forecast: Forecast, *, in_s: float) -> severity.Ruling:
    workspace = forecast.detector.workspace
    return severity.of_outlook(
        signal=forecast.detector.signal,
        service=forecast.service.name if forecast.service else "",
        in_s=in_s,
        graph=topology.graph_of(workspace),
        tiers=topology.tiers_of(workspace),
    )


def _was_acted_on(forecast: Forecast) -> bool:
    """Whether, since it was made, somebody did something to the service or to its incident."""
    deeds = TimelineEvent.objects.filter(
        kind__in=[Kind.EXECUTION, Kind.CHANGE], at__gte=forecast.made_at
    )
    of = Q(incident=forecast.incident_id)
    if forecast.service_id is not None:
        of |= Q(incident__service=forecast.service_id)
    return deeds.filter(of).exists()


@transaction.atomic
def _settle(
    forecast: Forecast,
    outcome: Forecast.Outcome,
    why: str,
    now: datetime,
    breached_at: datetime | None = None,
) -> bool:
    """Pending to its outcome, once; the incident hears of it. False when others were first."""
    _take_turn(forecast.detector.workspace)
    try:
        compare_and_set(
            forecast,
            "outcome",
            expect=Outcome.PENDING,
            to=outcome,
            settled_at=now,
            breached_at=breached_at,
        )
    except Conflict:
        return False
    incident = forecast.incident
    if incident is None or not incident.is_live:
        return True
    if breached_at is not None:
        _arrive(forecast, incident, breached_at, now)
        return True
    word = "was averted" if outcome == Outcome.AVERTED else "did not come"
    timeline.record(
        incident,
        Kind.ANOMALY,
        f"saw that what {forecast.detector.name.lower()} foretold {word}: {why}",
        payload={"forecast": str(forecast.pk), "outcome": str(outcome)},
    )
    if outcome == Outcome.AVERTED:
        _end(incident, now)
    return True


def _arrive(forecast: Forecast, incident: Incident, at: datetime, now: datetime) -> None:
    """The breach is there: the incident turns live, or goes into the one that is there already."""
    foretold = queries.sentence_of(forecast, now=now, as_made=True)
    detector = forecast.detector
    what = f"{detector.name.lower()} of {forecast.service or forecast.series_key}"
    reason = f"{what} is at its limit since {at:%H:%M} UTC; foretold at {forecast.made_at:%H:%M}"
    reason += f" was that it {foretold}"
    if not incident.is_predicted:
        timeline.record(incident, Kind.ANOMALY, f"saw that {reason}", at=at)
        return
    there = _live_home(forecast, now)
    if there is not None and there.pk != incident.pk:
        incidents.merge(incident=incident, into=there, reason=reason)
        return
    incidents.turn_live(incident=incident, reason=reason)
    ruling = _ruling(forecast, in_s=0.0)
    incidents.raise_severity(incident=incident, to=ruling.severity, reason=ruling.reason)


def _end_over(now: datetime) -> None:
    """End predicted incidents that nothing foretells any more, after a while of patience."""
    pending = Forecast.objects.filter(outcome=Outcome.PENDING)
    over = Incident.objects.predicted().exclude(pk__in=pending.values("incident"))
    for incident in over.select_related("workspace"):
        with transaction.atomic():
            _take_turn(incident.workspace)
            _end(incident, now)


def _end(incident: Incident, now: datetime) -> None:
    """End a predicted incident with the word of how; not while its action runs or is proven."""
    incident.refresh_from_db()
    last = incident.forecasts.order_by("-settled_at").select_related("detector").first()
    if not incident.is_predicted or incident.state not in RESOLVABLE:
        return
    if incident.forecasts.filter(outcome=Outcome.PENDING).exists():
        return
    if last is None or last.settled_at is None:
        resolution = "withdrawn: its detector is gone"
    elif last.outcome == Outcome.AVERTED:
        resolution = f"averted: {last.detector.name.lower()} is no longer on its way to its limit"
    elif now - last.settled_at < _patience(last.detector):
        return
    else:
        resolution = f"did not come: foretold was that it {queries.sentence_of(last, now=now)}"
    try:
        incidents.resolve(incident=incident, resolution=resolution)
    except (Conflict, IllegalMove):
        log.info("predicted_incident_moved", incident=incident.key)
