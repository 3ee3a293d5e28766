"""Detectors with what they found: hits, how many became incidents, what people said of them."""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from datetime import timedelta
from enum import StrEnum
from uuid import UUID

from django.db.models import Count, Q, QuerySet
from django.shortcuts import get_object_or_404

from airra.lib import clock
from airra.lib.ids import moment_of
from analysis.models import Anomaly, Connector, Detector, Hypothesis
from incidents.models import Service, Workspace
from incidents.queries.access import AnyUser, workspaces_of

HISTORY_DAYS = 30
_WEEK = timedelta(days=7)
Feedback = Anomaly.Feedback


class Standing(StrEnum):
    ANOMALOUS = "anomalous"
    FAILING = "failing"
    OK = "ok"
    NOT_RUN_YET = "not_run_yet"  # which says nothing about what it watches
    MUTED = "muted"
    OFF = "off"


@dataclass(frozen=True)
class DetectorRow:
    """`real` and `false` are hits that people judged, by a word or by confirming a cause."""

    detector: Detector
    hits: int
    incidents: int
    real: int
    false: int
    open_now: int

    @property
    def noise(self) -> float | None:
        """The share of hits that were nothing, or no incident came of. None without any hit."""
        return 1 - self.incidents / self.hits if self.hits else None

    @property
    def standing(self) -> Standing:
        detector = self.detector
        if not detector.is_enabled:
            return Standing.OFF
        if detector.muted_until and detector.muted_until > clock.now():
            return Standing.MUTED
        if detector.last_error:
            return Standing.FAILING
        if detector.last_run_at is None:
            return Standing.NOT_RUN_YET
        return Standing.ANOMALOUS if self.open_now else Standing.OK

    @property
    def accepted(self) -> float:
        """False alarms a week that its setting allows, over all its series."""
        return self.detector.alarms_per_week * self.detector.last_series_count

    @property
    def observed(self) -> float | None:
        """Alarms a week, true ones among them; None before a day has passed."""
        age = clock.now() - moment_of(self.detector.pk)
        if age < timedelta(days=1):
            return None
        return self.hits / (min(age, timedelta(days=HISTORY_DAYS)) / _WEEK)


@dataclass(frozen=True)
class Filters:
    q: str = ""
    rule: str = ""
    signal: str = ""
    standing: str = ""

    @classmethod
    def parse(cls, given: Mapping[str, str]) -> "Filters":
        return cls(**{f.name: str(given.get(f.name, "")).strip()[:100] for f in fields(cls)})

    @property
    def is_narrowed(self) -> bool:
        return any((self.q, self.rule, self.signal, self.standing))


def _counted(user: AnyUser, workspace: Workspace | None = None) -> QuerySet[Detector]:
    """The detectors this user may see, of one workspace or of all."""
    places = _places(user, workspace)
    recent = Q(anomalies__started_at__gte=clock.now() - timedelta(days=HISTORY_DAYS))
    false = Q(anomalies__feedback=Feedback.NOT_AN_ANOMALY)
    confirmed = Q(anomalies__feedback=Feedback.REAL) | Q(
        anomalies__incident__investigations__hypotheses__verdict=Hypothesis.Verdict.CONFIRMED
    )
    in_incident = Q(anomalies__incident__isnull=False) | Q(anomalies__feedback=Feedback.REAL)
    return (
        Detector.objects.filter(workspace__in=places)
        .select_related("connector", "workspace")
        .annotate(
            hits=Count("anomalies", filter=recent, distinct=True),
            incident_hits=Count("anomalies", filter=recent & in_incident & ~false, distinct=True),
            real_hits=Count("anomalies", filter=recent & confirmed & ~false, distinct=True),
            false_hits=Count("anomalies", filter=recent & false, distinct=True),
            open_now=Count("anomalies", filter=Q(anomalies__ended_at__isnull=True), distinct=True),
        )
    )


def _row(detector: Detector) -> DetectorRow:
    counts = detector.__dict__
    return DetectorRow(
        detector=detector,
        hits=counts["hits"],
        incidents=counts["incident_hits"],
        real=counts["real_hits"],
        false=counts["false_hits"],
        open_now=counts["open_now"],
    )


def _places(user: AnyUser, workspace: Workspace | None) -> QuerySet[Workspace]:
    places = workspaces_of(user)
    return places.filter(pk=workspace.pk) if workspace else places


def rows(
    user: AnyUser, filters: Filters | None = None, *, workspace: Workspace | None = None
) -> list[DetectorRow]:
    wanted = filters or Filters()
    found = _counted(user, workspace).order_by("name")
    if wanted.q:
        found = found.filter(Q(name__icontains=wanted.q) | Q(query__icontains=wanted.q))
    if wanted.rule:
        found = found.filter(rule=wanted.rule)
    if wanted.signal:
        found = found.filter(signal=wanted.signal)
    listed = (_row(detector) for detector in found)
    return [row for row in listed if wanted.standing in {"", row.standing}]


def row(user: AnyUser, detector_id: UUID, *, workspace: Workspace | None = None) -> DetectorRow:
    return _row(get_object_or_404(_counted(user, workspace), pk=detector_id))


def visible_anomaly(
    user: AnyUser, anomaly_id: UUID, *, workspace: Workspace | None = None
) -> Anomaly:
    """An anomaly of a workspace of this user, or of just this one; 404 otherwise."""
    found = Anomaly.objects.filter(detector__workspace__in=_places(user, workspace))
    related = found.select_related("detector__workspace", "service", "incident")
    return get_object_or_404(related, pk=anomaly_id)


def recent_anomalies(service: Service, *, limit: int = 10) -> list[Anomaly]:
    found = service.anomalies.select_related("detector", "incident").order_by("-started_at")
    return list(found[:limit])


def has_connector(user: AnyUser) -> bool:
    """Whether there is anything to read signals from yet: the first-run hint depends on it."""
    return Connector.objects.filter(workspace__in=workspaces_of(user), is_enabled=True).exists()
