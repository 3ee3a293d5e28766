"""Integrations over the API: who delivers, set up and changed. A secret is told once."""

from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

from django.http import HttpRequest, HttpResponse
from ninja import Field, Router, Schema, Status
from pydantic import AfterValidator, FiniteFloat

from incidents.api import deliveries
from incidents.api.auth import caller, workspace_of
from incidents.api.schemas import Text
from incidents.commands import integration as commands
from incidents.commands import trial
from incidents.ingest.guides import GUIDES
from incidents.models import Integration, IntegrationSecret
from incidents.queries import integrations as queries

router = Router(tags=["integrations"])

MAX_TOPICS = 100
_SHOWN = (
    "id", "name", "kind", "is_active", "topics", "rate_per_min", "max_body_kib", "heartbeat_min",
    "created_at", "last_seen_at", "silent_since",
)  # fmt: skip


def _known(kind: str) -> str:
    if kind not in GUIDES:
        msg = f"expected one of {', '.join(GUIDES)}"
        raise ValueError(msg)
    return kind


Kind = Annotated[str, AfterValidator(_known), Field(json_schema_extra={"enum": list[Any](GUIDES)})]


class IntegrationOut(Schema):
    id: UUID
    name: str
    kind: str
    is_active: bool
    standing: str = Field(description="ok, waiting (nothing came yet), refused, silent, paused.")
    path: str = Field(description="Where it delivers, below the address of this installation.")
    came: int = Field(description="Deliveries of the last 24 hours.")
    not_read: int = Field(description="Those of them that ask for somebody.")
    topics: list[str]
    rate_per_min: int
    max_body_kib: int
    heartbeat_min: int | None
    created_at: datetime
    last_seen_at: datetime | None
    silent_since: datetime | None


class SecretOut(Schema):
    """That there is one, and until when: nothing of the secret itself."""

    use: IntegrationSecret.Use
    created_at: datetime
    ends_at: datetime | None
    is_over: bool
    last_used_at: datetime | None

    @staticmethod
    def resolve_use(row: queries.SecretRow) -> str:
        return row.secret.use

    @staticmethod
    def resolve_created_at(row: queries.SecretRow) -> datetime:
        return row.secret.created_at

    @staticmethod
    def resolve_last_used_at(row: queries.SecretRow) -> datetime | None:
        return row.secret.last_used_at


class SnippetOut(Schema):
    title: str
    text: str


class SetUpOut(Schema):
    """How its sender is set up. In place of a secret that is not told, the snippets name it."""

    address: str
    steps: list[str]
    snippets: list[SnippetOut]


class IntegrationDetail(IntegrationOut):
    secrets: list[SecretOut]
    set_up: SetUpOut


class MadeOut(Schema):
    """An integration with the secret that was just made. No other answer tells it."""

    integration: IntegrationOut
    secret: str = Field(description="Empty where the sender makes it, or there is none.")
    secret_is: str = Field(description="Such as `Token`, `Signing key` or `Routing key`.")
    set_up: SetUpOut


class IntegrationIn(Schema):
    kind: Kind
    name: Text = Field(min_length=1, max_length=100)
    topics: list[Text] = Field(
        default_factory=list,
        max_length=MAX_TOPICS,
        description="For `cloudwatch_sns`: the ARNs of the topics that may deliver.",
    )
    heartbeat_min: int | None = Field(
        None, ge=1, le=7 * 24 * 60, description="Silence for so many minutes is an alert."
    )
    rate_per_min: int = Field(3000, ge=1, le=1_000_000)
    max_body_kib: int = Field(commands.MAX_BODY_KIB, ge=1, le=commands.MAX_BODY_KIB)


class SwitchIn(Schema):
    is_on: bool


class OverlapIn(Schema):
    overlap_h: FiniteFloat = Field(
        24, ge=0, le=commands.MAX_OVERLAP_H, description="So long the old one holds, in hours."
    )


