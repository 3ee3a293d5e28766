"""What the API takes and gives, for incidents."""

from datetime import UTC, datetime
from typing import Annotated, Any
from uuid import UUID

from ninja import Field, Schema
from pydantic import AfterValidator, FiniteFloat, StringConstraints

from incidents.lifecycle import Severity, State
from incidents.models import Incident

# What both databases can store: PostgreSQL refuses NUL, and no JSON holds an infinite number.
Text = Annotated[str, StringConstraints(strip_whitespace=True, pattern=r"^[^\x00]*$")]


def _with_a_moment(cursor: str) -> str:
    """Refuse a time without an offset, or one that UTC does not have: no database takes those."""
    if not cursor:
        return cursor
    msg = "expected the `next` of an earlier answer"
    try:
        moment = datetime.fromisoformat(cursor.partition("~")[0])
        moment.astimezone(UTC)
    except (ValueError, OverflowError) as error:
        raise ValueError(msg) from error
    if moment.tzinfo is None:
        raise ValueError(msg)
    return cursor


Cursor = Annotated[str, AfterValidator(_with_a_moment)]


class IncidentIn(Schema):
    title: Text = Field(min_length=1, max_length=200)
    description: Text = Field("", max_length=10_000)
    severity: Severity = Severity.MEDIUM
    affected_service: Text = Field("", max_length=120, description="Made known when it is new.")
    metrics_snapshot: dict[Text, FiniteFloat] = Field(
        default_factory=dict, max_length=200, description="Name to value, as the reporter saw them."
    )


class ReasonIn(Schema):
    reason: Text = Field(min_length=1, max_length=1000)


class ResolveIn(Schema):
    resolution: Text = Field(min_length=1, max_length=300)


class NoteIn(Schema):
    text: Text = Field(min_length=1, max_length=10_000)


class IncidentFields(Schema):
    id: UUID
    key: str
    title: str
    description: str
    severity: Severity
    state: State
    source: str
    is_predicted: bool = Field(description="Foretold, and not there yet.")
    service: str | None
    owner: str | None
    opened_at: datetime
    started_at: datetime
    acknowledged_at: datetime | None
    resolved_at: datetime | None
    resolution: str
    grouping_reason: str
    metrics_snapshot: dict[str, Any]
    merged_into: str | None


class IncidentOut(IncidentFields):
    """An incident's row as these fields."""

    @staticmethod
    def resolve_service(incident: Incident) -> str | None:
        return incident.service.name if incident.service else None

    @staticmethod
    def resolve_owner(incident: Incident) -> str | None:
        return incident.owner.get_username() if incident.owner else None

    @staticmethod
    def resolve_merged_into(incident: Incident) -> str | None:
        return incident.merged_into.key if incident.merged_into else None


class IncidentList(Schema):
    items: list[IncidentOut]
    next: str | None = Field(description="Send it as `cursor` for the page after this one.")


class EventOut(Schema):
    id: int
    at: datetime
    recorded_at: datetime
    kind: str
    actor: str
    text: str
    payload: dict[str, Any]
