"""Detectors with what they found: hits, how many became incidents, how many a person confirmed."""

from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

from django.db.models import Count, Q, QuerySet
from django.shortcuts import get_object_or_404

from airra.lib import clock
from analysis.models import Anomaly, Connector, Detector, Hypothesis
from incidents.models import Service
from incidents.queries.access import AnyUser, workspaces_of

HISTORY_DAYS = 30


@dataclass(frozen=True)
class DetectorRow:
    detector: Detector
    hits: int
    incidents: int
    confirmed: int
    open_now: int

    @property
    def noise(self) -> float | None:
        """The share of hits that no incident came of. None without any hit."""
        return 1 - self.incidents / self.hits if self.hits else None

    @property
    def standing(self) -> str:
        detector = self.detector
        if not detector.is_enabled:
            return "off"
        if detector.muted_until and detector.muted_until > clock.now():
            return "muted"
        if detector.last_error:
            return "failing"
        if detector.last_run_at is None:
            return "not_run_yet"  # which says nothing about what it watches
        return "anomalous" if self.open_now else "ok"


def _counted(user: AnyUser) -> QuerySet[Detector]:
    recent = Q(anomalies__started_at__gte=clock.now() - timedelta(days=HISTORY_DAYS))
    confirmed = Q(
        anomalies__incident__investigations__hypotheses__verdict=Hypothesis.Verdict.CONFIRMED
    )
    return (
        Detector.objects.filter(workspace__in=workspaces_of(user))
        .select_related("connector")
        .annotate(
            hits=Count("anomalies", filter=recent, distinct=True),
            incident_hits=Count(
                "anomalies", filter=recent & Q(anomalies__incident__isnull=False), distinct=True
            ),
            confirmed_hits=Count("anomalies", filter=recent & confirmed, distinct=True),
            open_now=Count("anomalies", filter=Q(anomalies__ended_at__isnull=True), distinct=True),
        )
    )


def _row(detector: Detector) -> DetectorRow:
    counts = detector.__dict__
    return DetectorRow(
        detector=detector,
        hits=counts["hits"],
        incidents=counts["incident_hits"],
        confirmed=counts["confirmed_hits"],
        open_now=counts["open_now"],
    )


def rows(user: AnyUser) -> list[DetectorRow]:
    return [_row(detector) for detector in _counted(user).order_by("name")]


def row(user: AnyUser, detector_id: UUID) -> DetectorRow:
    return _row(get_object_or_404(_counted(user), pk=detector_id))


def anomalies_of(detector: Detector, *, limit: int = 50) -> list[Anomaly]:
    found = detector.anomalies.select_related("service", "incident").order_by("-started_at")
    return list(found[:limit])


def recent_anomalies(service: Service, *, limit: int = 10) -> list[Anomaly]:
    found = service.anomalies.select_related("detector", "incident").order_by("-started_at")
    return list(found[:limit])


def has_connector(user: AnyUser) -> bool:
    """Whether there is anything to read signals from yet: the first-run hint depends on it."""
    return Connector.objects.filter(workspace__in=workspaces_of(user), is_enabled=True).exists()
