"""Integrations: the list with what came in lately, and one with its secrets and what it told."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from django.conf import settings
from django.db.models import Count, Q, QuerySet
from django.shortcuts import get_object_or_404

from airra.lib import clock
from incidents.ingest.formats.registry import FORMATS
from incidents.ingest.guides import GUIDES, Guide
from incidents.ingest.snippets import HIDDEN, Door, Snippet
from incidents.models import ChangeEvent, Delivery, Integration, IntegrationSecret, Workspace
from incidents.queries.access import AnyUser, workspaces_of
from incidents.queries.deliveries import NOT_READ

LATELY = timedelta(hours=24)


@dataclass(frozen=True)
class IntegrationRow:
    """`came` and `not_read` are of the last 24 hours."""

    integration: Integration
    came: int
    not_read: int

    @property
    def standing(self) -> str:
        """The one word of how it is doing, worst first."""
        if not self.integration.is_active:
            return "paused"
        if self.integration.silent_since is not None:
            return "silent"
        if self.not_read:
            return "refused"
        return "ok" if self.integration.last_seen_at is not None else "waiting"

    @property
    def path(self) -> str:
        guide = GUIDES.get(self.integration.kind)
        return (guide and guide.path) or f"/hooks/{self.integration.pk}/"


@dataclass(frozen=True)
class SecretRow:
    secret: IntegrationSecret
    is_over: bool

    @property
    def ends_at(self) -> datetime | None:
        return self.secret.expires_at


@dataclass(frozen=True)
class Instructions:
    """How its sender is set up. Without `secret` the snippets hold a stand-in."""

    guide: Guide
    address: str
    steps: list[str]
    snippets: list[Snippet]
    secret: str = ""
    vendor: str = ""  # the vendor's own page about it
    is_signed: bool = False

    @property
    def secret_label(self) -> str:
        return "Signing key" if self.is_signed else str(self.guide.proof).capitalize()


def _visible(user: AnyUser, workspace: Workspace | None = None) -> QuerySet[Integration]:
    """Those that deliver alerts and changes; what pushes spans and logs is under the sources."""
    found = Integration.objects.filter(workspace__in=workspaces_of(user, only=workspace))
    return found.exclude(kind=Integration.Kind.OTLP).select_related("workspace")


def visible_integration(
    user: AnyUser, integration_id: UUID, *, workspace: Workspace | None = None
) -> Integration:
    """An integration of a workspace of this user, or of just this one; 404 otherwise."""
    return get_object_or_404(_visible(user, workspace), pk=integration_id)


def rows(user: AnyUser, *, workspace: Workspace | None = None) -> list[IntegrationRow]:
    """By name; three queries, whatever their number."""
    found = list(_visible(user, workspace).order_by("name"))
    counts = _lately(found)
    return [IntegrationRow(each, *counts.get(each.pk, (0, 0))) for each in found]


def row(integration: Integration) -> IntegrationRow:
    return IntegrationRow(integration, *_lately([integration]).get(integration.pk, (0, 0)))


def _lately(found: list[Integration]) -> dict[UUID, tuple[int, int]]:
    """What came, and what of it asks to be read; what was set aside is the index of few rows."""
    since = clock.now() - LATELY
    here = Delivery.objects.filter(integration__in=found, received_at__gte=since).order_by()
    counted = here.values_list("integration").annotate(
        came=Count("state"), not_read=Count("state", filter=Q(state__in=NOT_READ))
    )
    aside = here.filter(set_aside_at__isnull=False).values_list("integration")
    quiet = dict(aside.annotate(count=Count("pk")))
    return {pk: (came, not_read - quiet.get(pk, 0)) for pk, came, not_read in counted}


def secrets(integration: Integration) -> list[SecretRow]:
    """Newest first, with those that are over."""
    now = clock.now()
    return [
        SecretRow(each, is_over=each.expires_at is not None and each.expires_at <= now)
        for each in integration.secrets.order_by("-created_at", "-pk")[:20]
    ]


def visible_secret(user: AnyUser, secret_id: int) -> IntegrationSecret:
    found = IntegrationSecret.objects.select_related("integration__workspace")
    return get_object_or_404(found.filter(integration__in=_visible(user)), pk=secret_id)


def changes(integration: Integration, *, limit: int = 10) -> list[ChangeEvent]:
    return list(integration.changes.select_related("service").order_by("-at", "-id")[:limit])


def instructions(
    integration: Integration, *, secret: str = "", is_key: bool = False
) -> Instructions | None:
    """`is_key`: the secret signs and is never sent along, so no snippet may send it."""
    guide = GUIDES.get(integration.kind)
    if guide is None:
        return None
    is_signed = bool(guide.signed) and (is_key or (not secret and _must_sign(integration)))
    found = FORMATS.get(integration.kind)
    about = found.docs if found else ""
    door = Door(
        base_url=settings.BASE_URL,
        integration_id=str(integration.pk),
        secret=secret or HIDDEN,
        topics=tuple(str(topic) for topic in integration.topics),
        template=found.template if found else "",
    )
    return Instructions(
        guide,
        guide.address(door),
        guide.told(door, is_signed=is_signed),
        guide.paste_signed(door) if is_signed else guide.paste(door),
        secret=secret,
        vendor=about if about.startswith("https://") else "",
        is_signed=is_signed,
    )


def frees_the_token(secret: IntegrationSecret) -> bool:
    """Whether a delivery need not be signed any more once this key is revoked."""
    guide = GUIDES.get(secret.integration.kind)
    if guide is None or not guide.signed or secret.use != IntegrationSecret.Use.SIGNING:
        return False
    return not _keys(secret.integration).exclude(pk=secret.pk).exists()


def _must_sign(integration: Integration) -> bool:
    return _keys(integration).exists()


def _keys(integration: Integration) -> QuerySet[IntegrationSecret]:
    keys = integration.secrets.filter(use=IntegrationSecret.Use.SIGNING)
    return keys.filter(Q(expires_at=None) | Q(expires_at__gt=clock.now()))