class KeyIn(OverlapIn):
    key: Text = Field(
        "", max_length=500, description="As the sender shows it; empty: AIRRA makes one."
    )


@router.get("", response=list[IntegrationOut], summary="Integrations, by name")
def index(request: HttpRequest) -> list[dict[str, Any]]:
    return [_told(row) for row in queries.rows(caller(request), workspace=workspace_of(request))]


@router.get("/{integration_id}", response=IntegrationDetail, summary="One, without its secrets")
def one(request: HttpRequest, integration_id: UUID) -> dict[str, Any]:
    found = _found(request, integration_id)
    return {
        **_told(queries.row(found)),
        "secrets": queries.secrets(found),
        "set_up": queries.instructions(found),
    }


@router.post("", response={201: MadeOut}, summary="Let somebody deliver; the secret is told once")
def create(
    request: HttpRequest, response: HttpResponse, given: IntegrationIn
) -> Status[dict[str, Any]]:
    """The answer holds the secret and is not to be cached; if it is lost, make another one."""
    made, secret = commands.set_up(
        workspace=workspace_of(request), by=caller(request), **given.dict()
    )
    return Status(201, _told_once(response, made, secret))


@router.post("/{integration_id}/switch", response=IntegrationOut, summary="Pause it, or not")
def switch(request: HttpRequest, integration_id: UUID, given: SwitchIn) -> dict[str, Any]:
    """Paused, its deliveries are answered 404 and kept nowhere."""
    found = _found(request, integration_id)
    commands.change(integration=found, by=caller(request), is_active=given.is_on)
    return _told(queries.row(found))


@router.post("/{integration_id}/token", response=MadeOut, summary="A new token, told once")
def new_token(
    request: HttpRequest, response: HttpResponse, integration_id: UUID, given: OverlapIn
) -> dict[str, Any]:
    """Those before it hold for `overlap_h` more, so that its sender is changed without a gap."""
    found = _found(request, integration_id)
    text = commands.rotate_token(integration=found, by=caller(request), overlap_h=given.overlap_h)
    return _told_once(response, found, text)


@router.post("/{integration_id}/signing-key", response=MadeOut, summary="A new key that signs")
def new_key(
    request: HttpRequest, response: HttpResponse, integration_id: UUID, given: KeyIn
) -> dict[str, Any]:
    """Told once when AIRRA made it. From then on what is not signed is not trusted."""
    found = _found(request, integration_id)
    text = commands.set_signing_key(
        integration=found, by=caller(request), key=given.key, overlap_h=given.overlap_h
    )
    return _told_once(response, found, "" if given.key else text, is_key=True)


@router.post(
    "/{integration_id}/test", response={202: deliveries.DeliveryDetail}, summary="Send a test alert"
)
def test(request: HttpRequest, integration_id: UUID) -> Status[dict[str, Any]]:
    """Its delivery, to be polled. The incident it opens is a real one: `end-test` ends it."""
    found = _found(request, integration_id)
    receipt = trial.fire(integration=found, by=caller(request))
    return Status(202, deliveries.one(request, receipt.delivery.pk))


def _found(request: HttpRequest, integration_id: UUID) -> Integration:
    return queries.visible_integration(
        caller(request), integration_id, workspace=workspace_of(request)
    )


def _told(row: queries.IntegrationRow) -> dict[str, Any]:
    return {
        **{name: getattr(row.integration, name) for name in _SHOWN},
        **{name: getattr(row, name) for name in ("standing", "path", "came", "not_read")},
    }


def _told_once(
    response: HttpResponse, made: Integration, secret: str, *, is_key: bool = False
) -> dict[str, Any]:
    response["Cache-Control"] = "no-store"
    how = queries.instructions(made, secret=secret, is_key=is_key)
    return {
        "integration": _told(queries.row(made)),
        "secret": secret,
        "secret_is": how.secret_label if how else "",
        "set_up": how,
    }
