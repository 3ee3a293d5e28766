"""Forecasts in words, and their record: how often they came true, and how early they told."""

import statistics
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from django.db.models import Max

from analysis.models import Detector, Forecast
from analysis.perception import outlook
from incidents.queries.access import AnyUser, workspaces_of

Outcome = Forecast.Outcome
_NEWEST = 1000  # settled forecasts a record looks back on


@dataclass(frozen=True)
class Record:
    """What became of forecasts. Shares are None where nothing has been settled yet.

    An averted one says nothing of the forecast and counts neither way. `coverage` is the share of
    breaches that came within the interval foretold, of those that came at all.
    """

    right: int = 0
    early: int = 0
    missed: int = 0
    averted: int = 0
    pending: int = 0
    came: int = 0
    lead_s: float | None = None  # median, from foretold to there

    @property
    def n(self) -> int:
        return self.right + self.early + self.missed

    @property
    def right_share(self) -> float | None:
        return self.right / self.n if self.n else None

    @property
    def coverage(self) -> float | None:
        return self.right / self.came if self.came else None


@dataclass(frozen=True)
class Outlook:
    """One pending forecast as a page shows it."""

    detector: str
    service: str
    series_key: str
    value: float
    limit: float
    unit: str
    is_budget: bool
    earliest_at: datetime
    expected_at: datetime
    latest_at: datetime | None
    made_at: datetime
    renewed_at: datetime


def title_of(forecast: Forecast) -> str:
    detector = forecast.detector
    return outlook.title(
        service=forecast.service.name if forecast.service else "",
        signal=detector.signal,
        limit=outlook.limit_of(forecast.limit, detector.unit),
        is_budget=detector.rule == Detector.Rule.BURN_RATE,
    )


def sentence_of(forecast: Forecast, *, now: datetime, as_made: bool = False) -> str:
    """When it reaches its limit, as it looks now, or as it was made and is judged."""
    detector = forecast.detector
    times = (
        (forecast.earliest_at, forecast.expected_at, forecast.latest_at)
        if as_made
        else (
            forecast.newest_earliest_at,
            forecast.newest_expected_at,
            forecast.newest_latest_at,
        )
    )
    return outlook.sentence(
        limit=outlook.limit_of(forecast.limit, detector.unit),
        earliest=times[0],
        expected=times[1],
        latest=times[2],
        now=now,
        is_budget=detector.rule == Detector.Rule.BURN_RATE,
    )


def outlooks(incidents: Collection[UUID]) -> dict[UUID, Outlook]:
    """Of each of these incidents the pending forecast that comes first; one query."""
    found = Forecast.objects.filter(incident__in=incidents, outcome=Outcome.PENDING)
    ordered = found.select_related("detector", "service").order_by("-newest_expected_at")
    return {f.incident_id: _outlook(f) for f in ordered if f.incident_id}


def _outlook(forecast: Forecast) -> Outlook:
    detector = forecast.detector
    return Outlook(
        detector=detector.name,
        service=forecast.service.name if forecast.service else "",
        series_key=forecast.series_key,
        value=forecast.newest_value,
        limit=forecast.limit,
        unit=detector.unit,
        is_budget=detector.rule == Detector.Rule.BURN_RATE,
        earliest_at=forecast.newest_earliest_at,
        expected_at=forecast.newest_expected_at,
        latest_at=forecast.newest_latest_at,
        made_at=forecast.made_at,
        renewed_at=forecast.renewed_at,
    )


def newest_look(user: AnyUser) -> str:
    """When anything pending was last foretold: a tag that moves with it."""
    pending = Forecast.objects.filter(
        detector__workspace__in=workspaces_of(user), outcome=Outcome.PENDING
    )
    newest = pending.aggregate(newest=Max("renewed_at"))["newest"]
    return f"{newest:%H%M%S}" if newest else ""


def record_of(detector: Detector) -> Record:
    """The record of one detector."""
    return _records([detector.pk]).get(detector.pk, Record())


def records(user: AnyUser) -> Mapping[UUID, Record]:
    """The record of every detector this user may see that has ever foretold anything."""
    visible = Detector.objects.filter(workspace__in=workspaces_of(user), forecasts__isnull=False)
    return _records(set(visible.values_list("pk", flat=True)))


def overall(user: AnyUser, *, since: datetime | None = None) -> Record:
    """One record over everything this user may see, made since then."""
    found = Forecast.objects.filter(detector__workspace__in=workspaces_of(user))
    if since is not None:
        found = found.filter(made_at__gte=since)
    rows = found.order_by("-made_at").values_list("outcome", "made_at", "breached_at")
    return _counted(rows[:_NEWEST])


def _records(detectors: Collection[UUID]) -> dict[UUID, Record]:
    rows = Forecast.objects.filter(detector__in=detectors).order_by("-made_at")
    grouped: dict[UUID, list[tuple[str, datetime, datetime | None]]] = defaultdict(list)
    columns = rows.values_list("detector_id", "outcome", "made_at", "breached_at")
    for pk, outcome, made_at, breached_at in columns:
        if len(grouped[pk]) < _NEWEST:
            grouped[pk].append((outcome, made_at, breached_at))
    return {pk: _counted(found) for pk, found in grouped.items()}


def _counted(rows: Iterable[tuple[str, datetime, datetime | None]]) -> Record:
    counts: dict[str, int] = defaultdict(int)
    leads: list[float] = []
    for outcome, made_at, breached_at in rows:
        counts[outcome] += 1
        if breached_at is not None:
            leads.append((breached_at - made_at).total_seconds())
    return Record(
        right=counts[Outcome.RIGHT],
        early=counts[Outcome.EARLY],
        missed=counts[Outcome.MISSED],
        averted=counts[Outcome.AVERTED],
        pending=counts[Outcome.PENDING],
        came=len(leads),
        lead_s=statistics.median(leads) if leads else None,
    )
