"""Detectors, what they found, and the sources they read, over the API."""

from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from django.http import HttpRequest
from ninja import Field, Query, Router, Schema

from analysis.commands import tuning
from analysis.models import Anomaly, Connector
from analysis.queries import connectors, detector_anomalies, detectors
from incidents.api.auth import caller, workspace_of

router = Router(tags=["detectors"])
sources_router = Router(tags=["sources"])
anomalies_router = Router(tags=["detectors"])


class SourceOut(Schema):
    """A source without its secret: only the name under which that is kept."""

    id: UUID
    name: str
    kind: str
    url: str
    tenant: str
    secret_ref: str
    timeout_s: float
    health: str = Field(description="answers, failing, not_tried_yet or off.")
    last_ok_at: datetime | None
    failing_since: datetime | None
    last_error: str
    detectors: int


class DetectorOut(Schema):
    id: UUID
    name: str
    rule: str
    query: str
    signal: str
    unit: str
    source: str
    alarms_per_week: float = Field(description="False alarms accepted per series and week.")
    floor: float
    direction: str
    limit: float | None
    objective: float | None
    horizon_s: int
    is_enabled: bool
    muted_until: datetime | None
    standing: str = Field(description="anomalous, failing, ok, not_run_yet, muted or off.")
    last_run_at: datetime | None
    last_error: str
    series: int
    hits: int = Field(description="Of 30 days, as are those that follow.")
    in_incidents: int
    called_real: int
    called_not_an_anomaly: int


class AnomalyOut(Schema):
    id: UUID
    detector: UUID
    service: str | None
    series_key: str
    kind: str
    direction: str
    started_at: datetime
    last_at: datetime
    ended_at: datetime | None
    value: float
    expected: float
    low: float
    high: float
    p_value: float | None
    incident: str | None
    reason: str
    feedback: str
    feedback_at: datetime | None

    @staticmethod
    def resolve_detector(anomaly: Anomaly) -> UUID:
        return anomaly.detector_id

    @staticmethod
    def resolve_service(anomaly: Anomaly) -> str | None:
        return anomaly.service.name if anomaly.service else None

    @staticmethod
    def resolve_incident(anomaly: Anomaly) -> str | None:
        return anomaly.incident.key if anomaly.incident else None


class AnomalyList(Schema):
    items: list[AnomalyOut]
    next: UUID | None = Field(description="Send it as `cursor` for the page after this one.")


class FeedbackIn(Schema):
    feedback: Literal["real", "not_an_anomaly", ""] = Field(
        description="Empty takes the last word back."
    )


class FeedbackOut(AnomalyOut):
    """The anomaly, and what the word has changed, in words."""

    lesson: str

    @staticmethod
    def resolve_lesson(anomaly: Anomaly) -> str:
        return detector_anomalies.lesson(anomaly)


def _source_out(row: connectors.SourceRow) -> dict[str, Any]:
    known: Connector = row.connector
    names = (
        "id", "name", "kind", "url", "tenant", "secret_ref", "timeout_s", "last_ok_at",
        "last_error",
    )  # fmt: skip
    return {
        **{name: getattr(known, name) for name in names},
        "health": row.health,
        "failing_since": row.failing_since,
        "detectors": row.detectors,
    }


def _detector_out(row: detectors.DetectorRow) -> dict[str, Any]:
    known = row.detector
    names = (
        "id", "name", "rule", "query", "signal", "unit", "alarms_per_week", "floor", "direction",
        "limit", "objective", "horizon_s", "is_enabled", "muted_until", "last_run_at", "last_error",
    )  # fmt: skip
    return {
        **{name: getattr(known, name) for name in names},
        "source": known.connector.name,
        "standing": row.standing,
        "series": known.last_series_count,
        "hits": row.hits,
        "in_incidents": row.incidents,
        "called_real": row.real,
        "called_not_an_anomaly": row.false,
    }


@sources_router.get("", response=list[SourceOut], summary="Sources, failing ones first")
def sources(request: HttpRequest) -> list[dict[str, Any]]:
    found = connectors.rows(caller(request), workspace=workspace_of(request))
    return [_source_out(row) for row in found]


@router.get("", response=list[DetectorOut], summary="Detectors with what they found")
def index(
    request: HttpRequest, rule: str = "", signal: str = "", standing: str = ""
) -> list[dict[str, Any]]:
    filters = detectors.Filters(rule=rule, signal=signal, standing=standing)
    found = detectors.rows(caller(request), filters, workspace=workspace_of(request))
    return [_detector_out(row) for row in found]


@router.get("/{detector_id}", response=DetectorOut, summary="One detector")
def detector(request: HttpRequest, detector_id: UUID) -> dict[str, Any]:
    return _detector_out(_row(request, detector_id))


@router.get("/{detector_id}/anomalies", response=AnomalyList, summary="What it found, newest first")
def anomalies(
    request: HttpRequest,
    detector_id: UUID,
    cursor: UUID | None = None,
    limit: Annotated[int, Query(ge=1, le=200)] = 50,
) -> dict[str, Any]:
    known = _row(request, detector_id).detector
    items, following = detector_anomalies.batch(known, after=cursor, limit=limit)
    return {"items": items, "next": following}


@anomalies_router.post(
    "/{anomaly_id}/feedback", response=FeedbackOut, summary="Say that it is real, or is none"
)
def feedback(request: HttpRequest, anomaly_id: UUID, given: FeedbackIn) -> Anomaly:
    """Changes the tolerance of its series as the buttons do. 409 when somebody was faster."""
    anomaly = detectors.visible_anomaly(
        caller(request), anomaly_id, workspace=workspace_of(request)
    )
    return tuning.say(anomaly=anomaly, feedback=given.feedback, by=caller(request))


def _row(request: HttpRequest, detector_id: UUID) -> detectors.DetectorRow:
    return detectors.row(caller(request), detector_id, workspace=workspace_of(request))
