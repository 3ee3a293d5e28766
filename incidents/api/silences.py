"""Silences and maintenance windows over the API: begun, told with what they swallowed, ended."""

from datetime import UTC, datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from django.http import HttpRequest
from ninja import Field, Query, Router, Schema, Status
from pydantic import AfterValidator, AwareDatetime

from airra.lib import clock
from incidents.api.alerts import AlertOut
from incidents.api.auth import caller, workspace_of
from incidents.api.matching import MatcherIO, Matchers, as_read, as_told
from incidents.api.schemas import Text
from incidents.commands import silence as commands
from incidents.models import Service, Silence
from incidents.permissions import Permission
from incidents.queries import services
from incidents.queries import silences as queries
from incidents.queries.access import require

router = Router(tags=["silences"])

Standing = Literal["active", "coming", "over"]
_SHOWN = ("id", "kind", "reason", "starts_at", "ends_at", "replays", "replayed_at", "created_at")


def _in_utc(moment: datetime) -> datetime:
    """Refuse a time that UTC does not have: no database takes it."""
    try:
        return moment.astimezone(UTC)
    except OverflowError as error:
        msg = "expected a time between the years 1 and 9999"
        raise ValueError(msg) from error


Moment = Annotated[AwareDatetime, AfterValidator(_in_utc)]


class SilenceOut(Schema):
    id: UUID
    kind: Silence.Kind
    reason: str
    standing: Standing
    service: str | None = Field(description="Null: of any service.")
    matchers: list[MatcherIO]
    starts_at: datetime
    ends_at: datetime
    replays: bool = Field(description="What still fires when it is over is taken in.")
    replayed_at: datetime | None
    created_by: str | None
    created_at: datetime
    swallowed: int = Field(description="So many alerts it has kept quiet.")


class SilenceList(Schema):
    items: list[SilenceOut]
    next: UUID | None = Field(description="Send it as `cursor` for the page after this one.")


class SilenceDetail(SilenceOut):
    alerts: list[AlertOut] = Field(description="The newest hundred it has kept quiet.")


class SilencesAsked(Schema):
    """What the list is narrowed to."""

    standing: Standing | None = None
    cursor: UUID | None = None
    limit: int = Field(50, ge=1, le=200)


class SilenceIn(Schema):
    reason: Text = Field(min_length=1, max_length=300)
    kind: Silence.Kind = Silence.Kind.SILENCE
    service: Text = Field("", max_length=120, description="Its name; empty: of any service.")
    matchers: Matchers = Field(default_factory=list)
    starts_at: Moment | None = Field(None, description="With an offset. Left out: from now.")
    ends_at: Moment = Field(description="With an offset; at most 30 days after it begins.")
    replays: bool = True


@router.get("", response=SilenceList, summary="Silences, the newest first")
def index(request: HttpRequest, given: Query[SilencesAsked]) -> dict[str, Any]:
    rows, following = queries.page(
        caller(request),
        workspace=workspace_of(request),
        standing=given.standing or "",
        after=given.cursor,
        limit=given.limit,
    )
    return {"items": [_told(row) for row in rows], "next": following}


@router.get("/{silence_id}", response=SilenceDetail, summary="One, with what it swallowed")
def one(request: HttpRequest, silence_id: UUID) -> dict[str, Any]:
    return _detail(_found(request, silence_id))


@router.post("", response={201: SilenceDetail}, summary="Keep alerts quiet for a while")
def create(request: HttpRequest, given: SilenceIn) -> Status[dict[str, Any]]:
    """What matches is stored and wakes nobody. Name a service, or at least one label."""
    require(caller(request), Permission.RESPOND, workspace_of(request))
    wanted = commands.Wanted(
        reason=given.reason,
        kind=given.kind,
        service=_service(request, given.service),
        matchers=as_read(given.matchers),
        starts_at=given.starts_at or clock.now(),
        ends_at=given.ends_at,
        replays=given.replays,
    )
    made = commands.begin(workspace=workspace_of(request), wanted=wanted, by=caller(request))
    return Status(201, _detail(made))


@router.post("/{silence_id}/end", response=SilenceDetail, summary="End it now")
def end(request: HttpRequest, silence_id: UUID) -> dict[str, Any]:
    """What still fires is taken in within moments, if it `replays`. 409 when it is over."""
    return _detail(commands.end(silence=_found(request, silence_id), by=caller(request)))


def _service(request: HttpRequest, name: str) -> Service | None:
    if not name:
        return None
    found = services.named(workspace_of(request), name)
    if found is None:
        msg = f"there is no service {name} here: name one that AIRRA knows, or none"
        raise commands.NotASilence("service", msg)
    return found


def _found(request: HttpRequest, silence_id: UUID) -> Silence:
    return queries.visible_silence(caller(request), silence_id, workspace=workspace_of(request))


def _detail(found: Silence) -> dict[str, Any]:
    return {**_told(queries.row_of(found)), "alerts": queries.swallowed_by(found)}


def _told(row: queries.SilenceRow) -> dict[str, Any]:
    known = row.silence
    return {
        **{name: getattr(known, name) for name in _SHOWN},
        "standing": row.standing,
        "service": known.service and known.service.name,
        "matchers": as_told(known.matchers),
        "created_by": known.created_by and known.created_by.get_username(),
        "swallowed": row.swallowed,
    }
